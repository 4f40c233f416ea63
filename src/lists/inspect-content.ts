/**
 * Looks at the content of a list before any row names it: is it a list at all, in which format, how
 * many names pass the gate, what is wrong with the rest. A content that can be no list is refused,
 * so an error page or an empty download never takes the place of a good list.
 */

import { detectFormat } from '../blocklist/formats/detect.ts';
import {
  FAULT_TEXT_MAX,
  type ListFormatName,
  type ListSink,
} from '../blocklist/formats/list-format.ts';
import { LIST_FORMATS } from '../blocklist/formats/parse-list.ts';
import { nameToText } from '../dns/name.ts';
import { AppError } from '../lib/errors.ts';
import type { ContentInspector, LineFault, ListReport } from '../store/list-report.ts';
import { createGate, type Gate } from './gate.ts';

const FAULTS_KEPT = 100;
/** More octets that are no text than this among the first make a content binary. */
const SAMPLE_OCTETS = 4_096;

export const inThreadInspector: ContentInspector = {
  inspect: (content, format) =>
    // A rejection, not a throw: callers await.
    new Promise((resolve) => {
      resolve(inspectContent(content, format));
    }),
};

/**
 * @param format null: find it out
 * @throws AppError `LIST_REFUSED`
 */
export function inspectContent(content: Uint8Array, format: ListFormatName | null): ListReport {
  refuseForeign(content);
  const found = format ?? detectFormat(content);
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

/** A given format does not make a web page a list. */
function refuseForeign(content: Uint8Array): void {
  if (content.length === 0) throw refused('it is empty');
  const sample = content.subarray(0, SAMPLE_OCTETS);
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
