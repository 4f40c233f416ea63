import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  localOf,
  offsetSecondsAt,
  openZone,
  secondOfLocal,
  segmentsOf,
} from '../../src/policy/time-zone.ts';
import { createWallClock, dayOf, minuteOf } from '../support/naive-schedule.ts';

const DAY = 86_400;
const aSecond = fc.integer({ min: 0, max: at('2100-01-01T00:00:00') });
const aZone = fc.constantFrom(...Intl.supportedValuesOf('timeZone'));

describe('the wall clock of a zone', () => {
  test('shows what Intl shows, in every zone, from 1970 to 2100', () => {
    fc.assert(
      fc.property(aZone, aSecond, (name, second) => {
        const { date, time } = createWallClock(name)(second);
        const local = localOf(openZone(name), second);
        expect([local.day, local.minute]).toEqual([dayOf(date), minuteOf(time)]);
        expect(0 <= local.second && local.second < 60).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['UTC', '2026-07-01T12:00:00', 0],
    ['Europe/Minsk', '2026-01-15T12:00:00', 3 * 3600],
    ['Europe/Minsk', '2026-07-15T12:00:00', 3 * 3600],
    ['Asia/Kathmandu', '1985-12-31T18:29:59', 5.5 * 3600],
    ['Asia/Kathmandu', '1985-12-31T18:30:00', 5.75 * 3600],
    ['Africa/Monrovia', '1971-06-01T00:00:00', -(44 * 60 + 30)],
    ['Australia/Lord_Howe', '2026-10-03T15:29:59', 10.5 * 3600],
    ['Australia/Lord_Howe', '2026-10-03T15:30:00', 11 * 3600],
    ['America/New_York', '2026-03-08T06:59:59', -5 * 3600],
    ['America/New_York', '2026-03-08T07:00:00', -4 * 3600],
    ['Pacific/Apia', '2011-12-30T09:59:59', -10 * 3600],
    ['Pacific/Apia', '2011-12-30T10:00:00', 14 * 3600],
    ['Europe/Warsaw', '2099-07-01T00:00:00', 2 * 3600],
  ])('%s at %s is %d seconds from UTC', (name, when, offset) => {
    expect(offsetSecondsAt(openZone(name), at(when))).toBe(offset);
  });

  test('has seconds where the offset has', () => {
    const local = localOf(openZone('Africa/Monrovia'), at('1971-06-01T00:00:00'));
    expect(local).toEqual({ day: dayOf('1971-05-31'), minute: minuteOf('23:15'), second: 30 });
  });

  test('goes on before 1970', () => {
    const local = localOf(openZone('UTC'), -1);
    expect(local).toEqual({ day: -1, minute: 1439, second: 59 });
  });
});

describe('the segments of a zone', () => {
  test('are without holes, differ from their neighbours, and change exactly where Intl does', () => {
    const spans = fc.record({
      name: aZone,
      from: aSecond,
      length: fc.integer({ min: 1, max: 800 * DAY }),
    });
    let changes = 0;
    fc.assert(
      fc.property(spans, ({ name, from, length }) => {
        const segments = segmentsOf(openZone(name), from, from + length);
        expect([segments[0]!.fromSecond, segments.at(-1)!.untilSecond]).toEqual([
          from,
          from + length,
        ]);
        segments.slice(1).forEach((segment, index) => {
          const before = segments[index]!;
          expect(segment.fromSecond).toBe(before.untilSecond);
          expect(segment.offsetSeconds).not.toBe(before.offsetSeconds);
          expect(intlOffset(name, segment.fromSecond)).toBe(segment.offsetSeconds);
          expect(intlOffset(name, segment.fromSecond - 1)).toBe(before.offsetSeconds);
          changes++;
        });
      }),
      { numRuns: 200 },
    );
    expect(changes).toBeGreaterThan(50);
  });

  test('know the closest changes there have been', () => {
    const span = [at('2004-05-01T00:00:00'), at('2004-07-01T00:00:00')] as const;
    const segments = segmentsOf(openZone('America/Argentina/Tucuman'), ...span);
    expect(segments.map((each) => each.offsetSeconds / 3600)).toEqual([-3, -4, -3]);
    const week = [at('2000-10-01T00:00:00'), at('2000-11-01T00:00:00')] as const;
    const hours = segmentsOf(openZone('America/Recife'), ...week);
    expect(hours.map((each) => each.offsetSeconds / 3600)).toEqual([-3, -2, -3]);
    expect(hours[1]!.untilSecond - hours[1]!.fromSecond).toBe(7 * DAY - 3600);
  });

  test('of no time are none', () => {
    expect(segmentsOf(openZone('UTC'), 5, 5)).toEqual([]);
  });

  test('are the same after more time than is remembered was asked for', () => {
    const zone = openZone('Europe/London');
    const before = segmentsOf(zone, at('2026-01-01T00:00:00'), at('2027-01-01T00:00:00'));
    expect(segmentsOf(zone, 0, at('2000-01-01T00:00:00')).length).toBeGreaterThan(50);
    expect(zone.stretches.size).toBeLessThanOrEqual(120);
    const after = segmentsOf(zone, at('2026-01-01T00:00:00'), at('2027-01-01T00:00:00'));
    expect(after).toEqual(before);
    expect(after).toHaveLength(3);
  });
});

describe('the second of a local time', () => {
  test('is the first at which the clock shows it', () => {
    fc.assert(
      fc.property(aZone, aSecond, (name, second) => {
        const zone = openZone(name);
        const { day, minute } = localOf(zone, second);
        const first = secondOfLocal(zone, day, minute);
        expect(first).toBeLessThanOrEqual(second);
        // A minute is shown again one hour, half an hour or a day later at most.
        expect(second - first).toBeLessThan(DAY + 60);
        expect(localOf(zone, first)).toMatchObject({ day, minute });
        expect(localOf(zone, first - 1)).not.toMatchObject({ day, minute });
      }),
      { numRuns: 1_000 },
    );
  });

  test.each([
    ['Europe/Warsaw', '2026-03-29', '01:59', '2026-03-29T00:59:00'],
    // Skipped, so the end of the gap.
    ['Europe/Warsaw', '2026-03-29', '02:00', '2026-03-29T01:00:00'],
    ['Europe/Warsaw', '2026-03-29', '02:59', '2026-03-29T01:00:00'],
    ['Europe/Warsaw', '2026-03-29', '03:00', '2026-03-29T01:00:00'],
    // Shown twice, so the first.
    ['Europe/Warsaw', '2026-10-25', '02:30', '2026-10-25T00:30:00'],
    ['Europe/Warsaw', '2026-10-25', '03:00', '2026-10-25T02:00:00'],
    ['Europe/Warsaw', '2026-10-25', '24:00', '2026-10-25T23:00:00'],
    ['Australia/Lord_Howe', '2026-10-04', '02:15', '2026-10-03T15:30:00'],
    ['Australia/Lord_Howe', '2026-04-05', '01:45', '2026-04-04T14:45:00'],
    ['Pacific/Apia', '2011-12-30', '12:00', '2011-12-30T10:00:00'],
    ['Pacific/Apia', '2011-12-29', '24:00', '2011-12-30T10:00:00'],
    ['Africa/Cairo', '2026-04-24', '00:00', '2026-04-23T22:00:00'],
    ['Asia/Kathmandu', '2026-01-01', '00:00', '2025-12-31T18:15:00'],
    // The clocks of Monrovia went from 00:00:00 to 00:44:30 in 1972.
    ['Africa/Monrovia', '1972-01-07', '00:44', '1972-01-07T00:44:30'],
    ['Africa/Monrovia', '1972-01-07', '00:20', '1972-01-07T00:44:30'],
    ['Africa/Monrovia', '1972-01-07', '00:45', '1972-01-07T00:45:00'],
    ['Africa/Monrovia', '1971-06-01', '00:00', '1971-06-01T00:44:30'],
  ])('%s, %s %s is %s UTC', (name, date, time, expected) => {
    const second = secondOfLocal(openZone(name), dayOf(date), minuteOf(time));
    expect(new Date(second * 1000).toISOString().slice(0, 19)).toBe(expected);
  });
});

describe('opening a zone', () => {
  test('gives the same object again', () => {
    expect(openZone('Europe/Minsk')).toBe(openZone('Europe/Minsk'));
  });

  test.each(['Europe/Nowhere', '', '+03:00', '03:00', 'Europe/Minsk\n'])(
    'refuses %j and says what would be valid',
    (name) => {
      expect(() => openZone(name)).toThrow(
        expect.objectContaining({
          code: 'ZONE_UNKNOWN',
          message: expect.stringContaining(
            `${JSON.stringify(name)} is no IANA time zone; valid: such as Europe/Minsk`,
          ) as string,
        }),
      );
    },
  );
});

function at(text: string): number {
  return Date.parse(`${text}Z`) / 1000;
}

/** By the fields of the wall clock, read as if they were UTC. */
function intlOffset(name: string, second: number): number {
  const format = new Intl.DateTimeFormat('sv-SE', {
    timeZone: name,
    dateStyle: 'short',
    timeStyle: 'medium',
  });
  return at(format.format(second * 1000).replace(' ', 'T')) - second;
}
