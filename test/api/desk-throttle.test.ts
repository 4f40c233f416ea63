import { expect, test } from 'vitest';
import { DeskThrottle } from '../../src/api/desk-throttle.ts';

function aThrottle(perAddress: number, inAll: number) {
  const clock = { nowMs: 5_000 };
  const throttle = new DeskThrottle({ perAddress, inAll }, () => clock.nowMs);
  return { clock, throttle };
}

test('an address has so much a minute, and another has its own', () => {
  const { clock, throttle } = aThrottle(3, 100);
  expect([1, 2, 3].map(() => throttle.take('a', 1))).toEqual([0, 0, 0]);
  clock.nowMs += 10_000;
  expect(throttle.take('a', 1)).toBe(50);
  expect(throttle.take('b', 1)).toBe(0);
  clock.nowMs += 50_000;
  expect(throttle.take('a', 1)).toBe(0);
});

test('what costs more needs more left, and a refusal costs nothing', () => {
  const { throttle } = aThrottle(11, 100);
  expect(throttle.take('a', 1)).toBe(0);
  expect(throttle.take('a', 10)).toBe(0);
  expect(throttle.take('a', 10)).toBeGreaterThan(0);
  expect(throttle.take('b', 2)).toBe(0);
  expect(throttle.take('b', 10)).toBeGreaterThan(0);
  expect(throttle.take('b', 9)).toBe(0);
});

test('ever new addresses are stopped together, in bounded memory', () => {
  const { clock, throttle } = aThrottle(3, 50);
  const taken = Array.from({ length: 30_000 }, (_one, index) => throttle.take(`a${index}`, 1));
  expect(taken.filter((wait) => wait === 0)).toHaveLength(50);
  clock.nowMs += 60_000;
  expect(throttle.take('a0', 1)).toBe(0);
});
