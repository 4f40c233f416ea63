/**
 * Sudden silence: a profile from which nothing comes at a time at which it is usually heard of, while
 * others of its household are. A device that has found another way to the internet looks like that;
 * so does one that is off, or with a child who is away. Hence it is a remark and no more.
 *
 *     hour                    8   9  10  11  12  13  14  15  16  17
 *     three weeks ago         ×   ·   ×   ·   ×   ×   ×   ×   ×   ×     the same weekday
 *     two weeks ago           ×   ·   ·   ·   ×   ×   ×   ×   ·   ×
 *     a week ago              ·   ·   ×   ·   ·   ×   ·   ×   ×   ×
 *     usually heard           ×       ×       ×   ×   ×   ×   ×   ×     in two of the three
 *     this day                ×   ×                                     the time is 17:20
 *     others of the household     ×   ×       ×   ×   ×           ×
 *     silence                         └───────────────────────┘         10 to 17: the hour 17 is not over
 *
 * Hours are the local ones; each mask has bit 0 for 00:00 to 01:00. A week without any query (holidays,
 * a new profile) has no say against the two others.
 */

/** Usual hours without a query that make a silence; in as many of them others must have asked. */
export const SILENT_HOURS_MIN = 3;
const WEEKS_HEARD_MIN = 2;
const DAY_HOURS = 24;

export interface Silence {
  /** Hours of the local day, [from, until). */
  readonly fromHour: number;
  readonly untilHour: number;
}

/**
 * The longest silence of a day, by usual hours; null where there is none to speak of.
 * @param weeks masks of the same weekday in the weeks before
 * @param others of the rest of the household on this day
 * @param hoursOver how many hours of the day are over
 */
export function findSilence(
  mask: number,
  weeks: readonly number[],
  others: number,
  hoursOver: number,
): Silence | null {
  let longest: Silence | null = null;
  let longestHours = SILENT_HOURS_MIN - 1;
  let fromHour = -1;
  let untilHour = -1;
  let usualHours = 0;
  let othersHours = 0;
  for (let hour = 0; hour < Math.min(hoursOver, DAY_HOURS); hour++) {
    if (has(mask, hour)) {
      [fromHour, usualHours, othersHours] = [-1, 0, 0];
      continue;
    }
    if (weeks.filter((week) => has(week, hour)).length < WEEKS_HEARD_MIN) continue;
    if (fromHour < 0) fromHour = hour;
    untilHour = hour + 1;
    usualHours++;
    if (has(others, hour)) othersHours++;
    if (usualHours > longestHours && othersHours >= SILENT_HOURS_MIN) {
      longest = { fromHour, untilHour };
      longestHours = usualHours;
    }
  }
  return longest;
}

function has(mask: number, hour: number): boolean {
  return (mask & (1 << hour)) !== 0;
}
