/**
 * The plan of a pool of unknown clients: of the plans made for children, the one that blocks the most
 * categories; among equals the first by id. Null where there is no such plan.
 */

import type { PlanRecord } from './canonical.ts';

type PlanChoice = Pick<PlanRecord, 'id' | 'block' | 'locked' | 'minor'>;

export function safestPlan<Plan extends PlanChoice>(plans: Iterable<Plan>): Plan | null {
  let safest: Plan | null = null;
  for (const plan of plans) {
    if (plan.minor !== true) continue;
    const difference = safest === null ? 1 : blockedCount(plan) - blockedCount(safest);
    const isFirst = difference === 0 && plan.id < (safest?.id ?? '');
    if (difference > 0 || isFirst) safest = plan;
  }
  return safest;
}

function blockedCount({ block, locked = [] }: PlanChoice): number {
  return block.length + locked.length;
}
