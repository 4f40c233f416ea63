/** The upstreams of last resort: the nameservers of /etc/resolv.conf, but never ourselves. */

import { networkInterfaces } from 'node:os';
import { parseEndpoint } from '../lib/endpoint.ts';
import type { Endpoint } from '../lib/endpoint.ts';

const DNS_PORT = 53;
/** Where a query to the unspecified address goes. */
const LOOPBACK_OF: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * The nameservers that the file names, in its order, each once. Lines with a zone index
 * (`fe80::1%eth0`) are left out: such an address means nothing without its interface.
 */
export function readNameservers(resolvConf: string): Endpoint[] {
  const found = new Map<string, Endpoint>();
  for (const line of resolvConf.split('\n')) {
    const match = /^\s*nameserver\s+([^\s#;]+)/.exec(line);
    const endpoint = match?.[1] === undefined ? null : parseEndpoint(match[1], DNS_PORT);
    if (endpoint !== null) found.set(endpoint.address, endpoint);
  }
  return [...found.values()];
}

/**
 * True where a query to the endpoint would come back to one of the listeners; a wildcard listener
 * is reached at every address of this machine.
 */
export function isOwnListener(
  endpoint: Endpoint,
  listeners: readonly Endpoint[],
  localAddresses: ReadonlySet<string>,
): boolean {
  return listeners.some(
    ({ address, port }) =>
      port === endpoint.port &&
      (address === endpoint.address ||
        address === LOOPBACK_OF[endpoint.address] ||
        (isWildcardFor(address, endpoint.address) && isLocal(endpoint.address, localAddresses))),
  );
}

/** The addresses of this machine's interfaces. */
export function readLocalAddresses(): ReadonlySet<string> {
  return new Set(
    Object.values(networkInterfaces())
      .flatMap((addresses) => addresses ?? [])
      .map(({ address }) => address),
  );
}

function isWildcardFor(listener: string, address: string): boolean {
  return listener === '::'
    ? address.includes(':')
    : listener === '0.0.0.0' && !address.includes(':');
}

/** All of 127.0.0.0/8 is this machine (RFC 1122, section 3.2.1.3); so is the unspecified address. */
function isLocal(address: string, localAddresses: ReadonlySet<string>): boolean {
  return (
    localAddresses.has(address) ||
    address.startsWith('127.') ||
    address === '0.0.0.0' ||
    address === '::'
  );
}
