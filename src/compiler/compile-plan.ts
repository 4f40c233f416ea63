/**
 * The policy of a plan by itself, as a small image: of a household that has set nothing, in UTC. For
 * questions about a plan that are about nobody.
 */

import { AppError } from '../lib/errors.ts';
import { compilePolicies } from '../policy/compile.ts';
import { NO_PLAN } from '../policy/policy-input.ts';
import { DEFAULT_LANGUAGE } from '../store/canonical-household.ts';
import type { CompileHouseholds } from '../store/compile-households.ts';
import { readPlanInputFrom } from '../store/compile-input.ts';
import { PLAN_PROFILE, type PlanRequest, type ProfileDone } from './messages.ts';
import { type CompileData, toPolicyInput } from './to-policy-input.ts';

/** @throws AppError `RESOURCE_UNKNOWN` */
export async function compilePlan(
  { job, dataDir, seed, plan, atSecond }: PlanRequest,
  data: CompileData,
): Promise<ProfileDone> {
  const input = await readPlanInputFrom(dataDir);
  const index = input.plans.findIndex(({ id }) => id === plan);
  if (index < 0) throw new AppError('RESOURCE_UNKNOWN', `There is no plan "${plan}"`);
  const whole = { ...input, lists: [], households: oneOf(index) };
  const policy = compilePolicies(toPolicyInput(whole, data, atSecond), seed);
  return { kind: 'profile', job, policy };
}

function oneOf(planIndex: number): CompileHouseholds {
  return {
    planOf: Uint32Array.of(NO_PLAN, planIndex),
    zoneOf: new Uint16Array(PLAN_PROFILE + 1),
    languageOf: new Uint8Array(PLAN_PROFILE + 1),
    zones: ['UTC'],
    languages: [DEFAULT_LANGUAGE],
    settingsOf: new Map(),
    profiles: [],
    rulesOf: new Map(),
    defaultOf: new Map(),
    devices: [],
    cpeIds: [],
    grants: [],
    usedMinutes: new Map(),
  };
}
