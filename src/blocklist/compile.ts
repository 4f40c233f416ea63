/**
 * Lists → blocklist image (drawing in `image`). Runs on the compile thread; the same lists, gate and
 * seed always give the same image, octet for octet.
 *
 *     exceptions of all lists   read first, since they take out entries wherever those stand
 *     entries                   one pass: read → hash → gate → batch → table of hashes and build sets
 *     resolve                   `except` where a category from above must end
 *     write                     the table becomes the image (`write-image`)
 *
 * No object is made per name: names live in the octets of their list and as hashes. A list is read
 * through a window, so the memory of a compilation is that of its table and its image: for n distinct
 * names at most 62 n octets, while a table grows (23 n in the old one, 39 n in the new), or else one
 * that was made large enough from the beginning, 46 MB or 1.4 octets for each octet of the largest
 * list, and the image with 11 n. `octetsMax` of the report says what it was.
 */

import { NAME_BYTES_MAX, nameToText, writeName } from '../dns/name.ts';
import type { SuffixHashes } from '../dns/suffix-hashes.ts';
import { createSuffixHashes, hashSuffixes } from '../dns/suffix-hashes.ts';
import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { Image } from '../lib/image.ts';
import { BUILD_LIST, BUILD_SET, BuildTable } from './build-table.ts';
import { CATEGORY_COUNT_MAX } from './category.ts';
import { Exceptions } from './exceptions.ts';
import type {
  FaultReason,
  ListContent,
  ListFormatName,
  ListSink,
  RefusalReason,
} from './formats/list-format.ts';
import { COVER_BELOW, COVER_EXACT } from './formats/list-format.ts';
import { LIST_FORMATS } from './formats/parse-list.ts';
import type { BlocklistImage } from './image.ts';
import type { SealedPart } from './sealed/sealed-section.ts';
import { SetRegistry } from './set-registry.ts';
import { type ImageSource, writeImage } from './write-image.ts';

/** Of an image, and so of a list. */
export const NAMES_MAX = 20_000_000;
const FAULTS_KEPT = 100;
/** Octets of a line with a short name, for the first guess at the table's size. */
const OCTETS_A_LINE: Readonly<Record<ListFormatName, number>> = {
  domains: 16,
  hosts: 24,
  adblock: 19,
  dnsmasq: 27,
  rpz: 24,
  wildcard: 18,
  // Not one of its octets leads to a name of the table.
  sealed: Number.POSITIVE_INFINITY,
};
/** The first guess is higher only where a single list is larger. */
const GUESS_OF_ALL_MAX = 2_000_000;
/**
 * Names are put into the table many at a time: a look-up in it waits for memory, and in a loop with
 * nothing else the processor waits for several at once.
 */
const BATCH_NAMES = 1024;
const BATCH_WORDS = 3;

export interface CompileList {
  readonly id: string;
  /** 0 to 255. */
  readonly categoryBit: number;
  readonly format: ListFormatName;
  /**
   * For formats whose lines do not say it (domains, hosts): whether a name covers those below it.
   * Left out: as the format does.
   */
  readonly coversSubdomains?: boolean;
  /** Names that an editor has taken out of the list, with all below them; in text, lower-case. */
  readonly except?: readonly string[];
  /** Only read; once, or three times where it may hold exceptions. */
  readonly content: ListContent;
}

export interface CompileOptions {
  /**
   * The gate: why a name may not stand in a list, or null.
   * @param name lower-cased wire octets with the root, valid only during the call, as are its hashes
   */
  readonly isRefused: (
    name: Uint8Array,
    length: number,
    labelCount: number,
    hashes: SuffixHashes,
    categoryBit: number,
  ) => RefusalReason | null;
  /** Lists whose names nobody knows; they have a section of their own. */
  readonly sealed?: readonly SealedPart[];
}

export interface ListFault {
  readonly line: number;
  readonly reason: FaultReason | RefusalReason;
  readonly text: string;
}

export interface ListReport {
  readonly id: string;
  lines: number;
  /** Names that the parser and the gate accepted, repeated ones included. */
  entries: number;
  /** Of these: names that the list itself held before. */
  duplicates: number;
  /** Of these: names new to the list that its category already held by other lists. */
  overlaps: number;
  /** Of these: names that an exception of the list itself takes out. */
  excepted: number;
  exceptions: number;
  /** Refused lines and names by reason. */
  readonly refused: Partial<Record<FaultReason | RefusalReason, number>>;
  /** The first hundred of the refused. */
  readonly faults: ListFault[];
}

export interface CompileReport {
  readonly lists: readonly ListReport[];
  /** Distinct names in the image. */
  readonly nameCount: number;
  readonly setCount: number;
  readonly imageOctets: number;
  /** The most that the table and the image had at a time. */
  readonly octetsMax: number;
}

export interface CompiledBlocklist {
  readonly image: Image;
  readonly buffer: SharedArrayBuffer;
  readonly blocklist: BlocklistImage;
  readonly report: CompileReport;
}

/** All state of one compilation. */
interface Build extends ImageSource {
  readonly lists: readonly CompileList[];
  readonly options: CompileOptions;
  readonly exceptions: Exceptions;
  /** Of the name at hand. */
  readonly hashes: SuffixHashes;
  /** Names of the list at hand on their way into the table: low lane, high lane, coverage. */
  readonly batch: Uint32Array;
  batchCount: number;
  labelsMin: number;
  labelsMax: number;
}

/**
 * Compiles all lists into one image.
 * @throws AppError `COMPILE_LIMIT` where the lists need more than an image can hold;
 *   `COMPILE_COLLISION` where two names share a tag: compile again with a new seed
 */
export function compileBlocklist(
  lists: readonly CompileList[],
  seed: HashSeed,
  options: CompileOptions,
): CompiledBlocklist {
  checkCategories(lists);
  const build = createBuild(lists, seed, options);
  for (const [index, list] of lists.entries()) gatherExceptions(build, index, list);
  const reports = lists.map((list, index) => insertList(build, index, list));
  build.exceptions.resolve((hashes, bit, kept) => {
    insertException(build, hashes, bit, kept);
  });
  const blocklist = writeImage(build, options.sealed ?? []);
  const { image, nameCount, setCount } = blocklist;
  const imageOctets = image.bytes.length;
  const { words, octetsMax: tableOctetsMax } = build.table;
  const octetsMax = Math.max(tableOctetsMax, words.byteLength + imageOctets);
  const report = { lists: reports, nameCount, setCount, imageOctets, octetsMax };
  return { image, buffer: image.buffer, blocklist, report };
}

function checkCategories(lists: readonly CompileList[]): void {
  const faulty = lists.find(
    ({ categoryBit }) => categoryBit < 0 || categoryBit >= CATEGORY_COUNT_MAX,
  );
  if (faulty === undefined) return;
  throw new AppError(
    'COMPILE_LIMIT',
    `Compiling the list "${faulty.id}": category ${faulty.categoryBit} is past the ${CATEGORY_COUNT_MAX} categories and services of an image`,
  );
}

function createBuild(
  lists: readonly CompileList[],
  seed: HashSeed,
  options: CompileOptions,
): Build {
  const exceptionLists = lists.map(({ categoryBit, format }) => ({
    categoryBit,
    exceptions: LIST_FORMATS[format].exceptions,
  }));
  return {
    lists,
    seed,
    options,
    table: new BuildTable(guessNames(lists)),
    sets: new SetRegistry(),
    exceptions: new Exceptions(exceptionLists, seed),
    hashes: createSuffixHashes(),
    batch: new Uint32Array(BATCH_NAMES * BATCH_WORDS),
    batchCount: 0,
    labelsMin: Number.MAX_SAFE_INTEGER,
    labelsMax: 0,
  };
}

/** Many lists overlap, so beyond some size the table had better grow than be too large. */
export function guessNames(lists: readonly Pick<CompileList, 'format' | 'content'>[]): number {
  const guesses = lists.map(({ format, content }) => content.length / OCTETS_A_LINE[format]);
  const sum = guesses.reduce((all, guess) => all + guess, 0);
  return Math.max(Math.min(sum, GUESS_OF_ALL_MAX), ...guesses);
}

/** Corrections, and the exceptions of the list itself: it is read for them where it can have any. */
function gatherExceptions(build: Build, index: number, list: CompileList): void {
  const { hashes, seed, exceptions } = build;
  const correction = new Uint8Array(NAME_BYTES_MAX);
  for (const text of list.except ?? []) {
    const length = writeName(text, correction);
    if (length === 0) continue;
    hashSuffixes(hashes, seed, correction, 0);
    exceptions.correct(index, correction, length, hashes);
  }
  const format = LIST_FORMATS[list.format];
  if (!format.mayHaveExceptions(list.content)) return;
  format.parse(list.content, {
    entry: ignore,
    reject: ignore,
    exception(name, length, coverage) {
      hashSuffixes(hashes, seed, name, 0);
      if (refusalOfException(build, list, name, length) !== null) return;
      exceptions.add(index, name, length, hashes, coverage);
    },
  });
}

/** What the gate says of the name whose hashes are at hand. */
function refusalOf(
  { hashes, options }: Build,
  { categoryBit }: CompileList,
  name: Uint8Array,
  length: number,
): RefusalReason | null {
  return options.isRefused(name, length, hashes.labelCount, hashes, categoryBit);
}

/** An exception must not open a whole top-level domain, but it may open what is open anyway. */
function refusalOfException(
  build: Build,
  list: CompileList,
  name: Uint8Array,
  length: number,
): RefusalReason | null {
  const refusal = refusalOf(build, list, name, length);
  return refusal === 'protected' ? null : refusal;
}

function ignore(): void {
  // The other finds of the list are for the second reading.
}

function insertList(build: Build, index: number, list: CompileList): ListReport {
  const format = LIST_FORMATS[list.format];
  const report = createReport(list.id);
  build.sets.selectCategory(list.categoryBit);
  const hasOwnExceptions = build.exceptions.hasOwn(index);
  const isNoted = build.exceptions.concerns(index);
  const { hashes, seed, exceptions } = build;
  const sink: ListSink = {
    entry(name, length, lineCoverage, line) {
      hashSuffixes(hashes, seed, name, 0);
      const refusal = refusalOf(build, list, name, length);
      if (refusal !== null) {
        refuse(report, line, refusal, name);
        return;
      }
      report.entries++;
      let coverage = coverageOf(list, lineCoverage);
      if (hasOwnExceptions) coverage = exceptions.keptOf(index, hashes, coverage);
      if (coverage === 0) {
        report.excepted++;
        return;
      }
      if (isNoted && (coverage & COVER_BELOW) !== 0) exceptions.note(index, hashes);
      batchName(build, coverage);
      if (build.batchCount === BATCH_NAMES) insertBatch(build, index, report);
    },
    exception(name, length, _coverage, line) {
      hashSuffixes(hashes, seed, name, 0);
      const refusal = refusalOfException(build, list, name, length);
      if (refusal === null) report.exceptions++;
      else refuse(report, line, refusal, name);
    },
    reject(line, reason, text) {
      addFault(report, line, reason, text);
    },
  };
  report.lines = format.parse(list.content, sink);
  insertBatch(build, index, report);
  return report;
}

/** What an entry covers: its line says it, or the list. */
export function coverageOf(
  list: Pick<CompileList, 'format' | 'coversSubdomains'>,
  lineCoverage: number,
): number {
  const { isCoverageOfList } = LIST_FORMATS[list.format];
  if (!isCoverageOfList || list.coversSubdomains === undefined) return lineCoverage;
  return list.coversSubdomains ? COVER_EXACT | COVER_BELOW : COVER_EXACT;
}

/** Puts the name whose hashes are at hand among those that wait for the table. */
function batchName(build: Build, coverage: number): void {
  const { batch, hashes } = build;
  const { labelCount } = hashes;
  const at = build.batchCount++ * BATCH_WORDS;
  batch[at] = hashes.low[labelCount]!;
  batch[at + 1] = hashes.high[labelCount]!;
  batch[at + 2] = coverage;
  noteLabels(build, labelCount);
}

/** Adds the names of the batch to the category of their list. */
function insertBatch(build: Build, index: number, report: ListReport): void {
  const { table, batch, sets } = build;
  const end = build.batchCount * BATCH_WORDS;
  for (let from = 0; from < end; from += BATCH_WORDS) {
    const at = table.claim(batch[from]!, batch[from + 1]!);
    const { words } = table;
    const set = words[at + BUILD_SET]!;
    const next = sets.step(set, batch[from + 2]!);
    if (set === 0) keepName(table);
    else if (words[at + BUILD_LIST] === index + 1) report.duplicates++;
    else if (next === set) report.overlaps++;
    words[at + BUILD_SET] = next;
    words[at + BUILD_LIST] = index + 1;
  }
  build.batchCount = 0;
}

/** Ends an inherited category at the name whose hashes are given. */
function insertException(build: Build, hashes: SuffixHashes, bit: number, kept: number): void {
  const { labelCount } = hashes;
  const at = build.table.claim(hashes.low[labelCount]!, hashes.high[labelCount]!);
  const { words } = build.table;
  const set = words[at + BUILD_SET]!;
  words[at + BUILD_SET] = build.sets.withException(set, bit, kept);
  if (set !== 0) return;
  keepName(build.table);
  noteLabels(build, labelCount);
}

function noteLabels(build: Build, labels: number): void {
  if (labels < build.labelsMin) build.labelsMin = labels;
  if (labels > build.labelsMax) build.labelsMax = labels;
}

function keepName(table: BuildTable): void {
  table.keep();
  if (table.count > NAMES_MAX) {
    throw new AppError('COMPILE_LIMIT', `Compiling the blocklists: more than ${NAMES_MAX} names`);
  }
}

function createReport(id: string): ListReport {
  return {
    id,
    lines: 0,
    entries: 0,
    duplicates: 0,
    overlaps: 0,
    excepted: 0,
    exceptions: 0,
    refused: {},
    faults: [],
  };
}

function refuse(report: ListReport, line: number, reason: RefusalReason, name: Uint8Array): void {
  addFault(report, line, reason, report.faults.length < FAULTS_KEPT ? nameToText(name) : '');
}

function addFault(
  report: ListReport,
  line: number,
  reason: FaultReason | RefusalReason,
  text: string,
): void {
  report.refused[reason] = (report.refused[reason] ?? 0) + 1;
  if (report.faults.length < FAULTS_KEPT) report.faults.push({ line, reason, text });
}
