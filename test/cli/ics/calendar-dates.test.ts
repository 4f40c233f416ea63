import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FILE_OCTETS_MAX, readCalendarDates } from '../../../src/cli/ics/calendar-dates.ts';
import { AppError } from '../../../src/lib/errors.ts';

const SCHOOL_YEAR = readFileSync(
  fileURLToPath(new URL('../../fixtures/school-year.ics', import.meta.url)),
  'utf8',
);
const SCHOOL_DATES = [
  '2026-11-01/2026-11-08',
  '2026-12-24/2027-01-08',
  '2027-03-28/2027-04-03',
  '2027-04-07',
  '2027-04-28',
  '2027-05-06',
  '2027-05-28',
  '2027-06-01',
  '2028-01-01',
  '2029-01-01',
];

describe('the calendar of a school year', () => {
  test('comes to its holidays and exams, merged and in order', () => {
    const read = readCalendarDates(Buffer.from(SCHOOL_YEAR), 'school.ics');
    expect(read).toEqual({ dates: SCHOOL_DATES, events: 8, cancelled: 2 });
  });

  test('is the same with CRLF, with a byte order mark, with blank lines and in lower case', () => {
    for (const text of [
      SCHOOL_YEAR.replaceAll('\n', '\r\n'),
      `\ufeff${SCHOOL_YEAR}`,
      `${SCHOOL_YEAR.replaceAll('END:VEVENT', '\nEND:VEVENT\n\n')}\n`,
      SCHOOL_YEAR.replace(/^[A-Z-]+(?=[:;])/gm, (name) => name.toLowerCase()),
    ]) {
      expect(readCalendarDates(Buffer.from(text), '').dates).toEqual(SCHOOL_DATES);
    }
  });

  test('is the same wherever its lines are folded, within a letter as well', () => {
    const octets = Buffer.from(SCHOOL_YEAR);
    for (const width of [1, 2, 3, 7, 74]) {
      for (const fold of ['\r\n ', '\n\t']) {
        const folded: Buffer[] = [];
        let column = 0;
        for (const octet of octets) {
          // The blanks of lines that are folded already must stay the first of their line.
          if (octet !== 10 && octet !== 32 && column >= width) {
            folded.push(Buffer.from(fold));
            column = 0;
          }
          folded.push(Buffer.from([octet]));
          column = octet === 10 ? 0 : column + 1;
        }
        expect(readCalendarDates(Buffer.concat(folded), '').dates).toEqual(SCHOOL_DATES);
      }
    }
  });
});

describe('an event', () => {
  test.each([
    [['DTSTART;VALUE=DATE:20280229'], ['2028-02-29']],
    [['DTSTART;VALUE=DATE:20280228', 'DTEND;VALUE=DATE:20280301'], ['2028-02-28/2028-02-29']],
    [['DTSTART;VALUE=DATE:20270228', 'DURATION:P2D'], ['2027-02-28/2027-03-01']],
    [['DTSTART;X-A="a;b:c,d";VALUE=DATE:20270228'], ['2027-02-28']],
    [['DTSTART;TZID=Europe/Minsk;VALUE=DATE:20270228'], ['2027-02-28']],
    [
      ['DTSTART:20270228', 'RDATE;VALUE=DATE:20270302,20270304'],
      ['2027-02-28', '2027-03-02', '2027-03-04'],
    ],
    [
      ['DTSTART:20270301', 'RRULE:FREQ=DAILY;COUNT=5', 'EXDATE:20270301,20270303'],
      ['2027-03-02', '2027-03-04/2027-03-05'],
    ],
    // Each occurrence lasts as long as the first.
    [
      ['DTSTART:20270301', 'DTEND:20270304', 'RRULE:FREQ=WEEKLY;COUNT=2'],
      ['2027-03-01/2027-03-03', '2027-03-08/2027-03-10'],
    ],
  ])('with %j is %j', (lines, dates) => {
    expect(readCalendarDates(calendar(event(...lines)), '').dates).toEqual(dates);
  });

  test.each([
    [['DTSTART;VALUE=DATE:20270230'], 5, /"Exam" has DTSTART 20270230, which is no date/],
    [['DTSTART;VALUE=DATE:2027022'], 5, /no date/],
    [['DTSTART;VALUE=DATE:19691231'], 5, /no date from 1970 to 2199/],
    [['DTSTART;VALUE=DATE:22000101'], 5, /no date from 1970 to 2199/],
    [
      ['DTSTART:20260914T090000'],
      5,
      /"Exam" has a time of day, DTSTART 20260914T090000; valid: whole days, such as DTSTART;VALUE=DATE:20260914$/,
    ],
    [['DTSTART;TZID=Europe/Minsk:20260914T090000'], 5, /time of day/],
    [['DTSTART;TZID=Mars/Olympus;VALUE=DATE:20260914'], 5, /unknown zone Mars\/Olympus/],
    [['DTSTART;tzid=Mars/Olympus;value=date:20260914'], 5, /unknown zone Mars\/Olympus/],
    [['LOCATION:Room 5'], 3, /"Exam" has no DTSTART/],
    [['DTSTART:20260914', 'DTEND:20260913'], 6, /ends before it begins/],
    [['DTSTART:20260914', 'DTEND:20260914T100000Z'], 6, /has a time of day, DTEND/],
    [['DTSTART:20260914', 'DTEND:20360914'], 6, /lasts for more than five years/],
    [['DTSTART:20260914', 'DURATION:PT24H'], 6, /lasts PT24H; valid: whole days such as P5D/],
    [['DTSTART:20260914', 'DURATION:P0D'], 6, /lasts P0D/],
    [['DTSTART:20260914', 'DURATION:-P1D'], 6, /lasts -P1D/],
    [['DTSTART:20260914', 'DURATION:P1DT1H'], 6, /lasts P1DT1H/],
    [['DTSTART:20260914', 'DURATION:P99999D'], 6, /lasts for more than five years/],
    [['DTSTART:20260914', 'DTEND:20260915', 'DURATION:P1D'], 7, /both DTEND and DURATION/],
    [['DTSTART:20260914', 'DTSTART:20260915'], 6, /has DTSTART twice/],
    [['DTSTART:20260914', 'RRULE:FREQ=YEARLY'], 6, /cannot be expressed: RRULE has no end/],
    [
      ['DTSTART:20260914', 'RRULE:FREQ=DAILY;COUNT=1', 'RRULE:FREQ=DAILY;COUNT=2'],
      7,
      /RRULE twice/,
    ],
    [['DTSTART:20260914', 'EXRULE:FREQ=DAILY;COUNT=2'], 6, /has an EXRULE/],
    [['DTSTART:20260914', 'RDATE;VALUE=PERIOD:20260914T090000Z/P1D'], 6, /time of day, RDATE/],
    [['DTSTART:20260914', 'EXDATE:20260914,20260931'], 6, /has EXDATE 20260931/],
    [['DTSTART:20260914', 'RECURRENCE-ID;RANGE=THISANDFUTURE:20260914'], 6, /from a day on/],
    [['DTSTART;VALUE="DATE:20260914'], 5, /the parameters of DTSTART are damaged/],
    [['DTSTART;VALUE:20260914'], 5, /the parameters of DTSTART are damaged/],
  ])('with %j is refused with line %d', (lines, line, sentence) => {
    const faults = faultsOf(calendar(event(...lines)));
    const found = faults.find((fault) => fault.startsWith(`line ${line}: `));
    expect(found, faults.join('\n')).toMatch(sentence);
  });

  test('that stands for one occurrence of another takes its place, on the same day too', () => {
    const weekly = event('UID:a', 'DTSTART:20270301', 'RRULE:FREQ=WEEKLY;COUNT=3');
    const longer = event('UID:a', 'RECURRENCE-ID:20270308', 'DTSTART:20270308', 'DURATION:P2D');
    const other = event('UID:b', 'RECURRENCE-ID:20270301', 'DTSTART:20270301');
    const { dates } = readCalendarDates(calendar(weekly, longer, other), '');
    expect(dates).toEqual(['2027-03-01', '2027-03-08/2027-03-09', '2027-03-15']);
  });

  test('that is cancelled is left out, whatever else it says', () => {
    const cancelled = event('STATUS:CANCELLED', 'DTSTART:nonsense', 'RRULE:nonsense');
    const read = readCalendarDates(calendar(cancelled, event('DTSTART:20270228')), '');
    expect(read).toEqual({ dates: ['2027-02-28'], events: 1, cancelled: 1 });
  });

  test('is named by its summary, unescaped, decoded, without control characters, cut', () => {
    const titled = (summary: string) =>
      faultsOf(calendar(`BEGIN:VEVENT\nSUMMARY:${summary}\nEND:VEVENT`))[0];
    expect(titled('A\\, b\\; c\\nd\\\\e')).toBe('line 3: "A, b; c d\\e" has no DTSTART');
    expect(titled('Зимние кани\n кулы')).toBe('line 3: "Зимние каникулы" has no DTSTART');
    expect(titled('two\n  words')).toBe('line 3: "two words" has no DTSTART');
    expect(titled('red \u001b[31m\u009b1m\u0007')).toBe('line 3: "red [31m1m" has no DTSTART');
    expect(titled('x'.repeat(1000))).toBe(`line 3: "${'x'.repeat(39)}…" has no DTSTART`);
  });
});

describe('a calendar', () => {
  test('says all that is wrong at once, in the order of its lines', () => {
    const faults = faultsOf(
      calendar(
        event('DTSTART:20270230'),
        event('DTSTART:20270228'),
        'no line at all',
        event('DTSTART:20270228', 'DURATION:PT1H', 'RRULE:FREQ=MONTHLY;COUNT=2'),
      ),
    );
    expect(faults).toEqual([
      expect.stringMatching(/^line 5: "Exam" has DTSTART/),
      'line 11: this is no line of a calendar; valid: NAME:VALUE',
      expect.stringMatching(/^line 15: "Exam" lasts PT1H/),
      expect.stringMatching(
        /^line 16: "Exam" recurs .*FREQ=MONTHLY; valid: DAILY, WEEKLY, YEARLY$/,
      ),
    ]);
  });

  test.each([
    ['', /^line 1: this is no calendar/],
    ['<!DOCTYPE html>\n<html>\n<a:b>', /^line 1: this is no calendar/],
    ['BEGIN:VEVENT\nEND:VEVENT', /^line 1: BEGIN:VEVENT cannot stand here/],
    ['BEGIN:VCALENDAR\nBEGIN:VCALENDAR', /^line 2: BEGIN:VCALENDAR cannot stand here/],
    ['BEGIN:VCALENDAR\nEND:VEVENT', /^line 2: END:VEVENT ends nothing that is open/],
    ['BEGIN:VCALENDAR', /^it is cut off: END:VCALENDAR is missing/],
    ['BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20270228', /^it is cut off: END:VEVENT is missing/],
    ['BEGIN:VCALENDAR\nEND:VCALENDAR', /^it holds no event that takes place/],
    ['BEGIN:VCALENDAR\nCALSCALE:HEBREW\nEND:VCALENDAR', /^line 2: CALSCALE:HEBREW/],
    ['BEGIN:VCALENDAR\nMETHOD:CANCEL\nEND:VCALENDAR', /^line 2: METHOD:CANCEL/],
    [`BEGIN:VCALENDAR\n${'BEGIN:X\n'.repeat(50)}`, /^line 11: BEGIN:X cannot stand here/],
  ])('%j is refused', (text, sentence) => {
    expect(faultsOf(Buffer.from(text))[0]).toMatch(sentence);
  });

  test('may be followed by another in the same file', () => {
    const both = [calendar(event('DTSTART:20270228')), calendar(event('DTSTART:20270301'))];
    expect(readCalendarDates(Buffer.concat(both), '').dates).toEqual(['2027-02-28/2027-03-01']);
  });

  test('whose events are all cancelled is refused', () => {
    const faults = faultsOf(calendar(event('STATUS:CANCELLED', 'DTSTART:20270228')));
    expect(faults).toEqual(['it holds no event that takes place']);
  });

  test('of more dates than a schedule holds is refused', () => {
    const days = (count: number) =>
      calendar(event('DTSTART:20270103', `RRULE:FREQ=DAILY;INTERVAL=2;COUNT=${count}`));
    expect(readCalendarDates(days(400), '').dates).toHaveLength(400);
    expect(faultsOf(days(401))).toEqual(['it comes to 401 dates; valid: at most 400']);
  });

  test('of too many octets, events, occurrences or octets in a line is refused', () => {
    expect(faultsOf(new Uint8Array(FILE_OCTETS_MAX + 1))).toEqual([
      'it is longer than 1048576 octets',
    ]);
    expect(faultsOf(calendar(event(`DTSTART:${'1'.repeat(20_000)}`)))).toContain(
      'line 5: the parameters of DTSTART are damaged',
    );
    const many = Array<string>(5_001).fill('BEGIN:VEVENT\nDTSTART:20270228\nEND:VEVENT');
    expect(faultsOf(calendar(...many))).toEqual(['line 15003: there are more than 5000 events']);
    expect(readCalendarDates(calendar(...many.slice(1)), '').events).toBe(5_000);
    const long = Array<string>(60).fill(event('DTSTART:20270228', 'RRULE:FREQ=DAILY;COUNT=1800'));
    expect(faultsOf(calendar(...long))).toEqual([expect.stringMatching(/more than 100000 times/)]);
  });

  test('with a thousand faults shows a hundred and counts the rest', () => {
    const faults = faultsOf(calendar(...Array<string>(1_000).fill(event('DTSTART:nonsense'))));
    expect(faults).toHaveLength(101);
    expect(faults.at(-1)).toBe('and 900 more');
  });
});

describe('any octets', () => {
  const words = [
    'BEGIN:',
    'END:',
    'VCALENDAR',
    'VEVENT',
    'DTSTART',
    ';VALUE=DATE',
    ':20270228',
    '\n',
  ];
  const more = [
    'RRULE:FREQ=',
    'DAILY;COUNT=3',
    'EXDATE',
    ';TZID="',
    '"',
    ',',
    ' ',
    '\r\n',
    '\u00ff',
  ];
  const aText = fc
    .array(fc.constantFrom(...words, ...more, 'RECURRENCE-ID', 'DURATION:P1W', 'STATUS:CANCELLED'))
    .map((parts) => Buffer.from(`BEGIN:VCALENDAR\nBEGIN:VEVENT\n${parts.join('')}`));

  test('are read or refused with a sentence', () => {
    fc.assert(
      fc.property(fc.oneof(aText, fc.uint8Array({ maxLength: 400 })), (octets) => {
        try {
          expect(readCalendarDates(octets, '').dates.length).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(AppError);
          expect((error as AppError).faults.length).toBeGreaterThan(0);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  test('of the longest file are refused in time', { timeout: 60_000 }, () => {
    for (const line of [
      'EXDATE;TZID=A:20270228\n',
      'RDATE:20270228,20270301\n',
      ';a="b",c',
      'DTSTART;a=b;a=b;a=b\n',
      ' ',
      'SUMMARY:\\n\n',
      'BEGIN:VALARM\nEND:VALARM\n',
    ]) {
      const head = 'BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20270228\nEXDATE';
      const body = line.repeat(Math.floor((FILE_OCTETS_MAX - head.length) / line.length));
      expect(faultsOf(Buffer.from(head + body)).length).toBeGreaterThan(0);
    }
  });
});

function event(...lines: string[]): string {
  return ['BEGIN:VEVENT', 'SUMMARY:Exam', ...lines, 'END:VEVENT'].join('\n');
}

function calendar(...parts: string[]): Buffer {
  return Buffer.from(['BEGIN:VCALENDAR', 'VERSION:2.0', ...parts, 'END:VCALENDAR', ''].join('\n'));
}

function faultsOf(content: Uint8Array): readonly string[] {
  try {
    readCalendarDates(content, 'a.ics');
  } catch (error) {
    expect(error).toMatchObject({ code: 'CALENDAR_INVALID' });
    return (error as AppError).faults;
  }
  expect.fail('the calendar was taken');
}
