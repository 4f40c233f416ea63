/**
 * The tables of `query-log.sqlite`, and the steps that make them. A released step is never changed; a
 * change is a new step at the end.
 *
 *     log          one row a query whose name is kept, appended; nothing else holds a name
 *     statistics   one row a profile and local day, written by addition
 *     categories   what was blocked of them, by category
 *     radar        signs of ways round the filter, only where there are some
 *
 * A profile is its number; ids and zones are the store's. Rows of a day stand together, since that is
 * how they are written and how they end.
 */

import type { Kysely, Migration } from 'kysely';
import { AppError } from '../lib/errors.ts';
import { runAll, runMigrations } from '../store/run-migrations.ts';

interface LogTable {
  sequence: number;
  /** Seconds since the Unix epoch. */
  at: number;
  profile: number;
  is_blocked: number;
  /** Row of the order of decision. */
  decision_row: number;
  verdict_class: number;
  qtype: number;
  category: string | null;
  /** Keyed hash of the client's address; null where the level keeps none. */
  client: number | null;
  /** Wire octets, so that a row has a bound. */
  name: Uint8Array;
}

interface StatisticsTable {
  /** Days since 1970-01-01 of the profile's local date. */
  day: number;
  profile: number;
  passed: number;
  blocked: number;
  /** Minutes since the local midnight of the first and the last query. */
  first_minute: number;
  last_minute: number;
  /** Bits of the local hours with a query. */
  hours: number;
}

interface CategoriesTable {
  day: number;
  profile: number;
  category: string;
  blocked: number;
}

interface RadarTable {
  day: number;
  profile: number;
  /** Queries for names of category `bypass`. */
  bypass: number;
  canaries: number;
  /** Minutes in which names came as tunnels make them. */
  tunnel_minutes: number;
}

export interface LogTables {
  log: LogTable;
  statistics: StatisticsTable;
  categories: CategoriesTable;
  radar: RadarTable;
}

export type LogDb = Kysely<LogTables>;
export type LogRow = Omit<LogTable, 'sequence'>;

const FIRST_TABLES = [
  `create table log (
     sequence integer primary key,
     at integer not null,
     profile integer not null,
     is_blocked integer not null,
     decision_row integer not null,
     verdict_class integer not null,
     qtype integer not null,
     category text,
     client integer,
     name blob not null
   ) strict`,
  `create index log_of_profile on log (profile, at)`,
  `create index log_by_time on log (at)`,
  `create table statistics (
     day integer not null,
     profile integer not null,
     passed integer not null,
     blocked integer not null,
     first_minute integer not null,
     last_minute integer not null,
     hours integer not null,
     primary key (day, profile)
   ) strict, without rowid`,
  `create table categories (
     day integer not null,
     profile integer not null,
     category text not null,
     blocked integer not null,
     primary key (day, profile, category)
   ) strict, without rowid`,
  `create table radar (
     day integer not null,
     profile integer not null,
     bypass integer not null,
     canaries integer not null,
     tunnel_minutes integer not null,
     primary key (day, profile)
   ) strict, without rowid`,
];

const MIGRATIONS: Record<string, Migration> = {
  '0001-first-tables': { up: (db: Kysely<unknown>) => runAll(db, FIRST_TABLES) },
};

/** @throws AppError `QUERY_LOG_DAMAGED` where another version's steps stand in the file */
export function migrateLog(db: LogDb): Promise<void> {
  return runMigrations(
    db,
    MIGRATIONS,
    (cause) =>
      new AppError(
        'QUERY_LOG_DAMAGED',
        'Opening the query log: a newer version of Stairgate wrote it',
        {
          cause,
        },
      ),
  );
}
