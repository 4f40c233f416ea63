/**
 * Real lists through the built server over real sockets: every name of seven lists is blocked for a
 * child's subscriber by the right category and for nobody else, and ten thousand popular names come
 * back from upstream unchanged. Which names a list holds is read a second time by
 * `support/plain-lists`, which shares nothing with the parsers of the server.
 */

import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { getPublicSuffix } from 'tldts';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { askTcpMany } from '../support/dns-query.ts';
import { TestServer } from '../support/server.ts';
import { apiGet, explain } from './support/api.ts';
import {
  PlainCategories,
  readPlainList,
  type PlainEntry,
  type PlainFormat,
  type PlainList,
} from './support/plain-lists.ts';
import { askEach, buildQuery, type StreamReport } from './support/query-stream.ts';
import { readResponse, readVerdict, wireOf, type RawRecord } from './support/raw-records.ts';
import { RawUpstream } from './support/raw-upstream.ts';

const ROOT = join(import.meta.dirname, '../..');
const DATA = join(ROOT, '../shared/data');
const KIDS = '127.0.0.7';
const OPEN = '127.0.0.8';
const CATEGORIES = ['adult', 'gambling', 'drugs'];
const TTL = 300;
/** Of `www.` names the open subscriber asks one in so many: each costs a way to upstream. */
const OPEN_BELOW_STEP = 5;
/** What a failed expectation shows of a long list. */
const SHOWN_MAX = 10;

interface RealList {
  readonly id: string;
  readonly file: string;
  readonly category: string;
  readonly format: PlainFormat;
}

const LISTS: readonly RealList[] = [
  { id: 'adult-sw', file: 'shadowwhisperer-adult.txt', category: 'adult', format: 'domains' },
  { id: 'adult-v2fly', file: 'v2fly-porn.txt', category: 'adult', format: 'domains' },
  { id: 'adult-sin', file: 'sinfonietta-pornography.hosts', category: 'adult', format: 'hosts' },
  {
    id: 'gambling-sw',
    file: 'shadowwhisperer-gambling.txt',
    category: 'gambling',
    format: 'domains',
  },
  { id: 'gambling-ut1', file: 'ut1-gambling.domains', category: 'gambling', format: 'domains' },
  { id: 'gambling-vn', file: 'hostsvn-gambling.adblock', category: 'gambling', format: 'adblock' },
  { id: 'drugs-blp', file: 'blocklistproject-drugs.dnsmasq', category: 'drugs', format: 'dnsmasq' },
];

const DOCUMENT = `
lists:
${LISTS.map(
  ({ id, file, category }) =>
    `  - { id: ${id}, category: ${category}, path: ${JSON.stringify(join(DATA, 'lists', file))} }`,
).join('\n')}
plans:
  - { id: kids, block: [${CATEGORIES.join(', ')}] }
  - { id: open }
subscribers:
  - { id: child, plan: kids, addresses: [${KIDS}] }
  - { id: adults, plan: open, addresses: [${OPEN}] }
`;

interface ListAnswer {
  readonly detectedFormat: string;
  readonly report: {
    readonly entries: number;
    readonly refused: Readonly<Record<string, number>>;
    readonly faults: readonly {
      readonly line: number;
      readonly reason: string;
      readonly text: string;
    }[];
  };
}

interface Reading {
  readonly list: RealList;
  readonly answer: ListAnswer;
  readonly plain: PlainList;
  /** Of the second reading, without what the server refused. */
  readonly accepted: readonly PlainEntry[];
}

const isPresent = existsSync(DATA);

test.skipIf(isPresent)('real lists: skipped, since ../shared/data is absent', () => undefined);

describe.skipIf(!isPresent)('real lists over real sockets', { timeout: 480_000 }, () => {
  let upstream: RawUpstream;
  let server: TestServer;
  /** Every name to be asked, and what holds it by the second reading. */
  let names: readonly string[] = [];
  const categories = new PlainCategories();
  const protectedNames = new PlainCategories();
  /** Names of hosts files only: nothing below them is listed. */
  /** What the open subscriber asks. */
  let openNames: readonly string[] = [];
  let exactOnly: readonly string[] = [];
  let readings: readonly Reading[] = [];

  beforeAll(async () => {
    upstream = await RawUpstream.start(recordsFor);
    server = await TestServer.start({ upstream: upstream.endpoint, workers: 2 });
    await server.apply(DOCUMENT);
    readings = await Promise.all(LISTS.map(readTwice));
    readSeeds();
    gatherNames();
  }, 120_000);

  afterAll(async () => {
    await server[Symbol.asyncDispose]();
    await upstream[Symbol.asyncDispose]();
  });

  test('the report of every list agrees with a second reading, and every refusal has its reason', () => {
    for (const { list, answer, plain, accepted } of readings) {
      const { detectedFormat, report } = answer;
      expect(detectedFormat, list.id).toBe(list.format);
      const refused = Object.values(report.refused).reduce((sum, count) => sum + count, 0);
      expect(report.faults.length, `${list.id}: all refused lines are shown`).toBe(refused);
      expect(report.faults.filter((fault) => !isJustified(fault))).toEqual([]);
      const refusedLines = new Set(report.faults.map(({ line }) => line));
      expect(plain.unread.filter((line) => !refusedLines.has(line))).toEqual([]);
      expect(accepted.length, `${list.id}: accepted names`).toBe(report.entries);
      say(`${list.id}: ${list.format}, ${accepted.length} names, refused`, report.refused);
    }
    say(`${names.length} distinct names to ask, www. included`);
    expect(names.length).toBeGreaterThan(700_000);
  });

  test('every name of a list is blocked for kids with EDE 17 that names its category', async () => {
    const wrong: string[] = [];
    const passed: string[] = [];
    const counts: Record<string, number> = {};
    const report = await askEach({
      port: server.port,
      from: KIDS,
      count: names.length,
      nameAt: (index) => names[index]!,
      onResponse: (index, response) => {
        const name = names[index]!;
        const { rcode, ede } = readVerdict(response);
        const category = blockedBy(rcode, ede);
        if (category === null && ede === null) passed.push(name);
        else if (category === null || !categories.of(name).has(category)) {
          if (wrong.length < SHOWN_MAX) wrong.push(`${name}: rcode ${rcode}, EDE ${ede ?? 'none'}`);
        } else counts[category] = (counts[category] ?? 0) + 1;
      },
    });
    expect(wrong).toEqual([]);
    expect(report.answered).toBe(names.length);
    const rows = await explainPassed(passed);
    say('kids: blocked', counts, 'not blocked, by row', rows, describeRun(report));
    const blocked = Object.values(counts).reduce((sum, count) => sum + count, 0);
    expect(blocked + passed.length).toBe(names.length);
    expect(passed.length).toBeLessThan(names.length / 1000);
  });

  test('a sample of the names over TCP is blocked as over UDP', async () => {
    const sample = names.filter((_, index) => index % 211 === 0);
    let asked = 0;
    for (let at = 0; at < sample.length; at += 100) {
      const batch = sample.slice(at, at + 100);
      const queries = batch.map((name, id) => buildQuery(id, name, 1));
      const answers = await askTcpMany(server.port, queries, { from: KIDS, timeoutMs: 20_000 });
      expect(answers.length).toBe(batch.length);
      for (const answer of answers) {
        const name = batch[answer.readUInt16BE(0)]!;
        const { rcode, ede } = readVerdict(answer);
        const category = blockedBy(rcode, ede);
        if (category === null) expect(isExcused(name), name).toBe(true);
        else expect(categories.of(name), name).toContain(category);
        asked++;
      }
    }
    say(`kids over TCP: ${asked} names`);
    expect(asked).toBe(sample.length);
  });

  test('a hosts list covers the names it writes and nothing below them', async () => {
    const below = exactOnly
      .filter((_, index) => index % 10 === 0)
      .map((name) => `zz-unlisted.${name}`)
      .filter((name) => categories.of(name).size === 0);
    expect(below.length).toBeGreaterThan(100);
    const wrong: string[] = [];
    const report = await askEach({
      port: server.port,
      from: KIDS,
      count: below.length,
      nameAt: (index) => below[index]!,
      onResponse: (index, response) => {
        if (!isFromUpstream(below[index]!, response)) wrong.push(below[index]!);
      },
    });
    expect(wrong.slice(0, SHOWN_MAX)).toEqual([]);
    say(`below names of the hosts list: ${below.length} pass`, describeRun(report));
  });

  test('no name of a list is blocked for the open subscriber', async () => {
    const wrong: string[] = [];
    const local: string[] = [];
    const before = upstream.queryCount;
    const report = await askEach({
      port: server.port,
      from: OPEN,
      count: openNames.length,
      window: 32,
      nameAt: (index) => openNames[index]!,
      onResponse: (index, response) => {
        const name = openNames[index]!;
        if (isFromUpstream(name, response)) return;
        if (isSpecial(name)) local.push(name);
        else if (wrong.length < SHOWN_MAX) {
          const { rcode, ede } = readVerdict(response);
          wrong.push(`${name}: rcode ${rcode}, EDE ${ede ?? 'none'}`);
        }
      },
    });
    expect(wrong).toEqual([]);
    expect(report.answered).toBeGreaterThan(400_000);
    expect(report.answered).toBe(openNames.length);
    const forwarded = upstream.queryCount - before;
    say(
      `open: ${openNames.length - local.length} answered by upstream, ${local.length} by row 3,`,
      `${forwarded} queries reached it,`,
      describeRun(report),
    );
  });

  test('popular names on no list all reach upstream and come back unchanged', async () => {
    const popular = readFileSync(join(DATA, 'queries/top-domains.txt'), 'utf8')
      .split('\n')
      .map((line) => line.trim().toLowerCase())
      .filter((line) => line !== '');
    const free = popular.filter((name) => categories.of(name).size === 0 && !isSpecial(name));
    const typeAt = (index: number): number => POPULAR_TYPES[index % POPULAR_TYPES.length]!;
    const wrong: string[] = [];
    let records = 0;
    const report = await askEach({
      port: server.port,
      from: KIDS,
      count: free.length,
      window: 32,
      nameAt: (index) => free[index]!,
      typeAt,
      onResponse: (index, response) => {
        const name = free[index]!;
        const difference = findDifference(recordsFor(name, typeAt(index)), response);
        if (difference !== null) wrong.push(`${name} ${typeAt(index)}: ${difference}`);
        records += response.readUInt16BE(6);
      },
    });
    expect(wrong.slice(0, SHOWN_MAX)).toEqual([]);
    const unasked = free.filter((name, index) => !upstream.asked.has(`${name} ${typeAt(index)}`));
    expect(unasked).toEqual([]);
    say(
      `popular: ${popular.length} names, ${popular.length - free.length} on a list,`,
      `${free.length} passed with ${records} records`,
      describeRun(report),
    );
    expect(popular.length).toBe(10_000);
    expect(free.length).toBeGreaterThan(9_500);
  });

  /** What the server says about a list, and what the second reading finds of what it accepted. */
  async function readTwice(list: RealList): Promise<Reading> {
    const answer = await apiGet<ListAnswer>(server, `/lists/${list.id}`);
    const plain = readPlainList(join(DATA, 'lists', list.file), list.format);
    const { faults } = answer.report;
    const refused = new Set(faults.map(({ line, text }) => `${line} ${text.toLowerCase()}`));
    const accepted = plain.entries.filter(({ line, name }) => !refused.has(`${line} ${name}`));
    return { list, answer, plain, accepted };
  }

  function gatherNames(): void {
    const listed = new Set<string>();
    const below = new Set<string>();
    const withoutBelow = new Set<string>();
    for (const { list, accepted } of readings) {
      const coversBelow = list.format !== 'hosts';
      for (const { name } of accepted) {
        categories.add(name, list.category, coversBelow);
        listed.add(name);
        if (coversBelow) below.add(`www.${name}`);
        else withoutBelow.add(name);
      }
    }
    names = [...new Set([...listed, ...below])];
    const someBelow = [...below].filter((_, index) => index % OPEN_BELOW_STEP === 0);
    openNames = [...new Set([...listed, ...someBelow])];
    exactOnly = [...withoutBelow];
  }

  function readSeeds(): void {
    const read = (category: string): readonly string[] =>
      readPlainList(join(ROOT, 'blocklists', `${category}.txt`), 'domains').entries.map(
        ({ name }) => name,
      );
    for (const category of CATEGORIES) {
      for (const name of read(category)) categories.add(name, category, true);
    }
    for (const name of read('protected')) protectedNames.add(name, 'protected', true);
  }

  /** Rows 2 and 3 of the decision: what no list can block. */
  function isExcused(name: string): boolean {
    return protectedNames.of(name).size > 0 || isSpecial(name);
  }

  async function explainPassed(
    passed: readonly string[],
  ): Promise<Partial<Record<string, string[]>>> {
    const rows: Partial<Record<string, string[]>> = {};
    for (const name of passed) {
      expect(isExcused(name), `${name} is neither blocked nor protected nor special`).toBe(true);
      const { row, decision } = await explain(server, name, KIDS);
      expect(decision === 'pass' ? row : -row, name).toBe(isSpecial(name) ? -3 : 2);
      (rows[row] ??= []).push(name);
    }
    return rows;
  }
});

/** What texts call the categories of this test. */
const CATEGORY_OF: Readonly<Record<string, string>> = {
  'Adult content': 'adult',
  Gambling: 'gambling',
  Drugs: 'drugs',
};

/** The category that a blocked answer of the plan `kids` names, or null for any other answer. */
function blockedBy(rcode: number, ede: string | null): string | null {
  const title = /^17 Filtered: (.+) \(plan kids\)$/.exec(ede ?? '')?.[1] ?? '';
  return rcode === 3 ? (CATEGORY_OF[title] ?? null) : null;
}

/** Names that a resolver answers by itself (RFC 6761, 6762, 7686, 8375, 9476). */
function isSpecial(name: string): boolean {
  return /(?:^|\.)(?:localhost|test|invalid|local|onion|alt|home\.arpa)$/.test(name);
}

function isJustified({ reason, text }: { reason: string; text: string }): boolean {
  const name = text.toLowerCase().replace(/\.$/, '');
  switch (reason) {
    case 'ip-address':
      return isIP(name) !== 0 || /(?:^|\.)\d+$/.test(name);
    case 'single-label':
      return /^[^.]+$/.test(name);
    case 'public-suffix':
      return getPublicSuffix(name, { allowPrivateDomains: false }) === name;
    case 'bad-name':
      return /^\.|\.\.|^-/.test(name);
    case 'bad-character':
      return /[^a-z0-9._-]/.test(name);
    case 'label-too-long':
      return name.split('.').some((label) => label.length > 63);
    default:
      return false;
  }
}

const A = 1;
const CNAME = 5;
const MX = 15;
const TXT = 16;
const AAAA = 28;
const SRV = 33;
const HTTPS = 65;
/** A type that nobody knows (RFC 3597). */
const UNKNOWN = 65_280;
const POPULAR_TYPES = [A, AAAA, MX, TXT, SRV, HTTPS, UNKNOWN, A];

/** What upstream says about a name: a function of name and type, so that the test knows it too. */
function recordsFor(name: string, type: number): RawRecord[] {
  const octets = createHash('sha256').update(name).digest();
  const own = (rdata: Buffer): RawRecord => ({ owner: name, type, ttl: TTL, rdata });
  const priority = Buffer.from([0, octets[0]!]);
  switch (type) {
    case A:
      // Every fourth name is an alias; its target's case is kept.
      return octets[1]! % 4 === 0
        ? aliasRecords(name, octets)
        : [own(documentationAddress(octets, 2)), own(documentationAddress(octets, 3))];
    case AAAA:
      return [own(Buffer.concat([Buffer.from('20010db8', 'hex'), octets.subarray(0, 12)]))];
    case MX:
      return [own(Buffer.concat([priority, wireOf(['MX1', 'Mail-Host', 'example'])]))];
    case TXT:
      return [own(Buffer.concat([Buffer.from([32]), octets, Buffer.from([200]), zeros(200)]))];
    case SRV:
      return [own(Buffer.concat([priority, zeros(4), wireOf(['Sip', 'example'])]))];
    case HTTPS:
      // ServiceMode, the owner itself as target, alpn="h2".
      return [own(Buffer.from('00010000010003026832', 'hex'))];
    default:
      return [own(octets), own(octets.subarray(0, 7))];
  }
}

function aliasRecords(name: string, octets: Buffer): RawRecord[] {
  const target = ['Edge', ...octets.toString('hex', 0, 4).split('', 2), 'CDN', 'example'];
  const owner = target.join('.').toLowerCase();
  return [
    { owner: name, type: CNAME, ttl: TTL, rdata: wireOf(target) },
    { owner, type: A, ttl: TTL - 1, rdata: documentationAddress(octets, 4) },
  ];
}

function documentationAddress(octets: Buffer, at: number): Buffer {
  return Buffer.from([192, 0, 2, octets[at]!]);
}

function zeros(length: number): Buffer {
  return Buffer.alloc(length);
}

function isFromUpstream(name: string, response: Buffer): boolean {
  return findDifference(recordsFor(name, A), response) === null;
}

/** Null where an answer section is what upstream sent: same records, same RDATA, TTL not longer. */
function findDifference(expected: readonly RawRecord[], response: Buffer): string | null {
  const { rcode, answers, ede } = readResponse(response);
  if (rcode !== 0 || ede !== null) return `rcode ${rcode}, EDE ${ede ?? 'none'}`;
  if (answers.length !== expected.length) return `${answers.length} records`;
  for (const [index, answer] of answers.entries()) {
    const { owner, type, ttl, rdata } = expected[index]!;
    if (answer.owner !== owner || answer.type !== type) return `owner ${answer.owner}`;
    if (!answer.rdata.equals(rdata)) {
      return `RDATA ${answer.rdata.toString('hex')} instead of ${rdata.toString('hex')}`;
    }
    if (answer.ttl > ttl) return `TTL ${answer.ttl} instead of ${ttl}`;
  }
  return null;
}

function describeRun({ elapsedMs, retries }: StreamReport): string {
  return `in ${(elapsedMs / 1000).toFixed(1)} s, ${retries} sent again`;
}

/** The counts are part of what this test is for. */
function say(...parts: readonly unknown[]): void {
  const texts = parts.map((part) => (typeof part === 'string' ? part : JSON.stringify(part)));
  console.log(`real lists: ${texts.join(' ')}`);
}
