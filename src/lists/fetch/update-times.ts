/**
 * When a list is looked for again. Times are drawn, so that a thousand servers that were installed by
 * one script, or forty lists of one document, do not all knock at the same minute.
 */

export const UPDATE_SECONDS_DEFAULT = 86_400;
/** Of an interval, to either side. */
const JITTER = 0.1;
const FIRST_RETRY_SECONDS = 60;
const RETRY_SECONDS_MAX = 6 * 3_600;
/** A file is watched; this is for what the watch cannot see, such as a network file system. */
export const FILE_SECONDS = 30;

/** @param random from 0 to 1, 1 excluded */
export function secondsToNextUpdate(updateSeconds: number, random: number): number {
  return Math.round(updateSeconds * (1 - JITTER + 2 * JITTER * random));
}

/**
 * Twice as long after each failure, but not longer than the list's own interval or a quarter of a day;
 * the second half of that time is drawn.
 * @param failures in a row, this one included
 */
export function secondsToNextAttempt(
  failures: number,
  updateSeconds: number,
  random: number,
): number {
  const most = Math.min(updateSeconds, RETRY_SECONDS_MAX);
  const wait = Math.min(most, FIRST_RETRY_SECONDS * 2 ** Math.min(failures - 1, 30));
  return Math.round(wait * (0.5 + 0.5 * random));
}
