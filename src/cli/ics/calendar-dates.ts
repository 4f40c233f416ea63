/**
 * The all-day events of an iCalendar file (RFC 5545) as the `dates` of a schedule. Times of day and
 * recurrences without an end cannot be said there: they are refused with their lines, all at once, and
 * nothing is guessed. The file is from anywhere, so everything in it is bounded.
 */

import { formatDate } from '../../lib/calendar.ts';
import { AppError } from '../../lib/errors.ts';
import { SCHEDULE_DATES_MAX } from '../../store/document.ts';
import type { Fault } from './content-lines.ts';
import { EVENT_PROPERTIES, isCancelled, readEventDays } from './event-days.ts';
import type { EventDays } from './event-days.ts';
import { readEvents } from './events.ts';
import type { CalendarEvent } from './events.ts';

export const FILE_OCTETS_MAX = 1024 * 1024;
/** Of all events together. */
const OCCURRENCES_MAX = 100_000;
const FAULTS_SHOWN_MAX = 100;

export interface CalendarDates {
  /** `2026-12-24` or `2026-12-24/2027-01-08`, both included: in order, with days between them. */
  readonly dates: readonly string[];
  readonly events: number;
  readonly cancelled: number;
}

/** Both included. */
interface DayRange {
  readonly firstDay: number;
  lastDay: number;
}

/**
 * @param origin what the calendar is called in the error
 * @throws AppError `CALENDAR_INVALID` with every fault
 */
export function readCalendarDates(content: Uint8Array, origin: string): CalendarDates {
  const faults: Fault[] = [];
  if (content.length > FILE_OCTETS_MAX) {
    faults.push({ line: Infinity, text: `it is longer than ${FILE_OCTETS_MAX} octets` });
    throw invalid(origin, faults);
  }
  const events = readEvents(content, EVENT_PROPERTIES, faults);
  const ranges = merge(rangesOf(readAll(events, faults)));
  if (ranges.length === 0 && faults.length === 0) {
    faults.push({ line: Infinity, text: 'it holds no event that takes place' });
  }
  if (ranges.length > SCHEDULE_DATES_MAX) {
    const text = `it comes to ${ranges.length} dates; valid: at most ${SCHEDULE_DATES_MAX}`;
    faults.push({ line: Infinity, text });
  }
  if (faults.length > 0) throw invalid(origin, faults);
  const cancelled = events.filter(isCancelled).length;
  return { dates: ranges.map(textOf), events: events.length - cancelled, cancelled };
}

function readAll(events: readonly CalendarEvent[], faults: Fault[]): EventDays[] {
  const all: EventDays[] = [];
  let count = 0;
  for (const event of events) {
    const days = readEventDays(event, faults);
    count += days.startDays.length;
    if (count > OCCURRENCES_MAX) {
      const text = `the events until here take place more than ${OCCURRENCES_MAX} times`;
      faults.push({ line: event.line, text });
      break;
    }
    all.push(days);
  }
  return all;
}

function rangesOf(all: readonly EventDays[]): DayRange[] {
  const replaced = new Set(
    all.flatMap(({ uid, replacedDay }) => (replacedDay === null ? [] : [`${replacedDay} ${uid}`])),
  );
  return all.flatMap(({ uid, replacedDay, startDays, length }) =>
    startDays
      .filter((day) => replacedDay !== null || !replaced.has(`${day} ${uid}`))
      .map((day) => ({ firstDay: day, lastDay: day + length - 1 })),
  );
}

function merge(ranges: readonly DayRange[]): DayRange[] {
  const merged: DayRange[] = [];
  for (const range of [...ranges].sort((a, b) => a.firstDay - b.firstDay)) {
    const last = merged.at(-1);
    if (last === undefined || last.lastDay + 1 < range.firstDay) merged.push({ ...range });
    else last.lastDay = Math.max(last.lastDay, range.lastDay);
  }
  return merged;
}

function textOf({ firstDay, lastDay }: DayRange): string {
  return firstDay === lastDay
    ? formatDate(firstDay)
    : `${formatDate(firstDay)}/${formatDate(lastDay)}`;
}

function invalid(origin: string, all: readonly Fault[]): AppError {
  const shown = [...all].sort((a, b) => a.line - b.line).slice(0, FAULTS_SHOWN_MAX);
  const faults = shown.map(({ line, text }) =>
    line === Infinity ? text : `line ${line}: ${text}`,
  );
  if (all.length > shown.length) faults.push(`and ${all.length - shown.length} more`);
  const count = all.length === 1 ? '1 fault' : `${all.length} faults`;
  return new AppError('CALENDAR_INVALID', `Reading the calendar ${origin}: ${count}`, { faults });
}
