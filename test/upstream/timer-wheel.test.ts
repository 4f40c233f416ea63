import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { TimerWheel, WheelTimer } from '../../src/upstream/timer-wheel.ts';

let nowMs = 0;
let wheel: TimerWheel;

beforeEach(() => {
  vi.useFakeTimers();
  nowMs = 123_456.7;
  wheel = new TimerWheel({ monotonicMs: () => nowMs, wallMs: () => 0 });
});

afterEach(() => {
  wheel.close();
  vi.useRealTimers();
});

/** Lets time pass for the wheel's clock and for the alarm alike. */
function pass(ms: number): void {
  for (let left = ms; left > 0; left -= 5) {
    const step = Math.min(5, left);
    nowMs += step;
    vi.advanceTimersByTime(step);
  }
}

function recorder(): { timer: WheelTimer; firedAtMs: number[] } {
  const firedAtMs: number[] = [];
  const timer = new WheelTimer({ onTimer: (firedMs) => firedAtMs.push(firedMs) });
  return { timer, firedAtMs };
}

describe('the timer wheel', () => {
  test.each([0, 1, 19, 20, 400, 5000, 5120, 12_345])(
    'fires once after %i ms, never early',
    (ms) => {
      const { timer, firedAtMs } = recorder();
      const dueMs = nowMs + ms;
      wheel.set(timer, dueMs);
      pass(ms + 60);
      expect(firedAtMs).toHaveLength(1);
      expect(firedAtMs[0]).toBeGreaterThanOrEqual(dueMs);
      expect(firedAtMs[0]).toBeLessThan(dueMs + 30);
      expect(wheel.count).toBe(0);
    },
  );

  test('a timer that was cleared does not fire, one that was set again fires at the new time', () => {
    const cleared = recorder();
    const moved = recorder();
    wheel.set(cleared.timer, nowMs + 100);
    wheel.set(moved.timer, nowMs + 100);
    pass(50);
    wheel.clear(cleared.timer);
    wheel.set(moved.timer, nowMs + 300);
    pass(280);
    expect(moved.firedAtMs).toEqual([]);
    pass(50);
    expect([cleared.firedAtMs.length, moved.firedAtMs.length]).toEqual([0, 1]);
  });

  test('an earlier timer is not held up by a later alarm', () => {
    const late = recorder();
    const early = recorder();
    wheel.set(late.timer, nowMs + 4000);
    wheel.set(early.timer, nowMs + 40);
    pass(70);
    expect([early.firedAtMs.length, late.firedAtMs.length]).toEqual([1, 0]);
  });

  test('a timer may clear another of the same slot, and set itself anew', () => {
    const victim = recorder();
    let count = 0;
    const again = new WheelTimer({
      onTimer: (firedMs) => {
        wheel.clear(victim.timer);
        if (++count < 3) wheel.set(again, firedMs);
      },
    });
    wheel.set(victim.timer, nowMs + 100);
    wheel.set(again, nowMs + 100);
    pass(300);
    expect([count, victim.firedAtMs.length]).toEqual([3, 0]);
  });

  test('a timer of the same slot that another moves to the next turn waits for it', () => {
    const moved = recorder();
    const mover = new WheelTimer({
      onTimer: (firedMs) => {
        wheel.set(moved.timer, firedMs + 5100);
      },
    });
    wheel.set(moved.timer, nowMs + 100);
    wheel.set(mover, nowMs + 100);
    pass(200);
    expect(moved.firedAtMs).toEqual([]);
  });

  test('what is due in the past fires at once, also after a long sleep', () => {
    const { timer, firedAtMs } = recorder();
    wheel.set(timer, nowMs - 3000);
    pass(40);
    expect(firedAtMs).toHaveLength(1);
    nowMs += 3_600_000;
    wheel.set(timer, nowMs - 1);
    pass(40);
    expect(firedAtMs).toHaveLength(2);
  });

  test('after a stall longer than a turn everything due fires', () => {
    const timers = Array.from({ length: 50 }, () => recorder());
    for (const [index, { timer }] of timers.entries()) wheel.set(timer, nowMs + index * 111);
    nowMs += 60_000;
    wheel.advance();
    expect(timers.map(({ firedAtMs }) => firedAtMs.length)).toEqual(timers.map(() => 1));
  });

  test('any order of setting, clearing and passing agrees with a sorted list', () => {
    const step = fc.record({
      timer: fc.nat(7),
      action: fc.constantFrom('set', 'clear', 'pass'),
      ms: fc.nat(9000),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const due = new Map<number, number>();
        const timers = Array.from(
          { length: 8 },
          (_, index) =>
            new WheelTimer({
              onTimer: (firedMs) => {
                expect(firedMs).toBeGreaterThanOrEqual(due.get(index) ?? Infinity);
                due.delete(index);
              },
            }),
        );
        for (const { timer, action, ms } of steps) {
          const chosen = timers[timer] ?? new WheelTimer({ onTimer: () => undefined });
          if (action === 'set') {
            due.set(timer, nowMs + ms);
            wheel.set(chosen, nowMs + ms);
          } else if (action === 'clear') {
            due.delete(timer);
            wheel.clear(chosen);
          } else {
            nowMs += ms;
            wheel.advance();
            for (const dueMs of due.values()) expect(dueMs).toBeGreaterThan(nowMs - 20);
          }
          expect(wheel.count).toBe(due.size);
        }
        for (const timer of timers) wheel.clear(timer);
      }),
    );
  });

  test('nothing set means no alarm', () => {
    const { timer } = recorder();
    wheel.set(timer, nowMs + 100);
    pass(150);
    expect(vi.getTimerCount()).toBe(0);
  });
});
