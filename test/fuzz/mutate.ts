/**
 * Mutations of DNS packets that know a little of the format: besides flipped bits and cut tails
 * there are counts that lie, pointers in any direction, labels too long, and parts of one packet in
 * another. All work in one buffer, so that a million of them cost seconds.
 */

import { SeededRandom } from './random.ts';

export const MUTANT_BYTES_MAX = 4096;

/** Octets at which parsers stumble. */
const OCTETS = [0, 1, 0x0c, 0x29, 0x3f, 0x40, 0x7f, 0x80, 0xbf, 0xc0, 0xff];
const WORDS = [0, 1, 2, 12, 41, 255, 256, 0x0fff, 0x7fff, 0x8000, 0xc00c, 0xffff];

/** Writes mutants of a corpus into `bytes`; `length` says how long the last one is. */
export class Mutator {
  readonly bytes = new Uint8Array(MUTANT_BYTES_MAX);
  length = 0;
  readonly #random: SeededRandom;
  readonly #corpus: readonly Uint8Array[];

  constructor(random: SeededRandom, corpus: readonly Uint8Array[]) {
    this.#random = random;
    this.#corpus = corpus;
  }

  /** A packet of the corpus as it is. */
  plain(packet: Uint8Array = this.#random.pick(this.#corpus)): void {
    this.bytes.set(packet);
    this.length = packet.length;
  }

  /** One to four mutations of one packet. */
  mutated(packet: Uint8Array = this.#random.pick(this.#corpus)): void {
    this.plain(packet);
    for (let count = 1 + this.#random.below(4); count > 0; count--) this.#mutateOnce();
  }

  /** Nothing but noise, of any length up to `max`. */
  noise(max: number): void {
    const random = this.#random;
    this.length = random.below(max);
    for (let at = 0; at < this.length; at++) this.bytes[at] = random.below(256);
    // Half of all noise would claim to be a response, and most an opcode nobody knows.
    if (this.length > 2 && !random.oneIn(4)) this.bytes[2] = this.bytes[2]! & 0x07;
    if (this.length > 6 && random.oneIn(2)) this.bytes.set([0, 1], 4);
  }

  #mutateOnce(): void {
    const random = this.#random;
    const { bytes, length } = this;
    if (length < 2) {
      this.length = 1 + random.below(40);
      return;
    }
    const at = random.below(length);
    switch (random.below(10)) {
      case 0:
      case 1:
        bytes[at] = bytes[at]! ^ (1 << random.below(8));
        return;
      case 2:
        bytes[at] = random.pick(OCTETS);
        return;
      case 3:
        this.#writeWord(at, random.pick(WORDS));
        return;
      case 4:
        this.#writeWord(4 + 2 * random.below(4), random.pick(WORDS));
        return;
      case 5:
        this.#writeWord(at, 0xc000 | random.below(length + 4));
        return;
      case 6:
        this.length = at;
        return;
      case 7:
        this.#insert(at, 1 + random.below(24));
        return;
      case 8:
        this.#remove(at, 1 + random.below(12));
        return;
      default:
        this.#splice(at);
    }
  }

  #writeWord(at: number, word: number): void {
    if (at + 2 > this.length) return;
    this.bytes[at] = word >>> 8;
    this.bytes[at + 1] = word & 0xff;
  }

  #insert(at: number, count: number): void {
    if (this.length + count > MUTANT_BYTES_MAX) return;
    this.bytes.copyWithin(at + count, at, this.length);
    for (let index = 0; index < count; index++) this.bytes[at + index] = this.#random.below(256);
    this.length += count;
  }

  #remove(at: number, count: number): void {
    const end = Math.min(this.length, at + count);
    this.bytes.copyWithin(at, end, this.length);
    this.length -= end - at;
  }

  /** The head of this packet and the tail of another. */
  #splice(at: number): void {
    const other = this.#random.pick(this.#corpus);
    const tail = other.subarray(this.#random.below(other.length));
    const room = MUTANT_BYTES_MAX - at;
    this.bytes.set(tail.subarray(0, room), at);
    this.length = at + Math.min(tail.length, room);
  }
}
