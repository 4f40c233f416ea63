/**
 * What a sealed list of 100,000 names costs queries that are not about it: the same resolver, the same
 * images, and its sealed lists taken away and put back in turns, without, with, with, without. Two
 * variants in one process, against the rule: a difference of one per cent is less than that of two
 * processes, and the one call site that differs is the same in both.
 *
 *     as clients ask  a thousand names are 85 % of the queries, ten thousand 95 %, of 100,000 in all
 *     evenly          the same 100,000 in turn, so that next to none was looked for lately
 *
 * A fifth of the queries are for names that another list blocks, the others for cached names.
 */

import { RCODE_REFUSED } from '../../src/dns/constants.ts';
import { copyBytes } from '../../src/lib/bytes.ts';
import { parseIpAddress } from '../../src/lib/ip-address.ts';
import { createPacketBatch, UDP_SLOT_BYTES } from '../../src/lib/packet-batch.ts';
import { serveBatch } from '../../src/worker/serve-batch.ts';
import { aQuery } from '../../test/support/dns-query.ts';
import { rawResponse } from '../../test/support/raw-response.ts';
import { ResolverHarness } from '../../test/support/resolver-harness.ts';
import { createRandom, listNames } from '../blocklist/names.ts';
import { median, print } from '../measure.ts';

const SLOTS = 64;
const LISTED = 1_000_000;
const SEALED = 100_000;
const ASKED = 100_000;
const CLIENTS = 1_000;
/** Coprime to the clients, so that each has its turn. */
const STRIDE = 7_919;
const BLOCKED_SHARE = 0.2;
const PAIRS = 60;
const QUERIES_PER_RUN = 150_000;
const WARM_UP_RUNS = 6;
const ORDER = [false, true, true, false];
const FIRST_CLIENT = parseIpAddress('10.1.0.0')!;

const random = createRandom(7);
const names = listNames(LISTED + SEALED);
const harness = new ResolverHarness({
  lists: { adult: names.slice(0, LISTED) },
  sealed: { court: names.slice(LISTED) },
  clients: ['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'],
  cacheBytes: 128 << 20,
  // Far above what the bench asks, but counted.
  access: { ratePerSecond: 1e9, burst: 1e9 },
});
/** One for all loads: its clock may not go back. */
const batch = createPacketBatch({
  slotCount: SLOTS,
  slotBytes: UDP_SLOT_BYTES,
  transport: 0,
  isStream: false,
});
batch.nowMs[0] = harness.nowMs;
batch.nowSeconds = harness.nowSeconds;
const { images } = harness.resolver;
if (images === null) throw new Error('the harness has images');
const withList = { ...images };
const withoutList = { ...images, sealed: null };

const blocked = Array.from({ length: ASKED }, () =>
  queryFor(names[Math.floor(random() * LISTED)]!),
);
const cached = Array.from({ length: ASKED }, (_, index) => cachedQuery(`host${index}.example.org`));
harness.forwarded.length = 0;

function compare(title: string, next: () => number): void {
  const queries = Array.from({ length: 1 << 18 }, () => {
    const pool = random() < BLOCKED_SHARE ? blocked : cached;
    return pool[next()]!;
  });
  const load = new Load(queries);
  for (let run = 0; run < WARM_UP_RUNS; run++) {
    for (const isWith of ORDER) load.run(isWith);
  }
  const runs: { without: number[]; with: number[]; fill: number[] } = {
    without: [],
    with: [],
    fill: [],
  };
  const ratios: number[] = [];
  for (let pair = 0; pair < PAIRS; pair++) {
    const fill = load.run(null);
    const [a, b, c, d] = ORDER.map((isWith) => load.run(isWith)) as [
      number,
      number,
      number,
      number,
    ];
    runs.fill.push(fill);
    runs.without.push(a - fill, d - fill);
    runs.with.push(b - fill, c - fill);
    ratios.push((b + c - 2 * fill) / (a + d - 2 * fill));
  }
  const least = (values: readonly number[]): number => Math.min(...values);
  const at = (share: number): string =>
    ratios.toSorted((x, y) => x - y)[Math.floor(ratios.length * share)]!.toFixed(4);
  const ns = (value: number): string => `${value.toFixed(0)} ns`;
  print(`${title}, without: least, median`, ns(least(runs.without)), ns(median(runs.without)));
  print(`${title}, with: least, median`, ns(least(runs.with)), ns(median(runs.with)));
  print(`${title}, ratio of leasts`, (least(runs.with) / least(runs.without)).toFixed(4));
  print(`${title}, ratio: quartiles of ${PAIRS} pairs`, at(0.25), at(0.5), at(0.75));
}

class Load {
  readonly #octets: Uint8Array;
  readonly #starts: Uint32Array;
  #next = 0;
  #turn = 0;

  constructor(queries: readonly Uint8Array[]) {
    // All queries in one array, as views would be objects spread over the heap.
    this.#starts = new Uint32Array(queries.length + 1);
    for (const [index, query] of queries.entries()) {
      this.#starts[index + 1] = this.#starts[index]! + query.length;
    }
    this.#octets = new Uint8Array(this.#starts.at(-1)!);
    for (const [index, query] of queries.entries()) this.#octets.set(query, this.#starts[index]);
  }

  /**
   * @param isWith null: the queries are only copied into the batch
   * @returns ns of CPU a query
   */
  run(isWith: boolean | null): number {
    harness.resolver.images = isWith === true ? withList : withoutList;
    const start = process.cpuUsage();
    for (let done = 0; done < QUERIES_PER_RUN; done += SLOTS) {
      this.#receive();
      if (isWith !== null) resolve();
    }
    return (process.cpuUsage(start).user * 1000) / QUERIES_PER_RUN;
  }

  #receive(): void {
    const starts = this.#starts;
    batch.nowMs[0] = batch.nowMs[0]! + 0.064;
    for (let slot = 0; slot < SLOTS; slot++) {
      const at = starts[this.#next]!;
      const length = starts[this.#next + 1]! - at;
      copyBytes(this.#octets, at, batch.bytes, slot * UDP_SLOT_BYTES, length);
      batch.lengths[slot] = length;
      batch.addresses[slot * 4 + 2] = FIRST_CLIENT[2];
      batch.addresses[slot * 4 + 3] = FIRST_CLIENT[3] + this.#turn;
      this.#turn = (this.#turn + STRIDE) % CLIENTS;
      if (++this.#next === starts.length - 1) this.#next = 0;
    }
  }
}

function resolve(): void {
  serveBatch(harness.resolver, batch, SLOTS, (error) => {
    throw error;
  });
  for (let slot = 0; slot < SLOTS; slot++) {
    const rcode = batch.bytes[slot * UDP_SLOT_BYTES + 3]! & 15;
    if (batch.lengths[slot]! <= 0 || rcode === RCODE_REFUSED) throw new Error('no answer at once');
  }
}

function queryFor(name: string): Uint8Array {
  return aQuery().name(name).edns().build();
}

/** Puts an address into the cache and returns the query for it. */
function cachedQuery(name: string): Uint8Array {
  const query = queryFor(name);
  const answer = [{ owner: name, type: 1, ttl: 86_400, rdata: [192, 0, 2, 80] }];
  const question = { name, type: 1 };
  harness.upstreamAnswers(
    harness.park(query, { client: '10.1.0.0' }),
    rawResponse({ question, answer }),
  );
  return query;
}

compare('as clients ask', () => {
  const share = random();
  const count = share < 0.85 ? 1_000 : share < 0.95 ? 10_000 : ASKED;
  return Math.floor(random() * count);
});
compare('evenly', () => Math.floor(random() * ASKED));
