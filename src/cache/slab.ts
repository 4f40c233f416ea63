/**
 * The memory of the cache: allocated once, bounded in octets, never fragmented. Eviction is S3-FIFO
 * (Yang et al., "FIFO queues are all you need for cache eviction", SOSP 2023), whose two queues are
 * here two rings of entries of any length.
 *
 *     words    │ small: a tenth │ main: the rest                          │
 *                tail ─▶ oldest … newest ◀─ head      (each ring, wrapping round)
 *
 *     store ──▶ small ──not looked up since──▶ dropped, its hash left in `ghosts`
 *                 └──────looked up──────────▶ main ──not looked up since──▶ dropped
 *                                              └────looked up──▶ to main's head, one visit less
 *     store of what `ghosts` remembers ──▶ main        (all go to main until it has once been full)
 *
 * A flood of names that are asked once passes through the small ring and leaves the main ring
 * alone. An entry never moves in memory but when its ring's tail reaches it, so what a look-up
 * found holds until the next store.
 *
 *     buckets  hash → first entry, chained through WORD_NEXT; 0 = none (no entry lies at word 0)
 */

import { assert } from '../lib/assert.ts';
import {
  DEAD,
  SIZE_BITS,
  VISIT,
  VISITS_BITS,
  WORD_HASH,
  WORD_LOOKS,
  WORD_NEXT,
  WORD_SIZE,
} from './entry.ts';

/** One bucket for this many octets: about as many buckets as entries. */
const BYTES_PER_BUCKET = 128;
/** Work bound: so many visited entries are kept to make room once; then they go like the others. */
const KEEPS_MAX = 32;
/** The small ring must hold several of the longest entries. */
export const SLAB_BYTES_MIN = 1 << 20;

interface Ring {
  readonly begin: number;
  readonly end: number;
  /** Where the next entry goes. */
  head: number;
  /** The oldest entry. */
  tail: number;
  used: number;
}

export interface Slab {
  /** Signed: V8 computes with whole numbers of 32 bits where none passes 2³¹. */
  readonly words: Int32Array;
  /** The same memory as octets. */
  readonly bytes: Uint8Array;
  readonly buckets: Int32Array;
  readonly ghosts: Int32Array;
  readonly small: Ring;
  readonly main: Ring;
  entryCount: number;
  /** Entries dropped to make room, since the start. */
  evictionCount: number;
}

/** @param bytesMax octets in all, tables included; at least `SLAB_BYTES_MIN` */
export function createSlab(bytesMax: number): Slab {
  assert(bytesMax >= SLAB_BYTES_MIN, `a slab has at least ${SLAB_BYTES_MIN} octets`);
  const bucketCount = 2 ** Math.floor(Math.log2(bytesMax / BYTES_PER_BUCKET));
  const wordCount = Math.floor(bytesMax / 4) - bucketCount * 2;
  const words = new Int32Array(wordCount);
  const smallEnd = Math.floor(wordCount / 10);
  return {
    words,
    bytes: new Uint8Array(words.buffer),
    buckets: new Int32Array(bucketCount),
    ghosts: new Int32Array(bucketCount),
    small: createRing(1, smallEnd),
    main: createRing(smallEnd, wordCount),
    entryCount: 0,
    evictionCount: 0,
  };
}

function createRing(begin: number, end: number): Ring {
  return { begin, end, head: begin, tail: begin, used: 0 };
}

/**
 * The place of a new entry, linked under its hash: that of the older one to the same question where
 * both are as long, else a new one. All words but size, hash and looks are the caller's to write.
 * It evicts what it must: every entry found before may have moved or gone.
 *
 * @param older entry to be replaced, 0 = none
 * @param size words, at most a quarter of the small ring
 */
export function placeEntry(slab: Slab, older: number, hash: number, size: number): number {
  const { words, ghosts, main } = slab;
  if (older !== 0 && words[older + WORD_SIZE] === size) {
    words[older + WORD_LOOKS] = words[older + WORD_LOOKS]! & VISITS_BITS;
    return older;
  }
  const isRemembered = ghosts[hash & (ghosts.length - 1)] === ghostOf(hash);
  const isKnown = isRemembered || older >= main.begin;
  if (older !== 0) dropEntry(slab, older);
  return addEntry(slab, hash, size, isKnown);
}

/** The first entry that may have this hash, 0 = none; further ones by `WORD_NEXT`. */
export function firstEntry(slab: Slab, hash: number): number {
  return slab.buckets[bucketOf(slab, hash)]!;
}

/** Nobody finds the entry any more; its memory comes back when its ring reaches it. */
export function dropEntry(slab: Slab, entry: number): void {
  redirect(slab, entry, slab.words[entry + WORD_NEXT]!);
  slab.words[entry + WORD_SIZE] = slab.words[entry + WORD_SIZE]! | DEAD;
  slab.entryCount--;
}

/** @param isKnown asked for before: it goes to the main ring at once */
function addEntry(slab: Slab, hash: number, size: number, isKnown: boolean): number {
  const entry = reserve(slab, isKnown ? slab.main : slab.small, size);
  const { words, buckets } = slab;
  const bucket = bucketOf(slab, hash);
  words[entry + WORD_SIZE] = size;
  words[entry + WORD_HASH] = hash;
  words[entry + WORD_LOOKS] = 0;
  words[entry + WORD_NEXT] = buckets[bucket]!;
  buckets[bucket] = entry;
  slab.entryCount++;
  return entry;
}

function bucketOf(slab: Slab, hash: number): number {
  return hash & (slab.buckets.length - 1);
}

/** Never 0, the empty ghost. */
function ghostOf(hash: number): number {
  return hash | 1;
}

/** Whoever points to the entry, its bucket or the entry before it, points to `to` from now on. */
function redirect(slab: Slab, entry: number, to: number): void {
  const { words, buckets } = slab;
  const bucket = bucketOf(slab, words[entry + WORD_HASH]!);
  if (buckets[bucket] === entry) {
    buckets[bucket] = to;
    return;
  }
  let before = buckets[bucket]!;
  while (words[before + WORD_NEXT] !== entry) before = words[before + WORD_NEXT]!;
  words[before + WORD_NEXT] = to;
}

/** The offset of `size` free words in one piece, already counted as used. */
function reserve(slab: Slab, ring: Ring, size: number): number {
  let keeps = KEEPS_MAX;
  for (let room = roomAtHead(ring); room < size; room = roomAtHead(ring)) {
    if (ring.used > 0 && ring.head <= ring.tail) {
      if (evictOldest(slab, ring, keeps > 0)) keeps--;
    } else {
      skipToBegin(slab, ring, room);
    }
  }
  const entry = ring.head;
  ring.head += size;
  ring.used += size;
  return entry;
}

/** Free words from the head on, up to the tail or the end of the ring. */
function roomAtHead(ring: Ring): number {
  if (ring.used === 0) {
    ring.head = ring.begin;
    ring.tail = ring.begin;
    return ring.end - ring.begin;
  }
  return ring.head <= ring.tail ? ring.tail - ring.head : ring.end - ring.head;
}

/** Fills the rest of the ring with a dead entry. */
function skipToBegin(slab: Slab, ring: Ring, room: number): void {
  if (room > 0) slab.words[ring.head + WORD_SIZE] = room | DEAD;
  ring.used += room;
  ring.head = ring.begin;
}

/** Takes the oldest entry off its ring; true where it was kept, further up or in the main ring. */
function evictOldest(slab: Slab, ring: Ring, mayKeep: boolean): boolean {
  const { words } = slab;
  const entry = ring.tail;
  const head = words[entry + WORD_SIZE]!;
  const size = head & SIZE_BITS;
  ring.tail += size;
  if (ring.tail === ring.end) ring.tail = ring.begin;
  ring.used -= size;
  if (head < 0) return false;
  const isWanted = (words[entry + WORD_LOOKS]! & VISITS_BITS) !== 0;
  if (mayKeep && (isWanted || (ring === slab.small && isRoomy(slab.main)))) {
    keep(slab, ring, entry, size);
    return true;
  }
  if (ring === slab.small) {
    const hash = words[entry + WORD_HASH]!;
    slab.ghosts[hash & (slab.ghosts.length - 1)] = ghostOf(hash);
  }
  dropEntry(slab, entry);
  slab.evictionCount++;
  return false;
}

/** True before the main ring has filled up for the first time: until then nothing need be dropped. */
function isRoomy(ring: Ring): boolean {
  return ring.used * 8 < (ring.end - ring.begin) * 7;
}

/**
 * Moves an entry that its ring has just let go to the head of the main ring. From the main ring
 * itself it needs no more room than it left, though its old and new place may overlap.
 */
function keep(slab: Slab, ring: Ring, entry: number, size: number): void {
  const { words, main } = slab;
  const to = reserve(slab, main, size);
  const looks = words[entry + WORD_LOOKS]!;
  words[entry + WORD_LOOKS] = ring === main ? looks - VISIT : looks & ~VISITS_BITS;
  redirect(slab, entry, to);
  words.copyWithin(to, entry, entry + size);
}
