/** Where commands write to; tests hand in their own. */

import { stringify } from 'yaml';
import { AppError, messageOf } from '../lib/errors.ts';
import { showUnseen } from '../lib/unseen.ts';

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

/** The same, with nothing left in what is written that a terminal would obey, whoever it came from. */
export function visible(output: Output): Output {
  return {
    out: (text) => {
      output.out(showUnseen(text));
    },
    err: (text) => {
      output.err(showUnseen(text));
    },
  };
}

/** As readers of YAML 1.1 too understand it: to them a bare 21:00 is a number, and `no` is false. */
export function formatYaml(value: unknown): string {
  return stringify(value, { lineWidth: 0, compat: 'yaml-1.1' });
}

/** Columns as wide as their widest cell, under their headings. */
export function formatTable(
  headings: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const lines = [headings, ...rows].map((row) => row.map(cellText));
  const widths = headings.map((_, column) =>
    Math.max(...lines.map((row) => (row[column] ?? '').length)),
  );
  return lines
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** On one line, and as wide as it will be shown. */
function cellText(cell: string): string {
  return showUnseen(cell.replaceAll('\n', ' '));
}
