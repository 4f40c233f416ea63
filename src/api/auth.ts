/**
 * Who may do what. One hook stands before every route, known or not; a route without a role in its
 * configuration is closed, so forgetting one cannot open anything.
 *
 *     421  the Host header names neither an address nor a name of ours (DNS rebinding)
 *     401  no token, or a wrong one
 *     429  a wrong one, after ten in a minute from this address; the right one is always let in
 *     403  the token's role is too small
 */

import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../lib/errors.ts';
import { isIpv4Words, parseIpAddress } from '../lib/ip-address.ts';
import type { Role } from '../store/schema.ts';
import type { Store } from '../store/store.ts';
import { FailureThrottle } from './failure-throttle.ts';

/** `public`: nobody is asked; `loopback`: nobody is asked who comes from this machine, unproxied. */
export type RouteAccess = Role | 'public' | 'loopback';

declare module 'fastify' {
  interface FastifyContextConfig {
    access?: RouteAccess;
  }
  interface FastifyRequest {
    /** Id of the token; empty where nobody is asked for one. */
    actor: string;
    /** Role of the token; null where nobody is asked for one. */
    role: Role | null;
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
const PROXY_HEADERS = ['forwarded', 'via', 'x-forwarded-for', 'x-real-ip'];

export function addAuthentication(app: FastifyInstance, store: Store, options: AuthOptions): void {
  const throttle = new FailureThrottle(options.monotonicMs);
  const hosts = new Set(['localhost', ...options.allowedHosts.map((host) => host.toLowerCase())]);
  app.decorateRequest('actor', '');
  app.decorateRequest('role', null);
  app.addHook('onRequest', async (request, reply) => {
    const access = accessOf(request);
    if (access === 'public') return;
    checkHost(request, hosts);
    if (access === 'loopback' && isFromThisMachine(request)) return;
    const token = authenticate(request, reply, store, throttle);
    const needed = access === 'loopback' || access === undefined ? 'reader' : access;
    request.actor = token.id;
    request.role = token.role;
    requireRole(request, needed);
    // A route of ours without an access says nothing of who may use it; unknown ones go on to 404.
    if (access === undefined && !request.is404) {
      throw new AppError('FORBIDDEN', 'This route is not open to anybody');
    }
  });
}

/** @throws AppError `FORBIDDEN` where the token of the request may less */
export function requireRole({ actor, role }: FastifyRequest, needed: Role): void {
  if (role !== null && RANK[role] >= RANK[needed]) return;
  throw new AppError(
    'FORBIDDEN',
    `The token "${actor}" has the role ${role ?? 'none'}; this needs ${needed}`,
  );
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
  void reply.header('www-authenticate', 'Bearer');
  const secret = /^bearer +(\S+)$/i.exec(request.headers.authorization ?? '')?.[1];
  if (secret === undefined) {
    throw new AppError('UNAUTHENTICATED', 'A token is missing: Authorization: Bearer …');
  }
  const token = store.tokens.authenticate(secret);
  if (token === null) throw refuseToken(request, reply, throttle);
  void reply.removeHeader('www-authenticate');
  return token;
}

function refuseToken(
  request: FastifyRequest,
  reply: FastifyReply,
  throttle: FailureThrottle,
): AppError {
  const client = clientKey(request.ip);
  const waitSeconds = throttle.secondsToWait(client);
  if (waitSeconds === 0) {
    throttle.countFailure(client);
    return new AppError('UNAUTHENTICATED', 'The token is not valid');
  }
  void reply.header('retry-after', String(waitSeconds));
  return new AppError('TOO_MANY_FAILURES', `Too many wrong tokens; wait ${waitSeconds} s`);
}

/** What a proxy on this machine hands on comes from somewhere else. */
function isFromThisMachine({ ip, headers }: FastifyRequest): boolean {
  return isLoopback(ip) && PROXY_HEADERS.every((header) => headers[header] === undefined);
}

export function isLoopback(address: string): boolean {
  const words = parseIpAddress(address);
  if (words === null) return false;
  if (isIpv4Words(words)) return words[3] >>> 24 === 127;
  return words[0] === 0 && words[1] === 0 && words[2] === 0 && words[3] === 1;
}

/** One IPv4 address; one IPv6 /64, since a client can take any address in it. */
export function clientKey(address: string): string {
  const words = parseIpAddress(address);
  if (words === null || isIpv4Words(words)) return address;
  return `${words[0]}:${words[1]}`;
}
