import { describe, expect, it } from 'vitest';
import {
  GLOBAL_FROM_SECOND,
  GLOBAL_UNTIL_SECOND,
  GLOBAL_WORDS,
  type PolicyImage,
} from '../../src/policy/image.ts';
import { PolicyRenewal } from '../../src/supervisor/policy-renewal.ts';

const NOON = 1_795_348_800;
const DAY = 86_400;

/** An image that speaks from noon for so many seconds, and a count of renewals. */
function renewalOf(seconds: number, publish?: () => Promise<unknown>) {
  const globals = new Uint32Array(GLOBAL_WORDS);
  globals[GLOBAL_FROM_SECOND] = NOON;
  globals[GLOBAL_UNTIL_SECOND] = NOON + seconds;
  const state = { nowSeconds: NOON, renewals: 0 };
  const renewal = new PolicyRenewal({
    policies: () => ({ globals }) as PolicyImage,
    publish:
      publish ??
      (() => {
        state.renewals++;
        return Promise.resolve();
      }),
    clock: { monotonicMs: () => state.nowSeconds * 1000, wallMs: () => state.nowSeconds * 1000 },
  });
  const checkAt = (nowSeconds: number): number => {
    state.nowSeconds = nowSeconds;
    renewal.check();
    return state.renewals;
  };
  return { renewal, checkAt };
}

describe('the renewal of the policy image', () => {
  it('is due six hours after the beginning of a long image, not before', () => {
    const { checkAt } = renewalOf(DAY);
    expect(checkAt(NOON + 6 * 3600 - 1)).toBe(0);
    expect(checkAt(NOON + 6 * 3600)).toBe(1);
  });

  it('is due at the middle of an image that somebody changes often', () => {
    const { checkAt } = renewalOf(600);
    expect(checkAt(NOON + 299)).toBe(0);
    expect(checkAt(NOON + 300)).toBe(1);
  });

  it('is due at once where the clock was set back behind the beginning', () => {
    const { checkAt } = renewalOf(DAY);
    expect(checkAt(NOON - 1)).toBe(1);
  });

  it('is due at once where the clock jumped past the end', () => {
    const { checkAt } = renewalOf(DAY);
    expect(checkAt(NOON + 40 * DAY)).toBe(1);
  });

  it('waits for the one under way, and tries again some time after a failure', async () => {
    let calls = 0;
    let fail: () => void = () => undefined;
    const { checkAt } = renewalOf(DAY, () => {
      calls++;
      return new Promise((_resolve, reject) => {
        fail = () => {
          reject(new Error('disk full'));
        };
      });
    });
    checkAt(NOON + DAY);
    checkAt(NOON + DAY + 5);
    expect(calls).toBe(1);
    fail();
    await Promise.resolve();
    await Promise.resolve();
    checkAt(NOON + DAY + 9);
    expect(calls).toBe(1);
    checkAt(NOON + DAY + 10);
    expect(calls).toBe(2);
  });
});
