/** Plans what is taken away, by name or by pruning, and refuses what is still needed. */

import { PROTECTED_CATEGORY, SERVICE_PREFIX } from './canonical.ts';
import { categoriesOfSubscribers, usesOfPlan } from './category-uses.ts';
import { pruneSubscribers } from './plan-subscribers.ts';
import { afterChanges, type PlannedChanges, removals, type Stock } from './planned-changes.ts';
import type { Placed, ReadDocument } from './read-document.ts';
import { BATCH_ROWS } from './records.ts';
import { quote } from '../lib/quote.ts';
import type { Db } from './schema.ts';

/** Categories that the decision itself refers to by id. */
const LASTING_CATEGORIES = [PROTECTED_CATEGORY, 'bypass'];
/**
 * The lists that fill them at the first start. Nothing takes them away: a document that somebody wrote
 * for his own lists does not mean to unprotect helplines, and a removal passes no gate.
 */
const LASTING_LISTS = LASTING_CATEGORIES.map((category) => `builtin-${category}`);

export async function planPruning(
  db: Db,
  document: ReadDocument,
  stock: Stock,
  planned: PlannedChanges,
  faults: string[],
): Promise<void> {
  const { categories, lists, services, plans, subscribers } = document;
  if (subscribers !== null) await pruneSubscribers(db, subscribers, planned);
  if (plans !== null) {
    planned.plans.push(...removals('plan', unnamed(stock.plans, plans), stock.plans));
  }
  if (lists !== null) {
    const ids = unnamed(stock.lists, lists).filter((id) => !LASTING_LISTS.includes(id));
    planned.lists.push(...removals('list', ids, stock.lists));
  }
  const used =
    categories === null && services === null
      ? new Map<string, string>()
      : await categoriesInUse(db, stock, planned);
  if (services !== null) {
    const ids = unnamed(stock.services, services).filter((id) => !used.has(SERVICE_PREFIX + id));
    planned.services.push(...removals('service', ids, stock.services));
  }
  if (categories !== null) {
    const ids = unnamed(stock.categories, categories).filter(
      (id) => !used.has(id) && !LASTING_CATEGORIES.includes(id),
    );
    planned.categories.push(...removals('category', ids, stock.categories));
  }
  await checkRemovals(db, stock, planned, faults);
}

function unnamed(
  stored: ReadonlyMap<string, unknown>,
  placed: readonly Placed<{ readonly id: string }>[],
): string[] {
  const named = new Set(placed.map(({ record }) => record.id));
  return [...stored.keys()].filter((id) => !named.has(id));
}

/** What is taken away must not be needed by what stays. */
export async function checkRemovals(
  db: Db,
  stock: Stock,
  planned: PlannedChanges,
  faults: string[],
): Promise<void> {
  for (const { id, action } of planned.lists) {
    if (action !== 'delete' || !LASTING_LISTS.includes(id)) continue;
    faults.push(
      `lists ${quote(id)}: it ships with Stairgate and its category needs it; valid: other contents or "except", which pass the gate`,
    );
  }
  await checkCategoryRemovals(db, stock, planned, faults);
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

async function checkCategoryRemovals(
  db: Db,
  stock: Stock,
  planned: PlannedChanges,
  faults: string[],
): Promise<void> {
  const removed = [
    ...planned.categories.map((change) => ({
      ...change,
      section: 'categories',
      category: change.id,
    })),
    ...planned.services.map((change) => {
      return { ...change, section: 'services', category: SERVICE_PREFIX + change.id };
    }),
  ].filter(({ action }) => action === 'delete');
  if (removed.length === 0) return;
  const used = await categoriesInUse(db, stock, planned);
  for (const { section, id, category } of removed) {
    if (LASTING_CATEGORIES.includes(category)) {
      faults.push(`${section} ${quote(id)}: this category cannot be removed`);
    } else if (used.has(category)) {
      faults.push(
        `${section} ${quote(id)}: it is used by ${used.get(category) ?? ''}; remove that first`,
      );
    }
  }
}

/** By category: one list, plan or subscriber that will need it after the changes. */
async function categoriesInUse(
  db: Db,
  stock: Stock,
  planned: PlannedChanges,
): Promise<Map<string, string>> {
  const used = new Map<string, string>();
  for (const [id, subscriber] of await categoriesOfSubscribers(db, planned.subscribers)) {
    used.set(id, `subscriber "${subscriber}"`);
  }
  for (const list of afterChanges(stock.lists, planned.lists).values()) {
    used.set(list.category, `list "${list.id}"`);
  }
  for (const plan of afterChanges(stock.plans, planned.plans).values()) {
    for (const { id } of usesOfPlan(plan)) used.set(id, `plan "${plan.id}"`);
  }
  return used;
}

/** A subscriber of the plan whom the changes do not touch. */
export async function findSubscriberOf(
  db: Db,
  plan: number | null,
  moved: ReadonlySet<string>,
): Promise<string | undefined> {
  for (let after = ''; ;) {
    const rows = await db
      .selectFrom('subscribers')
      .select('id')
      .where('plan', plan === null ? 'is' : '=', plan)
      .where('id', '>', after)
      .orderBy('id')
      .limit(BATCH_ROWS)
      .execute();
    const found = rows.find((row) => !moved.has(row.id));
    if (found !== undefined || rows.length < BATCH_ROWS) return found?.id;
    after = rows.at(-1)?.id ?? '';
  }
}
