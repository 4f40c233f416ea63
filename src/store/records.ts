/**
 * Reads rows back into canonical resources. Everything works on sets of ids at a time: a bulk of
 * subscribers costs four queries a batch, not four a subscriber.
 */

import type { ListFormatName } from '../blocklist/formats/list-format.ts';
import { AppError } from '../lib/errors.ts';
import {
  type CategoryRecord,
  type PlanRecord,
  type PlanSettings,
  SERVICE_PREFIX,
  type ServiceRecord,
} from './canonical.ts';
import { type ListRecord, type ListSettings, sourceOf } from './canonical-list.ts';
import type { HouseholdSettings, SubscriberRecord } from './canonical-household.ts';
import type { RuleNames } from './canonical-settings.ts';
import type { BlockingModeName } from './document.ts';
import { readCpeIds, readProfiles, readRulesOf } from './household-records.ts';
import type { ListReport } from './list-report.ts';
import { keyToText } from './prefix-key.ts';
import type { Db, PlanRow, SubscriberRow } from './schema.ts';

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

/** `record` is what people set; the rest is what they got. */
export interface StoredList extends Stored<ListRecord> {
  /** As detected or given, of the content in force. */
  readonly format: ListFormatName;
  /** Of the content in force. */
  readonly report: ListReport;
  /** Empty: there is none in force, and the list blocks nothing. */
  readonly contentSha256: string;
  /** Number of the version in force; null: none. */
  readonly version: number | null;
  /** When that came into force. */
  readonly installedAt: string | null;
  /** Number of the version that waits for somebody; null: none does. */
  readonly heldVersion: number | null;
  /** The highest serial of a sealed content that was ever in force; null: none was. */
  readonly lastSerial: number | null;
}

export interface StoredService extends Stored<ServiceRecord> {
  readonly bit: number;
}

export interface StoredPlan extends Stored<PlanRecord> {
  readonly number: number;
}

export interface StoredSubscriber extends Stored<SubscriberRecord> {
  readonly number: number;
  readonly isBuiltin: boolean;
}

/** Ids of all categories by their bit, services among them. */
export async function readCategoryIds(db: Db): Promise<Map<number, string>> {
  const rows = await db.selectFrom('categories').select(['bit', 'id']).execute();
  return new Map(rows.map(({ bit, id }) => [bit, id]));
}

/** Services left out. */
export async function readCategories(db: Db): Promise<Map<string, StoredCategory>> {
  const rows = await db
    .selectFrom('categories')
    .selectAll()
    .where('id', 'not in', db.selectFrom('services').select('category'))
    .orderBy('id')
    .execute();
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
        ...(row.is_never_reported === 1 ? { neverReport: true } : {}),
        ...(row.has_helpline === 1 ? { helpline: true } : {}),
      },
    },
  ]);
  return new Map(entries);
}

/** By id of the service, which is not that of its category. */
export async function readServices(db: Db): Promise<Map<string, StoredService>> {
  const rows = await db
    .selectFrom('services')
    .innerJoin('categories', 'categories.id', 'services.category')
    .select(['services.category', 'services.record', 'services.revision', 'categories.bit'])
    .orderBy('services.category')
    .execute();
  const entries = rows.map((row): [string, StoredService] => [
    row.category.slice(SERVICE_PREFIX.length),
    { bit: row.bit, revision: row.revision, record: JSON.parse(row.record) as ServiceRecord },
  ]);
  return new Map(entries);
}

export async function readLists(db: Db): Promise<Map<string, StoredList>> {
  const rows = await db.selectFrom('lists').selectAll().orderBy('id').execute();
  const versions = await db
    .selectFrom('list_versions')
    .select(['list', 'number', 'content_sha256', 'state', 'installed_at'])
    .orderBy('number')
    .execute();
  const versionsOf = new Map<string, (typeof versions)[number][]>();
  for (const version of versions) {
    const own = versionsOf.get(version.list);
    if (own === undefined) versionsOf.set(version.list, [version]);
    else own.push(version);
  }
  const entries = rows.map((row): [string, StoredList] => {
    const own = versionsOf.get(row.id) ?? [];
    const inForce = own.find(({ state }) => state === 'in-force');
    const settings = row.settings === null ? {} : (JSON.parse(row.settings) as ListSettings);
    // An upload that is still held is what its document says all the same.
    const uploaded = row.content_sha256 === '' ? own.at(-1)?.content_sha256 : row.content_sha256;
    const isUpload = sourceOf(settings) === 'contentSha256' && uploaded !== undefined;
    return [
      row.id,
      {
        revision: row.revision,
        format: row.format as ListFormatName,
        report: JSON.parse(row.report) as ListReport,
        contentSha256: row.content_sha256,
        version: inForce?.number ?? null,
        installedAt: inForce?.installed_at ?? null,
        heldVersion: own.find(({ state }) => state === 'held')?.number ?? null,
        lastSerial: row.last_serial,
        record: {
          id: row.id,
          category: row.category,
          ...(row.is_format_given === 1 ? { format: row.format as ListFormatName } : {}),
          ...(row.covers_subdomains === null ? {} : { subdomains: row.covers_subdomains === 1 }),
          ...(isUpload ? { contentSha256: uploaded } : {}),
          ...(row.origin === '' ? {} : { origin: row.origin }),
          ...settings,
        },
      },
    ];
  });
  return new Map(entries);
}

/** @throws AppError `RESOURCE_UNKNOWN` */
export function listOf(lists: ReadonlyMap<string, StoredList>, id: string): StoredList {
  const stored = lists.get(id);
  if (stored !== undefined) return stored;
  throw new AppError('RESOURCE_UNKNOWN', `There is no list "${id}"`);
}

/**
 * Whether a document can say what the list is. One whose only upload was rejected has nothing that may be
 * named as its content: whoever applies that again would put it forward again.
 */
export function isExported({ record, contentSha256, heldVersion }: StoredList): boolean {
  return contentSha256 !== '' || heldVersion !== null || sourceOf(record) !== 'contentSha256';
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
  const cpeIds = await readCpeIds(db, numbers);
  const profiles = await readProfiles(db, numbers);
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
      ...(row.plan === null ? {} : { plan: planIds.get(row.plan) ?? '' }),
      timezone: row.timezone,
      addresses: (addresses.get(row.number) ?? []).sort(),
      ...optional('cpeIds', cpeIds.get(row.number)),
      ...rules.get(row.number),
      ...(row.settings === null ? {} : (JSON.parse(row.settings) as HouseholdSettings)),
      ...optional('profiles', profiles.get(row.number)),
    },
  }));
}

function optional<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): Partial<Record<Key, Value>> {
  return value === undefined ? {} : ({ [key]: value } as Record<Key, Value>);
}

function planRecord(
  row: PlanRow,
  sets: { readonly block: string[]; readonly locked: string[] },
  rules: RuleNames | undefined,
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
    ...(row.settings === null ? {} : (JSON.parse(row.settings) as PlanSettings)),
  };
}
