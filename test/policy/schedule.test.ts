import { execFile } from 'node:child_process';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { intervalsOf, isRunning } from '../../src/policy/schedule.ts';
import { openZone, segmentsOf } from '../../src/policy/time-zone.ts';
import {
  createWallClock,
  naiveIsRunning,
  PYTHON_ORACLE,
  scheduleOf,
  WEEKDAYS,
} from '../support/naive-schedule.ts';
import type { WrittenSchedule } from '../support/naive-schedule.ts';

const DAY = 86_400;
const YEAR_ZONES = [
  'Europe/Minsk',
  'Europe/Warsaw',
  'America/New_York',
  'Australia/Lord_Howe',
  'Asia/Kathmandu',
];
/** Both years have all edges; dates are given for both. */
const YEAR_SCHEDULES: readonly WrittenSchedule[] = [
  { days: ['mon', 'tue', 'wed', 'thu', 'fri'], from: '21:00', to: '07:00' },
  // It begins, ends and lies in the hour that spring skips, and in those that autumn repeats.
  { from: '02:15', to: '04:00' },
  { from: '00:45', to: '02:15' },
  { from: '02:05', to: '02:25' },
  { days: ['sun'], from: '01:40', to: '01:20' },
  {
    dates: ['2026-02-28', '2028-02-29', '2025-12-24/2026-01-08', '2027-12-24/2028-01-08'],
    from: '20:00',
    to: '08:00',
  },
  {
    days: ['tue', 'sat', 'sun'],
    dates: ['2026-03-01/2026-04-10', '2028-02-20/2028-04-02', '2026-10-25', '2028-10-29'],
    from: '00:00',
    to: '24:00',
  },
];

describe('each minute of a year in five zones, seven schedules, by isRunning and by intervalsOf', () => {
  const leapYear = { fromSecond: Date.UTC(2028, 0, 1) / 1000, minutes: 527_040 };
  const commonYear = { fromSecond: Date.UTC(2026, 0, 1) / 1000, minutes: 525_600 };

  let pythonAnswer: Promise<number[][][] | null>;
  beforeAll(() => {
    // It works while the first test does.
    pythonAnswer = askPython(commonYear);
  });

  test('2028 as Intl shows the clock: 36,892,800 checks', { timeout: 180_000 }, async () => {
    let checks = 0;
    for (const name of YEAR_ZONES) {
      const clockAt = createWallClock(name);
      const clocks = minutesOf(leapYear).map(clockAt);
      for (const schedule of YEAR_SCHEDULES) {
        const expected = clocks.map((clock) => naiveIsRunning(schedule, clock));
        checks += countChecks(schedule, name, leapYear.fromSecond, expected);
        // Python's answer comes by the event loop.
        await new Promise(setImmediate);
      }
    }
    expect(checks).toBe(36_892_800);
  });

  test(
    '2026 as Python shows the clock: 36,792,000 checks',
    { timeout: 180_000 },
    async (context) => {
      const answer = await pythonAnswer;
      context.skip(answer === null, 'there is no python3 with zoneinfo');
      let checks = 0;
      YEAR_ZONES.forEach((name, place) => {
        YEAR_SCHEDULES.forEach((schedule, number) => {
          const changes = answer![place]!;
          let last = 0;
          const expected = minutesOf(commonYear).map((second) => {
            while (changes[last + 1] !== undefined && changes[last + 1]![0]! <= second) last++;
            return ((changes[last]![1]! >> number) & 1) === 1;
          });
          checks += countChecks(schedule, name, commonYear.fromSecond, expected);
        });
      });
      expect(checks).toBe(36_792_000);
    },
  );

  function minutesOf(year: { fromSecond: number; minutes: number }): number[] {
    return Array.from({ length: year.minutes }, (_, minute) => year.fromSecond + minute * 60);
  }

  /** Null where there is no python3, or one that does not know the zones. */
  function askPython(year: { fromSecond: number; minutes: number }): Promise<number[][][] | null> {
    return new Promise((resolve, reject) => {
      const options = { maxBuffer: 2 ** 26, timeout: 170_000 };
      const python = execFile(
        'python3',
        ['-c', PYTHON_ORACLE],
        options,
        (error, stdout, stderr) => {
          if (error === null) resolve(JSON.parse(stdout) as number[][][]);
          else if (error.code === 'ENOENT' || /No module|ZoneInfoNotFound/.test(stderr))
            resolve(null);
          else reject(new Error(`The oracle failed: ${stderr}`, { cause: error }));
        },
      );
      // It may be gone before it has read all; then the callback above says why.
      python.stdin?.on('error', () => undefined);
      python.stdin?.end(JSON.stringify({ ...year, zones: YEAR_ZONES, schedules: YEAR_SCHEDULES }));
    });
  }

  /** Compares both functions with what is expected of each minute. */
  function countChecks(
    written: WrittenSchedule,
    zoneName: string,
    fromSecond: number,
    expected: readonly boolean[],
  ): number {
    const schedule = scheduleOf(written);
    const zone = openZone(zoneName);
    const intervals = intervalsOf(schedule, zone, fromSecond, fromSecond + expected.length * 60);
    let next = 0;
    expected.forEach((isExpected, minute) => {
      const second = fromSecond + minute * 60;
      while (next < intervals.length && intervals[next]!.untilSecond <= second) next++;
      const isInside = next < intervals.length && intervals[next]!.fromSecond <= second;
      if (isInside !== isExpected || isRunning(schedule, zone, second) !== isExpected) {
        const when = new Date(second * 1000).toISOString();
        expect.fail(`${JSON.stringify(written)} in ${zoneName} at ${when}: ${isExpected} expected`);
      }
    });
    return expected.length * 2;
  }
});

describe('isRunning and intervalsOf agree', () => {
  const aTime = fc.integer({ min: 0, max: 1439 });
  /** Near the times at which clocks change, and near midnight, windows are more telling. */
  const anEdge = fc.constantFrom(
    0,
    1,
    15,
    30,
    60,
    90,
    119,
    120,
    121,
    150,
    179,
    180,
    181,
    1380,
    1439,
  );
  const aSchedule = fc
    .record({
      days: fc.integer({ min: 1, max: 127 }),
      from: fc.oneof(aTime, anEdge),
      to: fc.oneof(aTime, anEdge, fc.constant(1440)),
      dateOffsets: fc.option(fc.array(fc.tuple(fc.integer({ min: -3, max: 3 }), fc.nat(3)))),
    })
    .filter(({ from, to }) => from !== to && to !== 0);
  const cases = fc.record({
    zone: fc.constantFrom(...Intl.supportedValuesOf('timeZone')),
    // Half of 64 days, so that a year's changes are often inside.
    middle: fc.integer({ min: 0, max: Date.UTC(2100, 0, 1) / 1000 }),
    schedule: aSchedule,
    length: fc.integer({ min: 1, max: 4 * DAY }),
    shift: fc.integer({ min: -2 * DAY, max: 2 * DAY }),
    seconds: fc.array(fc.nat(), { minLength: 5, maxLength: 5 }),
  });

  test(
    'at random times and around changes of the clock, in every zone that Intl knows',
    { timeout: 60_000 },
    () => {
      let changesSeen = 0;
      fc.assert(
        fc.property(cases, ({ zone: name, middle, schedule: drawn, length, shift, seconds }) => {
          const zone = openZone(name);
          const [, change] = segmentsOf(zone, middle - 180 * DAY, middle + 180 * DAY);
          if (change !== undefined) changesSeen++;
          const from = (change?.fromSecond ?? middle) + shift;
          const until = from + length;
          const today = Math.floor(from / DAY);
          const schedule = {
            target: { kind: 'internet' },
            days: drawn.days,
            dates:
              drawn.dateOffsets?.map(([first, more]) => ({
                firstDay: today + first,
                lastDay: today + first + more,
              })) ?? null,
            fromMinute: drawn.from,
            toMinute: drawn.to,
          } as const;
          const intervals = intervalsOf(schedule, zone, from, until);
          const edges = intervals.flatMap((each) => [each.fromSecond, each.untilSecond]);
          expect(edges).toEqual([...new Set(edges)].sort((a, b) => a - b));
          const around = [from, change?.fromSecond ?? from, ...edges].flatMap((edge) => [
            edge - 1,
            edge,
          ]);
          const asked = [
            ...around,
            until - 1,
            ...seconds.map((second) => from + (second % length)),
          ];
          for (const second of asked.filter((each) => from <= each && each < until)) {
            const isInside = intervals.some(
              (each) => each.fromSecond <= second && second < each.untilSecond,
            );
            expect(isRunning(schedule, zone, second), `${name} at ${second}`).toBe(isInside);
          }
        }),
        { numRuns: 1_500 },
      );
      expect(changesSeen).toBeGreaterThan(300);
    },
  );
});

describe('at the edges', () => {
  /** The spans of a schedule as texts of UTC: `03-29 01:00/02:30` or with both dates. */
  function spans(zone: string, written: WrittenSchedule, from: string, until: string): string[] {
    const [first, last] = [from, until].map((text) => Date.parse(`${text}Z`) / 1000);
    return intervalsOf(scheduleOf(written), openZone(zone), first!, last!).map((each) =>
      [each.fromSecond, each.untilSecond]
        .map((second) => new Date(second * 1000).toISOString().slice(5, 16).replace('T', ' '))
        .join(' to '),
    );
  }
  const spring = ['2026-03-28T12:00', '2026-03-29T12:00'] as const;
  const autumn = ['2026-10-24T12:00', '2026-10-25T12:00'] as const;

  test('a window that begins in the skipped hour begins at the end of the gap', () => {
    expect(spans('Europe/Warsaw', { from: '02:30', to: '04:00' }, ...spring)).toEqual([
      '03-29 01:00 to 03-29 02:00',
    ]);
  });

  test('a window that ends in the skipped hour ends where the gap begins', () => {
    expect(spans('Europe/Warsaw', { from: '01:00', to: '02:30' }, ...spring)).toEqual([
      '03-29 00:00 to 03-29 01:00',
    ]);
  });

  test('a window in the skipped hour does not run that day', () => {
    expect(spans('Europe/Warsaw', { from: '02:10', to: '02:50' }, ...spring)).toEqual([]);
  });

  test('a night over the skipped hour is an hour shorter, over the repeated hour one longer', () => {
    const night = { from: '21:00', to: '07:00' };
    expect(spans('Europe/Warsaw', night, ...spring)).toEqual(['03-28 20:00 to 03-29 05:00']);
    expect(spans('Europe/Warsaw', night, ...autumn)).toEqual(['10-24 19:00 to 10-25 06:00']);
  });

  test('what lies in the repeated hour runs twice', () => {
    expect(spans('Europe/Warsaw', { from: '02:10', to: '02:50' }, ...autumn)).toEqual([
      '10-25 00:10 to 10-25 00:50',
      '10-25 01:10 to 10-25 01:50',
    ]);
  });

  test('a window that ends in the repeated hour runs again when the clock goes back into it', () => {
    expect(spans('Europe/Warsaw', { from: '01:00', to: '02:30' }, ...autumn)).toEqual([
      '10-24 23:00 to 10-25 00:30',
      '10-25 01:00 to 10-25 01:30',
    ]);
  });

  test('daylight saving of half an hour skips and repeats half an hour', () => {
    const window = { from: '01:45', to: '02:15' };
    expect(spans('Australia/Lord_Howe', window, '2026-04-04T00:00', '2026-04-05T00:00')).toEqual([
      '04-04 14:45 to 04-04 15:00',
      '04-04 15:15 to 04-04 15:45',
    ]);
    expect(spans('Australia/Lord_Howe', window, '2026-10-03T00:00', '2026-10-04T00:00')).toEqual([
      '10-03 15:15 to 10-03 15:30',
    ]);
  });

  test('a window that begins on a day that the zone skipped runs from the end of the gap', () => {
    const span = ['2011-12-28T00:00', '2012-01-02T00:00'] as const;
    const friday = { days: ['fri'], from: '21:00', to: '07:00' } as const;
    expect(spans('Pacific/Apia', friday, ...span)).toEqual(['12-30 10:00 to 12-30 17:00']);
    const thursday = { days: ['thu'], from: '21:00', to: '07:00' } as const;
    expect(spans('Pacific/Apia', thursday, ...span)).toEqual(['12-30 07:00 to 12-30 10:00']);
  });

  test('a window to 24:00 ends with the day also where midnight is skipped', () => {
    const evening = { days: ['sat'], from: '22:00', to: '24:00' } as const;
    expect(spans('Africa/Cairo', evening, '2014-05-15T00:00', '2014-05-18T00:00')).toEqual([
      '05-17 19:00 to 05-17 21:00',
    ]);
    const thursday = { days: ['thu'], from: '22:00', to: '24:00' } as const;
    // 00:00 of Friday, 2026-04-24, does not exist in Cairo.
    expect(spans('Africa/Cairo', thursday, '2026-04-23T00:00', '2026-04-25T00:00')).toEqual([
      '04-23 20:00 to 04-23 22:00',
    ]);
  });

  test('a night belongs to the day and the date on which it begins', () => {
    const night = { days: ['tue'], dates: ['2028-02-29'], from: '21:00', to: '07:00' } as const;
    expect(spans('Europe/Minsk', night, '2028-01-01T00:00', '2029-01-01T00:00')).toEqual([
      '02-29 18:00 to 03-01 04:00',
    ]);
    const monday = { ...night, days: ['mon'] } as const;
    expect(spans('Europe/Minsk', monday, '2028-01-01T00:00', '2029-01-01T00:00')).toEqual([]);
  });

  test('whole days in a row are one span, cut where the asked span is cut', () => {
    const whole = { from: '00:00', to: '24:00' };
    expect(spans('Europe/Warsaw', whole, ...spring)).toEqual(['03-28 12:00 to 03-29 12:00']);
    expect(spans('Europe/Warsaw', whole, spring[0], spring[0])).toEqual([]);
  });

  test('every weekday has its bit', () => {
    // 2026-11-23 is a Monday.
    WEEKDAYS.forEach((day, place) => {
      const noon = Date.UTC(2026, 10, 23 + place, 12) / 1000;
      const schedule = scheduleOf({ days: [day], from: '00:00', to: '24:00' });
      const days = [0, 1, 2, 3, 4, 5, 6].map((other) => noon + (other - place) * DAY);
      const running = days.map((second) => isRunning(schedule, openZone('UTC'), second));
      expect(running.indexOf(true)).toBe(place);
      expect(running.filter(Boolean)).toHaveLength(1);
    });
  });
});
