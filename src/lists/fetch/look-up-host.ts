/**
 * The addresses of a list's host, asked of the configured upstream resolvers. Never of ourselves: a
 * list that blocks the host of its own next version would stay for ever, and neither `/etc/hosts` nor
 * the system's resolver has a say in where lists come from.
 */

import { Resolver } from 'node:dns/promises';
import { type Endpoint, formatEndpoint } from '../../lib/endpoint.ts';
import { AppError, messageOf } from '../../lib/errors.ts';

const ATTEMPT_MS = 2_000;
const ATTEMPTS = 2;
const DEADLINE_MS = 10_000;
/** A host with more is not reached more surely. */
const ADDRESSES_MAX = 8;

/**
 * IPv4 first: a machine without IPv6 is told so only after a while.
 * @throws AppError `LIST_FETCH_FAILED`
 */
export async function lookUpHost(
  host: string,
  upstreams: readonly Endpoint[],
  signal?: AbortSignal,
): Promise<readonly string[]> {
  if (upstreams.length === 0) {
    throw failed(
      host,
      'no upstream resolver is configured besides this server; name one with the key upstreams',
    );
  }
  const resolver = new Resolver({ timeout: ATTEMPT_MS, tries: ATTEMPTS });
  resolver.setServers(upstreams.map(formatEndpoint));
  const cancel = (): void => {
    resolver.cancel();
  };
  const timer = setTimeout(cancel, DEADLINE_MS);
  signal?.addEventListener('abort', cancel);
  try {
    const [four, six] = await Promise.allSettled([
      resolver.resolve4(host),
      resolver.resolve6(host),
    ]);
    const addresses = [four, six].flatMap((one) => (one.status === 'fulfilled' ? one.value : []));
    if (addresses.length > 0) return addresses.slice(0, ADDRESSES_MAX);
    throw failed(host, wordsOf(four, upstreams));
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', cancel);
  }
}

function wordsOf(result: PromiseSettledResult<unknown>, upstreams: readonly Endpoint[]): string {
  const reason: unknown = result.status === 'rejected' ? result.reason : null;
  const code = reason instanceof Error && 'code' in reason ? reason.code : null;
  const asked = upstreams.map(formatEndpoint).join(', ');
  if (code === 'ENOTFOUND') return `${asked} knows no such name`;
  if (code === 'ENODATA' || reason === null) return `${asked} knows no address of it`;
  if (code === 'ETIMEOUT' || code === 'ECANCELLED') return `${asked} did not answer`;
  return `${asked}: ${messageOf(reason)}`;
}

function failed(host: string, why: string): AppError {
  return new AppError('LIST_FETCH_FAILED', `Looking up ${host}: ${why}`);
}
