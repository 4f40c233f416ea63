/**
 * What the batch benches of this folder share: batches of 64 queries as a server receives them, with
 * OPT, from a thousand clients, for 10,000 names in turn, over a list of a million names. The octets
 * of each query are copied into its slot before, as the kernel would; that copying is measured too and
 * taken off.
 */

import { copyBytes } from '../../src/lib/bytes.ts';
import { parseIpAddress } from '../../src/lib/ip-address.ts';
import { createPacketBatch, UDP_SLOT_BYTES } from '../../src/lib/packet-batch.ts';
import { compilePolicies } from '../../src/policy/compile.ts';
import { openPolicyImage } from '../../src/policy/check-image.ts';
import type { OwnSettings } from '../../src/policy/policy-input.ts';
import { SubscriberWriter } from '../../src/policy/subscriber-writer.ts';
import { openSubscriberTable } from '../../src/policy/subscribers.ts';
import { serveBatch } from '../../src/worker/serve-batch.ts';
import { aQuery, wireName } from '../../test/support/dns-query.ts';
import { householdInput, KIDS_PROFILE } from '../../test/support/household.ts';
import { rawResponse } from '../../test/support/raw-response.ts';
import { ResolverHarness, SEED } from '../../test/support/resolver-harness.ts';
import { createRandom, listNames, NAME_COUNT } from '../blocklist/names.ts';
import { measureBatch } from '../measure.ts';

const SLOTS = 64;
const ASKED = 10_000;
const CLIENTS = 1_000;
const SUBSCRIBERS = 1_000_000;
/** Coprime to both counts, so that every client has its turn, far from the one before. */
const STRIDE = 7_919;
const FIRST_CLIENT = parseIpAddress('10.1.0.0')!;
const SEALED_NAMES = 20_000;
/** One in some 200 names that were not asked lately is digested; asked evenly, many were not. */
const SEALED_OCTETS_MAX = 2;
/** The last octets of a client's address: four prefixes are in use, as in a home's first plan. */
const CLIENT_PREFIXES = ['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];

const random = createRandom(7);
const listed = listNames(NAME_COUNT);
const options = {
  lists: { adult: listed },
  clients: CLIENT_PREFIXES,
  cacheBytes: 64 << 20,
  // Far above what the bench asks, but counted.
  access: { ratePerSecond: 1e9, burst: 1e9 },
};
const harness = new ResolverHarness(options);
/** Octets a query may allocate: none, unless there is a sealed list. */
let octetsMax: number | undefined;

/** Installs a sealed list besides, which holds no name that is asked. */
export function addSealedList(): void {
  const names = Array.from({ length: SEALED_NAMES }, (_, index) => `n${index}.sealed.example`);
  harness.install({ ...options, sealed: { court: names } });
  octetsMax = SEALED_OCTETS_MAX;
}

/** Gives each of a million addresses a subscriber, and every tenth of them a policy of its own. */
function addSubscribers(): void {
  const { images } = harness.resolver;
  if (images === null) throw new Error('the harness has images');
  const input = householdInput({ deny: ['own.example'] }, harness.nowSeconds);
  const subscriber = input.profiles.ownOf.get(KIDS_PROFILE)?.subscriber ?? null;
  if (subscriber === null) throw new Error('the household has settings');
  const ownOf = new Map<number, OwnSettings>();
  for (let number = 0; number < SUBSCRIBERS; number += 10) {
    const deny = [wireName(`own-${number}.example`)];
    ownOf.set(number, { subscriber: { ...subscriber, deny }, profile: null });
  }
  const zeros = new Uint8Array(SUBSCRIBERS);
  const profiles = { ...input.profiles, planOf: zeros, zoneOf: zeros, languageOf: zeros, ownOf };
  const policies = openPolicyImage(compilePolicies({ ...input, profiles }, SEED));
  const writer = new SubscriberWriter(SEED, { expectedEntries: SUBSCRIBERS });
  const [a, b, c, d] = FIRST_CLIENT;
  for (let number = 0; number < SUBSCRIBERS; number++) {
    writer.insert({ words: [a, b, c, d + number], length: 128 }, number);
  }
  const subscribers = openSubscriberTable(writer.buffer, SEED);
  harness.resolver.images = { ...images, policies, subscribers };
}

/**
 * Measures one mix: every `1 / blockedShare`th query is for a listed name, the others are cached.
 * @param subscribers how many the clients are; a thousand are all the household's
 */
export function benchBatches(
  title: string,
  blockedShare: number,
  subscribers: 1_000 | 1_000_000 = CLIENTS,
): void {
  const blocked = Array.from({ length: ASKED }, () =>
    aQuery()
      .name(listed[Math.floor(random() * NAME_COUNT)]!)
      .edns()
      .build(),
  );
  const cached = Array.from({ length: ASKED }, (_, index) =>
    cachedQuery(`host${index}.example.org`),
  );
  const queries = Array.from({ length: 1 << 16 }, () => {
    const pool = random() < blockedShare ? blocked : cached;
    return pool[Math.floor(random() * ASKED)]!;
  });
  if (subscribers === SUBSCRIBERS) addSubscribers();
  run(title, queries, subscribers);
}

function run(title: string, queries: readonly Uint8Array[], clients: number): void {
  // All queries in one array, as views would be objects spread over the heap.
  const starts = new Uint32Array(queries.length + 1);
  for (const [index, query] of queries.entries()) starts[index + 1] = starts[index]! + query.length;
  const octets = new Uint8Array(starts.at(-1)!);
  for (const [index, query] of queries.entries()) octets.set(query, starts[index]);

  const batch = createPacketBatch({
    slotCount: SLOTS,
    slotBytes: UDP_SLOT_BYTES,
    transport: 0,
    isStream: false,
  });
  batch.nowMs[0] = harness.nowMs;
  batch.nowSeconds = harness.nowSeconds;
  let next = 0;
  let turn = 0;

  function receive(): void {
    batch.nowMs[0] = batch.nowMs[0]! + 0.064;
    for (let slot = 0; slot < SLOTS; slot++) {
      const length = starts[next + 1]! - starts[next]!;
      copyBytes(octets, starts[next]!, batch.bytes, slot * UDP_SLOT_BYTES, length);
      batch.lengths[slot] = length;
      batch.addresses[slot * 4 + 2] = FIRST_CLIENT[2];
      batch.addresses[slot * 4 + 3] = FIRST_CLIENT[3] + turn;
      turn = (turn + STRIDE) % clients;
      if (++next === queries.length) next = 0;
    }
  }

  function resolve(): void {
    serveBatch(harness.resolver, batch, SLOTS, (error) => {
      throw error;
    });
    if (batch.lengths[SLOTS - 1]! <= 0) throw new Error('no answer at once');
  }

  measureBatch(title, SLOTS, receive, resolve, octetsMax);
}

/** Puts an address into the cache and returns the query for it. */
function cachedQuery(name: string): Uint8Array {
  const query = aQuery().name(name).edns().build();
  const answer = [{ owner: name, type: 1, ttl: 86_400, rdata: [192, 0, 2, 80] }];
  const question = { name, type: 1 };
  harness.upstreamAnswers(
    harness.park(query, { client: '10.1.0.0' }),
    rawResponse({ question, answer }),
  );
  return query;
}
