/** What a sealed list takes, whichever way a content or a setting comes. */

import { describe, expect, test } from 'vitest';
import { createInspector } from '../../src/lists/inspector.ts';
import type { ContentInspector } from '../../src/store/list-report.ts';
import type { Store, StoreOptions } from '../../src/store/store.ts';
import { aSealedFile, SEALING } from '../support/sealed.ts';
import { faultOf } from './a-household.ts';
import { aListStore, manyNames, namesContent } from './fake-inspector.ts';
import { aDataFolder } from './support.ts';

const ANNA = { actor: 'anna' };
const UPDATER = { actor: 'list updater' };
const URL = 'https://court.example/list';

/** The category `court` of class law, `ads` of none, and a list without content. */
async function aCourtStore(
  fields: object = { sealed: true },
  options: StoreOptions = {},
  other: Partial<ContentInspector> = {},
): Promise<Store> {
  const dataDir = aDataFolder();
  const inspector = { ...createInspector(dataDir, [], SEALING), ...other };
  const store = await aListStore(inspector, { dataDir, ...options });
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
    const before = (await store.lists()).get('court');
    const contentSha256 = namesContent(store, manyNames(3));
    const changes = [
      { category: 'ads', url: URL },
      { category: 'court', url: URL },
      { category: 'court', contentSha256 },
      { category: 'ads', contentSha256 },
      { category: 'court', own: true },
    ];
    for (const change of changes) {
      const lists = [{ id: 'court', ...change }];
      const error = await faultOf(store.applyDocument({ lists }, ANNA));
      expect(error.faults).toContain(
        'lists[0].sealed: list "court" is a sealed one; valid: sealed: true, a new id, or removing the list first',
      );
    }
    expect((await store.lists()).get('court')).toEqual(before);
    expect(before).toMatchObject({ record: { category: 'court', sealed: true }, lastSerial: 1 });
  });

  test('that is still to come, and sealed, does not become a text either', async () => {
    const store = await aCourtStore();
    const lists = [{ id: 'court', category: 'court', url: URL }];
    const error = await faultOf(store.applyDocument({ lists }, ANNA));
    expect(error.faults).toEqual([expect.stringContaining('is a sealed one')]);
  });

  test('that is text does not become a sealed one', async () => {
    const store = await aCourtStore({});
    await propose(store, namesContent(store, manyNames(3)));
    for (const source of [{ url: URL }, { contentSha256: sealedContent(store, 1) }]) {
      const lists = [{ id: 'court', category: 'court', sealed: true, ...source }];
      const error = await faultOf(store.applyDocument({ lists }, ANNA));
      expect(error.faults).toEqual([
        'lists[0].sealed: list "court" has a text; valid: a new id, or removing the list first',
      ]);
    }
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
  expect(approved.message).toContain('its serial is 2, and 3 was in force already');
  expect(back.message).toContain('its serial is 1, and 3 was in force already');
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

test('only removing a list lets an old serial, or a text, come under its id', async () => {
  const store = await aCourtStore();
  await propose(store, sealedContent(store, 9));
  const old = sealedContent(store, 5, manyNames(2));
  expect((await propose(store, old)).outcome).toBe('refused');
  await store.remove('list', 'court', ANNA);
  await store.applyDocument(
    { lists: [{ id: 'court', category: 'court', url: URL, sealed: true }] },
    ANNA,
  );
  expect((await propose(store, sealedContent(store, 5, manyNames(2)))).outcome).toBe('in-force');
});

describe('where the configuration asks for two people', () => {
  const BORIS = { actor: 'boris' };
  const reasons = ['each change of this list needs two people'];

  test('every version of a sealed list waits for both, whatever the list says of itself', async () => {
    const asked: { people: 1 | 2 } = { people: 1 };
    const store = await aCourtStore({ sealed: true }, { sealedApprovals: () => asked.people });
    await propose(store, sealedContent(store, 1));
    asked.people = 2;
    const contentSha256 = sealedContent(store, 2);
    const court = { id: 'court', category: 'court', sealed: true, contentSha256 };
    for (const approvals of [{}, { approvals: 1 }]) {
      const { held } = await store.applyDocument({ lists: [{ ...court, ...approvals }] }, ANNA);
      expect(held).toEqual([{ list: 'court', version: 2, reasons }]);
    }
    const place = { list: 'court', version: 2 };
    const error = await faultOf(store.listVersions.approve(ANNA, place));
    expect(error.code).toBe('APPROVAL_NEEDS_ANOTHER');
    await store.listVersions.approve(BORIS, place);
    expect(await statesOf(store)).toEqual({ 1: 'past', 2: 'in-force' });
    const other = { categories: [{ id: 'crime', class: 'law' }] };
    const lists = [{ ...court, category: 'crime' }];
    const { held } = await store.applyDocument({ ...other, lists }, ANNA);
    expect(held[0]?.reasons).toContain(reasons[0]);
  });

  test('so does one that was removed and comes anew, and no other list', async () => {
    const store = await aCourtStore({ sealed: true }, { sealedApprovals: () => 2 });
    await store.remove('list', 'court', ANNA);
    const court = { id: 'court', category: 'court', sealed: true };
    const contentSha256 = sealedContent(store, 1);
    const text = namesContent(store, manyNames(3));
    const lists = [
      { ...court, contentSha256 },
      { id: 'ads', category: 'ads', contentSha256: text },
    ];
    const { held } = await store.applyDocument({ lists }, ANNA);
    expect(held).toEqual([{ list: 'court', version: 1, reasons }]);
  });
});

describe('a content that a sealed list does not take', () => {
  const list = { id: 'court', category: 'court', sealed: true };

  test('is gone from the disk at once, whichever way it came, and no name of it is told', async () => {
    const store = await aCourtStore();
    const text = namesContent(store, ['victim.example.org']);
    const proposal = await propose(store, text);
    expect([proposal.outcome, store.contents.has(text)]).toEqual(['refused', false]);
    const again = namesContent(store, ['victim.example.org', 'no name ever']);
    for (const isDryRun of [true, false]) {
      const document = { lists: [{ ...list, contentSha256: again }] };
      const error = await faultOf(store.applyDocument(document, ANNA, { isDryRun }));
      expect(error.faults).toEqual([
        'lists[0]: Reading the list: the content is not sealed; valid: a sealed file',
      ]);
      expect(store.contents.has(again)).toBe(false);
      namesContent(store, ['victim.example.org', 'no name ever']);
    }
    const asText = { lists: [{ ...list, sealed: false, contentSha256: again }] };
    await faultOf(store.applyDocument(asText, ANNA));
    expect(store.contents.has(again)).toBe(false);
    const { lastError } = await store.listVersions.readState('court');
    expect(lastError).toBe('Reading the list: the content is not sealed; valid: a sealed file');
  });

  test('stays where another list has it', async () => {
    const store = await aCourtStore();
    const text = namesContent(store, manyNames(3));
    const lists = [{ id: 'b', category: 'ads', contentSha256: text }];
    await store.applyDocument({ lists }, ANNA);
    await propose(store, text);
    expect(store.contents.has(text)).toBe(true);
    await store.listVersions.requireReadable(text);
  });

  test.each([
    ['stays where another list is about to get it', 'in-force', true],
    ['is gone once the other list has not taken it either', 'refused', false],
  ])('%s', async (_title, outcome, isThere) => {
    let end = (): void => undefined;
    const looked = new Promise<void>((resolve) => (end = resolve));
    const inspector = createInspector('/nowhere');
    const store = await aCourtStore(
      undefined,
      {},
      {
        inspect: async (content, format) => {
          if (format !== 'sealed') await looked;
          return inspector.inspect(content, format);
        },
      },
    );
    const text = isThere ? namesContent(store, manyNames(3)) : namesContent(store, ['no name']);
    await store.applyDocument({ lists: [{ id: 'b', category: 'ads', url: URL }] }, ANNA);
    const other = { list: 'b', contentSha256: text, source: URL };
    const proposed = store.listVersions.propose(UPDATER, other);
    expect((await propose(store, text)).outcome).toBe('refused');
    end();
    expect((await proposed).outcome).toBe(outcome);
    expect(store.contents.has(text)).toBe(isThere);
  });
});

test('a content is given out where a list keeps it, and never that of a sealed list', async () => {
  const store = await aCourtStore({});
  const codeOf = async (sha256: string) =>
    (await faultOf(store.listVersions.requireReadable(sha256))).code;
  const text = namesContent(store, manyNames(3));
  expect(await codeOf(text)).toBe('CONTENT_UNKNOWN');
  await store.applyDocument(
    { lists: [{ id: 'court', category: 'court', url: URL, approvals: 2 }] },
    ANNA,
  );
  await propose(store, text);
  await store.listVersions.requireReadable(text);
  const lists = [
    { id: 'court', category: 'court', url: URL, sealed: true },
    { id: 'b', category: 'ads', contentSha256: text },
  ];
  await store.applyDocument({ lists }, ANNA);
  expect(await codeOf(text)).toBe('CONTENT_SEALED');
  const sealed = sealedContent(store, 1);
  expect(await codeOf(sealed)).toBe('CONTENT_UNKNOWN');
  await propose(store, sealed);
  expect(await codeOf(sealed)).toBe('CONTENT_SEALED');
});
