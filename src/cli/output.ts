/** Where commands write to; tests hand in their own. */

import { AppError, messageOf } from '../lib/errors.ts';

export interface Output {
  /** Results, a line or more at a time. */
  out(text: string): void;
  /** Faults and remarks. */
  err(text: string): void;
}

export const processOutput: Output = {
  out: (text) => void process.stdout.write(`${text}\n`),
  err: (text) => void process.stderr.write(`${text}\n`),
};

/** One sentence, and one line for each single fault where there are several. */
export function describeError(error: unknown): string {
  if (!(error instanceof AppError) || error.faults.length === 0) {
    return `stairgate: ${messageOf(error)}`;
  }
  const [first] = error.faults;
  const sentence =
    first !== undefined && error.message.includes(first)
      ? error.message.slice(0, error.message.indexOf(first)).trimEnd()
      : error.message;
  return [`stairgate: ${sentence}`, ...error.faults.map((fault) => `  ${fault}`)].join('\n');
}

/** What others wrote, such as a line of a list: nothing is left in it that a terminal would obey. */
export function plain(text: string): string {
  return text.replace(/\p{C}/gu, '?');
}

/** Columns as wide as their widest cell, under their headings. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => (row[column] ?? '').length)),
  );
  return [headings, ...rows]
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
