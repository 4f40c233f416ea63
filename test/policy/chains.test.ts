import { describe, expect, test } from 'vitest';
import { hasBit } from '../../src/blocklist/category.ts';
import {
  CHAIN_STATES_MAX,
  FLAG_BYPASS_CONTROL,
  FLAG_INTERNET_OFF,
  GLOBAL_FROM_SECOND,
  GLOBAL_UNTIL_SECOND,
  NOTHING,
  RECORD_BLOCKED,
  RECORD_FLAGS,
  RECORD_GRANTED,
  RECORD_NEXT_CHANGE,
  RECORD_NEXT_RECORD,
  RECORD_OFF_TEXT,
  RECORD_WORDS,
  policyRecordOf,
  ttlLimitSeconds,
  type PolicyImage,
} from '../../src/policy/image.ts';
import type { Schedule, Settings } from '../../src/policy/policy-input.ts';
import { isRunning } from '../../src/policy/schedule.ts';
import { openZone } from '../../src/policy/time-zone.ts';
import {
  ADULT,
  AT,
  BYPASS,
  HORIZON,
  HOUR,
  aPlan,
  anInput,
  compile,
  settings,
  someProfiles,
  textOf,
} from './policy-input.ts';

/** Noon in Minsk is `AT`, so 21:00 is nine hours later. */
const BEDTIME: Schedule = window(21 * 60, 7 * 60);
const [BED, MORNING] = [AT + 9 * HOUR, AT + 19 * HOUR];

describe('a chain', () => {
  test('brings bedtime and morning to the second, from one image', () => {
    const policies = compile(anInput(aPlan(), own({ schedules: [BEDTIME] })));
    const off = [AT, BED - 1, BED, MORNING - 1, MORNING].map((second) => isOff(policies, second));
    expect(off).toEqual([false, false, true, true, false]);
    expect(offText(policies, BED)).toBe('Internet is off until 07:00');
    expect(policies.globals[GLOBAL_FROM_SECOND]).toBe(AT);
  });

  test('has an open end at the horizon where the calendar goes on, and renews itself there', () => {
    const policies = compile(anInput(aPlan({ schedules: [BEDTIME] })));
    expect(policies.globals[GLOBAL_UNTIL_SECOND]).toBe(HORIZON);
    expect(wordOf(policies, HORIZON - 1, RECORD_NEXT_RECORD)).toBe(NOTHING);
    expect(wordOf(policies, HORIZON - 1, RECORD_NEXT_CHANGE)).toBe(HORIZON);
    const later = policyRecordOf(policies, 0, HORIZON + 1_000_000);
    expect(later, 'the last state holds on').toBe(policyRecordOf(policies, 0, HORIZON - 1));
  });

  test('has an open end too where the next window lies beyond what can be foreseen', () => {
    const day = Math.floor(AT / 86_400) + 14;
    const holiday = { ...BEDTIME, dates: [{ firstDay: day, lastDay: day }] };
    const policies = compile(anInput(aPlan({ schedules: [holiday] })));
    expect(wordOf(policies, AT, RECORD_NEXT_CHANGE)).toBe(HORIZON);
  });

  test('ends for ever where nothing is left to change', () => {
    const pauses = [{ fromSecond: AT - 5, untilSecond: AT + HOUR }];
    const policies = compile(anInput(aPlan(), own({ pauses })));
    expect(isOff(policies, AT + HOUR - 1)).toBe(true);
    expect(isOff(policies, AT + HOUR)).toBe(false);
    expect(wordOf(policies, AT + HOUR, RECORD_NEXT_CHANGE)).toBe(0);
  });

  test('of a hundred schedules at minutes of their own is whole, and shortens nobody’s image', () => {
    const schedules = Array.from({ length: 100 }, (_, index) => {
      const begin = (index * 173) % 1440;
      const target = { kind: 'category', bit: 66 + index } as const;
      return { ...window(begin, ((begin + 301 + index) % 1440) + 1), target };
    });
    const grants = Array.from({ length: 50 }, (_, index) => ({
      target: { kind: 'category', bit: 66 + index } as const,
      untilSecond: AT + HOUR + index,
    }));
    const profiles = someProfiles({
      planOf: [0, 0],
      ownOf: new Map([[0, { subscriber: null, profile: settings({ schedules, grants }) }]]),
    });
    const policies = compile(anInput(aPlan(), undefined, { profiles }));
    expect(policies.globals[GLOBAL_UNTIL_SECOND]).toBe(HORIZON);
    const zone = openZone('Europe/Minsk');
    for (let second = AT; second < HORIZON; second += 1) {
      if (second % 60 !== 0 && second % 60 !== 59 && second > AT + HOUR + 60) continue;
      const at = policyRecordOf(policies, 0, second) * RECORD_WORDS;
      for (const [index, schedule] of schedules.entries()) {
        const bit = 66 + index;
        const isBlocked = hasBit(policies.records, bit, at + RECORD_BLOCKED);
        const isGranted = hasBit(policies.records, bit, at + RECORD_GRANTED);
        if (isBlocked !== isRunning(schedule, zone, second)) expect.fail(`${bit} at ${second}`);
        if (isGranted !== (index < 50 && second < AT + HOUR + index)) expect.fail(`${bit} granted`);
      }
    }
  });

  test('that nobody could have set ends early, and the image must be renewed by then', () => {
    const schedules = Array.from({ length: 510 }, (_, index) => window(index * 2, index * 2 + 1));
    const policies = compile(anInput(aPlan(), own({ schedules })));
    expect(policies.records.length / RECORD_WORDS).toBe(CHAIN_STATES_MAX);
    // Off in every other minute, a state each; but from 17:00 to midnight.
    expect(policies.globals[GLOBAL_UNTIL_SECOND]).toBe(AT + CHAIN_STATES_MAX * 60 + 7 * HOUR);
  });

  test('shares its end with every other that ends alike', () => {
    const pause = { pauses: [{ fromSecond: AT + HOUR, untilSecond: AT + 2 * HOUR }] };
    const schedules = [BEDTIME];
    const ownOf = new Map([
      [0, { subscriber: null, profile: settings({ schedules }) }],
      [1, { subscriber: null, profile: settings({ schedules, ...pause }) }],
    ]);
    const profiles = someProfiles({ planOf: [0, 0], ownOf });
    const policies = compile(anInput(aPlan(), undefined, { profiles }));
    expect(policyRecordOf(policies, 1, BED)).toBe(policyRecordOf(policies, 0, BED));
    // On, off, on for both; and for the second on and off once more before.
    expect(policies.records.length / RECORD_WORDS).toBe(3 + 2);
  });

  test('after an open end, a plan that fails open has no schedules, pauses or budgets', () => {
    const used = {
      target: { kind: 'category', bit: ADULT } as const,
      usedUpUntilSecond: HORIZON + 5,
    };
    const always = window(0, 1440);
    const policies = compile(
      anInput(aPlan({ failMode: 'open' }), own({ schedules: [always], budgets: [used] })),
    );
    expect([HORIZON - 1, HORIZON].map((second) => isOff(policies, second))).toEqual([true, false]);
    expect(policies.globals[GLOBAL_UNTIL_SECOND]).toBe(HORIZON);
    expect(wordOf(policies, HORIZON, RECORD_NEXT_CHANGE)).toBe(0);
  });

  test('states that differ in nothing are one', () => {
    const schedules = [window(13 * 60, 15 * 60), window(14 * 60, 18 * 60), window(18 * 60, 1200)];
    const policies = compile(anInput(aPlan(), own({ schedules })));
    expect(wordOf(policies, AT + HOUR, RECORD_NEXT_CHANGE)).toBe(AT + 8 * HOUR);
  });
});

describe('internet off', () => {
  test('a grant of the internet clears it while it runs', () => {
    const grants = [{ target: { kind: 'internet' } as const, untilSecond: BED + HOUR }];
    const policies = compile(anInput(aPlan({ schedules: [BEDTIME] }), own({ grants })));
    const off = [BED, BED + HOUR - 1, BED + HOUR].map((second) => isOff(policies, second));
    expect(off).toEqual([false, false, true]);
  });

  test('says when it is on again, across causes that follow each other', () => {
    const pauses = [{ fromSecond: BED - HOUR, untilSecond: BED + HOUR }];
    const policies = compile(anInput(aPlan({ schedules: [BEDTIME] }), own({ pauses })));
    expect(offText(policies, BED - 1)).toBe('Internet is paused until 07:00');
    expect(offText(policies, BED + HOUR)).toBe('Internet is off until 07:00');
  });

  test('says no time where that is a day away or never seen', () => {
    const pauses = [{ fromSecond: AT, untilSecond: AT + 72 * HOUR }];
    expect(offText(compile(anInput(aPlan(), own({ pauses }))), AT)).toBe('Internet is paused');
    const always = compile(anInput(aPlan({ schedules: [window(0, 1440)] })));
    expect(offText(always, AT)).toBe('Internet is off for now');
  });

  test('a used-up budget turns it off until its end, and is counted again from then on', () => {
    const budgets = [{ target: { kind: 'internet' } as const, usedUpUntilSecond: AT + 12 * HOUR }];
    const policies = compile(anInput(aPlan(), own({ budgets })));
    expect(offText(policies, AT)).toBe('Internet time for today is used up');
    expect(isOff(policies, AT + 12 * HOUR)).toBe(false);
  });
});

describe('bypass control', () => {
  test('is on while the category is blocked, by whomever, and off while it is granted', () => {
    const target = { kind: 'category', bit: BYPASS } as const;
    const controlled = (plan: Parameters<typeof aPlan>[0], profile: Partial<Settings>): boolean =>
      (wordOf(compile(anInput(aPlan(plan), own(profile))), AT, RECORD_FLAGS) &
        FLAG_BYPASS_CONTROL) !==
      0;
    expect(controlled({ locked: [BYPASS] }, {})).toBe(true);
    expect(controlled({}, { block: [BYPASS] })).toBe(true);
    expect(controlled({}, { schedules: [{ ...window(0, 1440), target }] })).toBe(true);
    expect(controlled({ block: [BYPASS] }, { open: [BYPASS] })).toBe(false);
    const grants = [{ target, untilSecond: AT + 1 }];
    expect(controlled({ block: [BYPASS] }, { grants })).toBe(false);
    expect(controlled({ locked: [BYPASS] }, { grants })).toBe(true);
  });
});

describe('the TTL limit', () => {
  const limitAt = (policies: PolicyImage, second: number, jitter = 0): number =>
    ttlLimitSeconds(policies, policyRecordOf(policies, 0, second), second, jitter);

  test('is the whole seconds to the next change, 0 in the last second', () => {
    const policies = compile(anInput(aPlan({ schedules: [BEDTIME] })));
    const limits = [BED - 100, BED - 2, BED - 1].map((second) => limitAt(policies, second));
    expect(limits).toEqual([99, 1, 0]);
    expect(limitAt(policies, BED)).toBe(10 * HOUR - 1);
  });

  test('is never above the plan’s own limit, and without either there is none', () => {
    const both = compile(anInput(aPlan({ schedules: [BEDTIME], maxTtlSeconds: 60 })));
    expect([BED - 100, BED - 10].map((second) => limitAt(both, second))).toEqual([60, 9]);
    expect(limitAt(compile(anInput(aPlan({ maxTtlSeconds: 60 }))), 5)).toBe(60);
    expect(limitAt(compile(anInput(aPlan())), 5)).toBe(0x7fffffff);
  });

  test('past an open end that nobody renewed is the plan’s own', () => {
    const policies = compile(anInput(aPlan({ schedules: [BEDTIME], maxTtlSeconds: 300 })));
    expect(limitAt(policies, HORIZON - 1)).toBe(0);
    expect([HORIZON, HORIZON + 99].map((second) => limitAt(policies, second))).toEqual([300, 300]);
  });

  test('is 60 seconds at most while minutes are counted', () => {
    const budgets = [
      { target: { kind: 'category', bit: ADULT } as const, usedUpUntilSecond: null },
    ];
    expect(limitAt(compile(anInput(aPlan(), own({ budgets }))), AT)).toBe(60);
    const strict = compile(anInput(aPlan({ maxTtlSeconds: 20 }), own({ budgets })));
    expect(limitAt(strict, AT)).toBe(20);
  });

  test('is shortened by jitter, by less than a sixteenth of what is left to the change', () => {
    const policies = compile(anInput(aPlan({ schedules: [BEDTIME] })));
    expect(limitAt(policies, BED - 1601, 0xffff)).toBe(1600 - 99);
    expect(limitAt(policies, BED - 1601, 0x8000)).toBe(1600 - 50);
    expect(limitAt(policies, BED - 17, 0xffff)).toBe(16);
    expect(limitAt(policies, BED - 1, 0xffff)).toBe(0);
    const limited = compile(anInput(aPlan({ schedules: [BEDTIME], maxTtlSeconds: 60 })));
    expect(limitAt(limited, BED - 1601, 0xffff), 'the plan’s limit has no jitter').toBe(60);
    expect(limitAt(limited, BED - 63, 0xffff)).toBe(62 - 3);
  });
});

function window(fromMinute: number, toMinute: number): Schedule {
  return { target: { kind: 'internet' }, days: 127, dates: null, fromMinute, toMinute };
}

function own(overrides: Partial<Settings>): { profile: Settings } {
  return { profile: settings(overrides) };
}

function wordOf(policies: PolicyImage, second: number, word: number): number {
  return policies.records[policyRecordOf(policies, 0, second) * RECORD_WORDS + word]!;
}

function isOff(policies: PolicyImage, second: number): boolean {
  return (wordOf(policies, second, RECORD_FLAGS) & FLAG_INTERNET_OFF) !== 0;
}

function offText(policies: PolicyImage, second: number): string {
  return textOf(policies, wordOf(policies, second, RECORD_OFF_TEXT));
}
