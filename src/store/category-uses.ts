/** Which categories and services the settings of plans and households name. */

import { breathe } from './breathe.ts';
import { type PlanRecord, SERVICE_PREFIX, type ServiceRecord } from './canonical.ts';
import type {
  HouseholdSettings,
  ProfileSettings,
  SubscriberRecord,
} from './canonical-household.ts';
import { categoryOfTarget } from './canonical-settings.ts';
import type { Change } from './changes.ts';
import { BATCH_ROWS } from './records.ts';
import type { Db } from './schema.ts';

/** A category that is named, and by which field. */
export interface CategoryUse {
  readonly field: string;
  /** With the prefix where it is a service. */
  readonly id: string;
}

export function usesOfPlan(plan: PlanRecord): CategoryUse[] {
  return [
    ...usesOfSettings(plan),
    ...(plan.locked ?? []).map((id) => ({ field: 'locked', id })),
    ...(plan.lockedOpen ?? []).map((id) => ({ field: 'lockedOpen', id })),
  ];
}

/** By id of a service, with its prefix: the category that it belongs to. */
export function categoriesOfServices(services: Iterable<ServiceRecord>): Map<string, string> {
  return new Map([...services].map(({ id, group }) => [SERVICE_PREFIX + id, group]));
}

/**
 * Whether a plan keeps a category or a service open for good: by its id, or as a service of a category
 * that is kept open, unless the plan itself says more of that service.
 * @param category that a service belongs to; else null
 */
export function isKeptOpen(plan: PlanRecord, id: string, category: string | null): boolean {
  const { lockedOpen = [] } = plan;
  if (lockedOpen.includes(id)) return true;
  if (category === null || !lockedOpen.includes(category)) return false;
  return !usesOfPlan(plan).some((use) => use.id === id);
}

/** Of one level: the household's own or one profile's. */
export function usesOfSettings(
  settings: Pick<ProfileSettings, 'block' | 'open' | 'schedules' | 'budgets'>,
): CategoryUse[] {
  const targets = [
    ...(settings.schedules ?? []).map(({ target }, index) => {
      return { field: `schedules[${index}].target`, target };
    }),
    ...(settings.budgets ?? []).map(({ target }, index) => {
      return { field: `budgets[${index}].target`, target };
    }),
  ];
  return [
    ...(settings.block ?? []).map((id) => ({ field: 'block', id })),
    ...(settings.open ?? []).map((id) => ({ field: 'open', id })),
    ...targets.flatMap(({ field, target }) => {
      const id = categoryOfTarget(target);
      return id === null ? [] : [{ field, id }];
    }),
  ];
}

/** By category: one subscriber that will need it after the changes. */
export async function categoriesOfSubscribers(
  db: Db,
  changes: readonly Change<'subscriber'>[],
): Promise<Map<string, string>> {
  const used = new Map<string, string>();
  const changed = new Set(changes.map(({ id }) => id));
  for (const { after } of changes) {
    if (after === null) continue;
    for (const level of levelsOf(after)) {
      for (const { id } of usesOfSettings(level)) used.set(id, after.id);
    }
  }
  for (const table of ['subscribers', 'profiles'] as const) {
    for (let last = 0; ;) {
      const rows = await readSettings(db, table, last);
      for (const { id, settings } of rows) {
        if (changed.has(id)) continue;
        const level = JSON.parse(settings) as HouseholdSettings;
        for (const use of usesOfSettings(level)) used.set(use.id, id);
      }
      last = rows.at(-1)?.number ?? 0;
      if (rows.length < BATCH_ROWS) break;
      await breathe();
    }
  }
  return used;
}

function levelsOf(record: SubscriberRecord): readonly ProfileSettings[] {
  return [record, ...(record.profiles ?? [])];
}

async function readSettings(
  db: Db,
  table: 'subscribers' | 'profiles',
  after: number,
): Promise<{ number: number; id: string; settings: string }[]> {
  if (table === 'subscribers') {
    const rows = await db
      .selectFrom('subscribers')
      .select(['number', 'id', 'settings'])
      .where('number', '>', after)
      .where('settings', 'is not', null)
      .orderBy('number')
      .limit(BATCH_ROWS)
      .execute();
    return rows.map((row) => ({ ...row, settings: row.settings ?? '{}' }));
  }
  return db
    .selectFrom('profiles')
    .innerJoin('subscribers', 'subscribers.number', 'profiles.subscriber')
    .select(['profiles.number', 'subscribers.id', 'profiles.settings'])
    .where('profiles.number', '>', after)
    .orderBy('profiles.number')
    .limit(BATCH_ROWS)
    .execute();
}
