/**
 * Opens the SQLite file under Kysely. WAL with `synchronous = full`: a commit is on the disk before
 * it is acknowledged. Damage is looked for at opening and named wherever it shows up later.
 */

import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import {
  type DatabaseConnection,
  type DialectAdapter,
  type Driver,
  Kysely,
  SqliteAdapter,
  SqliteDialect,
  type SqliteDialectConfig,
  SqliteDriver,
  sql,
} from 'kysely';
import { AppError, messageOf } from '../lib/errors.ts';
import { closeToOthers, DATABASE_FILE, LISTS_FOLDER } from './data-folder.ts';
import type { Db, Tables } from './schema.ts';

/** Up to this size the whole file is checked at every start; it takes well under a second. */
const FULL_CHECK_BYTES_MAX = 64 * 1024 * 1024;
/**
 * Of pages in memory, taken as they are used. Ids and addresses come in any order: with the 2 MiB of
 * SQLite, a bulk write of the last of a million subscribers takes ten times as long as of the first.
 */
const CACHE_KIB = 64 * 1024;
/** Pages in the log before they go into the file: sessions write the same pages again and again. */
const CHECKPOINT_PAGES = 4000;
/** A log that a bulk write has made longer is cut back to this. */
const LOG_BYTES_MAX = 64 * 1024 * 1024;

export interface OpenDatabaseOptions {
  readonly isReadOnly: boolean;
}

/**
 * @throws AppError `STORE_DAMAGED` where the file is no intact database, `STORE_MISSING` where a
 *   read-only opening finds no file
 */
export function openDatabase(dataDir: string, options: OpenDatabaseOptions): Db {
  const path = join(dataDir, DATABASE_FILE);
  const isThere = existsSync(path);
  if (options.isReadOnly && !isThere) {
    throw new AppError('STORE_MISSING', `Opening the database: there is no "${path}"`);
  }
  let database: Database.Database | null = null;
  try {
    if (!options.isReadOnly) closeToOthers(path);
    database = new Database(path, { readonly: options.isReadOnly, timeout: 5000 });
    if (!options.isReadOnly) {
      if (isThere) refuseEmptied(database, dataDir, path);
      if (statSync(path).size <= FULL_CHECK_BYTES_MAX) checkPages(database, path);
      database.pragma('journal_mode = wal');
      database.pragma('synchronous = full');
      database.pragma(`cache_size = -${CACHE_KIB}`);
      database.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
      database.pragma(`journal_size_limit = ${LOG_BYTES_MAX}`);
    }
    database.pragma('foreign_keys = on');
    return new Kysely<Tables>({ dialect: new StoreDialect(database) });
  } catch (error) {
    database?.close();
    throw toStoreError(error, path);
  }
}

export class StoreDialect extends SqliteDialect {
  readonly #database: Database.Database;

  constructor(database: Database.Database) {
    super({ database });
    this.#database = database;
  }

  override createDriver(): Driver {
    return new StoreDriver(this.#database);
  }

  override createAdapter(): DialectAdapter {
    return new StoreAdapter();
  }
}

/** Kysely leaves it out for the sake of other SQLites: here migrations come as a whole or not at all. */
class StoreAdapter extends SqliteAdapter {
  override get supportsTransactionalDdl(): true {
    return true;
  }
}

/** On a full disk SQLite ends the transaction by itself; to roll it back again would hide the reason. */
class StoreDriver extends SqliteDriver {
  readonly #database: Database.Database;

  constructor(database: Database.Database) {
    super({ database } satisfies SqliteDialectConfig);
    this.#database = database;
  }

  override async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    if (this.#database.inTransaction) await super.rollbackTransaction(connection);
  }
}

/** Gives the errors of SQLite that an operator must act on a code and a sentence; others pass. */
export function toStoreError(error: unknown, path = DATABASE_FILE): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(error.code)) return damaged(path, error.message, error);
  if (/^SQLITE_(FULL|IOERR|READONLY|CANTOPEN)/.test(error.code)) {
    return new AppError('STORE_UNWRITABLE', `Using the database "${path}": ${messageOf(error)}`, {
      cause: error,
    });
  }
  return error;
}

/**
 * Deletes so that what is gone is gone from the files as well: overwritten in its pages, and in the
 * write-ahead log, as far as no other reader holds it. Not always, as it costs every deletion writes.
 */
export async function withoutTraces<Result>(
  db: Db,
  deletion: () => Promise<Result>,
): Promise<Result> {
  await sql`pragma secure_delete = on`.execute(db);
  try {
    return await deletion();
  } finally {
    await sql`pragma secure_delete = off`.execute(db);
    await sql`pragma wal_checkpoint(truncate)`.execute(db);
  }
}

/**
 * A database that was cut to nothing, or lost the log that held all of it, is a valid empty one.
 * Beginning anew with it would silently replace a policy by the default. List contents are written
 * only by a store that has its tables, so they tell the two apart.
 */
function refuseEmptied(database: Database.Database, dataDir: string, path: string): void {
  if (database.pragma('schema_version', { simple: true }) !== 0) return;
  if (readdirSync(join(dataDir, LISTS_FOLDER)).length === 0) return;
  throw damaged(path, 'it is empty, but lists that it named are here', null);
}

function checkPages(database: Database.Database, path: string): void {
  const result = database.pragma('quick_check(1)', { simple: true });
  // Several lines, of which the last says what is wrong.
  const detail = String(result).trim().split('\n').at(-1) ?? '';
  if (result !== 'ok') throw damaged(path, detail, null);
}

function damaged(path: string, detail: string, cause: unknown): AppError {
  return new AppError(
    'STORE_DAMAGED',
    `Opening the database "${path}": the file is damaged (${detail}); restore it from a backup, or move it away to begin anew`,
    { cause },
  );
}
