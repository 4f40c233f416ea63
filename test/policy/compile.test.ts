import { describe, expect, test } from 'vitest';
import { parseIpAddress } from '../../src/lib/ip-address.ts';
import {
  NO_PLAN,
  PLANS_MAX,
  compilePolicies,
  emptyPolicies,
  type OwnRules,
  type PolicyInput,
} from '../../src/policy/compile.ts';
import {
  BLOCKING_ADDRESS,
  RECORD_BLOCKING_MODE,
  RECORD_WORDS,
  blockAddress4,
  blockAddress6,
  hasBlockAddress4,
  hasBlockAddress6,
  openPolicyImage,
  policyRecordOf,
  textLength,
  ttlLimitSeconds,
} from '../../src/policy/image.ts';
import { ADULT, CATEGORIES, SEED, aPlan, anInput, wire } from './policy-input.ts';

describe('records', () => {
  test('a million profiles on three plans are three records', () => {
    const plans = ['kids', 'teens', 'open'].map((id) => aPlan({ id }));
    const planOf = Uint32Array.from({ length: 1_000_000 }, (_, profile) => profile % 3);
    const policies = compile({ plans, profiles: { planOf, rulesOf: new Map() } });
    expect(policies.records.length).toBe(3 * RECORD_WORDS);
    expect(policyRecordOf(policies, 999_998)).toBe(policyRecordOf(policies, 2));
    expect(policyRecordOf(policies, 0)).not.toBe(policyRecordOf(policies, 1));
  });

  test('subscribers with the same own names share a record, in whatever order they wrote them', () => {
    const rules = (...names: string[]): OwnRules => ({
      subscriber: { allow: names.map(wire), deny: [] },
    });
    const rulesOf = new Map([
      [0, rules('a.example', 'b.example')],
      [1, rules('b.example', 'a.example')],
      [2, rules('a.example')],
      [4, { subscriber: { allow: [], deny: ['a.example', 'b.example'].map(wire) } }],
    ]);
    const policies = compile({ profiles: { planOf: [0, 0, 0, 0, 0], rulesOf } });
    const records = [0, 1, 2, 3, 4].map((profile) => policyRecordOf(policies, profile));
    expect(records[0]).toBe(records[1]);
    expect(new Set(records).size).toBe(4);
  });

  test('a profile number that is not in use, or not yet known, has no policy', () => {
    const profiles = { planOf: [0, NO_PLAN], rulesOf: new Map<number, OwnRules>() };
    const policies = compile({ profiles });
    expect([0, 1, 2, -1].map((profile) => policyRecordOf(policies, profile))).toEqual([
      0, -1, -1, -1,
    ]);
  });

  test('an installation without plans has an image too', () => {
    expect(policyRecordOf(openPolicyImage(emptyPolicies(SEED)), 0)).toBe(-1);
  });

  test('block addresses come back as they went in', () => {
    const policies = compile({
      plans: [
        aPlan({
          blockingMode: 'address',
          blockAddress4: parseIpAddress('192.0.2.80'),
          blockAddress6: parseIpAddress('2001:db8::80'),
        }),
        aPlan({ id: 'other' }),
      ],
      profiles: { planOf: [0, 1], rulesOf: new Map() },
    });
    expect(policies.records[RECORD_BLOCKING_MODE]).toBe(BLOCKING_ADDRESS);
    expect(hasBlockAddress4(policies, 0) && hasBlockAddress6(policies, 0)).toBe(true);
    expect(blockAddress4(policies, 0)).toBe(0xc0000250);
    expect([0, 1, 2, 3].map((word) => blockAddress6(policies, 0, word))).toEqual([
      0x20010db8, 0, 0, 0x80,
    ]);
    expect(hasBlockAddress4(policies, 1) || hasBlockAddress6(policies, 1)).toBe(false);
  });
});

describe('the TTL limit', () => {
  test('is the whole seconds to the next change, 0 in the last second and after it', () => {
    const policies = compile({ plans: [aPlan({ nextChangeSecond: 1000 })] });
    const limits = [900, 998, 999, 1000, 1500].map((now) => ttlLimitSeconds(policies, 0, now));
    expect(limits).toEqual([99, 1, 0, 0, 0]);
  });

  test('is never above the plan’s own limit, and without either there is none', () => {
    const both = compile({ plans: [aPlan({ nextChangeSecond: 1000, maxTtlSeconds: 60 })] });
    expect([900, 990].map((now) => ttlLimitSeconds(both, 0, now))).toEqual([60, 9]);
    expect(ttlLimitSeconds(compile({ plans: [aPlan({ maxTtlSeconds: 60 })] }), 0, 5)).toBe(60);
    expect(ttlLimitSeconds(compile({}), 0, 5)).toBe(0x7fffffff);
  });
});

describe('limits', () => {
  test('texts fit 80 octets, cut between characters', () => {
    const policies = compile({ plans: [aPlan({ id: 'п'.repeat(100), block: [ADULT] })] });
    const lengths = Array.from({ length: policies.textPlaces.length / 2 }, (_, text) =>
      textLength(policies, text),
    );
    expect(Math.max(...lengths)).toBeLessThanOrEqual(80);
    expect(() =>
      new TextDecoder('utf-8', { fatal: true }).decode(policies.texts.slice()),
    ).not.toThrow();
  });

  test('more plans than an image takes are refused, whole', () => {
    const plans = Array.from({ length: PLANS_MAX + 1 }, (_, index) =>
      aPlan({ id: `plan-${index}` }),
    );
    expect(() => compile({ plans })).toThrow(expect.objectContaining({ code: 'COMPILE_LIMIT' }));
  });

  test('a damaged image is refused', () => {
    const buffer = compilePolicies(anInput(aPlan({ block: [ADULT] })), SEED);
    const octets = new Uint8Array(buffer);
    octets[octets.length - 1]! ^= 1;
    expect(() => openPolicyImage(buffer)).toThrow(
      expect.objectContaining({ code: 'IMAGE_DAMAGED' }),
    );
  });
});

function compile(overrides: Partial<PolicyInput>): ReturnType<typeof openPolicyImage> {
  const input = { ...anInput(aPlan()), categories: CATEGORIES, ...overrides };
  return openPolicyImage(compilePolicies(input, SEED));
}
