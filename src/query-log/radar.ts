/**
 * Signs of a way round the filter, by profile and day. They end in one calm sentence for the parent and
 * in nothing else: no rule follows from a sign.
 *
 * Canaries are asked by every Firefox and every iPhone (row 3 of the decision), so they are counted
 * and never spoken of. A web page may bring some random-looking names; a tunnel brings them all
 * the time. So what is counted is minutes with at least `TUNNEL_NAMES_A_MINUTE` of them, each name once
 * where the level keeps names. Where it keeps none, each query counts.
 */

import {
  EVENT_IS_BYPASS,
  EVENT_IS_CANARY,
  EVENT_IS_TUNNEL_LIKE,
  type RingEvent,
} from '../lib/event-ring.ts';
import type { Language } from '../lib/messages.ts';
import { fillMessage } from '../lib/messages.ts';
import { PARENT_MESSAGES } from '../lib/parent-messages.ts';
import type { LogDb } from './log-tables.ts';
import type { Silence } from './silence.ts';
import { findSilence } from './silence.ts';
import type { DayCounts } from './statistics.ts';

export const TUNNEL_NAMES_A_MINUTE = 20;
/** From here on there is a sentence: an app that looks for a way round once is no sign. */
const BYPASS_SPOKEN_MIN = 5;
const TUNNEL_MINUTES_SPOKEN_MIN = 3;
/** Profiles whose names of this minute are remembered. */
const PROFILES_MAX = 10_000;
const WEEK_DAYS = 7;
const WEEKS = 3;

interface TunnelMinute {
  /** Minutes since the Unix epoch. */
  minute: number;
  queries: number;
  readonly names: Set<string>;
}

export class Radar {
  readonly #tunnelMinutes = new Map<number, TunnelMinute>();

  /** @param counts those of the event's profile and day */
  note(event: RingEvent, counts: DayCounts): void {
    if ((event.flags & EVENT_IS_CANARY) !== 0) counts.canaries++;
    else if ((event.flags & EVENT_IS_BYPASS) !== 0) counts.bypass++;
    if ((event.flags & EVENT_IS_TUNNEL_LIKE) !== 0 && this.#isTunnelMinute(event)) {
      counts.tunnelMinutes++;
    }
  }

  drop(numbers: readonly number[]): void {
    for (const number of numbers) this.#tunnelMinutes.delete(number);
  }

  /** True for the one event of a minute that reaches the limit. */
  #isTunnelMinute({ profile, second, name }: RingEvent): boolean {
    const minute = Math.floor(second / 60);
    let state = this.#tunnelMinutes.get(profile);
    if (state?.minute !== minute) {
      if (state === undefined && this.#tunnelMinutes.size >= PROFILES_MAX) {
        this.#tunnelMinutes.clear();
      }
      state = { minute, queries: 0, names: new Set() };
      this.#tunnelMinutes.set(profile, state);
    }
    if (state.queries >= TUNNEL_NAMES_A_MINUTE) return false;
    if (name.length > 0) {
      const key = Buffer.from(name).toString('latin1');
      if (state.names.has(key)) return false;
      state.names.add(key);
    }
    state.queries++;
    if (state.queries < TUNNEL_NAMES_A_MINUTE) return false;
    state.names.clear();
    return true;
  }
}

export interface RadarSign {
  /** Days since 1970-01-01 of the profile's local date. */
  readonly day: number;
  readonly number: number;
  /** Queries for names of category `bypass`. */
  readonly bypass: number;
  readonly canaries: number;
  readonly tunnelMinutes: number;
  readonly silence: Silence | null;
  /** For the parent; null where there is nothing to speak of. */
  readonly sentence: string | null;
}

export interface RadarQuestion {
  /** Profiles to read. */
  readonly numbers: readonly number[];
  /** All of the household: who must have been heard for a silence to mean something. */
  readonly household: readonly number[];
  readonly fromDay: number;
  /** Included. */
  readonly toDay: number;
  /** The present local day, and how many hours of it are over. */
  readonly today: number;
  readonly hoursOver: number;
  readonly language: Language;
}

/** Days on which there was a sign, ordered by day, then profile number. */
export async function readSigns(db: LogDb, question: RadarQuestion): Promise<RadarSign[]> {
  const { numbers, household, fromDay, toDay, today, hoursOver, language } = question;
  if (numbers.length === 0) return [];
  const counts = await db
    .selectFrom('radar')
    .selectAll()
    .where('day', 'in', daysBetween(fromDay, toDay))
    .where('profile', 'in', numbers)
    .execute();
  const countsOf = new Map(counts.map((row) => [`${row.day} ${row.profile}`, row]));
  const hours = await readHours(db, household, fromDay - WEEKS * WEEK_DAYS, toDay);
  const hoursOf = (number: number, day: number) => hours.get(`${day} ${number}`) ?? 0;
  const signs: RadarSign[] = [];
  for (const day of daysBetween(fromDay, Math.min(toDay, today))) {
    for (const number of numbers) {
      const weeks = Array.from({ length: WEEKS }, (_, week) =>
        hoursOf(number, day - (week + 1) * WEEK_DAYS),
      );
      // Its own hours do not matter: in an hour of silence there are none.
      const others = household.reduce((mask, other) => mask | hoursOf(other, day), 0);
      const over = day === today ? hoursOver : 24;
      const silence = findSilence(hoursOf(number, day), weeks, others, over);
      const row = countsOf.get(`${day} ${number}`);
      if (row === undefined && silence === null) continue;
      const sign = {
        day,
        number,
        bypass: row?.bypass ?? 0,
        canaries: row?.canaries ?? 0,
        tunnelMinutes: row?.tunnel_minutes ?? 0,
        silence,
      };
      signs.push({ ...sign, sentence: sentenceOf(sign, language) });
    }
  }
  return signs;
}

/** One sentence for a day: of the clearest sign. */
function sentenceOf(
  { bypass, tunnelMinutes, silence }: Omit<RadarSign, 'sentence'>,
  language: Language,
): string | null {
  const messages = PARENT_MESSAGES[language];
  if (tunnelMinutes >= TUNNEL_MINUTES_SPOKEN_MIN) {
    return fillMessage(messages.tunnelLike, { count: String(tunnelMinutes) });
  }
  if (bypass >= BYPASS_SPOKEN_MIN) {
    return fillMessage(messages.bypassAsked, { count: String(bypass) });
  }
  if (silence === null) return null;
  return fillMessage(messages.wentSilent, {
    from: `${silence.fromHour}:00`,
    until: `${silence.untilHour}:00`,
  });
}

/** Masks of local hours with a query, by `day number`. */
async function readHours(
  db: LogDb,
  numbers: readonly number[],
  fromDay: number,
  toDay: number,
): Promise<Map<string, number>> {
  const rows = await db
    .selectFrom('statistics')
    .select(['day', 'profile', 'hours'])
    .where('day', 'in', daysBetween(fromDay, toDay))
    .where('profile', 'in', numbers)
    .execute();
  return new Map(rows.map(({ day, profile, hours }) => [`${day} ${profile}`, hours]));
}

/** Both included. A list, because a row's key begins with the day: so each day is one look-up. */
export function daysBetween(fromDay: number, toDay: number): number[] {
  return Array.from({ length: Math.max(0, toDay - fromDay + 1) }, (_, index) => fromDay + index);
}
