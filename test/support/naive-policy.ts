/**
 * What a policy says at a moment, in the plainest form: the input is read anew for every second that
 * is asked about, names are strings, masks are sets, the wall clock is asked of `Intl`, and the table is a
 * list of rows asked one after the other. Oracle for the policy compiler, the chain of records and
 * `policy/decide`; it shares no code with them.
 */

import type {
  CategoryClass,
  LogLevelName,
  NameRules,
  OwnSettings,
  PolicyInput,
  SafeSearchSettings,
  Schedule,
  Settings,
  Target,
} from '../../src/policy/policy-input.ts';

export interface NaiveNames {
  readonly allow: readonly string[];
  readonly always: readonly string[];
  readonly deny: readonly string[];
}

/** The policy of a profile at one second. */
export interface NaivePolicy {
  /** Class of each category by bit; `protected` is the set that lists cannot block. */
  readonly classOf: ReadonlyMap<number, CategoryClass | 'protected'>;
  readonly locked: ReadonlySet<number>;
  readonly blocked: ReadonlySet<number>;
  readonly granted: ReadonlySet<number>;
  readonly counted: ReadonlySet<number>;
  readonly grantedNames: readonly string[];
  readonly profile: NaiveNames;
  readonly subscriber: NaiveNames;
  readonly plan: NaiveNames;
  readonly isBypassControlled: boolean;
  readonly isOff: boolean;
  readonly isAllowListOnly: boolean;
  readonly isInternetCounted: boolean;
  readonly safeSearch: SafeSearchSettings;
  /** Names by whole name: to where; `block` covers what is below. */
  readonly safeNames: ReadonlyMap<string, string>;
  readonly unsafeNames: readonly string[];
  readonly log: LogLevelName;
  readonly maxTtlSeconds: number;
}

export interface NaiveVerdict {
  readonly row: number;
  readonly isBlocked: boolean;
  readonly class: CategoryClass | 'none';
  /** How far the pass reaches to targets. */
  readonly reach: 'none' | 'household' | 'plan' | 'protected';
  /** Where safe search leads, or null. */
  readonly safe: string | null;
}

/** `special`: the name is answered here; `canary`: only where bypass control is on. */
export type NaiveSpecial = 'none' | 'special' | 'canary';

const LOG_LEVELS: readonly LogLevelName[] = ['nothing', 'counts', 'blocked', 'all'];
const NO_NAMES: NameRules = { allow: [], always: [], deny: [] };

/** The policy of a profile at a second, worked out from nothing but the input. */
export function policyAt(input: PolicyInput, profile: number, second: number): NaivePolicy {
  const { profiles, categories } = input;
  const plan = input.plans[profiles.planOf[profile]!]!;
  const own: OwnSettings = profiles.ownOf.get(profile) ?? { subscriber: null, profile: null };
  const zone = profiles.zones[profiles.zoneOf[profile]!]!;
  const levels = [own.subscriber, own.profile].filter((level) => level !== null);
  const schedules = own.profile?.schedules ?? own.subscriber?.schedules ?? plan.schedules;
  const running = schedules.filter((schedule) => isRunningNaively(schedule, zone, second));
  const budgets = levels.flatMap((level) => level.budgets);
  const usedUp = budgets.filter((budget) => (budget.usedUpUntilSecond ?? 0) > second);
  const counting = budgets.filter((budget) => (budget.usedUpUntilSecond ?? 0) <= second);
  const closed: Target[] = [...running, ...usedUp].map(({ target }) => target);
  const granted = levels
    .flatMap((level) => level.grants)
    .filter((grant) => second < grant.untilSecond)
    .map(({ target }) => target);
  const isPaused = levels
    .flatMap((level) => level.pauses)
    .some((pause) => pause.fromSecond <= second && second < pause.untilSecond);

  const blocked = new Set(plan.block);
  for (const level of levels) {
    for (const bit of level.block) blocked.add(bit);
    for (const bit of level.open) blocked.delete(bit);
  }
  for (const bit of bitsOf(closed)) blocked.add(bit);
  for (const bit of plan.lockedOpen) blocked.delete(bit);
  for (const bit of plan.locked) blocked.add(bit);
  const grantedBits = new Set(bitsOf(granted).filter((bit) => !plan.locked.includes(bit)));
  const bypassBit = categories.find(({ id }) => id === 'bypass')?.bit ?? -1;
  const wanted = own.profile?.log ?? own.subscriber?.log ?? plan.log;
  const isClosed = isPaused || closed.some(isInternet);
  return {
    classOf: new Map(
      categories.map((one) => [one.bit, one.id === 'protected' ? 'protected' : one.class]),
    ),
    locked: new Set(plan.locked),
    blocked,
    granted: grantedBits,
    counted: new Set(
      bitsOf(counting.map(({ target }) => target)).filter((bit) => !plan.lockedOpen.includes(bit)),
    ),
    grantedNames: namesOf(granted),
    profile: textsOf(own.profile ?? NO_NAMES, namesOf(closed)),
    subscriber: textsOf(own.subscriber ?? NO_NAMES, []),
    plan: textsOf(plan, []),
    isBypassControlled: blocked.has(bypassBit) && !grantedBits.has(bypassBit),
    isOff: isClosed && !granted.some(isInternet),
    isAllowListOnly: levels.some((level) => level.isAllowListOnly),
    isInternetCounted: counting.some(({ target }) => isInternet(target)),
    safeSearch: safeSearchOf([
      plan.safeSearch,
      ...levels.map((level) => level.safeSearch),
      ...running.flatMap(({ target }) => (target.kind === 'safeSearch' ? [target.level] : [])),
    ]),
    safeNames: safeNamesOf(input),
    unsafeNames: input.safeSearch.unsafe.map(textOf),
    log: LOG_LEVELS[Math.min(LOG_LEVELS.indexOf(wanted), LOG_LEVELS.indexOf(plan.logMax))]!,
    maxTtlSeconds: Math.min(plan.maxTtlSeconds ?? Infinity, counting.length > 0 ? 60 : Infinity),
  };
}

export function decideNaively(
  policy: NaivePolicy,
  name: string,
  categories: ReadonlySet<number>,
  special: NaiveSpecial,
): NaiveVerdict {
  const planSays = verdictOf(policy.plan, name);
  const isPlans = planSays === 'allow' || planSays === 'always';
  const reach = isPlans ? 'plan' : 'household';
  const says = speakerOf(policy, name);
  const isGranted =
    [...categories].some((bit) => policy.granted.has(bit)) ||
    suffixesOf(name).some((suffix) => policy.grantedNames.includes(suffix));
  const rows: (() => NaiveVerdict | null)[] = [
    () => (hasClass(policy, categories, 'law') ? block(1, 'law') : null),
    () => (hasClass(policy, categories, 'protected') ? pass(2, 'protected') : null),
    () => (special === 'canary' && policy.isBypassControlled ? block(3, 'policy') : null),
    () => (special === 'special' ? pass(3, 'none') : null),
    () => (isPlans ? null : byCategory(policy, 4, policy.locked, categories)),
    () => (isGranted ? pass(5, reach) : null),
    () => (says === 'always' ? pass(6, reach) : null),
    () => (policy.isOff ? block(7, 'policy') : null),
    () => (says === 'deny' ? block(8, 'policy') : null),
    () => (says === 'allow' ? pass(8, reach) : null),
    () => byCategory(policy, 9, policy.blocked, categories),
    () => (policy.isAllowListOnly ? block(10, 'policy') : null),
    () => pass(12, 'none'),
  ];
  const verdict = firstOf(rows);
  if (verdict.isBlocked || verdict.row === 2 || verdict.row === 3) return verdict;
  const safe = safeTargetOf(policy, name);
  if (safe === null) return verdict;
  return safe === 'block' ? block(11, 'policy') : { ...verdict, row: 11, safe };
}

export function decideTargetNaively(
  policy: NaivePolicy,
  name: string,
  categories: ReadonlySet<number>,
  asked: NaiveVerdict,
): NaiveVerdict {
  const isLawOnly = asked.reach === 'plan' || asked.reach === 'protected';
  const isAllowed = asked.reach !== 'none';
  const planSays = verdictOf(policy.plan, name);
  const isPlans = planSays === 'allow' || planSays === 'always';
  const says = speakerOf(policy, name);
  return firstOf([
    () => (hasClass(policy, categories, 'law') ? block(1, 'law') : null),
    () => (isLawOnly || hasClass(policy, categories, 'protected') ? pass(12, 'none') : null),
    () => (isPlans ? null : byCategory(policy, 4, policy.locked, categories)),
    () => (isAllowed ? pass(12, 'none') : null),
    () => (says === 'deny' ? block(8, 'policy') : null),
    () => (says === 'none' ? null : pass(8, 'none')),
    () => byCategory(policy, 9, policy.blocked, categories),
    () => pass(12, 'none'),
  ]);
}

/** By the wall clock: the window began today, or it began yesterday and passes midnight. */
export function isRunningNaively(schedule: Schedule, zone: string, second: number): boolean {
  const { day, minute } = wallClock(zone, second);
  const { fromMinute, toMinute } = schedule;
  const begins = (on: number): boolean =>
    // Day 0 was a Thursday, which is bit 3.
    ((schedule.days >> ((on + 3) % 7)) & 1) === 1 &&
    (schedule.dates?.some(({ firstDay, lastDay }) => firstDay <= on && on <= lastDay) ?? true);
  if (fromMinute < toMinute) return begins(day) && fromMinute <= minute && minute < toMinute;
  return (begins(day) && minute >= fromMinute) || (begins(day - 1) && minute < toMinute);
}

interface WallClock {
  readonly day: number;
  readonly minute: number;
}

const formats = new Map<string, Intl.DateTimeFormat>();
/** `Intl` needs microseconds, and the same minutes are asked about again and again. */
const shown = new Map<string, WallClock>();

function wallClock(zone: string, second: number): WallClock {
  const key = `${zone} ${Math.floor(second / 60)}`;
  const known = shown.get(key);
  if (known !== undefined) return known;
  const format = formats.get(zone) ?? createFormat(zone);
  formats.set(zone, format);
  // 1/12/26, 21:00
  const [month, date, year, hours, minutes] = format
    .format(second * 1000)
    .match(/\d+/g)!
    .map(Number);
  const day = Date.UTC(2000 + year!, month! - 1, date) / 86_400_000;
  const clock = { day, minute: hours! * 60 + minutes! };
  shown.set(key, clock);
  return clock;
}

function createFormat(timeZone: string): Intl.DateTimeFormat {
  return new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    dateStyle: 'short',
    timeStyle: 'short',
  });
}

function isInternet(target: Target): boolean {
  return target.kind === 'internet';
}

function bitsOf(targets: readonly Target[]): number[] {
  return targets.flatMap((target) => (target.kind === 'category' ? [target.bit] : []));
}

function namesOf(targets: readonly Target[]): string[] {
  return targets.flatMap((target) => (target.kind === 'names' ? target.names.map(textOf) : []));
}

function textsOf(rules: NameRules | Settings, denied: readonly string[]): NaiveNames {
  return {
    allow: rules.allow.map(textOf),
    always: rules.always.map(textOf),
    deny: [...rules.deny.map(textOf), ...denied],
  };
}

function textOf(name: Uint8Array): string {
  const labels: string[] = [];
  for (let at = 0; name[at] !== 0; at += name[at]! + 1) {
    labels.push(String.fromCharCode(...name.subarray(at + 1, at + 1 + name[at]!)));
  }
  return labels.join('.');
}

function safeSearchOf(all: readonly SafeSearchSettings[]): SafeSearchSettings {
  return {
    engines: all.reduce((engines, one) => engines | one.engines, 0),
    youtube: Math.max(...all.map((one) => one.youtube)),
    isBlockingUnsafe: all.some((one) => one.isBlockingUnsafe),
  };
}

/** Of each engine `engine: NUMBER`, of YouTube `youtube`. */
function safeNamesOf({ safeSearch }: PolicyInput): Map<string, string> {
  const of = new Map<string, string>();
  for (const [index, engine] of safeSearch.engines.entries()) {
    for (const name of engine.names) of.set(textOf(name), `engine: ${index}`);
  }
  for (const name of safeSearch.youtube.names) of.set(textOf(name), 'youtube');
  return of;
}

function safeTargetOf(policy: NaivePolicy, name: string): string | null {
  const { engines, youtube, isBlockingUnsafe } = policy.safeSearch;
  const listed = policy.safeNames.get(name);
  if (listed === 'youtube') return youtube === 0 ? null : `youtube: ${youtube}`;
  if (listed !== undefined) return (engines >> Number(listed.slice(8))) & 1 ? listed : null;
  const isUnsafe = suffixesOf(name).some((suffix) => policy.unsafeNames.includes(suffix));
  return isUnsafe && isBlockingUnsafe ? 'block' : null;
}

type Says = 'allow' | 'always' | 'deny' | 'none';

/** The first of profile, subscriber and plan that says anything. */
function speakerOf(policy: NaivePolicy, name: string): Says {
  const all = [policy.profile, policy.subscriber, policy.plan].map((one) => verdictOf(one, name));
  return all.find((says) => says !== 'none') ?? 'none';
}

function byCategory(
  policy: NaivePolicy,
  row: number,
  blocked: ReadonlySet<number>,
  categories: ReadonlySet<number>,
): NaiveVerdict | null {
  const hits = [...categories].filter((bit) => blocked.has(bit));
  if (hits.length === 0) return null;
  const isSecurity = hits.some((bit) => policy.classOf.get(bit) === 'operator');
  return block(row, isSecurity ? 'operator' : 'policy');
}

/** What a list of names says: the longest suffix; on the same name deny, then always, then allow. */
function verdictOf(names: NaiveNames, name: string): Says {
  for (const suffix of suffixesOf(name)) {
    if (names.deny.includes(suffix)) return 'deny';
    if (names.always.includes(suffix)) return 'always';
    if (names.allow.includes(suffix)) return 'allow';
  }
  return 'none';
}

/** The name itself first. */
function suffixesOf(name: string): string[] {
  const labels = name.split('.');
  return labels.map((_, index) => labels.slice(index).join('.'));
}

function hasClass(policy: NaivePolicy, categories: ReadonlySet<number>, wanted: string): boolean {
  return [...categories].some((bit) => policy.classOf.get(bit) === wanted);
}

function firstOf(rows: readonly (() => NaiveVerdict | null)[]): NaiveVerdict {
  for (const row of rows) {
    const verdict = row();
    if (verdict !== null) return verdict;
  }
  throw new Error('the last row always speaks');
}

function pass(row: number, reach: NaiveVerdict['reach']): NaiveVerdict {
  return { row, isBlocked: false, class: 'none', reach, safe: null };
}

function block(row: number, verdictClass: CategoryClass): NaiveVerdict {
  return { row, isBlocked: true, class: verdictClass, reach: 'none', safe: null };
}
