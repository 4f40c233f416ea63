/** The figures to reach, each with what was measured: reached or not, and why not. */

import type { DisturbanceResult } from './disturbance-report.ts';
import { atLeast, atMost, type Figure } from './figure.ts';
import { disturbanceFigures, overloadFigures } from './load-figures.ts';
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
const OCTETS_A_NAME_MAX = 12;
const OCTETS_AN_ADDRESS_MAX = 32;
const MEBIBYTES_MAX = 250;
const NAMES_A_SECOND_MIN = 1_000_000;
const RESTART_SECONDS_MAX = 1;
const MILLION = 1_000_000;
const FIVE_MILLION = 5_000_000;

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
