/**
 * Subscribers at an operator: many loaded in bulk, and addresses that change hands thousands of times
 * a second while queries are answered. Each plan answers a denied name with an address of its own, so
 * an answer tells whose policy it was.
 */

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aQuery, decodeResponse } from '../support/dns-query.ts';
import { makeFolder } from '../support/server.ts';
import { ServerProcess, pause } from './support/server-process.ts';

const SUBSCRIBERS = 50_000;
/** As much as one request may carry. */
const SUBSCRIBERS_A_REQUEST = 10_000;
const PLANS = 8;
const DENIED = 'denied.example.net';
const ROUNDS = 40;
const CHANGES_A_ROUND = 500;
/** Addresses of this machine that change hands in every round. */
const ADDRESSES = Array.from({ length: 16 }, (_, index) => `127.3.0.${index + 1}`);
/** Nobody else's: the plan `family` of the first start. */
const OTHERS = 'family';
const ANSWER_WAIT_MS = 10_000;

interface Session {
  readonly address: string;
  readonly subscriber: string;
  readonly ttlSeconds: number;
}

let dataDir: string;
let server: ServerProcess;
const askers = new Map<string, Asker>();
/** By address: the plan of the last acknowledged session. */
const planOf = new Map<string, number>();

beforeAll(async () => {
  dataDir = await makeFolder();
  server = await ServerProcess.start({ dataDir, workers: 2 });
  const plans = Array.from({ length: PLANS }, (_, plan) => ({
    id: `plan-${plan}`,
    deny: [DENIED],
    blockingMode: 'address',
    blockAddress4: `192.0.2.${plan}`,
  }));
  const family = { id: OTHERS, deny: [DENIED], blockingMode: 'nxdomain' };
  expect(await server.apply({ plans: [...plans, family] })).toMatchObject({ status: 200 });
}, 60_000);

afterAll(async () => {
  for (const asker of askers.values()) asker.close();
  await server.end();
  await rm(dataDir, { recursive: true, force: true });
});

describe('subscribers of an operator', () => {
  it('are loaded in bulk, and in force when the last request says so', async () => {
    for (let at = 0; at < SUBSCRIBERS; at += SUBSCRIBERS_A_REQUEST) {
      const subscribers = Array.from({ length: SUBSCRIBERS_A_REQUEST }, (_, index) =>
        subscriberOf(at + index),
      );
      const isLast = at + SUBSCRIBERS_A_REQUEST >= SUBSCRIBERS;
      const path = isLast ? '/subscribers?wait=true' : '/subscribers';
      expect((await server.api('PUT', path, { subscribers })).status).toBe(200);
    }
    const { body } = await server.api('GET', '/status');
    expect(body).toMatchObject({ counts: { subscribers: SUBSCRIBERS + 1 } });
    expect(body['revisionInForce']).toBe(body['revision']);
    const client = '2001:db8:0:1200::7';
    const { body: explained } = await server.api('GET', `/explain?name=${DENIED}&client=${client}`);
    expect(explained).toMatchObject({ plan: planNameOf(0x12) });
  }, 60_000);

  it('have the addresses that their sessions say as soon as the change is acknowledged, while policies are published too', async () => {
    const written: Promise<unknown>[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const sessions = ADDRESSES.map((address, index) => {
        const subscriber = (round * 31 + index * 7) % SUBSCRIBERS;
        planOf.set(address, subscriber % PLANS);
        return sessionOf(address, subscriber);
      });
      const others = Array.from({ length: CHANGES_A_ROUND }, (_, index) =>
        sessionOf(
          `198.18.${round}.${index & 255}`,
          (round * CHANGES_A_ROUND + index) % SUBSCRIBERS,
        ),
      );
      const ended = Array.from({ length: 100 }, (_, index) => `198.18.${round - 1}.${index}`);
      await put([...sessions, ...others], round === 0 ? [] : ended);
      if (round % 4 === 0) {
        // A new address of a subscriber: the whole table is filled anew beside the sessions.
        const subscribers = [
          { id: `late-${round}`, plan: 'plan-0', addresses: [`10.9.0.${round}`] },
        ];
        written.push(server.api('PUT', '/subscribers?wait=true', { subscribers }));
      }
      // From all addresses at a time: whoever has another's policy shows.
      const plans = await Promise.all(ADDRESSES.map((address) => planSeenFrom(address)));
      expect(plans, `round ${round}`).toEqual(ADDRESSES.map((address) => planOf.get(address)));
    }
    for (const answer of await Promise.all(written)) expect(answer).toMatchObject({ status: 200 });
    const plans = await Promise.all(ADDRESSES.map((address) => planSeenFrom(address)));
    expect(plans, 'when all is published').toEqual(ADDRESSES.map((address) => planOf.get(address)));
  }, 60_000);

  it('lose an address when its session is taken away, and when its time is over', async () => {
    const [taken = '', over = ''] = ADDRESSES.slice(-2);
    const begun = Date.now();
    await put([sessionOf(over, 5, 2)], [taken]);
    expect(await planSeenFrom(taken)).toBe(OTHERS);
    expect(await planSeenFrom(over)).toBe(5);
    while ((await planSeenFrom(over)) === 5) {
      expect(Date.now() - begun).toBeLessThan(20_000);
      await pause(50);
    }
    expect(Date.now() - begun, 'not before its time').toBeGreaterThanOrEqual(2000);
    expect(await planSeenFrom(over)).toBe(OTHERS);
    planOf.delete(taken);
    planOf.delete(over);
  }, 40_000);

  it('have the addresses of their sessions after a crash too', async () => {
    const { port } = server;
    await server.end('SIGKILL');
    server = await ServerProcess.start({ dataDir, workers: 2, port });
    for (const address of ADDRESSES) {
      expect(await planSeenFrom(address), address).toBe(planOf.get(address) ?? OTHERS);
    }
  }, 60_000);
});

function subscriberOf(index: number): unknown {
  const hex = (value: number): string => value.toString(16);
  const addresses = [
    `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}/32`,
    `2001:db8:${hex(index >> 8)}:${hex((index & 255) << 8)}::/56`,
  ];
  return { id: `home-${index}`, plan: planNameOf(index), addresses };
}

function planNameOf(index: number): string {
  return `plan-${index % PLANS}`;
}

function sessionOf(address: string, subscriber: number, ttlSeconds = 3600): Session {
  return { address, subscriber: `home-${subscriber}`, ttlSeconds };
}

async function put(upsert: readonly Session[], ended: readonly string[]): Promise<void> {
  const { status, body } = await server.api('PUT', '/sessions', { upsert, delete: ended });
  expect({ status, body }).toMatchObject({ status: 200, body: { upserted: upsert.length } });
}

/** The number of the plan that answers to this address, or the plan of all others. */
async function planSeenFrom(address: string): Promise<number | typeof OTHERS> {
  let asker = askers.get(address);
  if (asker === undefined) {
    asker = await Asker.bind(address);
    askers.set(address, asker);
  }
  const response = decodeResponse(await asker.ask(server.port));
  if (response.rcode === 'NXDOMAIN') return OTHERS;
  const [answer] = response.answers;
  return Number(String((answer as { readonly data?: unknown } | undefined)?.data).split('.')[3]);
}

/** A client with one socket: a query at a time. */
class Asker {
  readonly #socket: Socket;
  #id = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async bind(address: string): Promise<Asker> {
    const socket = createSocket('udp4');
    socket.bind(0, address);
    await once(socket, 'listening');
    return new Asker(socket);
  }

  async ask(port: number): Promise<Buffer> {
    const id = ++this.#id & 0xffff;
    const answered = once(this.#socket, 'message', { signal: AbortSignal.timeout(ANSWER_WAIT_MS) });
    this.#socket.send(aQuery().id(id).name(DENIED).build(), port, '127.0.0.1');
    const [response] = (await answered) as [Buffer];
    expect(response.readUInt16BE(0)).toBe(id);
    return response;
  }

  close(): void {
    this.#socket.close();
  }
}
