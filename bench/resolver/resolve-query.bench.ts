/**
 * One query through the whole path, without a socket, with a list of a million names: every way out
 * that needs no upstream. None may allocate; where one does, this bench fails.
 */

import { RCODE_REFUSED } from '../../src/dns/constants.ts';
import { parseIpAddress, parseIpPrefix } from '../../src/lib/ip-address.ts';
import {
  createPacketBatch,
  TCP_SLOT_BYTES,
  UDP_SLOT_BYTES,
  type PacketBatch,
} from '../../src/lib/packet-batch.ts';
import { resolveQuery } from '../../src/resolver/resolve-query.ts';
import { aQuery } from '../../test/support/dns-query.ts';
import { ALL_SAFE } from '../../test/support/household.ts';
import { rawResponse, wire, type RawRecord } from '../../test/support/raw-response.ts';
import { KIDS, ResolverHarness, type HarnessOptions } from '../../test/support/resolver-harness.ts';
import { listNames, NAME_COUNT } from '../blocklist/names.ts';
import { measureInPlace } from '../measure.ts';

/** Time goes on between two queries, in fractions of a millisecond as the monotonic clock tells it. */
const STEP_MS = 0.001;
/** Names asked in turn: hashes of all sizes, above 2^31 too. */
const ASKED = 1000;

const listed = listNames(NAME_COUNT);
const blocked = listed
  .filter((_name, index) => index % (NAME_COUNT / ASKED) === 0)
  .map((name) => queryFor(`www.${name}`));
const options: HarnessOptions = {
  lists: { adult: [...listed, 'adult.example'] },
  allow: ['allowed.example'],
  deny: ['denied.example'],
  // Far above what the bench asks, but counted.
  access: { ratePerSecond: 1e9, burst: 1e9 },
};
let harness = new ResolverHarness(options);
/** One for all batches: what a client may ask depends on it. */
const nowMs = Float64Array.of(harness.nowMs);
const udp = aBatch(false);
const tcp = aBatch(true);

// All that is cached is cached before time goes on: the clock of a client's rate never steps back.
const cachedAddresses = hosts('example.org', (name) => answered(name, [address(name)]));
const cachedChains = hosts('example.net', behindTwoCnames);
const allowedChains = hosts('allowed.example', behindTwoCnames);
measureBoth('blocked by a list: NXDOMAIN', blocked);
measureBoth('cached, an address', cachedAddresses);
measureOn(udp, 'cached, behind two CNAMEs', cachedChains);
measureOn(udp, 'allowed by an own name, cached', allowedChains);
measureOn(udp, 'blocked by an own name', hosts('denied.example', queryFor));
measureOn(udp, 'special name', hosts('localhost', queryFor));
measureOn(udp, 'malformed: FORMERR', hosts('example.org', malformed));

harness.install({ ...options, plan: { blockingMode: 'zero' } });
measureOn(udp, 'blocked by a list: zero address', blocked);
const blockAddress4 = parseIpAddress('203.0.113.9');
harness.install({ ...options, plan: { blockingMode: 'address', blockAddress4 } });
measureOn(udp, 'blocked by a list: block page', blocked);

harness.install({ ...options, log: 'all' });
measureOn(udp, 'cached, an address, leaving an event', cachedAddresses);
harness.install({ ...options, safeSearch: ALL_SAFE });
const engine = queryFor('www.google.com');
// Time never steps back for the rate of a client.
harness.nowMs = nowMs[0]!;
harness.upstreamAnswers(harness.park(engine), targetResponse());
measureOn(
  udp,
  'safe search, cached',
  hosts('', () => engine),
);

const forwarders = [parseIpPrefix(KIDS)!];
const mac = '02:00:5e:10:00:01';
harness = new ResolverHarness({
  ...options,
  access: { ...options.access, forwarders, forwarderRatePerSecond: 1e9 },
  cpeIds: ['cpe-7'],
  profiles: { anna: { macs: [mac] } },
});
measureOn(udp, 'blocked, by CPE id and MAC', hosts('adult.example', fromDevice));

function measureBoth(title: string, queries: readonly Uint8Array[]): void {
  measureOn(udp, title, queries);
  measureOn(tcp, `${title}, over TCP`, queries);
}

function measureOn(batch: PacketBatch, title: string, queries: readonly Uint8Array[]): void {
  for (const query of queries) {
    const length = resolveOne(batch, query);
    const rcode = batch.bytes[3]! & 0xf;
    if (length <= 0 || rcode === RCODE_REFUSED) throw new Error(`${title}: no answer at once`);
  }
  // The ring holds the events of one round.
  const { words } = harness.events;
  // Not for…of: until V8 has optimised it, it allocates 40 octets a step.
  measureInPlace(title, queries.length, () => {
    words.fill(0, 0, 2);
    for (let index = 0; index < queries.length; index++) resolveOne(batch, queries[index]!);
  });
}

function resolveOne(batch: PacketBatch, query: Uint8Array): number {
  nowMs[0] = nowMs[0]! + STEP_MS;
  batch.nowMs[0] = nowMs[0];
  batch.bytes.set(query);
  batch.lengths[0] = query.length;
  return resolveQuery(harness.resolver, batch, 0);
}

function aBatch(isStream: boolean): PacketBatch {
  const slotBytes = isStream ? TCP_SLOT_BYTES : UDP_SLOT_BYTES;
  const batch = createPacketBatch({ slotCount: 1, slotBytes, transport: 0, isStream });
  batch.addresses.set(parseIpAddress(KIDS)!);
  batch.ports[0] = 4242;
  batch.nowSeconds = harness.nowSeconds;
  return batch;
}

function hosts(parent: string, make: (name: string) => Uint8Array): Uint8Array[] {
  return Array.from({ length: ASKED }, (_, index) => make(`host${index}.${parent}`));
}

function queryFor(name: string): Uint8Array {
  return aQuery().name(name).edns().build();
}

function targetResponse(): Uint8Array {
  const name = 'forcesafesearch.google.com';
  return rawResponse({ question: { name, type: 1 }, answer: [address(name)] });
}

/** What a home router asks for one of its devices. */
function fromDevice(name: string): Uint8Array {
  const data = Buffer.from(mac.replaceAll(':', ''), 'hex');
  const options = [
    { code: 65_001, data },
    { code: 65_074, data: Buffer.from('cpe-7') },
  ];
  return aQuery().name(name).edns({ options }).build();
}

function malformed(name: string): Uint8Array {
  return queryFor(name).subarray(0, -1);
}

function behindTwoCnames(name: string): Uint8Array {
  const edge = `edge.${name}`;
  const origin = 'origin.example.net';
  return answered(name, [cname(name, edge), cname(edge, origin), address(origin)]);
}

/** Puts an answer into the cache and returns the query for it. */
function answered(name: string, answer: readonly RawRecord[]): Uint8Array {
  const query = queryFor(name);
  const response = rawResponse({ question: { name, type: 1 }, answer });
  harness.upstreamAnswers(harness.park(query), response);
  return query;
}

function cname(owner: string, target: string): RawRecord {
  return { owner, type: 5, ttl: 3600, rdata: wire(target) };
}

function address(owner: string): RawRecord {
  return { owner, type: 1, ttl: 3600, rdata: [192, 0, 2, 80] };
}
