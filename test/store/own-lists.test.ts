import { readFileSync, rmSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Clock } from '../../src/lib/clock.ts';
import { UNSEEN } from '../../src/lib/unseen.ts';
import type { EntryEdit } from '../../src/store/list-entries.ts';
import { type ListEntry, parseOwnContent, writeOwnContent } from '../../src/store/own-content.ts';
import type { Store } from '../../src/store/store.ts';
import { faultOf } from './a-household.ts';
import { aListInForce, aListStore, FakeInspector, namesContent } from './fake-inspector.ts';
import { ACTOR, aDataFolder } from './support.ts';

const ANNA = { actor: 'anna' };
const BORIS = { actor: 'boris' };
const NOON = Date.UTC(2026, 10, 22, 12) / 1000;

class StillClock implements Clock {
  second = NOON;
  monotonicMs = (): number => this.second * 1000;
  wallMs = (): number => this.second * 1000;
}

async function anOwnList(fields: object = {}) {
  const clock = new StillClock();
  const dataDir = aDataFolder();
  const store = await aListStore(new FakeInspector(), { clock, dataDir });
  const lists = [{ id: 'ours', category: 'social', own: true, ...fields }];
  await store.applyDocument({ lists }, ACTOR);
  const edit = (change: EntryEdit, context = ANNA) =>
    store.ownLists.editEntries(context, 'ours', change);
  const add = (...names: string[]) => edit({ add: names.map((name) => ({ name })) });
  return { clock, dataDir, store, edit, add };
}

/** What keeps the entries of a list fails the test. */
function expire(store: Store): Promise<number | null> {
  return store.ownLists.expireEntries((error) => {
    throw error;
  });
}

async function namesOf(store: Store): Promise<string[]> {
  const page = await store.ownLists.entryPage({ list: 'ours', after: '', limit: 100 });
  return page.map(({ name }) => name);
}

/** Lines of the content in force. */
async function linesOf(store: Store): Promise<string[]> {
  const sha256 = (await store.lists()).get('ours')?.contentSha256 ?? '';
  if (sha256 === '') return [];
  return readFileSync(store.contents.pathOf(sha256), 'utf8').trimEnd().split('\n');
}

describe('an entry', () => {
  test('is a line of the content, with who, when and why', async () => {
    const { store, edit } = await anOwnList();
    const until = NOON + 3_600;
    const added = await edit({
      add: [
        { name: 'Bad.Example.', comment: 'asked by the school: again', expiresAt: until },
        { name: 'bücher.example' },
      ],
    });
    expect(added).toMatchObject({ outcome: 'in-force', version: 1, revision: 2 });
    expect(await linesOf(store)).toEqual([
      'bad.example # added 2026-11-22T12:00:00Z by anna, until 2026-11-22T13:00:00Z: asked by the school: again',
      'xn--bcher-kva.example # added 2026-11-22T12:00:00Z by anna:',
    ]);
    expect((await store.lists()).get('ours')).toMatchObject({ version: 1, report: { entries: 2 } });
    const versions = await store.listVersions.versions({ list: 'ours' });
    expect(versions).toMatchObject([{ source: 'own entries', actor: 'anna' }]);
  });

  test('that is added again keeps who added it, unless it says something else', async () => {
    const { clock, store, edit, add } = await anOwnList();
    await add('bad.example');
    clock.second += 60;
    expect(await edit({ add: [{ name: 'bad.example' }] }, BORIS)).toMatchObject({
      outcome: 'unchanged',
      reasons: [],
    });
    await edit({ add: [{ name: 'bad.example', comment: 'new' }] }, BORIS);
    expect(await store.ownLists.entryPage({ list: 'ours', after: '', limit: 9 })).toEqual([
      {
        ...{ name: 'bad.example', comment: 'new', expiresAt: null },
        ...{ addedBy: 'boris', addedAt: NOON + 60 },
      },
    ]);
  });

  test('goes, and the list with the last of them has no content any more', async () => {
    const { store, edit, add } = await anOwnList();
    await add('bad.example', 'worse.example');
    expect(await edit({ remove: ['BAD.example'] })).toMatchObject({ outcome: 'in-force' });
    expect(await namesOf(store)).toEqual(['worse.example']);
    expect(await edit({ remove: ['worse.example'] })).toMatchObject({ outcome: 'in-force' });
    expect((await store.lists()).get('ours')).toMatchObject({ contentSha256: '', version: 3 });
    await store.listVersions.rollback(ANNA, { list: 'ours', version: 1 });
    expect(await namesOf(store)).toEqual(['bad.example', 'worse.example']);
  });

  test('that can be in no list is told at once, and nothing changes', async () => {
    const { store, add, edit } = await anOwnList();
    await add('bad.example');
    const { revision } = store;
    const faulty = { name: 'x.example', expiresAt: NOON };
    const error = await faultOf(
      edit({
        add: [{ name: 'no name' }, faulty, { name: 'a\\.b.example' }],
        remove: ['y.example'],
      }),
    );
    expect(error.faults).toEqual([
      'remove[0]: there is no entry "y.example"',
      'add[0].name: "no name" is not valid; valid: a domain name',
      `add[1].expiresAt: ${NOON} is not valid; valid: a time to come before 2100`,
      expect.stringMatching(/^add\[2\]\.name/),
    ]);
    const suffix = await faultOf(add('co.uk', 'com'));
    expect(suffix.faults).toEqual([
      'add[0].name: "co.uk" can be in no list (public-suffix)',
      'add[1].name: "com" can be in no list (single-label)',
    ]);
    expect(await namesOf(store)).toEqual(['bad.example']);
    expect(store.revision).toBe(revision);
  });

  test('is only in an own list', async () => {
    const { store } = await anOwnList();
    await aListInForce(store);
    const edited = store.ownLists.editEntries(ANNA, 'a', { add: [{ name: 'x.example' }] });
    expect((await faultOf(edited)).code).toBe('LIST_NOT_OWN');
    const read = store.ownLists.entryPage({ list: 'none', after: '', limit: 1 });
    expect((await faultOf(read)).code).toBe('RESOURCE_UNKNOWN');
  });
});

test('a replacing edit leaves only what it names', async () => {
  const { store, edit, add } = await anOwnList();
  await add('a.example', 'b.example');
  await edit({ add: [{ name: 'b.example' }, { name: 'c.example' }], isReplacing: true });
  expect(await namesOf(store)).toEqual(['b.example', 'c.example']);
});

test('a replacing edit that names nothing is refused, and nothing changes', async () => {
  const { store, edit, add } = await anOwnList();
  await add('a.example');
  const { revision } = store;
  for (const change of [{}, { add: [] }, { remove: ['a.example'] }]) {
    const error = await faultOf(edit({ ...change, isReplacing: true }));
    expect(error.faults[0]).toBe(
      'add: it is empty, so replacing would take all entries away; valid: one at least',
    );
  }
  expect([store.revision, await namesOf(store)]).toEqual([revision, ['a.example']]);
});

test('an entry that is to cover only what is below a name is refused, and nothing changes', async () => {
  const { store, add } = await anOwnList();
  const error = await faultOf(add('b.example', '*.E.example'));
  expect(error.faults).toEqual([
    'add[1].name: "*.E.example" is not valid; valid: e.example, which blocks the name itself too',
  ]);
  expect(await namesOf(store)).toEqual([]);
});

test('edits at the same time lose nothing', async () => {
  const { store, add } = await anOwnList();
  await Promise.all(['a', 'b', 'c'].map((name) => add(`${name}.example`)));
  expect(await namesOf(store)).toEqual(['a.example', 'b.example', 'c.example']);
  expect(await linesOf(store)).toHaveLength(3);
});

test('a repeated edit gets its first answer, though its entry is gone', async () => {
  const { store, edit, add } = await anOwnList();
  await add('bad.example');
  const context = { ...ANNA, idempotency: { key: 'k', digest: 'd' } };
  const first = await edit({ remove: ['bad.example'] }, context);
  expect(await edit({ remove: ['bad.example'] }, context)).toEqual(first);
  expect(await namesOf(store)).toEqual([]);
});

describe('an edit that the gate holds', () => {
  test('is built on by the next, and comes into force with it', async () => {
    const { store, add } = await anOwnList();
    await add('bad.example');
    expect(await add('google.example')).toMatchObject({ outcome: 'held', version: 2 });
    expect(await linesOf(store)).toHaveLength(1);
    expect(await add('worse.example')).toMatchObject({ outcome: 'held', version: 3 });
    await store.listVersions.approve(BORIS, { list: 'ours', version: 3 });
    expect(await namesOf(store)).toEqual(['bad.example', 'google.example', 'worse.example']);
    expect(await linesOf(store)).toHaveLength(3);
  });

  test('is held in a list that has lost all its entries as well', async () => {
    const { store, edit, add } = await anOwnList();
    await add('bad.example');
    expect(await edit({ remove: ['bad.example'] })).toMatchObject({ outcome: 'in-force' });
    expect(await add('google.example')).toMatchObject({ outcome: 'held', version: 3 });
    expect(await linesOf(store)).toEqual([]);
  });

  test('takes its entries with it when it is rejected', async () => {
    const { store, add } = await anOwnList();
    await add('bad.example');
    await add('google.example');
    await store.listVersions.reject(BORIS, { list: 'ours', version: 2 });
    expect(await namesOf(store)).toEqual(['bad.example']);
    expect(await add('worse.example')).toMatchObject({ outcome: 'in-force' });
  });

  test('waits no more when its author takes it back', async () => {
    const { store, edit, add } = await anOwnList();
    await add('bad.example');
    await add('google.example');
    expect(await edit({ remove: ['google.example'] })).toMatchObject({ outcome: 'unchanged' });
    expect(await namesOf(store)).toEqual(['bad.example']);
    expect((await store.lists()).get('ours')?.heldVersion).toBeNull();
  });

  test('of two people is approved by each for the work of the other', async () => {
    const { store, edit, add } = await anOwnList({ approvals: 2 });
    await add('a.example');
    await edit({ add: [{ name: 'b.example' }] }, BORIS);
    const place = { list: 'ours', version: 2 };
    // Boris has seen that Anna's entry is in it, but has not said so.
    expect(await store.listVersions.approve(ANNA, place)).toMatchObject({
      version: { state: 'held', authors: ['anna', 'boris'], approvers: ['anna'] },
    });
    expect(await store.listVersions.approve(BORIS, place)).toMatchObject({
      version: { state: 'in-force' },
    });
  });
});

test('a rejected version that waits again has its entries back, also while one more must approve it', async () => {
  const { store, edit } = await anOwnList({ approvals: 2 });
  await edit({ add: [{ name: 'c.example' }] }, { actor: 'carla' });
  await edit({ add: [{ name: 'd.example' }] }, BORIS);
  await store.listVersions.reject(ANNA, { list: 'ours', version: 2 });
  await edit({ add: [{ name: 'e.example' }] });
  expect(await store.listVersions.approve(BORIS, { list: 'ours', version: 2 })).toMatchObject({
    version: { state: 'held', approvers: ['boris'] },
  });
  expect(await namesOf(store)).toEqual(['c.example', 'd.example']);
});

test('entries that protect names are not all gone at once', async () => {
  const { store, edit, add } = await anOwnList({ category: 'protected' });
  await add('a.example', 'b.example');
  expect(await edit({ remove: ['a.example', 'b.example'] })).toMatchObject({
    outcome: 'held',
    reasons: ['none of its names would be protected any longer'],
  });
  expect(await linesOf(store)).toHaveLength(2);
});

test('a version from elsewhere does not become entries', async () => {
  const { store } = await anOwnList();
  const lists = [{ id: 'web', category: 'social', url: 'https://a.example/list', approvals: 2 }];
  await store.applyDocument({ lists }, ACTOR);
  const contentSha256 = namesContent(store, ['x.example']);
  await store.listVersions.propose(ANNA, { list: 'web', contentSha256, source: 'https' });
  await store.applyDocument({ lists: [{ id: 'web', category: 'social', own: true }] }, ACTOR);
  const error = await faultOf(store.listVersions.approve(BORIS, { list: 'web', version: 1 }));
  expect(error.code).toBe('VERSION_STATE');
  expect(error.message).toContain('it came from elsewhere');
});

describe('an entry whose time is over', () => {
  test('leaves by itself, the others stay, and nothing happens before', async () => {
    const { clock, store, edit } = await anOwnList();
    const add = [{ name: 'a.example', expiresAt: NOON + 60 }, { name: 'b.example' }];
    await edit({ add });
    clock.second += 59;
    expect(await expire(store)).toBeNull();
    clock.second += 1;
    expect(await expire(store)).toBe(3);
    expect(await namesOf(store)).toEqual(['b.example']);
    expect(await linesOf(store)).toHaveLength(1);
    expect(await expire(store)).toBeNull();
    const [newest] = await store.auditPage({ before: null, limit: 1 });
    expect(newest).toMatchObject({ actor: 'entry expiry', action: 'install', resource: 'ours/2' });
  });

  test('leaves after a restart too, and the last one leaves the list empty', async () => {
    const { clock, dataDir, store, edit } = await anOwnList();
    await edit({ add: [{ name: 'a.example', expiresAt: NOON + 60 }] });
    await store.close();
    clock.second += 3_600;
    const again = await aListStore(new FakeInspector(), { clock, dataDir });
    expect(await expire(again)).toBe(3);
    expect((await again.lists()).get('ours')).toMatchObject({ contentSha256: '' });
  });

  test('leaves what is in force and what is held, and what people thought of that stays', async () => {
    const { clock, store, edit } = await anOwnList({ approvals: 2 });
    await edit({ add: [{ name: 'a.example', expiresAt: NOON + 60 }, { name: 'b.example' }] });
    await store.listVersions.approve(BORIS, { list: 'ours', version: 1 });
    await edit({ add: [{ name: 'c.example' }] });
    clock.second += 60;
    await expire(store);
    expect(await linesOf(store)).toEqual([expect.stringMatching(/^b\.example/)]);
    expect(await namesOf(store)).toEqual(['b.example', 'c.example']);
    const versions = await store.listVersions.versions({ list: 'ours' });
    expect(versions.map(({ version, state }) => `${version} ${state}`)).toEqual([
      '4 held',
      '3 in-force',
      '2 replaced',
      '1 past',
    ]);
    expect(versions[0]).toMatchObject({ actor: 'anna', authors: ['anna'] });
    await store.listVersions.approve(BORIS, { list: 'ours', version: 4 });
    expect(await linesOf(store)).toHaveLength(2);
  });

  test('that was only held leaves that, and changes nothing that decides', async () => {
    const { clock, store, edit, add } = await anOwnList();
    await add('b.example');
    await edit({ add: [{ name: 'google.example', expiresAt: NOON + 60 }, { name: 'c.example' }] });
    const { revision } = store;
    clock.second += 60;
    expect(await expire(store)).toBe(revision);
    expect(await namesOf(store)).toEqual(['b.example', 'c.example']);
    expect((await store.lists()).get('ours')).toMatchObject({ version: 1, heldVersion: 3 });
  });
});

describe('entries end', () => {
  test('where an edit that would keep or remove them waits', async () => {
    const { clock, store, edit } = await anOwnList();
    const soon = ['a.example', 'b.example'].map((name) => ({ name, expiresAt: NOON + 60 }));
    await edit({ add: [...soon, { name: 'c.example' }] });
    const add = [{ name: 'google.example' }, { name: 'b.example' }];
    expect(await edit({ add, remove: ['a.example'] })).toMatchObject({ outcome: 'held' });
    expect(await expire(store)).toBeNull();
    clock.second += 60;
    expect(await expire(store)).toBe(3);
    expect(await linesOf(store)).toEqual([expect.stringMatching(/^c\.example/)]);
    expect(await namesOf(store)).toEqual(['b.example', 'c.example', 'google.example']);
    expect((await store.lists()).get('ours')).toMatchObject({ version: 3, heldVersion: 4 });
    expect(await expire(store)).toBeNull();
  });

  test('and so does the wait of a version that is then what is in force', async () => {
    const { clock, store, edit, add } = await anOwnList();
    await add('b.example');
    await edit({ add: [{ name: 'google.example', expiresAt: NOON + 60 }] });
    clock.second += 60;
    await expire(store);
    expect((await store.lists()).get('ours')).toMatchObject({ version: 1, heldVersion: null });
    const [newest] = await store.auditPage({ before: null, limit: 1 });
    expect(newest).toMatchObject({ action: 'replace', resource: 'ours/2' });
  });

  test('in the other lists, whatever keeps those of one', async () => {
    const { clock, store, edit } = await anOwnList();
    const lists = [{ id: 'first', category: 'social', own: true }];
    await store.applyDocument({ lists }, ACTOR);
    const add = [{ name: 'a.example', expiresAt: NOON + 60 }, { name: 'b.example' }];
    await store.ownLists.editEntries(ANNA, 'first', { add });
    const lost = (await store.lists()).get('first')?.contentSha256 ?? '';
    await edit({ add: [{ name: 'c.example', expiresAt: NOON + 60 }] });
    rmSync(store.contents.pathOf(lost));
    clock.second += 60;
    const faults: unknown[] = [];
    await store.ownLists.expireEntries((error) => faults.push(error));
    expect(faults).toMatchObject([{ code: 'ENOENT' }]);
    expect(await linesOf(store)).toEqual([]);
  });
});

test('a list that takes its content from elsewhere by now has no entries left that could end', async () => {
  const { clock, store, edit } = await anOwnList();
  await edit({ add: [{ name: 'a.example', expiresAt: NOON + 60 }] });
  const lists = [{ id: 'ours', category: 'social', url: 'https://a.example/list' }];
  await store.applyDocument({ lists }, ACTOR);
  clock.second += 60;
  expect(await expire(store)).toBeNull();
  expect(await store.db.selectFrom('list_entries').selectAll().execute()).toEqual([]);
});

test('a content of own entries says all of them again', async () => {
  const second = fc.integer({ min: 0, max: 4_000_000_000 });
  const text = fc
    .string({ maxLength: 40, unit: 'grapheme' })
    .filter((one) => new RegExp(`^[^${UNSEEN}]*$`).test(one));
  const entry = fc.record<ListEntry>({
    name: fc.stringMatching(/^[a-z0-9]{1,8}(\.[a-z0-9]{1,8}){1,3}$/),
    comment: fc.oneof(text, fc.constantFrom('', ', until x: y', ': :', ' by me: z ')),
    expiresAt: fc.option(second),
    addedBy: fc.constantFrom('anna', 'a.b-c_d', 'over-blocking desk'),
    addedAt: second,
  });
  const entries = fc.uniqueArray(entry, { selector: ({ name }) => name, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(entries, async (given) => {
      const sorted = given.toSorted((a, b) => (a.name < b.name ? -1 : 1));
      expect(await parseOwnContent(await writeOwnContent(given))).toEqual(sorted);
    }),
  );
});
