/** Settings that decide which names a list blocks: they may do all that a content may, so the gate looks at them too. */

import { rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createInspector } from '../../src/lists/inspector.ts';
import type { Store } from '../../src/store/store.ts';
import { faultOf } from './a-household.ts';
import { aList, aListStore, manyNames, namesContent } from './fake-inspector.ts';
import { ACTOR, aDataFolder } from './support.ts';

const ANNA = { actor: 'anna' };
const BORIS = { actor: 'boris' };
const NAMES = [...manyNames(9), 'google.com'];

async function aRealStore(): Promise<Store> {
  const dataDir = aDataFolder();
  return aListStore(createInspector(dataDir), { dataDir });
}

/** Ten names in force, one of them well-known; all categories are there. */
async function aScopedList(fields: object = {}, names = NAMES): Promise<Store> {
  const store = await aRealStore();
  const categories = [{ id: 'adult' }, { id: 'ads' }, { id: 'court', class: 'law' }];
  await store.applyDocument({ categories, lists: [aList(store, names, fields)] }, ACTOR);
  return store;
}

function write(store: Store, fields: object, names = NAMES, context = ANNA) {
  return store.applyDocument({ lists: [aList(store, names, fields)] }, context);
}

async function listOf(store: Store) {
  const { record, version, heldVersion } = (await store.lists()).get('a')!;
  const { category, subdomains, except } = record;
  return { category, subdomains, except, version, heldVersion };
}

const POPULAR = expect.stringMatching(/^it would newly block .*google\.com/) as string;

describe('a list that has a content', () => {
  test('that an exception less makes block a well-known name keeps the exception, until somebody approves', async () => {
    const store = await aScopedList({ except: ['a1.example.org', 'google.com'] });
    const { held, changes } = await write(store, { except: ['a1.example.org'] });
    expect(held).toEqual([
      { list: 'a', version: 2, reasons: ['it excepts no longer google.com', POPULAR] },
    ]);
    expect(changes).toEqual([]);
    const both = ['a1.example.org', 'google.com'];
    expect(await listOf(store)).toMatchObject({ except: both, version: 1, heldVersion: 2 });
    const { revision } = await store.listVersions.approve(BORIS, { list: 'a', version: 2 });
    expect(await listOf(store)).toMatchObject({ except: ['a1.example.org'], version: 2 });
    expect((await store.lists()).get('a')?.revision).toBe(revision);
    const rows = await store.auditPage({ before: null, limit: 5 });
    expect(rows.map(({ kind, actor }) => `${kind} ${actor}`).slice(0, 3)).toEqual([
      ...['list boris', 'list-version boris', 'list-version boris'],
    ]);
    expect((await store.verifyAudit()).isIntact).toBe(true);
    expect((await write(store, { except: ['a1.example.org'] })).held).toEqual([]);
  });

  test('that goes into another category is looked at as if all in it were new there', async () => {
    const store = await aScopedList({ category: 'ads' });
    const { held } = await write(store, { category: 'adult' });
    expect(held[0]?.reasons).toEqual([
      'its category is "adult" instead of "ads"',
      '10 names would be open, 100 % of the 10 in force; the limit is 20 %',
      '10 names would newly be blocked, 100 % of the 10 in force; the limit is 50 %',
      POPULAR,
    ]);
    expect(await listOf(store)).toMatchObject({ category: 'ads' });
    const { findings } = await store.listVersions.version({ list: 'a', version: 2 });
    expect(findings).toMatchObject({
      ...{ entriesBefore: 10, entries: 10 },
      ...{ newlyBlocked: { count: 10 }, newlyOpened: { count: 10 } },
    });
    await store.listVersions.approve(BORIS, { list: 'a', version: 2 });
    expect(await listOf(store)).toMatchObject({ category: 'adult' });
    // Harmless names are open in the category that they leave, all the same.
    const other = await aScopedList({ category: 'ads' }, manyNames(10));
    expect((await write(other, { category: 'adult' }, manyNames(10))).held).toHaveLength(1);
    expect(await listOf(other)).toMatchObject({ category: 'ads', version: 1 });
  });

  test('that newly blocks what is below its names too is held where that is well-known', async () => {
    const names = [...manyNames(9), 'com.example', 'm.google.com'];
    const store = await aScopedList({ subdomains: false, except: [] }, [...names, 'wikipedia.org']);
    const { held } = await write(store, { subdomains: true }, [...names, 'wikipedia.org']);
    expect(held[0]?.reasons).toEqual([
      'subdomains is true instead of false',
      '12 names would newly be blocked, 100 % of the 12 in force; the limit is 50 %',
      expect.stringMatching(/wikipedia\.org/),
    ]);
    expect(await listOf(store)).toMatchObject({ subdomains: false });
  });

  test('cannot be emptied by exceptions unseen, within the limit it may have some', async () => {
    const store = await aScopedList();
    expect((await write(store, { except: ['a0.example.org', 'a1.example.org'] })).held).toEqual([]);
    expect(await listOf(store)).toMatchObject({ version: 1, except: { length: 2 } });
    const { held } = await write(store, { except: ['example.org'] });
    expect(held[0]?.reasons).toEqual([
      'it excepts no longer a0.example.org, a1.example.org; it newly excepts example.org',
      '7 names would be open, 87.5 % of the 8 in force; the limit is 20 %',
    ]);
  });

  test('for which two people are needed changes in none of this by one of them', async () => {
    const store = await aScopedList({ category: 'court', approvals: 2 });
    await store.listVersions.approve(BORIS, { list: 'a', version: 1 });
    const fields = { category: 'court', approvals: 2, except: ['a0.example.org'] };
    expect((await write(store, fields)).held).toMatchObject([{ version: 2 }]);
    const own = store.listVersions.approve(ANNA, { list: 'a', version: 2 });
    expect((await faultOf(own)).code).toBe('APPROVAL_NEEDS_ANOTHER');
    expect(await listOf(store)).toMatchObject({ except: undefined, version: 1 });
    await store.listVersions.approve(BORIS, { list: 'a', version: 2 });
    expect(await listOf(store)).toMatchObject({ except: ['a0.example.org'], version: 2 });
  });

  test('for which two people are needed goes on asking for them while a write that asks for one waits', async () => {
    const store = await aScopedList({ category: 'court', approvals: 2 });
    await store.listVersions.approve(BORIS, { list: 'a', version: 1 });
    const fields = { category: 'court', except: ['a0.example.org'] };
    expect((await write(store, fields)).held).toMatchObject([{ version: 2 }]);
    const own = store.listVersions.approve(ANNA, { list: 'a', version: 2 });
    expect((await faultOf(own)).code).toBe('APPROVAL_NEEDS_ANOTHER');
    await store.listVersions.approve(BORIS, { list: 'a', version: 2 });
    expect(await listOf(store)).toMatchObject({ except: ['a0.example.org'], version: 2 });
    expect((await store.lists()).get('a')?.record.approvals).toBe(2);
  });

  test('and that never had one goes on asking for two people as well', async () => {
    const store = await aListStore();
    const list = aList(store, NAMES, { category: 'court', approvals: 2 });
    const categories = [{ id: 'court', class: 'law' }];
    await store.applyDocument({ categories, lists: [list] }, ANNA);
    const { approvals, ...fewer } = list as Record<string, unknown>;
    expect(approvals).toBe(2);
    await store.applyDocument({ lists: [{ ...fewer, except: ['a0.example.org'] }] }, ANNA);
    const own = store.listVersions.approve(ANNA, { list: 'a', version: 2 });
    expect((await faultOf(own)).code).toBe('APPROVAL_NEEDS_ANOTHER');
  });

  test('is written in all else; the same again makes no second version, another one takes its place', async () => {
    const store = await aScopedList({ except: ['google.com'] });
    await write(store, { origin: 'new' });
    expect((await store.lists()).get('a')?.record).toMatchObject({ origin: 'new' });
    expect((await write(store, { origin: 'new' })).held).toMatchObject([{ version: 2 }]);
    const moved = await write(store, { category: 'ads' });
    expect(moved.held).toMatchObject([{ version: 3 }]);
    expect((await store.listVersions.version({ list: 'a', version: 2 })).state).toBe('replaced');
    const dry = await store.applyDocument({ lists: [aList(store, NAMES)] }, ANNA, {
      isDryRun: true,
    });
    expect(dry.held).toMatchObject([{ version: null }]);
  });

  test('with a new content and other settings has neither where the two together are held', async () => {
    const store = await aScopedList({ category: 'ads' }, manyNames(10));
    const { held } = await write(store, { category: 'adult' }, NAMES);
    expect(held).toMatchObject([{ version: 2 }]);
    expect(await listOf(store)).toMatchObject({ category: 'ads', version: 1 });
    await store.listVersions.approve(BORIS, { list: 'a', version: 2 });
    expect(await listOf(store)).toMatchObject({ category: 'adult', version: 2 });
    expect((await store.lists()).get('a')?.contentSha256).toBe(namesContent(store, NAMES));
  });
});

test('a list of protected names loses none unseen, whichever way', async () => {
  const store = await aRealStore();
  const categories = [{ id: 'adult' }, { id: 'protected' }];
  const names = manyNames(100);
  const list = (count: number, fields: object = {}) =>
    aList(store, names.slice(0, count), { category: 'protected', ...fields });
  await store.applyDocument({ categories, lists: [list(100)] }, ANNA);
  const ways: readonly (readonly [object, string])[] = [
    [
      list(99),
      '1 name would no longer be protected, so that any list could block it: a99.example.org',
    ],
    [list(100, { except: ['a7.example.org'] }), 'could block it: a7.example.org'],
    [list(100, { category: 'adult' }), '100 names would no longer be protected'],
    [
      list(88),
      '12 names would no longer be protected, so that any list could block them: a88.example.org, a89.',
    ],
    [list(87), 'a96.example.org and 3 more'],
  ];
  for (const [way, reason] of ways) {
    const { held } = await store.applyDocument({ lists: [way] }, ANNA);
    expect(held[0]?.reasons.join('; ')).toContain(reason);
    const [waiting] = await store.listVersions.versions({ list: 'a', state: 'held' });
    await store.listVersions.reject(ANNA, { list: 'a', version: waiting?.version ?? 0 });
  }
  const more = aList(store, [...names, 'b.example.org'], { category: 'protected' });
  expect(await store.applyDocument({ lists: [more] }, ANNA)).toMatchObject({ held: [] });
  expect(await store.applyDocument({ lists: [list(100)] }, ANNA)).toMatchObject({
    held: [{ reasons: [expect.stringContaining('b.example.org')] }],
  });
});

describe('in two steps', () => {
  const URL = { url: 'https://a.example/list', contentSha256: undefined };
  const propose = (store: Store, names: readonly string[]) => {
    const contentSha256 = namesContent(store, names);
    const proposal = { list: 'a', contentSha256, source: 'a test' };
    return store.listVersions.propose({ actor: 'list updater' }, proposal);
  };

  test('nothing passes: what a held content was looked at with stays as long as it waits', async () => {
    const store = await aScopedList({ ...URL, except: ['google.com'] });
    await propose(store, manyNames(10));
    expect(await propose(store, [...manyNames(20), 'google.com'])).toMatchObject({
      outcome: 'held',
    });
    const error = await faultOf(write(store, URL));
    expect(error.faults).toEqual([expect.stringMatching(/^lists\[0\]: version 2 waits, and was/)]);
    // One more only opens, there as well as here.
    const more = { ...URL, except: ['a1.example.org', 'google.com'] };
    expect((await write(store, more)).held).toEqual([]);
    await store.listVersions.approve(BORIS, { list: 'a', version: 2 });
    expect(await listOf(store)).toMatchObject({ except: more.except, version: 2 });
  });

  test('nor by a rejected version, which is approved as it was looked at or not at all', async () => {
    const store = await aScopedList({ ...URL, except: ['google.com'] });
    await propose(store, manyNames(10));
    await propose(store, [...manyNames(20), 'google.com']);
    await store.listVersions.reject(ANNA, { list: 'a', version: 2 });
    await write(store, URL);
    const approval = store.listVersions.approve(ANNA, { list: 'a', version: 2 });
    expect(await faultOf(approval)).toMatchObject({
      code: 'VERSION_STATE',
      message: expect.stringContaining('it excepts no longer google.com') as string,
    });
    await write(store, { ...URL, except: ['b.example.org', 'google.com'] });
    await store.listVersions.approve(ANNA, { list: 'a', version: 2 });
    expect(await listOf(store)).toMatchObject({ except: ['b.example.org', 'google.com'] });
  });

  test('nor by going back: a version comes with its scope, and what was opened since stays open', async () => {
    const store = await aScopedList({ ...URL, except: ['google.com'] });
    await propose(store, [...manyNames(9), 'google.com']);
    await propose(store, manyNames(10));
    expect((await write(store, { ...URL, except: ['a1.example.org'] })).held).toEqual([]);
    await store.listVersions.rollback(ANNA, { list: 'a', version: 1 });
    const except = ['a1.example.org', 'google.com'];
    expect(await listOf(store)).toMatchObject({ except, version: 1 });
    const versions = await store.listVersions.versions({ list: 'a' });
    expect(versions.map(({ scope }) => scope.except)).toEqual([['a1.example.org'], except]);
  });
});

test('what a source goes back to is no rejected content where only settings were gone back from', async () => {
  const url = { url: 'https://a.example/list', contentSha256: undefined };
  const store = await aScopedList({ ...url, category: 'ads' });
  const propose = (names: readonly string[]) => {
    const contentSha256 = namesContent(store, names);
    return store.listVersions.propose(ANNA, { list: 'a', contentSha256, source: 'a test' });
  };
  await propose(NAMES);
  expect((await write(store, { ...url, category: 'adult' })).held).toMatchObject([{ version: 2 }]);
  await store.listVersions.approve(BORIS, { list: 'a', version: 2 });
  await store.listVersions.rollback(ANNA, { list: 'a', version: 1 });
  expect((await store.listVersions.version({ list: 'a', version: 2 })).state).toBe('past');
  expect(await propose(NAMES.slice(1))).toMatchObject({ outcome: 'in-force', version: 3 });
  expect(await propose(NAMES)).toMatchObject({ outcome: 'in-force', version: 4 });
  expect(await listOf(store)).toMatchObject({ category: 'ads', version: 4 });
  // A content that was gone back from is, whatever its settings came from.
  await write(store, { ...url, category: 'adult' });
  await store.listVersions.approve(BORIS, { list: 'a', version: 5 });
  await store.listVersions.rollback(ANNA, { list: 'a', version: 3 });
  expect(await propose(NAMES)).toMatchObject({ outcome: 'unchanged', version: 5 });
  expect((await write(store, { ...url, category: 'adult' })).held).toMatchObject([{ version: 6 }]);
  await store.listVersions.approve(BORIS, { list: 'a', version: 6 });
  await store.listVersions.approve(BORIS, { list: 'a', version: 5 });
  expect(await listOf(store)).toMatchObject({ category: 'adult', version: 5 });
});

test('a scope that nobody can compare, since the content is gone, is refused', async () => {
  const url = { url: 'https://a.example/list', contentSha256: undefined };
  const store = await aScopedList(url);
  const contentSha256 = namesContent(store, NAMES);
  await store.listVersions.propose(ANNA, { list: 'a', contentSha256, source: 'a test' });
  rmSync(store.contents.pathOf(contentSha256));
  const list = { id: 'a', category: 'adult', url: url.url };
  const writeIt = (fields: object) =>
    store.applyDocument({ lists: [{ ...list, ...fields }] }, ANNA);
  expect((await faultOf(writeIt({ category: 'ads' }))).faults).toEqual([
    expect.stringMatching(/^lists\[0\]: its content is gone/),
  ]);
  expect(await listOf(store)).toMatchObject({ category: 'adult' });
  await writeIt({ origin: 'new' });
});

describe('settings that wait', () => {
  test('give nothing to an edit of entries, which takes their place', async () => {
    const store = await aRealStore();
    const own = { id: 'a', category: 'adult', own: true };
    const categories = [{ id: 'adult' }];
    await store.applyDocument({ categories, lists: [{ ...own, except: ['google.com'] }] }, ACTOR);
    await store.ownLists.editEntries(ANNA, 'a', { add: [{ name: 'google.com' }] });
    expect((await store.applyDocument({ lists: [own] }, ANNA)).held).toMatchObject([
      { version: 2 },
    ]);
    await store.ownLists.editEntries(BORIS, 'a', { add: [{ name: 'wikipedia.org' }] });
    const [held] = await store.listVersions.versions({ list: 'a', state: 'held' });
    expect(held).toMatchObject({ version: 3, authors: ['boris'] });
  });

  test('can be rejected, and the content is as good as before', async () => {
    const store = await aScopedList({ except: ['google.com'] });
    await write(store, {});
    await store.listVersions.reject(BORIS, { list: 'a', version: 2 });
    expect(await listOf(store)).toMatchObject({
      except: ['google.com'],
      version: 1,
      heldVersion: null,
    });
    const again = store.listVersions.approve(ANNA, { list: 'a', version: 2 });
    expect((await faultOf(again)).message).toContain('settings of the list only');
    expect((await write(store, {})).held).toMatchObject([{ version: 3 }]);
    await write(store, { except: ['google.com'] }, [...NAMES, 'b.example.org']);
    expect((await write(store, { except: ['google.com'] })).held).toEqual([]);
    expect(await listOf(store)).toMatchObject({ version: 5 });
  });

  test('are not approved into a category that is gone, or is no law any more', async () => {
    const store = await aScopedList({ category: 'ads' });
    await write(store, { category: 'adult' });
    await store.remove('category', 'adult', ACTOR);
    const approval = store.listVersions.approve(BORIS, { list: 'a', version: 2 });
    expect((await faultOf(approval)).code).toBe('VERSION_STATE');
    expect(await listOf(store)).toMatchObject({ category: 'ads', version: 1 });
  });

  test('stay those of an own list when an entry of it ends', async () => {
    let wallMs = Date.UTC(2026, 10, 22);
    const dataDir = aDataFolder();
    const clock = { wallMs: () => wallMs, monotonicMs: () => wallMs };
    const store = await aListStore(createInspector(dataDir), { dataDir, clock });
    const own = { id: 'a', category: 'adult', own: true };
    await store.applyDocument({ lists: [{ ...own, except: ['google.com'] }] }, ACTOR);
    const expiresAt = wallMs / 1000 + 60;
    const add = [{ name: 'google.com' }, { name: 'x.example', expiresAt }];
    await store.ownLists.editEntries(ANNA, 'a', { add });
    expect((await store.applyDocument({ lists: [own] }, ANNA)).held).toMatchObject([
      { version: 2 },
    ]);
    wallMs += 120_000;
    await store.ownLists.expireEntries((error) => {
      throw error;
    });
    const { heldVersion } = await listOf(store);
    const held = await store.listVersions.version({ list: 'a', version: heldVersion! });
    expect(held).toMatchObject({ scope: { except: [] }, authors: ['anna'], source: 'settings' });
    await store.listVersions.approve(BORIS, { list: 'a', version: heldVersion! });
    expect(await listOf(store)).toMatchObject({ except: undefined, heldVersion: null });
    expect(await store.ownLists.entryPage({ list: 'a', after: '', limit: 9 })).toMatchObject([
      { name: 'google.com' },
    ]);
  });
});

test('a list of which nothing was ever in force is another one for those who are to approve it', async () => {
  const store = await aRealStore();
  const url = { id: 'a', url: 'https://a.example/list', approvals: 2 };
  await store.applyDocument({ lists: [{ ...url, category: 'ads' }] }, ANNA);
  const contentSha256 = namesContent(store, manyNames(3));
  await store.listVersions.propose(
    { actor: 'list updater' },
    { list: 'a', contentSha256, source: 'a test' },
  );
  await store.listVersions.approve(BORIS, { list: 'a', version: 1 });
  await store.applyDocument({ lists: [{ ...url, category: 'adult' }] }, ANNA);
  const version = await store.listVersions.version({ list: 'a', version: 1 });
  expect(version).toMatchObject({ scope: { category: 'adult' }, authors: ['anna'], approvers: [] });
  const again = await store.listVersions.approve(BORIS, { list: 'a', version: 1 });
  expect(again.version.state).toBe('in-force');
  expect(await listOf(store)).toMatchObject({ category: 'adult', version: 1 });
});
