/** Rules as a resource of their own, across plans, subscribers and profiles. */

import { sql } from 'kysely';
import { AppError } from '../lib/errors.ts';
import { isAlways, nameOf, type AllowedName, type RuleNames } from './canonical-settings.ts';
import { readPlans, readSubscribers } from './records.ts';
import { canonicalName } from './rule-name.ts';
import type { Db, RuleAction, RuleOwnerKind } from './schema.ts';

export interface Rule {
  readonly owner: RuleOwnerKind;
  /** Of a profile `SUBSCRIBER/PROFILE`; no id holds a slash. */
  readonly ownerId: string;
  readonly action: RuleAction;
  readonly name: string;
  /** Only where it is so: it holds while the internet is off. */
  readonly isAlways?: true;
}

export interface RuleChange extends Omit<Rule, 'isAlways'> {
  readonly isAlways?: boolean;
  readonly isAdding: boolean;
}

export interface RulePageOptions {
  readonly owner: RuleOwnerKind | null;
  readonly ownerId: string | null;
  readonly name: string | null;
  /** How many rules to pass over. */
  readonly offset: number;
  readonly limit: number;
}

export async function readRulePage(db: Db, options: RulePageOptions): Promise<Rule[]> {
  const ownerId = sql<string>`coalesce(plans.id, subscribers.id, homes.id || '/' || profiles.id)`;
  let query = db
    .selectFrom('rules')
    .leftJoin('plans', (join) =>
      join.onRef('plans.number', '=', 'rules.owner').on('rules.owner_kind', '=', 'plan'),
    )
    .leftJoin('subscribers', (join) =>
      join
        .onRef('subscribers.number', '=', 'rules.owner')
        .on('rules.owner_kind', '=', 'subscriber'),
    )
    .leftJoin('profiles', (join) =>
      join.onRef('profiles.number', '=', 'rules.owner').on('rules.owner_kind', '=', 'profile'),
    )
    .leftJoin('subscribers as homes', 'homes.number', 'profiles.subscriber')
    .select(['rules.owner_kind as owner', 'rules.action', 'rules.name', 'rules.is_always'])
    .select(ownerId.as('ownerId'))
    .orderBy('rules.owner_kind')
    .orderBy('rules.owner')
    .orderBy('rules.action')
    .orderBy('rules.name')
    .offset(options.offset)
    .limit(options.limit);
  if (options.owner !== null) query = query.where('rules.owner_kind', '=', options.owner);
  if (options.ownerId !== null) query = query.where(ownerId, '=', options.ownerId);
  if (options.name !== null) query = query.where('rules.name', '=', options.name);
  return (await query.execute()).map(({ is_always: always, ...rule }) =>
    always === 1 ? { ...rule, isAlways: true } : rule,
  );
}

/**
 * The document that names only the owner of a rule, as it is with the change.
 * @throws AppError `RESOURCE_UNKNOWN`
 */
export async function documentWithRule(db: Db, change: RuleChange): Promise<object> {
  const { owner, ownerId } = change;
  if (owner === 'plan') {
    const plan = (await readPlans(db)).get(ownerId)?.record;
    if (plan === undefined) throw unknownOwner(change);
    return { plans: [{ ...plan, ...changedNames(plan, change) }] };
  }
  const [subscriberId = '', profileId] = ownerId.split('/');
  const subscriber = (await readSubscribers(db, [subscriberId])).get(subscriberId)?.record;
  if (subscriber === undefined) throw unknownOwner(change);
  if (owner === 'subscriber') {
    return { subscribers: [{ ...subscriber, ...changedNames(subscriber, change) }] };
  }
  const profile = subscriber.profiles?.find(({ id }) => id === profileId);
  if (profile === undefined) throw unknownOwner(change);
  const changed = { ...profile, ...changedNames(profile, change) };
  const profiles = subscriber.profiles?.map((one) => (one === profile ? changed : one));
  return { subscribers: [{ ...subscriber, profiles }] };
}

function changedNames(rules: RuleNames, change: RuleChange): RuleNames {
  const given = canonicalName(change.name) ?? change.name;
  if (change.action === 'deny') {
    const deny = (rules.deny ?? []).filter((name) => name !== given);
    return { deny: change.isAdding ? [...deny, given] : deny };
  }
  const before = (rules.allow ?? []).find((allowed) => nameOf(allowed) === given);
  const allow = (rules.allow ?? []).filter((allowed) => allowed !== before);
  if (!change.isAdding) return { allow };
  const always = change.isAlways ?? (before !== undefined && isAlways(before));
  const added: AllowedName = always ? { name: given, always } : given;
  return { allow: [...allow, added] };
}

function unknownOwner({ owner, ownerId }: RuleChange): AppError {
  return new AppError('RESOURCE_UNKNOWN', `There is no ${owner} "${ownerId}"`);
}
