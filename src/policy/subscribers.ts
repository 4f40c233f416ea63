/**
 * The live subscriber table: address prefix → profile number. One writer (main), many readers
 * (workers), no locks. It is not an image: sessions come and go thousands of times a second.
 *
 *     word  0            magic "SGST"
 *           1            slots, at least one of them never used
 *           2 …  6       bit l: IPv6 prefixes of length l (0 to 128) are in use
 *           7 … 11       bit l: IPv4 prefixes of length l (96 to 128) are in use
 *          16 + 5 · s    slot s: four words of the prefix · value
 *
 *     value  0           never used: the probe ends here
 *           −1           deleted: the probe goes on
 *           else         kind << 24 | profile number + 1; the kind is the prefix length, 129 to 254
 *                        are free for other client identities
 *
 * A slot's four words never change within one buffer. Insert writes them and then publishes the value
 * with `Atomics.store`; delete stores −1; a reader loads the value first and compares the words then,
 * so it sees either nothing or the whole entry. Length bits are set before the first entry of that
 * length is published. At 70 % used the writer builds a new buffer (`subscriber-writer`).
 *
 * Readers try each length in use, longest first: the key is the masked address and the length.
 */

import type { HashSeed } from '../lib/half-siphash.ts';
import { hashWords } from '../lib/half-siphash.ts';
import type { IpPrefix } from '../lib/ip-address.ts';
import { isIpv4Words, PREFIX_MASKS } from '../lib/ip-address.ts';
import { assert } from '../lib/assert.ts';
import { AppError } from '../lib/errors.ts';

const MAGIC = 0x54534753;
const WORD_SLOTS = 1;
const WORD_LENGTHS_IPV6 = 2;
const WORD_LENGTHS_IPV4 = 7;
const LENGTH_WORDS = 5;
const HEADER_WORDS = 16;
const SLOT_WORDS = 5;
const SLOT_VALUE = 4;

const VALUE_UNUSED = 0;
const VALUE_DELETED = -1;
const KIND_SHIFT = 24;
const PROFILE_BITS = 0xffffff;
/** The greatest profile number that a slot can hold. */
export const PROFILE_NUMBER_MAX = PROFILE_BITS - 1;

export interface SubscriberTable {
  readonly buffer: SharedArrayBuffer;
  readonly seed: HashSeed;
  readonly words: Int32Array;
  /** Scratch of this reader: the key being probed (four words and the length) and its hash. */
  readonly key: Int32Array;
  readonly hash: Uint32Array;
}

/** A new table with `slotCount` slots. */
export function createSubscriberTable(slotCount: number, seed: HashSeed): SubscriberTable {
  const buffer = new SharedArrayBuffer((HEADER_WORDS + slotCount * SLOT_WORDS) * 4);
  const words = new Int32Array(buffer);
  words[0] = MAGIC;
  words[WORD_SLOTS] = slotCount;
  return openSubscriberTable(buffer, seed);
}

/**
 * A view of a buffer that the writer published. Views of one buffer share nothing but its memory.
 * @param seed the one the table was created with; it does not travel in the buffer
 * @throws AppError `IMAGE_DAMAGED` for a buffer that is no subscriber table
 */
export function openSubscriberTable(buffer: SharedArrayBuffer, seed: HashSeed): SubscriberTable {
  const words = new Int32Array(buffer);
  const expected = HEADER_WORDS + (words[WORD_SLOTS] ?? 0) * SLOT_WORDS;
  if (words[0] !== MAGIC || words.length !== expected) {
    throw new AppError('IMAGE_DAMAGED', 'Opening a subscriber table: the header does not agree');
  }
  return { buffer, seed, words, key: new Int32Array(SLOT_WORDS), hash: new Uint32Array(2) };
}

/**
 * The profile number of the longest prefix that holds the address, or −1.
 * @param addresses four words from `at` on, IPv4 as ::ffff:a.b.c.d
 */
export function lookUpAddress(table: SubscriberTable, addresses: Uint32Array, at: number): number {
  const { words } = table;
  const lengthsAt = isIpv4Words(addresses, at) ? WORD_LENGTHS_IPV4 : WORD_LENGTHS_IPV6;
  for (let word = LENGTH_WORDS - 1; word >= 0; word--) {
    let lengths = words[lengthsAt + word]!;
    while (lengths !== 0) {
      const bit = 31 - Math.clz32(lengths);
      lengths ^= 1 << bit;
      const profile = lookUpPrefix(table, addresses, at, word * 32 + bit);
      if (profile >= 0) return profile;
    }
  }
  return -1;
}

/** The profile number of exactly this prefix, or −1; octets of the address past the length are ignored. */
export function lookUpPrefix(
  table: SubscriberTable,
  addresses: ArrayLike<number>,
  at: number,
  length: number,
): number {
  const { words, key } = table;
  let slot = firstSlot(table, addresses, at, length);
  for (;;) {
    const slotAt = HEADER_WORDS + slot * SLOT_WORDS;
    const value = Atomics.load(words, slotAt + SLOT_VALUE);
    if (value === VALUE_UNUSED) return -1;
    if (value !== VALUE_DELETED && value >>> KIND_SHIFT === length && holds(words, slotAt, key)) {
      return (value & PROFILE_BITS) - 1;
    }
    slot = slot + 1 === words[WORD_SLOTS]! ? 0 : slot + 1;
  }
}

/** What a write did to the slots. */
export const SLOT_SAME = 0;
export const SLOT_TAKEN = 1;
export const SLOT_REUSED = 2;

/**
 * Writer only: publishes a prefix, or gives it another profile. The table must have a slot to spare.
 * @returns `SLOT_SAME` where the prefix was there, `SLOT_TAKEN` or `SLOT_REUSED` (of a deleted entry)
 */
export function writePrefix(table: SubscriberTable, prefix: IpPrefix, profile: number): number {
  assert(profile >= 0 && profile <= PROFILE_NUMBER_MAX, 'profile numbers fit 24 bits');
  const { words, key } = table;
  const value = (prefix.length << KIND_SHIFT) | (profile + 1);
  const slotAt = findSlotToWrite(table, prefix);
  const before = words[slotAt + SLOT_VALUE]!;
  if (before === VALUE_UNUSED)
    for (let word = 0; word < 4; word++) words[slotAt + word] = key[word]!;
  setLengthInUse(words, prefix);
  Atomics.store(words, slotAt + SLOT_VALUE, value);
  if (before === VALUE_UNUSED) return SLOT_TAKEN;
  return before === VALUE_DELETED ? SLOT_REUSED : SLOT_SAME;
}

/** Writer only: takes a prefix away. @returns false where it was not there */
export function erasePrefix(table: SubscriberTable, prefix: IpPrefix): boolean {
  const { words } = table;
  const slotAt = findSlotToWrite(table, prefix);
  const before = words[slotAt + SLOT_VALUE]!;
  if (before === VALUE_UNUSED || before === VALUE_DELETED) return false;
  Atomics.store(words, slotAt + SLOT_VALUE, VALUE_DELETED);
  return true;
}

/** Calls back with every entry; only the writer's thread may ask. */
export function forEachPrefix(
  table: SubscriberTable,
  visit: (prefix: IpPrefix, profile: number) => void,
): void {
  const { words } = table;
  for (let slotAt = HEADER_WORDS; slotAt < words.length; slotAt += SLOT_WORDS) {
    const value = words[slotAt + SLOT_VALUE]!;
    if (value === VALUE_UNUSED || value === VALUE_DELETED) continue;
    const word = (index: number): number => words[slotAt + index]! >>> 0;
    const prefix = {
      words: [word(0), word(1), word(2), word(3)],
      length: value >>> KIND_SHIFT,
    } as const;
    visit(prefix, (value & PROFILE_BITS) - 1);
  }
}

/**
 * The slot of the live entry; else of a deleted one with the same words, which may be written again;
 * else the never used one where the probe ends. Leaves the key in `table.key`.
 */
function findSlotToWrite(table: SubscriberTable, prefix: IpPrefix): number {
  const { words, key } = table;
  let slot = firstSlot(table, prefix.words, 0, prefix.length);
  let deletedAt = -1;
  for (;;) {
    const slotAt = HEADER_WORDS + slot * SLOT_WORDS;
    const value = words[slotAt + SLOT_VALUE]!;
    if (value === VALUE_UNUSED) return deletedAt >= 0 ? deletedAt : slotAt;
    if (holds(words, slotAt, key)) {
      if (value === VALUE_DELETED && deletedAt < 0) deletedAt = slotAt;
      if (value !== VALUE_DELETED && value >>> KIND_SHIFT === prefix.length) return slotAt;
    }
    slot = slot + 1 === words[WORD_SLOTS]! ? 0 : slot + 1;
  }
}

/** Puts the masked address and the length into `table.key`, hashes them, and picks the slot by multiply-shift. */
function firstSlot(
  table: SubscriberTable,
  addresses: ArrayLike<number>,
  at: number,
  length: number,
): number {
  const { key, hash, words } = table;
  for (let word = 0; word < 4; word++) {
    key[word] = addresses[at + word]! & PREFIX_MASKS[length * 4 + word]!;
  }
  key[4] = length;
  hashWords(table.seed, key, 0, SLOT_WORDS, hash);
  return (hash[0]! * words[WORD_SLOTS]! * 2 ** -32) >>> 0;
}

function holds(words: Int32Array, slotAt: number, key: Int32Array): boolean {
  return (
    words[slotAt] === key[0] &&
    words[slotAt + 1] === key[1] &&
    words[slotAt + 2] === key[2] &&
    words[slotAt + 3] === key[3]
  );
}

function setLengthInUse(words: Int32Array, { words: address, length }: IpPrefix): void {
  const isIpv4 = length >= 96 && isIpv4Words(address);
  const at = (isIpv4 ? WORD_LENGTHS_IPV4 : WORD_LENGTHS_IPV6) + (length >>> 5);
  words[at] = words[at]! | (1 << (length & 31));
}
