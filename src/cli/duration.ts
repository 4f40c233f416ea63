/** Lengths of time as people type them: `30m`, `1h`, `1h30m`, `2d`. */

import { AppError } from '../lib/errors.ts';

const UNITS = /^(?:(\d{1,4})d)?(?:(\d{1,5})h)?(?:(\d{1,6})m)?$/;

/**
 * @returns whole minutes, 1 or more
 * @throws AppError `OPTION_INVALID`
 */
export function parseMinutes(text: string): number {
  const match = UNITS.exec(text);
  const [days = 0, hours = 0, minutes = 0] = (match?.slice(1) ?? []).map(
    (part: string | undefined) => Number(part ?? 0),
  );
  const total = (days * 24 + hours) * 60 + minutes;
  if (match !== null && total > 0) return total;
  throw new AppError('OPTION_INVALID', `--for: "${text}"; valid: such as 30m, 1h30m or 2d`);
}
