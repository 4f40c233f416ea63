import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isNewerSerial } from '../../../src/dns/serial.ts';
import { boundTimers, secondsToNextLook } from '../../../src/lists/transfer/soa-timers.ts';

const TIMERS = { refreshSeconds: 7200, retrySeconds: 600, expireSeconds: 86_400 };

test('after a success the refresh is waited for, after failures the retry, doubled each time', () => {
  expect([0, 1, 2, 3, 4, 5, 100].map((failures) => secondsToNextLook(TIMERS, failures, 0))).toEqual(
    [7200, 600, 1200, 2400, 4800, 7200, 7200],
  );
});

test('looks come up to a tenth earlier, so that not all servers look at once', () => {
  expect(secondsToNextLook(TIMERS, 0, 1)).toBe(6480);
  expect(secondsToNextLook(TIMERS, 0, 0.5)).toBe(6840);
});

test('whatever an SOA says, looks are neither too often nor too rare', () => {
  expect(boundTimers({ refreshSeconds: 0, retrySeconds: 0, expireSeconds: 0 })).toEqual({
    refreshSeconds: 60,
    retrySeconds: 30,
    expireSeconds: 3600,
  });
  expect(boundTimers({ refreshSeconds: 4e9, retrySeconds: 4e9, expireSeconds: 4e9 })).toEqual({
    refreshSeconds: 86_400,
    retrySeconds: 86_400,
    expireSeconds: 2_419_200,
  });
  const aNumber = fc.integer({ min: 0, max: 0xffffffff });
  fc.assert(
    fc.property(
      aNumber,
      aNumber,
      fc.nat(1000),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (a, b, failures, random) => {
        const soa = { refreshSeconds: a, retrySeconds: b, expireSeconds: 0 };
        const seconds = secondsToNextLook(soa, failures, random);
        expect(seconds).toBeGreaterThanOrEqual(27);
        expect(seconds).toBeLessThanOrEqual(86_400);
      },
    ),
  );
});

test('serial numbers wrap around, and two of them half a circle apart have no order', () => {
  expect(isNewerSerial(1, 0)).toBe(true);
  expect(isNewerSerial(0, 1)).toBe(false);
  expect(isNewerSerial(5, 5)).toBe(false);
  expect(isNewerSerial(0, 0xffffffff)).toBe(true);
  expect(isNewerSerial(0x7fffffff, 0)).toBe(true);
  expect(isNewerSerial(0x80000000, 0)).toBe(false);
  expect(isNewerSerial(0, 0x80000000)).toBe(false);
});
