/** Well-known names that somebody has approved for good for a list: the gate holds no update for them. */

import type { Db } from './schema.ts';

export interface ApprovedName {
  readonly name: string;
  readonly actor: string;
  readonly at: string;
}

/** By list, ordered by name. */
export async function readApprovedNames(db: Db): Promise<Map<string, ApprovedName[]>> {
  const rows = await db
    .selectFrom('approved_names')
    .selectAll()
    .orderBy('list')
    .orderBy('name')
    .execute();
  const approved = new Map<string, ApprovedName[]>();
  for (const { list, ...name } of rows) {
    const names = approved.get(list);
    if (names === undefined) approved.set(list, [name]);
    else names.push(name);
  }
  return approved;
}

export async function insertApprovedNames(
  tx: Db,
  list: string,
  names: readonly string[],
  { actor, at }: Omit<ApprovedName, 'name'>,
): Promise<void> {
  if (names.length === 0) return;
  await tx
    .insertInto('approved_names')
    .values(names.map((name) => ({ list, name, actor, at })))
    .onConflict((conflict) => conflict.columns(['list', 'name']).doNothing())
    .execute();
}

/** @returns whether it was there */
export async function removeApprovedName(tx: Db, list: string, name: string): Promise<boolean> {
  const { numDeletedRows } = await tx
    .deleteFrom('approved_names')
    .where('list', '=', list)
    .where('name', '=', name)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}
