/**
 * The language of the `.scenario` files: what upstream says, what a client asks, what must come.
 *
 *     # What the file shows, in a sentence or two.
 *
 *     upstream NAME TYPE                   what upstream answers to that question; by default
 *       rcode NXDOMAIN                     NOERROR and no records
 *       answer NAME TTL TYPE DATA          also `authority` and `additional`
 *
 *     query WHO NAME TYPE [edns] [OPTION …]    WHO of `household.ts` sends it
 *     expect NOERROR [ede CODE [TEXT …] | no ede]   the response, whole: these records and no others
 *       answer NAME TTL TYPE DATA
 *
 *     pass 3 seconds
 *     asked upstream 1                     questions that went upstream since the file began
 *
 *     clock 2026-03-02T20:59:00+03:00      the wall clock; it only goes forward
 *     grant PROFILE TARGET until TIME      an opening by a parent
 *     pause PROFILE until TIME             internet off by a parent
 *     used-up PROFILE TARGET until TIME    the minutes of a budget are used up
 *
 * DATA is an address or a name; `minimum 60` for SOA; `0 NAME` for HTTPS; the CPU for HINFO. OPTION is
 * `mac=…` (65001), `mac-text=…` (65073), `cpe=…` (65074) or `subnet=WHO/BITS` (8). A file with a clock
 * plays in memory only: a live server has its own.
 */

import type { DecodedPacket } from 'dns-packet';
import { typeNumber } from '../support/dns-query.ts';
import { soaRdata, u16, wire, type RawRecord } from '../support/raw-response.ts';
import { PROFILES, WHO, type ProfileId, type Who } from './household.ts';

export type Section = 'answer' | 'authority' | 'additional';
const SECTIONS: readonly string[] = ['answer', 'authority', 'additional'] satisfies Section[];

export interface UpstreamAnswer {
  readonly name: string;
  readonly type: number;
  rcode: number;
  readonly records: { readonly section: Section; readonly record: RawRecord }[];
}

export interface Expectation {
  readonly rcode: string;
  /** The first EDE; null where there must be none; undefined where it is not looked at. */
  readonly ede: number | null | undefined;
  /** Its EXTRA-TEXT; empty where it is not looked at. */
  readonly text: string;
  /** `SECTION NAME TTL TYPE DATA` in order. */
  readonly records: string[];
}

export type Step =
  | {
      readonly kind: 'query';
      readonly who: Who;
      readonly name: string;
      readonly type: string;
      readonly hasEdns: boolean;
      /** `mac=…` and so on, as written. */
      readonly options: readonly string[];
      expected: Expectation | null;
      readonly line: number;
    }
  | { readonly kind: 'pass'; readonly seconds: number }
  | { readonly kind: 'asked'; readonly count: number; readonly line: number }
  | { readonly kind: 'clock'; readonly second: number }
  | {
      readonly kind: 'grant' | 'used-up';
      readonly profile: ProfileId;
      readonly target: string;
      readonly until: number;
    }
  | { readonly kind: 'pause'; readonly profile: ProfileId; readonly until: number };

export interface Scenario {
  readonly title: string;
  readonly upstream: readonly UpstreamAnswer[];
  readonly steps: readonly Step[];
  /** False where the wall clock has to be set. */
  readonly isForLiveServers: boolean;
}

const RCODES: readonly string[] = [
  'NOERROR',
  'FORMERR',
  'SERVFAIL',
  'NXDOMAIN',
  'NOTIMP',
  'REFUSED',
];

/** Throws with the line where it cannot be read. */
export function parseScenario(text: string): Scenario {
  const title: string[] = [];
  const upstream: UpstreamAnswer[] = [];
  const steps: Step[] = [];
  let answering: UpstreamAnswer | null = null;
  for (const [index, raw] of text.split('\n').entries()) {
    const line = index + 1;
    const [verb = '', ...words] = raw.trim().split(/\s+/);
    const last = steps.at(-1);
    if (verb === '') continue;
    if (verb === '#') title.push(words.join(' '));
    else if (verb === 'upstream') {
      answering = { name: words[0]!, type: numberOfType(words[1]!), rcode: 0, records: [] };
      upstream.push(answering);
    } else if (verb === 'rcode' && answering !== null) {
      answering.rcode = RCODES.indexOf(words[0]!);
    } else if (verb === 'query') {
      answering = null;
      steps.push(parseQuery(words, line));
    } else if (verb === 'expect' && last?.kind === 'query') {
      const [rcode = '', ...ede] = words;
      last.expected = { rcode, ede: parseEde(ede), text: ede.slice(2).join(' '), records: [] };
    } else if (SECTIONS.includes(verb) && answering !== null) {
      answering.records.push({ section: verb as Section, record: parseRecord(words) });
    } else if (SECTIONS.includes(verb) && last?.kind === 'query' && last.expected !== null) {
      last.expected.records.push([verb, ...words].join(' '));
    } else if (verb === 'pass') steps.push({ kind: 'pass', seconds: Number(words[0]) });
    else if (verb === 'clock') steps.push({ kind: 'clock', second: secondOf(words[0], line) });
    else if (verb === 'grant' || verb === 'pause' || verb === 'used-up') {
      steps.push(parseChange(verb, words, line));
    } else if (verb === 'asked') steps.push({ kind: 'asked', count: Number(words[1]), line });
    else throw new Error(`line ${line}: "${raw}" is not understood here`);
  }
  const silent = steps.find((step) => step.kind === 'query' && step.expected === null);
  if (steps.length === 0 || silent !== undefined) throw new Error('a query without "expect"');
  const isForLiveServers = !steps.some(({ kind }) => kind === 'clock');
  return { title: title.join(' '), upstream, steps, isForLiveServers };
}

/** Every record but the OPT, as a scenario writes it. */
export function describeRecords(response: DecodedPacket): string[] {
  const sections = [
    ['answer', response.answers],
    ['authority', response.authorities],
    ['additional', response.additionals.filter(({ type }) => type !== 'OPT')],
  ] as const;
  return sections.flatMap(([section, records]) =>
    records.map((record) => {
      const { name, ttl, type, data } = record as {
        name: string;
        ttl: number;
        type: string;
        data: unknown;
      };
      return `${section} ${name} ${ttl} ${type} ${describeData(data)}`;
    }),
  );
}

function parseQuery([text = '', name = '', type = '', ...rest]: string[], line: number): Step {
  const who = WHO.find((one) => one === text);
  if (who === undefined) throw new Error(`line ${line}: nobody is "${text}"`);
  const options = rest.filter((word) => word !== 'edns');
  const hasEdns = rest.length > 0;
  return { kind: 'query', who, name, type, hasEdns, options, expected: null, line };
}

function parseChange(
  kind: 'grant' | 'pause' | 'used-up',
  words: readonly string[],
  line: number,
): Step {
  const profile = PROFILES.find((one) => one === words[0]);
  if (profile === undefined) throw new Error(`line ${line}: no profile "${words[0] ?? ''}"`);
  const until = secondOf(words.at(-1), line);
  if (kind === 'pause') return { kind, profile, until };
  return { kind, profile, target: words[1] ?? '', until };
}

function secondOf(text: string | undefined, line: number): number {
  const second = Date.parse(text ?? '') / 1000;
  if (!Number.isInteger(second)) throw new Error(`line ${line}: "${text ?? ''}" is no time`);
  return second;
}

function parseEde(words: readonly string[]): number | null | undefined {
  if (words[0] === 'no') return null;
  return words[0] === 'ede' ? Number(words[1]) : undefined;
}

function parseRecord([owner = '', ttl = '', type = '', ...data]: readonly string[]): RawRecord {
  return { owner, type: numberOfType(type), ttl: Number(ttl), rdata: rdataOf(type, data) };
}

function rdataOf(type: string, [first = '', second = '']: readonly string[]): number[] {
  if (type === 'A') return first.split('.').map(Number);
  if (type === 'SOA') return soaRdata(Number(second));
  if (type === 'HTTPS') return [...u16(Number(first)), ...wire(second)];
  return wire(first);
}

function numberOfType(type: string): number {
  return type === 'DNAME' ? 39 : typeNumber(type);
}

function describeData(data: unknown): string {
  if (typeof data !== 'object' || data === null) return String(data);
  if ('minimum' in data) return `minimum ${String(data.minimum)}`;
  return 'cpu' in data ? String(data.cpu) : JSON.stringify(data);
}
