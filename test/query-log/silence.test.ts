import { describe, expect, it } from 'vitest';
import { findSilence } from '../../src/query-log/silence.ts';

/** A mask from hours. */
function hours(...list: number[]): number {
  return list.reduce((mask, hour) => mask | (1 << hour), 0);
}

const AFTERNOON = hours(12, 13, 14, 15, 16, 17, 18);
const WEEKS = [AFTERNOON, AFTERNOON, AFTERNOON];

describe('silence', () => {
  it('is as the drawing of its file shows it', () => {
    const weeks = [
      hours(8, 10, 12, 13, 14, 15, 16, 17),
      hours(8, 12, 13, 14, 15, 17),
      hours(10, 13, 15, 16, 17),
    ];
    const others = hours(8, 9, 11, 12, 13, 17);
    expect(findSilence(hours(8, 9), weeks, others, 17)).toEqual(null);
    expect(findSilence(hours(8, 9), weeks, others | hours(10), 17)).toEqual({
      fromHour: 10,
      untilHour: 17,
    });
  });

  it('is three usual hours long at least', () => {
    expect(findSilence(hours(12), WEEKS, AFTERNOON, 15)).toBe(null);
    expect(findSilence(hours(12), WEEKS, AFTERNOON, 16)).toEqual({ fromHour: 13, untilHour: 16 });
  });

  it('is none where the household was silent too', () => {
    expect(findSilence(hours(12), WEEKS, hours(12, 13), 24)).toBe(null);
  });

  it('is none at hours at which only one week of three was heard', () => {
    expect(findSilence(0, [AFTERNOON, 0, 0], AFTERNOON, 24)).toBe(null);
    expect(findSilence(0, [AFTERNOON, 0, AFTERNOON], AFTERNOON, 24)).not.toBe(null);
  });

  it('ends with a query; the longest of a day is told', () => {
    const day = [hours(8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18)];
    const weeks = [...day, ...day, ...day];
    expect(findSilence(hours(11), weeks, 0xffffff, 24)).toEqual({ fromHour: 12, untilHour: 19 });
    expect(findSilence(hours(15), weeks, 0xffffff, 24)).toEqual({ fromHour: 8, untilHour: 15 });
  });

  it('says nothing of the hour that is not over', () => {
    expect(findSilence(hours(12), WEEKS, AFTERNOON, 15)).toBe(null);
    expect(findSilence(0, WEEKS, AFTERNOON, 0)).toBe(null);
  });
});
