import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { ListFormatName } from '../../src/blocklist/formats/list-format.ts';
import type { AskedName } from '../../src/lists/compare.ts';
import {
  type AskedTotals,
  NOTHING_ASKED,
  readUsage,
  type UsageReport,
} from '../../src/lists/list-usage.ts';
import type { CompileListSource } from '../../src/store/compile-input.ts';
import { aSealedFile } from '../support/sealed.ts';

const folder = mkdtempSync(join(tmpdir(), 'stairgate-usage-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function aSource(
  id: string,
  category: string,
  content: string,
  more: Partial<CompileListSource> = {},
): CompileListSource {
  const contentSha256 = createHash('sha256').update(content).digest('hex');
  const contentPath = join(folder, contentSha256);
  writeFileSync(contentPath, content);
  const format: ListFormatName = 'domains';
  const shape = { format, coversSubdomains: null, except: [], version: null, octets: null };
  return { id, category, categoryBit: 1, ...shape, contentSha256, contentPath, ...more };
}

/** All of them asked often. */
function asked(...often: AskedName[]): AskedTotals {
  return { ...NOTHING_ASKED, often };
}

function of(report: UsageReport, list: string) {
  const found = report.lists.find((one) => one.list === list);
  if (found === undefined) throw new Error(`${list} is missing`);
  return found;
}

describe('usage', () => {
  const lists = [
    aSource('a', 'adult', 'one.example\ntwo.example\nthree.example\ntwo.example\ncom\n'),
    aSource('b', 'adult', 'two.example\n'),
    aSource('c', 'games', 'three.example\nfour.example\ntwo.example\n'),
  ];

  test('counts names, those of no other list of the category, and shared ones', () => {
    const report = readUsage(lists, NOTHING_ASKED);
    expect(of(report, 'a')).toMatchObject({ category: 'adult', names: 3, unique: 2, hits: 0 });
    expect(of(report, 'a').overlaps).toEqual([
      { list: 'c', names: 2 },
      { list: 'b', names: 1 },
    ]);
    expect(of(report, 'b')).toMatchObject({ names: 1, unique: 0 });
    // Two lists share its names, but of another category.
    expect(of(report, 'c')).toMatchObject({ names: 3, unique: 3 });
  });

  test('leaves out names that a correction takes out, and all below them', () => {
    const content = 'one.example\na.two.example\ntwo.example\n';
    const corrected = aSource('d', 'adult', content, { except: ['two.example'] });
    expect(of(readUsage([corrected], NOTHING_ASKED), 'd')).toMatchObject({ names: 1, unique: 1 });
  });

  test('counts the digests of a sealed list', () => {
    const source = aSource('court', 'court', '', { format: 'sealed' });
    writeFileSync(source.contentPath, aSealedFile('one.example\ntwo.example\n'));
    const contentSha256 = createHash('sha256')
      .update(readFileSync(source.contentPath))
      .digest('hex');
    const report = readUsage([{ ...source, contentSha256 }, ...lists], NOTHING_ASKED);
    expect(of(report, 'court')).toMatchObject({ sealed: true, names: 2 });
    expect(of(report, 'a').sealed).toBe(false);
  });

  test('attributes asked names to each list that covers them', () => {
    const except = ['shop.two.example'];
    const all = [...lists, aSource('d', 'adult', 'two.example\nzero.example\n', { except })];
    const report = readUsage(
      all,
      asked(
        { name: 'www.two.example', count: 100 },
        { name: 'x.shop.two.example', count: 10 },
        { name: 'three.example', count: 1 },
        { name: 'nowhere.example', count: 1000 },
      ),
    );
    expect(report.askedNames).toBe(4);
    const hits = report.lists.map(({ list, hits: count }) => [list, count]);
    expect(hits).toEqual([
      ['a', 111],
      ['b', 110],
      ['c', 111],
      ['d', 100],
    ]);
  });

  test('counts names that are asked seldom, but not so few that they tell of one', () => {
    const often = [{ name: 'two.example', count: 100 }];
    const seldom = ['one.example', 'www.one.example', 'three.example', 'three.example'];
    const report = readUsage(lists, {
      often,
      seldom: [...seldom, 'no.example'],
      queriesASeldom: 61,
    });
    expect(report.askedNames).toBe(5);
    const hits = report.lists.map(({ list, hits: count }) => [list, count]);
    expect(hits).toEqual([
      ['a', 344],
      ['b', 100],
      ['c', 100],
    ]);
  });

  test('leaves services out, and hosts lists without what is below their names', () => {
    const service = aSource('service:x', 'service:x', '', { octets: Buffer.from('one.example\n') });
    const hosts = aSource('h', 'adult', '0.0.0.0 one.example\n', { format: 'hosts' });
    const report = readUsage(
      [service, hosts],
      asked({ name: 'one.example', count: 1 }, { name: 'www.one.example', count: 2 }),
    );
    expect(report.lists).toHaveLength(1);
    expect(of(report, 'h')).toMatchObject({ unique: 1, hits: 1 });
  });

  test('of many lists agrees with plain sets', () => {
    const texts = Array.from({ length: 12 }, (_, list) =>
      Array.from({ length: 400 }, (_unused, index) => `n${(index * (list + 3)) % 900}.example`),
    );
    const sources = texts.map((names, list) =>
      aSource(`l${list}`, list % 2 === 0 ? 'even' : 'odd', `# ${list}\n${names.join('\n')}\n`),
    );
    const report = readUsage(sources, NOTHING_ASKED);
    const sets = texts.map((names) => new Set(names));
    for (const [list, set] of sets.entries()) {
      const others = sets.filter((_, other) => other !== list && other % 2 === list % 2);
      const unique = [...set].filter((name) => !others.some((other) => other.has(name)));
      const usage = of(report, `l${list}`);
      expect([usage.names, usage.unique]).toEqual([set.size, unique.length]);
      for (const { list: other, names } of usage.overlaps) {
        const second = sets[Number(other.slice(1))]!;
        expect(names).toBe([...set].filter((name) => second.has(name)).length);
      }
    }
  });

  test('tells a damaged content', () => {
    const source = aSource('e', 'adult', 'e.example\n');
    writeFileSync(source.contentPath, 'f.example\n');
    expect(() => readUsage([source], NOTHING_ASKED)).toThrow(/list "e".*damaged/);
  });
});
