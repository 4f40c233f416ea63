/**
 * A list update under load: the list that a running server has, longer by a name, and how long it
 * takes until that name is blocked, with half of the server's own peak going on.
 */

import { setTimeout } from 'node:timers/promises';
import { awaitAnswer } from './query.ts';
import type { ListUpdate } from './results.ts';
import type { BenchServer } from './servers.ts';
import { percentileUs, startSources } from './sources.ts';

const INTERVAL_MS = 50;
/** Before the update, so that the load runs evenly, and after it. */
const CALM_MS = 1000;
/** The slowest need half a minute without load. */
const UPDATE_SECONDS_MAX = 180;
const RCODE_NXDOMAIN = 3;

export interface ListUpdatePlan {
  readonly round: number;
  /** The list, the new name included, which was answered with NOERROR up to now. */
  readonly names: readonly string[];
  readonly newName: string;
  readonly queriesPath: string;
  readonly queriesPerSecond: number;
}

/** @throws where the name is not blocked in time */
export async function runListUpdateOnce(
  server: BenchServer,
  update: (names: readonly string[]) => () => Promise<void>,
  plan: ListUpdatePlan,
): Promise<ListUpdate> {
  const { round, names, newName, queriesPath, queriesPerSecond } = plan;
  const tell = update(names);
  const load = await startSources(server.port, queriesPath, {
    ...{ mode: { rate: queriesPerSecond }, sources: 1 },
    ...{ seconds: UPDATE_SECONDS_MAX + (2 * CALM_MS) / 1000, intervalMs: INTERVAL_MS },
  });
  try {
    await setTimeout(CALM_MS);
    const fromMs = Date.now();
    const deadlineMs = fromMs + UPDATE_SECONDS_MAX * 1000;
    const nameOf = (attempt: number): string => `probe${attempt}.${newName}`;
    let isOver = false;
    // Some say that they are done before the list is in force, some afterwards.
    await Promise.all([
      tell().catch((error: unknown) => {
        isOver = true;
        throw error;
      }),
      awaitAnswer(server.port, nameOf, RCODE_NXDOMAIN, () => isOver || Date.now() > deadlineMs),
    ]);
    const toMs = Date.now();
    await setTimeout(CALM_MS);
    load.stop();
    const { intervals } = await load.done;
    const during = intervals.filter(
      ({ startMs }) => startMs + INTERVAL_MS > fromMs && startMs < toMs,
    );
    const sum = (figure: 'sent' | 'lost'): number =>
      during.reduce((total, interval) => total + interval[figure], 0);
    return {
      ...{ server: server.name, round, seconds: (toMs - fromMs) / 1000 },
      ...{ p99Us: percentileUs(during, 0.99), sent: sum('sent'), lost: sum('lost') },
    };
  } finally {
    load.stop();
  }
}
