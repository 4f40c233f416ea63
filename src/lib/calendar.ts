/** Dates and minutes as people write them, and as the numbers that schedules are made of. */

const DAY_MS = 86_400_000;
/** The end of a day, where a window may end but none begins. */
export const MINUTES_OF_DAY = 1_440;

/** Of a date as text. */
export const DATE_LENGTH = '2027-02-28'.length;

/** Days since 1970-01-01 of `2027-02-28`; null where there is no such date. */
export function parseDate(text: string): number | null {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return null;
  const ms = Date.parse(`${text}T00:00:00Z`);
  // Engines differ on 30 February: some refuse it, some call it 2 March.
  if (Number.isNaN(ms) || ms < 0 || formatDate(ms / DAY_MS) !== text) return null;
  return ms / DAY_MS;
}

export function formatDate(day: number): string {
  return new Date(day * DAY_MS).toISOString().slice(0, 10);
}

/** Minutes since midnight of `21:30`, 24:00 included; null where there is no such time. */
export function parseMinute(text: string): number | null {
  if (!/^\d{2}:\d{2}$/.test(text)) return null;
  const [hours, minutes] = [Number(text.slice(0, 2)), Number(text.slice(3))];
  const minute = hours * 60 + minutes;
  return minutes > 59 || minute > MINUTES_OF_DAY ? null : minute;
}
