/**
 * The live subscriber table: address prefix → profile number. One writer (main), many readers
 * (workers), no locks. It is not an image: sessions come and go thousands of times a second.
 *
 *     word  0            magic "SGST"
 *           1            slots, at least one of them never used
 *           2 …  6       bit l: IPv6 prefixes of length l (0 to 128) are in use
 *           7 … 11       bit l: IPv4 prefixes of length l (96 to 128) are in use
 *          16 …          filter, four bits a slot: 0 = no prefix with this mix of its words was written
 *           … + 4 · s    slot s: three words of key · value
 *
 *     key    length ≤ 64     word 0 · word 1 · length
 *            longer, IPv4    hash, both lanes · word 3
 *     value  0               never used: the probe ends here
 *           −1               deleted: the probe goes on
 *            else            kind << 24 | profile number + 1; the kind is the prefix length, 129 to 254
 *                            are free for other client identities
 *
 * A slot never lies across two cache lines. Keys of IPv6 prefixes of up to 64 bits and
 * of IPv4 are exact; longer ones are told apart by 64 bits of keyed hash and the last 32 of the address.
 *
 * A slot's key never changes within one buffer. Insert writes it and then publishes the value
 * with `Atomics.store`; delete stores −1; a reader loads the value first and compares the key then,
 * so it sees either nothing or the whole entry. Length and filter bits are set before the first entry
 * that they stand for is published, and never cleared. At 70 % used the writer builds a new buffer
 * (`subscriber-writer`).
 *
 * Readers try each length in use, longest first. Most lengths do not hold the address; the filter,
 * an octet an entry, says so of most without a hash and without a look at the slots.
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
/** Of 32 slots; a multiple of a slot's words, so that slots stay aligned. */
const FILTER_WORDS = 4;
const SLOT_WORDS = 4;
const SLOT_VALUE = 3;
/** Prefixes of up to so many bits are their own key. */
const EXACT_LENGTH_MAX = 64;

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
  readonly slotCount: number;
  readonly filterBits: number;
  /** Index of the first slot's first word. */
  readonly slotsAt: number;
  /** Scratch of this reader: the key being probed, made of four words and the length, and its hash. */
  readonly key: Int32Array;
  readonly hash: Uint32Array;
}

/** A new table with `slotCount` slots. */
export function createSubscriberTable(slotCount: number, seed: HashSeed): SubscriberTable {
  const wordCount = HEADER_WORDS + filterWordsOf(slotCount) + slotCount * SLOT_WORDS;
  const buffer = new SharedArrayBuffer(wordCount * 4);
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
  const slotCount = words[WORD_SLOTS] ?? 0;
  const slotsAt = HEADER_WORDS + filterWordsOf(slotCount);
  if (words[0] !== MAGIC || words.length !== slotsAt + slotCount * SLOT_WORDS) {
    throw new AppError('IMAGE_DAMAGED', 'Opening a subscriber table: the header does not agree');
  }
  const filterBits = (slotsAt - HEADER_WORDS) * 32;
  const [key, hash] = [new Int32Array(5), new Uint32Array(2)];
  return { buffer, seed, words, slotCount, filterBits, slotsAt, key, hash };
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
      const length = word * 32 + bit;
      if (!mayHold(table, addresses, at, length)) continue;
      const profile = lookUpPrefix(table, addresses, at, length);
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
  const { words, slotCount, slotsAt, key } = table;
  let slot = firstSlot(table, addresses, at, length);
  for (;;) {
    const slotAt = slotsAt + slot * SLOT_WORDS;
    const value = Atomics.load(words, slotAt + SLOT_VALUE);
    if (value === VALUE_UNUSED) return -1;
    if (value !== VALUE_DELETED && value >>> KIND_SHIFT === length && holds(words, slotAt, key)) {
      return (value & PROFILE_BITS) - 1;
    }
    slot = slot + 1 === slotCount ? 0 : slot + 1;
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
  const slotAt = findSlotToWrite(table, prefix.words, prefix.length);
  const before = words[slotAt + SLOT_VALUE]!;
  if (before === VALUE_UNUSED) writeKey(words, slotAt, key);
  setLengthInUse(words, prefix);
  setFilterBit(table, slotAt, prefix.length);
  Atomics.store(words, slotAt + SLOT_VALUE, value);
  if (before === VALUE_UNUSED) return SLOT_TAKEN;
  return before === VALUE_DELETED ? SLOT_REUSED : SLOT_SAME;
}

/** Writer only: takes a prefix away. @returns false where it was not there */
export function erasePrefix(table: SubscriberTable, prefix: IpPrefix): boolean {
  const { words } = table;
  const slotAt = findSlotToWrite(table, prefix.words, prefix.length);
  const before = words[slotAt + SLOT_VALUE]!;
  if (before === VALUE_UNUSED || before === VALUE_DELETED) return false;
  Atomics.store(words, slotAt + SLOT_VALUE, VALUE_DELETED);
  return true;
}

/**
 * Writer only: copies the live entries of `count` slots, from slot `first` on, into a table that no
 * reader has yet. Lengths in use come along.
 * @returns how many of its slots were taken
 */
export function copySlots(
  from: SubscriberTable,
  to: SubscriberTable,
  first: number,
  count: number,
): number {
  const end = from.slotsAt + Math.min(first + count, from.slotCount) * SLOT_WORDS;
  for (let word = WORD_LENGTHS_IPV6; word < WORD_LENGTHS_IPV4 + LENGTH_WORDS; word++) {
    to.words[word] = to.words[word]! | from.words[word]!;
  }
  let taken = 0;
  for (let slotAt = from.slotsAt + first * SLOT_WORDS; slotAt < end; slotAt += SLOT_WORDS) {
    const value = from.words[slotAt + SLOT_VALUE]!;
    if (value !== VALUE_UNUSED && value !== VALUE_DELETED) taken += copySlot(from, to, slotAt);
  }
  return taken;
}

function copySlot(from: SubscriberTable, to: SubscriberTable, slotAt: number): number {
  const { words, key } = to;
  const value = from.words[slotAt + SLOT_VALUE]!;
  const length = value >>> KIND_SHIFT;
  for (let word = 0; word < SLOT_VALUE; word++) key[word] = from.words[slotAt + word]!;
  if (length <= EXACT_LENGTH_MAX) hashWords(to.seed, key, 0, 3, to.hash);
  else to.hash[0] = key[0]!;
  const targetAt = probeToWrite(to, slotOfHash(to), length);
  const isTaken = words[targetAt + SLOT_VALUE] === VALUE_UNUSED;
  writeKey(words, targetAt, key);
  setFilterBit(to, targetAt, length);
  words[targetAt + SLOT_VALUE] = value;
  return isTaken ? 1 : 0;
}

/** Where a prefix is or may be written, as `probeToWrite` says. Leaves the key in `table.key`. */
function findSlotToWrite(
  table: SubscriberTable,
  addresses: ArrayLike<number>,
  length: number,
): number {
  return probeToWrite(table, firstSlot(table, addresses, 0, length), length);
}

/**
 * The slot of the live entry; else of a deleted one with the same key, which may be written again;
 * else the never used one where the probe ends.
 */
function probeToWrite(table: SubscriberTable, first: number, length: number): number {
  const { words, slotCount, slotsAt, key } = table;
  let slot = first;
  let deletedAt = -1;
  for (;;) {
    const slotAt = slotsAt + slot * SLOT_WORDS;
    const value = words[slotAt + SLOT_VALUE]!;
    if (value === VALUE_UNUSED) return deletedAt >= 0 ? deletedAt : slotAt;
    if (holds(words, slotAt, key)) {
      if (value === VALUE_DELETED && deletedAt < 0) deletedAt = slotAt;
      if (value !== VALUE_DELETED && value >>> KIND_SHIFT === length) return slotAt;
    }
    slot = slot + 1 === slotCount ? 0 : slot + 1;
  }
}

/** Makes the key of the masked address in `table.key`, and picks the slot by its hash. */
function firstSlot(
  table: SubscriberTable,
  addresses: ArrayLike<number>,
  at: number,
  length: number,
): number {
  const { seed, key, hash } = table;
  const maskAt = length * 4;
  key[0] = addresses[at]! & PREFIX_MASKS[maskAt]!;
  key[1] = addresses[at + 1]! & PREFIX_MASKS[maskAt + 1]!;
  if (length <= EXACT_LENGTH_MAX) {
    key[2] = length;
    hashWords(seed, key, 0, 3, hash);
    return slotOfHash(table);
  }
  key[2] = addresses[at + 2]! & PREFIX_MASKS[maskAt + 2]!;
  key[3] = addresses[at + 3]! & PREFIX_MASKS[maskAt + 3]!;
  key[4] = length;
  if (isIpv4Words(key)) hashWords(seed, key, 3, 2, hash);
  else hashWords(seed, key, 0, 5, hash);
  key[0] = hash[0]!;
  key[1] = hash[1]!;
  key[2] = key[3];
  return slotOfHash(table);
}

/** By multiply-shift of the upper lane. */
function slotOfHash({ hash, slotCount }: SubscriberTable): number {
  return (hash[0]! * slotCount * 2 ** -32) >>> 0;
}

function writeKey(words: Int32Array, slotAt: number, key: Int32Array): void {
  for (let word = 0; word < SLOT_VALUE; word++) words[slotAt + word] = key[word]!;
}

function holds(words: Int32Array, slotAt: number, key: Int32Array): boolean {
  return words[slotAt] === key[0] && words[slotAt + 1] === key[1] && words[slotAt + 2] === key[2];
}

/** False where no prefix of this length holds the address; true where one may. */
function mayHold(
  table: SubscriberTable,
  addresses: Uint32Array,
  at: number,
  length: number,
): boolean {
  const maskAt = length * 4;
  const bit =
    length <= EXACT_LENGTH_MAX
      ? filterBitOf(
          table,
          addresses[at]! & PREFIX_MASKS[maskAt]!,
          addresses[at + 1]! & PREFIX_MASKS[maskAt + 1]!,
          length,
        )
      : filterBitOf(table, addresses[at + 3]! & PREFIX_MASKS[maskAt + 3]!, 0, length);
  return (table.words[HEADER_WORDS + (bit >>> 5)]! & (1 << (bit & 31))) !== 0;
}

/** From the key in a slot, which holds all that `mayHold` goes by. */
function setFilterBit(table: SubscriberTable, slotAt: number, length: number): void {
  const { words } = table;
  const bit =
    length <= EXACT_LENGTH_MAX
      ? filterBitOf(table, words[slotAt]!, words[slotAt + 1]!, length)
      : filterBitOf(table, words[slotAt + 2]!, 0, length);
  const filterAt = HEADER_WORDS + (bit >>> 5);
  words[filterAt] = words[filterAt]! | (1 << (bit & 31));
}

/** A mix without a key: whoever makes others meet here makes them no slower than without a filter. */
function filterBitOf(table: SubscriberTable, high: number, low: number, length: number): number {
  let mix = Math.imul(high ^ Math.imul(low ^ (length << 24), 0x9e3779b1), 0x85ebca6b);
  mix = Math.imul(mix ^ (mix >>> 15), 0xc2b2ae35);
  return ((mix >>> 0) * table.filterBits * 2 ** -32) >>> 0;
}

function filterWordsOf(slotCount: number): number {
  return Math.ceil(slotCount / 32) * FILTER_WORDS;
}

function setLengthInUse(words: Int32Array, { words: address, length }: IpPrefix): void {
  const isIpv4 = length >= 96 && isIpv4Words(address);
  const at = (isIpv4 ? WORD_LENGTHS_IPV4 : WORD_LENGTHS_IPV6) + (length >>> 5);
  words[at] = words[at]! | (1 << (length & 31));
}
