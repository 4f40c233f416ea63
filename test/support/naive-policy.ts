/**
 * The order of the decision in the plainest form: names are strings, masks are sets, the table is a
 * list of rows asked one after the other. Oracle for `policy/decide`; shares no code with it.
 */

import type { CategoryClass } from '../../src/policy/compile.ts';

export interface NaiveNames {
  readonly allow: readonly string[];
  readonly deny: readonly string[];
}

export interface NaivePolicy {
  /** Class of each category by bit; `protected` is the set that lists cannot block. */
  readonly classOf: ReadonlyMap<number, CategoryClass | 'protected'>;
  readonly bypassBit: number;
  readonly block: ReadonlySet<number>;
  readonly locked: ReadonlySet<number>;
  readonly profile: NaiveNames;
  readonly subscriber: NaiveNames;
  readonly plan: NaiveNames;
}

export interface NaiveVerdict {
  readonly row: number;
  readonly isBlocked: boolean;
  readonly class: CategoryClass | 'none';
  /** How far the pass reaches to targets. */
  readonly reach: 'none' | 'household' | 'plan' | 'protected';
}

/** `special`: the name is answered here; `canary`: only where bypass control is on. */
export type NaiveSpecial = 'none' | 'special' | 'canary';

export function decideNaively(
  policy: NaivePolicy,
  name: string,
  categories: ReadonlySet<number>,
  special: NaiveSpecial,
): NaiveVerdict {
  const planSays = verdictOf(policy.plan, name);
  const blocked = new Set([...policy.block, ...policy.locked]);
  const rows: (() => NaiveVerdict | null)[] = [
    () => (hasClass(policy, categories, 'law') ? block(1, 'law') : null),
    () => (hasClass(policy, categories, 'protected') ? pass(2, 'protected') : null),
    () => (special === 'canary' && blocked.has(policy.bypassBit) ? block(3, 'policy') : null),
    () => (special === 'special' ? pass(3, 'none') : null),
    () => (planSays === 'allow' ? null : byCategory(policy, 4, policy.locked, categories)),
    () => byNames(policy, name),
    () => byCategory(policy, 9, blocked, categories),
  ];
  return firstOf(rows);
}

export function decideTargetNaively(
  policy: NaivePolicy,
  name: string,
  categories: ReadonlySet<number>,
  asked: NaiveVerdict,
): NaiveVerdict {
  const isLawOnly = asked.reach === 'plan' || asked.reach === 'protected';
  const isAllowed = asked.reach !== 'none';
  const isProtected = hasClass(policy, categories, 'protected');
  const planSays = verdictOf(policy.plan, name);
  const blocked = new Set([...policy.block, ...policy.locked]);
  const rows: (() => NaiveVerdict | null)[] = [
    () => (hasClass(policy, categories, 'law') ? block(1, 'law') : null),
    () => (isLawOnly || isProtected ? pass(12, 'none') : null),
    () => (planSays === 'allow' ? null : byCategory(policy, 4, policy.locked, categories)),
    () => (isAllowed ? pass(12, 'none') : null),
    () => byNames(policy, name),
    () => byCategory(policy, 9, blocked, categories),
  ];
  return firstOf(rows);
}

function byNames(policy: NaivePolicy, name: string): NaiveVerdict | null {
  for (const names of [policy.profile, policy.subscriber, policy.plan]) {
    const says = verdictOf(names, name);
    if (says === 'deny') return block(8, 'policy');
    if (says === 'allow') {
      return pass(8, verdictOf(policy.plan, name) === 'allow' ? 'plan' : 'household');
    }
  }
  return null;
}

function byCategory(
  policy: NaivePolicy,
  row: number,
  blocked: ReadonlySet<number>,
  categories: ReadonlySet<number>,
): NaiveVerdict | null {
  const hits = [...categories].filter((bit) => blocked.has(bit));
  if (hits.length === 0) return null;
  return block(
    row,
    hits.some((bit) => policy.classOf.get(bit) === 'operator') ? 'operator' : 'policy',
  );
}

/** What a list of names says: the longest suffix, deny before allow. */
function verdictOf(names: NaiveNames, name: string): 'allow' | 'deny' | 'none' {
  for (let suffix = name; suffix !== ''; suffix = suffix.split('.').slice(1).join('.')) {
    if (names.deny.includes(suffix)) return 'deny';
    if (names.allow.includes(suffix)) return 'allow';
  }
  return 'none';
}

function hasClass(policy: NaivePolicy, categories: ReadonlySet<number>, wanted: string): boolean {
  return [...categories].some((bit) => policy.classOf.get(bit) === wanted);
}

function firstOf(rows: readonly (() => NaiveVerdict | null)[]): NaiveVerdict {
  for (const row of rows) {
    const verdict = row();
    if (verdict !== null) return verdict;
  }
  return pass(12, 'none');
}

function pass(row: number, reach: NaiveVerdict['reach']): NaiveVerdict {
  return { row, isBlocked: false, class: 'none', reach };
}

function block(row: number, verdictClass: CategoryClass): NaiveVerdict {
  return { row, isBlocked: true, class: verdictClass, reach: 'none' };
}
