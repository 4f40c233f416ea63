/**
 * The names that this server answers or routes by itself: forward zones, local records and the
 * special names of row 3. Zones and records come from the configuration, so they live with the
 * worker and not in an image. A zone or a record that is at least as long as a special name goes
 * first: the home's `lan` and the operator's reverse zones live on.
 */

import type { SuffixHashes } from '../dns/suffix-hashes.ts';
import { TYPE_CNAME } from '../dns/constants.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import {
  compileNameTable,
  createNameFilter,
  longestSuffix,
  lookUpExact,
  lookUpSuffix,
  mayHoldSuffix,
  type NameFilter,
  type NameTable,
  type NameTableEntry,
} from '../policy/rules.ts';
import {
  compileSpecialNames,
  lookUpSpecial,
  SPECIAL_NONE,
  SPECIAL_SET,
} from '../policy/special-names.ts';

const ZONE_SET = 1;
const RECORD_SET = 2;
const NO_RECORD = -1;

export interface ForwardZone {
  /** Lower-cased wire form. */
  readonly name: Uint8Array;
  /** Index of its upstream group, 1 and above. */
  readonly group: number;
}

export interface LocalRecordData {
  /** Lower-cased wire form. */
  readonly name: Uint8Array;
  readonly type: number;
  readonly ttlSeconds: number;
  /** Names in it lower-cased and uncompressed. */
  readonly rdata: Uint8Array;
}

export interface LocalNames {
  /** Of both tables: tells nearly every name of the world from ours. */
  readonly filter: NameFilter;
  readonly special: NameTable;
  /** Zones → upstream group; names with records → 1 + index of their first record. */
  readonly names: NameTable;
  /** All records; those of one name stand side by side. */
  readonly records: readonly LocalRecordData[];
  /** For each record the index of the first record of the next name. */
  readonly endOf: Int32Array;
  /** For each CNAME the index of the first record of its target, or −1 where that is not ours. */
  readonly targetOf: Int32Array;
}

export function createLocalNames(
  seed: HashSeed,
  zones: readonly ForwardZone[],
  records: readonly LocalRecordData[],
): LocalNames {
  const entries: NameTableEntry[] = zones.map((zone) => ({
    set: ZONE_SET,
    name: zone.name,
    value: zone.group,
  }));
  const sorted = groupByName(records);
  const endOf = new Int32Array(sorted.length);
  for (let first = 0, end = 0; first < sorted.length; first = end) {
    const key = nameKey(sorted[first]!.name);
    while (end < sorted.length && nameKey(sorted[end]!.name) === key) end++;
    endOf.fill(end, first, end);
    entries.push({ set: RECORD_SET, name: sorted[first]!.name, value: first + 1 });
  }
  const special = compileSpecialNames(seed);
  const names = compileNameTable(entries, seed);
  return {
    filter: createNameFilter([special, names]),
    special,
    names,
    records: sorted,
    endOf,
    targetOf: Int32Array.from(sorted, ({ type, rdata }) =>
      type === TYPE_CNAME ? sorted.findIndex(({ name }) => nameKey(name) === nameKey(rdata)) : -1,
    ),
  };
}

/** False where the name has no group but 0, is not special and has no records; most are such. */
export function mayBeLocal(local: LocalNames, hashes: SuffixHashes): boolean {
  return mayHoldSuffix(local.filter, hashes);
}

/** The upstream group that a name is forwarded to; 0 is the default. */
export function groupOf(local: LocalNames, hashes: SuffixHashes): number {
  const labels = longestSuffix(local.names, ZONE_SET, hashes);
  return labels < 0 ? 0 : lookUpSuffix(local.names, ZONE_SET, hashes, labels);
}

/** Index of the first record of exactly this name, or −1. */
export function firstRecordOf(local: LocalNames, hashes: SuffixHashes): number {
  return lookUpExact(local.names, RECORD_SET, hashes) - 1;
}

/** The next record from `from` on, of the same name, that answers `qtype`; −1 after the last. */
export function nextRecord(local: LocalNames, from: number, end: number, qtype: number): number {
  for (let index = from; index < end; index++) {
    const { type } = local.records[index]!;
    if (type === qtype || type === TYPE_CNAME) return index;
  }
  return NO_RECORD;
}

/** One of `SPECIAL_…` for `decide`; none where a zone or a record of ours says otherwise. */
export function specialKindOf(local: LocalNames, hashes: SuffixHashes, qtype: number): number {
  const labels = longestSuffix(local.special, SPECIAL_SET, hashes);
  if (labels < 0 || firstRecordOf(local, hashes) !== NO_RECORD) return SPECIAL_NONE;
  if (longestSuffix(local.names, ZONE_SET, hashes) >= labels) return SPECIAL_NONE;
  return lookUpSpecial(local.special, hashes, qtype);
}

function groupByName(records: readonly LocalRecordData[]): LocalRecordData[] {
  return records
    .map((record) => ({ record, key: nameKey(record.name) }))
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0))
    .map(({ record }) => record);
}

function nameKey(name: Uint8Array): string {
  return name.join('.');
}
