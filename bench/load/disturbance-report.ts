/** What `disturbance` has found out: the shape of `dist-bench/results/disturbance.json`, and its table. */

import type { Cores } from './controlled-server.ts';

export const DISTURBANCES = ['list', 'plan', 'subscribers', 'kill'] as const;
export type Disturbance = (typeof DISTURBANCES)[number];

const WORDS: Readonly<Record<Disturbance, string>> = {
  list: 'new content of the list',
  plan: 'plan of all subscribers edited',
  subscribers: 'all subscribers moved to another plan',
  kill: 'one of two workers killed',
};
const CORES_WORDS: Readonly<Record<Cores, string>> = {
  one: 'one',
  both: 'both',
};

/** Before, during or after a disturbance; medians of the rounds, but for `…Max`. */
export interface Phase {
  readonly seconds: number;
  readonly p50us: number;
  readonly p99us: number;
  readonly usMax: number;
  /** How late the load itself was: what is below this may be its fault. */
  readonly lateUsMax: number;
  /** How late the timers of a worker were. */
  readonly workerLagMsMax: number;
  /** Of the time in which a worker had something to do, the share in which another thread had its core. */
  readonly workerWaitShare: number;
  readonly mebibytesMax: number;
}

export interface DisturbanceRow {
  readonly disturbance: Disturbance;
  readonly cores: Cores;
  readonly workers: number;
  /** Half of the peak, queries a second. */
  readonly rate: number;
  /** Over all rounds and phases. `dropped` were answered, but the load had no room for the answers. */
  readonly sent: number;
  readonly lost: number;
  readonly dropped: number;
  /** What the load came too late to send: many of them, and the load is what was measured. */
  readonly skipped: number;
  readonly before: Phase;
  /** From the first octet of the change to the answer that it is in force on all workers. */
  readonly during: Phase;
  /** The last fifth of a second of that: images opened and swapped, old ones given back. */
  readonly swap: Phase;
  readonly after: Phase;
  /**
   * Before the first round and after the last. What each round leaves behind is in both maxima of
   * `before` and `after` and shows only here. Results of an earlier bench have none.
   */
  readonly mebibytesOverRounds?: { readonly first: number; readonly last: number };
}

export interface DisturbanceResult {
  readonly at: string;
  readonly nameCount: number;
  /** Each subscriber has one of the source addresses. */
  readonly subscribers: number;
  readonly rounds: number;
  /** Threads that wanted to run when the bench began: above one, the figures are the neighbours'. */
  readonly loadAverage: number;
  readonly rows: readonly DisturbanceRow[];
}

/** The result as Markdown. */
export function disturbanceTable({
  rows,
  nameCount,
  subscribers,
  ...result
}: DisturbanceResult): string {
  const count = (value: number): string => value.toLocaleString('en');
  const three = (row: DisturbanceRow, of: (phase: Phase) => number): string =>
    [row.before, row.during, row.after].map((phase) => of(phase).toFixed(0)).join(' / ');
  return [
    `${count(nameCount)} names, ${count(subscribers)} subscribers; before / during / after, at half of the peak. Medians of ${result.rounds} rounds, but for sums of queries and what is worst. Load average ${result.loadAverage.toFixed(1)} at the start.`,
    '',
    '| what | cores | queries/s | s | lost of sent | not sent | p99 µs | p99 µs of the swap | during ÷ before | worst µs | worker timers late ms | worker waited % | RSS MiB |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    ...rows.map((row) =>
      [
        `| ${WORDS[row.disturbance]}`,
        CORES_WORDS[row.cores],
        row.rate.toFixed(0),
        row.during.seconds.toFixed(2),
        `${count(row.lost)} of ${count(row.sent)}`,
        count(row.skipped),
        three(row, ({ p99us }) => p99us),
        row.swap.p99us,
        (row.during.p99us / row.before.p99us).toFixed(1),
        three(row, ({ usMax }) => usMax),
        three(row, ({ workerLagMsMax }) => workerLagMsMax),
        three(row, ({ workerWaitShare }) => workerWaitShare * 100),
        `${three(row, ({ mebibytesMax }) => mebibytesMax)} |`,
      ].join(' | '),
    ),
  ].join('\n');
}
