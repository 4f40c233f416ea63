/**
 * Thirty thousand queries, mutants and packets of noise over a real UDP socket: each that deserves
 * an answer gets one, each that does not gets none, and the process that answers stays the same.
 */

import { createSocket, type Socket } from 'node:dgram';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { aQuery, askTcp, askUdp, decodeResponse } from '../support/dns-query.ts';
import { TestServer } from '../support/server.ts';
import { Mutator } from './mutate.ts';
import { octetAnswer } from './octet-answer.ts';
import { judgeQuery } from './query-oracle.ts';
import { SeededRandom } from './random.ts';
import { faultOf, limitFor } from './strict-response.ts';
import { expectUnharmed } from './unharmed.ts';

const PACKETS = 30_000;
const SEED = 0x5eed_0003;
/** Packets on their way at a time: far below what the receive buffer of the server holds. */
const WINDOW = 100;
const WAIT_MS = 10_000;

let upstream: Socket;
let server: TestServer;

beforeAll(async () => {
  upstream = await startPlainUpstream();
  server = await TestServer.start({ upstream: `127.0.0.1:${upstream.address().port}` });
}, 60_000);

afterAll(async () => {
  await server[Symbol.asyncDispose]();
  upstream.close();
});

describe('a live server under thirty thousand packets', () => {
  it('answers what deserves it, strictly, and nothing else, and goes on', async () => {
    const pid = server.process.pid;
    const { faults, unanswered, answered } = await bombard(server.port);
    expect(faults.slice(0, 5)).toEqual([]);
    expect(unanswered).toEqual([]);
    expect(answered).toBeGreaterThan(PACKETS / 2);

    const query = aQuery().name('after.example.org').build();
    for (const ask of [askUdp, askTcp]) {
      expect(decodeResponse(await ask(server.port, query))).toMatchObject({ rcode: 'NOERROR' });
    }
    await expectUnharmed(server, pid);
  }, 120_000);
});

interface Bombardment {
  readonly faults: string[];
  /** Packets, as hexadecimal digits, that should have been answered and were not. */
  readonly unanswered: string[];
  readonly answered: number;
}

/** The ID of each packet is its number, so that an answer says what it answers. */
async function bombard(port: number): Promise<Bombardment> {
  const random = new SeededRandom(SEED);
  const mutator = new Mutator(random, CORPUS);
  const socket = createSocket('udp4');
  const sent: Uint8Array[] = [];
  const waiting = new Set<number>();
  const faults: string[] = [];
  let answered = 0;
  let wake = (): void => undefined;
  socket.on('message', (response) => {
    const id = response.readUInt16BE(0);
    const query = sent[id] ?? new Uint8Array(0);
    const judged = judgeQuery(query, query.length);
    const fault = waiting.delete(id)
      ? faultOf(response, query, judged, limitFor(judged, false))
      : `an answer to ${judged.verdict}, or a second one`;
    if (fault !== null) faults.push(`${fault}: ${Buffer.from(query).toString('hex')}`);
    answered++;
    if (waiting.size <= WINDOW / 2) wake();
  });

  for (let id = 0; id < PACKETS; id++) {
    if (random.oneIn(8)) mutator.noise(200);
    else if (random.oneIn(5)) mutator.plain();
    else mutator.mutated();
    const { bytes, length } = mutator;
    if (length >= 2) bytes.set([id >>> 8, id & 0xff]);
    const packet = bytes.slice(0, length);
    sent.push(packet);
    if (judgeQuery(packet, length).verdict !== 'silence') waiting.add(id);
    socket.send(packet, port, '127.0.0.1');
    if (waiting.size >= WINDOW || id === PACKETS - 1 || id % 500 === 0) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, WAIT_MS);
        wake = () => {
          clearTimeout(timer);
          resolve();
        };
        if (waiting.size <= WINDOW / 2) setImmediate(wake);
      });
    }
  }
  for (const deadline = Date.now() + WAIT_MS; waiting.size > 0 && Date.now() < deadline;) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  socket.close();
  const unanswered = [...waiting].map((id) => Buffer.from(sent[id]!).toString('hex'));
  return { faults, unanswered, answered };
}

const CORPUS = [
  'www.example.org',
  'xn--mller-kva.example',
  'localhost',
  'x.invalid',
  'use-application-dns.net',
  '1.1.168.192.in-addr.arpa',
  '.',
].flatMap((name) => {
  const query = () => aQuery().name(name);
  return [
    query().build(),
    query().type('ANY').edns().build(),
    query().type('AAAA').edns({ isDnssecOk: true }).build(),
    query().type('HTTPS').edns({ version: 1 }).build(),
    query()
      .type('TXT')
      .edns({ options: [{ code: 10, data: new Uint8Array(8) }] })
      .cd()
      .build(),
    query().type('AXFR').build(),
    query().class(3).build(),
  ];
});

async function startPlainUpstream(): Promise<Socket> {
  const socket = createSocket('udp4');
  socket.on('message', (query, peer) => {
    socket.send(octetAnswer(query), peer.port, peer.address);
  });
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve);
  });
  return socket;
}
