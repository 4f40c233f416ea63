/** What a block by a category says where only the clock blocks it: why, and in the household's language. */

import { expect, test } from 'vitest';
import { createDecision, decide } from '../../src/policy/decide.ts';
import { policyRecordOf, type PolicyImage } from '../../src/policy/image.ts';
import type { Schedule, Settings } from '../../src/policy/policy-input.ts';
import { SPECIAL_NONE } from '../../src/policy/special-names.ts';
import {
  ADULT,
  aPlan,
  AT,
  anInput,
  CATEGORIES,
  compile,
  GAMBLING,
  hashesOf,
  HOUR,
  MALWARE,
  maskOf,
  SELF_HARM,
  settings,
  someProfiles,
  textOf,
  TIKTOK,
} from './policy-input.ts';

/** In Minsk it is noon at `AT`. */
const MIDNIGHT = AT + 12 * HOUR;
const HASHES = hashesOf('name.example');

function textAt(policies: PolicyImage, second: number, ...bits: number[]): string {
  return textAtOf(policies, 0, second, ...bits);
}

function textAtOf(
  policies: PolicyImage,
  profile: number,
  second: number,
  ...bits: number[]
): string {
  const decision = createDecision();
  const record = policyRecordOf(policies, profile, second);
  decide(decision, policies, record, HASHES, maskOf(bits), SPECIAL_NONE);
  expect([decision.row === 9 || decision.row === 4, decision.category >= 0]).toEqual([true, true]);
  return textOf(policies, decision.text);
}

function compiled(own: Partial<Settings>, plan: Parameters<typeof aPlan>[0] = {}): PolicyImage {
  return compile(anInput(aPlan(plan), { profile: settings(own) }));
}

function usedUp(bit: number): Settings['budgets'][number] {
  return { target: { kind: 'category', bit }, usedUpUntilSecond: MIDNIGHT };
}

function daily(bit: number): Schedule {
  const target = { kind: 'category', bit } as const;
  return { target, days: 127, dates: null, fromMinute: 8 * 60, toMinute: 20 * 60 };
}

test('of a used-up budget says that today’s time is used up', () => {
  const policies = compiled({ budgets: [usedUp(TIKTOK), usedUp(GAMBLING)], block: [ADULT] });
  expect(textAt(policies, AT, TIKTOK)).toBe('Time for today is used up: TikTok');
  expect(textAt(policies, MIDNIGHT - 1, GAMBLING)).toBe('Time for today is used up: gambling');
  expect(textAt(policies, AT, ADULT), 'another category').toBe('Filtered: adult');
});

test('of a schedule says so, and no longer than it runs', () => {
  const policies = compiled({ schedules: [daily(TIKTOK)], block: [ADULT] });
  expect(textAt(policies, AT, TIKTOK)).toBe('Filtered at this time: TikTok');
  const evening = policyRecordOf(policies, 0, AT + 8 * HOUR);
  expect(decide(createDecision(), policies, evening, HASHES, maskOf([TIKTOK]), SPECIAL_NONE)).toBe(
    0,
  );
});

test('of both says that the time is used up: it lasts the day', () => {
  const policies = compiled({ schedules: [daily(TIKTOK)], budgets: [usedUp(TIKTOK)] });
  expect(textAt(policies, AT, TIKTOK)).toBe('Time for today is used up: TikTok');
});

test('is that of the plan or the household where they block it anyway', () => {
  const own = { schedules: [daily(TIKTOK)], budgets: [usedUp(GAMBLING)] };
  const policies = compiled({ ...own, block: [GAMBLING] }, { locked: [TIKTOK] });
  expect(textAt(policies, AT, TIKTOK)).toBe('Filtered: TikTok (plan kids)');
  expect(textAt(policies, AT, GAMBLING)).toBe('Filtered: gambling');
});

test('keeps the warning of security, and the number of a helpline', () => {
  const helplines = [{ zones: [], languages: [], text: '116 111' }];
  const profile = settings({ schedules: [daily(MALWARE), daily(SELF_HARM)] });
  const policies = compile(anInput(aPlan(), { profile }, { helplines }));
  expect(textAt(policies, AT, MALWARE)).toBe('Blocked: malware (security)');
  expect(textAt(policies, AT, SELF_HARM)).toBe('Help: 116 111. Filtered: self-harm');
});

test('is in the language of each household, and one list serves all that block alike', () => {
  const own = { subscriber: null, profile: settings({ budgets: [usedUp(TIKTOK)] }) };
  const profiles = someProfiles({
    planOf: [0, 0, 0],
    languageOf: [0, 1, 1],
    languages: ['ru', 'de'],
    ownOf: new Map([0, 1, 2].map((profile) => [profile, { ...own }])),
  });
  const policies = compile(anInput(aPlan(), undefined, { profiles }));
  expect(textAt(policies, AT, TIKTOK)).toBe('Время на сегодня вышло: TikTok');
  // The empty list, and one of a pair for each language.
  expect(policies.timedTexts).toHaveLength(1 + 3 + 3);
});

test('calls a category that ships what it is called in that language', () => {
  const own = { subscriber: null, profile: settings({ budgets: [usedUp(ADULT)] }) };
  const blocking = { subscriber: null, profile: settings({ block: [GAMBLING, MALWARE] }) };
  const profiles = someProfiles({
    planOf: [0, 0],
    languageOf: [0, 0],
    languages: ['pl'],
    ownOf: new Map([0, 1].map((profile) => [profile, profile === 0 ? own : blocking])),
  });
  const titles = new Map([
    ['adult', 'Adult content'],
    ['gambling', 'Gambling'],
    ['malware', 'Malware'],
    ['self-harm', 'Our own words'],
  ]);
  const categories = CATEGORIES.map((one) => ({ ...one, title: titles.get(one.id) ?? one.title }));
  const plan = aPlan({ block: [SELF_HARM] });
  const policies = compile(anInput(plan, undefined, { profiles, categories }));
  const said = (profile: number, bit: number): string => textAtOf(policies, profile, AT, bit);
  expect(said(0, ADULT)).toBe('Czas na dziś się skończył: Treści dla dorosłych');
  expect(said(0, SELF_HARM)).toBe('Filtr: Our own words (taryfa kids)');
  expect(said(1, GAMBLING)).toBe('Filtr: Hazard');
  expect(said(1, MALWARE)).toBe('Zablokowano: Złośliwe oprogramowanie (bezpieczeństwo)');
});
