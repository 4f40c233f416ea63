/**
 * A name a line: `example.org`, `*.example.org` or `.example.org`. Each covers the name and below.
 * `#`, `;` and `!` begin a comment line; ` #` begins a comment after a name.
 */

import type { ListLine } from './lines.ts';
import { findSpace, forEachLine, reject, skipSpace } from './lines.ts';
import type { ListContent, ListSink } from './list-format.ts';
import { COVER_BOTH } from './list-format.ts';
import { emitEntry } from './list-name.ts';

const HASH = 0x23;
const BANG = 0x21;
const SEMICOLON = 0x3b;
const ASTERISK = 0x2a;
const DOT = 0x2e;

export function parseDomains(content: ListContent, sink: ListSink): number {
  return forEachLine(content, sink, parseLine);
}

function parseLine(line: ListLine, sink: ListSink): void {
  if (isCommentLine(line)) return;
  const end = endOfName(line);
  if (end < 0) reject(line, sink, 'bad-syntax');
  else emitEntry(line, sink, line.start + wildcardLength(line), end, COVER_BOTH);
}

/** True where the line begins a comment as domains and wildcard lists write them. */
export function isCommentLine(line: ListLine): boolean {
  const first = line.content[line.start];
  return first === HASH || first === SEMICOLON || first === BANG;
}

/** Where the first word ends; −1 where more than a comment follows it. */
export function endOfName(line: ListLine): number {
  const { content } = line;
  let end = findSpace(content, line.start, line.end);
  const rest = skipSpace(content, end, line.end);
  if (rest < line.end && content[rest] !== HASH && content[rest] !== SEMICOLON) return -1;
  // `example.org#comment`: no name has a `#`.
  for (let at = line.start; at < end; at++) if (content[at] === HASH) end = at;
  return end;
}

/** Octets of a leading `*.` or `.`. */
export function wildcardLength(line: ListLine): number {
  const { content, start } = line;
  if (content[start] === DOT) return 1;
  return content[start] === ASTERISK && content[start + 1] === DOT ? 2 : 0;
}
