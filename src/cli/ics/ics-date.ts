/** Dates and durations as iCalendar writes them (RFC 5545, sections 3.3.4 and 3.3.6). */

import { parseDate } from '../../lib/calendar.ts';

/**
 * Days from 1970-01-01 of `20271231`; null where there is no such date from 1970 to 2199, or it is a
 * time of day.
 */
export function parseIcsDate(text: string): number | null {
  if (!/^\d{8}$/.test(text) || text > '21991231') return null;
  return parseDate(`${text.slice(0, 4)}-${text.slice(4, 6)}-${text.slice(6)}`);
}

/** Whole days of `P3D` or `P2W`; null where it is anything else, or nothing. */
export function parseIcsDays(text: string): number | null {
  const match = /^\+?P(?:(\d{1,4})W|(\d{1,5})D)$/.exec(text);
  if (match === null) return null;
  const [, weeks = '0', days = '0'] = match;
  return Number(weeks) * 7 + Number(days) || null;
}
