/**
 * Looks at the content of a list before any row names it: is it a list at all, in which format, how
 * many names pass the gate, what is wrong with the rest. A content that can be no list is refused,
 * so an error page or an empty download never takes the place of a good list.
 */

import { DETECT_OCTETS, detectFormat } from '../blocklist/formats/detect.ts';
import {
  FAULT_TEXT_MAX,
  type ListContent,
  type ListFormatName,
  type ListSink,
} from '../blocklist/formats/list-format.ts';
import { LIST_FORMATS } from '../blocklist/formats/parse-list.ts';
import { nameToText } from '../dns/name.ts';
import { AppError } from '../lib/errors.ts';
import type { ContentFile, ContentInspector, LineFault, ListReport } from '../store/list-report.ts';
import { createGate, type Gate } from './gate.ts';
import { ListFile } from './list-file.ts';

const FAULTS_KEPT = 100;
/** More octets that are no text than this among the first make a content binary. */
const SAMPLE_OCTETS = 4_096;

/** Works on the thread of the caller; the server has the compile thread do it. */
export const inThreadInspector: ContentInspector = {
  inspect: (content, format) =>
    // A rejection, not a throw: callers await.
    new Promise((resolve) => {
      resolve(
        content instanceof Uint8Array
          ? inspectContent(content, format)
          : inspectFile(content, format),
      );
    }),
};

/**
 * Reads the file once, in pieces, however large it is.
 * @param format null: find it out
 * @throws AppError `CONTENT_DAMAGED` where it is not what its name says, else `LIST_REFUSED`
 */
export function inspectFile(
  { sha256, path }: ContentFile,
  format: ListFormatName | null,
): ListReport {
  const file = new ListFile(path);
  try {
    return inspectContent(file, format);
  } finally {
    // Whatever was found in a damaged file says nothing about the list.
    refuseDamage(file, sha256);
  }
}

function refuseDamage(file: ListFile, sha256: string): void {
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
export function inspectContent(content: ListContent, format: ListFormatName | null): ListReport {
  const head = headOf(content);
  refuseForeign(head);
  const found = format ?? detectFormat(head);
  if (found === null) {
    throw refused(
      `the format is not clear; name it with format: (${Object.keys(LIST_FORMATS).join(', ')})`,
    );
  }
  const sink = new CountingSink(createGate());
  LIST_FORMATS[found].parse(content, sink);
  const report = sink.report(found, content.length);
  if (report.entries === 0) throw refused(emptiness(report));
  return report;
}

function headOf(content: ListContent): Uint8Array {
  if (content instanceof Uint8Array) return content.subarray(0, DETECT_OCTETS);
  const head = new Uint8Array(Math.min(DETECT_OCTETS, content.length));
  return head.subarray(0, content.read(head, 0));
}

/** A given format does not make a web page a list. */
function refuseForeign(head: Uint8Array): void {
  if (head.length === 0) throw refused('it is empty');
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
  readonly #gate: Gate;
  readonly #refused = new Map<string, number>();
  readonly #faults: LineFault[] = [];
  #entries = 0;
  #exceptions = 0;

  constructor(gate: Gate) {
    this.#gate = gate;
  }

  entry(name: Uint8Array, length: number, _coverage: number, line: number): void {
    const reason = this.#gate(name, length, countLabels(name));
    if (reason === null) this.#entries++;
    else this.reject(line, reason, nameToText(name));
  }

  exception(): void {
    this.#exceptions++;
  }

  reject(line: number, reason: string, text: string): void {
    this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
    if (this.#faults.length >= FAULTS_KEPT) return;
    this.#faults.push({ line, reason, text: text.slice(0, FAULT_TEXT_MAX) });
  }

  report(format: ListFormatName, octets: number): ListReport {
    return {
      format,
      octets,
      entries: this.#entries,
      exceptions: this.#exceptions,
      refused: Object.fromEntries(this.#refused),
      faults: this.#faults,
    };
  }
}

function countLabels(name: Uint8Array): number {
  let labels = 0;
  for (let at = 0; (name[at] ?? 0) !== 0; at += (name[at] ?? 0) + 1) labels++;
  return labels;
}
