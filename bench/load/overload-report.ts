/** What `overload` has found out: the shape of `dist-bench/results/overload.json`, and its table. */

import type { Cores } from './controlled-server.ts';

const CORES_WORDS: Readonly<Record<Cores, string>> = {
  one: 'all threads of the server on one core',
  both: "main and compile thread free to use the load's core",
};

/** Milliseconds of what was asked again and again; `failed` = no answer, or no success. */
export interface Delays {
  readonly count: number;
  readonly failed: number;
  readonly medianMs: number;
  readonly maxMs: number;
}

/** Median of the rounds, but for `…Max` and `maxMs`. */
export interface OverloadRow {
  /** Of the peak; what the load wanted to send. */
  readonly factor: number;
  /**
   * Queries a second that it did send, that the server answered, and whose answers it took: sending
   * and taking share one core, so that above the peak the load itself drops answers.
   */
  readonly offered: number;
  readonly served: number;
  readonly goodput: number;
  /** CPU time of the worker divided by its answers. */
  readonly workerMicroseconds: number;
  readonly p50us: number;
  readonly p99us: number;
  readonly mebibytesMax: number;
  /** `GET /healthz`, `GET /api/v1/status`, and from `PUT` of a plan until it is in force. */
  readonly health: Delays;
  readonly status: Delays;
  readonly write: Delays;
  /** From a control message to the worker until its answer; how late the worker's timers were. */
  readonly pong: Delays;
  readonly workerLagMsMax: number;
}

/** At half of the peak. */
export interface CalmRow {
  readonly p50us: number;
  readonly p99us: number;
  readonly lost: number;
  readonly mebibytes: number;
}

export interface OverloadSetting {
  readonly cores: Cores;
  /** Answers a second in the closed loop. */
  readonly peak: number;
  /** CPU time of the whole server process an answer, there. */
  readonly cpuMicroseconds: number;
  readonly before: CalmRow;
  readonly rows: readonly OverloadRow[];
  readonly after: CalmRow;
}

export interface OverloadResult {
  readonly at: string;
  readonly nameCount: number;
  readonly sources: number;
  readonly workers: number;
  readonly rounds: number;
  /** Threads that wanted to run when the bench began: above one, the figures are the neighbours'. */
  readonly loadAverage: number;
  readonly settings: readonly OverloadSetting[];
}

/** The result as Markdown. */
export function overloadTable(result: OverloadResult): string {
  const { settings, nameCount, rounds, loadAverage } = result;
  const head = `${nameCount.toLocaleString('en')} names. Medians of ${rounds} rounds. Load average ${loadAverage.toFixed(1)} at the start.`;
  return [head, ...settings.map(settingTable)].join('\n\n');
}

function settingTable({
  cores,
  peak,
  cpuMicroseconds,
  before,
  rows,
  after,
}: OverloadSetting): string {
  const calm = (when: string, row: CalmRow): string =>
    `| ${when}, 0.5 × | ${(peak / 2).toFixed(0)} | ${(peak / 2).toFixed(0)} | | | | ${row.p50us} | ${row.p99us} | ` +
    `${row.mebibytes.toFixed(0)} | | | | | |`;
  const pair = ({ medianMs, maxMs, failed }: Delays): string =>
    `${medianMs.toFixed(0)} / ${maxMs.toFixed(0)}${failed > 0 ? ` (${failed} failed)` : ''}`;
  const best = Math.max(peak, ...rows.map(({ served }) => served));
  return [
    `Peak ${peak.toFixed(0)} queries a second at ${cpuMicroseconds.toFixed(1)} µs of CPU each, all threads; ${CORES_WORDS[cores]}. Milliseconds: median / worst.`,
    '',
    '| offered | sent/s | answered/s | of the best | taken/s | worker µs an answer | p50 µs | p99 µs | RSS MiB | healthz ms | status ms | write in force ms | control message ms | worker timers late ms |',
    '| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |',
    calm('before', before),
    ...rows.map((row) =>
      [
        `| ${row.factor} ×`,
        row.offered.toFixed(0),
        row.served.toFixed(0),
        (row.served / best).toFixed(2),
        row.goodput.toFixed(0),
        row.workerMicroseconds.toFixed(1),
        row.p50us,
        row.p99us,
        row.mebibytesMax.toFixed(0),
        pair(row.health),
        pair(row.status),
        pair(row.write),
        pair(row.pong),
        `${row.workerLagMsMax.toFixed(0)} |`,
      ].join(' | '),
    ),
    calm('after', after),
  ].join('\n');
}
