/**
 * Looks at the content of a list before any row names it: is it a list at all, in which format, how
 * many names pass the gate, what is wrong with the rest. A content that can be no list is refused,
 * so an error page or an empty download never takes the place of a good list, nor does a download
 * in whose middle an error page stands.
 *
 * Whatever the content, memory is bounded: lines pass through a window, names become hashes in one
 * table (for the duplicates), and the first hundred faults are kept.
 */

import { randomBytes } from 'node:crypto';
import { BUILD_SET, BuildTable } from '../blocklist/build-table.ts';
import { guessNames, NAMES_MAX } from '../blocklist/compile.ts';
import { DETECT_OCTETS, detectFormat } from '../blocklist/formats/detect.ts';
import {
  FAULT_TEXT_MAX,
  type ListContent,
  type ListFormatName,
  type ListSink,
} from '../blocklist/formats/list-format.ts';
import { readWhole } from '../blocklist/formats/list-window.ts';
import { LIST_FORMATS } from '../blocklist/formats/parse-list.ts';
import { isSealed, SEALED_OCTETS_READ } from '../blocklist/sealed/sealed-file.ts';
import { nameToText } from '../dns/name.ts';
import { createSuffixHashes, hashSuffixes } from '../dns/suffix-hashes.ts';
import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { openSealedFile } from '../sealing/open-sealed.ts';
import { NO_SEALING_KEYS, type SealingKeys } from '../sealing/sealing-keys.ts';
import type { ContentFile, LineFault, ListReport } from '../store/list-report.ts';
import { createGate, type NameGate } from './gate.ts';
import { ListFile } from './list-file.ts';
import { createLookProgress, LOOK_NAMES, type LookProgress } from './look-progress.ts';

const FAULTS_KEPT = 100;
/** More octets that are no text than this among the first make a content binary. */
const SAMPLE_OCTETS = 4_096;
/** How a whole page begins and ends, wherever in a list it stands. */
const PAGE = /^<(?:!doctype|\/?html|\/?head|\/?body)\b/i;

/**
 * Reads the file once, in pieces, however large it is.
 * @param format null: find it out
 * @throws AppError `CONTENT_DAMAGED` where it is not what its name says, else `LIST_REFUSED`
 */
export function inspectFile(
  { sha256, path }: ContentFile,
  format: ListFormatName | null,
  sealing: SealingKeys = NO_SEALING_KEYS,
  progress: LookProgress = createLookProgress(),
): ListReport {
  const file = new ListFile(path, progress);
  try {
    return inspectContent(file, format, sealing, progress);
  } finally {
    // Whatever was found in a damaged file says nothing about the list.
    refuseDamage(file, sha256);
  }
}

/** @throws AppError `CONTENT_DAMAGED` where the file is not what its name says */
export function refuseDamage(file: ListFile, sha256: string): void {
  if (file.digest() === sha256) return;
  throw new AppError(
    'CONTENT_DAMAGED',
    `Reading the list content ${sha256}: the file is damaged; upload it again or restore a backup`,
  );
}

/**
 * @param format null: find it out
 * @throws AppError `LIST_REFUSED`
 */
export function inspectContent(
  content: ListContent,
  format: ListFormatName | null,
  sealing: SealingKeys = NO_SEALING_KEYS,
  progress: LookProgress = createLookProgress(),
): ListReport {
  const head = headOf(content);
  if (isSealed(head)) return inspectSealed(content, sealing);
  if (format === 'sealed') throw refused('the content is not sealed; valid: a sealed file');
  refuseForeign(head);
  const found = format ?? detectFormat(head);
  if (found === null) {
    throw refused(
      `the format is not clear; name it with format: (${Object.keys(LIST_FORMATS).join(', ')})`,
    );
  }
  const sink = new CountingSink(createGate(), guessNames([{ format: found, content }]), progress);
  LIST_FORMATS[found].parse(content, sink);
  const report = sink.report(found, content.length);
  if (report.entries === 0) throw refused(emptiness(report));
  return report;
}

/** Nobody here can see its names: what counts is who signed it, and that its key is known. */
function inspectSealed(content: ListContent, sealing: SealingKeys): ListReport {
  const octets = readWhole(content, SEALED_OCTETS_READ);
  const manifest = openSealedFile(octets, sealing, Math.floor(Date.now() / 1000));
  const { list, serial, sealedAtSecond, keyId, publisher, names } = manifest;
  return {
    format: 'sealed',
    octets: octets.length,
    entries: names,
    duplicates: 0,
    exceptions: 0,
    refused: {},
    faults: [],
    sealed: { list, serial, sealedAtSecond, keyId, publisher },
  };
}

function headOf(content: ListContent): Uint8Array {
  if (content instanceof Uint8Array) return content.subarray(0, DETECT_OCTETS);
  const head = new Uint8Array(Math.min(DETECT_OCTETS, content.length));
  return head.subarray(0, content.read(head, 0));
}

/** A given format does not make a web page a list. */
function refuseForeign(head: Uint8Array): void {
  if (head.length === 0) throw refused('it is empty');
  if (isUtf16(head)) throw refused('it is text in UTF-16; save it as UTF-8');
  const sample = head.subarray(0, SAMPLE_OCTETS);
  if (sample.includes(0)) throw refused('it is binary, not text');
  const start = Buffer.from(sample)
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  if (start === '') throw refused('it is blank');
  // No list format has a line that begins like markup.
  if (/^<[!?a-z]/i.test(start)) throw refused('it is a web page');
}

/** By its byte order mark, in either order. */
function isUtf16(head: Uint8Array): boolean {
  const [first, second] = head;
  return (first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff);
}

function emptiness(report: ListReport): string {
  const [first] = report.faults;
  if (first === undefined) return `it holds no names (read as ${report.format})`;
  const reasons = Object.entries(report.refused).map(([reason, count]) => `${count} ${reason}`);
  return `no line of it passes (read as ${report.format}: ${reasons.join(', ')}; line ${first.line}: "${first.text}")`;
}

function refused(why: string): AppError {
  return new AppError('LIST_REFUSED', `Reading the list: ${why}`);
}

class CountingSink implements ListSink {
  readonly #gate: NameGate;
  readonly #table: BuildTable;
  /** Drawn anew for each look, so that nobody can write names that crowd one place of the table. */
  readonly #seed: HashSeed = [randomBytes(4).readUInt32LE(), randomBytes(4).readUInt32LE()];
  readonly #hashes = createSuffixHashes();
  readonly #progress: LookProgress;
  readonly #refused = new Map<string, number>();
  readonly #faults: LineFault[] = [];
  #entries = 0;
  #duplicates = 0;
  #exceptions = 0;

  constructor(gate: NameGate, expectedNames: number, progress: LookProgress) {
    this.#gate = gate;
    this.#progress = progress;
    this.#table = new BuildTable(expectedNames);
  }

  entry(name: Uint8Array, length: number, _coverage: number, line: number): void {
    hashSuffixes(this.#hashes, this.#seed, name, 0);
    const reason = this.#gate(name, length, this.#hashes.labelCount);
    if (reason !== null) {
      this.reject(line, reason, nameToText(name));
      return;
    }
    this.#progress[LOOK_NAMES] = ++this.#entries;
    this.#noteName();
  }

  exception(): void {
    this.#exceptions++;
  }

  reject(line: number, reason: string, text: string): void {
    if (reason === 'markup' && PAGE.test(text)) {
      throw refused(`line ${line} begins a web page, so the download is broken`);
    }
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
    if (this.#faults.length >= FAULTS_KEPT) return;
    this.#faults.push({ line, reason, text: text.slice(0, FAULT_TEXT_MAX) });
  }

  report(format: ListFormatName, octets: number): ListReport {
    return {
      format,
      octets,
      entries: this.#entries,
      duplicates: this.#duplicates,
      exceptions: this.#exceptions,
      refused: Object.fromEntries(this.#refused),
      faults: this.#faults,
    };
  }

  /** Counts the name whose hashes are at hand where it was there before. */
  #noteName(): void {
    const { low, high, labelCount } = this.#hashes;
    const at = this.#table.claim(low[labelCount] ?? 0, high[labelCount] ?? 0);
    if (this.#table.words[at + BUILD_SET] !== 0) {
      this.#duplicates++;
      return;
    }
    this.#table.words[at + BUILD_SET] = 1;
    this.#table.keep();
    if (this.#table.count > NAMES_MAX) throw refused(`it has more than ${NAMES_MAX} names`);
  }
}
