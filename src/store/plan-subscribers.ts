/** Plans the changes of subscribers: against their plans, and so that no address has two owners. */

import { breathe } from './breathe.ts';
import type { PlanRecord } from './canonical.ts';
import type { SubscriberRecord } from './canonical-household.ts';
import { categoriesOfServices } from './category-uses.ts';
import type { Change } from './changes.ts';
import { checkHousehold } from './household-checks.ts';
import {
  afterChanges,
  categoryIdsAfter,
  type PlannedChanges,
  shown,
  type Stock,
  upserts,
} from './planned-changes.ts';
import { keyToText, textToKey } from './prefix-key.ts';
import type { Placed, ReadDocument } from './read-document.ts';
import { BATCH_ROWS, readSubscriberPage, readSubscribers } from './records.ts';
import { safestPlan } from './safest-plan.ts';
import { quote } from '../lib/quote.ts';
import type { Db } from './schema.ts';

export async function planSubscribers(
  db: Db,
  document: ReadDocument,
  stock: Stock,
  planned: PlannedChanges,
  isPruning: boolean,
  faults: string[],
): Promise<void> {
  const placed = document.subscribers ?? [];
  const checks = new PlanChecks(stock, planned);
  const named = new Set(placed.map(({ record }) => record.id));
  const yielded = new Map<string, Set<string>>();
  for (let at = 0; at < placed.length; at += BATCH_ROWS) {
    const batch = placed.slice(at, at + BATCH_ROWS);
    for (const one of batch) checks.checkPlan(one, faults);
    const ids = batch.map(({ record }) => record.id);
    const changes = upserts('subscriber', batch, await readSubscribers(db, ids));
    const pathOf = new Map(batch.map(({ record, path }) => [record.id, path]));
    for (const change of changes) {
      planned.subscribers.push(change);
      checks.checkWithinPlan(change, pathOf.get(change.id) ?? '', faults);
    }
    // Pruning removes all whom the document does not name, so nobody has to give anything up.
    if (!isPruning) {
      await findTakenAddresses(db, changes, named, yielded, faults);
      await findTakenCpeIds(db, changes, named, faults);
    }
    await breathe();
  }
  for (const [id, { record }] of await readSubscribers(db, [...yielded.keys()])) {
    const addresses = record.addresses.filter((address) => yielded.get(id)?.has(address) !== true);
    const after = { ...record, addresses };
    planned.yielding.add(id);
    planned.subscribers.push({ kind: 'subscriber', id, action: 'update', before: record, after });
  }
}

export async function pruneSubscribers(
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

/** What subscribers are measured by: plans, categories and services as they will be. */
class PlanChecks {
  readonly #plans: ReadonlyMap<string, PlanRecord>;
  readonly #safest: PlanRecord | null;
  readonly #known: ReadonlySet<string>;
  readonly #law: ReadonlySet<string>;
  readonly #categoryOf: ReadonlyMap<string, string>;

  constructor(stock: Stock, planned: PlannedChanges) {
    this.#plans = afterChanges(stock.plans, planned.plans);
    this.#safest = safestPlan(this.#plans.values());
    this.#known = categoryIdsAfter(stock, planned);
    const categories = afterChanges(stock.categories, planned.categories).values();
    this.#law = new Set([...categories].filter((one) => one.class === 'law').map(({ id }) => id));
    const services = afterChanges(stock.services, planned.services).values();
    this.#categoryOf = categoriesOfServices(services);
  }

  checkPlan({ record, path }: Placed<SubscriberRecord>, faults: string[]): void {
    if (record.plan !== undefined && !this.#plans.has(record.plan)) {
      const valid = shown(this.#plans.keys());
      faults.push(`${path}.plan: there is no plan ${quote(record.plan)}; valid: ${valid}`);
    } else if (record.plan === undefined && record.minor === true && this.#safest === null) {
      faults.push(
        `${path}.minor: there is no plan made for children to give to a pool; valid: once a plan has minor: true`,
      );
    }
  }

  /** What lay outside the plan before, because the plan was changed, may stay as it is. */
  checkWithinPlan({ before, after }: Change<'subscriber'>, path: string, faults: string[]): void {
    const plan = this.#planOf(after);
    if (after === null || plan === null) return;
    const limits = { plan, known: this.#known, law: this.#law, categoryOf: this.#categoryOf };
    const found = checkHousehold(after, path, limits);
    if (found.length === 0) return;
    const isSamePlan = before !== null && before.plan === after.plan;
    const old = new Set(isSamePlan ? checkHousehold(before, path, limits) : []);
    faults.push(...found.filter((fault) => !old.has(fault)));
  }

  #planOf(record: SubscriberRecord | null): PlanRecord | null {
    if (record?.plan === undefined) return this.#safest;
    return this.#plans.get(record.plan) ?? null;
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

async function findTakenCpeIds(
  db: Db,
  changes: readonly Change<'subscriber'>[],
  named: ReadonlySet<string>,
  faults: string[],
): Promise<void> {
  const takerOf = new Map<string, string>();
  for (const { after, id } of changes) {
    for (const cpeId of after?.cpeIds ?? []) takerOf.set(cpeId, id);
  }
  const ids = [...takerOf.keys()];
  for (let at = 0; at < ids.length; at += BATCH_ROWS) {
    const rows = await db
      .selectFrom('cpe_ids')
      .innerJoin('subscribers', 'subscribers.number', 'cpe_ids.subscriber')
      .select(['cpe_ids.cpe_id', 'subscribers.id'])
      .where('cpe_ids.cpe_id', 'in', ids.slice(at, at + BATCH_ROWS))
      .execute();
    for (const row of rows) {
      if (named.has(row.id)) continue;
      faults.push(
        `subscribers ${quote(takerOf.get(row.cpe_id))}: the CPE id ${quote(row.cpe_id)} belongs to subscriber ${quote(row.id)}; take it away there in the same document`,
      );
    }
  }
}
