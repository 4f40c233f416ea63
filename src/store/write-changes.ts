/**
 * Writes planned changes as rows, inside the caller's transaction. Subscribers go in batches: what
 * the changed ones had is taken away first, so that an address may move from one to another in any
 * order.
 */

import type { Insertable } from 'kysely';
import { AppError } from '../lib/errors.ts';
import { breathe } from './breathe.ts';
import type { CategoryRecord, ListRecord, PlanRecord, SubscriberRecord } from './canonical.ts';
import type { Change } from './changes.ts';
import type { ListReport } from './list-report.ts';
import { readMeta, writeMeta } from './meta.ts';
import type { PlannedChanges } from './plan-changes.ts';
import { textToKey } from './prefix-key.ts';
import type { Db, RuleOwnerKind, Tables } from './schema.ts';

/** Rows a statement: the widest has six columns, SQLite takes 32,766 parameters. */
const INSERT_ROWS = 2_000;
const CATEGORY_BITS = 256;

export interface WriteOptions {
  readonly revision: number;
  /** Reports of the lists that are created or updated, by id. */
  readonly reports: ReadonlyMap<string, ListReport>;
  /** True for the first start: subscribers written now are the seeded catch-alls. */
  readonly isSeeding: boolean;
}

export async function writeChanges(
  tx: Db,
  planned: PlannedChanges,
  options: WriteOptions,
): Promise<void> {
  const { revision, reports } = options;
  for (const { after } of planned.categories) {
    if (after !== null) await writeCategory(tx, after, revision);
  }
  for (const { after } of planned.plans) if (after !== null) await writePlan(tx, after, revision);
  for (const { after } of planned.lists) {
    if (after !== null) await writeList(tx, after, reports.get(after.id), revision);
  }
  await writeSubscribers(tx, planned, options);
  await removePlans(tx, idsToDelete(planned.plans));
  await removeByIds(tx, 'lists', idsToDelete(planned.lists));
  await removeByIds(tx, 'categories', idsToDelete(planned.categories));
}

function idsToDelete(changes: readonly Change[]): string[] {
  return changes.filter((change) => change.action === 'delete').map((change) => change.id);
}

async function writeCategory(tx: Db, record: CategoryRecord, revision: number): Promise<void> {
  const values = {
    class: record.class,
    title: record.title ?? '',
    ede_code: record.edeCode ?? null,
    revision,
  };
  const updated = await tx
    .updateTable('categories')
    .set(values)
    .where('id', '=', record.id)
    .executeTakeFirst();
  if (updated.numUpdatedRows > 0n) return;
  const bit = await takeCategoryBit(tx);
  await tx
    .insertInto('categories')
    .values({ id: record.id, bit, ...values })
    .execute();
}

/**
 * A bit that was never used, as long as there is one: an image of an older revision may still be
 * read while the row is written.
 */
async function takeCategoryBit(tx: Db): Promise<number> {
  const next = Number((await readMeta(tx, 'nextCategoryBit')) ?? '0');
  if (next < CATEGORY_BITS) {
    await writeMeta(tx, 'nextCategoryBit', String(next + 1));
    return next;
  }
  const rows = await tx.selectFrom('categories').select('bit').execute();
  const used = new Set(rows.map((row) => row.bit));
  for (let bit = 0; bit < CATEGORY_BITS; bit++) if (!used.has(bit)) return bit;
  throw new AppError(
    'COMPILE_LIMIT',
    `Making a category: there are ${CATEGORY_BITS} already; remove one first`,
  );
}

async function writeList(
  tx: Db,
  record: ListRecord,
  report: ListReport | undefined,
  revision: number,
): Promise<void> {
  if (report === undefined) throw new Error(`Invariant broken: list ${record.id} has no report`);
  const row: Insertable<Tables['lists']> = {
    id: record.id,
    category: record.category,
    format: report.format,
    is_format_given: record.format === undefined ? 0 : 1,
    covers_subdomains: record.subdomains === undefined ? null : Number(record.subdomains),
    origin: record.origin ?? '',
    content_sha256: record.contentSha256,
    report: JSON.stringify(report),
    revision,
  };
  await tx
    .insertInto('lists')
    .values(row)
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute();
}

async function writePlan(tx: Db, record: PlanRecord, revision: number): Promise<void> {
  const values = {
    title: record.title ?? '',
    blocking_mode: record.blockingMode,
    block_address4: record.blockAddress4 ?? null,
    block_address6: record.blockAddress6 ?? null,
    max_ttl_seconds: record.maxTtlSeconds ?? null,
    revision,
  };
  await tx
    .insertInto('plans')
    .values({ id: record.id, ...values })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(values))
    .execute();
  const { number } = await tx
    .selectFrom('plans')
    .select('number')
    .where('id', '=', record.id)
    .executeTakeFirstOrThrow();
  await tx.deleteFrom('plan_categories').where('plan', '=', number).execute();
  const links = [
    ...record.block.map((category) => ({ plan: number, category, is_locked: 0 })),
    ...(record.locked ?? []).map((category) => ({ plan: number, category, is_locked: 1 })),
  ];
  if (links.length > 0) await tx.insertInto('plan_categories').values(links).execute();
  await removeRules(tx, 'plan', [number]);
  await insertRules(tx, ruleRows('plan', number, record));
}

async function removePlans(tx: Db, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  const rows = await tx.selectFrom('plans').select('number').where('id', 'in', ids).execute();
  await removeRules(
    tx,
    'plan',
    rows.map((row) => row.number),
  );
  await removeByIds(tx, 'plans', ids);
}

async function removeByIds(
  tx: Db,
  table: 'plans' | 'lists' | 'categories' | 'subscribers',
  ids: readonly string[],
): Promise<void> {
  for (const batch of batches(ids)) await tx.deleteFrom(table).where('id', 'in', batch).execute();
}

async function writeSubscribers(
  tx: Db,
  planned: PlannedChanges,
  options: WriteOptions,
): Promise<void> {
  const changed = planned.subscribers.filter((change) => change.action !== 'create');
  const numbers = await numbersOf(
    tx,
    changed.map((change) => change.id),
  );
  await clearSubscribers(tx, [...numbers.values()]);
  await removeByIds(tx, 'subscribers', idsToDelete(planned.subscribers));
  const plans = await tx.selectFrom('plans').select(['id', 'number']).execute();
  const planNumbers = new Map(plans.map((plan) => [plan.id, plan.number]));
  const records = planned.subscribers.flatMap(({ after }) => (after === null ? [] : [after]));
  for (const batch of batches(records)) {
    const rows = batch.map((record) => {
      const number = numbers.get(record.id);
      const isBuiltin = options.isSeeding || planned.yielding.has(record.id);
      return {
        ...(number === undefined ? {} : { number }),
        id: record.id,
        plan: planNumbers.get(record.plan) ?? 0,
        timezone: record.timezone,
        is_builtin: isBuiltin ? 1 : 0,
        revision: options.revision,
      };
    });
    await insertSubscribers(
      tx,
      rows.filter((row) => 'number' in row),
    );
    await insertSubscribers(
      tx,
      rows.filter((row) => !('number' in row)),
    );
    await insertBelongings(tx, batch);
    await breathe();
  }
}

async function numbersOf(tx: Db, ids: readonly string[]): Promise<Map<string, number>> {
  const numbers = new Map<string, number>();
  for (const batch of batches(ids)) {
    const rows = await tx
      .selectFrom('subscribers')
      .select(['id', 'number'])
      .where('id', 'in', batch)
      .execute();
    for (const row of rows) numbers.set(row.id, row.number);
  }
  return numbers;
}

/** Takes addresses and rules away; the rows themselves stay. */
async function clearSubscribers(tx: Db, numbers: readonly number[]): Promise<void> {
  for (const batch of batches(numbers)) {
    await tx.deleteFrom('addresses').where('subscriber', 'in', batch).execute();
    await removeRules(tx, 'subscriber', batch);
    await breathe();
  }
}

/** A row with a number replaces the one that has it; a row without gets the next number. */
async function insertSubscribers(
  tx: Db,
  rows: readonly Insertable<Tables['subscribers']>[],
): Promise<void> {
  if (rows.length === 0) return;
  await tx
    .insertInto('subscribers')
    .values(rows)
    .onConflict((conflict) =>
      conflict.column('number').doUpdateSet((eb) => ({
        plan: eb.ref('excluded.plan'),
        timezone: eb.ref('excluded.timezone'),
        is_builtin: eb.ref('excluded.is_builtin'),
        revision: eb.ref('excluded.revision'),
      })),
    )
    .execute();
}

async function insertBelongings(tx: Db, records: readonly SubscriberRecord[]): Promise<void> {
  const numbers = await numbersOf(
    tx,
    records.map((record) => record.id),
  );
  const addresses: { prefix: Uint8Array; subscriber: number }[] = [];
  const rules: Insertable<Tables['rules']>[] = [];
  for (const record of records) {
    const subscriber = numbers.get(record.id) ?? 0;
    for (const address of record.addresses) {
      addresses.push({ prefix: textToKey(address), subscriber });
    }
    for (const rule of ruleRows('subscriber', subscriber, record)) rules.push(rule);
  }
  for (const batch of batches(addresses)) await tx.insertInto('addresses').values(batch).execute();
  await insertRules(tx, rules);
}

function ruleRows(
  kind: RuleOwnerKind,
  owner: number,
  record: Pick<PlanRecord, 'allow' | 'deny'>,
): Insertable<Tables['rules']>[] {
  return (['allow', 'deny'] as const).flatMap((action) =>
    (record[action] ?? []).map((name) => ({ owner_kind: kind, owner, action, name })),
  );
}

async function insertRules(tx: Db, rows: readonly Insertable<Tables['rules']>[]): Promise<void> {
  for (const batch of batches(rows)) await tx.insertInto('rules').values(batch).execute();
}

async function removeRules(tx: Db, kind: RuleOwnerKind, owners: readonly number[]): Promise<void> {
  if (owners.length === 0) return;
  await tx
    .deleteFrom('rules')
    .where('owner_kind', '=', kind)
    .where('owner', 'in', owners)
    .execute();
}

function* batches<Row>(rows: readonly Row[]): Generator<readonly Row[]> {
  for (let at = 0; at < rows.length; at += INSERT_ROWS) yield rows.slice(at, at + INSERT_ROWS);
}
