/**
 * The part of adblock lists that DNS can express: `||example.org^` blocks the name and below,
 * `@@||example.org^` takes them out again, `||*.example.org^` blocks below only. `!` and `#` begin
 * comments, `[Adblock Plus]` is a header. The modifiers `important`, `all`, `document` and `doc`
 * change nothing about a whole domain and are accepted.
 *
 * All else (paths, cosmetic rules, other modifiers, bare patterns) is refused as what it is.
 */

import type { ListLine } from './lines.ts';
import { findOctet, forEachLine, reject, startsWith, textOf } from './lines.ts';
import type { ListContent, ListSink } from './list-format.ts';
import { COVER_BELOW, COVER_BOTH } from './list-format.ts';
import { emitEntry, emitException } from './list-name.ts';

const BANG = 0x21;
const HASH = 0x23;
const AT = 0x40;
const BRACKET = 0x5b;
const BAR = 0x7c;
const CARET = 0x5e;
const DOLLAR = 0x24;

const ACCEPTED_MODIFIERS: readonly string[] = ['important', 'all', 'document', 'doc'];

export function parseAdblock(content: ListContent, sink: ListSink): number {
  return forEachLine(content, sink, parseLine);
}

function parseLine(line: ListLine, sink: ListSink): void {
  if (isCommentOrHeader(line)) return;
  const { content, end } = line;
  const isException = content[line.start] === AT && content[line.start + 1] === AT;
  const barsAt = line.start + (isException ? 2 : 0);
  if (!startsWith(content, barsAt, end, '||')) {
    reject(line, sink, 'unsupported-rule');
    return;
  }
  const nameAt = barsAt + 2;
  const caret = findOctet(content, CARET, nameAt, end);
  if (caret === end) {
    reject(line, sink, 'unsupported-rule');
    return;
  }
  const rest = content[caret + 1] === BAR ? caret + 2 : caret + 1;
  if (rest < end && !hasAcceptedModifiers(line, rest)) {
    reject(line, sink, content[rest] === DOLLAR ? 'unsupported-modifier' : 'unsupported-rule');
    return;
  }
  const isBelowOnly = startsWith(content, nameAt, caret, '*.');
  const coverage = isBelowOnly ? COVER_BELOW : COVER_BOTH;
  const start = nameAt + (isBelowOnly ? 2 : 0);
  if (isException) emitException(line, sink, start, caret, coverage);
  else emitEntry(line, sink, start, caret, coverage);
}

/** `! …`, `# …`, `#` alone or a run of them, `[Adblock Plus 2.0]`; `##.ad` is a cosmetic rule. */
function isCommentOrHeader(line: ListLine): boolean {
  const { content, start, end } = line;
  const first = content[start];
  if (first === BANG || first === BRACKET) return true;
  if (first !== HASH) return false;
  let at = start;
  while (at < end && content[at] === HASH) at++;
  return at === end || at === start + 1 ? content[start + 1] !== AT : content[at] === 0x20;
}

/** True where `$modifier,modifier` from `at` on leaves the rule a plain rule about a domain. */
function hasAcceptedModifiers(line: ListLine, at: number): boolean {
  if (line.content[at] !== DOLLAR) return false;
  const modifiers = textOf(line.content, at + 1, line.end)
    .toLowerCase()
    .split(',');
  return modifiers.every((modifier) => ACCEPTED_MODIFIERS.includes(modifier.trim()));
}
