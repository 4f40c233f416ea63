/**
 * The steps from an empty database to today's tables. A released step is never changed; a change is
 * a new step at the end. `WITHOUT ROWID` where the key is the row.
 */

import type { Kysely, Migration } from 'kysely';
import { AppError } from '../lib/errors.ts';
import { APPEAL_TABLES } from './appeals.ts';
import { LIST_MEMORY, LIST_SCOPES, LIST_TABLES } from './list-tables.ts';
import { PROFILE_TABLES } from './profile-tables.ts';
import { runAll, runMigrations } from './run-migrations.ts';
import type { Db } from './schema.ts';
import { stripTexts } from './strip-texts.ts';

const FIRST_TABLES = [
  `create table meta (key text primary key, value text not null) strict, without rowid`,
  `create table categories (
     id text primary key,
     bit integer not null unique check (bit between 0 and 255),
     class text not null check (class in ('law', 'operator', 'policy')),
     title text not null,
     ede_code integer check (ede_code in (15, 16)),
     revision integer not null
   ) strict`,
  `create table lists (
     id text primary key,
     category text not null references categories (id),
     format text not null,
     is_format_given integer not null check (is_format_given in (0, 1)),
     covers_subdomains integer check (covers_subdomains in (0, 1)),
     origin text not null,
     content_sha256 text not null,
     report text not null,
     revision integer not null
   ) strict`,
  `create table plans (
     number integer primary key autoincrement,
     id text not null unique,
     title text not null,
     blocking_mode text not null,
     block_address4 text,
     block_address6 text,
     max_ttl_seconds integer,
     revision integer not null
   ) strict`,
  `create table plan_categories (
     plan integer not null references plans (number) on delete cascade,
     category text not null references categories (id),
     is_locked integer not null check (is_locked in (0, 1)),
     primary key (plan, category)
   ) strict, without rowid`,
  `create table rules (
     owner_kind text not null check (owner_kind in ('plan', 'subscriber')),
     owner integer not null,
     action text not null check (action in ('allow', 'deny')),
     name text not null,
     primary key (owner_kind, owner, action, name)
   ) strict, without rowid`,
  `create table subscribers (
     number integer primary key autoincrement,
     id text not null unique,
     plan integer not null references plans (number),
     timezone text not null,
     is_builtin integer not null check (is_builtin in (0, 1)),
     revision integer not null
   ) strict`,
  `create index subscribers_of_plan on subscribers (plan)`,
  `create table addresses (
     prefix blob primary key check (length(prefix) = 17),
     subscriber integer not null references subscribers (number) on delete cascade
   ) strict, without rowid`,
  `create index addresses_of_subscriber on addresses (subscriber)`,
  `create table sessions (
     prefix blob primary key check (length(prefix) = 17),
     subscriber integer not null references subscribers (number) on delete cascade,
     expires_at integer not null
   ) strict, without rowid`,
  `create index sessions_of_subscriber on sessions (subscriber)`,
  `create index sessions_by_expiry on sessions (expires_at)`,
  `create table tokens (
     id text primary key,
     role text not null check (role in ('admin', 'operator', 'editor', 'reader')),
     hash text not null unique,
     created_at text not null
   ) strict`,
  `create table audit (
     sequence integer primary key autoincrement,
     revision integer not null,
     at text not null,
     actor text not null,
     action text not null,
     kind text not null,
     resource text not null,
     before text,
     after text,
     previous_hash text not null,
     hash text not null
   ) strict`,
  `create table idempotency (
     key text primary key,
     digest text not null,
     response text not null,
     created_at integer not null
   ) strict`,
  `create index idempotency_by_age on idempotency (created_at)`,
  `insert into meta (key, value) values ('revision', '0')`,
];

export const MIGRATIONS: Record<string, Migration> = {
  '0001-first-tables': { up: (db: Kysely<unknown>) => runAll(db, FIRST_TABLES) },
  '0002-profiles': { up: (db: Kysely<unknown>) => runAll(db, PROFILE_TABLES) },
  '0003-list-versions': { up: (db: Kysely<unknown>) => runAll(db, LIST_TABLES) },
  '0004-appeals': { up: (db: Kysely<unknown>) => runAll(db, APPEAL_TABLES) },
  '0005-list-scopes': { up: (db: Kysely<unknown>) => runAll(db, LIST_SCOPES) },
  '0006-list-memory': { up: (db: Kysely<unknown>) => runAll(db, LIST_MEMORY) },
  '0007-strip-texts': { up: (db: Kysely<unknown>) => stripTexts(db) },
};

/** Brings a database to today's tables; nothing happens where it is there already. */
export function migrate(db: Db): Promise<void> {
  return runMigrations(
    db,
    MIGRATIONS,
    (cause) =>
      new AppError(
        'STORE_TOO_NEW',
        'Opening the database: a newer version of Stairgate wrote it; use that version, or restore a backup made by this one',
        { cause },
      ),
  );
}
