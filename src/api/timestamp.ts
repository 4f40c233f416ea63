/** Points in time as the API speaks of them: RFC 3339 outside, seconds since the Unix epoch inside. */

import { DATE_LENGTH, parseDate } from '../lib/calendar.ts';
import { AppError } from '../lib/errors.ts';

const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?([Zz]|[+-]\d{2}:\d{2})$/;

/** @throws AppError `REQUEST_INVALID` */
export function parseSecond(field: string, text: string): number {
  const isWritten = RFC_3339.test(text) && parseDate(text.slice(0, DATE_LENGTH)) !== null;
  const ms = isWritten ? Date.parse(text) : Number.NaN;
  if (!Number.isNaN(ms)) return Math.floor(ms / 1000);
  throw new AppError(
    'REQUEST_INVALID',
    `${field}: ${JSON.stringify(text)} is no point in time; valid: such as 2027-02-28T21:00:00+03:00`,
  );
}

export function secondText(second: number): string {
  return new Date(second * 1000).toISOString();
}
