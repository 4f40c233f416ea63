import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { EDE_BLOCKED, EDE_CENSORED, EDE_FILTERED, EDE_NONE } from '../../src/dns/constants.ts';
import { compilePolicies, type OwnRules, type PolicyPlan } from '../../src/policy/compile.ts';
import {
  ALLOW_HOUSEHOLD,
  ALLOW_NOTHING,
  ALLOW_PLAN,
  ALLOW_PROTECTED,
  DECIDE_BLOCK,
  DECIDE_PASS,
  DECIDE_SPECIAL,
  LEVEL_PLAN,
  LEVEL_PROFILE,
  LEVEL_SUBSCRIBER,
  VERDICT_LAW,
  VERDICT_NONE,
  VERDICT_OPERATOR,
  VERDICT_POLICY,
  createDecision,
  decide,
  decideTarget,
  type Decision,
} from '../../src/policy/decide.ts';
import {
  BLOCKING_NODATA,
  BLOCKING_NXDOMAIN,
  BLOCKING_ZERO,
  openPolicyImage,
  textAt,
  textLength,
  type PolicyImage,
} from '../../src/policy/image.ts';
import { SPECIAL_CANARY, SPECIAL_LOCALHOST, SPECIAL_NONE } from '../../src/policy/special-names.ts';
import {
  decideNaively,
  decideTargetNaively,
  type NaivePolicy,
  type NaiveSpecial,
  type NaiveVerdict,
} from '../support/naive-policy.ts';
import {
  ADULT,
  BYPASS,
  CATEGORIES,
  GAMBLING,
  LAW,
  MALWARE,
  PROTECTED,
  SEED,
  aPlan,
  anInput,
  hashesOf,
  maskOf,
  wire,
} from './policy-input.ts';

describe('the order of the decision', () => {
  test('row 1: a law list blocks what every level allows and what is protected', () => {
    const own = { subscriber: names(['example.org']), profile: names(['example.org']) };
    const policies = open(aPlan({ allow: [wire('example.org')], blockingMode: 'zero' }), own);
    const decision = ask(policies, 'example.org', [LAW, PROTECTED, ADULT]);
    expect(decision).toMatchObject({ action: DECIDE_BLOCK, row: 1, verdictClass: VERDICT_LAW });
    expect(decision).toMatchObject({ category: LAW, edeCode: EDE_CENSORED });
    expect(decision.blockingMode, 'law has a mode of its own').toBe(BLOCKING_NXDOMAIN);
  });

  test('row 1: the text names neither the category nor the plan', () => {
    const policies = open(aPlan({ block: [LAW] }));
    const text = textOf(policies, ask(policies, 'example.org', [LAW]));
    expect(text).toBe('Blocked: legal order');
  });

  test('row 1: EDE 15 and another blocking mode where the operator says so', () => {
    const input = anInput(aPlan());
    const categories = input.categories.map((category) =>
      category.bit === LAW ? { ...category, edeCode: 15 as const } : category,
    );
    const buffer = compilePolicies({ ...input, categories, lawBlockingMode: 'nodata' }, SEED);
    const decision = ask(openPolicyImage(buffer), 'example.org', [LAW]);
    expect(decision).toMatchObject({ edeCode: EDE_BLOCKED, blockingMode: BLOCKING_NODATA });
  });

  test('row 2: a protected name passes whatever lists and deny rules say', () => {
    const own = { subscriber: names([], ['example.org']) };
    const policies = open(aPlan({ locked: [ADULT], deny: [wire('example.org')] }), own);
    const decision = ask(policies, 'help.example.org', [PROTECTED, ADULT]);
    expect(decision).toMatchObject({ action: DECIDE_PASS, row: 2, allowLevel: ALLOW_PROTECTED });
  });

  test('row 3: a special name is answered here', () => {
    const decision = ask(open(aPlan()), 'localhost', [], SPECIAL_LOCALHOST);
    expect(decision).toMatchObject({ action: DECIDE_SPECIAL, row: 3, special: SPECIAL_LOCALHOST });
    expect(decision).toMatchObject({ verdictClass: VERDICT_NONE, edeCode: EDE_NONE });
  });

  test('row 3: a canary is NXDOMAIN with EDE 17 where bypass is blocked or locked, else a name', () => {
    const canary = 'use-application-dns.net';
    for (const plan of [{ block: [BYPASS] }, { locked: [BYPASS] }]) {
      const policies = open(aPlan({ ...plan, blockingMode: 'zero' }));
      const decision = ask(policies, canary, [], SPECIAL_CANARY);
      expect(decision).toMatchObject({ action: DECIDE_BLOCK, row: 3, edeCode: EDE_FILTERED });
      expect(decision).toMatchObject({ category: BYPASS, blockingMode: BLOCKING_NXDOMAIN });
      expect(textOf(policies, decision)).toBe('Filtered: filter bypass (plan kids)');
    }
    const open12 = ask(open(aPlan({ block: [ADULT] })), canary, [], SPECIAL_CANARY);
    expect(open12).toMatchObject({ action: DECIDE_PASS, row: 12 });
  });

  test('row 4: the household cannot open a locked category', () => {
    const own = { profile: names(['example.org']), subscriber: names(['example.org']) };
    const decision = ask(open(aPlan({ locked: [ADULT] }), own), 'example.org', [ADULT]);
    expect(decision).toMatchObject({ action: DECIDE_BLOCK, row: 4, edeCode: EDE_FILTERED });
  });

  test('row 4: the plan’s own allow names open a locked category', () => {
    const policies = open(aPlan({ locked: [ADULT], allow: [wire('museum.example')] }));
    const decision = ask(policies, 'www.museum.example', [ADULT]);
    expect(decision).toMatchObject({ action: DECIDE_PASS, row: 8, allowLevel: ALLOW_PLAN });
  });

  test('row 4: a locked security category is the operator’s, EDE 15', () => {
    const policies = open(aPlan({ locked: [ADULT, MALWARE] }));
    const decision = ask(policies, 'example.org', [ADULT, MALWARE]);
    expect(decision).toMatchObject({ verdictClass: VERDICT_OPERATOR, edeCode: EDE_BLOCKED });
    expect(decision).toMatchObject({ row: 4, category: MALWARE });
    expect(textOf(policies, decision)).toBe('Blocked: malware (security)');
  });

  test('row 8: the profile speaks before the subscriber, the subscriber before the plan', () => {
    const deny = names([], ['example.org']);
    const allow = names(['www.example.org']);
    const plan = aPlan({ deny: [wire('example.org')] });
    const byPlan = ask(open(plan), 'example.org', []);
    expect(byPlan).toMatchObject({ action: DECIDE_BLOCK, row: 8, ruleLevel: LEVEL_PLAN });
    const bySubscriber = ask(open(plan, { subscriber: allow }), 'www.example.org', []);
    expect(bySubscriber).toMatchObject({ action: DECIDE_PASS, ruleLevel: LEVEL_SUBSCRIBER });
    expect(bySubscriber.allowLevel).toBe(ALLOW_HOUSEHOLD);
    const byProfile = ask(open(plan, { profile: deny, subscriber: allow }), 'www.example.org', []);
    expect(byProfile).toMatchObject({ action: DECIDE_BLOCK, ruleLevel: LEVEL_PROFILE });
  });

  test('row 8: a deny of the household holds against an allow of the plan', () => {
    const plan = aPlan({ allow: [wire('example.org')] });
    const policies = open(plan, { subscriber: names([], ['www.example.org']) });
    const decision = ask(policies, 'www.example.org', []);
    expect(decision).toMatchObject({ action: DECIDE_BLOCK, row: 8, verdictClass: VERDICT_POLICY });
    expect(textOf(policies, decision)).toBe('Filtered: on the deny list of the household');
  });

  test('row 9: a blocked category names itself and the plan, in the plan’s blocking mode', () => {
    const policies = open(aPlan({ block: [ADULT, GAMBLING], blockingMode: 'zero' }));
    const decision = ask(policies, 'casino.example', [GAMBLING]);
    expect(decision).toMatchObject({ action: DECIDE_BLOCK, row: 9, verdictClass: VERDICT_POLICY });
    expect(decision).toMatchObject({ category: GAMBLING, blockingMode: BLOCKING_ZERO });
    expect(textOf(policies, decision)).toBe('Filtered: gambling (plan kids)');
  });

  test('row 12: a listed name passes where the plan does not block its category', () => {
    const decision = ask(open(aPlan({ block: [ADULT] })), 'casino.example', [GAMBLING]);
    expect(decision).toMatchObject({ action: DECIDE_PASS, row: 12, allowLevel: ALLOW_NOTHING });
  });

  test('nothing of the query before is left in a decision', () => {
    const policies = open(aPlan({ block: [ADULT], blockingMode: 'zero' }));
    const decision = createDecision();
    decide(decision, policies, 0, hashesOf('a.example'), maskOf([ADULT]), SPECIAL_NONE);
    decide(decision, policies, 0, hashesOf('b.example'), maskOf([]), SPECIAL_NONE);
    expect(decision).toEqual(createDecision());
  });
});

describe('targets of an answer', () => {
  test('a target in a blocked category is blocked', () => {
    const policies = open(aPlan({ block: [ADULT] }));
    const decision = askTarget(policies, 'www.example.org', [], 'cdn.example.net', [ADULT]);
    expect(decision).toMatchObject({ action: DECIDE_BLOCK, row: 9 });
  });

  test('a name that the household allowed takes its blocked targets along, but not locked ones', () => {
    const own = { subscriber: names(['example.org']) };
    const policies = open(aPlan({ block: [ADULT, GAMBLING], locked: [GAMBLING] }), own);
    const adult = askTarget(policies, 'example.org', [], 'cdn.example.net', [ADULT]);
    expect(adult.action).toBe(DECIDE_PASS);
    const gambling = askTarget(policies, 'example.org', [], 'cdn.example.net', [GAMBLING]);
    expect(gambling).toMatchObject({ action: DECIDE_BLOCK, row: 4 });
  });

  test('a name that the plan allowed takes every target along but those of law lists', () => {
    const policies = open(aPlan({ locked: [GAMBLING], allow: [wire('example.org')] }));
    const gambling = askTarget(policies, 'example.org', [], 'cdn.example.net', [GAMBLING]);
    expect(gambling.action).toBe(DECIDE_PASS);
    const law = askTarget(policies, 'example.org', [], 'cdn.example.net', [LAW]);
    expect(law).toMatchObject({ action: DECIDE_BLOCK, row: 1 });
  });

  test('a protected target is not blocked by deny rules or lists', () => {
    const policies = open(aPlan({ locked: [ADULT], deny: [wire('example.net')] }));
    const decision = askTarget(policies, 'example.org', [], 'cdn.example.net', [PROTECTED, ADULT]);
    expect(decision.action).toBe(DECIDE_PASS);
  });
});

describe('against the plain table', () => {
  const aName = fc
    .array(fc.constantFrom('a', 'b', 'c'), { minLength: 1, maxLength: 3 })
    .map((labels) => labels.join('.'));
  const someNames = fc.record({
    allow: fc.uniqueArray(aName, { maxLength: 3 }),
    deny: fc.uniqueArray(aName, { maxLength: 3 }),
  });
  const someBits = fc
    .subarray([LAW, PROTECTED, MALWARE, ADULT, GAMBLING, BYPASS])
    .map((bits) => new Set(bits));
  const classOf = new Map(
    CATEGORIES.map(({ bit, class: itsClass }) => [bit, bit === PROTECTED ? 'protected' : itsClass]),
  ) as NaivePolicy['classOf'];
  const aPolicy = fc.record({
    classOf: fc.constant(classOf),
    bypassBit: fc.constant(BYPASS),
    block: someBits,
    locked: someBits,
    profile: someNames,
    subscriber: someNames,
    plan: someNames,
  });
  const aSpecial = fc.constantFrom<NaiveSpecial>('none', 'none', 'none', 'special', 'canary');
  // Half of the names are on neither of the lists that end the table at once.
  const aListing = fc.oneof(
    someBits,
    fc.subarray([MALWARE, ADULT, GAMBLING]).map((bits) => new Set(bits)),
  );

  test('every name gets the row, the class and the reach that the table gives', () => {
    fc.assert(
      fc.property(aPolicy, aName, aListing, aSpecial, (policy, name, bits, special) => {
        const decision = ask(compileNaive(policy), name, bits, specialNumber(special));
        expect(verdictOf(decision)).toEqual(decideNaively(policy, name, bits, special));
      }),
      { numRuns: 2000 },
    );
  });

  test('every target is blocked or passed by the row that the table gives', () => {
    fc.assert(
      fc.property(aPolicy, aName, aListing, aName, aListing, (policy, name, bits, target, its) => {
        const expected = decideTargetNaively(
          policy,
          target,
          its,
          decideNaively(policy, name, bits, 'none'),
        );
        const decision = askTarget(compileNaive(policy), name, bits, target, its);
        expect(decision.action === DECIDE_BLOCK).toBe(expected.isBlocked);
        if (expected.isBlocked) expect(decision.row).toBe(expected.row);
        if (expected.isBlocked) expect(verdictOf(decision).class).toBe(expected.class);
      }),
      { numRuns: 2000 },
    );
  });
});

function open(plan: PolicyPlan, own?: OwnRules): PolicyImage {
  return openPolicyImage(compilePolicies(anInput(plan, own), SEED));
}

function names(
  allow: readonly string[],
  deny: readonly string[] = [],
): OwnRules['profile'] & object {
  return { allow: allow.map(wire), deny: deny.map(wire) };
}

function ask(
  policies: PolicyImage,
  name: string,
  bits: Iterable<number>,
  special = SPECIAL_NONE,
): Decision {
  const decision = createDecision();
  decide(decision, policies, 0, hashesOf(name), maskOf(bits), special);
  return decision;
}

function askTarget(
  policies: PolicyImage,
  name: string,
  bits: Iterable<number>,
  target: string,
  targetBits: Iterable<number>,
): Decision {
  const asked = ask(policies, name, bits);
  const decision = createDecision();
  decideTarget(decision, policies, 0, hashesOf(target), maskOf(targetBits), asked);
  return decision;
}

function textOf(policies: PolicyImage, decision: Decision): string {
  const at = textAt(policies, decision.text);
  const octets = policies.texts.slice(at, at + textLength(policies, decision.text));
  return new TextDecoder().decode(octets);
}

function compileNaive(policy: NaivePolicy): PolicyImage {
  const plan = aPlan({
    block: [...policy.block],
    locked: [...policy.locked],
    ...names(policy.plan.allow, policy.plan.deny),
  });
  return open(plan, {
    profile: names(policy.profile.allow, policy.profile.deny),
    subscriber: names(policy.subscriber.allow, policy.subscriber.deny),
  });
}

function specialNumber(special: NaiveSpecial): number {
  if (special === 'none') return SPECIAL_NONE;
  return special === 'canary' ? SPECIAL_CANARY : SPECIAL_LOCALHOST;
}

function verdictOf(decision: Decision): NaiveVerdict {
  const classes = ['none', 'law', 'operator', 'policy'] as const;
  const reaches = ['none', 'household', 'plan', 'protected'] as const;
  return {
    row: decision.row,
    isBlocked: decision.action === DECIDE_BLOCK,
    class: classes[decision.verdictClass]!,
    reach: reaches[decision.allowLevel]!,
  };
}
