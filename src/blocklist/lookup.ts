/**
 * Which categories a name is in. One look-up serves every subscriber, since the answer does not
 * depend on a policy.
 *
 * The name's suffixes are walked from the shortest to the whole name, and a longer suffix has the
 * last word:
 *
 *     at each ancestor     mask = (mask & ~except) | below
 *     at the name itself   mask = (mask & ~except) | exact
 *
 * `exact` is what the lists say about the name alone, `below` about everything under it, `except`
 * what an exception takes away again. No allocation, no throw.
 */

import type { SuffixHashes } from '../dns/suffix-hashes.ts';
import { MASK_WORDS } from './category.ts';
import type { BlocklistImage } from './image.ts';
import { mayHold, SET_BELOW, SET_EXACT, SET_EXCEPT, SET_WORDS } from './image.ts';

/**
 * Fills `mask` with the categories of a name.
 * @param hashes of the name, made with the seed the image was compiled with
 * @param mask eight words, overwritten
 * @returns true where any category is set
 */
export function lookUpCategories(
  blocklist: BlocklistImage,
  hashes: SuffixHashes,
  mask: Uint32Array,
): boolean {
  for (let word = 0; word < MASK_WORDS; word++) mask[word] = 0;
  const whole = hashes.labelCount;
  const last = whole < blocklist.labelsMax ? whole : blocklist.labelsMax;
  let isFound = false;
  for (let suffix = blocklist.labelsMin; suffix <= last; suffix++) {
    if (!mayHold(blocklist, hashes.low[suffix]!)) continue;
    const set = findSet(blocklist, hashes, suffix);
    if (set === 0) continue;
    isFound = true;
    applySet(blocklist.sets, set * SET_WORDS, suffix === whole ? SET_EXACT : SET_BELOW, mask);
  }
  return isFound && hasAnyBit(mask);
}

/**
 * The same for what is below the name, wherever no list names it by itself: the name is an ancestor there,
 * and no name ends the walk. For who compares lists.
 */
export function lookUpBelow(
  blocklist: BlocklistImage,
  hashes: SuffixHashes,
  mask: Uint32Array,
): boolean {
  for (let word = 0; word < MASK_WORDS; word++) mask[word] = 0;
  const last = Math.min(hashes.labelCount, blocklist.labelsMax);
  for (let suffix = blocklist.labelsMin; suffix <= last; suffix++) {
    const set = findSet(blocklist, hashes, suffix);
    if (set !== 0) applySet(blocklist.sets, set * SET_WORDS, SET_BELOW, mask);
  }
  return hasAnyBit(mask);
}

/** The set number of one suffix, 0 where no list names it. The probe ends: a slot is always empty. */
function findSet(blocklist: BlocklistImage, hashes: SuffixHashes, suffix: number): number {
  const slots = blocklist.slots;
  const slotCount = blocklist.slotCount;
  const low = hashes.low[suffix]!;
  const high = hashes.high[suffix]!;
  const tag = high & 0xffff;
  let slot = (high * blocklist.slotScale) | 0;
  for (;;) {
    const word = slots[slot * 2 + 1]!;
    const set = word & 0xffff;
    if (set === 0) return 0;
    if (word >>> 16 === tag && slots[slot * 2] === low) return set;
    if (++slot === slotCount) slot = 0;
  }
}

/**
 * Where one suffix stands in the table, −1 where no list names it: for who counts names, once each.
 * The walk is that of `findSet`, which the query path has without this answer.
 */
export function findSlot(blocklist: BlocklistImage, hashes: SuffixHashes, suffix: number): number {
  const { slots, slotCount } = blocklist;
  const tag = hashes.high[suffix]! & 0xffff;
  let slot = (hashes.high[suffix]! * blocklist.slotScale) | 0;
  for (;;) {
    const word = slots[slot * 2 + 1]!;
    if ((word & 0xffff) === 0) return -1;
    if (word >>> 16 === tag && slots[slot * 2] === hashes.low[suffix]!) return slot;
    if (++slot === slotCount) slot = 0;
  }
}

function applySet(sets: Uint32Array, at: number, added: number, mask: Uint32Array): void {
  for (let word = 0; word < MASK_WORDS; word++) {
    mask[word] = (mask[word]! & ~sets[at + SET_EXCEPT + word]!) | sets[at + added + word]!;
  }
}

function hasAnyBit(mask: Uint32Array): boolean {
  let bits = 0;
  for (let word = 0; word < MASK_WORDS; word++) bits |= mask[word]!;
  return bits !== 0;
}
