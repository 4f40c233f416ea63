/**
 * The wall clocks of IANA zones, as arithmetic. `Intl` knows them but needs microseconds for each
 * question, so a zone is asked once for each stretch of 32 days: day by day, and by bisection where two
 * days differ. From then on an offset is a look into a short array.
 *
 *     second   1774746000        1774746000 + 3600
 *     ─────────────┬──────────────────────┬─────────────▶
 *      + 3600      │       + 7200         │                segments of Europe/Warsaw, spring 2026
 *       01:59:59   │ 03:00:00             │ 04:00:00       wall clock: 02:00 to 03:00 is the gap
 *
 * Seconds count from the Unix epoch, days from 1970-01-01 of the local date, minutes from the local
 * 00:00 by the wall clock (never elapsed minutes: a day of 23 hours ends at 24:00 too). Offsets have
 * whole seconds: 45 minutes (Asia/Kathmandu) and 44 minutes 30 seconds (Monrovia until 1972) exist.
 *
 * One day holds one change at most: the closest two in the zone database since 1970 are six days and
 * 23 hours apart. Bounds: `ZONES_MAX`, `STRETCHES_MAX`.
 */

import { assert } from '../lib/assert.ts';
import { AppError } from '../lib/errors.ts';

export const DAY_SECONDS = 86_400;

const STRETCH_SECONDS = 32 * DAY_SECONDS;
/** Of one zone; ten years. */
const STRETCHES_MAX = 120;
/** There are about 600 names; other spellings in upper and lower case are zones as well. */
const ZONES_MAX = 1_000;
/** No zone is further from UTC, and no gap wider: Pacific/Apia skipped one whole day in 2011. */
const AROUND_SECONDS = 2 * DAY_SECONDS;

/** From `openZone`; everything in it belongs to this file. */
export interface Zone {
  /** As asked for, such as `Europe/Minsk`. */
  readonly name: string;
  readonly offsetFormat: Intl.DateTimeFormat;
  /** By the number of the stretch; a stretch is covered without holes. */
  readonly stretches: Map<number, readonly Segment[]>;
}

/** A span of constant offset, [from, until); local second = second + offset. */
export interface Segment {
  readonly fromSecond: number;
  readonly untilSecond: number;
  readonly offsetSeconds: number;
}

/** What a clock on the wall shows. */
export interface LocalTime {
  /** Days from 1970-01-01 to the local date. */
  day: number;
  /** 0 to 1439. */
  minute: number;
  /** 0 to 59. */
  second: number;
}

const zones = new Map<string, Zone>();

/**
 * The zone of this name; the same object while it is remembered.
 * @throws AppError `ZONE_UNKNOWN`
 */
export function openZone(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const zone = { name, offsetFormat: createOffsetFormat(name), stretches: new Map() };
  if (zones.size >= ZONES_MAX) zones.clear();
  zones.set(name, zone);
  return zone;
}

export function offsetSecondsAt(zone: Zone, second: number): number {
  return segmentAt(zone, second).offsetSeconds;
}

export function localOf(zone: Zone, second: number): LocalTime {
  const local = second + offsetSecondsAt(zone, second);
  const day = Math.floor(local / DAY_SECONDS);
  const secondOfDay = local - day * DAY_SECONDS;
  return { day, minute: Math.floor(secondOfDay / 60), second: secondOfDay % 60 };
}

/**
 * The first instant at which the wall clock shows this minute of this day; where the clock skips it,
 * the end of the gap.
 * @param minute since the local 00:00; 1440 is the next day's 00:00
 */
export function secondOfLocal(zone: Zone, day: number, minute: number): number {
  const local = day * DAY_SECONDS + minute * 60;
  for (const segment of segmentsOf(zone, local - AROUND_SECONDS, local + AROUND_SECONDS)) {
    const second = local - segment.offsetSeconds;
    // What is not over by then either shows the minute or begins after it: then that was the gap.
    if (second < segment.untilSecond) return Math.max(second, segment.fromSecond);
  }
  throw new Error('Invariant broken: every local time is shown or skipped within two days');
}

/** The spans of constant offset, in order and without holes; neighbours differ in their offset. */
export function segmentsOf(zone: Zone, fromSecond: number, untilSecond: number): Segment[] {
  const segments: Segment[] = [];
  let spanFrom = fromSecond;
  for (let second = fromSecond; second < untilSecond;) {
    const { untilSecond: end, offsetSeconds } = segmentAt(zone, second);
    second = Math.min(end, untilSecond);
    // The end of a stretch is no change of the offset.
    if (second < untilSecond && offsetSecondsAt(zone, second) === offsetSeconds) continue;
    segments.push({ fromSecond: spanFrom, untilSecond: second, offsetSeconds });
    spanFrom = second;
  }
  return segments;
}

function segmentAt(zone: Zone, second: number): Segment {
  const segments = stretchOf(zone, Math.floor(second / STRETCH_SECONDS));
  let index = 0;
  while (segments[index]!.untilSecond <= second) index++;
  return segments[index]!;
}

function stretchOf(zone: Zone, number: number): readonly Segment[] {
  const known = zone.stretches.get(number);
  if (known !== undefined) return known;
  const segments = readStretch(zone, number * STRETCH_SECONDS);
  if (zone.stretches.size >= STRETCHES_MAX) zone.stretches.clear();
  zone.stretches.set(number, segments);
  return segments;
}

function readStretch(zone: Zone, fromSecond: number): Segment[] {
  const segments: Segment[] = [];
  const untilSecond = fromSecond + STRETCH_SECONDS;
  let spanFrom = fromSecond;
  let offsetSeconds = askOffset(zone, fromSecond);
  for (let day = fromSecond; day < untilSecond; day += DAY_SECONDS) {
    const dayEnd = day + DAY_SECONDS;
    const endOffset = askOffset(zone, dayEnd);
    if (endOffset === offsetSeconds) continue;
    const change = findChange(zone, day, dayEnd, offsetSeconds);
    // The next stretch begins with a change at its first second.
    if (change === untilSecond) break;
    segments.push({ fromSecond: spanFrom, untilSecond: change, offsetSeconds });
    spanFrom = change;
    offsetSeconds = endOffset;
  }
  segments.push({ fromSecond: spanFrom, untilSecond, offsetSeconds });
  return segments;
}

/** The one second in (low, high] at which the offset changes. */
function findChange(zone: Zone, low: number, high: number, lowOffset: number): number {
  let [same, other] = [low, high];
  while (other - same > 1) {
    const middle = Math.floor((same + other) / 2);
    if (askOffset(zone, middle) === lowOffset) same = middle;
    else other = middle;
  }
  return other;
}

function createOffsetFormat(name: string): Intl.DateTimeFormat {
  try {
    // Newer engines also take offsets such as +03:00; schedules need a zone with its rules.
    if (!/^[A-Za-z]/.test(name)) throw new RangeError('a zone begins with a letter');
    return new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset' });
  } catch (error) {
    const message = `Opening the time zone: ${JSON.stringify(name)} is no IANA time zone; valid: such as Europe/Minsk, America/New_York, UTC`;
    throw new AppError('ZONE_UNKNOWN', message, { cause: error });
  }
}

/** Slow: reads it from a text such as `7/24/1971, GMT-00:44:30`, in which no offset is `GMT`. */
function askOffset(zone: Zone, second: number): number {
  const text = zone.offsetFormat.format(second * 1000);
  const match = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/.exec(text);
  assert(match !== null, `"${text}" ends with an offset`);
  const [, sign, hours = '0', minutes = '0', seconds = '0'] = match;
  const offset = Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds);
  return sign === '-' ? -offset : offset;
}
