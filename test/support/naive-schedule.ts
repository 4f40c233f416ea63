/**
 * The oracle of schedules: it shares no code with `src/policy`. It asks `Intl` for the whole text of
 * the wall clock, minute by minute, and compares texts: dates as `2028-02-29`, times as `21:00`, as
 * people write them into the document. `PYTHON_ORACLE` does it once more with Python's `zoneinfo`, which
 * has its own copy of the zone database.
 */

import type { Schedule } from '../../src/policy/policy-input.ts';

export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;

/** As it stands in the document. */
export interface WrittenSchedule {
  readonly days?: readonly (typeof WEEKDAYS)[number][];
  readonly dates?: readonly string[];
  readonly from: string;
  readonly to: string;
}

/** What a clock on the wall shows, in texts. */
export interface WallClock {
  /** `2028-02-29` */
  readonly date: string;
  /** `23:59` */
  readonly time: string;
}

/** The wall clock of a zone, asked anew each time. */
export function createWallClock(zone: string): (second: number) => WallClock {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: zone,
    dateStyle: 'short',
    timeStyle: 'short',
  });
  return (second) => {
    // Swedish texts are `2028-02-29 23:59`.
    const text = format.format(second * 1000);
    return { date: text.slice(0, 10), time: text.slice(11) };
  };
}

export function naiveIsRunning(schedule: WrittenSchedule, { date, time }: WallClock): boolean {
  const { from, to } = schedule;
  if (from < to) return from <= time && time < to && naiveBeginsOn(schedule, date);
  if (from <= time && naiveBeginsOn(schedule, date)) return true;
  return time < to && naiveBeginsOn(schedule, dayBefore(date));
}

function naiveBeginsOn({ days, dates }: WrittenSchedule, date: string): boolean {
  if (days?.includes(weekdayOf(date)) === false) return false;
  if (dates === undefined) return true;
  return dates.some((range) => {
    const [first, last = first] = range.split('/') as [string, string | undefined];
    return first <= date && date <= last;
  });
}

const weekdays = new Map<string, (typeof WEEKDAYS)[number]>();

function weekdayOf(date: string): (typeof WEEKDAYS)[number] {
  let weekday = weekdays.get(date);
  if (weekday === undefined) {
    weekday = WEEKDAYS[(new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7]!;
    weekdays.set(date, weekday);
  }
  return weekday;
}

const daysBefore = new Map<string, string>();

function dayBefore(date: string): string {
  let before = daysBefore.get(date);
  if (before === undefined) {
    before = new Date(Date.parse(`${date}T00:00:00Z`) - 1).toISOString().slice(0, 10);
    daysBefore.set(date, before);
  }
  return before;
}

/** The same schedule in the numbers of the policy compiler. */
export function scheduleOf({ days, dates, from, to }: WrittenSchedule): Schedule {
  return {
    target: { kind: 'internet' },
    days: (days ?? WEEKDAYS).reduce((bits, day) => bits | (1 << WEEKDAYS.indexOf(day)), 0),
    dates:
      dates?.map((range) => {
        const [first, last = first] = range.split('/') as [string, string | undefined];
        return { firstDay: dayOf(first), lastDay: dayOf(last) };
      }) ?? null,
    fromMinute: minuteOf(from),
    toMinute: minuteOf(to),
  };
}

/** Days from 1970-01-01. */
export function dayOf(date: string): number {
  return Date.parse(`${date}T00:00:00Z`) / 86_400_000;
}

export function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

/**
 * For `python3 -c`: reads `{ fromSecond, minutes, zones, schedules }`, looks at each minute, and prints for
 * each zone the changes as [second, bits of the schedules that run from then on].
 */
export const PYTHON_ORACLE = `
import json, sys
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

asked = json.load(sys.stdin)
names = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

def begins(schedule, day):
    if "days" in schedule and names[day.weekday()] not in schedule["days"]:
        return False
    if "dates" not in schedule:
        return True
    ends = [(each.split("/") * 2)[:2] for each in schedule["dates"]]
    return any(first <= day.isoformat() <= last for first, last in ends)

def shown_as_running(day):
    "For each minute that the clock can show on a day, the set of schedules that run, as bits."
    running = [0] * 1440
    for number, schedule in enumerate(asked["schedules"]):
        start, end = (int(t[:2]) * 60 + int(t[3:]) for t in (schedule["from"], schedule["to"]))
        minutes = []
        if begins(schedule, day):
            minutes += range(start, end if start < end else 1440)
        if end < start and begins(schedule, day - timedelta(days=1)):
            minutes += range(0, end)
        for minute in minutes:
            running[minute] |= 1 << number
    return running

answer = []
for name in asked["zones"]:
    zone = ZoneInfo(name)
    changes = []
    today = None
    before = None
    for second in range(asked["fromSecond"], asked["fromSecond"] + 60 * asked["minutes"], 60):
        local = datetime.fromtimestamp(second, zone)
        if local.day != today:
            today = local.day
            running = shown_as_running(local.date())
        now = running[local.hour * 60 + local.minute]
        if now != before:
            before = now
            changes.append([second, now])
    answer.append(changes)
json.dump(answer, sys.stdout)
`;
