/**
 * Three hundred thousand upstream responses, most of them mutated, through `finishForward`. The
 * forwarder has checked ID and question of such a message; everything behind them is the enemy's.
 *
 *     nothing is thrown, every client is answered, every answer can be read strictly
 *     no record has an owner outside the chain that begins at the asked name
 *     what the cache answers next is what was answered first
 */

import { describe, expect, it } from 'vitest';
import { ANSWERED_LATER } from '../../src/lib/packet-batch.ts';
import { finishForward } from '../../src/resolver/finish-forward.ts';
import { aQuery, typeNumber } from '../support/dns-query.ts';
import {
  QNAME,
  rawResponse,
  rrsigRdata,
  soaRdata,
  u16,
  wire,
  type RawRecord,
} from '../support/raw-response.ts';
import { FuzzDriver } from './fuzz-driver.ts';
import { Mutator } from './mutate.ts';
import { judgeQuery, type JudgedQuery } from './query-oracle.ts';
import { SeededRandom } from './random.ts';
import { faultOf, limitFor, nameKey, type StrictRecord } from './strict-response.ts';

const RESPONSES = 300_000;
const SEED = 0x5eed_0002;
const TYPE_CNAME = 5;
const TYPE_SOA = 6;
const TYPE_DNAME = 39;
const TYPE_RRSIG = 46;
const TYPE_NSEC = 47;
const TYPE_NSEC3 = 50;
/** Six digits stand for the number of the round: `q000000.sub.example.org`. */
const LABEL = 'q000000';
const NAME = `${LABEL}.sub.example.org`;
const FOREIGN = ['evil.example', 'www.bank.example', 'example.org', 'sub.example.org'];

interface Template {
  readonly query: Uint8Array;
  readonly response: Uint8Array;
  /** Where the digits of the round stand in either. */
  readonly queryDigitsAt: readonly number[];
  readonly responseDigitsAt: readonly number[];
  /** The same for every number. */
  readonly judged: JudgedQuery;
}

describe('three hundred thousand hostile upstream responses', () => {
  it('throw nothing, smuggle nothing in, and are cached as they were answered', () => {
    const random = new SeededRandom(SEED);
    const driver = new FuzzDriver({ lists: { adult: ['blocked.example'] }, pendingMax: 100 });
    const templates = TEMPLATES;
    const mutator = new Mutator(
      random,
      templates.map(({ response }) => response),
    );
    const tally = { positive: 0, negative: 0, failed: 0, cached: 0, chains: 0 };

    for (let round = 0; round < RESPONSES; round++) {
      const template = random.pick(templates);
      const query = numbered(template.query, template.queryDigitsAt, round);
      const isStream = random.oneIn(3);
      const outcome = driver.resolve(query, query.length, 7, isStream);
      if (outcome !== ANSWERED_LATER) expect.fail(`round ${round} was answered at once`);
      const [{ handle } = { handle: -1 }] = driver.forwarded.splice(0);

      mutate(mutator, template, round, random);
      const { nowMs, nowSeconds } = driver.harness;
      const sent = mutator.bytes.slice(0, mutator.length);
      const fail = (fault: string): never =>
        expect.fail(`round ${round}: ${fault}\n${Buffer.from(sent).toString('hex')}`);
      finishForward(driver.resolver, handle, sent.slice(), sent.length, true, nowMs, nowSeconds);

      const late = driver.takeLate();
      if (late.length !== 1) fail(`${late.length} answers`);
      const answer = late[0]!.bytes;
      const fault = answerFault(answer, query, template.judged, isStream, tally);
      if (fault !== null) fail(fault);

      // The same question again, by another client: the cache says the same or asks upstream anew.
      const again = query.slice();
      again.set([0x43, 0x21]);
      const second = driver.resolve(again, again.length, 7, isStream);
      if (typeof second === 'number') {
        if (rcodeOf(answer) === 2) fail('a failure that is not remembered');
        const [{ handle: next } = { handle: -1 }] = driver.forwarded.splice(0);
        finishForward(driver.resolver, next, new Uint8Array(0), 0, true, nowMs, nowSeconds);
        driver.takeLate();
      } else {
        tally.cached++;
        const isSame =
          rcodeOf(answer) === 2 ? rcodeOf(second) === 2 : isEqualFrom(2, answer, second);
        if (!isSame) fail(`from the cache: ${Buffer.from(second).toString('hex')}`);
      }
      if (round % 64 === 0) driver.harness.passSeconds(1);
    }

    // Nothing that an answer mentioned beside the asked name has become an answer itself.
    for (const name of FOREIGN) {
      for (const type of ['A', 'NS', 'SOA', 'CNAME']) {
        const query = aQuery().name(name).type(type).build();
        expect(driver.resolve(query, query.length, 9, false), name).toBe(ANSWERED_LATER);
      }
    }
    expect(tally.positive).toBeGreaterThan(20_000);
    expect(tally.negative).toBeGreaterThan(5000);
    expect(tally.failed).toBeGreaterThan(20_000);
    expect(tally.cached).toBeGreaterThan(50_000);
    expect(tally.chains).toBeGreaterThan(5000);
  }, 300_000);
});

describe('signatures that are asked for by type', () => {
  it('are answered once, though DO asks for signatures too', () => {
    const driver = new FuzzDriver({});
    const query = aQuery().name(NAME).type(TYPE_RRSIG).dnssecOk().build();
    expect(driver.resolve(query, query.length, 7, true)).toBe(ANSWERED_LATER);
    const { response } = TEMPLATES.find(({ query: asked }) => query.equals(asked))!;
    const { nowMs, nowSeconds } = driver.harness;
    const { handle } = driver.forwarded[0]!;
    finishForward(driver.resolver, handle, response, response.length, false, nowMs, nowSeconds);
    const [late] = driver.takeLate();
    const records: StrictRecord[] = [];
    expect(
      faultOf(late!.bytes, query, judgeQuery(query, query.length), 65_535, records),
    ).toBeNull();
    expect(records.filter(({ type }) => type === TYPE_RRSIG)).toHaveLength(3);
  });
});

function answerFault(
  answer: Uint8Array,
  query: Uint8Array,
  judged: JudgedQuery,
  isStream: boolean,
  tally: { positive: number; negative: number; failed: number; chains: number },
): string | null {
  const records: StrictRecord[] = [];
  const fault = faultOf(answer, query, judged, limitFor(judged, isStream), records);
  if (fault !== null) return fault;
  if (rcodeOf(answer) === 2) tally.failed++;
  else if (records.some(({ section }) => section === 'answer')) tally.positive++;
  else tally.negative++;
  if (records.some(({ section, type }) => section === 'answer' && type === TYPE_CNAME)) {
    tally.chains++;
  }
  const asked = nameKey(query.subarray(12, judged.questionEnd - 4));
  const type = query[judged.questionEnd - 4]! * 256 + query[judged.questionEnd - 3]!;
  return foreignRecord(records, asked, type, judged.isDnssecOk);
}

/** Follows the chain as a client would, and names the first record that is not on it. */
function foreignRecord(
  records: readonly StrictRecord[],
  asked: string,
  type: number,
  isDnssecOk: boolean,
): string | null {
  const chain = new Set([asked]);
  const answers = records.filter(({ section }) => section === 'answer');
  for (let grew = true; grew;) {
    const before = chain.size;
    for (const record of answers) {
      if (record.type === TYPE_CNAME && chain.has(record.owner)) chain.add(record.target);
      if (record.type !== TYPE_DNAME) continue;
      for (const name of [...chain].filter((candidate) => isBelow(candidate, record.owner))) {
        chain.add(name.slice(0, -record.owner.length) + record.target);
      }
    }
    grew = chain.size > before && chain.size < 100;
  }
  for (const record of answers) {
    const isOnChain = chain.has(record.owner);
    const isAbove = [...chain].some((name) => isBelow(name, record.owner));
    const isSignature = record.type === TYPE_RRSIG && isDnssecOk;
    const isWanted = record.type === type || record.type === TYPE_CNAME || isSignature;
    if (isOnChain && isWanted) continue;
    if (isAbove && (record.type === TYPE_DNAME || isSignature)) continue;
    return `a foreign answer: type ${record.type} of ${record.owner}`;
  }
  for (const record of records.filter(({ section }) => section === 'authority')) {
    const isAbove = [...chain].some((name) => name.endsWith(record.owner));
    if (record.type === TYPE_SOA && isAbove) continue;
    const isProof = [TYPE_NSEC, TYPE_NSEC3, TYPE_RRSIG].includes(record.type);
    if (isProof && isDnssecOk) continue;
    return `a foreign authority: type ${record.type} of ${record.owner}`;
  }
  return null;
}

/** On labels: a key that ends in another's digits may do so in the middle of a label. */
function isBelow(name: string, zone: string): boolean {
  for (let at = 0; at < name.length;) {
    const length = Number.parseInt(name.slice(at, at + 2), 16);
    at += 2 + 2 * length;
    if (length === 0) return false;
    if (name.slice(at) === zone) return true;
  }
  return false;
}

/** The response of the round, mutated behind its question or, seldom, anywhere. */
function mutate(mutator: Mutator, template: Template, round: number, random: SeededRandom): void {
  const response = numbered(template.response, template.responseDigitsAt, round);
  if (random.oneIn(6)) {
    mutator.plain(response);
    return;
  }
  mutator.mutated(response);
  if (random.oneIn(20)) return;
  // What the forwarder verifies is restored, so that the rest is looked at at all.
  const questionEnd = 12 + wire(NAME).length + 4;
  if (mutator.length < questionEnd) mutator.length = questionEnd;
  mutator.bytes.set(response.subarray(0, 6));
  mutator.bytes.set(response.subarray(12, questionEnd), 12);
}

function numbered(packet: Uint8Array, digitsAt: readonly number[], round: number): Uint8Array {
  const copy = packet.slice();
  for (const at of digitsAt) {
    for (let digit = 5, rest = round; digit >= 0; digit--, rest = Math.floor(rest / 10)) {
      copy[at + digit] = 0x30 + (rest % 10);
    }
  }
  return copy;
}

function rcodeOf(response: Uint8Array): number {
  return response[3]! & 0xf;
}

function isEqualFrom(from: number, a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = from; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

function digitsIn(packet: Uint8Array): number[] {
  const needle = wire(LABEL).slice(0, -1);
  const found: number[] = [];
  for (let at = 12; at + needle.length <= packet.length; at++) {
    if (needle.every((octet, index) => packet[at + index] === octet)) found.push(at + 2);
  }
  return found;
}

function template(
  type: string,
  parts: Partial<Parameters<typeof rawResponse>[0]>,
  isDnssecOk = false,
): Template {
  const query = aQuery().name(NAME).type(type);
  if (isDnssecOk) query.dnssecOk();
  const response = rawResponse({ question: { name: NAME, type: typeNumber(type) }, ...parts });
  const built = new Uint8Array(query.build());
  return {
    query: built,
    response,
    queryDigitsAt: digitsIn(built),
    responseDigitsAt: digitsIn(response),
    judged: judgeQuery(built, built.length),
  };
}

const ADDRESS: RawRecord = { owner: QNAME, type: 1, rdata: [192, 0, 2, 1] };
const EVIL: RawRecord = { owner: 'evil.example', type: 1, rdata: [203, 0, 113, 66] };
const OPT: RawRecord = { owner: [0], type: 41, class: 1232, ttl: 0, rdata: [] };
const SOA: RawRecord = { owner: 'example.org', type: TYPE_SOA, ttl: 60, rdata: soaRdata(30) };
/** `example.org` inside the question's name. */
const ZONE_POINTER = [0xc0, 12 + LABEL.length + 1 + 4];

function cname(owner: string | readonly number[], target: string): RawRecord {
  return { owner, type: TYPE_CNAME, ttl: 200, rdata: wire(target) };
}

const TEMPLATES: readonly Template[] = [
  template('A', { answer: [ADDRESS, { ...ADDRESS, ttl: 100, rdata: [192, 0, 2, 2] }] }),
  template('A', { answer: [ADDRESS, EVIL], authority: [EVIL], additional: [EVIL, OPT] }),
  template('A', {
    answer: [
      cname(QNAME, 'a.example.net'),
      cname('a.example.net', 'b.example.net'),
      { owner: 'b.example.net', type: 1, rdata: [192, 0, 2, 3] },
      { owner: 'www.bank.example', type: 1, rdata: [203, 0, 113, 66] },
    ],
  }),
  template('A', { answer: [cname(QNAME, 'x.blocked.example')] }),
  template('A', { answer: [cname(QNAME, 'a.example.net'), cname('a.example.net', NAME)] }),
  template('A', {
    answer: [
      { owner: ZONE_POINTER, type: TYPE_DNAME, rdata: wire('example.net') },
      cname(QNAME, `${LABEL}.sub.example.net`),
      { owner: `${LABEL}.sub.example.net`, type: 1, rdata: [192, 0, 2, 4] },
    ],
  }),
  template('A', { answer: [{ owner: 'org', type: TYPE_DNAME, rdata: wire('example') }] }),
  template('A', { flags: 0x8183, authority: [SOA, { ...SOA, owner: 'evil.example' }] }),
  template('AAAA', {
    answer: [cname(QNAME, 'a.example.org')],
    authority: [{ ...SOA, owner: ZONE_POINTER }],
  }),
  template('A', {
    authority: [
      { owner: 'example.org', type: 2, rdata: wire('ns.evil.example') },
      { owner: 'sub.example.org', type: 2, rdata: wire('ns.evil.example') },
    ],
    additional: [{ ...EVIL, owner: 'ns.evil.example' }],
  }),
  template('MX', {
    answer: [
      { owner: QNAME, type: 15, rdata: [0, 10, 4, ...Buffer.from('mail'), ...QNAME] },
      { owner: QNAME, type: 15, rdata: [0, 20, ...ZONE_POINTER] },
    ],
  }),
  template('HTTPS', {
    answer: [
      { owner: QNAME, type: 65, rdata: [0, 1, 0, 0, 4, 0, 4, 192, 0, 2, 5] },
      { owner: QNAME, type: 65, rdata: [0, 0, ...wire('svc.example.net')] },
    ],
  }),
  template('SRV', {
    answer: [{ owner: QNAME, type: 33, rdata: [0, 1, 0, 1, 0, 80, ...wire('srv.example.net')] }],
  }),
  template('TYPE65280', {
    answer: [{ owner: QNAME, type: 65_280, rdata: [...QNAME, 0, 1, 2, 255, 0xc0, 0xff] }],
  }),
  template('TXT', {
    answer: Array.from({ length: 6 }, (_, index) => ({
      owner: QNAME,
      type: 16,
      ttl: 50 + index,
      rdata: [255, ...new Array<number>(255).fill(index)],
    })),
  }),
  template(
    'A',
    {
      flags: 0x81a0,
      answer: [ADDRESS, { owner: QNAME, type: TYPE_RRSIG, rdata: rrsigRdata(1) }],
      authority: [
        { owner: 'a.example.org', type: TYPE_NSEC, rdata: [...wire('z.example.org'), 0, 1, 0x40] },
        { owner: 'a.example.org', type: TYPE_RRSIG, rdata: rrsigRdata(TYPE_NSEC) },
        { owner: 'example.org', type: 2, rdata: wire('ns.example.org') },
      ],
      additional: [OPT],
    },
    true,
  ),
  template(
    'A',
    {
      flags: 0x8183,
      authority: [
        SOA,
        { owner: 'example.org', type: TYPE_RRSIG, rdata: rrsigRdata(TYPE_SOA) },
        { owner: 'h4sh.example.org', type: TYPE_NSEC3, rdata: [1, 0, 0, 0, 0, 4, 1, 2, 3, 4] },
      ],
    },
    true,
  ),
  template(
    'TYPE46',
    { answer: [1, 46, 28].map((type) => ({ owner: QNAME, type: 46, rdata: rrsigRdata(type) })) },
    true,
  ),
  template('TYPE35', {
    answer: [
      {
        owner: QNAME,
        type: 35,
        rdata: [0, 1, 0, 1, 1, 0x75, 3, 0x73, 0x69, 0x70, 0, ...wire('sip.example.net')],
      },
    ],
  }),
  template('A', { flags: 0x8182 }),
  template('A', { flags: 0x8185, answer: [ADDRESS] }),
  template('A', { answer: [{ ...ADDRESS, ttl: 0 }] }),
  template('A', {
    answer: [
      { ...ADDRESS, ttl: 0x8000_0000 },
      { ...ADDRESS, class: 3 },
    ],
  }),
  template('A', { answer: [{ owner: QNAME, type: 1, rdata: u16(1) }] }),
];
