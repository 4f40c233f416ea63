/**
 * A million packets through the query path in memory: valid queries, mutants of them and noise,
 * over both kinds of transport, with blocks, local answers, cache hits and chains that are judged.
 * What each must get is said by `query-oracle`, and every answer is read by `strict-response`.
 */

import { describe, expect, it } from 'vitest';
import type { QueryView } from '../../src/dns/query-view.ts';
import { ANSWERED_LATER, NEVER_ANSWERED } from '../../src/lib/packet-batch.ts';
import { failForward, finishForward } from '../../src/resolver/finish-forward.ts';
import { FORWARD_TIMEOUT } from '../../src/resolver/forwarder.ts';
import { COUNT_SAFE_SEARCH } from '../../src/resolver/query-record.ts';
import { parseIpPrefix } from '../../src/lib/ip-address.ts';
import { aQuery } from '../support/dns-query.ts';
import { ALL_SAFE } from '../support/household.ts';
import { QNAME, rawResponse, soaRdata, wire } from '../support/raw-response.ts';
import { KIDS } from '../support/resolver-harness.ts';
import { FuzzDriver } from './fuzz-driver.ts';
import { Mutator } from './mutate.ts';
import { clientOptionOf, createJudgement, judgeQuery, type JudgedQuery } from './query-oracle.ts';
import { SeededRandom } from './random.ts';
import { faultOf, limitFor, rcodeOf, type StrictRecord } from './strict-response.ts';

const PACKETS = 1_000_000;
const SEED = 0x5eed_0001;
const RCODES: Readonly<Record<string, number>> = {
  FORMERR: 1,
  NOTIMP: 4,
  BADVERS: 16,
  REFUSED: 5,
};
const SUBNET = Uint8Array.from([0, 1, 24, 0, 192, 0, 2]);
const CLIENT_OPTIONS = [
  { code: 8, data: Uint8Array.from([0, 1, 32, 0, 192, 0, 2, 7]) },
  { code: 65_001, data: Uint8Array.from([2, 0, 0x5e, 0x10, 0, 1]) },
  { code: 65_073, data: Buffer.from('02:00:5e:10:00:01') },
  { code: 65_074, data: Buffer.from('cpe-7') },
];
const NAMES = [
  'www.adult.example',
  'a.b.c.d.adult.example',
  'help.adult.example',
  'good.adult.example',
  'www.example.org',
  'cname.example.org',
  'hidden.example.org',
  'big.example.org',
  'missing.example.org',
  'example.net',
  'localhost',
  'x.invalid',
  '1.1.168.192.in-addr.arpa',
  '_dns.resolver.arpa',
  'tv.lan',
  'www.google.com',
  'www.youtube.com',
  'ya.ru',
  'eu.startpage.com',
  'forcesafesearch.google.com',
  '.',
  'MiXeD.Example.ORG',
  `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`,
  '\\000\\255\\.odd.example.org',
];

describe('a million packets', () => {
  it('throw nothing, are answered strictly, and no response is ever answered', () => {
    const random = new SeededRandom(SEED);
    const driver = aDriver();
    const mutator = new Mutator(random, corpus());
    const judged = createJudgement();
    const parked = new Map<number, { query: Uint8Array; isStream: boolean }>();
    const seen = new Map<string, number>();
    const note = (what: string): void => {
      seen.set(what, (seen.get(what) ?? 0) + 1);
    };

    for (let index = 0; index < PACKETS; index++) {
      const kind = random.below(10);
      if (kind < 2) mutator.plain();
      else if (kind < 9) mutator.mutated();
      else mutator.noise(random.oneIn(10) ? 4000 : 64);
      const { bytes, length } = mutator;
      const isStream = random.oneIn(4);
      const port = 1 + (index % 65_535);
      judgeQuery(bytes, length, judged);
      const outcome = driver.resolve(bytes, length, port, isStream);
      const fault =
        outcomeFault(outcome, bytes, judged, isStream, note) ??
        optionFault(driver.resolver.view, judged, note);
      if (fault !== null) expect.fail(describePacket(index, bytes, length, judged, fault));
      if (outcome === ANSWERED_LATER) parked.set(port, { query: bytes.slice(0, length), isStream });
      if (index % 64 === 0) {
        answerUpstream(driver, random);
        checkLate(driver, parked, note);
        for (const { kind } of driver.harness.takeEvents()) note(`event ${kind}`);
      }
      if (index % 4096 === 0) driver.harness.passSeconds(1);
    }

    expect(driver.areNeighboursWhole()).toBe(true);
    expect(driver.resolver.pending.waiterCount).toBeLessThanOrEqual(200);
    // Each way out was taken often enough to mean something.
    for (const what of ['silence', 'FORMERR', 'NOTIMP', 'BADVERS', 'REFUSED', 'late']) {
      expect(seen.get(what), what).toBeGreaterThan(1000);
    }
    for (const what of ['rcode 0', 'rcode 3', 'late rcode 0', 'late rcode 2', 'late rcode 3']) {
      expect(seen.get(what), what).toBeGreaterThan(1000);
    }
    for (const code of [8, 65_001, 65_073, 65_074]) {
      expect(seen.get(`option ${code}`), `option ${code}`).toBeGreaterThan(1000);
    }
    for (const what of ['event 1', 'event 2', 'event 3']) {
      expect(seen.get(what), what).toBeGreaterThan(1000);
    }
    expect(driver.resolver.counters[COUNT_SAFE_SEARCH], 'safe search').toBeGreaterThan(1000);
    expect(driver.resolver.counters[15], 'cache hits').toBeGreaterThan(1000);
  }, 300_000);
});

function aDriver(): FuzzDriver {
  const driver = new FuzzDriver({
    lists: { adult: ['adult.example', 'blocked.example'], protected: ['help.adult.example'] },
    allow: ['good.adult.example'],
    plan: { maxTtlSeconds: 60 },
    // The client may speak for others: what its options say is looked up, whatever stands in them.
    access: { forwarders: [parseIpPrefix(KIDS)!], forwarderRatePerSecond: 1e9 },
    cpeIds: ['cpe-7'],
    profiles: { anna: { macs: ['02:00:5e:10:00:01'], safeSearch: ALL_SAFE, log: 'all' } },
    budgets: [{ target: 'internet' }],
    records: [{ name: 'tv.lan', type: 1, rdata: Uint8Array.from([192, 0, 2, 9]) }],
    zones: [{ name: 'lan', group: 1 }],
    pendingMax: 100,
    waitersPerClientMax: 500,
  });
  return driver;
}

function corpus(): Uint8Array[] {
  const sized = Array.from({ length: 20 }, (_, index) =>
    aQuery()
      .name('big.example.org')
      .type('TXT')
      .edns({ payloadSize: 500 + 41 * index, isDnssecOk: index % 2 === 0 })
      .build(),
  );
  return [...sized, ...queriesByName()];
}

function queriesByName(): Uint8Array[] {
  const types = ['A', 'AAAA', 'HTTPS', 'TXT', 'ANY', 'CNAME', 'AXFR', 'IXFR', 'TYPE65280', 'PTR'];
  return NAMES.flatMap((name, index) => {
    const query = (type = types[index % types.length]!) => aQuery().name(name).type(type);
    const options = [{ code: 10, data: Uint8Array.from([1, 2, 3, 4, 5, 6, 7, 8]) }];
    return [
      query('A').build(),
      query().build(),
      query('A').edns().build(),
      query()
        .edns({ payloadSize: 512 + 100 * index, isDnssecOk: true })
        .build(),
      query('AAAA').edns({ payloadSize: 0, options }).cd().ad().build(),
      query('HTTPS')
        .edns({ options: [{ code: 8, data: SUBNET }, ...options] })
        .build(),
      query('A').edns({ options: CLIENT_OPTIONS }).build(),
      query('A')
        .edns({ options: [...CLIENT_OPTIONS.slice(index % 4), ...CLIENT_OPTIONS.slice(0, 2)] })
        .build(),
      query('A')
        .edns({ version: index % 3 })
        .build(),
      query('MX')
        .class(index % 5)
        .build(),
    ];
  });
}

/** What upstream says about a name of the corpus: data, chains good and bad, more than fits, nothing. */
function upstreamResponse(name: string, type: number, random: SeededRandom): Uint8Array {
  const question = { name, type };
  const address = (owner: string | number[]) => ({ owner, type: 1, ttl: 3, rdata: [192, 0, 2, 1] });
  const cname = (to: string) => ({ owner: QNAME, type: 5, ttl: 3, rdata: wire(to) });
  const soa = { owner: 'example.org', type: 6, ttl: 2, rdata: soaRdata(2) };
  if (name.startsWith('cname')) {
    return rawResponse({ question, answer: [cname('to.example.net'), address('to.example.net')] });
  }
  if (name.startsWith('hidden')) {
    const to = 'x.blocked.example';
    return rawResponse({ question, answer: [cname(to), address(to)] });
  }
  if (name.startsWith('big')) {
    // Of every length around the limits, so that a limit which is off by an octet shows.
    const text = new Array<number>(60 + random.below(195)).fill(0x61);
    const answer = Array.from({ length: 2 + random.below(5) }, (_, index) => ({
      owner: QNAME,
      type,
      ttl: 4,
      rdata: type === 1 ? [10, 0, 0, index] : [text.length + 1, ...text, index],
    }));
    return rawResponse({ question, answer });
  }
  if (name.startsWith('missing')) return rawResponse({ flags: 0x8183, question, authority: [soa] });
  if (type !== 1) return rawResponse({ question, authority: [soa] });
  return rawResponse({ question, answer: [address(QNAME)] });
}

/** Most parked questions are answered, a few fail, a few are left to be given up. */
function answerUpstream(driver: FuzzDriver, random: SeededRandom): void {
  const { resolver, harness } = driver;
  const { nowMs, nowSeconds } = harness;
  for (const { handle, text, type } of driver.forwarded.splice(0)) {
    const lot = random.below(12);
    if (lot === 0) failForward(resolver, handle, FORWARD_TIMEOUT, nowMs, nowSeconds);
    else if (lot < 11) {
      const bytes = upstreamResponse(text, type, random);
      finishForward(resolver, handle, bytes, bytes.length, true, nowMs, nowSeconds);
    }
  }
}

function outcomeFault(
  outcome: Uint8Array | number,
  query: Uint8Array,
  judged: JudgedQuery,
  isStream: boolean,
  note: (what: string) => void,
): string | null {
  const { verdict } = judged;
  if (verdict !== 'answer') note(verdict);
  if (typeof outcome === 'number') {
    if (outcome === ANSWERED_LATER && verdict === 'answer') return null;
    if (outcome === NEVER_ANSWERED && verdict === 'silence') return null;
    return `outcome ${outcome} for ${verdict}`;
  }
  if (verdict === 'silence') return 'an answer to what must meet silence';
  return responseFault(outcome, query, judged, isStream, note, '');
}

/** The view notes the options that may say who asks as the oracle finds them. */
function optionFault(
  view: QueryView,
  judged: JudgedQuery,
  note: (what: string) => void,
): string | null {
  if (judged.verdict !== 'answer') return null;
  const noted = [
    [8, view.subnetAt, view.subnetLength],
    [65_001, view.macAt, view.macLength],
    [65_073, view.macTextAt, view.macTextLength],
    [65_074, view.cpeIdAt, view.cpeIdLength],
  ] as const;
  for (const [code, notedAt, length] of noted) {
    const option = clientOptionOf(judged, code);
    if (length !== option.length) return `option ${code} with ${length} octets`;
    if (length > 0 && notedAt - view.at !== option.at) return `option ${code} at another place`;
    if (length > 0) note(`option ${code}`);
  }
  return null;
}

function responseFault(
  response: Uint8Array,
  query: Uint8Array,
  judged: JudgedQuery,
  isStream: boolean,
  note: (what: string) => void,
  prefix: string,
): string | null {
  const records: StrictRecord[] = [];
  const fault = faultOf(response, query, judged, limitFor(judged, isStream), records);
  if (fault !== null) return fault;
  const rcode = rcodeOf(response, records);
  if (judged.verdict !== 'answer') {
    return rcode === RCODES[judged.verdict] ? null : `rcode ${rcode} for ${judged.verdict}`;
  }
  note(`${prefix}rcode ${rcode}`);
  // The plan's limit of 60 seconds holds for all that goes out.
  const isTooLong = records.some(({ type, ttl }) => type !== 41 && ttl > 60);
  return isTooLong ? 'a TTL above the plan’s limit' : null;
}

function checkLate(
  driver: FuzzDriver,
  parked: Map<number, { query: Uint8Array; isStream: boolean }>,
  note: (what: string) => void,
): void {
  for (const { port, bytes } of driver.takeLate()) {
    const client = parked.get(port);
    if (client === undefined) expect.fail(`a late response to port ${port}, where nobody waits`);
    parked.delete(port);
    note('late');
    const { query, isStream } = client;
    const judged = judgeQuery(query, query.length);
    const fault = responseFault(bytes, query, judged, isStream, note, 'late ');
    if (fault !== null) expect.fail(describePacket(-1, query, query.length, judged, fault));
  }
}

function describePacket(
  index: number,
  bytes: Uint8Array,
  length: number,
  judged: JudgedQuery,
  fault: string,
): string {
  const hex = Buffer.from(bytes.subarray(0, length)).toString('hex');
  return `packet ${index} (${judged.verdict}): ${fault}\n${hex}`;
}
