/**
 * What queries leave behind for the log, statistics and budgets: a ring in shared memory, one worker
 * writes, the main thread reads. The writer never waits: where there is no room the event is dropped
 * and counted.
 *
 *     word 0   octets ever written, modulo 2^32     (writer)
 *          1   octets ever read, modulo 2^32        (reader)
 *          2   events dropped                       (writer)
 *          4 … the ring; an event never wraps: a word 0 where one would, means "go on at the start"
 *
 * What a worker leaves half written when it dies was never published; its successor writes over it.
 *
 *     event  word 0   octets of the event, a multiple of 4
 *                 1   second since the Unix epoch
 *                 2   profile number
 *                 3   octets: kind · row of the decision · verdict class · category bit
 *                 4   qtype (16 bits) · octets of the name (8) · flags (8)
 *                 5   hash of the client's address, keyed (0 where the level keeps none)
 *                 6 … the name in wire octets, filled up to whole words; only where the level keeps names
 */

import { copyBytes } from './bytes.ts';

const WORD_WRITTEN = 0;
const WORD_READ = 1;
const WORD_DROPPED = 2;
const HEADER_WORDS = 4;
const EVENT_WORDS = 6;

/** Kinds of events. */
export const EVENT_PASSED = 1;
export const EVENT_BLOCKED = 2;
/** The use of a budget: the category bit says which; without a category, the internet. */
export const EVENT_USED = 3;
/** A name that somebody asked for, and nothing else: only in the ring of asked names. */
export const EVENT_ASKED = 4;

/** Flags of an event. Without this one the category bit says nothing. */
export const EVENT_HAS_CATEGORY = 1;
/** A name of category `bypass`. */
export const EVENT_IS_BYPASS = 2;
/** A long, random-looking name, as tunnels make them. */
export const EVENT_IS_TUNNEL_LIKE = 4;
/** A canary: browsers and phones ask it by themselves. */
export const EVENT_IS_CANARY = 8;

export interface EventRing {
  readonly buffer: SharedArrayBuffer;
  readonly words: Int32Array;
  readonly bytes: Uint8Array;
  /** Octets of the ring. */
  readonly size: number;
}

/** @param buffer a power of two and 16 octets long; new ones are zero */
export function openEventRing(buffer: SharedArrayBuffer): EventRing {
  const size = buffer.byteLength - HEADER_WORDS * 4;
  return { buffer, words: new Int32Array(buffer), bytes: new Uint8Array(buffer), size };
}

/** @param size octets, a power of two */
export function createEventRing(size: number): EventRing {
  return openEventRing(new SharedArrayBuffer(size + HEADER_WORDS * 4));
}

/** Writes one event; false where it was dropped. */
export function writeEvent(
  ring: EventRing,
  second: number,
  profile: number,
  outcome: number,
  question: number,
  clientHash: number,
  name: Uint8Array,
  nameLength: number,
): boolean {
  const { words, size } = ring;
  const octets = (EVENT_WORDS * 4 + nameLength + 3) & ~3;
  const written = words[WORD_WRITTEN]!;
  const used = (written - Atomics.load(words, WORD_READ)) | 0;
  const at = written & (size - 1);
  const skipped = at + octets > size ? size - at : 0;
  if (used + skipped + octets > size) {
    words[WORD_DROPPED] = words[WORD_DROPPED]! + 1;
    return false;
  }
  if (skipped > 0) words[HEADER_WORDS + (at >>> 2)] = 0;
  const base = HEADER_WORDS + ((skipped > 0 ? 0 : at) >>> 2);
  words[base] = octets;
  words[base + 1] = second;
  words[base + 2] = profile;
  words[base + 3] = outcome;
  words[base + 4] = question;
  words[base + 5] = clientHash;
  copyBytes(name, 0, ring.bytes, (base + EVENT_WORDS) * 4, nameLength);
  Atomics.store(words, WORD_WRITTEN, (written + skipped + octets) | 0);
  return true;
}

export interface RingEvent {
  readonly second: number;
  readonly profile: number;
  readonly kind: number;
  readonly row: number;
  readonly verdictClass: number;
  readonly category: number;
  readonly qtype: number;
  readonly flags: number;
  readonly clientHash: number;
  /** A copy; empty where the level keeps no names. */
  readonly name: Uint8Array;
}

/** Takes up to `countMax` events out of the ring, oldest first. */
export function readEvents(ring: EventRing, countMax: number): RingEvent[] {
  const { words, bytes, size } = ring;
  const events: RingEvent[] = [];
  let read = words[WORD_READ]!;
  let rest = (Atomics.load(words, WORD_WRITTEN) - read) | 0;
  while (rest > 0 && events.length < countMax) {
    const at = read & (size - 1);
    const base = HEADER_WORDS + (at >>> 2);
    const octets = words[base]!;
    const step = octets === 0 ? size - at : octets;
    read = (read + step) | 0;
    rest -= step;
    if (octets === 0) continue;
    const outcome = words[base + 3]!;
    const question = words[base + 4]!;
    const nameAt = (base + EVENT_WORDS) * 4;
    events.push({
      second: words[base + 1]! >>> 0,
      profile: words[base + 2]!,
      kind: outcome & 0xff,
      row: (outcome >>> 8) & 0xff,
      verdictClass: (outcome >>> 16) & 0xff,
      category: outcome >>> 24,
      qtype: question & 0xffff,
      flags: question >>> 24,
      clientHash: words[base + 5]! >>> 0,
      name: bytes.slice(nameAt, nameAt + ((question >>> 16) & 0xff)),
    });
  }
  Atomics.store(words, WORD_READ, read);
  return events;
}

/** The end of what is in the ring now, for `isReadTo`. */
export function writtenTo(ring: EventRing): number {
  return Atomics.load(ring.words, WORD_WRITTEN);
}

/** Whether everything up to there was taken; true of an end of up to 2 GiB ago. */
export function isReadTo(ring: EventRing, end: number): boolean {
  return ((ring.words[WORD_READ]! - end) | 0) >= 0;
}

export function droppedEvents(ring: EventRing): number {
  return ring.words[WORD_DROPPED]! >>> 0;
}
