/**
 * dnsmasq configuration: `address=/example.org/0.0.0.0`, `address=/a.example/b.example/#`,
 * `server=/example.org/` and `local=/example.org/` answer names themselves, so each covers its names
 * and below. `server=/example.org/#` hands a name back to the standard servers: an exception, and as
 * in dnsmasq the longest name has the last word. A `server` with an address is a forward zone and no
 * entry; other directives are refused as unsupported.
 */

import type { ListLine } from './lines.ts';
import { findOctet, forEachLine, isSpace, reject, skipSpace, startsWith } from './lines.ts';
import type { ListContent, ListSink } from './list-format.ts';
import { COVER_BOTH } from './list-format.ts';
import { emitEntry, emitException } from './list-name.ts';

const HASH = 0x23;
const SLASH = 0x2f;
const EQUALS = 0x3d;
const ASTERISK = 0x2a;
const DOT = 0x2e;

export function parseDnsmasq(content: ListContent, sink: ListSink): number {
  return forEachLine(content, sink, parseLine);
}

function parseLine(line: ListLine, sink: ListSink): void {
  const { content, start, end } = line;
  if (content[start] === HASH) return;
  const isAddress = startsWith(content, start, end, 'address');
  const equals = skipSpace(content, start + (isAddress ? 7 : serverLength(line)), end);
  if (equals === start || content[equals] !== EQUALS) {
    const isDirective = findOctet(content, EQUALS, start, end) < end;
    reject(line, sink, isDirective ? 'unsupported-directive' : 'bad-syntax');
    return;
  }
  const open = skipSpace(content, equals + 1, end);
  const targetAt = endOfNames(line, open);
  if (content[open] !== SLASH || targetAt < 0) reject(line, sink, 'bad-syntax');
  else parseNames(line, sink, open, targetAt, !isAddress);
}

/** Octets of `server` or its other name `local` at the start of the line, 0 where neither stands there. */
function serverLength(line: ListLine): number {
  if (startsWith(line.content, line.start, line.end, 'server')) return 6;
  return startsWith(line.content, line.start, line.end, 'local') ? 5 : 0;
}

/** The octet after the last slash of `/a/b/target`, a comment left out; −1 where there is no second slash. */
function endOfNames(line: ListLine, open: number): number {
  const { content } = line;
  let last = -1;
  for (let at = open + 1; at < line.end; at++) {
    const octet = content[at]!;
    if (octet === HASH && isSpaceBefore(content, at)) break;
    if (octet === SLASH) last = at;
  }
  return last < 0 ? -1 : last + 1;
}

function parseNames(
  line: ListLine,
  sink: ListSink,
  open: number,
  targetAt: number,
  isServer: boolean,
): void {
  const { content } = line;
  const hasTarget = targetAt < line.end && !isSpace(content[targetAt]!);
  const isException = isServer && content[targetAt] === HASH;
  if (isServer && hasTarget && !isException) {
    reject(line, sink, 'unsupported-directive');
    return;
  }
  for (let at = open + 1; at < targetAt;) {
    const end = findOctet(content, SLASH, at, targetAt);
    const start = at + wildcardLength(content, at);
    if (isException) emitException(line, sink, start, end, COVER_BOTH);
    else emitEntry(line, sink, start, end, COVER_BOTH);
    at = end + 1;
  }
}

/** dnsmasq takes `/*.example.org/` and `/.example.org/` as `/example.org/`. */
function wildcardLength(content: Uint8Array, at: number): number {
  if (content[at] === DOT) return 1;
  return content[at] === ASTERISK && content[at + 1] === DOT ? 2 : 0;
}

function isSpaceBefore(content: Uint8Array, at: number): boolean {
  return isSpace(content[at - 1]!);
}
