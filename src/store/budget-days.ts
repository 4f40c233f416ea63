/**
 * How many minutes of a day a profile has used of what it has a budget for. The query log counts them
 * (`query-log/day-map` has the layout: 1,440 bits, gaps bridged already) and keeps them here, where the
 * compile thread finds them. That a budget is used up is noted at once; the minutes follow later. Where
 * they are forgotten, that note stays until the day is over: it is policy, and no way to more time.
 */

import type { ProfileSettings } from './canonical-household.ts';
import type { Db } from './schema.ts';
import type { StoreAccess } from './store-access.ts';

/** A bit for each minute. */
const MINUTES_BYTES = 180;
/** Of a budget that was noted as used up and has no minutes yet, or none any more. */
export const NO_MINUTES = Buffer.alloc(MINUTES_BYTES);
const BATCH_ROWS = 2_000;
const DAY_SECONDS = 86_400;

export interface BudgetDay {
  /** Profile number. */
  readonly profile: number;
  /** As the budget names it. */
  readonly target: string;
  /** Days since 1970-01-01, of the household's zone. */
  readonly day: number;
  readonly minutes: Uint8Array;
}

/** What is kept of a budget and a day. */
interface SavedDay {
  readonly minutes: Uint8Array;
  /** The limit that was noted as used up; null where none was. It outlives the minutes. */
  readonly usedUpLimit: number | null;
}

/** A budget that is used up. */
export interface UsedUpBudget {
  readonly subscriber: string;
  readonly profile: string;
  readonly target: string;
  readonly day: number;
  readonly minutesPerDay: number;
}

export class BudgetDays {
  readonly #store: StoreAccess;

  constructor(store: StoreAccess) {
    this.#store = store;
  }

  /** Null where nothing is known of that day. */
  async load(profile: number, target: string, day: number): Promise<SavedDay | null> {
    const row = await this.#store.db
      .selectFrom('budget_days')
      .select(['minutes', 'used_up_limit as usedUpLimit'])
      .where('profile', '=', profile)
      .where('target', '=', target)
      .where('day', '=', day)
      .executeTakeFirst();
    return row ?? null;
  }

  /** All of them or none; those of profiles that are gone are passed over. No revision is made. */
  async save(days: readonly BudgetDay[]): Promise<void> {
    await this.#store.transact(async (tx) => {
      const known = await knownProfiles(tx, days);
      const rows = days.filter(({ profile }) => known.has(profile));
      for (let at = 0; at < rows.length; at += BATCH_ROWS) {
        await tx
          .insertInto('budget_days')
          .values(rows.slice(at, at + BATCH_ROWS))
          .onConflict((conflict) =>
            conflict
              .columns(['profile', 'target', 'day'])
              .doUpdateSet((eb) => ({ minutes: eb.ref('excluded.minutes') })),
          )
          .execute();
      }
    });
  }

  /** Those of which minutes are known. */
  async count(profiles: readonly number[]): Promise<number> {
    if (profiles.length === 0) return 0;
    const { rows } = await this.#store.db
      .selectFrom('budget_days')
      .select((eb) => eb.fn.countAll<number>().as('rows'))
      .where('profile', 'in', profiles)
      .where('minutes', '<>', NO_MINUTES)
      .executeTakeFirstOrThrow();
    return rows;
  }

  /** Of a day that is not over, that a budget is used up stays, and nothing else. */
  async remove(profiles: readonly number[]): Promise<void> {
    if (profiles.length === 0) return;
    const firstDay = firstDayNotOver(this.#store.nowSeconds());
    await this.#store.transact(async (tx) => {
      await tx
        .deleteFrom('budget_days')
        .where('profile', 'in', profiles)
        .where((eb) => eb.or([eb('used_up_limit', 'is', null), eb('day', '<', firstDay)]))
        .execute();
      await tx
        .updateTable('budget_days')
        .set({ minutes: NO_MINUTES })
        .where('profile', 'in', profiles)
        .execute();
    });
  }
}

/**
 * Null where that is known already, or where the budget is gone: then nothing is to be done.
 */
export async function noteUsedUp(
  tx: Db,
  { profile, target, day }: Omit<BudgetDay, 'minutes'>,
): Promise<UsedUpBudget | null> {
  const owner = await tx
    .selectFrom('profiles')
    .innerJoin('subscribers', 'subscribers.number', 'profiles.subscriber')
    .select(['subscribers.id as subscriber', 'profiles.id as profile', 'profiles.settings'])
    .where('profiles.number', '=', profile)
    .executeTakeFirst();
  if (owner === undefined) return null;
  const { budgets = [] } = JSON.parse(owner.settings) as ProfileSettings;
  const minutesPerDay = budgets.find((budget) => budget.target === target)?.minutesPerDay;
  if (minutesPerDay === undefined) return null;
  const row = await tx
    .selectFrom('budget_days')
    .select('used_up_limit')
    .where('profile', '=', profile)
    .where('target', '=', target)
    .where('day', '=', day)
    .executeTakeFirst();
  if (row?.used_up_limit === minutesPerDay) return null;
  await tx
    .insertInto('budget_days')
    .values({ profile, target, day, minutes: NO_MINUTES, used_up_limit: minutesPerDay })
    .onConflict((conflict) =>
      conflict.columns(['profile', 'target', 'day']).doUpdateSet({ used_up_limit: minutesPerDay }),
    )
    .execute();
  return { subscriber: owner.subscriber, profile: owner.profile, target, day, minutesPerDay };
}

/** The earliest day that may go on somewhere: no zone is further from UTC than a day. */
export function firstDayNotOver(nowSeconds: number): number {
  return Math.floor(nowSeconds / DAY_SECONDS) - 1;
}

/** At least so many minutes are used: those that are marked, or a limit that was noted as used up. */
export function usedMinutes(minutes: Uint8Array, usedUpLimit: number | null): number {
  let count = 0;
  for (const octet of minutes) for (let bits = octet; bits !== 0; bits &= bits - 1) count++;
  return Math.max(count, usedUpLimit ?? 0);
}

async function knownProfiles(tx: Db, days: readonly BudgetDay[]): Promise<ReadonlySet<number>> {
  const numbers = [...new Set(days.map(({ profile }) => profile))];
  const known = new Set<number>();
  for (let at = 0; at < numbers.length; at += BATCH_ROWS) {
    const rows = await tx
      .selectFrom('profiles')
      .select('number')
      .where('number', 'in', numbers.slice(at, at + BATCH_ROWS))
      .execute();
    for (const { number } of rows) known.add(number);
  }
  return known;
}
