/**
 * When a schedule runs. It is a weekly window by the wall clock: what the clock shows decides, not how
 * many minutes have passed. Everything at the edges follows from that:
 *
 *     a clock that skips       a start in the gap is the gap's end; so is an end; a window that lies
 *                              in the gap does not run that day
 *     a clock that repeats     what it shows twice counts twice, with a pause between where the window
 *                              ends inside the repeated hour
 *     past midnight            belongs to the day on which the window begins, skipped days included
 *
 * Two functions say the same: `isRunning` is the definition, `intervalsOf` the arithmetic that the
 * compiler uses. A property test holds them together.
 */

import type { DateRange, Schedule } from './policy-input.ts';
import { DAY_SECONDS, localOf, segmentsOf } from './time-zone.ts';
import type { Zone } from './time-zone.ts';

const DAY_MINUTES = 1440;
/** 1970-01-01 was a Thursday; bit 0 is Monday. */
const WEEKDAY_OF_DAY_0 = 3;

/** Seconds since the Unix epoch, [from, until). */
export interface Interval {
  readonly fromSecond: number;
  readonly untilSecond: number;
}

export function isRunning(schedule: Schedule, zone: Zone, second: number): boolean {
  const { day, minute } = localOf(zone, second);
  const { fromMinute, toMinute } = schedule;
  if (fromMinute < toMinute) {
    return fromMinute <= minute && minute < toMinute && beginsOn(schedule, day);
  }
  return (
    (fromMinute <= minute && beginsOn(schedule, day)) ||
    (minute < toMinute && beginsOn(schedule, day - 1))
  );
}

/**
 * The spans of [from, until) in which the schedule runs: in order, disjoint, and not touching. They end
 * where the asked span ends, whether the window does or not.
 */
export function intervalsOf(
  schedule: Schedule,
  zone: Zone,
  fromSecond: number,
  untilSecond: number,
): Interval[] {
  const intervals: Interval[] = [];
  const passesMidnight = schedule.toMinute < schedule.fromMinute;
  const length = schedule.toMinute - schedule.fromMinute + (passesMidnight ? DAY_MINUTES : 0);
  for (const segment of segmentsOf(zone, fromSecond, untilSecond)) {
    const { offsetSeconds } = segment;
    const firstDay = Math.floor((segment.fromSecond + offsetSeconds) / DAY_SECONDS);
    const lastDay = Math.floor((segment.untilSecond - 1 + offsetSeconds) / DAY_SECONDS);
    for (let day = passesMidnight ? firstDay - 1 : firstDay; day <= lastDay; day++) {
      if (!beginsOn(schedule, day)) continue;
      const begin = day * DAY_SECONDS + schedule.fromMinute * 60 - offsetSeconds;
      const from = Math.max(begin, segment.fromSecond);
      const until = Math.min(begin + length * 60, segment.untilSecond);
      if (from < until) append(intervals, from, until);
    }
  }
  return intervals;
}

function append(intervals: Interval[], fromSecond: number, untilSecond: number): void {
  const last = intervals.at(-1);
  if (last?.untilSecond === fromSecond) {
    intervals[intervals.length - 1] = { fromSecond: last.fromSecond, untilSecond };
  } else {
    intervals.push({ fromSecond, untilSecond });
  }
}

/** Whether a window may begin on this day: by its weekday, and by its date where dates are given. */
function beginsOn(schedule: Schedule, day: number): boolean {
  const weekday = (((day + WEEKDAY_OF_DAY_0) % 7) + 7) % 7;
  if ((schedule.days & (1 << weekday)) === 0) return false;
  return schedule.dates === null || isInDates(schedule.dates, day);
}

function isInDates(dates: readonly DateRange[], day: number): boolean {
  for (const { firstDay, lastDay } of dates) {
    if (firstDay <= day && day <= lastDay) return true;
  }
  return false;
}
