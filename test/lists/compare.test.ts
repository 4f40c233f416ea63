import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CompileList } from '../../src/blocklist/compile.ts';
import { COVER_BOTH } from '../../src/blocklist/formats/list-format.ts';
import { type CompareParts, compareContents } from '../../src/lists/compare.ts';
import type { GateFindings } from '../../src/store/list-report.ts';
import { aList } from '../blocklist/helpers.ts';
import { covers, type NaiveList, type NaiveName } from '../support/naive-blocklist.ts';

const PROTECTED = aList('domains', 0, 'help.example.org');

function compareLists(
  before: CompileList | null,
  candidate: CompileList,
  more: Partial<CompareParts> = {},
): GateFindings {
  return compareContents({
    ...{ before, candidate, protectedLists: [PROTECTED], otherLists: () => [] },
    ...{ known: [], asked: [], approved: [], isMoved: false },
    ...more,
  });
}

/** Two contents of a domains list. */
function compareTexts(
  before: string | null,
  after: string,
  more: Partial<CompareParts> = {},
): GateFindings {
  const old = before === null ? null : aList('domains', 1, before);
  return compareLists(old, aList('domains', 1, after), more);
}

describe('what an update changes', () => {
  test('is told by name, each name once, and counted without its repetitions', () => {
    const before = 'a.example\nb.example\nb.example\nc.example\n';
    const after = 'c.example\nd.example\nD.example.\ne.example\nd.example\n';
    expect(compareTexts(before, after)).toEqual({
      ...{ entriesBefore: 3, entries: 3 },
      newlyBlocked: { count: 2, names: ['d.example', 'e.example'] },
      newlyOpened: { count: 2, names: ['a.example', 'b.example'] },
      ...{ popular: [], neverListable: [] },
    });
  });

  test('of a first version is all that it has', () => {
    const { entriesBefore, newlyBlocked, newlyOpened } = compareTexts(null, 'a.example\nb.example');
    expect([entriesBefore, newlyBlocked.count, newlyOpened.count]).toEqual([0, 2, 0]);
  });

  test('is nothing where a name above covers the same as before', () => {
    const { newlyBlocked, newlyOpened } = compareTexts('example.org\na.example.org', 'example.org');
    expect([newlyBlocked.count, newlyOpened.count]).toEqual([0, 0]);
    expect(compareTexts('a.example.org', 'example.org').newlyBlocked.names).toEqual([
      'example.org',
    ]);
  });

  test('is told apart where only names below are concerned', () => {
    const hosts = aList('hosts', 1, '0.0.0.0 a.example');
    const { newlyBlocked } = compareLists(hosts, aList('domains', 1, 'a.example'));
    expect(newlyBlocked).toEqual({ count: 1, names: ['*.a.example'] });
    const { newlyOpened } = compareLists(aList('domains', 1, 'a.example'), hosts);
    expect(newlyOpened).toEqual({ count: 1, names: ['*.a.example'] });
  });

  test('is told where an exception comes or goes', () => {
    const whole = aList('adblock', 1, '||example.org^');
    const opened = aList('adblock', 1, '||example.org^\n@@||a.example.org^');
    expect(compareLists(whole, opened).newlyOpened.names).toEqual(['a.example.org']);
    expect(compareLists(opened, whole).newlyBlocked.names).toEqual(['a.example.org']);
  });

  test('is, where exceptions open what is below, each of those names', () => {
    const names = Array.from({ length: 5 }, (_, index) => `n${index}.example`);
    const blocks = names.map((name) => `||${name}^`);
    const opens = names.map((name) => `@@||www.${name}^`);
    const whole = aList('adblock', 1, blocks.join('\n'));
    const opened = aList('adblock', 1, [...blocks.slice(1), ...opens].join('\n'));
    // One name has gone whole, so its exception opens nothing.
    expect(compareLists(whole, opened).newlyOpened.names.toSorted()).toEqual([
      'n0.example',
      ...names.slice(1).map((name) => `www.${name}`),
    ]);
  });

  test('is, where corrections open what is below, each of those names', () => {
    const except = ['www.a.example', 'www.b.example', 'www.other.example'];
    const text = 'a.example\nb.example';
    const [whole, corrected] = [aList('domains', 1, text), aList('domains', 1, text, { except })];
    const { newlyOpened, newlyBlocked } = compareLists(whole, corrected);
    expect(newlyOpened).toEqual({ count: 2, names: except.slice(0, 2) });
    expect(newlyBlocked.count).toBe(0);
    expect(compareLists(corrected, whole).newlyBlocked.names).toEqual(except.slice(0, 2));
  });

  test('of a list in another category is all that it has, there and here', () => {
    const { newlyOpened, newlyBlocked } = compareTexts('a.example\nb.example', 'b.example', {
      isMoved: true,
    });
    expect([newlyOpened.count, newlyBlocked.count]).toEqual([2, 1]);
  });

  test('leaves corrections of the list out', () => {
    const except = ['a.example'];
    const old = aList('domains', 1, 'b.example', { except });
    const fresh = aList('domains', 1, 'a.example\nx.a.example\nb.example\nc.example', { except });
    const { entries, newlyBlocked } = compareLists(old, fresh);
    expect([entries, newlyBlocked.names]).toEqual([2, ['c.example']]);
  });

  test('is counted past the thousandth name and shown up to there', () => {
    const names = Array.from({ length: 1500 }, (_, index) => `n${index}.example`);
    const { newlyBlocked } = compareTexts(null, names.join('\n'));
    expect(newlyBlocked.count).toBe(1500);
    expect(newlyBlocked.names).toEqual(names.slice(0, 1000));
  });

  const names = fc
    .array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 4 })
    .map((labels) => [...labels, 'c'].join('.'));
  const naives = fc.record({
    entries: fc.array(names, { maxLength: 6 }),
    exceptions: fc.array(names, { maxLength: 3 }),
  });

  test('is, for each name of the two lists, what a plain reading of both says', () => {
    fc.assert(
      fc.property(naives, naives, (before, after) => {
        const [old, fresh] = [toNaive(before), toNaive(after)];
        const found = compareLists(toAdblock(before), toAdblock(after));
        const written = [...new Set([...before.entries, ...after.entries])];
        const changed = (from: NaiveList, to: NaiveList): string[] =>
          written.filter((name) =>
            [name, `x.${name}`].some((one) => covers(to, one) && !covers(from, one)),
          );
        const told = ({ names: shown }: { readonly names: readonly string[] }): string[] =>
          shown.map((name) => name.replace('*.', ''));
        // Each name of the lists that changes is told; what else is told is an exception that came or went.
        const blocked = told(found.newlyBlocked);
        const opened = told(found.newlyOpened);
        expect(blocked).toEqual(
          expect.arrayContaining(
            changed(old, fresh).filter((name) => after.entries.includes(name)),
          ),
        );
        expect(opened).toEqual(
          expect.arrayContaining(
            changed(fresh, old).filter((name) => before.entries.includes(name)),
          ),
        );
        for (const name of blocked) {
          expect(
            [name, `x.${name}`].some((one) => covers(fresh, one) && !covers(old, one)),
            name,
          ).toBe(true);
        }
        for (const name of opened) {
          expect(
            [name, `x.${name}`].some((one) => covers(old, one) && !covers(fresh, one)),
            name,
          ).toBe(true);
        }
        expect(new Set(blocked).size).toBe(blocked.length);
        expect(found.newlyBlocked.count).toBe(blocked.length);
      }),
      { numRuns: 300 },
    );
  });
});

interface SomeNames {
  readonly entries: readonly string[];
  readonly exceptions: readonly string[];
}

function toNaive({ entries, exceptions }: SomeNames): NaiveList {
  const both = (name: string): NaiveName => ({ name, coverage: COVER_BOTH });
  return {
    ...{ categoryBit: 1, exceptionRule: 'all' as const },
    ...{ entries: entries.map(both), exceptions: exceptions.map(both) },
  };
}

function toAdblock({ entries, exceptions }: SomeNames): CompileList {
  const lines = [
    ...entries.map((name) => `||${name}^`),
    ...exceptions.map((name) => `@@||${name}^`),
  ];
  return aList('adblock', 1, lines.join('\n'));
}

describe('popular names', () => {
  const known = ['popular.example', 'other.example'];

  test('that would newly be blocked are told, through a name above, below and www too', () => {
    for (const name of ['popular.example', 'www.popular.example']) {
      expect(compareTexts('a.example', `a.example\n${name}`, { known }).popular, name).toEqual([
        { name: 'popular.example', rank: null, asked: null },
      ]);
    }
    const below = aList('adblock', 1, '||*.popular.example^');
    expect(compareLists(null, below, { known }).popular).toHaveLength(1);
    const deep = { known: ['mail.popular.example'] };
    expect(compareTexts('', 'popular.example', deep).popular).toHaveLength(1);
    expect(compareTexts('', 'ads.popular.example', { known }).popular).toEqual([]);
  });

  test('that are asked for here come first, with place and count', () => {
    const asked = [
      { name: 'school.example', count: 900 },
      { name: 'popular.example', count: 800 },
      { name: 'odd\\001name.example', count: 700 },
    ];
    const { popular } = compareTexts('', 'popular.example\nother.example\n', { known, asked });
    expect(popular).toEqual([
      { name: 'popular.example', rank: 2, asked: 800 },
      { name: 'other.example', rank: null, asked: null },
    ]);
  });

  test('that the list had before, or another list of the category has, are not told', () => {
    expect(
      compareTexts('popular.example', 'popular.example\na.example', { known }).popular,
    ).toEqual([]);
    const covering = aList('domains', 1, 'example.net\npopular.example');
    const otherLists = () => [covering];
    expect(compareTexts('', 'popular.example', { known, otherLists }).popular).toEqual([]);
    const exact = () => [aList('hosts', 1, '0.0.0.0 www.popular.example')];
    expect(compareTexts('', 'popular.example', { known, otherLists: exact }).popular).toHaveLength(
      1,
    );
    const corrected = () => [{ ...covering, except: ['popular.example'] }];
    expect(
      compareTexts('', 'popular.example', { known, otherLists: corrected }).popular,
    ).toHaveLength(1);
  });

  test('are told where only a line of another list covers them that never gets into an image', () => {
    const known = ['popular.example', 'news.co.uk'];
    const otherLists = () => [aList('domains', 1, 'example\nco.uk')];
    const { popular } = compareTexts('', known.join('\n'), { known, otherLists });
    expect(popular.map(({ name }) => name)).toEqual(known);
  });

  test('of other lists are not read where no popular name is concerned', () => {
    const otherLists = () => {
      throw new Error('read');
    };
    expect(compareTexts('', 'a.example', { known, otherLists }).popular).toEqual([]);
  });

  test('that were approved for good are not told, nor is what is below them', () => {
    const approved = ['popular.example'];
    const asked = [{ name: 'www.popular.example', count: 5 }];
    const found = compareTexts('', 'popular.example\nother.example', { known, asked, approved });
    expect(found.popular.map(({ name }) => name)).toEqual(['other.example']);
  });
});

describe('what no list may hold', () => {
  test('is told with line and reason where it is new, once, and left out of the counts', () => {
    const before = 'a.example\nnet\n';
    const after = 'a.example\nnet\ncom\nco.uk\ncom\nwww.help.example.org\n';
    const { entries, newlyBlocked, neverListable } = compareTexts(before, after);
    expect([entries, newlyBlocked.count]).toEqual([1, 0]);
    expect(neverListable).toEqual([
      { name: 'com', line: 3, reason: 'single-label' },
      { name: 'co.uk', line: 4, reason: 'public-suffix' },
      { name: 'www.help.example.org', line: 6, reason: 'protected' },
    ]);
  });

  test('does not concern exceptions of protected names, nor the list of protected names itself', () => {
    const opened = aList('adblock', 1, '||example.org^\n@@||help.example.org^');
    expect(compareLists(null, opened).neverListable).toEqual([]);
    const own = compareLists(null, PROTECTED, { protectedLists: [PROTECTED] });
    expect([own.neverListable, own.entries]).toEqual([[], 1]);
  });
});
