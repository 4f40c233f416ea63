/**
 * The language of the `.scenario` files: what upstream says, what a client asks, what must come.
 *
 *     # What the file shows, in a sentence or two.
 *
 *     upstream NAME TYPE                   what upstream answers to that question; by default
 *       rcode NXDOMAIN                     NOERROR and no records
 *       answer NAME TTL TYPE DATA          also `authority` and `additional`
 *
 *     query kids NAME TYPE [edns]          `kids` or `open`: the two plans of the household
 *     expect NOERROR [ede CODE | no ede]   the response, whole: these records and no others
 *       answer NAME TTL TYPE DATA
 *
 *     pass 3 seconds
 *     asked upstream 1                     questions that went upstream since the file began
 *
 * DATA is an address or a name; `minimum 60` for SOA; `0 NAME` for HTTPS; the CPU for HINFO.
 */

import type { DecodedPacket } from 'dns-packet';
import { typeNumber } from '../support/dns-query.ts';
import { soaRdata, u16, wire, type RawRecord } from '../support/raw-response.ts';

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
  /** `SECTION NAME TTL TYPE DATA` in order. */
  readonly records: string[];
}

export type Step =
  | {
      readonly kind: 'query';
      readonly plan: 'kids' | 'open';
      readonly name: string;
      readonly type: string;
      readonly hasEdns: boolean;
      expected: Expectation | null;
      readonly line: number;
    }
  | { readonly kind: 'pass'; readonly seconds: number }
  | { readonly kind: 'asked'; readonly count: number; readonly line: number };

export interface Scenario {
  readonly title: string;
  readonly upstream: readonly UpstreamAnswer[];
  readonly steps: readonly Step[];
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
      last.expected = { rcode: words[0]!, ede: parseEde(words.slice(1)), records: [] };
    } else if (SECTIONS.includes(verb) && answering !== null) {
      answering.records.push({ section: verb as Section, record: parseRecord(words) });
    } else if (SECTIONS.includes(verb) && last?.kind === 'query' && last.expected !== null) {
      last.expected.records.push([verb, ...words].join(' '));
    } else if (verb === 'pass') steps.push({ kind: 'pass', seconds: Number(words[0]) });
    else if (verb === 'asked') steps.push({ kind: 'asked', count: Number(words[1]), line });
    else throw new Error(`line ${line}: "${raw}" is not understood here`);
  }
  const silent = steps.find((step) => step.kind === 'query' && step.expected === null);
  if (steps.length === 0 || silent !== undefined) throw new Error('a query without "expect"');
  return { title: title.join(' '), upstream, steps };
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

function parseQuery(words: readonly string[], line: number): Step {
  const [plan, name = '', type = '', edns] = words;
  if (plan !== 'kids' && plan !== 'open') throw new Error(`line ${line}: no plan "${plan ?? ''}"`);
  return { kind: 'query', plan, name, type, hasEdns: edns === 'edns', expected: null, line };
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
