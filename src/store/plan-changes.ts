/**
 * Compares a document with what is stored and says what has to change. Reads only; every reference
 * that leads nowhere is a fault.
 */

import type { CategoryRecord, PlanRecord } from './canonical.ts';
import type { ListRecord } from './canonical-list.ts';
import { usesOfPlan } from './category-uses.ts';
import type { Change } from './changes.ts';
import type { ResourceKind } from './document.ts';
import { categoryFault } from './household-checks.ts';
import type { ListContents } from './list-contents.ts';
import { checkRemovals, findSubscriberOf, planPruning } from './plan-removals.ts';
import { planSubscribers } from './plan-subscribers.ts';
import {
  afterChanges,
  categoryIdsAfter,
  type PlannedChanges,
  readStock,
  removals,
  type Stock,
  upserts,
} from './planned-changes.ts';
import type { Placed, ReadDocument } from './read-document.ts';
import { quote } from '../lib/quote.ts';
import { readSubscribers, type StoredList } from './records.ts';
import { safestPlan } from './safest-plan.ts';
import type { Db } from './schema.ts';

/** As many as a mask has bits; a service takes one too. */
const CATEGORIES_MAX = 256;

export async function planChanges(
  db: Db,
  document: ReadDocument,
  contents: ListContents,
  isPruning: boolean,
  faults: string[],
): Promise<PlannedChanges> {
  const stock = await readStock(db);
  const categories = planCategories(document, stock);
  const planned: PlannedChanges = {
    categories,
    lists: planLists(document.lists ?? [], stock, categories, contents, faults),
    services: upserts('service', document.services ?? [], stock.services),
    plans: upserts('plan', document.plans ?? [], stock.plans),
    subscribers: [],
    yielding: new Set(),
  };
  checkPlanCategories(document.plans ?? [], categoryIdsAfter(stock, planned), faults);
  await planSubscribers(db, document, stock, planned, isPruning, faults);
  if (isPruning) await planPruning(db, document, stock, planned, faults);
  checkListsOf(stock, planned, document.lists ?? [], faults);
  await checkPools(db, stock, planned, faults);
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
    services: kind === 'service' ? removals('service', [id], stock.services) : [],
    plans: kind === 'plan' ? removals('plan', [id], stock.plans) : [],
    subscribers:
      kind === 'subscriber' ? removals('subscriber', [id], await readSubscribers(db, [id])) : [],
    yielding: new Set(),
  };
  await checkRemovals(db, stock, planned, faults);
  await checkPools(db, stock, planned, faults);
  return planned;
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
  categories: readonly Change<'category'>[],
  contents: ListContents,
  faults: string[],
): Change<'list'>[] {
  const known = afterChanges(stock.categories, categories);
  for (const { record, path } of placed) {
    const { contentSha256 } = record;
    if (contentSha256 !== undefined && !contents.has(contentSha256)) {
      faults.push(
        `${path}.contentSha256: there is no content ${quote(contentSha256)}; upload it first`,
      );
    }
    checkMandatory(record, known.get(record.category)?.class, path, faults);
    checkOwn(record, stock.lists.get(record.id), path, faults);
  }
  return upserts('list', placed, stock.lists);
}

/** What only the law may ask for. */
function checkMandatory(
  { gate, sealed, category }: ListRecord,
  verdictClass: string | undefined,
  path: string,
  faults: string[],
): void {
  if (verdictClass === 'law') return;
  const fields = [...(gate?.urgent === true ? ['gate.urgent'] : []), ...(sealed ? ['sealed'] : [])];
  for (const field of fields) {
    faults.push(
      `${path}.${field}: it goes with a category of class law only, ${quote(category)} is ${verdictClass ?? 'policy'}`,
    );
  }
}

/** Of a category that changes, also the lists that the document does not name. */
function checkListsOf(
  stock: Stock,
  planned: PlannedChanges,
  placed: readonly Placed<ListRecord>[],
  faults: string[],
): void {
  const named = new Set(placed.map(({ record }) => record.id));
  const classes = new Map(planned.categories.map(({ id, after }) => [id, after?.class]));
  for (const record of afterChanges(stock.lists, planned.lists).values()) {
    if (named.has(record.id) || !classes.has(record.category)) continue;
    checkMandatory(record, classes.get(record.category), `lists ${quote(record.id)}`, faults);
  }
}

/** Its first entry would silently take the place of a whole content from elsewhere. */
function checkOwn(
  { own, id }: ListRecord,
  before: StoredList | undefined,
  path: string,
  faults: string[],
): void {
  if (own !== true || before === undefined || before.record.own === true) return;
  if (before.contentSha256 === '') return;
  faults.push(
    `${path}.own: list ${quote(id)} has a content from elsewhere; valid: a new id, or removing the list first`,
  );
}

function checkPlanCategories(
  plans: readonly Placed<PlanRecord>[],
  known: ReadonlySet<string>,
  faults: string[],
): void {
  for (const { record, path } of plans) {
    for (const use of usesOfPlan(record)) {
      const fault = categoryFault(use, known);
      if (fault !== null) faults.push(`${path}.${fault}`);
    }
  }
}

/** The last plan made for children stays one as long as a pool needs it. */
async function checkPools(
  db: Db,
  stock: Stock,
  planned: PlannedChanges,
  faults: string[],
): Promise<void> {
  if (safestPlan(afterChanges(stock.plans, planned.plans).values()) !== null) return;
  const changed = new Set(planned.subscribers.map(({ id }) => id));
  const written = planned.subscribers.find(
    ({ after }) => after !== null && after.plan === undefined,
  );
  const pool = written?.id ?? (await findSubscriberOf(db, null, changed));
  if (pool === undefined) return;
  faults.push(
    `plans: subscriber ${quote(pool)} is a pool and needs a plan made for children; valid: one plan with minor: true`,
  );
}

function checkCategoryCount(stock: Stock, planned: PlannedChanges, faults: string[]): void {
  const count = categoryIdsAfter(stock, planned).size;
  if (count > CATEGORIES_MAX) {
    faults.push(
      `categories: there would be ${count} with the services; valid: ${CATEGORIES_MAX} at most`,
    );
  }
}
