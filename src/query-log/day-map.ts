/**
 * The minutes of one local day in which a target was used: what a budget is counted with.
 *
 *     octet        0                1               …   179
 *     bit          0 1 2 3 4 5 6 7  0 1 2 3 4 …         … 7
 *     minute       0 1 2 3 4 5 6 7  8 9 …               1439     of the wall clock, from the local 00:00
 *
 * A page that is being read asks nothing, so gaps of up to `GAP_MINUTES_MAX` minutes between two uses
 * count as used. A gap at the beginning or the end of the day has a use on one side only and stays.
 * Bits are set for bridged minutes too. Both ends of a run of bits are uses, therefore the order in
 * which uses become known does not matter, and neither does knowing one twice.
 *
 * A minute of the wall clock is one bit. The hour that an autumn day repeats is therefore counted
 * once, and the hour that a spring day skips is a gap too long to be bridged: both in favour of the child.
 */

export const DAY_MINUTES = 1440;
export const DAY_MAP_OCTETS = DAY_MINUTES / 8;
/** Minutes without a use between two uses. */
export const GAP_MINUTES_MAX = 5;

export function createDayMap(): Uint8Array {
  return new Uint8Array(DAY_MAP_OCTETS);
}

export function hasMinute(map: Uint8Array, minute: number): boolean {
  return ((map[minute >>> 3] ?? 0) & (1 << (minute & 7))) !== 0;
}

/**
 * Notes a use.
 * @param minute 0 to 1439
 * @returns how many minutes count as used now that did not before
 */
export function markMinute(map: Uint8Array, minute: number): number {
  if (hasMinute(map, minute)) return 0;
  const from = bridgeEnd(map, minute, -1);
  const to = bridgeEnd(map, minute, 1);
  setMinutes(map, from, to);
  return to - from + 1;
}

/** Adds what another map of the same day knows. */
export function mergeDayMap(into: Uint8Array, from: Uint8Array): void {
  for (let index = 0; index < DAY_MAP_OCTETS; index++) {
    into[index] = (into[index] ?? 0) | (from[index] ?? 0);
  }
  let last = -1;
  for (let minute = 0; minute < DAY_MINUTES; minute++) {
    if (!hasMinute(into, minute)) continue;
    const gap = minute - last - 1;
    if (last >= 0 && gap > 0 && gap <= GAP_MINUTES_MAX) setMinutes(into, last + 1, minute - 1);
    last = minute;
  }
}

export function countMinutes(map: Uint8Array): number {
  let count = 0;
  for (const octet of map) {
    for (let bits = octet; bits !== 0; bits &= bits - 1) count++;
  }
  return count;
}

/** Where the bridge to the next use in one direction ends; the minute itself where there is none near. */
function bridgeEnd(map: Uint8Array, minute: number, step: 1 | -1): number {
  for (let gap = 0; gap <= GAP_MINUTES_MAX; gap++) {
    if (hasMinute(map, minute + (gap + 1) * step)) return minute + gap * step;
  }
  return minute;
}

function setMinutes(map: Uint8Array, from: number, to: number): void {
  for (let minute = from; minute <= to; minute++) {
    const at = minute >>> 3;
    map[at] = (map[at] ?? 0) | (1 << (minute & 7));
  }
}
