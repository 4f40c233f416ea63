/**
 * The distinct sets met while a blocklist is compiled. A name's set grows list by list; since
 * millions of names take the same few steps ("no set, then adult → set 1"), each step is worked out
 * once and remembered: a step costs one array read.
 *
 * Numbers here are those of the build; `compile` renumbers the sets that are still in use at the end.
 */

import { AppError } from '../lib/errors.ts';
import { setBit } from './category.ts';
import { COVER_BELOW, COVER_BOTH, COVER_EXACT } from './formats/list-format.ts';
import { SET_BELOW, SET_EXACT, SET_EXCEPT, SET_WORDS } from './image.ts';

/** Sets passed through on the way count too, so this is more than an image can hold. */
const BUILD_SETS_MAX = 262_144;

export class SetRegistry {
  /** Set `n` begins at word `n × SET_WORDS`; set 0 is empty. */
  words = new Uint32Array(64 * SET_WORDS);
  /** By coverage: where a set goes with the selected category; 0 = not worked out yet. */
  #steps = createSteps(64);
  #category = -1;
  #count = 1;
  readonly #numbers = new Map<string, number>([[new Uint32Array(SET_WORDS).join(), 0]]);
  readonly #scratch = new Uint32Array(SET_WORDS);

  /** The category of the `step`s that follow. */
  selectCategory(bit: number): void {
    if (bit === this.#category) return;
    this.#category = bit;
    this.#steps = createSteps(this.words.length / SET_WORDS);
  }

  /** The set that results when a name of `set` is also covered by the selected category. */
  step(set: number, coverage: number): number {
    const known = this.#steps[coverage]![set]!;
    return known !== 0 ? known : this.#workOut(set, coverage);
  }

  /** The set of a name at which exceptions take `bit` away, but for the coverage that is kept. */
  withException(set: number, bit: number, keptCoverage: number): number {
    this.#load(set);
    setBit(this.#scratch, bit, SET_EXCEPT);
    this.#cover(bit, keptCoverage);
    return this.#numberOfScratch();
  }

  #workOut(set: number, coverage: number): number {
    this.#load(set);
    this.#cover(this.#category, coverage);
    const next = this.#numberOfScratch();
    this.#steps[coverage]![set] = next;
    return next;
  }

  #load(set: number): void {
    this.#scratch.set(this.words.subarray(set * SET_WORDS, (set + 1) * SET_WORDS));
  }

  #cover(bit: number, coverage: number): void {
    if ((coverage & COVER_EXACT) !== 0) setBit(this.#scratch, bit, SET_EXACT);
    if ((coverage & COVER_BELOW) !== 0) setBit(this.#scratch, bit, SET_BELOW);
  }

  #numberOfScratch(): number {
    const key = this.#scratch.join();
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    if (this.#count === BUILD_SETS_MAX) {
      throw new AppError(
        'COMPILE_LIMIT',
        `Compiling the blocklists: more than ${BUILD_SETS_MAX} distinct sets of categories; use fewer categories that overlap`,
      );
    }
    if ((this.#count + 1) * SET_WORDS > this.words.length) this.#grow();
    this.words.set(this.#scratch, this.#count * SET_WORDS);
    this.#numbers.set(key, this.#count);
    return this.#count++;
  }

  #grow(): void {
    const words = new Uint32Array(this.words.length * 2);
    words.set(this.words);
    this.words = words;
    const steps = createSteps(words.length / SET_WORDS);
    for (const [coverage, old] of this.#steps.entries()) steps[coverage]!.set(old);
    this.#steps = steps;
  }
}

function createSteps(setCount: number): Uint32Array[] {
  return Array.from({ length: COVER_BOTH + 1 }, () => new Uint32Array(setCount));
}
