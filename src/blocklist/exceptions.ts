/**
 * The exceptions of all lists, and what they leave of the lists' entries.
 *
 * A name is in a category where any list of the category covers it. An exception belongs to its own
 * list only, so one list cannot open what another blocks. Used in three steps:
 *
 *     add       all exceptions of all lists, before any entry is compiled
 *     keptOf    for each entry: the coverage that its own list's exceptions leave
 *     note      for each entry: remembered where it lies above some exception of its category
 *     resolve   at the end: at which names a category that is inherited from above must end
 *
 * Exceptions are those that the list itself writes, and corrections: names that an editor has taken out
 * of it. A correction takes out all below it too, whatever exceptions mean in the list's format.
 *
 * Only exceptions and the names above them are held here, so the cost of `keptOf` and `note` is one
 * small table, and only lists of categories with exceptions pay it.
 */

import type { SuffixHashes } from '../dns/suffix-hashes.ts';
import { createSuffixHashes, hashSuffixes } from '../dns/suffix-hashes.ts';
import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { COVER_BELOW, COVER_BOTH } from './formats/list-format.ts';
import { HashIndex } from './hash-index.ts';

const EXCEPTIONS_MAX = 1_000_000;

/** An exception's own list decides what happens to entries below it; see `ListFormat.exceptions`. */
export interface ExceptionList {
  readonly categoryBit: number;
  readonly exceptions: 'none' | 'all' | 'longest';
}

interface Exception {
  readonly list: number;
  coverage: number;
  isCorrection: boolean;
}

/** A name that is an exception, or that lies above one. */
interface WatchedName {
  /** Wire octets where the name is an exception itself. */
  name: Uint8Array | null;
  readonly exceptions: Exception[];
  /** Lists with an entry here that covers below. */
  readonly blockers: number[];
}

export class Exceptions {
  readonly #lists: readonly ExceptionList[];
  readonly #seed: HashSeed;
  readonly #index = new HashIndex();
  readonly #watched: WatchedName[] = [];
  readonly #categories = new Set<number>();
  readonly #listsWithExceptions = new Set<number>();
  #count = 0;

  constructor(lists: readonly ExceptionList[], seed: HashSeed) {
    this.#lists = lists;
    this.#seed = seed;
  }

  /** True where `keptOf` may take something from entries of the list. */
  hasOwn(list: number): boolean {
    return this.#listsWithExceptions.has(list);
  }

  /** True where entries of the list must be given to `note`. */
  concerns(list: number): boolean {
    return this.#categories.has(this.#lists[list]!.categoryBit);
  }

  /** An exception that the list itself writes. */
  add(
    list: number,
    name: Uint8Array,
    length: number,
    hashes: SuffixHashes,
    coverage: number,
  ): void {
    this.#add(list, name, length, hashes, coverage, false);
  }

  /** A name that an editor has taken out of the list, and all below it. */
  correct(list: number, name: Uint8Array, length: number, hashes: SuffixHashes): void {
    this.#add(list, name, length, hashes, COVER_BOTH, true);
  }

  #add(
    list: number,
    name: Uint8Array,
    length: number,
    hashes: SuffixHashes,
    coverage: number,
    isCorrection: boolean,
  ): void {
    const whole = this.#watch(hashes, hashes.labelCount);
    const same = whole.exceptions.find((exception) => exception.list === list);
    if (same !== undefined) {
      same.coverage |= coverage;
      same.isCorrection ||= isCorrection;
      return;
    }
    if (++this.#count > EXCEPTIONS_MAX) {
      throw new AppError(
        'COMPILE_LIMIT',
        `Compiling the blocklists: more than ${EXCEPTIONS_MAX} exceptions`,
      );
    }
    whole.name ??= name.slice(0, length);
    whole.exceptions.push({ list, coverage, isCorrection });
    this.#categories.add(this.#lists[list]!.categoryBit);
    this.#listsWithExceptions.add(list);
    for (let suffix = 1; suffix < hashes.labelCount; suffix++) this.#watch(hashes, suffix);
  }

  /** What remains of an entry's coverage after the exceptions of its own list; 0 = nothing. */
  keptOf(list: number, hashes: SuffixHashes, coverage: number): number {
    const whole = hashes.labelCount;
    const isLongest = this.#lists[list]!.exceptions === 'longest';
    for (let suffix = 1; suffix < whole; suffix++) {
      const above = this.#exceptionAt(list, hashes, suffix);
      if (above === undefined || (above.coverage & COVER_BELOW) === 0) continue;
      if (!isLongest || above.isCorrection) return 0;
    }
    return coverage & ~(this.#exceptionAt(list, hashes, whole)?.coverage ?? 0);
  }

  /** Remembers an entry that covers below, where it lies above an exception. */
  note(list: number, hashes: SuffixHashes): void {
    const id = this.#index.find(hashes, hashes.labelCount);
    if (id < 0) return;
    const { blockers } = this.#watched[id]!;
    if (blockers.at(-1) !== list) blockers.push(list);
  }

  /**
   * Calls `write` for each name at which a category must end that is inherited from above: because
   * lists that cover it from above take it out, and no other list of the category covers it from above.
   * `kept` is the part (exact, below) that stays because another list keeps it.
   */
  resolve(write: (hashes: SuffixHashes, categoryBit: number, kept: number) => void): void {
    const hashes = createSuffixHashes();
    for (const watched of this.#watched) {
      if (watched.name === null) continue;
      hashSuffixes(hashes, this.#seed, watched.name, 0);
      const bits = watched.exceptions.map(({ list }) => this.#lists[list]!.categoryBit);
      for (const bit of new Set(bits)) {
        const kept = this.#keptFromAbove(watched, hashes, bit);
        if (kept !== COVER_BOTH) write(hashes, bit, kept);
      }
    }
  }

  /** The coverage that the lists of a category, together, hand down to a name; all where there is none to end. */
  #keptFromAbove(watched: WatchedName, hashes: SuffixHashes, bit: number): number {
    const inherited = this.#inherited(hashes, bit);
    if (inherited.size === 0) return COVER_BOTH;
    let kept = 0;
    for (const list of inherited) {
      const own = watched.exceptions.find((exception) => exception.list === list);
      kept |= COVER_BOTH & ~(own?.coverage ?? 0);
    }
    return kept;
  }

  /** The lists of a category that cover everything below the parent of a name, the longest name deciding. */
  #inherited(hashes: SuffixHashes, bit: number): Set<number> {
    const lists = new Set<number>();
    for (let suffix = 1; suffix < hashes.labelCount; suffix++) {
      const id = this.#index.find(hashes, suffix);
      if (id < 0) continue;
      const { blockers, exceptions } = this.#watched[id]!;
      for (const { list, coverage } of exceptions) {
        if ((coverage & COVER_BELOW) !== 0) lists.delete(list);
      }
      for (const list of blockers) if (this.#lists[list]!.categoryBit === bit) lists.add(list);
    }
    return lists;
  }

  #exceptionAt(list: number, hashes: SuffixHashes, suffix: number): Exception | undefined {
    const id = this.#index.find(hashes, suffix);
    if (id < 0) return undefined;
    return this.#watched[id]!.exceptions.find((exception) => exception.list === list);
  }

  #watch(hashes: SuffixHashes, suffix: number): WatchedName {
    const id = this.#index.findOrAdd(hashes, suffix);
    if (id === this.#watched.length)
      this.#watched.push({ name: null, exceptions: [], blockers: [] });
    return this.#watched[id]!;
  }
}
