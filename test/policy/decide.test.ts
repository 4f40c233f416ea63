import { describe, expect, test } from 'vitest';
import {
  EDE_BLOCKED,
  EDE_CENSORED,
  EDE_FILTERED,
  EDE_FORGED_ANSWER,
  EDE_NONE,
} from '../../src/dns/constants.ts';
import {
  ALLOW_HOUSEHOLD,
  ALLOW_NOTHING,
  ALLOW_PLAN,
  ALLOW_PROTECTED,
  DECIDE_BLOCK,
  DECIDE_PASS,
  DECIDE_SAFE_SEARCH,
  DECIDE_SPECIAL,
  LEVEL_GRANT,
  LEVEL_NONE,
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
  policyRecordOf,
  type PolicyImage,
} from '../../src/policy/image.ts';
import type { OwnSettings, PolicyInput, PolicyPlan } from '../../src/policy/policy-input.ts';
import { SPECIAL_CANARY, SPECIAL_LOCALHOST, SPECIAL_NONE } from '../../src/policy/special-names.ts';
import {
  ADULT,
  AT,
  BYPASS,
  GAMBLING,
  HOUR,
  LAW,
  MALWARE,
  PROTECTED,
  SELF_HARM,
  TIKTOK,
  aPlan,
  anInput,
  compile,
  hashesOf,
  maskOf,
  names,
  settings,
  textOf,
  wire,
} from './policy-input.ts';

describe('the order of the decision', () => {
  test('row 1: a law list blocks what every level allows and what is protected', () => {
    const own = {
      subscriber: settings(names({ allow: ['example.org'] })),
      profile: settings(names({ allow: ['example.org'] })),
    };
    const policies = open(aPlan({ allow: [wire('example.org')], blockingMode: 'zero' }), own);
    const decision = ask(policies, 'example.org', [LAW, PROTECTED, ADULT]);
    expect(decision).toMatchObject({ action: DECIDE_BLOCK, row: 1, verdictClass: VERDICT_LAW });
    expect(decision).toMatchObject({ category: LAW, edeCode: EDE_CENSORED });
    expect(decision.blockingMode, 'law has a mode of its own').toBe(BLOCKING_NXDOMAIN);
  });

  test('row 1: the text names neither the category nor the plan', () => {
    const policies = open(aPlan({ block: [LAW] }));
    const text = textOf(policies, ask(policies, 'example.org', [LAW]).text);
    expect(text).toBe('Blocked: legal order');
  });

  test('row 1: EDE 15 and another blocking mode where the operator says so', () => {
    const input = anInput(aPlan());
    const categories = input.categories.map((category) =>
      category.bit === LAW ? { ...category, edeCode: 15 as const } : category,
    );
    const policies = compile({ ...input, categories, lawBlockingMode: 'nodata' });
    const decision = ask(policies, 'example.org', [LAW]);
    expect(decision).toMatchObject({ edeCode: EDE_BLOCKED, blockingMode: BLOCKING_NODATA });
  });

  test('row 2: a protected name passes whatever lists and deny rules say', () => {
    const own = { subscriber: settings(names({ deny: ['example.org'] })) };
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
      expect(textOf(policies, decision.text)).toBe('Filtered: filter bypass');
    }
    const open12 = ask(open(aPlan({ block: [ADULT] })), canary, [], SPECIAL_CANARY);
    expect(open12).toMatchObject({ action: DECIDE_PASS, row: 12 });
  });

  test('row 4: the household cannot open a locked category', () => {
    const own = {
      profile: settings(names({ allow: ['example.org'] })),
      subscriber: settings(names({ allow: ['example.org'] })),
    };
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
    expect(textOf(policies, decision.text)).toBe('Blocked: malware (security)');
  });

  test('row 5: a granted category passes, at bedtime too, and takes blocked targets along', () => {
    const grants = [{ target: { kind: 'category', bit: TIKTOK } as const, untilSecond: AT + HOUR }];
    const pauses = [{ fromSecond: AT, untilSecond: AT + HOUR }];
    const own = { profile: settings({ block: [TIKTOK, ADULT], grants, pauses }) };
    const policies = open(aPlan(), own);
    const decision = ask(policies, 'tiktok.example', [TIKTOK, ADULT]);
    expect(decision).toMatchObject({ action: DECIDE_PASS, row: 5, category: TIKTOK });
    expect(decision.allowLevel).toBe(ALLOW_HOUSEHOLD);
    const target = askTarget(policies, 'tiktok.example', [TIKTOK], 'cdn.example.net', [ADULT]);
    expect(target.action).toBe(DECIDE_PASS);
    expect(ask(policies, 'adult.example', [ADULT])).toMatchObject({ row: 7 });
  });

  test('row 5: granted names pass with what is below them, but a grant opens no locked category', () => {
    const granted = { kind: 'names', names: [wire('school.example')] } as const;
    const grants = [
      { target: granted, untilSecond: AT + HOUR },
      { target: { kind: 'category', bit: GAMBLING } as const, untilSecond: AT + HOUR },
    ];
    const own = {
      profile: settings({ grants, isAllowListOnly: true, ...names({ deny: ['example'] }) }),
    };
    const policies = open(aPlan({ locked: [GAMBLING] }), own);
    const decision = ask(policies, 'www.school.example', []);
    expect(decision).toMatchObject({ action: DECIDE_PASS, row: 5, ruleLevel: LEVEL_GRANT });
    expect(ask(policies, 'casino.example', [GAMBLING])).toMatchObject({ row: 4 });
    expect(ask(policies, 'www.school.example', [GAMBLING])).toMatchObject({ row: 4 });
  });

  test('row 6: an allow rule marked “always” holds while the internet is off, an ordinary one does not', () => {
    const rules = names({ allow: ['game.example'], always: ['bank.example'] });
    const pauses = [{ fromSecond: AT, untilSecond: AT + HOUR }];
    for (const level of ['profile', 'subscriber'] as const) {
      const own = { [level]: settings({ ...rules, pauses }) };
      const policies = open(aPlan({ block: [ADULT] }), own);
      const decision = ask(policies, 'www.bank.example', [ADULT]);
      expect(decision).toMatchObject({ action: DECIDE_PASS, row: 6, allowLevel: ALLOW_HOUSEHOLD });
      expect(decision.ruleLevel).toBe(level === 'profile' ? LEVEL_PROFILE : LEVEL_SUBSCRIBER);
      expect(ask(policies, 'game.example', [])).toMatchObject({ action: DECIDE_BLOCK, row: 7 });
    }
    const own = { profile: settings({ pauses }) };
    const byPlan = ask(open(aPlan(rules), own), 'bank.example', [ADULT]);
    expect(byPlan).toMatchObject({ row: 6, ruleLevel: LEVEL_PLAN, allowLevel: ALLOW_PLAN });
  });

  test('row 6: a deny of a level that speaks first holds against an “always” of a later one', () => {
    const own = { profile: settings(names({ deny: ['bank.example'] })) };
    const policies = open(aPlan(names({ always: ['bank.example'] })), own);
    const decision = ask(policies, 'bank.example', []);
    expect(decision).toMatchObject({ action: DECIDE_BLOCK, row: 8, ruleLevel: LEVEL_PROFILE });
  });

  test('row 7: the internet is off, with EDE 17, in the plan’s blocking mode, and says until when', () => {
    const pauses = [{ fromSecond: AT, untilSecond: AT + HOUR }];
    const own = { profile: settings({ pauses }) };
    const policies = open(aPlan({ blockingMode: 'nodata' }), own);
    const decision = ask(policies, 'example.org', []);
    expect(decision).toMatchObject({ action: DECIDE_BLOCK, row: 7, edeCode: EDE_FILTERED });
    expect(decision).toMatchObject({ verdictClass: VERDICT_POLICY, blockingMode: BLOCKING_NODATA });
    expect(textOf(policies, decision.text)).toBe('Internet is paused until 13:00');
    expect(ask(policies, 'help.example', [PROTECTED])).toMatchObject({ row: 2 });
    expect(ask(policies, 'localhost', [], SPECIAL_LOCALHOST)).toMatchObject({ row: 3 });
  });

  test('row 8: the profile speaks before the subscriber, the subscriber before the plan', () => {
    const deny = settings(names({ deny: ['example.org'] }));
    const allow = settings(names({ allow: ['www.example.org'] }));
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
    const policies = open(plan, { subscriber: settings(names({ deny: ['www.example.org'] })) });
    const decision = ask(policies, 'www.example.org', []);
    expect(decision).toMatchObject({ action: DECIDE_BLOCK, row: 8, verdictClass: VERDICT_POLICY });
    expect(textOf(policies, decision.text)).toBe('Filtered: on the deny list of the household');
  });

  test('row 9: a blocked category names itself and the plan, in the plan’s blocking mode', () => {
    const policies = open(aPlan({ block: [ADULT, GAMBLING], blockingMode: 'zero' }));
    const decision = ask(policies, 'casino.example', [GAMBLING]);
    expect(decision).toMatchObject({ action: DECIDE_BLOCK, row: 9, verdictClass: VERDICT_POLICY });
    expect(decision).toMatchObject({ category: GAMBLING, blockingMode: BLOCKING_ZERO });
    expect(textOf(policies, decision.text)).toBe('Filtered: gambling (plan kids)');
  });

  test('row 9: what the household blocks does not name the plan; a helpline comes first', () => {
    const own = { profile: settings({ block: [TIKTOK] }) };
    const helplines = [{ zones: [], languages: [], text: '116 111' }];
    const policies = open(aPlan({ block: [SELF_HARM] }), own, { helplines });
    const byHousehold = ask(policies, 'tiktok.example', [TIKTOK]);
    expect(textOf(policies, byHousehold.text)).toBe('Filtered: TikTok');
    const withHelp = ask(policies, 'example.org', [SELF_HARM]);
    expect(textOf(policies, withHelp.text)).toBe('Help: 116 111. Filtered: self-harm');
  });

  test('row 10: an allow-list-only profile reaches what its levels allow, and nothing else', () => {
    const own = {
      profile: settings({ isAllowListOnly: true, ...names({ allow: ['school.example'] }) }),
      subscriber: settings(names({ allow: ['home.example'] })),
    };
    const policies = open(aPlan({ allow: [wire('plan.example')], blockingMode: 'zero' }), own);
    for (const name of ['school.example', 'home.example', 'plan.example']) {
      expect(ask(policies, name, [])).toMatchObject({ action: DECIDE_PASS, row: 8 });
    }
    const decision = ask(policies, 'example.org', []);
    expect(decision).toMatchObject({ action: DECIDE_BLOCK, row: 10, verdictClass: VERDICT_POLICY });
    expect(decision).toMatchObject({ edeCode: EDE_FILTERED, blockingMode: BLOCKING_ZERO });
    expect(textOf(policies, decision.text)).toBe('Filtered: not on the list of allowed sites');
    const target = askTarget(policies, 'school.example', [], 'cdn.example.net', []);
    expect(target.action, 'targets are not asked row 10').toBe(DECIDE_PASS);
  });

  test('row 11: an engine that passes is made safe, whichever row let it pass', () => {
    const safeSearch = { engines: 1, youtube: 0, isBlockingUnsafe: false };
    const target = { kind: 'names', names: [wire('seek.example')] } as const;
    const always = { rules: names({ always: ['seek.example'] }), reach: ALLOW_HOUSEHOLD };
    const allow = { rules: names({ allow: ['seek.example'] }), reach: ALLOW_HOUSEHOLD };
    for (const { rules, reach } of [always, allow, { rules: names({}), reach: ALLOW_NOTHING }]) {
      const policies = open(aPlan({ safeSearch }), { profile: settings(rules) });
      const decision = ask(policies, 'www.seek.example', []);
      expect(decision).toMatchObject({ action: DECIDE_SAFE_SEARCH, row: 11, safeTarget: 0 });
      expect(decision).toMatchObject({ edeCode: EDE_FORGED_ANSWER, verdictClass: VERDICT_NONE });
      expect(decision.allowLevel, 'what follows is judged as far as the pass reaches').toBe(reach);
    }
    const grants = [{ target, untilSecond: AT + HOUR }];
    const granted = open(aPlan({ safeSearch }), { profile: settings({ grants }) });
    expect(ask(granted, 'seek.example', [])).toMatchObject({
      row: 11,
      allowLevel: ALLOW_HOUSEHOLD,
    });
    expect(ask(granted, 'seek.example', [PROTECTED])).toMatchObject({
      action: DECIDE_PASS,
      row: 2,
    });
    expect(ask(granted, 'look.example', [])).toMatchObject({ action: DECIDE_PASS, row: 12 });
  });

  test('row 11: an engine without safe mode is blocked where the setting says so, allowed or not', () => {
    const safeSearch = { engines: 0, youtube: 0, isBlockingUnsafe: true };
    const own = { profile: settings(names({ allow: ['dark.example'] })) };
    const policies = open(aPlan({ safeSearch, blockingMode: 'nodata' }), own);
    const decision = ask(policies, 'www.dark.example', []);
    expect(decision).toMatchObject({ action: DECIDE_BLOCK, row: 11, edeCode: EDE_FILTERED });
    expect(decision).toMatchObject({ verdictClass: VERDICT_POLICY, blockingMode: BLOCKING_NODATA });
    expect(decision).toMatchObject({ allowLevel: ALLOW_NOTHING, ruleLevel: LEVEL_NONE });
    expect(textOf(policies, decision.text)).toBe('Filtered: this search engine has no safe mode');
  });

  test('row 12: a listed name passes where the plan does not block its category', () => {
    const decision = ask(open(aPlan({ block: [ADULT] })), 'casino.example', [GAMBLING]);
    expect(decision).toMatchObject({ action: DECIDE_PASS, row: 12, allowLevel: ALLOW_NOTHING });
  });

  test('nothing of the query before is left in a decision', () => {
    const safeSearch = { engines: 1, youtube: 0, isBlockingUnsafe: false };
    const plan = aPlan({ block: [ADULT], blockingMode: 'zero', safeSearch });
    const policies = open(plan, { profile: settings(names({ allow: ['seek.example'] })) });
    const decision = createDecision();
    for (const [name, bits] of [
      ['a.example', [ADULT]],
      ['seek.example', []],
    ] as const) {
      decide(decision, policies, 0, hashesOf(name), maskOf(bits), SPECIAL_NONE);
      expect(decision).not.toEqual(createDecision());
      decide(decision, policies, 0, hashesOf('b.example'), maskOf([]), SPECIAL_NONE);
      expect(decision).toEqual(createDecision());
    }
  });
});

describe('targets of an answer', () => {
  test('a target in a blocked category is blocked', () => {
    const policies = open(aPlan({ block: [ADULT] }));
    const decision = askTarget(policies, 'www.example.org', [], 'cdn.example.net', [ADULT]);
    expect(decision).toMatchObject({ action: DECIDE_BLOCK, row: 9 });
  });

  test('a name that the household allowed takes its blocked targets along, but not locked ones', () => {
    const own = { subscriber: settings(names({ allow: ['example.org'] })) };
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

function open(
  plan: PolicyPlan,
  own?: Partial<OwnSettings>,
  overrides?: Partial<PolicyInput>,
): PolicyImage {
  return compile(anInput(plan, own, overrides));
}

function ask(
  policies: PolicyImage,
  name: string,
  bits: Iterable<number>,
  special = SPECIAL_NONE,
): Decision {
  const decision = createDecision();
  const record = policyRecordOf(policies, 0, AT);
  decide(decision, policies, record, hashesOf(name), maskOf(bits), special);
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
  const record = policyRecordOf(policies, 0, AT);
  decideTarget(decision, policies, record, hashesOf(target), maskOf(targetBits), asked);
  return decision;
}
