import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { readLabelledNames } from '../../src/lists/labelled-names.ts';
import {
  appendScore,
  lastMeasurement,
  readScoreHistory,
  toMeasurement,
} from '../../src/lists/score-history.ts';
import { type DecidedName, scoreNames } from '../../src/lists/score.ts';

const LABELLED = {
  blocked: new Map([
    ['gambling', ['bet.example', 'dice.example']],
    ['games', ['play.example']],
  ]),
  open: new Map([['health', ['clinic.example', 'doctor.example']]]),
  digest: 'd1',
};

function decided(name: string, over: Partial<DecidedName> = {}): [string, DecidedName] {
  return [name, { name, decision: 'pass', row: 12, category: null, categories: [], ...over }];
}

function blockedBy(category: string): Partial<DecidedName> {
  return { decision: 'block', row: 9, category, categories: [category] };
}

const DECIDED = new Map([
  decided('bet.example', blockedBy('gambling')),
  decided('dice.example'),
  decided('play.example', { categories: ['games'] }),
  decided('clinic.example', blockedBy('drugs')),
  decided('doctor.example', { decision: 'local' }),
]);

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-score-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

describe('a score', () => {
  test('counts what lists hold, what is blocked, and what is blocked wrongly', () => {
    expect(scoreNames(LABELLED, DECIDED)).toEqual({
      categories: [
        { category: 'gambling', names: 2, listed: 1, blocked: 1, missing: ['dice.example'] },
        { category: 'games', names: 1, listed: 1, blocked: 0, missing: [] },
      ],
      open: [
        {
          set: 'health',
          names: 2,
          blocked: 1,
          overBlocked: [{ name: 'clinic.example', by: 'drugs' }],
        },
      ],
    });
  });

  test('a name that another category holds is blocked, but not held by its own', () => {
    const other = new Map([...DECIDED, decided('dice.example', blockedBy('adult'))]);
    const [gambling] = scoreNames(LABELLED, other).categories;
    expect(gambling).toMatchObject({ listed: 1, blocked: 2, missing: ['dice.example'] });
  });

  test('what no category blocks is shown by the row that did', () => {
    const own = { decision: 'block', row: 8 };
    const other = new Map([...DECIDED, decided('doctor.example', own)]);
    expect(scoreNames(LABELLED, other).open[0]?.overBlocked).toContainEqual({
      name: 'doctor.example',
      by: 'row 8',
    });
  });

  test('nothing is measured while the internet is off', () => {
    const off = new Map([...DECIDED, decided('bet.example', { decision: 'block', row: 7 })]);
    expect(() => scoreNames(LABELLED, off)).toThrow('the internet is off');
  });
});

describe('labelled names', () => {
  function reading(text: string): () => unknown {
    const path = join(aFolder(), 'own.yaml');
    writeFileSync(path, text);
    return () => readLabelledNames(path);
  }

  test('are read with a digest that names and labels make', () => {
    const digestOf = (text: string): string =>
      (reading(text)() as { readonly digest: string }).digest;
    const one = digestOf('blocked: { games: [play.example] }\nopen: { news: [paper.example] }\n');
    const same = digestOf('open:\n  news: [paper.example]\nblocked:\n  games: [play.example]\n');
    const moved = digestOf('blocked: { drugs: [play.example] }\nopen: { news: [paper.example] }\n');
    expect(same).toBe(one);
    expect(moved).not.toBe(one);
  });

  test.each([
    [
      'a name twice',
      'blocked: { a: [x.example] }\nopen: { b: [x.example] }\n',
      'stands in blocked.a',
    ],
    ['capitals', 'blocked: { a: [X.example] }\nopen: {}\n', 'must be "x.example"'],
    ['what is no name', 'blocked: { a: ["||x.example^"] }\nopen: {}\n', 'is no domain name'],
    ['an empty set', 'blocked: { a: [] }\nopen: {}\n', 'blocked.a'],
    ['a third label', 'blocked: {}\nopen: {}\nother: {}\n', 'other'],
  ])('%s is a fault', (_what, text, fault) => {
    expect(reading(text)).toThrow(fault);
  });
});

describe('the history', () => {
  const ABOUT = {
    at: '2026-11-22T12:00:00.000Z',
    subject: 'plan family',
    revision: 3,
    digest: 'd1',
  };
  const measured = toMeasurement(scoreNames(LABELLED, DECIDED), ABOUT);

  test('keeps counts and no names, for its owner only', () => {
    const path = join(aFolder(), 'history.jsonl');
    appendScore(path, measured);
    expect(readScoreHistory(path)).toEqual([measured]);
    expect(readFileSync(path, 'utf8')).not.toContain('.example');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('compares with the last of the same subject and the same names', () => {
    const later = { ...measured, at: '2026-11-23T12:00:00.000Z' };
    const others = [
      { ...later, subject: 'home-1' },
      { ...later, digest: 'd2' },
    ];
    expect(lastMeasurement([measured, later, ...others], measured)).toEqual(later);
    expect(lastMeasurement(others, measured)).toBeNull();
  });

  test('is empty where there is none, passes over what is damaged, and stays bounded', () => {
    const path = join(aFolder(), 'history.jsonl');
    expect(readScoreHistory(path)).toEqual([]);
    const line = JSON.stringify(measured);
    writeFileSync(path, `{"at":\n[]\n{"at":"x"}\n${`${line}\n`.repeat(600)}`);
    expect(readScoreHistory(path)).toHaveLength(600);
    appendScore(path, { ...measured, revision: 4 });
    const kept = readScoreHistory(path);
    expect(kept).toHaveLength(500);
    expect(kept.at(-1)?.revision).toBe(4);
  });

  test('a place that cannot be written is named, with the way out', () => {
    const path = join(aFolder(), 'none', 'history.jsonl');
    expect(() => {
      appendScore(path, measured);
    }).toThrow(/--history/);
  });
});
