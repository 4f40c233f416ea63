/** Writes planned changes as rows, inside the caller's transaction. */

import { AppError } from '../lib/errors.ts';
import {
  type CategoryRecord,
  type PlanRecord,
  SERVICE_PREFIX,
  type ServiceRecord,
} from './canonical.ts';
import { type ListRecord, settingsOf } from './canonical-list.ts';
import type { Change } from './changes.ts';
import { emptyReport } from './list-report.ts';
import { readMeta, writeMeta } from './meta.ts';
import type { PlannedChanges } from './planned-changes.ts';
import type { Db } from './schema.ts';
import { insertRules, removeByIds, removeRules, ruleRows, settingsText } from './write-rows.ts';
import { writeSubscribers } from './write-subscribers.ts';

const CATEGORY_BITS = 256;

export interface WriteOptions {
  readonly revision: number;
  /** True for the first start: subscribers written now are the seeded catch-alls. */
  readonly isSeeding: boolean;
}

export async function writeChanges(
  tx: Db,
  planned: PlannedChanges,
  options: WriteOptions,
): Promise<void> {
  const { revision } = options;
  for (const { after } of planned.categories) {
    if (after !== null) await writeCategory(tx, after, revision);
  }
  for (const { after } of planned.services) {
    if (after !== null) await writeService(tx, after, revision);
  }
  for (const { after } of planned.plans) if (after !== null) await writePlan(tx, after, revision);
  for (const { after } of planned.lists) {
    if (after !== null) await writeList(tx, after, revision);
  }
  await writeSubscribers(tx, planned, options);
  await removePlans(tx, idsToDelete(planned.plans));
  await removeByIds(tx, 'lists', idsToDelete(planned.lists));
  const services = idsToDelete(planned.services).map((id) => SERVICE_PREFIX + id);
  await removeByIds(tx, 'categories', [...idsToDelete(planned.categories), ...services]);
}

export function idsToDelete(changes: readonly Change[]): string[] {
  return changes.filter((change) => change.action === 'delete').map((change) => change.id);
}

async function writeCategory(tx: Db, record: CategoryRecord, revision: number): Promise<void> {
  const values = {
    class: record.class,
    title: record.title ?? '',
    ede_code: record.edeCode ?? null,
    is_never_reported: record.neverReport === true ? 1 : 0,
    has_helpline: record.helpline === true ? 1 : 0,
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

/** A service is a category of its own kind, so it has a bit and a row there. */
async function writeService(tx: Db, record: ServiceRecord, revision: number): Promise<void> {
  const category = SERVICE_PREFIX + record.id;
  const { title } = record;
  await writeCategory(tx, { id: category, class: 'policy', title }, revision);
  const values = { record: JSON.stringify(record), revision };
  await tx
    .insertInto('services')
    .values({ category, ...values })
    .onConflict((conflict) => conflict.column('category').doUpdateSet(values))
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

/** All but the content, which comes into force as a version (`list-proposals`). */
async function writeList(tx: Db, record: ListRecord, revision: number): Promise<void> {
  const { id, category, format, subdomains, origin } = record;
  const values = {
    category,
    is_format_given: format === undefined ? 0 : 1,
    covers_subdomains: subdomains === undefined ? null : Number(subdomains),
    origin: origin ?? '',
    settings: settingsText(settingsOf(record)),
    revision,
  };
  const none = emptyReport(format ?? 'domains');
  await tx
    .insertInto('lists')
    .values({
      id,
      ...values,
      format: none.format,
      content_sha256: '',
      report: JSON.stringify(none),
    })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(values))
    .execute();
  // Of a list whose content now comes from elsewhere.
  if (record.own !== true) await tx.deleteFrom('list_entries').where('list', '=', id).execute();
  if (format === undefined) return;
  await tx
    .updateTable('lists')
    .set({ format })
    .where('id', '=', id)
    .where('content_sha256', '=', '')
    .execute();
}

async function writePlan(tx: Db, record: PlanRecord, revision: number): Promise<void> {
  const { id, title, block, locked = [], allow, deny, blockingMode, ...rest } = record;
  const { blockAddress4, blockAddress6, maxTtlSeconds, ...settings } = rest;
  const values = {
    title: title ?? '',
    blocking_mode: blockingMode,
    block_address4: blockAddress4 ?? null,
    block_address6: blockAddress6 ?? null,
    max_ttl_seconds: maxTtlSeconds ?? null,
    settings: settingsText(settings),
    revision,
  };
  await tx
    .insertInto('plans')
    .values({ id, ...values })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(values))
    .execute();
  const { number } = await tx
    .selectFrom('plans')
    .select('number')
    .where('id', '=', id)
    .executeTakeFirstOrThrow();
  await tx.deleteFrom('plan_categories').where('plan', '=', number).execute();
  const links = [
    ...block.map((category) => ({ plan: number, category, is_locked: 0 })),
    ...locked.map((category) => ({ plan: number, category, is_locked: 1 })),
  ];
  if (links.length > 0) await tx.insertInto('plan_categories').values(links).execute();
  await removeRules(tx, 'plan', [number]);
  await insertRules(tx, ruleRows('plan', number, { allow, deny }));
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
