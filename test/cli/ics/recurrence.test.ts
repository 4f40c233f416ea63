import { describe, expect, test } from 'vitest';
import { expandRule } from '../../../src/cli/ics/recurrence.ts';
import { formatDate, parseDate } from '../../../src/lib/calendar.ts';

describe('a rule is expanded', () => {
  test.each([
    ['FREQ=DAILY;COUNT=3', '2027-02-27', ['2027-02-27', '2027-02-28', '2027-03-01']],
    ['FREQ=DAILY;INTERVAL=10;COUNT=3', '2026-11-23', ['2026-11-23', '2026-12-03', '2026-12-13']],
    // The end is included.
    ['FREQ=DAILY;UNTIL=20280301', '2028-02-28', ['2028-02-28', '2028-02-29', '2028-03-01']],
    ['FREQ=WEEKLY;COUNT=2', '2026-12-28', ['2026-12-28', '2027-01-04']],
    ['freq=weekly;count=2', '2026-12-28', ['2026-12-28', '2027-01-04']],
    [
      'FREQ=WEEKLY;BYDAY=TU,TH;UNTIL=20261204',
      '2026-11-24',
      ['2026-11-24', '2026-11-26', '2026-12-01', '2026-12-03'],
    ],
    // RFC 5545: where the week begins matters.
    [
      'FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO',
      '1997-08-05',
      ['1997-08-05', '1997-08-10', '1997-08-19', '1997-08-24'],
    ],
    [
      'FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU',
      '1997-08-05',
      ['1997-08-05', '1997-08-17', '1997-08-19', '1997-08-31'],
    ],
    ['FREQ=WEEKLY;BYMONTH=12;UNTIL=20270110', '2026-12-21', ['2026-12-21', '2026-12-28']],
    ['FREQ=YEARLY;COUNT=3', '2026-12-24', ['2026-12-24', '2027-12-24', '2028-12-24']],
    ['FREQ=YEARLY;INTERVAL=2;COUNT=2', '2026-12-24', ['2026-12-24', '2028-12-24']],
    // 29 February is there in leap years only.
    ['FREQ=YEARLY;COUNT=2', '2028-02-29', ['2028-02-29', '2032-02-29']],
    ['FREQ=YEARLY;UNTIL=20310301', '2028-02-29', ['2028-02-29']],
    [
      'FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=24,25;COUNT=4',
      '2026-12-24',
      ['2026-12-24', '2026-12-25', '2027-12-24', '2027-12-25'],
    ],
    ['FREQ=YEARLY;BYMONTH=5,11;COUNT=3', '2026-11-08', ['2026-11-08', '2027-05-08', '2027-11-08']],
    ['FREQ=YEARLY;BYMONTHDAY=31;COUNT=3', '2026-12-31', ['2026-12-31', '2027-01-31', '2027-03-31']],
    // RFC 5545: every day in January, for three years.
    [
      'FREQ=DAILY;BYMONTH=1;BYMONTHDAY=30,31;COUNT=3',
      '1998-01-30',
      ['1998-01-30', '1998-01-31', '1999-01-30'],
    ],
    [
      'FREQ=DAILY;BYDAY=FR;BYMONTHDAY=13;COUNT=3',
      '1998-02-13',
      ['1998-02-13', '1998-03-13', '1998-11-13'],
    ],
  ])('%s from %s', (rule, first, expected) => {
    const days = expandRule(rule, parseDate(first)!);
    expect(typeof days === 'string' ? days : days.map(formatDate)).toEqual(expected);
  });
});

describe('a rule is refused', () => {
  test.each([
    ['FREQ=MONTHLY;COUNT=2', 'has FREQ=MONTHLY; valid: DAILY, WEEKLY, YEARLY'],
    ['FREQ=HOURLY;COUNT=2', 'has FREQ=HOURLY; valid: DAILY, WEEKLY, YEARLY'],
    ['COUNT=2', 'has FREQ=; valid: DAILY, WEEKLY, YEARLY'],
    ['FREQ=DAILY', 'has no end, or two; valid: COUNT or UNTIL'],
    ['FREQ=DAILY;COUNT=2;UNTIL=20271231', 'has no end, or two; valid: COUNT or UNTIL'],
    ['FREQ=DAILY;COUNT=0', 'has COUNT=0; valid: 1 to 1827'],
    ['FREQ=DAILY;COUNT=-1', 'has COUNT=-1; valid: 1 to 1827'],
    ['FREQ=DAILY;INTERVAL=0;COUNT=2', 'has INTERVAL=0; valid: 1 to 1827'],
    ['FREQ=DAILY;COUNT=2;COUNT=3', 'has COUNT twice'],
    [
      'FREQ=DAILY;UNTIL=20270230',
      'has UNTIL=20270230; valid for a whole day: a date such as 20271231',
    ],
    [
      'FREQ=DAILY;UNTIL=20271231T000000Z',
      'has UNTIL=20271231T000000Z; valid for a whole day: a date such as 20271231',
    ],
    ['FREQ=DAILY;UNTIL=20251231', 'ends before the event begins'],
    ['FREQ=YEARLY;UNTIL=20320101', 'runs for more than five years'],
    ['FREQ=YEARLY;COUNT=7', 'runs for more than five years'],
    ['FREQ=WEEKLY;COUNT=2;BYDAY=XX', 'has BYDAY=XX; valid: MO, TU, WE, TH, FR, SA, SU'],
    ['FREQ=WEEKLY;COUNT=2;BYDAY=1MO', 'has BYDAY=1MO; valid: MO, TU, WE, TH, FR, SA, SU'],
    ['FREQ=WEEKLY;COUNT=2;BYMONTHDAY=1', 'has BYMONTHDAY in a week'],
    ['FREQ=YEARLY;COUNT=2;BYDAY=MO', 'has BYDAY in a year; valid there: BYMONTH, BYMONTHDAY'],
    ['FREQ=YEARLY;COUNT=2;BYMONTH=13', 'has BYMONTH=13; valid: 1 to 12'],
    ['FREQ=YEARLY;COUNT=2;BYMONTHDAY=-1', 'has BYMONTHDAY=-1; valid: 1 to 31'],
    // 2026-11-23 is a Monday.
    ['FREQ=WEEKLY;COUNT=2;BYDAY=TU', 'does not hold for the day on which the event begins'],
    ['FREQ=YEARLY;COUNT=2;BYMONTH=12', 'does not hold for the day on which the event begins'],
  ])('%s', (rule, words) => {
    expect(expandRule(rule, parseDate('2026-11-23')!)).toBe(words);
  });

  test('with parts that stand for times or positions, by the part', () => {
    for (const part of ['BYHOUR=9', 'BYSETPOS=1', 'BYWEEKNO=1', 'BYYEARDAY=1', '', 'X']) {
      const words = expandRule(`FREQ=DAILY;COUNT=2;${part}`, parseDate('2026-11-23')!);
      expect(words).toContain(`has ${JSON.stringify(part)}; valid: FREQ, INTERVAL, `);
    }
  });

  test('five years and a day after the event begins', () => {
    const first = parseDate('2026-11-23')!;
    expect(expandRule('FREQ=YEARLY;COUNT=6', first)).toHaveLength(6);
    expect(expandRule('FREQ=DAILY;UNTIL=20311123', first)).toHaveLength(1827);
    expect(expandRule('FREQ=DAILY;UNTIL=20311124', first)).toBe('runs for more than five years');
  });
});
