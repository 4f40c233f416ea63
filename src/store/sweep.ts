/**
 * Takes away what has ended by itself: it decides nothing any more, so there is no revision and nobody
 * to be audited. Each row stays a day longer than it can matter, since a clock that was set ahead by
 * mistake is set back, and what runs then must be there.
 */

import { firstDayNotOver, NO_MINUTES } from './budget-days.ts';
import type { Db } from './schema.ts';

const DAY_SECONDS = 86_400;
/** No zone's day is further from UTC's, and a statistic may still want yesterday. */
const BUDGET_DAYS_KEPT = 3;
const REQUEST_DAYS_KEPT = 30;
const ENDED_SECONDS_KEPT = DAY_SECONDS;

/** @returns how many rows went */
export async function sweepEnded(tx: Db, nowSeconds: number): Promise<number> {
  const today = Math.floor(nowSeconds / DAY_SECONDS);
  const results = [
    await tx
      .deleteFrom('grants')
      .where('until_second', '<=', nowSeconds - ENDED_SECONDS_KEPT)
      .executeTakeFirst(),
    await tx
      .deleteFrom('budget_days')
      .where('day', '<', today - BUDGET_DAYS_KEPT)
      .executeTakeFirst(),
    // All that was left of what somebody had deleted.
    await tx
      .deleteFrom('budget_days')
      .where('day', '<', firstDayNotOver(nowSeconds))
      .where('minutes', '=', NO_MINUTES)
      .executeTakeFirst(),
    await tx
      .deleteFrom('requests')
      .where('created_at', '<', nowSeconds - REQUEST_DAYS_KEPT * DAY_SECONDS)
      .executeTakeFirst(),
  ];
  return results.reduce((sum, { numDeletedRows }) => sum + Number(numDeletedRows), 0);
}
