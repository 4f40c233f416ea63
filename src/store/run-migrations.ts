/** Brings a database to today's tables: that of the store, and that of the query log. */

import { type Kysely, type Migration, Migrator, sql } from 'kysely';

/**
 * Runs the steps that a database does not have yet.
 * @param tooNew makes the error where steps of another version stand in it
 */
export async function runMigrations<Tables>(
  db: Kysely<Tables>,
  migrations: Record<string, Migration>,
  tooNew: (cause: Error) => Error,
): Promise<void> {
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(migrations) },
  });
  const { error } = await migrator.migrateToLatest();
  if (error === undefined) return;
  if (!(error instanceof Error)) throw new Error(JSON.stringify(error));
  throw /corrupted migrations/.test(error.message) ? tooNew(error) : error;
}

/** A step that is these statements. */
export async function runAll(db: Kysely<unknown>, statements: readonly string[]): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(db);
}
