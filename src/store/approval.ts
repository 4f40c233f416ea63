/**
 * "Yes, always": what was asked for becomes a setting, and is open from then on. Where something that a
 * parent has set on purpose would go on blocking it, a schedule, a budget, an allow list, the answer is
 * refused with that reason: a yes that opens nothing is none, and nobody's bedtime goes by a tap.
 */

import { quote } from '../lib/quote.ts';
import type { ProfileSettings } from './canonical-household.ts';
import { categoryOfTarget, nameOf, type RuleNames } from './canonical-settings.ts';
import { throwFaults } from './changes.ts';
import { findOwner } from './grants.ts';
import type { StoredRequest } from './requests.ts';
import type { Db } from './schema.ts';
import type { TargetRecord } from './targets.ts';

type Level = ProfileSettings & RuleNames;

/**
 * The document that makes what was asked for a setting: the names are allowed, the category opened; for
 * the whole household also in profiles that block it themselves, by their age or otherwise.
 * @throws AppError `DOCUMENT_INVALID` with all that would go on blocking it, or where it is about the
 *   internet as a whole
 */
export async function documentOfApproval(tx: Db, request: StoredRequest): Promise<object> {
  if (request.target === 'internet') {
    throwFaults(['answer: "always" does not go with internet; valid: approve, deny']);
  }
  const { subscriber, profile: asked } = request;
  const owner = { subscriber, ...(asked === null ? {} : { profile: asked }) };
  const { record, limits } = await findOwner(tx, owner);
  const profiles = record.profiles ?? [];
  const concerned = profiles.filter(({ id }) => asked === null || id === asked);
  const byDefault = record.schedules ?? limits.plan.schedules ?? [];
  const faults = concerned.flatMap((profile) => {
    const { schedules = byDefault, allowListOnly = record.allowListOnly } = profile;
    const name = `profile ${quote(profile.id)}`;
    return obstaclesTo(request, name, { ...profile, schedules, ...onlyIf(allowListOnly) });
  });
  if (asked === null) {
    faults.push(...obstaclesTo(request, 'the household', { ...record, schedules: byDefault }));
  }
  throwFaults(faults);
  const changed = profiles.map((profile) => {
    const isOpened = asked === null ? blocksItself(profile, request) : profile.id === asked;
    return isOpened ? { ...profile, ...opened(profile, request) } : profile;
  });
  const household = asked === null ? opened(record, request) : {};
  return { subscribers: [{ ...record, ...household, profiles: changed }] };
}

/** What would go on blocking it although it is a setting; each with what a parent can do. */
function obstaclesTo({ target, names = [] }: TargetRecord, whose: string, level: Level): string[] {
  const category = categoryOfTarget(target);
  const what = category === null ? names.join(', ') : target;
  const obstacles = (level.schedules ?? [])
    .filter((schedule) => schedule.target === target && isAbout(schedule, names))
    .map(({ days, dates, from, to }) => {
      const when = [...(days ?? []), ...(dates ?? [])].join(', ');
      return `a schedule of ${whose} blocks it ${when === '' ? 'daily' : when} ${from} to ${to}`;
    });
  const budget = level.budgets?.find((one) => one.target === target);
  if (budget !== undefined) {
    obstacles.push(`${whose} has a budget of ${budget.minutesPerDay} minutes a day for it`);
  }
  if (category !== null && level.allowListOnly === true) {
    obstacles.push(`${whose} opens nothing but allowed names`);
  }
  return obstacles.map(
    (obstacle) =>
      `answer: "always" would not open ${what}: ${obstacle}; valid: approve for a time, or change that setting`,
  );
}

/** A schedule of names denies them as the profile's own; a longer name that is allowed beats it. */
function isAbout(
  schedule: { readonly names?: readonly string[] },
  names: readonly string[],
): boolean {
  return schedule.names === undefined || schedule.names.some((name) => names.includes(name));
}

/** Which categories an age blocks stands in files, so every age may. */
function blocksItself(profile: Level, { target, names = [] }: TargetRecord): boolean {
  const category = categoryOfTarget(target);
  if (category === null) return profile.deny?.some((name) => names.includes(name)) === true;
  return profile.age !== undefined || profile.block?.includes(category) === true;
}

function onlyIf(allowListOnly: true | undefined): { allowListOnly?: true } {
  return allowListOnly === true ? { allowListOnly } : {};
}

function opened(level: Level, { target, names = [] }: TargetRecord): Level {
  const category = categoryOfTarget(target);
  if (category !== null) {
    return {
      block: (level.block ?? []).filter((id) => id !== category),
      open: [...(level.open ?? []), category],
    };
  }
  const isAllowed = new Set(level.allow?.map(nameOf));
  return {
    allow: [...(level.allow ?? []), ...names.filter((name) => !isAllowed.has(name))],
    deny: (level.deny ?? []).filter((name) => !names.includes(name)),
  };
}
