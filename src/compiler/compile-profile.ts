/**
 * The policy of one profile at any time, as a small image: for `explain`, where the time asked about
 * is not one that the image in force speaks of. Settings, grants and budgets are those of the newest
 * revision, so the past is what it would have been with today's settings.
 */

import { compilePolicies } from '../policy/compile.ts';
import { NO_PLAN } from '../policy/policy-input.ts';
import type { CompileInput } from '../store/compile-input.ts';
import type { CompileHouseholds } from '../store/compile-households.ts';
import type { ProfileDone, ProfileRequest } from './messages.ts';
import { readNewestInput } from './newest-input.ts';
import { type CompileData, toPolicyInput } from './to-policy-input.ts';

export async function compileProfile(
  { job, dataDir, seed, profile, atSecond }: ProfileRequest,
  data: CompileData,
): Promise<ProfileDone> {
  const input = await readNewestInput(dataDir);
  const policy = compilePolicies(toPolicyInput(ofHousehold(input, profile), data, atSecond), seed);
  return { kind: 'profile', job, policy };
}

/** The same input with nobody in it but the household of a profile number. */
function ofHousehold(input: CompileInput, profile: number): CompileInput {
  const { households } = input;
  const subscriber = households.profiles.find(({ number }) => number === profile)?.subscriber;
  const own = subscriber ?? profile;
  const profiles = households.profiles.filter((one) => one.subscriber === own);
  const numbers = new Set([own, ...profiles.map((one) => one.number)]);
  const planOf = new Uint32Array(households.planOf.length).fill(NO_PLAN);
  for (const number of numbers) {
    planOf[number] = households.planOf[number] ?? NO_PLAN;
  }
  const settings = households.settingsOf.get(own);
  const rulesOf = new Map([...households.rulesOf].filter(([number]) => numbers.has(number)));
  const defaultOf = new Map([...households.defaultOf].filter(([number]) => number === own));
  const ofOne: CompileHouseholds = {
    ...households,
    planOf,
    profiles,
    settingsOf: new Map(settings === undefined ? [] : [[own, settings]]),
    rulesOf,
    defaultOf,
    grants: households.grants.filter(({ owner }) => numbers.has(owner)),
    devices: [],
    cpeIds: [],
  };
  return { ...input, households: ofOne };
}
