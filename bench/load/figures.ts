/**
 * The figures to reach, each with what was measured: reached or not. Some are of a server left alone,
 * some of one while something goes on: a new list, or more queries than can be answered.
 */

import type { Cores } from './controlled-server.ts';
import type { DisturbanceResult } from './disturbance-report.ts';
import { number, table } from './markdown.ts';
import type { OverloadResult } from './overload-report.ts';
import { OURS, PEER_NAMES } from './lineup.ts';
import { median } from '../measure.ts';
import type { GrowthCurve, GrowthPoint, Results } from './results.ts';
import { bestOf, ratioOf, runsOf } from './statistics.ts';
import { MIXES } from './workload.ts';
import { ECHO } from './yardsticks.ts';

const ECHO_RATIO_MAX = 1.4;
const BEST_PEER_RATIO_MAX = 0.75;
const GROWTH_RATIO_MAX = 1.15;
const HOUSEHOLDS_RATIO_MAX = 1.05;
const OCTETS_A_NAME_MAX = 12;
const OCTETS_AN_ADDRESS_MAX = 32;
const MEBIBYTES_MAX = 250;
const NAMES_A_SECOND_MIN = 1_000_000;
const RESTART_SECONDS_MAX = 1;
const MILLION = 1_000_000;
const FIVE_MILLION = 5_000_000;
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

/** One figure to reach, and what was measured. */
interface Figure {
  readonly what: string;
  readonly target: string;
  readonly measured: string;
  /** Null = not measured. */
  readonly isReached: boolean | null;
}

export function figuresTable(
  results: Results,
  disturbance: DisturbanceResult | null,
  overload: OverloadResult | null,
): string {
  const figures = [
    ...ratios(results),
    ...growthFigures(results),
    ...ownFigures(results),
    ...disturbanceFigures(disturbance),
    ...overloadFigures(overload),
  ];
  const rows = figures.map(({ what, target, measured, isReached }) => [
    what,
    target,
    isReached === null ? '–' : measured,
    isReached === null ? 'not measured' : isReached ? 'reached' : '**not reached**',
  ]);
  return table(['figure', 'to reach', 'measured', ''], rows);
}

function ratios({ comparison }: Results): Figure[] {
  return (['full', 'flood'] as const).flatMap((offer) =>
    MIXES.flatMap((mix) => {
      const ours = runsOf(comparison, OURS, mix, offer);
      const best = bestOf(comparison, PEER_NAMES, mix, offer) ?? '';
      const byEcho = ratioOf(ours, runsOf(comparison, ECHO, mix, offer));
      const byBest = ratioOf(ours, runsOf(comparison, best, mix, offer));
      const what = offer === 'full' ? mix : `${mix}, flood`;
      return [
        atMost(`CPU a query by that of the echo in C, ${what}`, byEcho, ECHO_RATIO_MAX, 2),
        atMost(`CPU a query by that of the best peer, ${what}`, byBest, BEST_PEER_RATIO_MAX, 2),
      ];
    }),
  );
}

function growthFigures({ growth }: Results): Figure[] {
  const pointsOf = (of: GrowthCurve['of']): readonly GrowthPoint[] =>
    growth.find((curve) => curve.of === of)?.points ?? [];
  const names = pointsOf('names');
  const subscribers = pointsOf('subscribers');
  const [few, households] = pointsOf('households');
  const million = pointAt(names, MILLION);
  const first = subscribers[0];
  const many = pointAt(subscribers, MILLION);
  const addressOctets =
    first === undefined || many === undefined
      ? Number.NaN
      : ((many.privateMebibytes - first.privateMebibytes) * 2 ** 20) / many.size;
  return [
    atMost(
      'CPU a query with 5,000,000 names by that with 1,000,000',
      growthRatio(pointAt(names, FIVE_MILLION), million),
      GROWTH_RATIO_MAX,
      2,
    ),
    atMost(
      'CPU a query with 1,000,000 subscribers by that with 1',
      growthRatio(many, first),
      GROWTH_RATIO_MAX,
      2,
    ),
    atMost(
      'CPU a query with 100,000 households of their own by that with 1, 1,000,000 subscribers',
      growthRatio(households, few),
      HOUSEHOLDS_RATIO_MAX,
      2,
    ),
    atMost(
      'octets of the image a name',
      (million?.blocklistOctets ?? Number.NaN) / MILLION,
      OCTETS_A_NAME_MAX,
      1,
    ),
    atMost('octets of memory a subscriber address', addressOctets, OCTETS_AN_ADDRESS_MAX, 1),
    atLeast(
      'names a second read, parsed and compiled on one core',
      (MILLION / (million?.compileMs ?? Number.NaN)) * 1000,
      NAMES_A_SECOND_MIN,
      0,
    ),
  ];
}

function ownFigures({ comparison, isAllocationFree }: Results): Figure[] {
  const ours = comparison.servers.find(({ server }) => server === OURS);
  const names = number(comparison.nameCount, 0);
  const memory = ours?.residentMebibytes ?? Number.NaN;
  const restart = (ours?.startMs ?? Number.NaN) / 1000;
  return [
    atMost(`MiB of the whole process, ${names} names, one worker`, memory, MEBIBYTES_MAX, 0),
    atMost(
      `seconds from exec to the first protected answer, ${names} names`,
      restart,
      RESTART_SECONDS_MAX,
      2,
    ),
    {
      what: 'octets allocated a query, blocked and cached',
      target: '0',
      measured: isAllocationFree === true ? '0' : 'more',
      isReached: isAllocationFree,
    },
  ];
}

function disturbanceFigures(result: DisturbanceResult | null): Figure[] {
  const rows = result?.rows.filter(({ disturbance }) => disturbance === 'list') ?? [];
  return rows.flatMap(({ cores, lost, before, swap, after, mebibytesOverRounds }) => {
    const { first = Number.NaN, last = Number.NaN } = mebibytesOverRounds ?? {};
    const what = `list update at half of the peak, ${WHERE[cores]}`;
    return [
      atMost(`${what}: queries lost`, lost, 0, 0),
      atMost(
        `${what}: p99 in the swap by p99 before`,
        swap.p99us / before.p99us,
        SWAP_RATIO_MAX,
        2,
      ),
      memoryFigure(`${what}: MiB after by MiB before`, before.mebibytesMax, after.mebibytesMax),
      memoryFigure(`${what}: MiB after the last round by MiB before the first`, first, last),
    ];
  });
}

/** A level that is high before already makes a small ratio, so both are shown beside it. */
function memoryFigure(what: string, before: number, after: number): Figure {
  const figure = atMost(what, after / before, MEMORY_RATIO_MAX, 2);
  const measured = `${number(after, 0)} / ${number(before, 0)} = ${figure.measured}`;
  return { ...figure, measured };
}

function overloadFigures(result: OverloadResult | null): Figure[] {
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

function atMost(what: string, value: number, limit: number, digits: number): Figure {
  const isReached = Number.isNaN(value) ? null : value <= limit;
  return { what, target: `≤ ${number(limit, 0, 2)}`, measured: number(value, digits), isReached };
}

function atLeast(what: string, value: number, limit: number, digits: number): Figure {
  const isReached = Number.isNaN(value) ? null : value >= limit;
  return { what, target: `≥ ${number(limit, 0, 2)}`, measured: number(value, digits), isReached };
}

function pointAt(points: readonly GrowthPoint[], size: number): GrowthPoint | undefined {
  return points.find((point) => point.size === size);
}

/** Round by round, as the servers took turns. */
function growthRatio(big: GrowthPoint | undefined, small: GrowthPoint | undefined): number {
  const ratios = big?.cpuMicroseconds.map(
    (cpu, round) => cpu / (small?.cpuMicroseconds[round] ?? Number.NaN),
  );
  return median(ratios ?? []);
}
