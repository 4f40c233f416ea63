/** The query log of a running server: fed by the workers' rings, told by the store whose they are. */

import type { Config } from '../config/config.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import { QueryLog } from '../query-log/query-log.ts';
import type { Store } from '../store/store.ts';
import { BUDGET_ACTOR } from '../store/tokens.ts';
import type { Log } from './log.ts';
import { ProfileDirectory } from './profile-directory.ts';
import type { WorkerPool } from './worker-pool.ts';

export interface QueryLogParts {
  readonly store: Store;
  readonly pool: Pick<WorkerPool, 'eventRings'>;
  /** Puts what is saved in force. */
  readonly publish: () => Promise<unknown>;
  readonly config: Pick<Config, 'dataDir' | 'queryLog'>;
  readonly log: Log;
  readonly clock?: Clock;
}

export function createQueryLog(parts: QueryLogParts): QueryLog {
  const { store, pool, publish, config, log, clock = systemClock } = parts;
  const directory = new ProfileDirectory(store);
  return new QueryLog({
    dataDir: config.dataDir,
    clock,
    log,
    limits: config.queryLog,
    rings: () => pool.eventRings(),
    learn: (profiles) => directory.learn(profiles),
    householdOf: (profile) => {
      const owner = directory.ownerOf(profile);
      if (owner === null) return null;
      const { id: subscriber, profile: id, number, timezone: zone } = owner;
      return { subscriber, profile: id, number, zone };
    },
    numbersOf: async (subscriber, profile) => {
      const numbers = await store.profileNumbers(subscriber);
      if (profile === undefined) return [...numbers.values()];
      const number = numbers.get(profile);
      return number === undefined ? [] : [number];
    },
    categoryIdOf: (bit) => directory.categoryIdOf(bit),
    budgetsOf: (profile) => directory.ownerOf(profile)?.budgets ?? [],
    budgetStore: store.budgetDays,
    onUsedUp: async (profile, target, day) => {
      const before = store.revision;
      const { revision } = await store.households.noteUsedUp(
        { profile, target, day },
        { actor: BUDGET_ACTOR },
      );
      if (revision === before) return;
      // In force soon; who asks for what is used up until then is a minute over.
      publish().catch((error: unknown) => {
        log.error({}, `ending a budget: ${messageOf(error)}`);
      });
    },
  });
}
