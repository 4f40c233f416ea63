/** What is stored of the small sections, and what a write is about to do with all of them. */

import { isSameRecord, SERVICE_PREFIX, type RecordOf } from './canonical.ts';
import type { Change } from './changes.ts';
import type { ResourceKind } from './document.ts';
import {
  readCategories,
  readLists,
  readPlans,
  readServices,
  type StoredCategory,
  type StoredList,
  type StoredPlan,
  type StoredService,
} from './records.ts';
import type { Placed } from './read-document.ts';
import type { Db } from './schema.ts';

/** Ids named in a fault as the valid ones. */
const VALID_SHOWN_MAX = 40;

export interface PlannedChanges {
  readonly categories: Change<'category'>[];
  readonly lists: Change<'list'>[];
  readonly services: Change<'service'>[];
  readonly plans: Change<'plan'>[];
  readonly subscribers: Change<'subscriber'>[];
  /** Seeded catch-alls whose change is only that addresses went to others. */
  readonly yielding: Set<string>;
}

export interface Stock {
  readonly categories: Map<string, StoredCategory>;
  readonly lists: Map<string, StoredList>;
  readonly services: Map<string, StoredService>;
  readonly plans: Map<string, StoredPlan>;
}

export async function readStock(db: Db): Promise<Stock> {
  return {
    categories: await readCategories(db),
    lists: await readLists(db),
    services: await readServices(db),
    plans: await readPlans(db),
  };
}

export function listChanges(planned: PlannedChanges): Change[] {
  const { categories, lists, services, plans, subscribers } = planned;
  return [...categories, ...lists, ...services, ...plans, ...subscribers];
}

export function upserts<Kind extends ResourceKind>(
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

export function removals<Kind extends ResourceKind>(
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

export function afterChanges<Resource>(
  stored: ReadonlyMap<string, { readonly record: Resource }>,
  changes: readonly { readonly id: string; readonly after: Resource | null }[],
): Map<string, Resource> {
  const records = new Map([...stored].map(([id, { record }]) => [id, record]));
  for (const { id, after } of changes) {
    if (after === null) records.delete(id);
    else records.set(id, after);
  }
  return records;
}

/** Ids of categories, and of services with their prefix, that there will be. */
export function categoryIdsAfter(stock: Stock, planned: PlannedChanges): Set<string> {
  const services = afterChanges(stock.services, planned.services);
  return new Set([
    ...afterChanges(stock.categories, planned.categories).keys(),
    ...[...services.keys()].map((id) => SERVICE_PREFIX + id),
  ]);
}

export function shown(ids: Iterable<string>): string {
  const sorted = [...ids].sort();
  const rest = sorted.length - VALID_SHOWN_MAX;
  return sorted.slice(0, VALID_SHOWN_MAX).join(', ') + (rest > 0 ? `, and ${rest} more` : '');
}
