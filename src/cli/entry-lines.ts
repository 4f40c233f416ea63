/**
 * Entries of an own list as lines of a file, as `list entry export` writes them and `import` reads them:
 *
 *     bad.example
 *     worse.example # asked by the school
 *     soon.example # until 2027-02-28T21:00:00Z: only for the trip
 */

import { AppError } from '../lib/errors.ts';
import { HUMAN_TEXT_PATTERN } from '../store/human-text.ts';

export interface EntryLine {
  readonly name: string;
  readonly comment: string;
  /** RFC 3339; null: it stays. */
  readonly until: string | null;
}

const TIME = String.raw`\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:\d{2})`;
const COMMENT = new RegExp(HUMAN_TEXT_PATTERN);
const LINE = new RegExp(String.raw`^(\S+)(?:\s+#\s*(?:until (${TIME})(?::|$))?(.*))?$`);

/** @throws AppError `ENTRIES_INVALID` with every fault */
export function parseEntryLines(text: string): EntryLine[] {
  const faults: string[] = [];
  const entries = entryLinesOf(text).flatMap(({ line, number }) => {
    const match = LINE.exec(line);
    if (match === null) {
      faults.push(`line ${number}: more than a name; valid: such as "bad.example # why"`);
      return [];
    }
    const [, name = '', until = null, comment = ''] = match;
    if (!COMMENT.test(comment)) {
      faults.push(`line ${number}: the comment has control characters; valid: text`);
      return [];
    }
    return [{ name, comment: comment.trim(), until }];
  });
  if (faults.length === 0) return entries;
  throw new AppError('ENTRIES_INVALID', 'Reading the entries: not every line is one', { faults });
}

/** What the API says of entries, with the lines of the file that they came from. */
export function withLines(faults: readonly string[], text: string): string[] {
  const lines = entryLinesOf(text);
  return faults.map((fault) =>
    fault.replace(/^add\[(\d+)\](?:\.\w+)?/, (path, index) => {
      const line = lines[Number(index)];
      return line === undefined ? path : `line ${line.number}`;
    }),
  );
}

/** Lines with an entry, from number 1. */
function entryLinesOf(text: string): { readonly line: string; readonly number: number }[] {
  return text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .map((raw, index) => ({ line: raw.trim(), number: index + 1 }))
    .filter(({ line }) => line !== '' && !line.startsWith('#'));
}

export function formatEntryLine({ name, comment, until }: EntryLine): string {
  if (until === null) return comment === '' ? name : `${name} # ${comment}`;
  return `${name} # until ${until}:${comment === '' ? '' : ` ${comment}`}`;
}
