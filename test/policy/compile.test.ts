import { describe, expect, test } from 'vitest';
import { parseIpAddress } from '../../src/lib/ip-address.ts';
import type { Language } from '../../src/lib/messages.ts';
import { PLANS_MAX, compilePolicies, emptyPolicies } from '../../src/policy/compile.ts';
import { openPolicyImage } from '../../src/policy/check-image.ts';
import {
  BLOCKING_ADDRESS,
  LOG_ALL,
  LOG_BLOCKED,
  LOG_COUNTS,
  RECORD_BLOCKING_MODE,
  RECORD_OFF_TEXT,
  RECORD_VARIANT,
  RECORD_WORDS,
  SENTENCE_DENIED_BY_PLAN,
  SENTENCE_LAW,
  VARIANT_WORDS,
  blockAddress4,
  blockAddress6,
  hasBlockAddress4,
  hasBlockAddress6,
  hasDevices,
  isNeverReported,
  logLevelOf,
  policyRecordOf,
  textLength,
  type PolicyImage,
} from '../../src/policy/image.ts';
import {
  NO_PLAN,
  type OwnSettings,
  type PolicyPlan,
  type Schedule,
} from '../../src/policy/policy-input.ts';
import {
  ADULT,
  AT,
  HOUR,
  PROTECTED,
  SEED,
  SELF_HARM,
  TIKTOK,
  aPlan,
  anInput,
  compile,
  maskOf,
  names,
  settings,
  someProfiles,
  textOf,
  wire,
} from './policy-input.ts';

const BEDTIME: Schedule = {
  target: { kind: 'internet' },
  days: 127,
  dates: null,
  fromMinute: 21 * 60,
  toMinute: 7 * 60,
};

describe('records', () => {
  test('a million profiles on three plans are three records', () => {
    const plans = ['kids', 'teens', 'open'].map((id) => aPlan({ id }));
    const planOf = Uint32Array.from({ length: 1_000_000 }, (_, profile) => profile % 3);
    const policies = compile(anInput(aPlan(), {}, { plans, profiles: someProfiles({ planOf }) }));
    expect(policies.records.length).toBe(3 * RECORD_WORDS);
    expect(recordOf(policies, 999_998)).toBe(recordOf(policies, 2));
    expect(recordOf(policies, 0)).not.toBe(recordOf(policies, 1));
  });

  test('households with the same own names share a record, in whatever order they wrote them', () => {
    const own = (allow: string[], deny: string[] = []): OwnSettings => ({
      subscriber: settings(names({ allow, deny })),
      profile: null,
    });
    const ownOf = new Map([
      [0, own(['a.example', 'b.example'])],
      [1, own(['b.example', 'a.example'])],
      [2, own(['a.example'])],
      [4, own([], ['a.example', 'b.example'])],
    ]);
    const policies = compileProfiles(aPlan(), { planOf: [0, 0, 0, 0, 0], ownOf });
    const records = [0, 1, 2, 3, 4].map((profile) => recordOf(policies, profile));
    expect(records[0]).toBe(records[1]);
    expect(new Set(records).size).toBe(4);
  });

  test('zones without schedules share a record, and with schedules have one each', () => {
    const zones = { planOf: [0, 0], zoneOf: [0, 1], zones: ['Europe/Minsk', 'Asia/Kathmandu'] };
    const plain = compileProfiles(aPlan(), zones);
    expect(recordOf(plain, 0)).toBe(recordOf(plain, 1));
    const scheduled = compileProfiles(aPlan({ schedules: [BEDTIME] }), zones);
    expect(recordOf(scheduled, 0)).not.toBe(recordOf(scheduled, 1));
  });

  test('a profile number that is not in use, or not yet known, has no policy', () => {
    const policies = compileProfiles(aPlan(), { planOf: [0, NO_PLAN] });
    expect([0, 1, 2, -1].map((profile) => recordOf(policies, profile))).toEqual([0, -1, -1, -1]);
    expect([0, 1, 2, -1].some((profile) => hasDevices(policies, profile))).toBe(false);
  });

  test('the number of a household stands for its default profile', () => {
    const ownOf = new Map([[2, { subscriber: null, profile: settings({ block: [ADULT] }) }]]);
    const defaultOf = new Map([[1, 2]]);
    const policies = compileProfiles(aPlan(), { planOf: [0, 0, 0], ownOf, defaultOf });
    expect(recordOf(policies, 1)).toBe(recordOf(policies, 2));
    expect(recordOf(policies, 0)).not.toBe(recordOf(policies, 2));
  });

  test('a household with devices says so beside its record', () => {
    const key = Uint8Array.of(2, 0, 94, 16, 0, 1);
    const devices = [{ subscriber: 1, kind: 'mac' as const, key, profile: 2 }];
    const profiles = someProfiles({ planOf: [0, 0, 0] });
    const policies = compile(anInput(aPlan(), undefined, { profiles, devices }));
    expect([0, 1, 2].map((profile) => hasDevices(policies, profile))).toEqual([false, true, false]);
    expect([0, 1, 2].map((profile) => recordOf(policies, profile))).toEqual([0, 0, 0]);
  });

  test('an installation without plans has an image too', () => {
    expect(recordOf(openPolicyImage(emptyPolicies(SEED)), 0)).toBe(-1);
  });

  test('block addresses come back as they went in', () => {
    const addresses = {
      blockAddress4: parseIpAddress('192.0.2.80'),
      blockAddress6: parseIpAddress('2001:db8::80'),
    };
    const plans = [aPlan({ blockingMode: 'address', ...addresses }), aPlan({ id: 'other' })];
    const profiles = someProfiles({ planOf: [0, 1] });
    const policies = compile(anInput(aPlan(), undefined, { plans, profiles }));
    expect(policies.records[RECORD_BLOCKING_MODE]).toBe(BLOCKING_ADDRESS);
    expect(hasBlockAddress4(policies, 0) && hasBlockAddress6(policies, 0)).toBe(true);
    expect(blockAddress4(policies, 0)).toBe(0xc0000250);
    expect([0, 1, 2, 3].map((word) => blockAddress6(policies, 0, word))).toEqual([
      0x20010db8, 0, 0, 0x80,
    ]);
    expect(hasBlockAddress4(policies, 1) || hasBlockAddress6(policies, 1)).toBe(false);
  });

  test('the log level is the nearest that is set, and never above the plan’s ceiling', () => {
    const levelOf = (plan: Partial<PolicyPlan>, own: Partial<OwnSettings>): number => {
      const policies = compile(anInput(aPlan(plan), own));
      return logLevelOf(policies, recordOf(policies, 0));
    };
    const all = settings({ log: 'all' });
    const counts = settings({ log: 'counts' });
    expect(levelOf({ log: 'blocked' }, {})).toBe(LOG_BLOCKED);
    expect(levelOf({ log: 'blocked' }, { subscriber: all })).toBe(LOG_ALL);
    expect(levelOf({}, { subscriber: all, profile: counts })).toBe(LOG_COUNTS);
    expect(levelOf({ logMax: 'blocked' }, { profile: all })).toBe(LOG_BLOCKED);
  });

  test('categories that no log shows are known by their masks', () => {
    const policies = compile(anInput(aPlan()));
    expect(isNeverReported(policies, maskOf([ADULT, PROTECTED]))).toBe(true);
    expect(isNeverReported(policies, maskOf([ADULT]))).toBe(false);
  });
});

describe('texts', () => {
  test('are in the language of the subscriber, whatever plan it shares', () => {
    const languages: Language[] = ['en', 'be'];
    const pauses = [{ fromSecond: AT, untilSecond: AT + HOUR }];
    const own = { subscriber: settings({ pauses }), profile: null };
    const ownOf = new Map([
      [0, own],
      [1, own],
    ]);
    const profiles = { planOf: [0, 0], languageOf: [0, 1], languages, ownOf };
    const policies = compileProfiles(aPlan({ block: [ADULT] }), profiles);
    expect([0, 1].map((profile) => offTextOf(policies, profile))).toEqual([
      'Internet is paused until 13:00',
      'Інтэрнэт на паўзе да 13:00',
    ]);
    expect([0, 1].map((profile) => sentenceOf(policies, profile, ADULT))).toEqual([
      'Filtered: adult (plan kids)',
      'Фільтр: adult (тарыф kids)',
    ]);
    expect(sentenceOf(policies, 1, SENTENCE_LAW)).toBe('Заблакавана паводле закона');
  });

  test.each([
    ['as they are written', (all: object[]) => all],
    ['the other way round', (all: object[]) => all.toReversed()],
  ])(
    'of self-harm carry the helpline of the place, else of the language, else the one for all: %s',
    (_order, inOrder) => {
      const helplines = [
        { zones: ['Europe/Warsaw'], languages: [], text: '116 111' },
        { zones: [], languages: ['be' as const], text: '8 801 100 16 11' },
        { zones: [], languages: [], text: 'findahelpline.com' },
      ];
      const ordered = inOrder(helplines) as typeof helplines;
      const profiles = someProfiles({
        planOf: [0, 0, 0],
        zoneOf: [1, 0, 0],
        languageOf: [1, 1, 0],
        zones: ['Europe/Minsk', 'Europe/Warsaw'],
        languages: ['en', 'be'],
      });
      const plan = aPlan({ block: [SELF_HARM] });
      const policies = compile(anInput(plan, undefined, { helplines: ordered, profiles }));
      expect([0, 1, 2].map((profile) => sentenceOf(policies, profile, SELF_HARM))).toEqual([
        'Дапамога: 116 111. Фільтр: self-harm',
        'Дапамога: 8 801 100 16 11. Фільтр: self-harm',
        'Help: findahelpline.com. Filtered: self-harm',
      ]);
    },
  );

  test('fit 80 octets, cut between characters', () => {
    const policies = compile(anInput(aPlan({ id: 'п'.repeat(100), block: [ADULT] })));
    const lengths = Array.from({ length: policies.textPlaces.length / 2 }, (_, text) =>
      textLength(policies, text),
    );
    expect(Math.max(...lengths)).toBeLessThanOrEqual(80);
    expect(() =>
      new TextDecoder('utf-8', { fatal: true }).decode(policies.texts.slice()),
    ).not.toThrow();
    expect(sentenceOf(policies, 0, SENTENCE_DENIED_BY_PLAN)).toMatch(/plan п+$/);
  });
});

describe('limits', () => {
  test('more plans than an image takes are refused, whole', () => {
    const plans = Array.from({ length: PLANS_MAX + 1 }, (_, index) =>
      aPlan({ id: `plan-${index}` }),
    );
    expect(() => compilePolicies(anInput(aPlan(), {}, { plans }), SEED)).toThrow(
      expect.objectContaining({ code: 'COMPILE_LIMIT' }),
    );
  });

  test('more variants of texts than an image takes are refused, whole', () => {
    const plans = Array.from({ length: PLANS_MAX }, (_, index) => aPlan({ id: `plan-${index}` }));
    const languages: Language[] = ['en', 'ru', 'be'];
    const planOf = Array.from({ length: PLANS_MAX * 3 }, (_, index) => index % PLANS_MAX);
    const languageOf = planOf.map((_, index) => Math.floor(index / PLANS_MAX));
    const profiles = someProfiles({ planOf, zoneOf: planOf.map(() => 0), languageOf, languages });
    expect(() => compilePolicies(anInput(aPlan(), {}, { plans, profiles }), SEED)).toThrow(
      expect.objectContaining({ code: 'COMPILE_LIMIT' }),
    );
  });

  test('rules of the plan, the household and the profile, a lock and a service fit one mask', () => {
    const own = { profile: settings({ block: [TIKTOK], open: [ADULT] }) };
    const plan = aPlan({ block: [ADULT, SELF_HARM], allow: [wire('example.org')] });
    expect(compile(anInput(plan, own)).maskWords).toBe(3);
  });
});

function compileProfiles(
  plan: PolicyPlan,
  overrides: Parameters<typeof someProfiles>[0],
): PolicyImage {
  return compile(anInput(plan, undefined, { profiles: someProfiles(overrides) }));
}

function recordOf(policies: PolicyImage, profile: number): number {
  return policyRecordOf(policies, profile, AT);
}

function offTextOf(policies: PolicyImage, profile: number): string {
  const at = recordOf(policies, profile) * RECORD_WORDS;
  return textOf(policies, policies.records[at + RECORD_OFF_TEXT]!);
}

function sentenceOf(policies: PolicyImage, profile: number, word: number): string {
  const variant = policies.records[recordOf(policies, profile) * RECORD_WORDS + RECORD_VARIANT]!;
  return textOf(policies, policies.textOf[variant * VARIANT_WORDS + word]!);
}
