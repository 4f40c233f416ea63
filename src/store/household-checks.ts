/**
 * Whether what a household has set lies within its plan. Every fault names the field and what the plan
 * leaves to the household; the plan itself may change under a household that then lies outside it: the
 * plan wins when policies are compiled.
 */

import {
  DEFAULT_LOG_MAX,
  isAboveLog,
  logLevelsUpTo,
  type PlanRecord,
  PROTECTED_CATEGORY,
  SERVICE_PREFIX,
} from './canonical.ts';
import type { ProfileRecord, SubscriberRecord } from './canonical-household.ts';
import type { RuleNames, SafeSearchRecord } from './canonical-settings.ts';
import { type CategoryUse, isKeptOpen, usesOfSettings } from './category-uses.ts';
import { HOUSEHOLD_SETTINGS, type HouseholdSetting, YOUTUBE_LEVELS } from './document.ts';
import { shown } from './planned-changes.ts';
import { quote } from '../lib/quote.ts';

export interface HouseholdLimits {
  readonly plan: PlanRecord;
  /** Ids of categories, and of services with their prefix. */
  readonly known: ReadonlySet<string>;
  /** Of class law: no setting reaches them. */
  readonly law: ReadonlySet<string>;
  /** By id of a service, with its prefix. */
  readonly categoryOf: ReadonlyMap<string, string>;
}

/** The household's own settings or those of one profile. */
type Level = Omit<SubscriberRecord, 'plan' | 'timezone' | 'addresses' | 'profiles'> &
  Pick<ProfileRecord, 'budgets'>;

export function checkHousehold(
  record: SubscriberRecord,
  path: string,
  limits: HouseholdLimits,
): string[] {
  const faults: string[] = [];
  const profiles = record.profiles ?? [];
  checkLevel(record, path, limits, faults);
  for (const [index, profile] of profiles.entries()) {
    checkLevel(profile, `${path}.profiles[${index}]`, limits, faults);
  }
  if (profiles.length > 0) checkLeft('profiles', `${path}.profiles`, limits.plan, faults);
  checkQuotas(record, path, limits.plan, faults);
  return faults;
}

/** Also says what is wrong with a category that a plan names. */
export function categoryFault(use: CategoryUse, known: ReadonlySet<string>): string | null {
  const { field, id } = use;
  if (id === PROTECTED_CATEGORY && field !== 'open') {
    return `${field}: "${id}" cannot be blocked: its names are never blocked by lists`;
  }
  if (known.has(id)) return null;
  const isService = id.startsWith(SERVICE_PREFIX);
  const valid = [...known].filter(
    (other) => other.startsWith(SERVICE_PREFIX) === isService && other !== PROTECTED_CATEGORY,
  );
  const what = isService ? 'service' : 'category';
  const name = isService ? id.slice(SERVICE_PREFIX.length) : id;
  return `${field}: there is no ${what} ${quote(name)}; valid: ${shown(valid)}`;
}

function checkLevel(level: Level, path: string, limits: HouseholdLimits, faults: string[]): void {
  const { plan, known } = limits;
  checkMayChange(level, path, plan, faults);
  for (const use of usesOfSettings(level)) {
    const fault = categoryFault(use, known) ?? planFault(use, limits);
    if (fault !== null) faults.push(`${path}.${fault}`);
  }
  checkSafeSearch(level.safeSearch ?? {}, `${path}.safeSearch`, plan, faults);
  const ceiling = plan.logMax ?? DEFAULT_LOG_MAX;
  if (level.log !== undefined && isAboveLog(level.log, ceiling)) {
    faults.push(
      `${path}.log: ${quote(level.log)} is above what plan ${quote(plan.id)} lets be kept; valid: ${logLevelsUpTo(ceiling)}`,
    );
  }
}

function planFault({ field, id }: CategoryUse, limits: HouseholdLimits): string | null {
  const { plan, law } = limits;
  const byPlan = `plan ${quote(plan.id)}`;
  if (field === 'open' && plan.locked?.includes(id) === true) {
    return `open: ${byPlan} keeps ${quote(id)} blocked for good; valid: what it does not lock`;
  }
  if (field === 'open' && law.has(id)) {
    return `open: ${quote(id)} is blocked by law; valid: categories of other classes`;
  }
  const category = limits.categoryOf.get(id) ?? null;
  if (field === 'open' || !isKeptOpen(plan, id, category)) return null;
  const as = plan.lockedOpen?.includes(id) === true ? '' : ` with the category ${quote(category)}`;
  return `${field}: ${byPlan} keeps ${quote(id)} open for good${as}; valid: what it does not keep open`;
}

function checkMayChange(level: Level, path: string, plan: PlanRecord, faults: string[]): void {
  const fields: Readonly<Record<string, HouseholdSetting>> = {
    block: 'categories',
    open: 'categories',
    allow: 'names',
    deny: 'names',
    allowListOnly: 'names',
    safeSearch: 'safeSearch',
    schedules: 'schedules',
    budgets: 'budgets',
    log: 'log',
  };
  for (const [field, kind] of Object.entries(fields)) {
    if (field in level) checkLeft(kind, `${path}.${field}`, plan, faults);
  }
}

function checkLeft(kind: HouseholdSetting, path: string, plan: PlanRecord, faults: string[]): void {
  const fault = notLeftFault(kind, plan);
  if (fault !== null) faults.push(`${path}: ${fault}`);
}

/** Null where the plan leaves the setting to the household. */
export function notLeftFault(kind: HouseholdSetting, plan: PlanRecord): string | null {
  const left = plan.mayChange ?? HOUSEHOLD_SETTINGS;
  if (left.includes(kind)) return null;
  const valid = left.length === 0 ? 'nothing' : left.join(', ');
  return `plan ${quote(plan.id)} does not leave ${kind} to the household; valid: ${valid}`;
}

function checkSafeSearch(
  own: SafeSearchRecord,
  path: string,
  plan: PlanRecord,
  faults: string[],
): void {
  const least = plan.safeSearch ?? {};
  const below = (field: string, value: unknown, valid: string): void => {
    faults.push(
      `${path}.${field}: ${quote(value)} is below what plan ${quote(plan.id)} asks for; valid: ${valid}`,
    );
  };
  if (own.all === false && least.all === true) below('all', false, 'true');
  if (own.blockUnsafe === false && least.blockUnsafe === true) below('blockUnsafe', false, 'true');
  for (const [engine, isOn] of Object.entries(own.engines ?? {})) {
    const isAsked = least.engines?.[engine] ?? least.all === true;
    if (!isOn && isAsked) below(`engines.${engine}`, false, 'true');
  }
  const leastYoutube = YOUTUBE_LEVELS.indexOf(least.youtube ?? 'off');
  if (own.youtube !== undefined && YOUTUBE_LEVELS.indexOf(own.youtube) < leastYoutube) {
    below('youtube', own.youtube, YOUTUBE_LEVELS.slice(leastYoutube).join(', '));
  }
}

function checkQuotas(
  record: SubscriberRecord,
  path: string,
  { id, quotas = {} }: PlanRecord,
  faults: string[],
): void {
  const profiles = record.profiles ?? [];
  const levels = [record, ...profiles];
  const counts = {
    profiles: profiles.length,
    rules: levels.reduce((sum, level) => sum + ruleCount(level), 0),
    schedules: levels.reduce((sum, level) => sum + (level.schedules?.length ?? 0), 0),
  };
  for (const kind of ['profiles', 'rules', 'schedules'] as const) {
    const most = quotas[kind];
    if (most === undefined || counts[kind] <= most) continue;
    const field = kind === 'profiles' ? `${path}.profiles` : path;
    faults.push(
      `${field}: the household has ${counts[kind]} ${kind}, plan ${quote(id)} has room for ${most}; valid: ${most} ${kind} at most in all`,
    );
  }
}

function ruleCount({ allow, deny }: RuleNames): number {
  return (allow?.length ?? 0) + (deny?.length ?? 0);
}
