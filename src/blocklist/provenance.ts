/**
 * Which line of a list put a name on it, for `explain`. The list is read again: that takes a moment,
 * and no memory is spent on line numbers for millions of names.
 */

import { NAME_BYTES_MAX, writeName } from '../dns/name.ts';
import { type CompileList, coverageOf } from './compile.ts';
import type { ListContent } from './formats/list-format.ts';
import { COVER_BELOW, COVER_EXACT } from './formats/list-format.ts';
import { forEachLine, textOf } from './formats/lines.ts';
import { LIST_FORMATS } from './formats/parse-list.ts';

export interface ListPlace {
  /** Counted from 1. */
  readonly line: number;
  readonly text: string;
}

/**
 * The first line with the longest name that covers `name`; null where the list does not cover it,
 * or it was taken out again, by the list itself or by an editor.
 * @param name lower-cased wire octets with the root
 */
export function findInList(
  list: Pick<CompileList, 'content' | 'format' | 'coversSubdomains' | 'except'>,
  name: Uint8Array,
  length: number,
): ListPlace | null {
  const { content, except = [] } = list;
  if (except.some((text) => isCorrected(text, name, length))) return null;
  const format = LIST_FORMATS[list.format];
  const best = { line: 0, length: 0, exception: 0 };
  const needed = (found: number): number => (found === length ? COVER_EXACT : COVER_BELOW);
  format.parse(content, {
    entry(entry, entryLength, lineCoverage, line) {
      if (entryLength <= best.length || !isSuffix(entry, entryLength, name, length)) return;
      if ((coverageOf(list, lineCoverage) & needed(entryLength)) === 0) return;
      best.line = line;
      best.length = entryLength;
    },
    exception(exception, exceptionLength, coverage) {
      if (!isSuffix(exception, exceptionLength, name, length)) return;
      if ((coverage & needed(exceptionLength)) === 0) return;
      const weight = format.exceptions === 'all' ? length : exceptionLength;
      best.exception = Math.max(best.exception, weight);
    },
    reject: () => undefined,
  });
  if (best.line === 0 || best.exception >= best.length) return null;
  return { line: best.line, text: textOfLine(content, best.line) };
}

function isCorrected(text: string, name: Uint8Array, length: number): boolean {
  const correction = new Uint8Array(NAME_BYTES_MAX);
  const correctionLength = writeName(text, correction);
  return correctionLength > 0 && isSuffix(correction, correctionLength, name, length);
}

/** True where `suffix` is the name itself or lies above it. */
function isSuffix(
  suffix: Uint8Array,
  suffixLength: number,
  name: Uint8Array,
  length: number,
): boolean {
  const start = length - suffixLength;
  if (start < 0) return false;
  for (let index = 0; index < suffixLength; index++) {
    if (suffix[index] !== name[start + index]) return false;
  }
  // Equal octets may begin inside a label: only where a label begins is it an ancestor.
  let label = 0;
  while (label < start) label += name[label]! + 1;
  return label === start;
}

function textOfLine(content: ListContent, number: number): string {
  let text = '';
  const sink = { entry: () => undefined, exception: () => undefined, reject: () => undefined };
  forEachLine(content, sink, (line) => {
    if (line.number === number) text = textOf(line.content, line.start, line.end);
  });
  return text;
}
