/**
 * The blocklist image: all names of all lists, each with the set of what the lists say about it.
 *
 *     section 0, parameters     word 0 slot count      1 names           2 sets, set 0 included
 *                                    3 fewest labels   4 most labels of a name in the table
 *
 *     section 1, slots          one open-addressing table, two words a slot, linear probing:
 *
 *          word 0  │           low lane of the hash            │
 *          word 1  │ low half of the high lane │  set number   │      set number 0 = empty
 *                  31                       16  15            0
 *
 *       A name's home slot is `high lane × slot count / 2³²` (multiply-shift), so any slot count
 *       serves and the order of the slots is the order of the hashes. The 48 bits kept in the slot
 *       are the tag; the compiler has made sure that no two names of the image share one where a
 *       look-up could meet both. Two thirds to four fifths of the slots are full, the rest end probes.
 *
 *     section 2, sets           24 words each: eight `exact`, eight `below`, eight `except`
 *
 *       Few sets serve millions of names, since most lists agree: "adult, the name and below" is one.
 *       Set 0 is all zero. `lookup` says how the three masks are read.
 *
 *     section 3, filter         a power of two of words, 6 to 12 bits a name
 *
 *       The bit that the low lane of a name's hash chooses is set. Most suffixes that are asked for are
 *       in no list, and for most of them this bit says so, from a seventh of the memory or less and
 *       without the probe, which is longest for what is not there.
 *
 *     section 4, sealed lists   drawn in `sealed/sealed-section`; empty where there are none
 *
 * `compile` writes this layout, `lookup` reads it, nobody else knows it.
 */

import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { seedIdOf } from '../lib/half-siphash.ts';
import type { Image } from '../lib/image.ts';
import {
  createImage,
  IMAGE_BLOCKLIST,
  openImage,
  sealImage,
  sectionLength,
  sectionWords,
  trustImage,
} from '../lib/image.ts';
import { MASK_WORDS } from './category.ts';
import { findSectionFault } from './sealed/sealed-section.ts';

export const BLOCKLIST_IMAGE_VERSION = 3;

export const SET_WORDS = 3 * MASK_WORDS;
/** Where the masks stand in a set. */
export const SET_EXACT = 0;
export const SET_BELOW = MASK_WORDS;
export const SET_EXCEPT = 2 * MASK_WORDS;
/** Set numbers have 16 bits, and 0 means an empty slot. */
export const SET_NUMBER_MAX = 65_535;

const PARAMETER_WORDS = 5;
const SECTION_PARAMETERS = 0;
const SECTION_SLOTS = 1;
const SECTION_SETS = 2;
const SECTION_FILTER = 3;
const SECTION_SEALED = 4;
const SECTIONS = 5;
const FILTER_BITS_PER_NAME_MIN = 6;

export interface BlocklistImage {
  readonly image: Image;
  readonly slots: Uint32Array;
  readonly sets: Uint32Array;
  readonly filter: Uint32Array;
  /** Words of the filter less one: the mask of a word's index. */
  readonly filterLast: number;
  readonly slotCount: number;
  /** `slotCount / 2³²`, exact in a double: the multiplier of the home slot. */
  readonly slotScale: number;
  readonly nameCount: number;
  readonly setCount: number;
  /** Suffixes with fewer or more labels than these are in no slot and need no probe. */
  readonly labelsMin: number;
  readonly labelsMax: number;
  /** Of lists whose names nobody knows (`sealed/sealed-section`); empty where there are none. */
  readonly sealed: Uint32Array;
}

export interface BlocklistShape {
  readonly slotCount: number;
  readonly nameCount: number;
  readonly setCount: number;
  readonly labelsMin: number;
  readonly labelsMax: number;
}

/**
 * Allocates an image whose slots and sets are still zero; the caller fills and seals it.
 * @param sealed words of `createSealedSection`
 */
export function createBlocklistImage(
  seed: HashSeed,
  shape: BlocklistShape,
  sealed: Uint32Array = new Uint32Array(0),
): BlocklistImage {
  const image = createImage(IMAGE_BLOCKLIST, BLOCKLIST_IMAGE_VERSION, seedIdOf(seed), [
    PARAMETER_WORDS * 4,
    shape.slotCount * 8,
    shape.setCount * SET_WORDS * 4,
    filterWordsFor(shape.nameCount) * 4,
    sealed.byteLength,
  ]);
  sectionWords(image, SECTION_SEALED).set(sealed);
  sectionWords(image, SECTION_PARAMETERS).set([
    shape.slotCount,
    shape.nameCount,
    shape.setCount,
    shape.labelsMin,
    shape.labelsMax,
  ]);
  return viewBlocklistImage(image);
}

function filterWordsFor(nameCount: number): number {
  return 2 ** Math.ceil(Math.log2(Math.max(1, (nameCount * FILTER_BITS_PER_NAME_MIN) / 32)));
}

/** Sets the bit of a name. @param low lane of its hash */
export function addToFilter(blocklist: BlocklistImage, low: number): void {
  const word = (low >>> 5) & blocklist.filterLast;
  blocklist.filter[word] = blocklist.filter[word]! | (1 << (low & 31));
}

/** False: no list names what has this hash. True says nothing. */
export function mayHold(blocklist: BlocklistImage, low: number): boolean {
  return ((blocklist.filter[(low >>> 5) & blocklist.filterLast]! >>> (low & 31)) & 1) !== 0;
}

/** An image without names: the state before the first list. */
export function emptyBlocklistImage(seed: HashSeed): BlocklistImage {
  const shape = { slotCount: 1, nameCount: 0, setCount: 1, labelsMin: 1, labelsMax: 0 };
  const blocklist = createBlocklistImage(seed, shape);
  sealImage(blocklist.image);
  return blocklist;
}

/**
 * Opens an image that was just compiled or comes from the disk, and checks all of it.
 * @throws AppError `IMAGE_DAMAGED`
 */
export function openBlocklistImage(buffer: SharedArrayBuffer): BlocklistImage {
  const image = openImage(buffer, IMAGE_BLOCKLIST, BLOCKLIST_IMAGE_VERSION);
  const fault = findFault(image);
  if (fault !== null) throw new AppError('IMAGE_DAMAGED', `Opening a blocklist image: ${fault}`);
  return viewBlocklistImage(image);
}

/**
 * The same for an image that another thread of this process has opened: nothing but its header is
 * checked again.
 */
export function trustBlocklistImage(buffer: SharedArrayBuffer): BlocklistImage {
  return viewBlocklistImage(trustImage(buffer, IMAGE_BLOCKLIST, BLOCKLIST_IMAGE_VERSION));
}

function viewBlocklistImage(image: Image): BlocklistImage {
  const parameters = sectionWords(image, SECTION_PARAMETERS);
  const slotCount = parameters[0]!;
  const filter = sectionWords(image, SECTION_FILTER);
  return {
    image,
    slots: sectionWords(image, SECTION_SLOTS),
    sets: sectionWords(image, SECTION_SETS),
    filter,
    filterLast: filter.length - 1,
    slotCount,
    slotScale: slotCount / 2 ** 32,
    nameCount: parameters[1]!,
    setCount: parameters[2]!,
    labelsMin: parameters[3]!,
    labelsMax: parameters[4]!,
    sealed: sectionWords(image, SECTION_SEALED),
  };
}

/** What would make a look-up leave the table or never end. */
function findFault(image: Image): string | null {
  if (image.words[3] !== SECTIONS) {
    return `it has ${image.words[3]!} sections, expected ${SECTIONS}`;
  }
  if (sectionLength(image, SECTION_PARAMETERS) !== PARAMETER_WORDS * 4) {
    return 'the parameters are cut';
  }
  const blocklist = viewBlocklistImage(image);
  if (blocklist.slots.length !== blocklist.slotCount * 2) return 'the slots do not agree';
  if (blocklist.sets.length !== blocklist.setCount * SET_WORDS) return 'the sets do not agree';
  if (blocklist.filter.length !== filterWordsFor(blocklist.nameCount)) {
    return 'the filter does not agree';
  }
  if (blocklist.nameCount >= blocklist.slotCount) return 'no slot is empty';
  const sealedFault = findSectionFault(blocklist.sealed);
  if (sealedFault !== null) return sealedFault;
  let used = 0;
  for (let word = 1; word < blocklist.slots.length; word += 2) {
    const set = blocklist.slots[word]! & 0xffff;
    if (set >= blocklist.setCount) return `slot ${word >>> 1} names set ${set}, which is none`;
    if (set === 0) continue;
    if (!mayHold(blocklist, blocklist.slots[word - 1]!)) return 'the filter leaves a name out';
    used++;
  }
  return used === blocklist.nameCount ? null : `it says ${blocklist.nameCount} names, has ${used}`;
}
