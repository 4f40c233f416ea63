/** Reads rules as a resource of their own, across plans and subscribers. */

import { sql } from 'kysely';
import type { Db, RuleAction, RuleOwnerKind } from './schema.ts';

export interface Rule {
  readonly owner: RuleOwnerKind;
  readonly ownerId: string;
  readonly action: RuleAction;
  readonly name: string;
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
  const ownerId = sql<string>`coalesce(plans.id, subscribers.id)`;
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
    .select(['rules.owner_kind as owner', 'rules.action', 'rules.name'])
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
  return query.execute();
}
