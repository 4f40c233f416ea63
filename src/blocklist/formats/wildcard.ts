/**
 * Names with and without wildcard: `*.example.org` covers the name and below, `example.org` the
 * name only. Comments as in domains lists.
 */

import { endOfName, isCommentLine, wildcardLength } from './domains.ts';
import type { ListLine } from './lines.ts';
import { forEachLine, reject } from './lines.ts';
import type { ListContent, ListSink } from './list-format.ts';
import { COVER_BOTH, COVER_EXACT } from './list-format.ts';
import { emitEntry } from './list-name.ts';

export function parseWildcard(content: ListContent, sink: ListSink): number {
  return forEachLine(content, sink, parseLine);
}

function parseLine(line: ListLine, sink: ListSink): void {
  if (isCommentLine(line)) return;
  const end = endOfName(line);
  if (end < 0) {
    reject(line, sink, 'bad-syntax');
    return;
  }
  const skipped = wildcardLength(line);
  emitEntry(line, sink, line.start + skipped, end, skipped > 0 ? COVER_BOTH : COVER_EXACT);
}
