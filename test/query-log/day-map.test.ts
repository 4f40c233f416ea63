import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { localOf, openZone } from '../../src/policy/time-zone.ts';
import {
  countMinutes,
  createDayMap,
  DAY_MAP_OCTETS,
  hasMinute,
  markMinute,
  mergeDayMap,
} from '../../src/query-log/day-map.ts';

const minute = fc.integer({ min: 0, max: 1439 });
/** Close together, so that gaps of all lengths up to eight are met. */
const closeMinutes = fc
  .tuple(minute, fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 60 }))
  .map(([first, steps]) => {
    const minutes = [first];
    for (const step of steps) minutes.push((minutes.at(-1) ?? 0) + step);
    return minutes.filter((one) => one < 1440);
  });
const minutes = fc.oneof(fc.array(minute, { maxLength: 80 }), closeMinutes);

/** As the words say it: a minute counts when it was used, or lies between two uses six apart at most. */
function naiveMinutes(uses: readonly number[]): number[] {
  const sorted = [...new Set(uses)].sort((a, b) => a - b);
  const counted = new Set(sorted);
  for (const [index, use] of sorted.entries()) {
    const next = sorted[index + 1];
    if (next === undefined || next - use > 6) continue;
    for (let between = use; between < next; between++) counted.add(between);
  }
  return [...counted].sort((a, b) => a - b);
}

function mapOf(uses: readonly number[]): Uint8Array {
  const map = createDayMap();
  for (const use of uses) markMinute(map, use);
  return map;
}

function minutesOf(map: Uint8Array): number[] {
  return Array.from({ length: 1440 }, (_, index) => index).filter((index) => hasMinute(map, index));
}

describe('a day map', () => {
  it('counts the minutes that the naive version counts, in whatever order they come', () => {
    fc.assert(
      fc.property(minutes, fc.infiniteStream(fc.nat()), (uses, keys) => {
        const shuffled = uses
          .map((use) => ({ use, key: keys.next().value as number }))
          .sort((a, b) => a.key - b.key)
          .map(({ use }) => use);
        const expected = naiveMinutes(uses);
        expect(minutesOf(mapOf(uses))).toEqual(expected);
        expect(minutesOf(mapOf(shuffled))).toEqual(expected);
        expect(countMinutes(mapOf(uses))).toBe(expected.length);
      }),
      { numRuns: 500 },
    );
  });

  it('says how many minutes each use has added', () => {
    fc.assert(
      fc.property(minutes, (uses) => {
        const map = createDayMap();
        const added = uses.reduce((sum, use) => sum + markMinute(map, use), 0);
        expect(added).toBe(countMinutes(map));
      }),
    );
  });

  it('merged with another knows what one map of all uses knows', () => {
    fc.assert(
      fc.property(minutes, minutes, (a, b) => {
        const merged = mapOf(a);
        mergeDayMap(merged, mapOf(b));
        expect(merged).toEqual(mapOf([...a, ...b]));
      }),
      { numRuns: 300 },
    );
  });

  it('bridges a gap of five minutes and not one of six', () => {
    expect(countMinutes(mapOf([600, 606]))).toBe(7);
    expect(countMinutes(mapOf([600, 607]))).toBe(2);
  });

  it('bridges nothing over midnight: the first and the last minute stand alone', () => {
    const map = mapOf([0, 1439]);
    expect(minutesOf(map)).toEqual([0, 1439]);
    expect(map.length).toBe(DAY_MAP_OCTETS);
  });
});

describe('minutes of daylight-saving days', () => {
  /** Marks every minute from one instant on, each in the map of its local day. */
  function use(zoneName: string, fromSecond: number, count: number): Map<number, Uint8Array> {
    const zone = openZone(zoneName);
    const maps = new Map<number, Uint8Array>();
    for (let index = 0; index < count; index++) {
      const local = localOf(zone, fromSecond + index * 60);
      const map = maps.get(local.day) ?? createDayMap();
      maps.set(local.day, map);
      markMinute(map, local.minute);
    }
    return maps;
  }

  it('a spring day in Warsaw has 1380 minutes at most', () => {
    const midnight = Date.UTC(2026, 2, 28, 23) / 1000;
    const maps = use('Europe/Warsaw', midnight, 23 * 60);
    expect([...maps.values()].map(countMinutes)).toEqual([1380]);
  });

  it('an autumn day counts the hour that comes twice once', () => {
    const midnight = Date.UTC(2026, 9, 24, 22) / 1000;
    const maps = use('Europe/Warsaw', midnight, 25 * 60);
    expect([...maps.values()].map(countMinutes)).toEqual([1440]);
  });

  it('ten minutes around the skipped hour are ten minutes', () => {
    const maps = use('Europe/Warsaw', Date.UTC(2026, 2, 29, 0, 55) / 1000, 10);
    expect([...maps.values()].map(countMinutes)).toEqual([10]);
  });

  it('uses around midnight belong to two days', () => {
    const maps = use('Asia/Kathmandu', Date.UTC(2026, 0, 14, 18, 12) / 1000, 6);
    expect([...maps].map(([day, map]) => [day, minutesOf(map)])).toEqual([
      [20467, [1437, 1438, 1439]],
      [20468, [0, 1, 2]],
    ]);
  });
});
