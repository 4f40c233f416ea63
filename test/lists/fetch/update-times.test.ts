import { describe, expect, it } from 'vitest';
import {
  secondsToNextAttempt,
  secondsToNextUpdate,
} from '../../../src/lists/fetch/update-times.ts';

const DAY = 86_400;

describe('the next update of a list', () => {
  it('is drawn from a tenth before to a tenth after its interval', () => {
    expect([0, 0.5, 1].map((random) => secondsToNextUpdate(DAY, random))).toEqual([
      77_760, 86_400, 95_040,
    ]);
  });
});

describe('the next attempt after a failure', () => {
  it('comes twice as late each time, the second half of it drawn', () => {
    const waits = [1, 2, 3, 4].map((failures) => secondsToNextAttempt(failures, DAY, 1));
    expect(waits).toEqual([60, 120, 240, 480]);
    expect(secondsToNextAttempt(4, DAY, 0)).toBe(240);
  });

  it('is never later than a quarter of a day, nor than the interval', () => {
    expect(secondsToNextAttempt(1_000_000, DAY, 1)).toBe(21_600);
    expect(secondsToNextAttempt(20, 300, 1)).toBe(300);
    expect(secondsToNextAttempt(1, 30, 1)).toBe(30);
  });
});
