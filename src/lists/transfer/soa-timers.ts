/**
 * When a zone is looked at again, by the numbers of its SOA (RFC 1035, section 3.3.13) within bounds of
 * ours: a primary can neither keep us busy nor keep us from looking for a week.
 *
 *     refresh    from a look that reached a primary to the next         1 minute … 1 day
 *     retry      after one that did not, and doubled each time         30 seconds … refresh
 *     expire     without any: the copy counts as expired                1 hour … 4 weeks
 */

import type { Soa } from '../../dns/canonical-rdata.ts';

export type SoaTimers = Pick<Soa, 'refreshSeconds' | 'retrySeconds' | 'expireSeconds'>;

/** Until a primary has said otherwise. */
export const FIRST_TIMERS: SoaTimers = {
  refreshSeconds: 3600,
  retrySeconds: 60,
  expireSeconds: 604_800,
};

const REFRESH_MIN = 60;
const REFRESH_MAX = 86_400;
const RETRY_MIN = 30;
const EXPIRE_MIN = 3600;
const EXPIRE_MAX = 28 * 86_400;
/** Looks are this much earlier at most, so that many servers do not look at once. */
const JITTER = 0.1;

export function boundTimers(soa: SoaTimers): SoaTimers {
  const refreshSeconds = bound(soa.refreshSeconds, REFRESH_MIN, REFRESH_MAX);
  const retrySeconds = bound(soa.retrySeconds, RETRY_MIN, refreshSeconds);
  const expireSeconds = bound(soa.expireSeconds, EXPIRE_MIN, EXPIRE_MAX);
  return { refreshSeconds, retrySeconds, expireSeconds };
}

/**
 * Seconds until the next look.
 * @param failures in a row; 0 after a success
 * @param random from 0 to 1
 */
export function secondsToNextLook(timers: SoaTimers, failures: number, random: number): number {
  const { refreshSeconds, retrySeconds } = boundTimers(timers);
  const seconds =
    failures === 0
      ? refreshSeconds
      : Math.min(refreshSeconds, retrySeconds * 2 ** Math.min(failures - 1, 16));
  return Math.round(seconds * (1 - JITTER * random));
}

function bound(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}
