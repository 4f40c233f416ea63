/** The figures to reach while something goes on: a new list, or more queries than can be answered. */

import type { Cores } from './controlled-server.ts';
import type { DisturbanceResult } from './disturbance-report.ts';
import { atLeast, atMost, type Figure } from './figure.ts';
import type { OverloadResult } from './overload-report.ts';

const SWAP_RATIO_MAX = 2;
/** Back to its level, but for what a heap keeps in reserve. */
const MEMORY_RATIO_MAX = 1.1;
const GOODPUT_SHARE_MIN = 0.9;
const LAG_MS_MAX = 50;
const OVERLOAD_FACTOR = 2;

const WHERE: Readonly<Record<Cores, string>> = {
  one: 'all threads on one core',
  both: 'two cores',
};

export function disturbanceFigures(result: DisturbanceResult | null): Figure[] {
  const rows = result?.rows.filter(({ disturbance }) => disturbance === 'list') ?? [];
  return rows.flatMap(({ cores, lost, before, swap, after }) => {
    const what = `list update at half of the peak, ${WHERE[cores]}`;
    return [
      atMost(`${what}: queries lost`, lost, 0, 0),
      atMost(
        `${what}: p99 in the swap by p99 before`,
        swap.p99us / before.p99us,
        SWAP_RATIO_MAX,
        2,
      ),
      atMost(
        `${what}: memory after by memory before`,
        after.mebibytesMax / before.mebibytesMax,
        MEMORY_RATIO_MAX,
        2,
      ),
    ];
  });
}

export function overloadFigures(result: OverloadResult | null): Figure[] {
  return (result?.settings ?? []).flatMap(({ cores, peak, rows }) => {
    const row = rows.find(({ factor }) => factor === OVERLOAD_FACTOR);
    if (row === undefined) return [];
    const offered = (row.offered / peak).toFixed(1);
    const what = `${offered} × the peak offered, ${WHERE[cores]}`;
    const best = Math.max(peak, ...rows.map(({ served }) => served));
    return [
      atLeast(`${what}: answers by those at the peak`, row.served / best, GOODPUT_SHARE_MIN, 2),
      atMost(`${what}: ms that timers are late`, row.workerLagMsMax, LAG_MS_MAX, 0),
      atMost(`${what}: ms of a control message`, row.pong.maxMs, LAG_MS_MAX, 0),
    ];
  });
}
