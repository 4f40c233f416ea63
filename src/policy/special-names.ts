/**
 * Names that are answered here and never forwarded (row 3 of the decision), and the canaries by which
 * browsers and systems ask whether a filter is at work. Data and its compiled form; a forward zone or
 * local record of the operator goes first, and the resolver then passes `SPECIAL_NONE` to `decide`.
 */

import { TYPE_DS } from '../dns/constants.ts';
import type { SuffixHashes } from '../dns/suffix-hashes.ts';
import { NAME_BYTES_MAX, writeName } from '../dns/name.ts';
import { assert } from '../lib/assert.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { NameTable, NameTableEntry } from './rules.ts';
import { compileNameTable, longestSuffix, lookUpSuffix } from './rules.ts';

/** What to answer. `decide` turns a canary into a block or, without bypass control, into nothing special. */
export const SPECIAL_NONE = 0;
/** 127.0.0.1, ::1, NODATA for every other type (RFC 6761, section 6.3). */
export const SPECIAL_LOCALHOST = 1;
export const SPECIAL_NXDOMAIN = 2;
export const SPECIAL_NODATA = 3;
/** NXDOMAIN where category `bypass` is blocked for the policy. */
export const SPECIAL_CANARY = 4;

/** The set number of these names in their table. */
export const SPECIAL_SET = 1;

/** An empty zone: it exists (NODATA), nothing below it does (RFC 6303, section 3). Table value only. */
const EMPTY_ZONE = 5;

/** Each with its source. */
const SPECIAL_NAMES: readonly (readonly [kind: number, source: string, names: string])[] = [
  [SPECIAL_LOCALHOST, 'RFC 6761', 'localhost'],
  [SPECIAL_NXDOMAIN, 'RFC 6761', 'test invalid'],
  [SPECIAL_NXDOMAIN, 'RFC 6762', 'local'],
  [SPECIAL_NXDOMAIN, 'RFC 7686', 'onion'],
  [SPECIAL_NXDOMAIN, 'RFC 9476', 'alt'],
  [EMPTY_ZONE, 'RFC 8375', 'home.arpa'],
  [SPECIAL_NODATA, 'RFC 9462', 'resolver.arpa'],
  [EMPTY_ZONE, 'RFC 6303 (RFC 1918)', '10.in-addr.arpa 168.192.in-addr.arpa'],
  [EMPTY_ZONE, 'RFC 6303 (RFC 1918)', numbered(16, 31, '172.in-addr.arpa')],
  [EMPTY_ZONE, 'RFC 7793', numbered(64, 127, '100.in-addr.arpa')],
  [EMPTY_ZONE, 'RFC 6303', '0.in-addr.arpa 127.in-addr.arpa 254.169.in-addr.arpa'],
  [EMPTY_ZONE, 'RFC 6303', '2.0.192.in-addr.arpa 100.51.198.in-addr.arpa'],
  [EMPTY_ZONE, 'RFC 6303', '113.0.203.in-addr.arpa 255.255.255.255.in-addr.arpa'],
  [EMPTY_ZONE, 'RFC 6303', `${'0.'.repeat(32)}ip6.arpa 1.${'0.'.repeat(31)}ip6.arpa`],
  [EMPTY_ZONE, 'RFC 6303', 'd.f.ip6.arpa 8.b.d.0.1.0.0.2.ip6.arpa'],
  [EMPTY_ZONE, 'RFC 6303', '8.e.f.ip6.arpa 9.e.f.ip6.arpa a.e.f.ip6.arpa b.e.f.ip6.arpa'],
  [SPECIAL_CANARY, 'Mozilla: DoH', 'use-application-dns.net'],
  [SPECIAL_CANARY, 'Apple: Private Relay', 'mask.icloud.com mask-h2.icloud.com'],
  [SPECIAL_CANARY, 'Google: Prefetch Proxy', 'dns-tunnel-check.googlezip.net'],
];

/** Compiles the names above; a caller may hold the table for the life of the process. */
export function compileSpecialNames(seed: HashSeed): NameTable {
  const entries: NameTableEntry[] = [];
  for (const [value, , names] of SPECIAL_NAMES) {
    for (const text of names.split(' ')) {
      entries.push({ set: SPECIAL_SET, name: wireName(text), value });
    }
  }
  return compileNameTable(entries, seed);
}

/** One of `SPECIAL_…` for a name and the type asked; every special name covers what is below it. */
export function lookUpSpecial(table: NameTable, hashes: SuffixHashes, qtype: number): number {
  const labels = longestSuffix(table, SPECIAL_SET, hashes);
  if (labels < 0) return SPECIAL_NONE;
  const kind = lookUpSuffix(table, SPECIAL_SET, hashes, labels);
  if (kind !== EMPTY_ZONE) return kind;
  if (labels < hashes.labelCount) return SPECIAL_NXDOMAIN;
  return qtype === TYPE_DS ? SPECIAL_NONE : SPECIAL_NODATA;
}

function numbered(from: number, to: number, parent: string): string {
  const labels = Array.from({ length: to - from + 1 }, (_, index) => from + index);
  return labels.map((label) => `${label}.${parent}`).join(' ');
}

function wireName(text: string): Uint8Array {
  const out = new Uint8Array(NAME_BYTES_MAX);
  const length = writeName(text, out);
  assert(length > 0, `the special name ${text} is a name`);
  return out.slice(0, length);
}
