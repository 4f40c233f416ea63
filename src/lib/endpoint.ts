/** An IP address with a port, as configuration and flags write it: `192.0.2.1:53`, `[2001:db8::1]:53`. */

import { formatIpAddress, parseIpAddress } from './ip-address.ts';

export interface Endpoint {
  /** The address in its RFC 5952 form, without brackets or zone index. */
  readonly address: string;
  readonly port: number;
}

/**
 * Parses `ADDR:PORT` and `[ADDR6]:PORT`; with a default port also the bare address of either family.
 * @param defaultPort null where the port must be written
 * @returns null where the text is none of these; port 0 is taken, callers refuse it where it makes no sense
 */
export function parseEndpoint(text: string, defaultPort: number | null): Endpoint | null {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(text);
  const bare = match === null ? text : (match[1] ?? match[2] ?? '');
  const words = parseIpAddress(bare);
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (words === null || port === null || port > 65_535) return null;
  return { address: formatIpAddress(words), port };
}

export function formatEndpoint(endpoint: Endpoint): string {
  const { address, port } = endpoint;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
