/**
 * What the query log keeps and for how long: names a few days, counts some months, all of it within a
 * number of octets, the oldest first. And the deletion of profiles, counted before and after.
 */

import { setImmediate } from 'node:timers/promises';
import { sql } from 'kysely';
import { daysBetween } from './radar.ts';
import type { LogDb } from './log-tables.ts';

/** Removed in one statement: some milliseconds. */
const ROWS_PER_STEP = 500;
const DAY_SECONDS = 86_400;
/** What has a row in the others has one in `statistics`, which therefore is the last to lose it. */
const DAY_TABLES = ['categories', 'radar', 'statistics'] as const;
const NUMBERS_PER_STATEMENT = 500;
/** A row from further ahead was written while the clock was wrong, and would never be due. */
const AHEAD_SECONDS_MAX = DAY_SECONDS;

export interface QueryLogLimits {
  /** Of names. */
  readonly retentionDays: number;
  readonly statisticsDays: number;
  /** Of the file. */
  readonly bytesMax: number;
}

/** Removes a part of what is due; true where more may be. */
export async function removeDue(
  db: LogDb,
  limits: QueryLogLimits,
  nowSeconds: number,
): Promise<boolean> {
  const beforeSecond = nowSeconds - limits.retentionDays * DAY_SECONDS;
  const due = await db
    .selectFrom('log')
    .select('sequence')
    .where((eb) =>
      eb.or([eb('at', '<', beforeSecond), eb('at', '>', nowSeconds + AHEAD_SECONDS_MAX)]),
    )
    .limit(ROWS_PER_STEP)
    .execute();
  await removeRows(db, due);
  if (due.length === ROWS_PER_STEP) return true;
  const today = Math.floor(nowSeconds / DAY_SECONDS);
  for (const table of DAY_TABLES) {
    const { numAffectedRows } = await sql`
      delete from ${sql.table(table)} where (day, profile) in (
        select day, profile from ${sql.table(table)}
        where day < ${today - limits.statisticsDays} limit ${ROWS_PER_STEP})
    `.execute(db);
    if (Number(numAffectedRows) >= ROWS_PER_STEP) return true;
    // A local date may be a day ahead of the one in UTC.
    await db
      .deleteFrom(table)
      .where('day', '>', today + 1)
      .execute();
  }
  return false;
}

/** Makes room: the oldest names, else the oldest day of statistics. */
export async function removeOldest(db: LogDb, rows: number): Promise<void> {
  const oldest = await db.selectFrom('log').select('sequence').orderBy('at').limit(rows).execute();
  if (oldest.length > 0) return removeRows(db, oldest);
  const first = await db
    .selectFrom('statistics')
    .select((eb) => eb.fn.min<number | null>('day').as('day'))
    .executeTakeFirst();
  const day = first?.day ?? null;
  if (day === null) return;
  for (const table of DAY_TABLES) {
    await db.deleteFrom(table).where('day', '<=', day).execute();
  }
}

async function removeRows(
  db: LogDb,
  rows: readonly { readonly sequence: number }[],
): Promise<void> {
  if (rows.length === 0) return;
  const sequences = rows.map(({ sequence }) => sequence);
  await db.deleteFrom('log').where('sequence', 'in', sequences).execute();
}

export interface DataCounts {
  /** Rows. */
  readonly log: number;
  readonly statistics: number;
  readonly radar: number;
}

export async function countProfileData(db: LogDb, numbers: readonly number[]): Promise<DataCounts> {
  const counts = { log: 0, statistics: 0, categories: 0, radar: 0 };
  await forEachPart(db, numbers, async (part, days) => {
    for (const table of DAY_TABLES) {
      const { rows } = await db
        .selectFrom(table)
        .select((eb) => eb.fn.countAll<number>().as('rows'))
        .where('day', 'in', days)
        .where('profile', 'in', part)
        .executeTakeFirstOrThrow();
      counts[table] += rows;
    }
    const { rows } = await db
      .selectFrom('log')
      .select((eb) => eb.fn.countAll<number>().as('rows'))
      .where('profile', 'in', part)
      .executeTakeFirstOrThrow();
    counts.log += rows;
  });
  const { log, statistics, categories, radar } = counts;
  return { log, statistics: statistics + categories, radar };
}

/** Within a transaction of the caller; the names are gone from the file only after `LogFile.compact`. */
export async function removeProfileData(tx: LogDb, numbers: readonly number[]): Promise<void> {
  await forEachPart(tx, numbers, async (part, days) => {
    await tx.deleteFrom('log').where('profile', 'in', part).execute();
    for (const table of DAY_TABLES) {
      await tx.deleteFrom(table).where('day', 'in', days).where('profile', 'in', part).execute();
    }
  });
}

/** Hands out the numbers in parts, with all days that there are: the keys of tables begin with the day. */
async function forEachPart(
  db: LogDb,
  numbers: readonly number[],
  task: (part: readonly number[], days: readonly number[]) => Promise<void>,
): Promise<void> {
  const range = await db
    .selectFrom('statistics')
    .select((eb) => [
      eb.fn.min<number | null>('day').as('first'),
      eb.fn.max<number | null>('day').as('last'),
    ])
    .executeTakeFirst();
  // With no day the result is nothing, but an empty list would be no SQL.
  const days = daysBetween(range?.first ?? 0, range?.last ?? 0);
  for (let at = 0; at < numbers.length; at += NUMBERS_PER_STATEMENT) {
    await task(numbers.slice(at, at + NUMBERS_PER_STATEMENT), days);
    await setImmediate();
  }
}
