/**
 * The database file of the query log, and what becomes of it. It is apart from the store: it is written
 * all the time, may be lost without harm, and must never stop the server.
 *
 *     DATA_DIR/query-log.sqlite           rows (SQLite, WAL), 0600
 *              query-log.damaged.sqlite   the last one that could not be read; it goes when its names are due
 *
 * `secure_delete` overwrites what is removed. That alone leaves copies of rows in the slack of pages that
 * SQLite has split or merged, so a deletion that must be proven ends with `compact`.
 */

import { existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { Kysely, sql } from 'kysely';
import type { Clock } from '../lib/clock.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import { closeToOthers } from '../store/data-folder.ts';
import { StoreDialect } from '../store/database.ts';
import type { QueryLogLog } from './calm-log.ts';
import { type LogDb, type LogTables, migrateLog } from './log-tables.ts';

export const LOG_FILE = 'query-log.sqlite';
const DAMAGED_FILE = 'query-log.damaged.sqlite';
const COMPANIONS = ['', '-wal', '-shm'];

/** Up to this size all pages are looked at when the file is opened. */
const FULL_CHECK_BYTES_MAX = 64 * 1024 * 1024;
const CACHE_KIB = 16 * 1024;
const LOG_BYTES_MAX = 16 * 1024 * 1024;
/** For another process that looks into the file; main waits that long and no longer. */
const BUSY_MS = 100;
/** A file that cannot be opened is tried again no sooner than this. */
const RETRY_MS = 60_000;

export interface LogFileSize {
  /** In use; pages that are free are taken before the file grows. */
  readonly octets: number;
  /** Of the log, at most: those removed from the middle are counted too. */
  readonly rows: number;
}

export class LogFile {
  readonly #dataDir: string;
  readonly #clock: Clock;
  readonly #log: QueryLogLog;
  #db: LogDb | null = null;
  #isClosed = false;
  #triedAtMs = Number.NEGATIVE_INFINITY;

  constructor(dataDir: string, clock: Clock, log: QueryLogLog) {
    this.#dataDir = dataDir;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Runs a task on the database. A file found damaged is set aside on the way, and the next task has
   * a new one.
   * @throws AppError `QUERY_LOG_UNAVAILABLE`, whatever SQLite said
   */
  async use<Result>(task: (db: LogDb) => Promise<Result>): Promise<Result> {
    const db = (this.#db ??= await this.#open());
    if (db === null) throw unavailable('there is no database file', null);
    try {
      return await task(db);
    } catch (error) {
      if (isDamage(error) && this.#db === db) await this.#setAside(error);
      else this.#warn(error);
      throw unavailable(messageOf(error), error);
    }
  }

  /** Cheap: SQLite knows the pages, and both ends of the log. */
  size(): Promise<LogFileSize> {
    return this.use(async (db) => {
      const { rows } = await sql<LogFileSize>`
        select
          ((select page_count from pragma_page_count)
            - (select freelist_count from pragma_freelist_count))
            * (select page_size from pragma_page_size) as octets,
          coalesce((select max(sequence) from log) - (select min(sequence) from log) + 1, 0) as rows
      `.execute(db);
      return rows[0] ?? { octets: 0, rows: 0 };
    });
  }

  /**
   * Rewrites the file without anything that was removed, then empties the write-ahead log. It holds the
   * thread for about a second per 100 MiB.
   */
  compact(): Promise<void> {
    return this.use(async (db) => {
      await sql`vacuum`.execute(db);
      if (await emptyWal(db)) return;
      throw new Error('another process reads the file, so removed names are still in its log');
    });
  }

  /** Removes the file that was set aside: all of it, or once it is older than names may be. */
  removeDamaged(beforeMs = Number.POSITIVE_INFINITY): void {
    const path = join(this.#dataDir, DAMAGED_FILE);
    if ((statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) >= beforeMs) return;
    for (const companion of COMPANIONS) rmSync(path + companion, { force: true });
  }

  /** For good. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#letGo();
  }

  async #letGo(): Promise<void> {
    const db = this.#db;
    this.#db = null;
    await db?.destroy();
  }

  async #open(): Promise<LogDb | null> {
    const nowMs = this.#clock.monotonicMs();
    if (this.#isClosed || nowMs - this.#triedAtMs < RETRY_MS) return null;
    this.#triedAtMs = nowMs;
    try {
      return await openDatabase(this.#dataDir);
    } catch (error) {
      if (isDamage(error)) return this.#setAside(error);
      this.#warn(error);
      return null;
    }
  }

  async #setAside(reason: unknown): Promise<LogDb | null> {
    try {
      await this.#letGo();
      const path = join(this.#dataDir, LOG_FILE);
      const target = join(this.#dataDir, DAMAGED_FILE);
      this.removeDamaged();
      for (const companion of COMPANIONS) {
        if (existsSync(path + companion)) renameSync(path + companion, target + companion);
      }
      this.#log.warn(
        { code: 'QUERY_LOG_DAMAGED', setAside: target, reason: messageOf(reason) },
        'The query log is damaged: it is set aside, and a new one begins',
      );
      this.#db = await openDatabase(this.#dataDir);
    } catch (error) {
      this.#warn(error);
    }
    return this.#db;
  }

  #warn(error: unknown): void {
    this.#log.warn(
      { code: 'QUERY_LOG_UNAVAILABLE', reason: messageOf(error) },
      'The query log cannot be used: what it would hold is dropped and counted',
    );
  }
}

async function openDatabase(dataDir: string): Promise<LogDb> {
  const path = join(dataDir, LOG_FILE);
  closeToOthers(path);
  const database = new Database(path, { timeout: BUSY_MS });
  try {
    if (statSync(path).size <= FULL_CHECK_BYTES_MAX) {
      const result = String(database.pragma('quick_check(1)', { simple: true }));
      if (result !== 'ok') {
        throw new AppError('QUERY_LOG_DAMAGED', `Opening the query log: ${result.trim()}`);
      }
    }
    database.pragma('journal_mode = wal');
    // The loss of the last moments with the machine is no harm here; the file stays whole.
    database.pragma('synchronous = normal');
    database.pragma('secure_delete = on');
    database.pragma(`cache_size = -${CACHE_KIB}`);
    database.pragma(`journal_size_limit = ${LOG_BYTES_MAX}`);
    const db = new Kysely<LogTables>({ dialect: new StoreDialect(database) });
    await migrateLog(db);
    return db;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Removed names stand in the write-ahead log too, until it is written back; false where it cannot be. */
export async function emptyWal(db: LogDb): Promise<boolean> {
  const { rows } = await sql<{ busy: number }>`pragma wal_checkpoint(truncate)`.execute(db);
  return rows[0]?.busy === 0;
}

function isDamage(error: unknown): boolean {
  if (error instanceof AppError) return error.code === 'QUERY_LOG_DAMAGED';
  return error instanceof Database.SqliteError && /^SQLITE_(CORRUPT|NOTADB)/.test(error.code);
}

function unavailable(reason: string, cause: unknown): AppError {
  return new AppError('QUERY_LOG_UNAVAILABLE', `Using the query log: ${reason}`, { cause });
}
