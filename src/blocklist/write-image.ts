/**
 * The last step of a compilation: from the table of names to the image. Sets still in use are
 * renumbered, the table is copied in hash order.
 */

import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { sealImage } from '../lib/image.ts';
import {
  BUILD_HIGH,
  BUILD_LOW,
  BUILD_SET,
  BUILD_SLOT_WORDS,
  type BuildTable,
} from './build-table.ts';
import type { BlocklistImage } from './image.ts';
import { addToFilter, createBlocklistImage, SET_NUMBER_MAX, SET_WORDS } from './image.ts';
import { createSealedSection, type SealedPart } from './sealed/sealed-section.ts';
import type { SetRegistry } from './set-registry.ts';

/** Full slots among all slots of an image. */
const IMAGE_LOAD = 0.78;

export interface ImageSource {
  readonly seed: HashSeed;
  readonly table: BuildTable;
  readonly sets: SetRegistry;
  /** Fewest and most labels of a name; the fewest are more than the most where there is none. */
  readonly labelsMin: number;
  readonly labelsMax: number;
}

/** @throws AppError `COMPILE_LIMIT`, `COMPILE_COLLISION` */
export function writeImage(
  { seed, table, sets, labelsMin, labelsMax }: ImageSource,
  sealed: readonly SealedPart[],
): BlocklistImage {
  const numbers = renumberSets(table, sets.words.length / SET_WORDS);
  const setCount = numbers.used.length;
  const shape = {
    slotCount: Math.ceil(table.count / IMAGE_LOAD) + 1,
    nameCount: table.count,
    setCount,
    labelsMin: Math.min(labelsMin, labelsMax + 1),
    labelsMax,
  };
  const blocklist = createBlocklistImage(seed, shape, createSealedSection(sealed));
  for (const [number, old] of numbers.used.entries()) {
    const from = sets.words.subarray(old * SET_WORDS, (old + 1) * SET_WORDS);
    blocklist.sets.set(from, number * SET_WORDS);
  }
  writeSlots(table, blocklist, numbers.numberOf);
  sealImage(blocklist.image);
  return blocklist;
}

/** Numbers for the sets that names still have, in the order in which the table shows them. */
function renumberSets(
  table: BuildTable,
  buildSets: number,
): { numberOf: Uint32Array; used: readonly number[] } {
  const numberOf = new Uint32Array(buildSets);
  const used = [0];
  const { words } = table;
  for (let at = BUILD_SET; at < words.length; at += BUILD_SLOT_WORDS) {
    const set = words[at]!;
    if (set !== 0 && numberOf[set] === 0) numberOf[set] = used.push(set) - 1;
  }
  if (used.length - 1 > SET_NUMBER_MAX) {
    throw new AppError(
      'COMPILE_LIMIT',
      `Compiling the blocklists: ${used.length - 1} distinct sets of categories, an image holds ${SET_NUMBER_MAX}; use fewer categories that overlap`,
    );
  }
  return { numberOf, used };
}

function writeSlots(table: BuildTable, blocklist: BlocklistImage, numberOf: Uint32Array): void {
  const { words } = table;
  const { slots, slotCount, slotScale } = blocklist;
  for (let at = 0; at < words.length; at += BUILD_SLOT_WORDS) {
    const set = words[at + BUILD_SET]!;
    if (set === 0) continue;
    const low = words[at + BUILD_LOW]!;
    const high = words[at + BUILD_HIGH]!;
    let slot = Math.trunc(high * slotScale);
    for (; slots[slot * 2 + 1] !== 0; slot = slot + 1 === slotCount ? 0 : slot + 1) {
      if (slots[slot * 2] === low && slots[slot * 2 + 1]! >>> 16 === (high & 0xffff)) {
        throw new AppError(
          'COMPILE_COLLISION',
          'Compiling the blocklists: two names share a tag under this seed; a new seed is needed',
        );
      }
    }
    slots[slot * 2] = low;
    slots[slot * 2 + 1] = ((high & 0xffff) << 16) | numberOf[set]!;
    addToFilter(blocklist, low);
  }
}
