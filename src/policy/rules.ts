/**
 * A table of names: (set number, suffix of a name) → a number. Allow and deny names of all plans and
 * subscribers live in one such table inside the policy image; the resolver uses stand-alone ones for
 * special names, forward zones and local records.
 *
 *     word  0            slots, a power of two, at least one of them never used
 *           1            labels of the longest name: longer suffixes are not probed
 *           2, 3         zero
 *           4 + 4 · s    slot s: hash high · hash low · set number · value
 *
 * Open addressing, linear probing; the slot a key begins at is the lower bits of the high lane, mixed
 * with the set number: these tables are small, and whole numbers are quicker than multiply-shift.
 * Value 0 = never used, so values are 1 and above. A name covers itself
 * and everything below it, unless the caller asks for the whole name only. Names are not kept: the
 * hash is keyed and 64 bits long, and two names that share it are found here, while compiling.
 */

import type { SuffixHashes } from '../dns/suffix-hashes.ts';
import { createSuffixHashes, hashSuffixes } from '../dns/suffix-hashes.ts';
import { namesEqual } from '../dns/name.ts';
import { assert } from '../lib/assert.ts';
import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';

/** The words of a compiled table, stand-alone or a section of an image. */
export type NameTable = Uint32Array;

export interface NameTableEntry {
  /** 1 and above; 0 means "no set" and never matches. */
  readonly set: number;
  /** Lower-cased wire octets with the root. */
  readonly name: Uint8Array;
  /** 1 and above. */
  readonly value: number;
}

/** Values of rule sets. The greater value wins where a set holds a name twice: deny beats allow. */
export const RULE_NONE = 0;
export const RULE_ALLOW = 1;
/** Allowed also while the internet is off. */
export const RULE_ALWAYS = 2;
export const RULE_DENY = 3;

const HEADER_WORDS = 4;
const SLOT_WORDS = 4;
const SLOT_VALUE = 3;
const LOAD_MAX = 0.7;
/** Spreads the set number over the high lane (2^32 divided by the golden ratio). */
const SET_MULTIPLIER = 0x9e3779b1;

/**
 * Compiles a table. Of entries with the same set and name the greatest value stays.
 * @throws AppError `COMPILE_COLLISION` where two names share a hash: compile again with a new seed
 */
export function compileNameTable(entries: readonly NameTableEntry[], seed: HashSeed): NameTable {
  const slotCount = 2 ** Math.ceil(Math.log2(entries.length / LOAD_MAX + 1));
  const table = new Uint32Array(HEADER_WORDS + slotCount * SLOT_WORDS);
  table[0] = slotCount;
  const owners = new Array<Uint8Array | undefined>(slotCount);
  const hashes = createSuffixHashes();
  for (const { set, name, value } of entries) {
    assert(set > 0 && value > 0, 'sets and values of a name table are 1 and above');
    hashSuffixes(hashes, seed, name, 0);
    const labels = hashes.labelCount;
    const at = findSlot(table, set, hashes, labels);
    const slot = (at - HEADER_WORDS) / SLOT_WORDS;
    refuseCollision(owners[slot], name);
    owners[slot] = name;
    table[at] = hashes.high[labels]!;
    table[at + 1] = hashes.low[labels]!;
    table[at + 2] = set;
    table[at + 3] = Math.max(table[at + 3]!, value);
    table[1] = Math.max(table[1]!, labels);
  }
  return table;
}

/** The value of the longest suffix of the name that the set holds; 0 where it holds none. */
export function lookUpLongest(table: NameTable, set: number, hashes: SuffixHashes): number {
  if (set === 0) return 0;
  for (let labels = Math.min(hashes.labelCount, table[1]!); labels >= 0; labels--) {
    const value = lookUpSuffix(table, set, hashes, labels);
    if (value !== 0) return value;
  }
  return 0;
}

/** How many labels the longest suffix that the set holds has (0 = the root); −1 where it holds none. */
export function longestSuffix(table: NameTable, set: number, hashes: SuffixHashes): number {
  if (set === 0) return -1;
  for (let labels = Math.min(hashes.labelCount, table[1]!); labels >= 0; labels--) {
    if (lookUpSuffix(table, set, hashes, labels) !== 0) return labels;
  }
  return -1;
}

/** The value of the whole name in the set; 0 where the set does not hold it. */
export function lookUpExact(table: NameTable, set: number, hashes: SuffixHashes): number {
  return lookUpSuffix(table, set, hashes, hashes.labelCount);
}

/** The value of the suffix of exactly `labels` labels (at most `hashes.labelCount`); 0 where there is none. */
export function lookUpSuffix(
  table: NameTable,
  set: number,
  hashes: SuffixHashes,
  labels: number,
): number {
  return table[findSlot(table, set, hashes, labels) + SLOT_VALUE]!;
}

/**
 * Word offset of the slot that holds the key, or of the never used slot where the probe ends. The hash
 * is taken from the array here: handed over as two numbers it would be boxed.
 */
function findSlot(table: NameTable, set: number, hashes: SuffixHashes, labels: number): number {
  const high = hashes.high[labels]!;
  const low = hashes.low[labels]!;
  const last = table[0]! - 1;
  let slot = (high ^ Math.imul(set, SET_MULTIPLIER)) & last;
  for (;;) {
    const at = HEADER_WORDS + slot * SLOT_WORDS;
    if (table[at + SLOT_VALUE] === 0) return at;
    if (table[at] === high && table[at + 1] === low && table[at + 2] === set) return at;
    slot = (slot + 1) & last;
  }
}

/**
 * What is wrong with words that claim to be a table, or null. After this every probe ends, inside the
 * table, and every value is at most `valueMax`.
 */
export function findTableFault(table: NameTable, valueMax: number): string | null {
  const slotCount = table[0] ?? 0;
  const isPowerOfTwo = slotCount > 0 && (slotCount & (slotCount - 1)) === 0;
  if (!isPowerOfTwo || table.length !== HEADER_WORDS + slotCount * SLOT_WORDS) {
    return `${slotCount} slots do not fill ${table.length} words`;
  }
  let used = 0;
  for (let at = HEADER_WORDS + SLOT_VALUE; at < table.length; at += SLOT_WORDS) {
    const value = table[at]!;
    if (value > valueMax) return `the value ${value} is above ${valueMax}`;
    if (value !== 0) used++;
  }
  return used === slotCount ? 'no slot is free' : null;
}

/**
 * Two bits for each name of some tables, whatever its set: most names that are asked are in none of
 * them. Both bits lie in one word, so that a name costs one look.
 */
export type NameFilter = Uint32Array;

/** A filter of all names in the tables, a word a slot; its length is a power of two. */
export function createNameFilter(tables: readonly NameTable[]): NameFilter {
  const slotCount = tables.reduce((sum, table) => sum + table[0]!, 0);
  const words = 2 ** Math.ceil(Math.log2(slotCount));
  const filter = new Uint32Array(words);
  for (const table of tables) {
    for (let at = HEADER_WORDS; at < table.length; at += SLOT_WORDS) {
      const low = table[at + 1]!;
      const bits = (1 << (low & 31)) | (1 << ((low >>> 5) & 31));
      if (table[at + SLOT_VALUE] !== 0) filter[(low >>> 10) & (words - 1)]! |= bits;
    }
  }
  return filter;
}

/** False where no table of the filter holds the name or a suffix of it; true says nothing. */
export function mayHoldSuffix(filter: NameFilter, hashes: SuffixHashes): boolean {
  const { low, labelCount } = hashes;
  const last = filter.length - 1;
  for (let labels = 0; labels <= labelCount; labels++) {
    const hash = low[labels]!;
    const bits = (1 << (hash & 31)) | (1 << ((hash >>> 5) & 31));
    if ((filter[(hash >>> 10) & last]! & bits) === bits) return true;
  }
  return false;
}

function refuseCollision(owner: Uint8Array | undefined, name: Uint8Array): void {
  if (owner === undefined || namesEqual(owner, 0, name, 0)) return;
  throw new AppError(
    'COMPILE_COLLISION',
    'Compiling names: two names share a hash under this seed; a new seed separates them',
  );
}
