/**
 * Small facts about the whole store: the revision, and marks of what the first start has done.
 */

import type { Db } from './schema.ts';

/** The number of changes of policy so far; every one has its own. */
export async function readRevision(db: Db): Promise<number> {
  return Number((await readMeta(db, 'revision')) ?? '0');
}

export async function readMeta(db: Db, key: string): Promise<string | null> {
  const row = await db.selectFrom('meta').select('value').where('key', '=', key).executeTakeFirst();
  return row?.value ?? null;
}

export async function writeMeta(db: Db, key: string, value: string): Promise<void> {
  await db
    .insertInto('meta')
    .values({ key, value })
    .onConflict((conflict) => conflict.column('key').doUpdateSet({ value }))
    .execute();
}
