/**
 * What was measured before: one line of JSON a measurement, the newest last, in
 * `DATA_DIR/score-history.jsonl`. A line that cannot be read is passed over; the file is rewritten whole,
 * so that it stays bounded and a loss of power leaves the old one.
 */

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { Type } from 'typebox';
import { AppError, messageOf } from '../lib/errors.ts';
import { ShapeChecker } from '../store/schema-faults.ts';
import type { Score } from './score.ts';

export const SCORE_HISTORY_FILE = 'score-history.jsonl';
/** About a kilobyte each. */
const MEASUREMENTS_MAX = 500;

const count = Type.Integer({ minimum: 0 });

const measurementShape = new ShapeChecker(
  Type.Object({
    at: Type.String(),
    /** What was measured: `plan family`, `home-1/anna`. */
    subject: Type.String(),
    revision: Type.Integer(),
    /** Of the labelled names: counts of others are not to be compared. */
    digest: Type.String(),
    categories: Type.Record(
      Type.String(),
      Type.Object({ names: count, listed: count, blocked: count }),
    ),
    open: Type.Record(Type.String(), Type.Object({ names: count, blocked: count })),
  }),
);

export interface Measurement {
  readonly at: string;
  readonly subject: string;
  readonly revision: number;
  readonly digest: string;
  readonly categories: Readonly<
    Record<string, { readonly names: number; readonly listed: number; readonly blocked: number }>
  >;
  readonly open: Readonly<Record<string, { readonly names: number; readonly blocked: number }>>;
}

/** The counts of a score, without its names. */
export function toMeasurement(
  score: Score,
  about: Pick<Measurement, 'at' | 'subject' | 'revision' | 'digest'>,
): Measurement {
  return {
    ...about,
    categories: Object.fromEntries(
      score.categories.map(({ category, names, listed, blocked }) => [
        category,
        { names, listed, blocked },
      ]),
    ),
    open: Object.fromEntries(
      score.open.map(({ set, names, blocked }) => [set, { names, blocked }]),
    ),
  };
}

/** The oldest first; empty where nothing was measured yet. */
export function readScoreHistory(path: string): Measurement[] {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw unusable(path, error);
  }
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}

/** @throws AppError `SCORE_HISTORY_UNUSABLE` */
export function appendScore(path: string, measurement: Measurement): void {
  const all = [...readScoreHistory(path), measurement].slice(-MEASUREMENTS_MAX);
  const unfinished = `${path}.${process.pid}.tmp`;
  try {
    const lines = all.map((one) => `${JSON.stringify(one)}\n`);
    writeFileSync(unfinished, lines.join(''), { mode: 0o600 });
    renameSync(unfinished, path);
  } catch (error) {
    throw unusable(path, error);
  }
}

/** The last measurement of the same subject with the same names; null where there is none. */
export function lastMeasurement(
  history: readonly Measurement[],
  { subject, digest }: Pick<Measurement, 'subject' | 'digest'>,
): Measurement | null {
  const same = history.filter((one) => one.subject === subject && one.digest === digest);
  return same.at(-1) ?? null;
}

function parseLine(line: string): Measurement | null {
  try {
    const value: unknown = JSON.parse(line);
    return measurementShape.isValid(value) ? value : null;
  } catch {
    return null;
  }
}

function unusable(path: string, error: unknown): AppError {
  return new AppError(
    'SCORE_HISTORY_UNUSABLE',
    `Keeping the history of scores in ${path}: ${messageOf(error)}; name another file with --history`,
    { cause: error },
  );
}
