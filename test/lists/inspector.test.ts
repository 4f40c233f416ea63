/** What a comparison reads of the store: protected lists, and the other lists of the category. */

import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { createInspector } from '../../src/lists/inspector.ts';
import { readPopularNames } from '../../src/lists/popular-names.ts';
import type { GateComparison } from '../../src/store/list-report.ts';
import type { Store } from '../../src/store/store.ts';
import { ACTOR, aContent, aStore } from '../store/support.ts';
import { aSealedFile } from '../support/sealed.ts';

async function aStoreWithLists(): Promise<Store> {
  const store = await aStore();
  const categories = [{ id: 'protected' }, { id: 'video' }, { id: 'social' }];
  const lists = [
    { id: 'help', category: 'protected', text: 'help.example.org\n' },
    { id: 'seeds', category: 'video', text: 'youtube.com\n' },
    { id: 'others', category: 'social', text: 'wikipedia.org\n' },
  ].map(({ text, ...list }) => ({
    ...list,
    format: 'domains',
    contentSha256: aContent(store, text),
  }));
  await store.applyDocument({ categories, lists }, ACTOR);
  return store;
}

const SCOPE = { category: 'video', subdomains: null, except: [] };
const COMPARISON: GateComparison = { list: 'new', scope: SCOPE, before: null, approved: [] };

describe('a comparison', () => {
  test('knows popular names, and what other lists of the category have already', async () => {
    const { dataDir } = await aStoreWithLists();
    const content = Buffer.from('youtube.com\nwikipedia.org\nschool.example\n');
    const asked = [{ name: 'school.example', count: 12 }];
    const { popular } = await createInspector(dataDir, asked).compare(
      content,
      'domains',
      COMPARISON,
    );
    expect(popular).toEqual([
      { name: 'school.example', rank: 1, asked: 12 },
      { name: 'wikipedia.org', rank: null, asked: null },
    ]);
    const again = { ...COMPARISON, list: 'seeds' };
    const own = await createInspector(dataDir).compare(content, 'domains', again);
    expect(own.popular.map(({ name }) => name)).toEqual(['wikipedia.org', 'youtube.com']);
  });

  test('knows protected names, but for their own category', async () => {
    const { dataDir } = await aStoreWithLists();
    const content = Buffer.from('good.example\nchat.help.example.org\n');
    const inspector = createInspector(dataDir);
    const found = await inspector.compare(content, 'domains', COMPARISON);
    expect(found.neverListable).toEqual([
      { name: 'chat.help.example.org', line: 2, reason: 'protected' },
    ]);
    const own = { ...COMPARISON, scope: { ...SCOPE, category: 'protected' } };
    expect((await inspector.compare(content, 'domains', own)).neverListable).toEqual([]);
  });

  test('reads files, and refuses what is not as its name says', async () => {
    const store = await aStoreWithLists();
    const sha256 = aContent(store, 'a.example\nb.example\n');
    const file = { sha256, path: store.contents.pathOf(sha256) };
    const before = {
      content: Buffer.from('a.example\n'),
      format: 'domains' as const,
      scope: SCOPE,
    };
    const inspector = createInspector(store.dataDir);
    const found = await inspector.compare(file, 'domains', { ...COMPARISON, before });
    expect(found).toMatchObject({
      entriesBefore: 1,
      entries: 2,
      newlyBlocked: { names: ['b.example'] },
    });
    writeFileSync(file.path, 'google.com\n');
    const damaged = inspector.compare(file, 'domains', COMPARISON);
    await expect(damaged).rejects.toMatchObject({ code: 'CONTENT_DAMAGED' });
  });

  test('takes a name that was approved for one category as new in another', async () => {
    const { dataDir } = await aStoreWithLists();
    const content = Buffer.from('wikipedia.org\nschool.example\n');
    const before = { content, format: 'domains' as const, scope: { ...SCOPE, category: 'social' } };
    const moved = { ...COMPARISON, approved: ['wikipedia.org'], before };
    const inspector = createInspector(dataDir);
    const found = await inspector.compare(content, 'domains', moved);
    expect(found).toMatchObject({ newlyBlocked: { count: 2 }, newlyOpened: { count: 2 } });
    expect(found.popular.map(({ name }) => name)).toEqual(['wikipedia.org']);
    const stayed = { ...moved, before: { ...before, content: Buffer.alloc(0), scope: SCOPE } };
    expect((await inspector.compare(content, 'domains', stayed)).popular).toEqual([]);
  });

  test('counts all of a sealed list as new in a category that it is moved to', async () => {
    const content = aSealedFile('a.example.org\nb.example.org\n');
    const before = { content, format: 'sealed' as const, scope: { ...SCOPE, category: 'court' } };
    const inspector = createInspector((await aStoreWithLists()).dataDir);
    const comparison = { ...COMPARISON, scope: { ...SCOPE, category: 'police' }, before };
    const numbers = { entriesBefore: 2, entries: 2 };
    expect(await inspector.compare(content, 'sealed', comparison)).toMatchObject({
      ...numbers,
      newlyBlocked: { count: 2 },
      newlyOpened: { count: 2 },
    });
    const stayed = { ...comparison, scope: before.scope };
    expect(await inspector.compare(content, 'sealed', stayed)).toMatchObject({
      ...numbers,
      newlyBlocked: { count: 0 },
      newlyOpened: { count: 0 },
    });
  });

  test('goes on where the file of another list is gone', async () => {
    const store = await aStoreWithLists();
    const seeds = (await store.lists()).get('seeds')!.contentSha256;
    rmSync(join(store.dataDir, 'lists', seeds));
    const content = Buffer.from('youtube.com\n');
    const found = await createInspector(store.dataDir).compare(content, 'domains', COMPARISON);
    expect(found.popular.map(({ name }) => name)).toEqual(['youtube.com']);
  });
});

test('the popular names that ship are some hundreds of every part of the world', () => {
  const names = readPopularNames();
  expect(names.length).toBeGreaterThan(800);
  for (const name of ['google.com', 'wikipedia.org', 'onliner.by', 'globo.com', 'naver.com']) {
    expect(names).toContain(name);
  }
  expect(() => readPopularNames('/nowhere')).toThrow(/popular names/);
});
