/** What writing plans and writing subscribers have in common: rules, removal by id, batches. */

import type { Insertable } from 'kysely';
import { isAlways, nameOf, type RuleNames } from './canonical-settings.ts';
import type { Db, RuleOwnerKind, Tables } from './schema.ts';

/** Rows a statement: the widest has seven columns, SQLite takes 32,766 parameters. */
const INSERT_ROWS = 2_000;

type RuleRow = Insertable<Tables['rules']>;

export function* batches<Row>(rows: readonly Row[]): Generator<readonly Row[]> {
  for (let at = 0; at < rows.length; at += INSERT_ROWS) yield rows.slice(at, at + INSERT_ROWS);
}

/** Null where nothing is set. */
export function settingsText(settings: object): string | null {
  return Object.keys(settings).length === 0 ? null : JSON.stringify(settings);
}

export function ruleRows(
  kind: RuleOwnerKind,
  owner: number,
  rules: { readonly [Key in keyof RuleNames]: RuleNames[Key] | undefined },
): RuleRow[] {
  const allow = (rules.allow ?? []).map((allowed): RuleRow => {
    const [name, always] = [nameOf(allowed), isAlways(allowed) ? 1 : 0];
    return { owner_kind: kind, owner, action: 'allow', name, is_always: always };
  });
  const deny = (rules.deny ?? []).map((name): RuleRow => {
    return { owner_kind: kind, owner, action: 'deny', name, is_always: 0 };
  });
  return [...allow, ...deny];
}

export async function insertRules(tx: Db, rows: readonly RuleRow[]): Promise<void> {
  for (const batch of batches(rows)) await tx.insertInto('rules').values(batch).execute();
}

export async function removeRules(
  tx: Db,
  kind: RuleOwnerKind,
  owners: readonly number[],
): Promise<void> {
  for (const batch of batches(owners)) {
    await tx
      .deleteFrom('rules')
      .where('owner_kind', '=', kind)
      .where('owner', 'in', batch)
      .execute();
  }
}

export async function removeByIds(
  tx: Db,
  table: 'plans' | 'lists' | 'categories' | 'subscribers',
  ids: readonly string[],
): Promise<void> {
  for (const batch of batches(ids)) await tx.deleteFrom(table).where('id', 'in', batch).execute();
}
