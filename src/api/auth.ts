/**
 * Who may do what. One hook stands before every route, known or not; a route without a role in its
 * configuration is closed, so forgetting one cannot open anything.
 *
 *     421  the Host header names neither an address nor a name of ours (DNS rebinding)
 *     429  ten wrong tokens in a minute came from this address
 *     401  no token, or a wrong one
 *     403  the token's role is too small
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../lib/errors.ts';
import { isIpv4Words, parseIpAddress } from '../lib/ip-address.ts';
import type { Role } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { FailureThrottle } from './failure-throttle.ts';

/** `public`: nobody is asked; `loopback`: nobody is asked who comes from this machine. */
export type RouteAccess = Role | 'public' | 'loopback';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess;
  }
  interface FastifyRequest {
    /** Id of the token; empty on public routes. */
    actor: string;
  }
}

export interface AuthOptions {
  /** Host names, beside `localhost` and IP addresses, under which the API may be asked. */
  readonly allowedHosts: readonly string[];
  readonly monotonicMs: () => number;
}

/** Each role may do what those before it may. */
const RANK: Readonly<Record<Role, number>> = { reader: 1, editor: 2, operator: 3, admin: 4 };
const DOCS_PATH = '/api/docs';

export function addAuthentication(app: FastifyInstance, store: Store, options: AuthOptions): void {
  const throttle = new FailureThrottle(options.monotonicMs);
  const hosts = new Set(['localhost', ...options.allowedHosts.map((host) => host.toLowerCase())]);
  app.decorateRequest('actor', '');
  app.addHook('onRequest', async (request, reply) => {
    const access = accessOf(request);
    if (access === 'public') return;
    checkHost(request, hosts);
    if (access === 'loopback' && isLoopback(request.ip)) return;
    const token = authenticate(request, reply, store, throttle);
    const needed = access === 'loopback' || access === undefined ? 'reader' : access;
    if (RANK[token.role] < RANK[needed]) {
      throw new AppError(
        'FORBIDDEN',
        `The token "${token.id}" is a ${token.role}; this needs ${needed}`,
      );
    }
    // A route of ours without an access says nothing of who may use it; unknown ones go on to 404.
    if (access === undefined && !request.is404) {
      throw new AppError('FORBIDDEN', 'This route is not open to anybody');
    }
    request.actor = token.id;
  });
}

/** The pages of the API's description are a plugin's routes and cannot carry our configuration. */
function accessOf(request: FastifyRequest): RouteAccess | undefined {
  const { url, config } = request.routeOptions;
  if (url === DOCS_PATH || url?.startsWith(`${DOCS_PATH}/`) === true) return 'loopback';
  return config.access;
}

function checkHost(request: FastifyRequest, hosts: ReadonlySet<string>): void {
  const host = request.headers.host ?? '';
  const name = host.replace(/:\d+$/, '').toLowerCase();
  if (hosts.has(name)) return;
  // An address cannot be rebound to another machine; only names can.
  if (parseIpAddress(name.replace(/^\[(.*)\]$/, '$1')) !== null) return;
  throw new AppError(
    'HOST_REFUSED',
    `The Host "${host}" is none of this server; valid: ${[...hosts].join(', ')} or an IP address`,
  );
}

function authenticate(
  request: FastifyRequest,
  reply: FastifyReply,
  store: Store,
  throttle: FailureThrottle,
): { id: string; role: Role } {
  const client = clientKey(request.ip);
  const waitSeconds = throttle.secondsToWait(client);
  if (waitSeconds > 0) {
    void reply.header('retry-after', String(waitSeconds));
    throw new AppError('TOO_MANY_FAILURES', `Too many wrong tokens; wait ${waitSeconds} s`);
  }
  void reply.header('www-authenticate', 'Bearer');
  const secret = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (secret === undefined) {
    throw new AppError('UNAUTHENTICATED', 'A token is missing: Authorization: Bearer …');
  }
  const token = store.authenticate(secret);
  if (token === null) {
    throttle.countFailure(client);
    throw new AppError('UNAUTHENTICATED', 'The token is not valid');
  }
  void reply.removeHeader('www-authenticate');
  return token;
}

export function isLoopback(address: string): boolean {
  const words = parseIpAddress(address);
  if (words === null) return false;
  if (isIpv4Words(words)) return words[3] >>> 24 === 127;
  return words[0] === 0 && words[1] === 0 && words[2] === 0 && words[3] === 1;
}

/** One IPv4 address; one IPv6 /64, since a client can take any address in it. */
function clientKey(address: string): string {
  const words = parseIpAddress(address);
  if (words === null || isIpv4Words(words)) return address;
  return `${words[0]}:${words[1]}`;
}
