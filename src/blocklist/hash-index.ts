/**
 * Dense numbers (0, 1, 2, …) for names by their 64-bit hash: a small growing hash table for the few
 * names that a compilation has to keep apart.
 *
 *     slot: low lane │ high lane │ number + 1, 0 = empty          linear probing, at most half full
 */

import type { SuffixHashes } from '../dns/suffix-hashes.ts';

export class HashIndex {
  #words = new Uint32Array(256 * 3);
  #count = 0;

  /** The number of the suffix, −1 where it has none. */
  find(hashes: SuffixHashes, suffix: number): number {
    return this.#words[this.#slotOf(hashes.low[suffix]!, hashes.high[suffix]!) + 2]! - 1;
  }

  /** The number of the suffix; a new one gets the count of those before it. */
  findOrAdd(hashes: SuffixHashes, suffix: number): number {
    const known = this.find(hashes, suffix);
    if (known >= 0) return known;
    if (this.#count * 6 >= this.#words.length) this.#grow();
    this.#put(hashes.low[suffix]!, hashes.high[suffix]!, this.#count + 1);
    return this.#count++;
  }

  #put(low: number, high: number, value: number): void {
    this.#words.set([low, high, value], this.#slotOf(low, high));
  }

  #slotOf(low: number, high: number): number {
    const words = this.#words;
    let at = (low & (words.length / 3 - 1)) * 3;
    while (words[at + 2] !== 0 && (words[at] !== low || words[at + 1] !== high)) {
      at += 3;
      if (at === words.length) at = 0;
    }
    return at;
  }

  #grow(): void {
    const old = this.#words;
    this.#words = new Uint32Array(old.length * 2);
    for (let at = 0; at < old.length; at += 3) {
      if (old[at + 2] !== 0) this.#put(old[at]!, old[at + 1]!, old[at + 2]!);
    }
  }
}
