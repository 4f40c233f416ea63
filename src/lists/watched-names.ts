/**
 * Which of a few names each of many lists covers, while the lists are read anyway. Nothing is kept of a
 * list but what it says of the watched names and of the names above them, so lists may have any size.
 *
 *     startList ─▶ noteEntry, noteException for all that the list holds ─▶ endList: the covered names
 */

import type { CompileList } from '../blocklist/compile.ts';
import { COVER_BELOW, COVER_BOTH, COVER_EXACT } from '../blocklist/formats/list-format.ts';
import { LIST_FORMATS } from '../blocklist/formats/parse-list.ts';
import { HashIndex } from '../blocklist/hash-index.ts';
import { NAME_BYTES_MAX, writeName } from '../dns/name.ts';
import { createSuffixHashes, hashSuffixes, type SuffixHashes } from '../dns/suffix-hashes.ts';
import type { HashSeed } from '../lib/half-siphash.ts';

export class WatchedNames {
  readonly #seed: HashSeed;
  readonly #index = new HashIndex();
  /** By watched name: the numbers of its suffixes in the index, the shortest first, itself last. */
  readonly #suffixesOf: readonly (readonly number[])[];
  /** By number in the index: the coverage of the list's entry, of its exception; corrected names. */
  readonly #entries: Uint8Array;
  readonly #exceptions: Uint8Array;
  readonly #corrected: Uint8Array;
  #isLongest = false;

  /**
   * @param names wire octets, lower-cased
   * @param seed of the hashes that will be handed in
   */
  constructor(names: readonly Uint8Array[], seed: HashSeed) {
    this.#seed = seed;
    const hashes = createSuffixHashes();
    let count = 0;
    this.#suffixesOf = names.map((name) => {
      hashSuffixes(hashes, seed, name, 0);
      const suffixes: number[] = [];
      for (let suffix = 1; suffix <= hashes.labelCount; suffix++) {
        const number = this.#index.findOrAdd(hashes, suffix);
        count = Math.max(count, number + 1);
        suffixes.push(number);
      }
      return suffixes;
    });
    this.#entries = new Uint8Array(count);
    this.#exceptions = new Uint8Array(count);
    this.#corrected = new Uint8Array(count);
  }

  startList({ format, except = [] }: Pick<CompileList, 'format' | 'except'>): void {
    this.#isLongest = LIST_FORMATS[format].exceptions === 'longest';
    for (const said of [this.#entries, this.#exceptions, this.#corrected]) said.fill(0);
    const name = new Uint8Array(NAME_BYTES_MAX);
    const hashes = createSuffixHashes();
    for (const text of except) {
      if (writeName(text, name) === 0) continue;
      hashSuffixes(hashes, this.#seed, name, 0);
      add(this.#corrected, this.#index.find(hashes, hashes.labelCount), COVER_BOTH);
    }
  }

  /** @param hashes of a name that the list holds */
  noteEntry(hashes: SuffixHashes, coverage: number): void {
    add(this.#entries, this.#index.find(hashes, hashes.labelCount), coverage);
  }

  noteException(hashes: SuffixHashes, coverage: number): void {
    add(this.#exceptions, this.#index.find(hashes, hashes.labelCount), coverage);
  }

  /** The places of the names that the list covers. */
  endList(): readonly number[] {
    return [...this.#suffixesOf.keys()].filter((place) => this.#isCovered(place));
  }

  /** As `compile` understands it: an exception opens all below, or else the longer name decides. */
  #isCovered(place: number): boolean {
    const suffixes = this.#suffixesOf[place] ?? [];
    if (suffixes.some((number) => this.#corrected[number] !== 0)) return false;
    const entry = longestThatSpeaks(this.#entries, suffixes);
    const exception = longestThatSpeaks(this.#exceptions, suffixes);
    return this.#isLongest ? entry > exception : entry >= 0 && exception < 0;
  }
}

function add(said: Uint8Array, number: number, coverage: number): void {
  if (number >= 0) said[number] = (said[number] ?? 0) | coverage;
}

/** The index of the longest suffix that speaks about the whole name, −1 where none does. */
function longestThatSpeaks(said: Uint8Array, suffixes: readonly number[]): number {
  return suffixes.findLastIndex((number, index) => {
    const needed = index === suffixes.length - 1 ? COVER_EXACT : COVER_BELOW;
    return ((said[number] ?? 0) & needed) !== 0;
  });
}
