/**
 * Which sealed lists hold a name. Names are known to them by keyed digests alone, and a digest costs as
 * much as a whole answer from the cache, so three things stand before it:
 *
 *     seen     most queries are for few names: one that was looked for before and is in no sealed list
 *              is known again by its hash. What is in one is never kept.
 *     labels   suffixes with fewer or more labels than any name of the list
 *     tags     the bit of the suffix's tag: of those that are not listed, one in 128 or less has it
 *
 * The digest is injected, since these floors know no cryptography. Nothing is allocated and nothing is
 * digested before a tag matches.
 */

import type { SuffixHashes } from '../../dns/suffix-hashes.ts';
import { createSuffixHashes, hashLabels } from '../../dns/suffix-hashes.ts';
import type { HashSeed } from '../../lib/half-siphash.ts';
import { setBit } from '../category.ts';
import { COVER_BELOW, COVER_EXACT } from '../formats/list-format.ts';
import { SEALED_ENTRY_WORDS, type SealedRecord } from './sealed-section.ts';

/**
 * A power of two; 1 MiB a worker. The ten thousand names that are 95 % of all queries find room, next to
 * none of them in a slot that two want.
 */
export const SEEN_SLOTS = 131_072;
const SEEN_WORDS = 2;

/**
 * Writes the first 16 octets of the keyed digest of a name as four words.
 * @param name lower-cased wire octets in [at, at + length), the root included
 */
export type DigestName = (name: Uint8Array, at: number, length: number, out: Uint32Array) => void;

export interface SealedKeys {
  /** Keys the suffix hash whose low lane is the tag. */
  readonly tagKey: HashSeed;
  readonly digest: DigestName;
}

interface SealedList {
  readonly record: SealedRecord;
  readonly tagLast: number;
  readonly keys: SealedKeys;
  /** Of the suffixes that can be in the list, under its own key. */
  readonly hashes: SuffixHashes;
}

export interface SealedLists {
  readonly lists: readonly SealedList[];
  /** `SEEN_WORDS` a slot: both lanes of the hash of a name that no sealed list holds. */
  readonly seen: Uint32Array;
  readonly digest: Uint32Array;
}

/** Null where there are no lists, so that a query path without them pays for one comparison. */
export function createSealedLists(
  records: readonly SealedRecord[],
  keysOf: (record: SealedRecord) => SealedKeys,
): SealedLists | null {
  if (records.length === 0) return null;
  const seen = new Uint32Array(SEEN_SLOTS * SEEN_WORDS);
  // No name is seen in a slot that is not its own.
  for (let slot = 0; slot < SEEN_SLOTS; slot++) seen[slot * SEEN_WORDS] = slot + 1;
  return {
    lists: records.map((record) => ({
      record,
      tagLast: 2 ** record.tagBits - 1,
      keys: keysOf(record),
      hashes: createSuffixHashes(),
    })),
    seen,
    digest: new Uint32Array(4),
  };
}

/**
 * Adds the categories of the sealed lists that hold a name to its mask.
 * @param name lower-cased wire octets from `at` on
 * @param hashes of the name, under the seed of the installation
 * @param mask eight words
 * @returns true where a bit was set
 */
export function addSealedCategories(
  sealed: SealedLists,
  name: Uint8Array,
  at: number,
  hashes: SuffixHashes,
  mask: Uint32Array,
): boolean {
  const { lists, seen, digest } = sealed;
  const low = hashes.low[hashes.labelCount]!;
  const high = hashes.high[hashes.labelCount]!;
  const slot = (low & (SEEN_SLOTS - 1)) * SEEN_WORDS;
  if (seen[slot] === low && seen[slot + 1] === high) return false;
  let isFound = false;
  for (let index = 0; index < lists.length; index++) {
    const list = lists[index]!;
    if (!holdsName(list, name, at, hashes, digest)) continue;
    setBit(mask, list.record.categoryBit);
    isFound = true;
  }
  if (isFound) return true;
  seen[slot] = low;
  seen[slot + 1] = high;
  return false;
}

/** The lists that hold a name, for `explain`; allocates. */
export function findSealedRecords(
  { lists, digest }: SealedLists,
  name: Uint8Array,
  at: number,
  hashes: SuffixHashes,
): SealedRecord[] {
  return lists
    .filter((list) => holdsName(list, name, at, hashes, digest))
    .map(({ record }) => record);
}

function holdsName(
  { record, tagLast, keys, hashes: tagHashes }: SealedList,
  name: Uint8Array,
  at: number,
  hashes: SuffixHashes,
  digest: Uint32Array,
): boolean {
  const { labelsMin, labelsMax, tags } = record;
  const { labelAt, labelCount: whole } = hashes;
  if (whole < labelsMin) return false;
  const last = whole < labelsMax ? whole : labelsMax;
  tagHashes.labelCount = last;
  for (let label = 0; label < last; label++) {
    tagHashes.labelAt[label] = labelAt[whole - last + label]!;
  }
  hashLabels(tagHashes, keys.tagKey, name, at);
  for (let suffix = labelsMin; suffix <= last; suffix++) {
    const tag = tagHashes.low[suffix]! & tagLast;
    if (((tags[tag >>> 5]! >>> (tag & 31)) & 1) === 0) continue;
    const end = endOfName(name, at, hashes);
    const start = at + labelAt[whole - suffix]!;
    keys.digest(name, start, end - start, digest);
    const needed = suffix === whole ? COVER_EXACT : COVER_BELOW;
    if ((findCoverage(record, digest) & needed) !== 0) return true;
  }
  return false;
}

/** Where a name ends, its root included. */
function endOfName(name: Uint8Array, at: number, { labelAt, labelCount }: SuffixHashes): number {
  const last = at + labelAt[labelCount - 1]!;
  return last + name[last]! + 2;
}

/** The coverage of the entry with this digest, 0 where there is none. Entries are in rising order. */
function findCoverage({ entries, names }: SealedRecord, digest: Uint32Array): number {
  let from = 0;
  let end = names;
  while (from < end) {
    const middle = (from + end) >>> 1;
    const order = compareEntry(entries, middle * SEALED_ENTRY_WORDS, digest);
    if (order === 0) return entries[middle * SEALED_ENTRY_WORDS + 4]!;
    if (order < 0) from = middle + 1;
    else end = middle;
  }
  return 0;
}

function compareEntry(entries: Uint32Array, at: number, digest: Uint32Array): number {
  for (let word = 0; word < 4; word++) {
    const difference = entries[at + word]! - digest[word]!;
    if (difference !== 0) return difference;
  }
  return 0;
}
