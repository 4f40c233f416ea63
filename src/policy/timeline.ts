/**
 * What runs when, for one profile: its schedules, pauses, grants and budgets as spans of seconds, and
 * the moments at which something begins or ends.
 *
 *     schedule  ├────────────────┤              ├────────────────┤
 *     pause              ├────────────┤
 *     grant                               ├──┤
 *     changes   │        │       │    │   │  │  │                │
 */

import type { Budget, Grant, Pause, Schedule, Settings, Target } from './policy-input.ts';
import { intervalsOf } from './schedule.ts';
import type { Zone } from './time-zone.ts';
import { DAY_SECONDS } from './time-zone.ts';

/** Why the internet may be off; where several hold, the first of these is told. */
export const OFF_CAUSES = ['pause', 'schedule', 'usedUp'] as const;
export type OffCause = (typeof OFF_CAUSES)[number];
/** Why the clock may block a category. */
export type TimedCause = Exclude<OffCause, 'pause'>;

/** Something that holds in [from, until): what is closed, opened (`grant`), or counted (`budget`). */
export interface Span {
  readonly fromSecond: number;
  readonly untilSecond: number;
  readonly cause: OffCause | 'grant' | 'budget';
  readonly target: Target;
}

/** So far beyond its horizon an image must look to say until when the internet is off. */
const LOOK_AHEAD_SECONDS = DAY_SECONDS;
const INTERNET: Target = { kind: 'internet' };

/** The spans of schedules that touch the time of an image. */
export function spansOfSchedules(
  schedules: readonly Schedule[],
  zone: Zone,
  atSecond: number,
  horizonSecond: number,
): Span[] {
  return schedules.flatMap((schedule) =>
    intervalsOf(schedule, zone, atSecond, horizonSecond + LOOK_AHEAD_SECONDS).map((interval) => ({
      ...interval,
      cause: 'schedule' as const,
      target: schedule.target,
    })),
  );
}

/** The spans of all that a household has set beside schedules, and that has not ended yet. */
export function spansOfSettings(settings: Settings, atSecond: number): Span[] {
  const spans = [
    ...settings.pauses.map(spanOfPause),
    ...settings.grants.map(spanOfGrant),
    ...settings.budgets.flatMap(spansOfBudget),
  ];
  return spans.filter(({ untilSecond }) => untilSecond > atSecond);
}

/** A second at which something begins or ends, and what runs from then on. */
export interface Moment {
  readonly second: number;
  readonly running: readonly Span[];
  /** Why the internet is off; null where it is on, or granted. */
  readonly offCause: OffCause | null;
}

/** `atSecond` and the moments after it, in order; a household with many schedules has hundreds. */
export function momentsOf(spans: readonly Span[], atSecond: number): Moment[] {
  const seconds = new Set([atSecond]);
  for (const { fromSecond, untilSecond } of spans) {
    if (fromSecond > atSecond) seconds.add(fromSecond);
    if (untilSecond > atSecond && untilSecond < Infinity) seconds.add(untilSecond);
  }
  return [...seconds]
    .sort((a, b) => a - b)
    .map((second) => {
      const running = spans.filter(
        ({ fromSecond, untilSecond }) => fromSecond <= second && second < untilSecond,
      );
      return { second, running, offCause: offCauseOf(running) };
    });
}

/** When the internet, off at a moment, is on again; null where that is unknown or a day away. */
export function onAgainSecond(moments: readonly Moment[], index: number): number | null {
  const offSecond = moments[index]?.second ?? 0;
  for (let later = index + 1; later < moments.length; later++) {
    const { second, offCause } = moments[later]!;
    if (second - offSecond >= DAY_SECONDS) return null;
    if (offCause === null) return second;
  }
  return null;
}

function offCauseOf(running: readonly Span[]): OffCause | null {
  const onInternet = running.filter(({ target }) => target.kind === 'internet');
  const isBecauseOf = (wanted: Span['cause']): boolean =>
    onInternet.some(({ cause }) => cause === wanted);
  if (isBecauseOf('grant')) return null;
  return OFF_CAUSES.find(isBecauseOf) ?? null;
}

function spanOfPause({ fromSecond, untilSecond }: Pause): Span {
  return { fromSecond, untilSecond, cause: 'pause', target: INTERNET };
}

function spanOfGrant({ target, untilSecond }: Grant): Span {
  return { fromSecond: 0, untilSecond, cause: 'grant', target };
}

/** Used up until a second, and counted from then on. */
function spansOfBudget({ target, usedUpUntilSecond }: Budget): Span[] {
  const countedFrom = usedUpUntilSecond ?? 0;
  return [
    { fromSecond: 0, untilSecond: countedFrom, cause: 'usedUp', target },
    { fromSecond: countedFrom, untilSecond: Infinity, cause: 'budget', target },
  ];
}
