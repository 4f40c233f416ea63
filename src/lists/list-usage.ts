/**
 * What each list is good for, so that an editor can drop one that is good for nothing: how many names it
 * has, how many of them no other list of its category has, how many it shares with each other list, and
 * how often names that it covers are asked for.
 *
 * All lists are read once. One table holds the hash of every name with the number of the set of lists
 * that have it; millions of names are in few such sets, so all counts are taken from the sets. Two lists
 * share a name where both write that name: one below a name of the other is not counted as shared.
 */

import { BUILD_LIST, BUILD_SET, BuildTable } from '../blocklist/build-table.ts';
import { type CompileList, coverageOf, guessNames, NAMES_MAX } from '../blocklist/compile.ts';
import { readWhole } from '../blocklist/formats/list-window.ts';
import { LIST_FORMATS } from '../blocklist/formats/parse-list.ts';
import { HashIndex } from '../blocklist/hash-index.ts';
import { MANIFEST_OCTETS, readManifest } from '../blocklist/sealed/sealed-file.ts';
import { NAME_BYTES_MAX, writeName } from '../dns/name.ts';
import { createSuffixHashes, hashSuffixes, type SuffixHashes } from '../dns/suffix-hashes.ts';
import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { CompileListSource } from '../store/compile-input.ts';
import { type AskedName, drawHashSeed } from './compare.ts';
import { createGate, type NameGate } from './gate.ts';
import { type OpenedList, openList } from './open-list.ts';
import { WatchedNames } from './watched-names.ts';

/** Samples of names that are asked seldom, of one list: fewer would tell who asked. */
const SELDOM_MIN = 4;
/** Lists that overlap in every way pass it; sets passed through on the way count too. */
const SETS_MAX = 262_144;

/** What is asked for here. */
export interface AskedTotals {
  /** The most asked first. */
  readonly often: readonly AskedName[];
  /** Samples of all other names, a name as often as it was drawn; never shown. */
  readonly seldom: readonly string[];
  /** Queries, about, for which one of the seldom stands. */
  readonly queriesASeldom: number;
}

export const NOTHING_ASKED: AskedTotals = { often: [], seldom: [], queriesASeldom: 0 };

export interface ListUsage {
  readonly list: string;
  readonly category: string;
  /** Nobody sees its names: `unique`, `hits` and `overlaps` say nothing of it. */
  readonly sealed: boolean;
  /** Distinct names that no gate refuses and no correction takes out. */
  readonly names: number;
  /** Of these: names that no other list of the category has. */
  readonly unique: number;
  /** How often names that the list covers were asked for, about; 0 where it was hardly ever. */
  readonly hits: number;
  /** Lists with which it shares names, whatever their category; the one with the most first. */
  readonly overlaps: readonly { readonly list: string; readonly names: number }[];
}

export interface UsageReport {
  readonly lists: readonly ListUsage[];
  /** From how many names the hits were counted. */
  readonly askedNames: number;
}

/**
 * @param sources of the store; services are left out
 * @throws AppError `COMPILE_LIMIT`, `LIST_CONTENT_DAMAGED`, `LIST_CONTENT_UNREADABLE`
 */
export function readUsage(sources: readonly CompileListSource[], asked: AskedTotals): UsageReport {
  // The content of a service is in its row, that of a list in a file.
  const lists = sources.filter(({ octets }) => octets === null);
  const opened = lists.map(openList);
  const seed = drawHashSeed();
  const sets = new ListSets(lists.length);
  const reader = new UsageReader(opened, seed, sets, asked);
  const hits = opened.map((one, index) => reader.read(one, index));
  const sealedNames = opened.map(({ list }) => countSealed(list));
  const shares = lists.map((_, index) => sets.shareOf(index, lists));
  return {
    askedNames: asked.often.length + new Set(asked.seldom).size,
    lists: lists.map(({ id, category, format }, index) => {
      const { names, unique, overlaps } = shares[index] ?? { names: 0, unique: 0, overlaps: [] };
      const sealed = format === 'sealed';
      return {
        ...{ list: id, category, sealed, names: sealed ? (sealedNames[index] ?? 0) : names },
        ...{ unique, hits: hits[index] ?? 0, overlaps },
      };
    }),
  };
}

class UsageReader {
  readonly #seed: HashSeed;
  readonly #sets: ListSets;
  readonly #table: BuildTable;
  readonly #gate: NameGate = createGate();
  readonly #hashes = createSuffixHashes();
  readonly #watched: WatchedNames;
  /** Queries by place: those of the often asked; the seldom come after them, a place for each sample. */
  readonly #counts: readonly number[];
  readonly #queriesASeldom: number;

  constructor(opened: readonly OpenedList[], seed: HashSeed, sets: ListSets, asked: AskedTotals) {
    this.#seed = seed;
    this.#sets = sets;
    this.#table = new BuildTable(guessNames(opened.map(({ list }) => list)));
    const known = asked.often.map(({ name, count }) => ({ wire: wireOf(name), count }));
    const often = known.filter(({ wire }) => wire.length > 0);
    const seldom = asked.seldom.map(wireOf).filter((wire) => wire.length > 0);
    this.#watched = new WatchedNames([...often.map(({ wire }) => wire), ...seldom], seed);
    this.#counts = often.map(({ count }) => count);
    this.#queriesASeldom = asked.queriesASeldom;
  }

  /** @returns how often names that the list covers were asked for */
  read({ list, refuseDamage }: OpenedList, index: number): number {
    const hashes = this.#hashes;
    const corrections = this.#correctionsOf(list);
    this.#watched.startList(list);
    this.#sets.startList(index);
    LIST_FORMATS[list.format].parse(list.content, {
      entry: (name, length, lineCoverage) => {
        hashSuffixes(hashes, this.#seed, name, 0);
        const { labelCount } = hashes;
        if (this.#gate(name, length, labelCount) !== null) return;
        if (corrections !== null && isAtOrBelow(hashes, corrections)) return;
        this.#watched.noteEntry(hashes, coverageOf(list, lineCoverage));
        this.#noteName(hashes.low[labelCount] ?? 0, hashes.high[labelCount] ?? 0, index);
      },
      exception: (name, _length, coverage) => {
        hashSuffixes(hashes, this.#seed, name, 0);
        this.#watched.noteException(hashes, coverage);
      },
      reject: () => undefined,
    });
    refuseDamage();
    return this.#hitsOf(this.#watched.endList());
  }

  /** What `except` takes out; null: nothing. */
  #correctionsOf({ except = [] }: CompileList): HashIndex | null {
    if (except.length === 0) return null;
    const index = new HashIndex();
    for (const text of except) {
      hashSuffixes(this.#hashes, this.#seed, wireOf(text), 0);
      index.findOrAdd(this.#hashes, this.#hashes.labelCount);
    }
    return index;
  }

  #hitsOf(covered: readonly number[]): number {
    const often = covered.filter((place) => place < this.#counts.length);
    const hits = often.reduce((sum, place) => sum + (this.#counts[place] ?? 0), 0);
    const seldom = covered.length - often.length;
    return hits + (seldom < SELDOM_MIN ? 0 : Math.round(seldom * this.#queriesASeldom));
  }

  #noteName(low: number, high: number, index: number): void {
    const table = this.#table;
    const at = table.claim(low, high);
    const { words } = table;
    const set = words[at + BUILD_SET] ?? 0;
    if (set !== 0 && words[at + BUILD_LIST] === index + 1) return;
    words[at + BUILD_SET] = this.#sets.step(set);
    words[at + BUILD_LIST] = index + 1;
    if (set !== 0) return;
    table.keep();
    if (table.count > NAMES_MAX) {
      throw new AppError('COMPILE_LIMIT', `Reading the lists: more than ${NAMES_MAX} names`);
    }
  }
}

/** The sets of lists in which names are; set 0 is the empty one. */
class ListSets {
  readonly #listCount: number;
  readonly #members: (readonly number[])[] = [[]];
  /** Names by set. */
  readonly #counts: number[] = [0];
  readonly #numbers = new Map<string, number>();
  /** By set: the one with the list at hand added. */
  #steps = new Map<number, number>();
  #list = 0;

  constructor(listCount: number) {
    this.#listCount = listCount;
  }

  startList(index: number): void {
    this.#list = index;
    this.#steps = new Map();
  }

  /** A name of this set is in the list at hand too; returns its new set. */
  step(set: number): number {
    const next = this.#steps.get(set) ?? this.#workOut(set);
    if (set !== 0) this.#counts[set] = (this.#counts[set] ?? 0) - 1;
    this.#counts[next] = (this.#counts[next] ?? 0) + 1;
    return next;
  }

  shareOf(
    index: number,
    lists: readonly CompileListSource[],
  ): Pick<ListUsage, 'names' | 'unique' | 'overlaps'> {
    const shared = new Array<number>(this.#listCount).fill(0);
    const category = lists[index]?.category;
    let unique = 0;
    for (const [set, members] of this.#members.entries()) {
      const count = this.#counts[set] ?? 0;
      if (count === 0 || !members.includes(index)) continue;
      for (const member of members) shared[member] = (shared[member] ?? 0) + count;
      const isShared = members.some((one) => one !== index && lists[one]?.category === category);
      if (!isShared) unique += count;
    }
    const overlaps = lists
      .map(({ id }, other) => ({ list: id, names: other === index ? 0 : (shared[other] ?? 0) }))
      .filter(({ names }) => names > 0)
      .sort((a, b) => b.names - a.names);
    return { names: shared[index] ?? 0, unique, overlaps };
  }

  #workOut(set: number): number {
    const members = [...(this.#members[set] ?? []), this.#list];
    const key = members.join();
    let number = this.#numbers.get(key);
    if (number === undefined) {
      number = this.#members.push(members) - 1;
      if (number === SETS_MAX) {
        throw new AppError(
          'COMPILE_LIMIT',
          `Reading the lists: they overlap in more than ${SETS_MAX} ways`,
        );
      }
      this.#counts.push(0);
      this.#numbers.set(key, number);
    }
    this.#steps.set(set, number);
    return number;
  }
}

function isAtOrBelow(hashes: SuffixHashes, names: HashIndex): boolean {
  for (let suffix = 1; suffix <= hashes.labelCount; suffix++) {
    if (names.find(hashes, suffix) >= 0) return true;
  }
  return false;
}

/** By what a sealed list says of itself. */
function countSealed({ format, content }: CompileList): number {
  if (format !== 'sealed') return 0;
  const manifest = readWhole(content, MANIFEST_OCTETS);
  return manifest.length < MANIFEST_OCTETS ? 0 : readManifest(manifest).names;
}

/** Empty where the text is no name. */
function wireOf(text: string): Uint8Array {
  const out = new Uint8Array(NAME_BYTES_MAX);
  return out.slice(0, writeName(text, out));
}
