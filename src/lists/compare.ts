/**
 * What a candidate for the content of a list would change, compared with the content in force.
 *
 *     each content alone ─ compileBlocklist ─▶ an image of one category: what it covers, by the same code
 *                                              as the query path, exceptions and corrections included
 *     stream the old one      its names that the new image does not cover: newly opened
 *     stream the new one      its names that the old image does not cover: newly blocked
 *                             names that the gate refuses, and did not have to refuse before
 *     popular names           those newly covered, unless another list of the category covers them
 *
 * A name and what is below it are asked apart. No object is made per name: what was seen is a bit for each
 * slot of the images. So the memory is that of two compilations, one after the other, and of their images.
 */

import { randomBytes } from 'node:crypto';
import { type CompileList, compileBlocklist, coverageOf } from '../blocklist/compile.ts';
import { createMask } from '../blocklist/category.ts';
import { LIST_FORMATS } from '../blocklist/formats/parse-list.ts';
import { HashIndex } from '../blocklist/hash-index.ts';
import { type BlocklistImage, emptyBlocklistImage } from '../blocklist/image.ts';
import { findSlot, lookUpBelow, lookUpCategories } from '../blocklist/lookup.ts';
import { NAME_BYTES_MAX, nameToText, writeName } from '../dns/name.ts';
import { createSuffixHashes, hashSuffixes } from '../dns/suffix-hashes.ts';
import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { GateFindings, NameSample } from '../store/list-report.ts';
import { createProtectingGate, type Gate } from './gate.ts';
import { WatchedNames } from './watched-names.ts';

/** Of each kind; what is more is counted. */
const NAMES_SHOWN = 1_000;
/** Two names with one tag are chance, once. */
const SEEDS_MAX = 3;

/** A name and how often it was asked for. */
export interface AskedName {
  readonly name: string;
  readonly count: number;
}

export interface CompareParts {
  readonly candidate: CompileList;
  /** What is in force; null: nothing yet. */
  readonly before: CompileList | null;
  /** It is in force in another category: in that of the candidate nothing of it was blocked. */
  readonly isMoved: boolean;
  readonly protectedLists: readonly CompileList[];
  /** The other lists of the category; asked for only where it depends on them. */
  readonly otherLists: () => readonly CompileList[];
  /** Names that everybody knows. */
  readonly known: readonly string[];
  /** The most asked first. */
  readonly asked: readonly AskedName[];
  readonly approved: readonly string[];
}

/** @throws AppError `COMPILE_LIMIT`, and what reading the contents throws */
export function compareContents(parts: CompareParts): GateFindings {
  for (let attempt = 1; ; attempt++) {
    try {
      return compareUnder(drawHashSeed(), parts);
    } catch (error) {
      const isCollision = error instanceof AppError && error.code === 'COMPILE_COLLISION';
      if (!isCollision || attempt === SEEDS_MAX) throw error;
    }
  }
}

/** For what is hashed and forgotten again; nobody can write names that collide under it. */
export function drawHashSeed(): HashSeed {
  const octets = randomBytes(8);
  return [octets.readUInt32LE(0), octets.readUInt32LE(4)];
}

function compareUnder(seed: HashSeed, parts: CompareParts): GateFindings {
  const { candidate, before } = parts;
  const gate = createProtectingGate(parts.protectedLists, seed);
  const old =
    before === null
      ? { image: emptyBlocklistImage(seed), entries: 0 }
      : compileAlone(before, seed, gate);
  const fresh = compileAlone(candidate, seed, gate);
  const none = emptyBlocklistImage(seed);
  const was = parts.isMoved ? none : old.image;
  const willBe = parts.isMoved ? none : fresh.image;
  const newlyBlocked = new NamesMet(fresh.image, old.image);
  const newlyOpened = new NamesMet(old.image, fresh.image);
  const neverListable = new NeverListable();
  const probe = new Probe(seed);
  if (before !== null) {
    streamNames(before, gate, probe, {
      name: () => {
        newlyOpened.noteChange(probe, old.image, willBe);
      },
      opened: () => {
        newlyBlocked.noteChange(probe, fresh.image, was);
      },
      refused: () => {
        neverListable.know(probe);
      },
    });
  }
  streamNames(candidate, gate, probe, {
    name: () => {
      newlyBlocked.noteChange(probe, fresh.image, was);
    },
    opened: () => {
      newlyOpened.noteChange(probe, old.image, willBe);
    },
    refused: (line, reason) => {
      neverListable.note(probe, line, reason);
    },
  });
  return {
    entriesBefore: old.entries,
    entries: fresh.entries,
    newlyBlocked: newlyBlocked.sample(),
    newlyOpened: newlyOpened.sample(),
    popular: findPopular(parts, seed, gate, probe, (isBelow) =>
      probe.isChanged(fresh.image, was, isBelow),
    ),
    neverListable: neverListable.found,
  };
}

interface Alone {
  readonly image: BlocklistImage;
  /** Distinct names that count. */
  readonly entries: number;
}

function compileAlone(list: CompileList, seed: HashSeed, gate: Gate): Alone {
  const { blocklist, report } = compileBlocklist([list], seed, { isRefused: gate });
  const [{ entries, duplicates, excepted } = { entries: 0, duplicates: 0, excepted: 0 }] =
    report.lists;
  return { image: blocklist, entries: entries - duplicates - excepted };
}

/** One name, and what images say of it and of what is below it. */
class Probe {
  readonly hashes = createSuffixHashes();
  readonly #seed: HashSeed;
  readonly #mask = createMask();
  #name: Uint8Array = Uint8Array.of(0);

  constructor(seed: HashSeed) {
    this.#seed = seed;
  }

  /** @param name wire octets, the caller's until the next name is taken */
  take(name: Uint8Array): void {
    this.#name = name;
    hashSuffixes(this.hashes, this.#seed, name, 0);
  }

  get text(): string {
    return nameToText(this.#name);
  }

  /** True where `after` covers what `before` does not. */
  isChanged(after: BlocklistImage, before: BlocklistImage, isBelow: boolean): boolean {
    const lookUp = isBelow ? lookUpBelow : lookUpCategories;
    // Most names are in both: what is covered before ends the look at the first table.
    return !lookUp(before, this.hashes, this.#mask) && lookUp(after, this.hashes, this.#mask);
  }
}

/** Counts names, each once however often it comes, and keeps the first. */
class NamesMet {
  readonly #first: BlocklistImage;
  readonly #second: BlocklistImage;
  readonly #seen: Uint32Array;
  readonly #names: string[] = [];
  #count = 0;

  /** Every name that comes stands in one of the images. */
  constructor(first: BlocklistImage, second: BlocklistImage) {
    this.#first = first;
    this.#second = second;
    this.#seen = new Uint32Array(Math.ceil((first.slotCount + second.slotCount) / 32));
  }

  /** Notes the name of the probe where `after` covers it, or what is below it, and `before` does not. */
  noteChange(probe: Probe, after: BlocklistImage, before: BlocklistImage): void {
    const isWhole = probe.isChanged(after, before, false);
    if (!isWhole && !probe.isChanged(after, before, true)) return;
    const { hashes } = probe;
    const slot = findSlot(this.#first, hashes, hashes.labelCount);
    const other = slot < 0 ? findSlot(this.#second, hashes, hashes.labelCount) : -1;
    // In neither: what changes is a name above it, which is met as well.
    if (slot < 0 && other < 0) return;
    const bit = slot < 0 ? this.#first.slotCount + other : slot;
    const word = this.#seen[bit >>> 5] ?? 0;
    if (((word >>> (bit & 31)) & 1) !== 0) return;
    this.#seen[bit >>> 5] = word | (1 << (bit & 31));
    if (this.#count++ < NAMES_SHOWN) this.#names.push(isWhole ? probe.text : `*.${probe.text}`);
  }

  sample(): NameSample {
    return { count: this.#count, names: this.#names };
  }
}

type Refused = GateFindings['neverListable'][number];

/** Names that the gate refuses, each once; those of the old content are known and not told. */
class NeverListable {
  readonly found: Refused[] = [];
  readonly #known = new HashIndex();

  know({ hashes }: Probe): void {
    this.#known.findOrAdd(hashes, hashes.labelCount);
  }

  note(probe: Probe, line: number, reason: Refused['reason']): void {
    const { hashes } = probe;
    if (this.#known.find(hashes, hashes.labelCount) >= 0) return;
    this.know(probe);
    if (this.found.length < NAMES_SHOWN) this.found.push({ name: probe.text, line, reason });
  }
}

interface NameSink {
  /** The probe holds a name of the list. */
  readonly name: () => void;
  /** The probe holds a name that the list takes out. */
  readonly opened: () => void;
  readonly refused: (line: number, reason: Refused['reason']) => void;
}

function streamNames(list: CompileList, gate: Gate, probe: Probe, sink: NameSink): void {
  const correction = new Uint8Array(NAME_BYTES_MAX);
  for (const text of list.except ?? []) {
    if (writeName(text, correction) === 0) continue;
    probe.take(correction);
    sink.opened();
  }
  LIST_FORMATS[list.format].parse(list.content, {
    entry: (name, length, _coverage, line) => {
      probe.take(name);
      const { hashes } = probe;
      const refusal = gate(name, length, hashes.labelCount, hashes, list.categoryBit);
      if (refusal === null) sink.name();
      else sink.refused(line, refusal);
    },
    exception: (name) => {
      probe.take(name);
      sink.opened();
    },
    reject: () => undefined,
  });
}

type PopularName = GateFindings['popular'][number];

/** @param isChanged whether the name of the probe, or what is below it, would newly be blocked */
function findPopular(
  parts: CompareParts,
  seed: HashSeed,
  gate: Gate,
  probe: Probe,
  isChanged: (isBelow: boolean) => boolean,
): PopularName[] {
  const approved = new Set(parts.approved);
  const found = new Map<string, { readonly popular: PopularName; readonly wire: Uint8Array }>();
  const wire = new Uint8Array(NAME_BYTES_MAX);
  const look = (asked: string, popular: PopularName): void => {
    if (found.has(popular.name) || isApproved(popular.name, approved)) return;
    const length = writeName(asked, wire);
    if (length === 0) return;
    probe.take(wire);
    if (isChanged(false)) found.set(popular.name, { popular, wire: wire.slice(0, length) });
    else if (isChanged(true)) {
      found.set(popular.name, { popular, wire: Uint8Array.of(1, 0x2a, ...wire.slice(0, length)) });
    }
  };
  for (const [index, { name, count }] of parts.asked.entries()) {
    look(name, { name, rank: index + 1, asked: count });
  }
  for (const name of parts.known) {
    const popular = { name, rank: null, asked: null };
    look(name, popular);
    // Lists of hosts name it so, and so do people.
    look(`www.${name}`, popular);
  }
  const names = [...found.values()];
  const covered = coveredByOthers(
    parts,
    seed,
    gate,
    names.map((one) => one.wire),
  );
  return names
    .filter((_, place) => !covered.has(place))
    .map(({ popular }) => popular)
    .slice(0, NAMES_SHOWN);
}

/** An approved name stands for all below it. */
function isApproved(name: string, approved: ReadonlySet<string>): boolean {
  for (let suffix = name; ; suffix = suffix.slice(suffix.indexOf('.') + 1)) {
    if (approved.has(suffix)) return true;
    if (!suffix.includes('.')) return false;
  }
}

/** The places of those names that another list of the category covers already, by what the gate lets in. */
function coveredByOthers(
  parts: CompareParts,
  seed: HashSeed,
  gate: Gate,
  names: readonly Uint8Array[],
): ReadonlySet<number> {
  const covered = new Set<number>();
  if (names.length === 0) return covered;
  const watched = new WatchedNames(names, seed);
  const hashes = createSuffixHashes();
  for (const list of parts.otherLists()) {
    watched.startList(list);
    LIST_FORMATS[list.format].parse(list.content, {
      entry: (name, length, lineCoverage) => {
        hashSuffixes(hashes, seed, name, 0);
        // A line that never gets into an image, such as `com`, covers nothing.
        if (gate(name, length, hashes.labelCount, hashes, list.categoryBit) !== null) return;
        watched.noteEntry(hashes, coverageOf(list, lineCoverage));
      },
      exception: (name, _length, coverage) => {
        hashSuffixes(hashes, seed, name, 0);
        watched.noteException(hashes, coverage);
      },
      reject: () => undefined,
    });
    for (const place of watched.endList()) covered.add(place);
  }
  return covered;
}
