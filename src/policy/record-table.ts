/**
 * The distinct records of one image while it is compiled. A record that is added twice is one, so
 * chains that end alike share their ends, where they are added from the end backwards.
 */

import { RECORD_WORDS } from './image.ts';

const FIRST_RECORDS = 64;

export class RecordTable {
  #words = new Uint32Array(FIRST_RECORDS * RECORD_WORDS);
  /** Open addressing over all records: record number + 1, or 0. Twice as many slots as records. */
  #slots = new Uint32Array(FIRST_RECORDS * 2);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** The number of the record with these words, which are copied. */
  add(words: Uint32Array): number {
    const slot = this.#findSlot(words, 0);
    const known = this.#slots[slot]!;
    if (known !== 0) return known - 1;
    const record = this.#count++;
    this.#slots[slot] = record + 1;
    this.#words.set(words, record * RECORD_WORDS);
    if (this.#count * RECORD_WORDS === this.#words.length) this.#grow();
    return record;
  }

  /** All records, one after the other. */
  words(): Uint32Array {
    return this.#words.subarray(0, this.#count * RECORD_WORDS);
  }

  #findSlot(words: Uint32Array, at: number): number {
    const last = this.#slots.length - 1;
    let slot = hashOf(words, at) & last;
    for (;;) {
      const known = this.#slots[slot]!;
      if (known === 0 || isSame(this.#words, (known - 1) * RECORD_WORDS, words, at)) return slot;
      slot = (slot + 1) & last;
    }
  }

  #grow(): void {
    const words = new Uint32Array(this.#words.length * 2);
    words.set(this.#words);
    this.#words = words;
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let record = 0; record < this.#count; record++) {
      this.#slots[this.#findSlot(words, record * RECORD_WORDS)] = record + 1;
    }
  }
}

function hashOf(words: Uint32Array, at: number): number {
  let hash = 0;
  for (let word = 0; word < RECORD_WORDS; word++) {
    hash = Math.imul(((hash << 5) | (hash >>> 27)) ^ words[at + word]!, 0x9e3779b1);
  }
  return hash ^ (hash >>> 15);
}

function isSame(a: Uint32Array, aAt: number, b: Uint32Array, bAt: number): boolean {
  for (let word = 0; word < RECORD_WORDS; word++) {
    if (a[aAt + word] !== b[bAt + word]) return false;
  }
  return true;
}
