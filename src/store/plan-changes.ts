/**
 * Compares a document with what is stored and says what has to change. Reads only; every reference
 * that leads nowhere is a fault.
 */

import { breathe } from './breathe.ts';
import {
  type CategoryRecord,
  isSameRecord,
  type ListRecord,
  PROTECTED_CATEGORY,
  type PlanRecord,
  type RecordOf,
  type SubscriberRecord,
} from './canonical.ts';
import type { Change } from './changes.ts';
import type { ResourceKind } from './document.ts';
import type { ListContents } from './list-contents.ts';
import { textToKey, keyToText } from './prefix-key.ts';
import {
  BATCH_ROWS,
  readCategories,
  readLists,
  readPlans,
  readSubscriberPage,
  readSubscribers,
  type StoredCategory,
  type StoredList,
  type StoredPlan,
} from './records.ts';
import type { Placed, ReadDocument } from './read-document.ts';
import { quote } from '../lib/quote.ts';
import type { Db } from './schema.ts';

/** Categories that the decision itself refers to by id. */
const LASTING_CATEGORIES = [PROTECTED_CATEGORY, 'bypass'];
/**
 * The lists that fill them at the first start. Only removing them by name takes them away: a document
 * that somebody wrote for his own lists does not mean to unprotect helplines.
 */
const LASTING_LISTS = LASTING_CATEGORIES.map((category) => `builtin-${category}`);
const CATEGORIES_MAX = 256;
/** Ids named in a fault as the valid ones. */
const VALID_SHOWN_MAX = 40;

export interface PlannedChanges {
  readonly categories: Change<'category'>[];
  readonly lists: Change<'list'>[];
  readonly plans: Change<'plan'>[];
  readonly subscribers: Change<'subscriber'>[];
  /** Seeded catch-alls whose change is only that addresses went to others. */
  readonly yielding: Set<string>;
}

export interface Stock {
  readonly categories: Map<string, StoredCategory>;
  readonly lists: Map<string, StoredList>;
  readonly plans: Map<string, StoredPlan>;
}

export async function readStock(db: Db): Promise<Stock> {
  return {
    categories: await readCategories(db),
    lists: await readLists(db),
    plans: await readPlans(db),
  };
}

export function listChanges(planned: PlannedChanges): Change[] {
  return [...planned.categories, ...planned.lists, ...planned.plans, ...planned.subscribers];
}

export async function planChanges(
  db: Db,
  document: ReadDocument,
  contents: ListContents,
  isPruning: boolean,
  faults: string[],
): Promise<PlannedChanges> {
  const stock = await readStock(db);
  const planned: PlannedChanges = {
    categories: planCategories(document, stock),
    lists: planLists(document.lists ?? [], stock, contents, faults),
    plans: upserts('plan', document.plans ?? [], stock.plans),
    subscribers: [],
    yielding: new Set(),
  };
  checkPlanCategories(document.plans ?? [], stock, planned.categories, faults);
  await planSubscribers(db, document, stock, planned, isPruning, faults);
  if (isPruning) await planPruning(db, document, stock, planned, faults);
  checkCategoryCount(stock, planned, faults);
  return planned;
}

/** The changes that take one resource away. */
export async function planRemoval(
  db: Db,
  kind: ResourceKind,
  id: string,
  faults: string[],
): Promise<PlannedChanges> {
  const stock = await readStock(db);
  const planned: PlannedChanges = {
    categories: kind === 'category' ? removals('category', [id], stock.categories) : [],
    lists: kind === 'list' ? removals('list', [id], stock.lists) : [],
    plans: kind === 'plan' ? removals('plan', [id], stock.plans) : [],
    subscribers:
      kind === 'subscriber' ? removals('subscriber', [id], await readSubscribers(db, [id])) : [],
    yielding: new Set(),
  };
  await checkRemovals(db, stock, planned, faults);
  return planned;
}

function upserts<Kind extends ResourceKind>(
  kind: Kind,
  placed: readonly Placed<RecordOf[Kind]>[],
  stored: ReadonlyMap<string, { readonly record: RecordOf[Kind] }>,
): Change<Kind>[] {
  const changes: Change<Kind>[] = [];
  for (const { record } of placed) {
    const before = stored.get(record.id)?.record;
    if (isSameRecord(before, record)) continue;
    const action = before === undefined ? 'create' : 'update';
    changes.push({ kind, id: record.id, action, before: before ?? null, after: record });
  }
  return changes;
}

function removals<Kind extends ResourceKind>(
  kind: Kind,
  ids: readonly string[],
  stored: ReadonlyMap<string, { readonly record: RecordOf[Kind] }>,
): Change<Kind>[] {
  return ids.flatMap((id) => {
    const before = stored.get(id)?.record;
    return before === undefined
      ? []
      : [{ kind, id, action: 'delete' as const, before, after: null }];
  });
}

/** Also makes the categories that a list names and nobody has declared. */
function planCategories(document: ReadDocument, stock: Stock): Change<'category'>[] {
  const placed: Placed<CategoryRecord>[] = [...(document.categories ?? [])];
  const known = new Set([...stock.categories.keys(), ...placed.map(({ record }) => record.id)]);
  for (const { record, path } of document.lists ?? []) {
    if (known.has(record.category)) continue;
    known.add(record.category);
    placed.push({ record: { id: record.category, class: 'policy' }, path: `${path}.category` });
  }
  return upserts('category', placed, stock.categories);
}

function planLists(
  placed: readonly Placed<ListRecord>[],
  stock: Stock,
  contents: ListContents,
  faults: string[],
): Change<'list'>[] {
  for (const { record, path } of placed) {
    if (record.contentSha256 === '' || contents.has(record.contentSha256)) continue;
    faults.push(
      `${path}.contentSha256: there is no content ${quote(record.contentSha256)}; upload it first`,
    );
  }
  return upserts('list', placed, stock.lists);
}

function checkPlanCategories(
  plans: readonly Placed<PlanRecord>[],
  stock: Stock,
  changes: readonly Change<'category'>[],
  faults: string[],
): void {
  const valid = new Set([...stock.categories.keys(), ...changes.map((change) => change.id)]);
  valid.delete(PROTECTED_CATEGORY);
  for (const { record, path } of plans) {
    for (const field of ['block', 'locked'] as const) {
      for (const id of record[field] ?? []) {
        if (id === PROTECTED_CATEGORY) {
          faults.push(
            `${path}.${field}: "${id}" cannot be blocked: its names are never blocked by lists`,
          );
        } else if (!valid.has(id)) {
          faults.push(
            `${path}.${field}: there is no category ${quote(id)}; valid: ${shown(valid)}`,
          );
        }
      }
    }
  }
}

async function planSubscribers(
  db: Db,
  document: ReadDocument,
  stock: Stock,
  planned: PlannedChanges,
  isPruning: boolean,
  faults: string[],
): Promise<void> {
  const placed = document.subscribers ?? [];
  const plans = new Set([
    ...stock.plans.keys(),
    ...(document.plans ?? []).map(({ record }) => record.id),
  ]);
  const named = new Set(placed.map(({ record }) => record.id));
  const yielded = new Map<string, Set<string>>();
  for (let at = 0; at < placed.length; at += BATCH_ROWS) {
    const batch = placed.slice(at, at + BATCH_ROWS);
    for (const { record, path } of batch) {
      if (!plans.has(record.plan)) {
        faults.push(`${path}.plan: there is no plan ${quote(record.plan)}; valid: ${shown(plans)}`);
      }
    }
    const ids = batch.map(({ record }) => record.id);
    const changes = upserts('subscriber', batch, await readSubscribers(db, ids));
    for (const change of changes) planned.subscribers.push(change);
    // Pruning removes all whom the document does not name, so nobody has to give anything up.
    if (!isPruning) await findTakenAddresses(db, changes, named, yielded, faults);
    await breathe();
  }
  for (const [id, { record }] of await readSubscribers(db, [...yielded.keys()])) {
    const addresses = record.addresses.filter((address) => yielded.get(id)?.has(address) !== true);
    const after = { ...record, addresses };
    planned.yielding.add(id);
    planned.subscribers.push({ kind: 'subscriber', id, action: 'update', before: record, after });
  }
}

/**
 * Addresses that belong to a subscriber whom the document does not name: a fault, but for the seeded
 * catch-all, which makes room.
 */
async function findTakenAddresses(
  db: Db,
  changes: readonly Change<'subscriber'>[],
  named: ReadonlySet<string>,
  yielded: Map<string, Set<string>>,
  faults: string[],
): Promise<void> {
  const keys: Uint8Array[] = [];
  const takerOf = new Map<string, string>();
  for (const { after, id } of changes) {
    for (const address of after?.addresses ?? []) {
      keys.push(textToKey(address));
      takerOf.set(address, id);
    }
  }
  for (let at = 0; at < keys.length; at += BATCH_ROWS) {
    const rows = await db
      .selectFrom('addresses')
      .innerJoin('subscribers', 'subscribers.number', 'addresses.subscriber')
      .select(['addresses.prefix', 'subscribers.id', 'subscribers.is_builtin'])
      .where('addresses.prefix', 'in', keys.slice(at, at + BATCH_ROWS))
      .execute();
    for (const row of rows) {
      if (named.has(row.id)) continue;
      const address = keyToText(row.prefix);
      if (row.is_builtin === 1) {
        yielded.set(row.id, (yielded.get(row.id) ?? new Set()).add(address));
        continue;
      }
      faults.push(
        `subscribers ${quote(takerOf.get(address))}: the address ${quote(address)} belongs to subscriber ${quote(row.id)}; take it away there in the same document`,
      );
    }
  }
}

async function planPruning(
  db: Db,
  document: ReadDocument,
  stock: Stock,
  planned: PlannedChanges,
  faults: string[],
): Promise<void> {
  if (document.subscribers !== null) await pruneSubscribers(db, document.subscribers, planned);
  if (document.plans !== null) {
    planned.plans.push(...removals('plan', unnamed(stock.plans, document.plans), stock.plans));
  }
  if (document.lists !== null) {
    const ids = unnamed(stock.lists, document.lists).filter((id) => !LASTING_LISTS.includes(id));
    planned.lists.push(...removals('list', ids, stock.lists));
  }
  if (document.categories !== null) {
    const used = categoriesInUse(stock, planned);
    const ids = unnamed(stock.categories, document.categories).filter(
      (id) => !used.has(id) && !LASTING_CATEGORIES.includes(id),
    );
    planned.categories.push(...removals('category', ids, stock.categories));
  }
  await checkRemovals(db, stock, planned, faults);
}

async function pruneSubscribers(
  db: Db,
  placed: readonly Placed<SubscriberRecord>[],
  planned: PlannedChanges,
): Promise<void> {
  const named = new Set(placed.map(({ record }) => record.id));
  for (let after = ''; ;) {
    const page = await readSubscriberPage(db, { after, limit: BATCH_ROWS, plan: null });
    for (const { record } of page) {
      after = record.id;
      if (named.has(record.id)) continue;
      planned.subscribers.push({
        kind: 'subscriber',
        id: record.id,
        action: 'delete',
        before: record,
        after: null,
      });
    }
    if (page.length < BATCH_ROWS) return;
    await breathe();
  }
}

function unnamed(
  stored: ReadonlyMap<string, unknown>,
  placed: readonly Placed<{ readonly id: string }>[],
): string[] {
  const named = new Set(placed.map(({ record }) => record.id));
  return [...stored.keys()].filter((id) => !named.has(id));
}

/** What is taken away must not be needed by what stays. */
async function checkRemovals(
  db: Db,
  stock: Stock,
  planned: PlannedChanges,
  faults: string[],
): Promise<void> {
  const used = categoriesInUse(stock, planned);
  for (const { id, action } of planned.categories) {
    if (action !== 'delete') continue;
    if (LASTING_CATEGORIES.includes(id)) {
      faults.push(`categories ${quote(id)}: this category cannot be removed`);
    } else if (used.has(id)) {
      faults.push(
        `categories ${quote(id)}: it is used by ${used.get(id) ?? ''}; remove that first`,
      );
    }
  }
  const moved = new Set(planned.subscribers.map((change) => change.id));
  for (const { id, action } of planned.plans) {
    if (action !== 'delete') continue;
    const user = await findSubscriberOf(db, stock.plans.get(id)?.number ?? 0, moved);
    const newUser = planned.subscribers.find((change) => change.after?.plan === id)?.id;
    const blocker = user ?? newUser;
    if (blocker === undefined) continue;
    faults.push(
      `plans ${quote(id)}: subscriber ${quote(blocker)} has it; give that another plan first`,
    );
  }
}

/** By category: one list or plan that will need it after the changes. */
function categoriesInUse(stock: Stock, planned: PlannedChanges): Map<string, string> {
  const lists = afterChanges(stock.lists, planned.lists);
  const plans = afterChanges(stock.plans, planned.plans);
  const used = new Map<string, string>();
  for (const list of lists) used.set(list.category, `list "${list.id}"`);
  for (const plan of plans) {
    for (const id of [...plan.block, ...(plan.locked ?? [])]) used.set(id, `plan "${plan.id}"`);
  }
  return used;
}

function afterChanges<Resource>(
  stored: ReadonlyMap<string, { readonly record: Resource }>,
  changes: readonly { readonly id: string; readonly after: Resource | null }[],
): Resource[] {
  const records = new Map([...stored].map(([id, { record }]) => [id, record]));
  for (const { id, after } of changes) {
    if (after === null) records.delete(id);
    else records.set(id, after);
  }
  return [...records.values()];
}

/** A subscriber of the plan whom the changes do not touch. */
async function findSubscriberOf(
  db: Db,
  plan: number,
  moved: ReadonlySet<string>,
): Promise<string | undefined> {
  for (let after = ''; ;) {
    const rows = await db
      .selectFrom('subscribers')
      .select('id')
      .where('plan', '=', plan)
      .where('id', '>', after)
      .orderBy('id')
      .limit(BATCH_ROWS)
      .execute();
    const found = rows.find((row) => !moved.has(row.id));
    if (found !== undefined || rows.length < BATCH_ROWS) return found?.id;
    after = rows.at(-1)?.id ?? '';
  }
}

function checkCategoryCount(stock: Stock, planned: PlannedChanges, faults: string[]): void {
  const count = afterChanges(stock.categories, planned.categories).length;
  if (count > CATEGORIES_MAX) {
    faults.push(`categories: there would be ${count}; valid: ${CATEGORIES_MAX} at most`);
  }
}

function shown(ids: ReadonlySet<string>): string {
  const sorted = [...ids].sort();
  const rest = sorted.length - VALID_SHOWN_MAX;
  return sorted.slice(0, VALID_SHOWN_MAX).join(', ') + (rest > 0 ? `, and ${rest} more` : '');
}
