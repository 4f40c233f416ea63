/**
 * The compiler, its chains of records and the decision against the plainest reading of the same input,
 * for random policies, at all moments at which something may change and a second to either side.
 */

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bitsOf } from '../../src/blocklist/category.ts';
import type { SuffixHashes } from '../../src/dns/suffix-hashes.ts';
import {
  DECIDE_BLOCK,
  createDecision,
  decide,
  decideTarget,
  type Decision,
} from '../../src/policy/decide.ts';
import {
  FLAG_BUDGET_INTERNET,
  FLAG_BYPASS_CONTROL,
  FLAG_HAS_BUDGET,
  FLAG_INTERNET_OFF,
  GLOBAL_UNTIL_SECOND,
  RECORD_BLOCKED,
  RECORD_BUDGET,
  RECORD_FLAGS,
  RECORD_GRANTED,
  RECORD_LOCKED,
  RECORD_MAX_TTL,
  RECORD_SAFE_SEARCH,
  RECORD_WORDS,
  logLevelOf,
  policyRecordOf,
  ttlLimitSeconds,
  type PolicyImage,
} from '../../src/policy/image.ts';
import type { PolicyInput, Settings, Target } from '../../src/policy/policy-input.ts';
import { SPECIAL_CANARY, SPECIAL_LOCALHOST, SPECIAL_NONE } from '../../src/policy/special-names.ts';
import {
  decideNaively,
  decideTargetNaively,
  policyAt,
  type NaivePolicy,
  type NaiveSpecial,
  type NaiveVerdict,
} from '../support/naive-policy.ts';
import {
  ADULT,
  BYPASS,
  GAMBLING,
  HOUR,
  LAW,
  MALWARE,
  PROTECTED,
  TIKTOK,
  aPlan,
  anInput,
  compile,
  hashesOf,
  maskOf,
  settings,
  wire,
} from './policy-input.ts';

const POLICY_BITS = [MALWARE, ADULT, TIKTOK, GAMBLING, BYPASS];
const HALF_HOUR = 1800;
/** Friday 2026-03-27, 00:00 UTC: the clocks of Warsaw change in the night to Sunday. */
const SPRING = Date.UTC(2026, 2, 27) / 1000;

const aName = fc
  .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
  .map((labels) => labels.join('.'));
const someNames = fc.uniqueArray(aName, { maxLength: 2 }).map((all) => all.map(wire));
const someBits = fc.subarray(POLICY_BITS);
const aSafeSearch = fc.record({
  engines: fc.integer({ min: 0, max: 3 }),
  youtube: fc.integer({ min: 0, max: 2 }),
  isBlockingUnsafe: fc.boolean(),
});
const aTarget: fc.Arbitrary<Target> = fc.oneof(
  fc.constant<Target>({ kind: 'internet' }),
  fc.constantFrom(...POLICY_BITS).map((bit): Target => ({ kind: 'category', bit })),
  someNames.map((names): Target => ({ kind: 'names', names })),
  aSafeSearch.map((level): Target => ({ kind: 'safeSearch', level })),
);
const aDay = Math.floor(SPRING / 86_400);
const someDates = fc.option(
  fc.array(
    fc
      .tuple(fc.integer({ min: -2, max: 4 }), fc.integer({ min: 0, max: 2 }))
      .map(([first, more]) => ({ firstDay: aDay + first, lastDay: aDay + first + more })),
    { minLength: 1, maxLength: 2 },
  ),
);
const aSchedule = fc
  .record({
    target: aTarget,
    days: fc.integer({ min: 1, max: 127 }),
    dates: fc.oneof({ weight: 3, arbitrary: fc.constant(null) }, someDates),
    from: fc.integer({ min: 0, max: 47 }),
    length: fc.integer({ min: 1, max: 47 }),
  })
  .map(({ from, length, ...rest }) => {
    const to = (from + length) % 48;
    return { ...rest, fromMinute: from * 30, toMinute: (to === 0 ? 48 : to) * 30 };
  });
const someSchedules = fc.array(aSchedule, { maxLength: 3 });
/** Seconds of the image's time and a little more, few on a minute. */
const aSecond = fc.integer({ min: -HOUR, max: 30 * HOUR }).map((second) => SPRING + second);
const someSettings: fc.Arbitrary<Settings> = fc
  .record({
    block: someBits,
    open: someBits,
    allow: someNames,
    always: someNames,
    deny: someNames,
    isAllowListOnly: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, fc.boolean()),
    safeSearch: aSafeSearch,
    schedules: fc.option(someSchedules),
    pauses: fc.array(
      fc
        .tuple(aSecond, fc.integer({ min: 1, max: 9 * HOUR }))
        .map(([fromSecond, length]) => ({ fromSecond, untilSecond: fromSecond + length })),
      { maxLength: 2 },
    ),
    grants: fc.array(fc.record({ target: aTarget, untilSecond: aSecond }), { maxLength: 2 }),
    budgets: fc.array(fc.record({ target: aTarget, usedUpUntilSecond: fc.option(aSecond) }), {
      maxLength: 2,
    }),
    log: fc.option(fc.constantFrom('nothing', 'counts', 'blocked', 'all')),
  })
  .map((overrides) => settings(overrides));
const aCompleteInput: fc.Arbitrary<PolicyInput> = fc
  .record({
    plan: fc.record({
      block: someBits,
      locked: fc.subarray([MALWARE, GAMBLING, BYPASS]),
      lockedOpen: fc.subarray([ADULT, TIKTOK]),
      allow: someNames,
      always: someNames,
      deny: someNames,
      safeSearch: aSafeSearch,
      schedules: someSchedules,
      failMode: fc.constantFrom('open' as const, 'closed' as const),
      maxTtlSeconds: fc.option(fc.constantFrom(60, 7200)),
      log: fc.constantFrom('nothing', 'counts', 'blocked', 'all'),
      logMax: fc.constantFrom('counts', 'blocked', 'all'),
    }),
    subscriber: fc.option(someSettings),
    profile: fc.option(someSettings),
    zone: fc.constantFrom('Europe/Warsaw', 'America/New_York', 'Australia/Adelaide'),
    startHour: fc.integer({ min: 0, max: 60 }),
  })
  .map(({ plan, subscriber, profile, zone, startHour }) => {
    const input = anInput(aPlan(plan), { subscriber, profile });
    const atSecond = SPRING + startHour * HOUR + 17;
    const profiles = { ...input.profiles, zones: [zone] };
    return { ...input, atSecond, horizonSecond: atSecond + 26 * HOUR, profiles };
  });

const askedNames = ['a', 'b.a', 'c.b.a', 'www.seek.example', 'look.example', 'www.tube.example'];
const aListing = fc.oneof(
  fc.subarray([LAW, PROTECTED, ...POLICY_BITS]).map((bits) => new Set(bits)),
  // Names on the lists that end the table at once are half of the above.
  fc.subarray(POLICY_BITS).map((bits) => new Set(bits)),
);
const aQuestion = fc.record({
  name: fc.oneof(aName, fc.constantFrom(...askedNames, 'x.dark.example')),
  bits: aListing,
  special: fc.constantFrom<NaiveSpecial>('none', 'none', 'none', 'special', 'canary'),
  target: aName,
  targetBits: aListing,
});

test('at every moment the image says what the input says', { timeout: 60_000 }, () => {
  fc.assert(
    fc.property(
      aCompleteInput,
      fc.array(aQuestion, { minLength: 5, maxLength: 5 }),
      (input, all) => {
        const policies = compile(input);
        const questions = all.map(prepare);
        for (const second of momentsOf(input, endOf(policies))) {
          const policy = policyAt(input, 0, second);
          const record = policyRecordOf(policies, 0, second);
          expectSame(factsOf(policies, record), naiveFactsOf(policy), `at ${second}`);
          for (const question of questions) {
            expectSameVerdict(policies, record, policy, question, `at ${second}`);
          }
        }
      },
    ),
    { numRuns: 50 },
  );
});

test('no TTL outlives the policy under which it was given', { timeout: 60_000 }, () => {
  const jitter = fc.integer({ min: 0, max: 0xffff });
  fc.assert(
    fc.property(aCompleteInput, jitter, (input, bits) => {
      const policies = compile(input);
      const moments = momentsOf(input, endOf(policies));
      const said = moments.map((second) => JSON.stringify(plainOf(policyAt(input, 0, second))));
      for (const [index, second] of moments.entries()) {
        const record = policyRecordOf(policies, 0, second);
        const limit = ttlLimitSeconds(policies, record, second, bits);
        // A TTL of `limit` that begins late in this second ends in the second `second + limit`.
        for (let later = index + 1; later < moments.length; later++) {
          if (moments[later]! > second + limit) break;
          expect(said[later], `${second} + ${limit}`).toBe(said[index]);
        }
      }
    }),
    { numRuns: 50 },
  );
});

interface Question {
  readonly name: string;
  readonly bits: ReadonlySet<number>;
  readonly special: NaiveSpecial;
  readonly target: string;
  readonly targetBits: ReadonlySet<number>;
}

type Prepared = Question &
  Record<'hashes' | 'targetHashes', SuffixHashes> &
  Record<'mask' | 'targetMask', Uint32Array>;

function prepare(question: Question): Prepared {
  return {
    ...question,
    hashes: hashesOf(question.name),
    mask: maskOf(question.bits),
    targetHashes: hashesOf(question.target),
    targetMask: maskOf(question.targetBits),
  };
}

const asked = createDecision();
const onTarget = createDecision();

function expectSameVerdict(
  policies: PolicyImage,
  record: number,
  policy: NaivePolicy,
  question: Prepared,
  when: string,
): void {
  const { name, bits, special, target, targetBits, hashes, mask } = question;
  decide(asked, policies, record, hashes, mask, specialNumber(special));
  const verdict = decideNaively(policy, name, bits, special);
  expectSame(verdictOf(asked), verdict, `${name} ${when}`);
  if (verdict.isBlocked) return;
  const { targetHashes, targetMask } = question;
  decideTarget(onTarget, policies, record, targetHashes, targetMask, asked);
  const expected = decideTargetNaively(policy, target, targetBits, verdict);
  const { isBlocked, row } = verdictOf(onTarget);
  expectSame(
    { isBlocked, row: isBlocked ? row : 0 },
    { isBlocked: expected.isBlocked, row: expected.isBlocked ? expected.row : 0 },
    `${target} after ${name} ${when}`,
  );
}

/** A hundred thousand matchers would take half a minute. */
function expectSame(actual: object, expected: object, where: string): void {
  if (JSON.stringify(actual) !== JSON.stringify(expected)) expect(actual, where).toEqual(expected);
}

/** Everything that may change does so at a half or full hour, or at a second that the input names. */
function momentsOf(input: PolicyInput, until: number): number[] {
  const { atSecond, profiles } = input;
  const changes = new Set<number>([atSecond]);
  for (
    let second = Math.ceil(atSecond / HALF_HOUR) * HALF_HOUR;
    second < until;
    second += HALF_HOUR
  ) {
    changes.add(second);
  }
  const own = profiles.ownOf.get(0);
  for (const level of [own?.subscriber, own?.profile]) {
    for (const { fromSecond, untilSecond } of level?.pauses ?? []) {
      changes.add(fromSecond).add(untilSecond);
    }
    for (const { untilSecond } of level?.grants ?? []) changes.add(untilSecond);
    for (const { usedUpUntilSecond } of level?.budgets ?? []) changes.add(usedUpUntilSecond ?? 0);
  }
  const moments = new Set([...changes].flatMap((second) => [second - 1, second, second + 1]));
  return [...moments]
    .filter((second) => second >= atSecond && second < until)
    .sort((a, b) => a - b);
}

function endOf(policies: PolicyImage): number {
  return policies.globals[GLOBAL_UNTIL_SECOND]!;
}

/** What no question can ask, or few would. */
function factsOf(policies: PolicyImage, record: number): object {
  const words = policies.records.subarray(record * RECORD_WORDS, (record + 1) * RECORD_WORDS);
  const flags = words[RECORD_FLAGS]!;
  const masks = [RECORD_LOCKED, RECORD_BLOCKED, RECORD_GRANTED, RECORD_BUDGET];
  const isInternetCounted = (flags & FLAG_BUDGET_INTERNET) !== 0;
  const counted = bitsOf(words, RECORD_BUDGET);
  const hasBudget = (flags & FLAG_HAS_BUDGET) !== 0;
  if (!hasBudget) expect([counted, isInternetCounted]).toEqual([[], false]);
  return {
    masks: masks.map((at) => bitsOf(words, at)),
    isInternetCounted,
    isOff: (flags & FLAG_INTERNET_OFF) !== 0,
    isBypassControlled: (flags & FLAG_BYPASS_CONTROL) !== 0,
    safeSearch: words[RECORD_SAFE_SEARCH],
    log: logLevelOf(policies, record),
    maxTtl: words[RECORD_MAX_TTL],
  };
}

function naiveFactsOf(policy: NaivePolicy): object {
  const { locked, blocked, granted, counted, isInternetCounted, isOff } = policy;
  const { engines, youtube, isBlockingUnsafe } = policy.safeSearch;
  return {
    masks: [locked, blocked, granted, counted].map((bits) => [...bits].sort((a, b) => a - b)),
    isInternetCounted,
    isOff,
    isBypassControlled: policy.isBypassControlled,
    safeSearch: engines + youtube * 0x1_0000 + (isBlockingUnsafe ? 0x4_0000 : 0),
    log: ['nothing', 'counts', 'blocked', 'all'].indexOf(policy.log),
    maxTtl: Math.min(policy.maxTtlSeconds, 0xffffffff),
  };
}

/** Sets say nothing to JSON; order, and names that are written twice, nothing to us. */
function plainOf(policy: NaivePolicy): object {
  const sorted = (bits: ReadonlySet<number>): number[] => [...bits].sort((a, b) => a - b);
  const distinct = (names: readonly string[]): string[] => [...new Set(names)].sort();
  const { locked, blocked, granted, counted, grantedNames, profile, ...rest } = policy;
  return {
    ...rest,
    masks: [locked, blocked, granted, counted].map(sorted),
    names: [grantedNames, profile.allow, profile.always, profile.deny].map(distinct),
  };
}

function specialNumber(special: NaiveSpecial): number {
  if (special === 'none') return SPECIAL_NONE;
  return special === 'canary' ? SPECIAL_CANARY : SPECIAL_LOCALHOST;
}

function verdictOf(decision: Decision): NaiveVerdict {
  const classes = ['none', 'law', 'operator', 'policy'] as const;
  const reaches = ['none', 'household', 'plan', 'protected'] as const;
  const safe = ['engine: 0', 'engine: 1', 'youtube: 1', 'youtube: 2'];
  return {
    row: decision.row,
    isBlocked: decision.action === DECIDE_BLOCK,
    class: classes[decision.verdictClass]!,
    reach: reaches[decision.allowLevel]!,
    safe: safe[decision.safeTarget] ?? null,
  };
}
