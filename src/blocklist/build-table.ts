/**
 * The growing hash table of a compilation: whole 64-bit hashes, so that the compiler can tell a
 * repeated name from two names with one tag.
 *
 *     word 0  low lane │ 1  high lane │ 2  set number of the build, 0 = empty │ 3  last list, from 1
 *
 * The home slot is found by multiply-shift as in the image. So a walk over this table meets the
 * hashes in the order of the image's slots, and growing or writing the image is sequential.
 */

export const BUILD_SLOT_WORDS = 4;
export const BUILD_LOW = 0;
export const BUILD_HIGH = 1;
export const BUILD_SET = 2;
export const BUILD_LIST = 3;

const LOAD_MAX = 0.7;

export class BuildTable {
  words: Uint32Array;
  count = 0;
  /** The most that tables had at a time: while one grows there are two. */
  octetsMax: number;
  #slotCount: number;

  constructor(expectedNames: number) {
    this.#slotCount = Math.max(64, Math.ceil(expectedNames / LOAD_MAX));
    this.words = new Uint32Array(this.#slotCount * BUILD_SLOT_WORDS);
    this.octetsMax = this.words.byteLength;
  }

  /**
   * Where the name of this hash stands or will stand: a word offset, valid until the next
   * `claim`. Its hash is written; a new one's set word is still 0, and it only becomes an entry when
   * the caller writes that word and calls `keep`.
   */
  claim(low: number, high: number): number {
    if (this.count >= this.#slotCount * LOAD_MAX) this.#grow();
    const words = this.words;
    let at = Math.trunc(high * (this.#slotCount / 2 ** 32)) * BUILD_SLOT_WORDS;
    while (words[at + BUILD_SET] !== 0) {
      if (words[at + BUILD_LOW] === low && words[at + BUILD_HIGH] === high) return at;
      at += BUILD_SLOT_WORDS;
      if (at === words.length) at = 0;
    }
    words[at + BUILD_LOW] = low;
    words[at + BUILD_HIGH] = high;
    words[at + BUILD_LIST] = 0;
    return at;
  }

  /** Counts a claimed slot whose set the caller has just written for the first time. */
  keep(): void {
    this.count++;
  }

  #grow(): void {
    const old = this.words;
    this.#slotCount = Math.ceil(this.#slotCount * 1.7);
    this.words = new Uint32Array(this.#slotCount * BUILD_SLOT_WORDS);
    this.octetsMax = Math.max(this.octetsMax, old.byteLength + this.words.byteLength);
    for (let at = 0; at < old.length; at += BUILD_SLOT_WORDS) {
      if (old[at + BUILD_SET] !== 0) this.#move(old, at);
    }
  }

  #move(old: Uint32Array, oldAt: number): void {
    const words = this.words;
    let at = Math.trunc(old[oldAt + BUILD_HIGH]! * (this.#slotCount / 2 ** 32)) * BUILD_SLOT_WORDS;
    while (words[at + BUILD_SET] !== 0) {
      at += BUILD_SLOT_WORDS;
      if (at === words.length) at = 0;
    }
    for (let word = 0; word < BUILD_SLOT_WORDS; word++) words[at + word] = old[oldAt + word]!;
  }
}
