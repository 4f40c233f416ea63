/**
 * Both ways of serving UDP answer alike: the same stream of queries goes to a server in batches and
 * to one that reads a packet at a time, and every answer must be the same but for its ID and its TTLs.
 * The stream is what a household asks in a day a few times over: popular names by far the most, some
 * rare ones, some listed, all common types, with and without EDNS.
 */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { loadLibc } from '../../src/transport/libc.ts';
import { SeededRandom } from '../fuzz/random.ts';
import { TestServer } from '../support/server.ts';
import { askEach } from './support/query-stream.ts';
import { wireOf, withoutIdAndTtls, type RawRecord } from './support/raw-records.ts';
import { RawUpstream } from './support/raw-upstream.ts';

const DATA = join(import.meta.dirname, '../../../shared/data');
const QUERIES = 200_000;
const SEED = 20_261;
/** Ranks of popular names: 85 % of the queries go to the first 1,000. */
const TOP = 1000;
const LISTED_EVERY = 5;
const DIGEST_OCTETS = 8;
const SHOWN_MAX = 10;

const A = 1;
const CNAME = 5;
const TYPES = [A, A, A, A, A, A, 28, 28, 28, 65, 65, 15, 16, 12, 255, 65_280];
/** None; payload sizes 512, 1232 and 4096; with DO; version 1; with a cookie. */
const OPTS = [
  '',
  '0000290200000000000000',
  '00002904d0000000000000',
  '00002904d0000000000000',
  '0000291000000000000000',
  '00002904d0000080000000',
  '00002904d0000100000000',
  '00002904d000000000000c000a00080102030405060708',
].map((hex) => Buffer.from(hex, 'hex'));

const LISTS = ['adult', 'gambling'] as const;
const DOCUMENT = `
lists:
${LISTS.map((id) => `  - { id: ${id}, category: ${id}, path: ${join(DATA, 'lists', `shadowwhisperer-${id}.txt`)} }`).join('\n')}
plans: [{ id: kids, block: [${LISTS.join(', ')}], blockingMode: nxdomain }]
subscribers: [{ id: home, plan: kids, addresses: [127.0.0.1/32] }]
`;

const isPresent = existsSync(DATA);
const { libc, reason } = await loadLibc();
const missing = isPresent ? (libc === null ? reason : null) : '../shared/data is absent';

test.skipIf(missing === null)(`both transports alike: skipped, ${missing ?? ''}`, () => undefined);

describe.skipIf(missing !== null)('both ways of serving UDP', { timeout: 240_000 }, () => {
  let upstream: RawUpstream;
  const servers: TestServer[] = [];

  beforeAll(async () => {
    upstream = await RawUpstream.start(recordsFor);
    for (const udp of ['batch', 'dgram']) {
      const config = `udp: ${udp}\ncache: { bytesMax: 134217728 }\n`;
      const server = await TestServer.start({ upstream: upstream.endpoint, config });
      servers.push(server);
      expect(server.log).toContain(`"udp":"${udp}"`);
      await server.apply(DOCUMENT);
    }
  }, 120_000);

  afterAll(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  test('give the same answers to the same queries, but for ID and TTL', async () => {
    const stream = drawStream();
    const digests: Buffer[] = [];
    for (const { port } of servers) digests.push(await answersOf(port, stream));
    const [batch, dgram] = digests as [Buffer, Buffer];
    const different: string[] = [];
    for (const [index, { name, type, opt }] of stream.entries()) {
      const at = index * DIGEST_OCTETS;
      if (batch.compare(dgram, at, at + DIGEST_OCTETS, at, at + DIGEST_OCTETS) === 0) continue;
      different.push(`${name} ${type} ${opt.toString('hex')}`);
    }
    expect(different.slice(0, SHOWN_MAX)).toEqual([]);
    const kinds = new Set(stream.map((_, index) => batch.readBigUInt64BE(index * DIGEST_OCTETS)));
    console.log(`transports: ${stream.length} queries, ${kinds.size} different answers, all alike`);
    expect(kinds.size).toBeGreaterThan(10_000);
  });
});

interface Asked {
  readonly name: string;
  readonly type: number;
  readonly opt: Buffer;
}

function drawStream(): Asked[] {
  const random = new SeededRandom(SEED);
  const linesOf = (path: string): string[] =>
    readFileSync(join(DATA, path), 'utf8')
      .split('\n')
      .filter((line) => /^[a-z0-9.-]+$/.test(line));
  const popular = linesOf('queries/top-domains.txt');
  const rare = linesOf('queries/random-domains.txt');
  const listed = LISTS.flatMap((id) => linesOf(`lists/shadowwhisperer-${id}.txt`));
  const name = (): string => {
    if (random.oneIn(LISTED_EVERY)) return random.pick(listed);
    const rank = random.below(100);
    if (rank < 85) return popular[random.below(TOP)]!;
    return rank < 95 ? random.pick(popular) : random.pick(rare);
  };
  return Array.from({ length: QUERIES }, () => ({
    name: spelled(random.oneIn(4) ? `www.${name()}` : name(), random),
    type: random.pick(TYPES),
    opt: random.pick(OPTS),
  }));
}

function spelled(name: string, random: SeededRandom): string {
  return random.oneIn(10) ? name.toUpperCase() : name;
}

/** A digest of each answer, in the order of the queries. */
async function answersOf(port: number, stream: readonly Asked[]): Promise<Buffer> {
  const digests = Buffer.alloc(stream.length * DIGEST_OCTETS);
  const { answered } = await askEach({
    port,
    from: '127.0.0.1',
    count: stream.length,
    nameAt: (index) => stream[index]!.name,
    typeAt: (index) => stream[index]!.type,
    optAt: (index) => stream[index]!.opt,
    onResponse: (index, response) => {
      const digest = createHash('sha1').update(withoutIdAndTtls(response)).digest();
      digest.copy(digests, index * DIGEST_OCTETS, 0, DIGEST_OCTETS);
    },
  });
  expect(answered).toBe(stream.length);
  return digests;
}

/**
 * Addresses, aliases, long and unknown types, by name and type alone. Never a failure: whether that is
 * told as new or as remembered is a matter of time.
 */
function recordsFor(name: string, type: number): RawRecord[] {
  const octets = createHash('sha1').update(name).digest();
  const own = (rdata: Buffer): RawRecord => ({ owner: name, type, ttl: 3600, rdata });
  if (octets[0]! % 8 === 1 && type === A) {
    const target = ['Edge', octets.toString('hex', 0, 2), 'example'];
    const alias = { owner: name, type: CNAME, ttl: 3600, rdata: wireOf(target) };
    return [alias, { ...own(octets.subarray(0, 4)), owner: target.join('.').toLowerCase() }];
  }
  switch (type) {
    case A:
      return [own(octets.subarray(0, 4)), own(octets.subarray(4, 8))];
    case 28:
      return [own(octets.subarray(0, 16))];
    case 15:
      return [own(Buffer.concat([Buffer.from([0, 10]), wireOf(['mail', 'example'])]))];
    case 16:
      // Some do not fit the smallest payload: truncated there.
      return Array.from({ length: 1 + (octets[1]! % 5) }, (_, index) =>
        own(Buffer.concat([Buffer.from([200]), Buffer.alloc(200, index)])),
      );
    case 65:
      return [own(Buffer.from('00010000010003026832', 'hex'))];
    case 12:
      return [own(wireOf(['host', 'example']))];
    default:
      return [own(octets)];
  }
}
