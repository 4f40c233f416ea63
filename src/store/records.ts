/**
 * Reads rows back into canonical resources. Everything works on sets of ids at a time: a bulk of
 * subscribers costs four queries a batch, not four a subscriber.
 */

import type { CategoryRecord, ListRecord, PlanRecord, SubscriberRecord } from './canonical.ts';
import type { ListFormatName } from '../blocklist/formats/list-format.ts';
import type { BlockingModeName } from './document.ts';
import type { ListReport } from './list-report.ts';
import { keyToText } from './prefix-key.ts';
import type { Db, PlanRow, RuleAction, RuleOwnerKind, SubscriberRow } from './schema.ts';

/** A batch of ids in one `in (…)`: SQLite takes 32,766 parameters. */
export const BATCH_ROWS = 5_000;

export interface Stored<Resource> {
  readonly record: Resource;
  /** Revision of its last change. */
  readonly revision: number;
}

export interface StoredCategory extends Stored<CategoryRecord> {
  readonly bit: number;
}

export interface StoredList extends Stored<ListRecord> {
  /** As detected or given. */
  readonly format: ListFormatName;
  readonly report: ListReport;
}

export interface StoredPlan extends Stored<PlanRecord> {
  readonly number: number;
}

export interface StoredSubscriber extends Stored<SubscriberRecord> {
  readonly number: number;
  readonly isBuiltin: boolean;
}

export async function readCategories(db: Db): Promise<Map<string, StoredCategory>> {
  const rows = await db.selectFrom('categories').selectAll().orderBy('id').execute();
  const entries = rows.map((row): [string, StoredCategory] => [
    row.id,
    {
      bit: row.bit,
      revision: row.revision,
      record: {
        id: row.id,
        class: row.class,
        ...(row.title === '' ? {} : { title: row.title }),
        ...(row.ede_code === 15 || row.ede_code === 16 ? { edeCode: row.ede_code } : {}),
      },
    },
  ]);
  return new Map(entries);
}

export async function readLists(db: Db): Promise<Map<string, StoredList>> {
  const rows = await db.selectFrom('lists').selectAll().orderBy('id').execute();
  const entries = rows.map((row): [string, StoredList] => [
    row.id,
    {
      revision: row.revision,
      format: row.format as ListFormatName,
      report: JSON.parse(row.report) as ListReport,
      record: {
        id: row.id,
        category: row.category,
        ...(row.is_format_given === 1 ? { format: row.format as ListFormatName } : {}),
        ...(row.covers_subdomains === null ? {} : { subdomains: row.covers_subdomains === 1 }),
        contentSha256: row.content_sha256,
        ...(row.origin === '' ? {} : { origin: row.origin }),
      },
    },
  ]);
  return new Map(entries);
}

export async function readPlans(db: Db): Promise<Map<string, StoredPlan>> {
  const rows = await db.selectFrom('plans').selectAll().orderBy('id').execute();
  const rules = await readRulesOf(db, 'plan', null);
  const categories = new Map<number, { block: string[]; locked: string[] }>();
  const links = await db.selectFrom('plan_categories').selectAll().orderBy('category').execute();
  for (const link of links) {
    const sets = categories.get(link.plan) ?? { block: [], locked: [] };
    (link.is_locked === 1 ? sets.locked : sets.block).push(link.category);
    categories.set(link.plan, sets);
  }
  const toEntry = (row: PlanRow): [string, StoredPlan] => {
    const sets = categories.get(row.number) ?? { block: [], locked: [] };
    return [
      row.id,
      {
        number: row.number,
        revision: row.revision,
        record: planRecord(row, sets, rules.get(row.number)),
      },
    ];
  };
  return new Map(rows.map(toEntry));
}

/** Those of the ids that exist. */
export async function readSubscribers(
  db: Db,
  ids: readonly string[],
): Promise<Map<string, StoredSubscriber>> {
  const found = new Map<string, StoredSubscriber>();
  for (let at = 0; at < ids.length; at += BATCH_ROWS) {
    const rows = await db
      .selectFrom('subscribers')
      .selectAll()
      .where('id', 'in', ids.slice(at, at + BATCH_ROWS))
      .execute();
    for (const stored of await toSubscribers(db, rows)) found.set(stored.record.id, stored);
  }
  return found;
}

export interface SubscriberPageOptions {
  /** Only ids after this one. */
  readonly after: string;
  readonly limit: number;
  readonly plan: string | null;
}

export async function readSubscriberPage(
  db: Db,
  options: SubscriberPageOptions,
): Promise<StoredSubscriber[]> {
  let query = db
    .selectFrom('subscribers')
    .selectAll('subscribers')
    .where('subscribers.id', '>', options.after)
    .orderBy('subscribers.id')
    .limit(options.limit);
  if (options.plan !== null) {
    query = query
      .innerJoin('plans', 'plans.number', 'subscribers.plan')
      .where('plans.id', '=', options.plan);
  }
  return toSubscribers(db, await query.execute());
}

async function toSubscribers(db: Db, rows: readonly SubscriberRow[]): Promise<StoredSubscriber[]> {
  if (rows.length === 0) return [];
  const numbers = rows.map((row) => row.number);
  const planIds = new Map(
    (await db.selectFrom('plans').select(['number', 'id']).execute()).map((plan) => [
      plan.number,
      plan.id,
    ]),
  );
  const rules = await readRulesOf(db, 'subscriber', numbers);
  const addresses = new Map<number, string[]>();
  const addressRows = await db
    .selectFrom('addresses')
    .selectAll()
    .where('subscriber', 'in', numbers)
    .execute();
  for (const row of addressRows) {
    const own = addresses.get(row.subscriber);
    if (own === undefined) addresses.set(row.subscriber, [keyToText(row.prefix)]);
    else own.push(keyToText(row.prefix));
  }
  return rows.map((row) => ({
    number: row.number,
    isBuiltin: row.is_builtin === 1,
    revision: row.revision,
    record: {
      id: row.id,
      plan: planIds.get(row.plan) ?? '',
      timezone: row.timezone,
      addresses: (addresses.get(row.number) ?? []).sort(),
      ...rules.get(row.number),
    },
  }));
}

type RuleLists = Partial<Record<RuleAction, string[]>>;

/** @param owners null = all of this kind */
async function readRulesOf(
  db: Db,
  kind: RuleOwnerKind,
  owners: readonly number[] | null,
): Promise<Map<number, RuleLists>> {
  let query = db.selectFrom('rules').selectAll().where('owner_kind', '=', kind);
  if (owners !== null) query = query.where('owner', 'in', owners);
  const rules = new Map<number, RuleLists>();
  // The key's order gives `allow` before `deny` and sorted names: the canonical form.
  const rows = await query.orderBy('owner').orderBy('action').orderBy('name').execute();
  for (const row of rows) {
    const lists = rules.get(row.owner) ?? {};
    (lists[row.action] ??= []).push(row.name);
    rules.set(row.owner, lists);
  }
  return rules;
}

function planRecord(
  row: PlanRow,
  sets: { readonly block: string[]; readonly locked: string[] },
  rules: RuleLists | undefined,
): PlanRecord {
  return {
    id: row.id,
    ...(row.title === '' ? {} : { title: row.title }),
    block: sets.block,
    ...(sets.locked.length === 0 ? {} : { locked: sets.locked }),
    ...rules,
    blockingMode: row.blocking_mode as BlockingModeName,
    ...(row.block_address4 === null ? {} : { blockAddress4: row.block_address4 }),
    ...(row.block_address6 === null ? {} : { blockAddress6: row.block_address6 }),
    ...(row.max_ttl_seconds === null ? {} : { maxTtlSeconds: row.max_ttl_seconds }),
  };
}
