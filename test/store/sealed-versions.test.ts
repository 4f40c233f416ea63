/** What a sealed list takes, whichever way a content or a setting comes. */

import { describe, expect, test } from 'vitest';
import { createInspector } from '../../src/lists/inspector.ts';
import type { Store } from '../../src/store/store.ts';
import { aSealedFile, SEALING } from '../support/sealed.ts';
import { faultOf } from './a-household.ts';
import { aListStore, manyNames, namesContent } from './fake-inspector.ts';
import { aDataFolder } from './support.ts';

const ANNA = { actor: 'anna' };
const UPDATER = { actor: 'list updater' };
const URL = 'https://court.example/list';

/** The category `court` of class law, `ads` of none, and a list without content. */
async function aCourtStore(fields: object = { sealed: true }): Promise<Store> {
  const dataDir = aDataFolder();
  const store = await aListStore(createInspector(dataDir, [], SEALING), { dataDir });
  const categories = [{ id: 'court', class: 'law' }, { id: 'ads' }];
  const lists = [{ id: 'court', category: 'court', url: URL, ...fields }];
  await store.applyDocument({ categories, lists }, ANNA);
  return store;
}

function sealedContent(store: Store, serial: number, names = manyNames(10)): string {
  const octets = aSealedFile(`${names.join('\n')}\n`, { serial });
  return store.contents.save(Buffer.from(octets)).sha256;
}

function propose(store: Store, contentSha256: string) {
  return store.listVersions.propose(UPDATER, { list: 'court', contentSha256, source: URL });
}

async function statesOf(store: Store): Promise<Record<number, string>> {
  const versions = await store.listVersions.versions({ list: 'court' });
  return Object.fromEntries(versions.map(({ version, state }) => [version, state]));
}

describe('the category of a sealed or urgent list', () => {
  test.each([
    [{ sealed: true }, 'sealed'],
    [{ gate: { urgent: true } }, 'gate.urgent'],
  ])('stays law, whoever changes it: %o', async (fields, field) => {
    const store = await aCourtStore(fields);
    const change = { categories: [{ id: 'court', title: 'Court' }] };
    const error = await faultOf(store.applyDocument(change, ANNA));
    expect(error.faults).toEqual([
      `lists "court".${field}: it goes with a category of class law only, "court" is policy`,
    ]);
    expect((await store.categories()).get('court')?.record.class).toBe('law');
  });

  test('may cease to be law together with its lists', async () => {
    const store = await aCourtStore();
    const categories = [{ id: 'court' }];
    await store.applyDocument({ categories, lists: [] }, ANNA, { isPruning: true });
    expect((await store.categories()).get('court')?.record.class).toBe('policy');
    expect(await store.lists()).toEqual(new Map());
  });
});

describe('a list with a content', () => {
  test('that is sealed stays a sealed one', async () => {
    const store = await aCourtStore();
    await propose(store, sealedContent(store, 1));
    const lists = [{ id: 'court', category: 'ads', url: URL }];
    const error = await faultOf(store.applyDocument({ lists }, ANNA));
    expect(error.faults).toEqual([
      expect.stringContaining('the content is sealed; valid: a list with sealed: true'),
    ]);
    expect((await store.lists()).get('court')?.record).toMatchObject({
      ...{ category: 'court', sealed: true },
    });
  });

  test('that is text does not become a sealed one', async () => {
    const store = await aCourtStore({});
    await propose(store, namesContent(store, manyNames(3)));
    const lists = [{ id: 'court', category: 'court', url: URL, sealed: true }];
    const error = await faultOf(store.applyDocument({ lists }, ANNA));
    expect(error.faults).toEqual([expect.stringContaining('the content is not sealed')]);
  });
});

test('an old serial comes into force neither by approving it nor by going back', async () => {
  const store = await aCourtStore();
  await propose(store, sealedContent(store, 1));
  await propose(store, sealedContent(store, 2, manyNames(2)));
  await store.listVersions.reject(ANNA, { list: 'court', version: 2 });
  await propose(store, sealedContent(store, 3));
  const before = await statesOf(store);
  expect(before).toEqual({ 1: 'past', 2: 'rejected', 3: 'in-force' });
  const approved = await faultOf(store.listVersions.approve(ANNA, { list: 'court', version: 2 }));
  const back = await faultOf(store.listVersions.rollback(ANNA, { list: 'court', version: 1 }));
  expect([approved.code, back.code]).toEqual(['VERSION_STATE', 'VERSION_STATE']);
  expect(approved.message).toContain('its serial is 2, that of the version in force 3');
  expect(back.message).toContain('its serial is 1, that of the version in force 3');
  expect(await statesOf(store)).toEqual(before);
});

test('a text comes into force no more once its list is sealed', async () => {
  const store = await aCourtStore({ approvals: 2 });
  await propose(store, namesContent(store, manyNames(3)));
  await store.applyDocument(
    { lists: [{ id: 'court', category: 'court', url: URL, sealed: true }] },
    ANNA,
  );
  const error = await faultOf(store.listVersions.approve(ANNA, { list: 'court', version: 1 }));
  expect(error.message).toContain('the content is not sealed');
  expect((await store.lists()).get('court')?.contentSha256).toBe('');
});
