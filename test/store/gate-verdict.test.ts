import { describe, expect, test } from 'vitest';
import { GATE_DEFAULTS, judgeFirst, judgeUpdate } from '../../src/store/gate-verdict.ts';
import type { GateFindings, GateLimits, ListReport } from '../../src/store/list-report.ts';

const REPORT: ListReport = {
  ...{ format: 'domains', octets: 1, entries: 90, duplicates: 0, exceptions: 0 },
  ...{ refused: {}, faults: [] },
};
const NOTHING: GateFindings = {
  ...{ entriesBefore: 1000, entries: 1000, popular: [], neverListable: [] },
  newlyBlocked: { count: 0, names: [] },
  newlyOpened: { count: 0, names: [] },
};

function judge(
  findings: Partial<GateFindings>,
  limits: Partial<GateLimits> = {},
): readonly string[] {
  return judgeUpdate({ ...NOTHING, ...findings }, { ...GATE_DEFAULTS, ...limits });
}

const names = (count: number) => ({ count, names: [] });

describe('the size of an update', () => {
  test('an honest one of 3 % passes, at the limit too', () => {
    expect(judge({ newlyBlocked: names(30), newlyOpened: names(30) })).toEqual([]);
    expect(judge({ newlyOpened: names(200) })).toEqual([]);
    expect(judge({ newlyBlocked: names(500) })).toEqual([]);
  });

  test('40 % of the names opened are held, and said in numbers', () => {
    expect(judge({ newlyOpened: names(400) })).toEqual([
      '400 names would be open, 40 % of the 1000 in force; the limit is 20 %',
    ]);
    expect(judge({ newlyOpened: names(201) })).toEqual([
      '201 names would be open, 20.1 % of the 1000 in force; the limit is 20 %',
    ]);
    expect(judge({ newlyOpened: names(400) }, { shrinkPercentMax: 40 })).toEqual([]);
    expect(judge({ newlyOpened: names(1) }, { shrinkPercentMax: 0 })).toEqual([
      '1 name would be open, 0.1 % of the 1000 in force; the limit is 0 %',
    ]);
  });

  test('as many other names are held, though the list keeps its size', () => {
    expect(judge({ newlyBlocked: names(1000), newlyOpened: names(1000) })).toEqual([
      '1000 names would be open, 100 % of the 1000 in force; the limit is 20 %',
      '1000 names would newly be blocked, 100 % of the 1000 in force; the limit is 50 %',
    ]);
  });

  test('growth is held too, but not through the urgent gate; shrinking is, through both', () => {
    expect(judge({ newlyBlocked: names(501) })).toEqual([
      '501 names would newly be blocked, 50.1 % of the 1000 in force; the limit is 50 %',
    ]);
    const both = { newlyBlocked: names(9000), newlyOpened: names(999) };
    expect(judge(both, { isUrgent: true })).toEqual([
      '999 names would be open, 99.9 % of the 1000 in force; the limit is 20 %',
    ]);
  });

  test('fewer lines that cover as much are no shrinking', () => {
    expect(judge({ entries: 1, newlyBlocked: names(1) })).toEqual([]);
  });

  test('a list that had no names may have any number', () => {
    expect(judge({ entriesBefore: 0, newlyBlocked: names(1_000_000) })).toEqual([]);
  });
});

describe('popular names', () => {
  const google = { name: 'google.com', rank: 1, asked: 9000 };

  test('are named, with their place where they are asked for here', () => {
    expect(judge({ popular: [google] })).toEqual([
      'it would newly block a well-known name: google.com (number 1 of those asked for here); approve it if that is meant',
    ]);
    const many = Array.from({ length: 12 }, (_, index) => ({
      name: `n${index}.example`,
      rank: null,
      asked: null,
    }));
    expect(judge({ popular: many })[0]).toMatch(
      /^it would newly block 12 well-known names: n0\.example, .*, n9\.example and 2 more; approve/,
    );
  });

  test('hold nothing back at the urgent gate', () => {
    expect(judge({ popular: [google] }, { isUrgent: true })).toEqual([]);
  });
});

test('what no list may hold is named with its line and the reason, also at the urgent gate', () => {
  const neverListable = [
    { name: 'com', line: 7, reason: 'single-label' as const },
    { name: 'co.uk', line: 8, reason: 'public-suffix' as const },
    { name: 'childline.org.uk', line: 9, reason: 'protected' as const },
  ];
  for (const isUrgent of [false, true]) {
    const [label, suffix, helpline, ...more] = judge({ neverListable }, { isUrgent });
    expect(label).toMatch(
      /^line 7 newly has "com", which no list can block: it has one label only/,
    );
    expect(suffix).toMatch(/^line 8 newly has "co\.uk".* public suffix/);
    expect(helpline).toMatch(/^line 9 newly has "childline\.org\.uk".* helpline/);
    expect(more).toEqual([]);
  }
});

describe('the error budget', () => {
  const judgeRefused = (refused: Record<string, number>, badPercentMax = 10): string | null =>
    judgeFirst(
      { ...REPORT, refused, faults: [{ line: 3, reason: 'bad-character', text: 'a!b' }] },
      { ...GATE_DEFAULTS, badPercentMax },
    );

  test('is kept at the limit and broken above it, with the first bad line', () => {
    expect(judgeRefused({ 'bad-character': 10 })).toBeNull();
    expect(judgeRefused({ 'bad-character': 6, markup: 5 })).toBe(
      '11 of 101 lines are no names (10.9 %; the limit is 10 %); the first is line 3: "a!b" (bad-character)',
    );
    expect(judgeRefused({ 'bad-character': 1 }, 0)).toMatch(/^1 of 91 lines/);
  });

  test('is not spent by rules that DNS cannot express, by addresses, or by what the gate names itself', () => {
    expect(
      judgeRefused({ 'unsupported-rule': 500, 'ip-address': 70, 'single-label': 40, protected: 9 }),
    ).toBeNull();
  });
});
