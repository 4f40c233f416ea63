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
  const entries = text
    .replace(/^\uFEFF/, '')
    .split('\n')
    .flatMap((raw, index) => {
      const line = raw.trim();
      if (line === '' || line.startsWith('#')) return [];
      const match = LINE.exec(line);
      if (match === null) {
        faults.push(`line ${index + 1}: more than a name; valid: such as "bad.example # why"`);
        return [];
      }
      const [, name = '', until = null, comment = ''] = match;
      if (!COMMENT.test(comment)) {
        faults.push(`line ${index + 1}: the comment has control characters; valid: text`);
        return [];
      }
      return [{ name, comment: comment.trim(), until }];
    });
  if (faults.length === 0) return entries;
  throw new AppError('ENTRIES_INVALID', 'Reading the entries: not every line is one', { faults });
}

export function formatEntryLine({ name, comment, until }: EntryLine): string {
  if (until === null) return comment === '' ? name : `${name} # ${comment}`;
  return `${name} # until ${until}:${comment === '' ? '' : ` ${comment}`}`;
}
