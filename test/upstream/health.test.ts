import { describe, expect, test } from 'vitest';
import { UpstreamHealth } from '../../src/upstream/health.ts';

describe('the timeout of an upstream', () => {
  test('follows its round trips within 250 and 1,500 ms', () => {
    const health = new UpstreamHealth();
    expect(health.timeoutMs).toBe(400);
    for (let count = 0; count < 50; count++) health.noteRoundTrip(10);
    expect(health.timeoutMs).toBe(250);
    for (let count = 0; count < 50; count++) health.noteRoundTrip(600);
    expect(health.timeoutMs).toBeGreaterThan(590);
    for (let count = 0; count < 50; count++) health.noteRoundTrip(5000);
    expect(health.timeoutMs).toBe(1500);
  });
});

describe('an upstream is down', () => {
  test('after four failures in a row, and up after one answer', () => {
    const health = new UpstreamHealth();
    for (let count = 0; count < 3; count++) health.noteFailure(0);
    health.noteAnswer();
    for (let count = 0; count < 3; count++) health.noteFailure(0);
    expect(health.isDown).toBe(false);
    health.noteFailure(0);
    expect(health.isDown).toBe(true);
    health.noteAnswer();
    expect(health.isDown).toBe(false);
  });

  test('and is then probed after half a second, and ever less often down to 10 s', () => {
    const health = new UpstreamHealth();
    for (let count = 0; count < 4; count++) health.noteFailure(1000);
    expect(health.isProbeDue(1499)).toBe(false);
    const probesMs: number[] = [];
    for (let nowMs = 1000; nowMs < 60_000; nowMs += 100) {
      if (!health.isProbeDue(nowMs)) continue;
      health.noteProbe(nowMs);
      health.noteFailure(nowMs + 90);
      probesMs.push(nowMs);
    }
    expect(probesMs).toEqual([1500, 2500, 4500, 8500, 16_500, 26_500, 36_500, 46_500, 56_500]);
  });
});

describe('habits', () => {
  test('mixed case is given up for ten minutes after three mismatches in a row', () => {
    const health = new UpstreamHealth();
    health.noteCaseMismatch(0);
    health.noteCaseMismatch(0);
    health.noteCaseKept();
    health.noteCaseMismatch(0);
    health.noteCaseMismatch(0);
    expect(health.usesMixedCase(0)).toBe(true);
    health.noteCaseMismatch(0);
    expect(health.usesMixedCase(599_999)).toBe(false);
    expect(health.usesMixedCase(600_000)).toBe(true);
  });

  test('OPT is given up for ten minutes', () => {
    const health = new UpstreamHealth();
    expect(health.usesOpt(0)).toBe(true);
    health.noteWithoutOpt(1000);
    expect(health.usesOpt(600_999)).toBe(false);
    expect(health.usesOpt(601_000)).toBe(true);
  });
});
