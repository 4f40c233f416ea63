/**
 * The obvious TypeScript resolver, as a yardstick: dns2 reads and writes the packets, the list is a
 * `Set` that is asked for the name and each of its parents, the cache a `Map`. It does a small part of
 * what Stairgate does (one policy, no verification, no bounds, no reason given), and that part right.
 *
 *     node dns2-baseline.js LIST UPSTREAM_PORT
 */

import { readFileSync } from 'node:fs';
import type DNS from 'dns2';
import { createUDPServer, Packet, UDPClient } from 'dns2';

type Records = readonly DNS.Packet.Resource[];

interface Cached {
  readonly answers: Records;
  readonly expiresMs: number;
}

const [, , listPath = '', upstreamPort = ''] = process.argv;
const listed = new Set(readFileSync(listPath, 'utf8').split('\n'));
const cache = new Map<string, Cached>();
const askUpstream = UDPClient({ dns: '127.0.0.1', port: Number(upstreamPort) });

const server = createUDPServer((request, send) => {
  respond(request).then(send, () => undefined);
});
void server.listen(0, '127.0.0.1').then(() => {
  process.send?.({ port: server.address().port });
});

async function respond(request: DNS.Packet): Promise<DNS.Packet> {
  const name = (request.questions[0]?.name ?? '').toLowerCase();
  if (isBlocked(name)) {
    return Packet.createErrorResponseFromRequest(request, Packet.RCODE.NXDOMAIN);
  }
  const response = Packet.createResponseFromRequest(request);
  response.answers.push(...(cachedAnswers(name) ?? (await fetchAnswers(name))));
  return response;
}

function isBlocked(name: string): boolean {
  for (let at = 0; at >= 0;) {
    if (listed.has(name.slice(at))) return true;
    const dot = name.indexOf('.', at);
    at = dot < 0 ? -1 : dot + 1;
  }
  return false;
}

function cachedAnswers(name: string): Records | null {
  const cached = cache.get(name);
  return cached === undefined || cached.expiresMs < Date.now() ? null : cached.answers;
}

async function fetchAnswers(name: string): Promise<Records> {
  const { answers } = await askUpstream(name);
  const ttl = Math.min(...answers.map((answer) => answer.ttl));
  cache.set(name, { answers, expiresMs: Date.now() + ttl * 1000 });
  return answers;
}
