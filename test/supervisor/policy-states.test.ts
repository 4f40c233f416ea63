import { expect, test } from 'vitest';
import { policyRecordOf } from '../../src/policy/image.ts';
import { findNextChange } from '../../src/supervisor/next-change.ts';
import { policyStates } from '../../src/supervisor/policy-states.ts';
import {
  ADULT,
  anInput,
  aPlan,
  AT,
  CATEGORIES,
  compile,
  GAMBLING,
  HOUR,
  settings,
  TIKTOK,
} from '../policy/policy-input.ts';

function idOf(bit: number): string {
  return CATEGORIES.find((category) => category.bit === bit)?.id ?? String(bit);
}

function timeOf(second: number): string {
  return new Date(second * 1000).toISOString();
}

test('the states of a day follow each other: a grant ends, bedtime comes and goes', () => {
  const plan = aPlan({ block: [ADULT], locked: [GAMBLING], log: 'blocked' });
  const bedtime = {
    target: { kind: 'internet' },
    days: 127,
    dates: null,
    fromMinute: 21 * 60,
    toMinute: 7 * 60,
  } as const;
  const profile = settings({
    block: [TIKTOK],
    isAllowListOnly: true,
    schedules: [bedtime],
    grants: [{ target: { kind: 'category', bit: TIKTOK }, untilSecond: AT + HOUR }],
    safeSearch: { engines: 3, youtube: 1, isBlockingUnsafe: true },
  });
  const image = compile(anInput(plan, { profile }));
  const states = policyStates(image, 0, AT, idOf);
  expect(states.slice(0, 4).map((one) => [one.isInternetOff, one.until])).toEqual([
    [false, timeOf(AT + HOUR)],
    [false, timeOf(AT + 9 * HOUR)],
    [true, timeOf(AT + 19 * HOUR)],
    [false, null],
  ]);
  expect(states[0]).toMatchObject({
    blocked: ['adult', 'gambling'],
    isAllowListOnly: true,
    safeSearch: { isOn: true, youtube: 'moderate', isBlockingUnsafe: true },
    log: 'blocked',
  });
  expect(states[1]?.blocked).toEqual(['adult', 'service:tiktok', 'gambling']);
});

test('from a later moment the states before it are gone; of nobody there are none', () => {
  const pauses = [{ fromSecond: AT, untilSecond: AT + HOUR }];
  const image = compile(anInput(aPlan(), { profile: settings({ pauses }) }));
  expect(policyStates(image, 0, AT, idOf).map((one) => one.isInternetOff)).toEqual([true, false]);
  const later = policyStates(image, 0, AT + HOUR, idOf);
  expect(later.map((one) => [one.isInternetOff, one.until])).toEqual([[false, null]]);
  expect(policyStates(image, 99, AT, idOf)).toEqual([]);
});

test('what holds only where the image could not be renewed is not foretold', () => {
  const pauses = [{ fromSecond: AT, untilSecond: AT + 7 * 24 * HOUR }];
  const plan = aPlan({ failMode: 'open' });
  const image = compile(anInput(plan, { profile: settings({ pauses }) }));
  expect(policyStates(image, 0, AT, idOf)).toMatchObject([{ isInternetOff: true, until: null }]);
  expect(findNextChange(image, policyRecordOf(image, 0, AT), wordsOf)).toBeNull();
});

function wordsOf(record: number) {
  return { decision: 'pass' as const, row: record, reason: '' };
}
