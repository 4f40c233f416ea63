/**
 * The days on which a recurring all-day event begins (RFC 5545, section 3.3.10): by the day, by the week
 * or by the year, with an end within five years. Everything else is refused rather than guessed.
 *
 * Each day from the first one on is held against the rule. That is slower than counting forward and has
 * no corner: 29 February and the fifth week of a month are days that match or do not.
 */

import { parseIcsDate } from './ics-date.ts';

const DAY_MS = 86_400_000;
/** Five years, with two leap days: how far the last occurrence may be from the first. */
export const RULE_DAYS_MAX = 5 * 365 + 2;
const WEEKDAYS = ['MO', 'TU', 'WE', 'TH', 'FR', 'SA', 'SU'];
const FREQUENCIES = ['DAILY', 'WEEKLY', 'YEARLY'];
const PARTS = new Set([
  'FREQ',
  'INTERVAL',
  'COUNT',
  'UNTIL',
  'WKST',
  'BYDAY',
  'BYMONTH',
  'BYMONTHDAY',
]);

interface Rule {
  readonly frequency: string;
  readonly interval: number;
  readonly count: number | null;
  readonly untilDay: number | null;
  /** Monday is 0. */
  readonly weekStart: number;
  /** Null = every. Months from 1, days of the month from 1, weekdays from Monday = 0. */
  readonly months: readonly number[] | null;
  readonly monthDays: readonly number[] | null;
  readonly weekdays: readonly number[] | null;
}

/** What cannot be expressed, as the end of a sentence about the rule. */
class Refusal extends Error {}

/**
 * @param text the value of RRULE
 * @param firstDay days from 1970-01-01 of DTSTART, which is the first occurrence
 * @returns days from 1970-01-01 in order, or the words for what is wrong
 */
export function expandRule(text: string, firstDay: number): readonly number[] | string {
  try {
    return daysOf(parseRule(text, firstDay), firstDay);
  } catch (error) {
    if (error instanceof Refusal) return error.message;
    throw error;
  }
}

function daysOf(rule: Rule, firstDay: number): number[] {
  const days: number[] = [];
  const lastDay = firstDay + RULE_DAYS_MAX - 1;
  const until = rule.untilDay ?? lastDay;
  if (until < firstDay) throw new Refusal('ends before the event begins');
  if (until > lastDay) throw new Refusal('runs for more than five years');
  for (let day = firstDay; day <= until && days.length !== rule.count; day++) {
    if (matches(rule, day, firstDay)) days.push(day);
  }
  if (days[0] !== firstDay)
    throw new Refusal('does not hold for the day on which the event begins');
  if (rule.count !== null && days.length < rule.count) {
    throw new Refusal('runs for more than five years');
  }
  return days;
}

function matches(rule: Rule, day: number, firstDay: number): boolean {
  const { frequency, interval, months, monthDays, weekdays } = rule;
  const date = new Date(day * DAY_MS);
  if (weekdays !== null && !weekdays.includes(weekdayOf(day))) return false;
  if (months !== null && !months.includes(date.getUTCMonth() + 1)) return false;
  if (monthDays !== null && !monthDays.includes(date.getUTCDate())) return false;
  if (frequency === 'DAILY') return (day - firstDay) % interval === 0;
  if (frequency === 'YEARLY') {
    return (date.getUTCFullYear() - new Date(firstDay * DAY_MS).getUTCFullYear()) % interval === 0;
  }
  const firstWeek = firstDay - ((weekdayOf(firstDay) - rule.weekStart + 7) % 7);
  return Math.floor((day - firstWeek) / 7) % interval === 0;
}

function parseRule(text: string, firstDay: number): Rule {
  const parts = partsOf(text);
  const frequency = parts.get('FREQ') ?? '';
  if (!FREQUENCIES.includes(frequency)) {
    throw new Refusal(`has FREQ=${frequency}; valid: DAILY, WEEKLY, YEARLY`);
  }
  const [countText, untilText] = [parts.get('COUNT'), parts.get('UNTIL')];
  if ((countText === undefined) === (untilText === undefined)) {
    throw new Refusal('has no end, or two; valid: COUNT or UNTIL');
  }
  const untilDay = untilText === undefined ? null : parseIcsDate(untilText);
  if (untilText !== undefined && untilDay === null) {
    throw new Refusal(`has UNTIL=${untilText}; valid for a whole day: a date such as 20271231`);
  }
  return {
    frequency,
    interval: numberOf('INTERVAL', parts.get('INTERVAL') ?? '1', RULE_DAYS_MAX),
    count: countText === undefined ? null : numberOf('COUNT', countText, RULE_DAYS_MAX),
    untilDay,
    weekStart: placeOf('WKST', parts.get('WKST') ?? 'MO'),
    ...whichDays(frequency, parts, firstDay),
  };
}

/** What the rule leaves open comes from the first day (the table in section 3.3.10). */
function whichDays(
  frequency: string,
  parts: ReadonlyMap<string, string>,
  firstDay: number,
): Pick<Rule, 'months' | 'monthDays' | 'weekdays'> {
  const first = new Date(firstDay * DAY_MS);
  const byMonth = listOf('BYMONTH', parts, (part, text) => numberOf(part, text, 12));
  const byMonthDay = listOf('BYMONTHDAY', parts, (part, text) => numberOf(part, text, 31));
  const byDay = listOf('BYDAY', parts, placeOf);
  if (frequency === 'WEEKLY') {
    if (byMonthDay !== null) throw new Refusal('has BYMONTHDAY in a week');
    return { months: byMonth, monthDays: null, weekdays: byDay ?? [weekdayOf(firstDay)] };
  }
  if (frequency === 'DAILY') return { months: byMonth, monthDays: byMonthDay, weekdays: byDay };
  if (byDay !== null) throw new Refusal('has BYDAY in a year; valid there: BYMONTH, BYMONTHDAY');
  const isYearDay = byMonth === null && byMonthDay === null;
  return {
    months: isYearDay ? [first.getUTCMonth() + 1] : byMonth,
    monthDays: byMonthDay ?? [first.getUTCDate()],
    weekdays: null,
  };
}

function partsOf(text: string): Map<string, string> {
  const parts = new Map<string, string>();
  for (const part of text.toUpperCase().split(';')) {
    const [name = '', value = ''] = part.split('=');
    if (!PARTS.has(name)) {
      throw new Refusal(`has ${JSON.stringify(part)}; valid: ${[...PARTS].join(', ')}`);
    }
    if (parts.has(name)) throw new Refusal(`has ${name} twice`);
    parts.set(name, value);
  }
  return parts;
}

function listOf(
  part: string,
  parts: ReadonlyMap<string, string>,
  parse: (part: string, text: string) => number,
): number[] | null {
  const text = parts.get(part);
  return text === undefined ? null : text.split(',').map((each) => parse(part, each));
}

function numberOf(part: string, text: string, max: number): number {
  const number = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  if (number < 1 || number > max) throw new Refusal(`has ${part}=${text}; valid: 1 to ${max}`);
  return number;
}

function placeOf(part: string, text: string): number {
  const place = WEEKDAYS.indexOf(text);
  if (place < 0) throw new Refusal(`has ${part}=${text}; valid: ${WEEKDAYS.join(', ')}`);
  return place;
}

function weekdayOf(day: number): number {
  // 1970-01-01 was a Thursday.
  return (day + 3) % 7;
}
