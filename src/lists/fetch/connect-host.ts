/**
 * A connection to the host of a list, made to an address that was checked, and checked once more when
 * it stands. HTTP gets the finished socket and looks no name up itself, so a host that gives a public
 * address to the check and a private one to the connection (DNS rebinding) is not believed twice.
 */

import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AppError, messageOf } from '../../lib/errors.ts';
import { parseIpAddress } from '../../lib/ip-address.ts';
import { bareHost, describeUrl, isLiteral } from './list-url.ts';

const CONNECT_MS = 10_000;
const HTTPS_PORT = 443;
const HTTP_PORT = 80;

export interface ConnectRules {
  /** Why nothing is fetched from an address, or null; `findAddressFault`, or where all are allowed nothing. */
  readonly findFault: (address: string) => string | null;
  /** @throws AppError `LIST_FETCH_FAILED` */
  readonly lookUp: (host: string, signal: AbortSignal) => Promise<readonly string[]>;
  /** Certificates to trust in place of those of Node, in PEM; tests have their own. */
  readonly trusted?: string;
}

/**
 * Tries the addresses of the host in turn.
 * @param signal ends the attempt; its reason is thrown
 * @returns a socket that nobody listens to yet; encrypted, and the host's certificate checked, for https
 * @throws AppError `LIST_URL_REFUSED`, `LIST_FETCH_FAILED`
 */
export async function connectHost(
  url: URL,
  rules: ConnectRules,
  signal: AbortSignal,
): Promise<Socket> {
  const addresses = await allowedAddresses(url, rules, signal);
  const faults: string[] = [];
  for (const address of addresses) {
    signal.throwIfAborted();
    try {
      return await connectAddress(url, address, rules, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof AppError) throw error;
      faults.push(`${address}: ${messageOf(error)}`);
    }
  }
  throw new AppError(
    'LIST_FETCH_FAILED',
    `Connecting to ${url.host}: ${faults.join('; ') || 'it has no address'}`,
  );
}

async function allowedAddresses(
  url: URL,
  { findFault, lookUp }: ConnectRules,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const host = bareHost(url);
  const addresses = isLiteral(url) ? [host] : await lookUp(host, signal);
  const faults = addresses.map((address) => faultOf(address, findFault));
  const allowed = addresses.filter((_address, index) => faults[index] === null);
  if (allowed.length === 0) throw refused(url, [...new Set(faults)].join('; '));
  return allowed;
}

async function connectAddress(
  url: URL,
  address: string,
  { findFault, trusted }: ConnectRules,
  signal: AbortSignal,
): Promise<Socket> {
  const isEncrypted = url.protocol === 'https:';
  const port = url.port === '' ? (isEncrypted ? HTTPS_PORT : HTTP_PORT) : Number(url.port);
  const socket = connectTcp({ host: address, port });
  await untilEvent(socket, 'connect', signal);
  const { remoteAddress } = socket;
  if (remoteAddress === undefined) {
    socket.destroy();
    throw new Error('the connection was closed');
  }
  const fault = faultOf(remoteAddress, findFault);
  if (fault !== null) {
    socket.destroy();
    throw refused(url, fault);
  }
  if (!isEncrypted) return socket;
  const host = bareHost(url);
  const encrypted = connectTls({
    socket,
    host,
    // No server name for an address (RFC 6066, section 3).
    ...(parseIpAddress(host) === null ? { servername: host } : {}),
    ALPNProtocols: ['http/1.1'],
    ...(trusted === undefined ? {} : { ca: trusted }),
  });
  await untilEvent(encrypted, 'secureConnect', signal);
  return encrypted;
}

/** Rejects, with the socket gone, where the event does not come in time. */
function untilEvent(socket: Socket, event: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = (error: unknown): void => {
      settle();
      socket.destroy();
      // What it still says interests nobody, and must not end the process.
      socket.on('error', () => undefined);
      reject(error instanceof Error ? error : new Error(String(error)));
    };
    const timer = setTimeout(() => {
      end(new Error(`no connection within ${CONNECT_MS / 1000} s`));
    }, CONNECT_MS);
    const onClose = (): void => {
      end(new Error('the connection was closed'));
    };
    const onAbort = (): void => {
      end(signal.reason);
    };
    const onEvent = (): void => {
      settle();
      resolve();
    };
    const settle = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
      socket.off(event, onEvent).off('error', end).off('close', onClose);
    };
    signal.addEventListener('abort', onAbort);
    socket.on(event, onEvent).on('error', end).on('close', onClose);
  });
}

/** Of what kind the address is, not which: names inside are not to be looked up by way of a list. */
function faultOf(address: string, findFault: ConnectRules['findFault']): string | null {
  return findFault(address)?.replace(address, 'its address') ?? null;
}

function refused(url: URL, why: string): AppError {
  return new AppError(
    'LIST_URL_REFUSED',
    `Fetching ${describeUrl(url)}: ${why}; a list is fetched from public addresses, others only with lists.allowPrivate`,
  );
}
