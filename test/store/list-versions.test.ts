import { copyFileSync, cpSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ListRecord } from '../../src/store/canonical-list.ts';
import { readCompileInput } from '../../src/store/compile-input.ts';
import { Store } from '../../src/store/store.ts';
import { createInspector } from '../../src/lists/inspector.ts';
import { faultOf } from './a-household.ts';
import {
  aList,
  aListInForce,
  aListStore,
  FakeInspector,
  manyNames,
  namesContent,
} from './fake-inspector.ts';
import { ACTOR, aContent, aDataFolder } from './support.ts';

const ANNA = { actor: 'anna' };
const BORIS = { actor: 'boris' };
const UPDATER = { actor: 'list updater' };

function propose(store: Store, names: readonly string[], context = UPDATER) {
  const contentSha256 = namesContent(store, names);
  return store.listVersions.propose(context, { list: 'a', contentSha256, source: 'a test' });
}

async function statesOf(store: Store): Promise<Record<number, string>> {
  const versions = await store.listVersions.versions({ list: 'a' });
  return Object.fromEntries(versions.map(({ version, state }) => [version, state]));
}

async function inForce(store: Store) {
  const list = (await store.lists()).get('a');
  return { version: list?.version, content: list?.contentSha256, held: list?.heldVersion };
}

async function auditActions(store: Store): Promise<string[]> {
  const rows = await store.auditPage({ before: null, limit: 20 });
  return rows
    .filter(({ kind }) => kind === 'list-version')
    .map(({ actor, action, resource }) => `${actor} ${action} ${resource}`)
    .reverse();
}

describe('a proposal', () => {
  test('that the gate lets through comes into force at once, with a revision and an audit entry', async () => {
    const store = await aListStore();
    await aListInForce(store);
    const names = [...manyNames(10), 'b.example.org'];
    expect(await propose(store, names)).toMatchObject({
      ...{ outcome: 'in-force', version: 2, revision: 2, reasons: [] },
      findings: { newlyBlocked: { count: 1, names: ['b.example.org'] } },
    });
    expect(await inForce(store)).toEqual({
      ...{ version: 2, held: null },
      content: namesContent(store, names),
    });
    expect(await statesOf(store)).toEqual({ 1: 'past', 2: 'in-force' });
    expect(await auditActions(store)).toEqual(['list updater install a/2']);
    expect((await store.verifyAudit()).isIntact).toBe(true);
    expect(store.revision).toBe(2);
  });

  test('that is the first one is not held, and its well-known names are told, each time', async () => {
    const store = await aListStore();
    const names = [...manyNames(10), 'google.example'];
    const document = { categories: [{ id: 'adult' }], lists: [aList(store, names)] };
    const told = { held: [], listReports: { a: { entries: 11, popular: ['google.example'] } } };
    expect(await store.applyDocument(document, ANNA, { isDryRun: true })).toMatchObject(told);
    expect(await store.applyDocument(document, ANNA)).toMatchObject(told);
    expect(await store.listVersions.version({ list: 'a', version: 1 })).toMatchObject({
      ...{ state: 'in-force', reasons: [] },
      findings: { entriesBefore: 0, newlyBlocked: { count: 11 }, popular: [{ rank: 1 }] },
    });
    // Now it has them, until it comes to be anew.
    const again = await store.applyDocument(document, ANNA);
    expect(again.listReports['a']).not.toHaveProperty('popular');
    await store.remove('list', 'a', ANNA);
    expect(await store.applyDocument(document, ANNA)).toMatchObject(told);
    const lists = [{ id: 'a', category: 'adult', url: 'https://lists.example.org/a' }];
    await store.remove('list', 'a', ANNA);
    await store.applyDocument({ lists }, ANNA);
    const fetched = { outcome: 'in-force', reasons: [], popular: ['google.example'] };
    expect(await propose(store, names)).toMatchObject(fetched);
    expect(await propose(store, names)).toMatchObject({ outcome: 'unchanged', popular: [] });
  });

  test('that shrinks the list waits, and the list keeps what it has', async () => {
    const store = await aListStore();
    await aListInForce(store);
    const proposal = await propose(store, manyNames(6));
    expect(proposal).toMatchObject({ outcome: 'held', version: 2, revision: 1 });
    expect(proposal.reasons).toEqual([expect.stringContaining('40 %')]);
    expect(await inForce(store)).toMatchObject({ version: 1, held: 2 });
    expect(store.revision).toBe(1);
    expect(await auditActions(store)).toEqual(['list updater hold a/2']);
  });

  test('of what is in force changes nothing, and ends the wait of what was held', async () => {
    const store = await aListStore();
    await aListInForce(store);
    await propose(store, manyNames(6));
    expect(await propose(store, manyNames(10))).toMatchObject({
      ...{ outcome: 'unchanged', version: null, revision: 1, reasons: [] },
    });
    expect(await statesOf(store)).toEqual({ 1: 'in-force', 2: 'replaced' });
  });

  test('of what is held already makes no second version; a newer one takes its place', async () => {
    const store = await aListStore();
    await aListInForce(store);
    await propose(store, manyNames(6));
    expect(await propose(store, manyNames(6))).toMatchObject({ outcome: 'held', version: 2 });
    expect(await propose(store, manyNames(5))).toMatchObject({ outcome: 'held', version: 3 });
    expect(await statesOf(store)).toEqual({ 1: 'in-force', 2: 'replaced', 3: 'held' });
    await propose(store, [...manyNames(10), 'b.example.org']);
    expect(await statesOf(store)).toMatchObject({ 1: 'past', 3: 'replaced', 4: 'in-force' });
  });

  test('of a page is refused: no version, and the reason stands in the state of the list', async () => {
    const store = await aListStore();
    await aListInForce(store);
    await store.listVersions.writeState('a', { failures: 0, lastError: null, etag: '"x"' });
    const contentSha256 = aContent(store, '<!doctype html>\n<p>Not found\n');
    const proposal = { list: 'a', contentSha256, source: 'a test' };
    const refused = await store.listVersions.propose(UPDATER, proposal);
    expect(refused).toMatchObject({ outcome: 'refused', version: null, revision: 1 });
    expect(await store.listVersions.readState('a')).toEqual({
      ...{ failures: 0, etag: '"x"' },
      lastError: 'Reading the list: it is a web page',
    });
    expect(await statesOf(store)).toEqual({ 1: 'in-force' });
  });

  test('over the error budget is refused, also as the first', async () => {
    const store = await aListStore();
    await aListInForce(store);
    expect(await propose(store, [...manyNames(4), 'no name at all'])).toMatchObject({
      outcome: 'refused',
    });
    const bad = aList(store, ['x.example.org', 'no name at all'], { id: 'b' });
    const error = await faultOf(store.applyDocument({ lists: [bad] }, ACTOR));
    expect(error.faults).toEqual([expect.stringMatching(/^lists\[0\]: Reading the list: .*50 %/)]);
  });

  test('for no list, or of no content, says so', async () => {
    const store = await aListStore();
    await aListInForce(store);
    const none = { list: 'b', contentSha256: namesContent(store, ['x.example']), source: '' };
    expect((await faultOf(store.listVersions.propose(ANNA, none))).code).toBe('RESOURCE_UNKNOWN');
    const lost = { list: 'a', contentSha256: 'ab'.repeat(32), source: '' };
    expect((await faultOf(store.listVersions.propose(ANNA, lost))).code).toBe('CONTENT_UNKNOWN');
  });

  test('from a source that the list has no more is turned away, also while it is compared', async () => {
    const inspector = new FakeInspector();
    const store = await aListStore(inspector);
    await aListInForce(store);
    let end = (): void => undefined;
    inspector.wait = () => new Promise((resolve) => (end = resolve));
    const contentSha256 = namesContent(store, [...manyNames(10), 'b.example.org']);
    const isStillSource = ({ origin }: ListRecord): boolean => origin === undefined;
    const proposal = { list: 'a', contentSha256, source: '', isStillSource };
    const proposed = faultOf(store.listVersions.propose(UPDATER, proposal));
    await expect.poll(() => inspector.comparisons.length).toBe(2);
    await store.applyDocument({ lists: [aList(store, manyNames(10), { origin: 'new' })] }, ANNA);
    end();
    const { code, message } = await proposed;
    expect([code, message]).toEqual(['RESOURCE_UNKNOWN', 'The list "a" is from elsewhere by now']);
    expect(await statesOf(store)).toEqual({ 1: 'in-force' });
  });

  test('is held for well-known names too where what is in force is lost or damaged', async () => {
    const dataDir = aDataFolder();
    const store = await aListStore(createInspector(dataDir), { dataDir });
    await aListInForce(store);
    const path = store.contents.pathOf(namesContent(store, manyNames(10)));
    const names = [...manyNames(10), 'google.com'];
    const held = { outcome: 'held', reasons: [expect.stringContaining('google.com')] };
    writeFileSync(path, 'x.example\n');
    expect(await propose(store, names)).toMatchObject(held);
    rmSync(path);
    expect(await propose(store, [...names, 'b.example.org'])).toMatchObject(held);
    expect(await propose(store, manyNames(11))).toMatchObject({ outcome: 'in-force' });
  });

  test('is judged by the limits of its list', async () => {
    const store = await aListStore();
    await aListInForce(store, { gate: { shrinkPercentMax: 50 } });
    expect(await propose(store, manyNames(6))).toMatchObject({ outcome: 'in-force' });
    expect(await propose(store, [...manyNames(6), 'google.example'])).toMatchObject({
      outcome: 'held',
    });
  });

  test('is compared again where another write has changed its list meanwhile', async () => {
    const inspector = new FakeInspector();
    const store = await aListStore(inspector);
    await aListInForce(store);
    let end = (): void => undefined;
    inspector.wait = () => new Promise((resolve) => (end = resolve));
    const proposed = propose(store, [...manyNames(10), 'b.example.org']);
    await expect.poll(() => inspector.comparisons.length).toBe(2);
    inspector.wait = () => Promise.resolve();
    await propose(store, [...manyNames(10), 'c.example.org']);
    end();
    expect((await proposed).findings?.newlyOpened.names).toEqual(['c.example.org']);
    expect(await statesOf(store)).toEqual({ 1: 'past', 2: 'past', 3: 'in-force' });
  });

  test('repeated with its Idempotency-Key gets its first answer', async () => {
    const store = await aListStore();
    await aListInForce(store);
    const context = { ...ANNA, idempotency: { key: 'k', digest: 'd' } };
    const first = await propose(store, [...manyNames(10), 'b.example.org'], context);
    await propose(store, [...manyNames(10), 'c.example.org']);
    expect(await propose(store, [...manyNames(10), 'b.example.org'], context)).toEqual(first);
    expect(await inForce(store)).toMatchObject({ version: 3 });
  });
});

describe('apply', () => {
  test('of a list that the gate holds applies the rest, and says what is held and why', async () => {
    const store = await aListStore();
    await aListInForce(store);
    const before = (await store.lists()).get('a')?.contentSha256;
    const lists = [
      aList(store, [...manyNames(10), 'google.example'], { category: 'other', origin: 'new' }),
    ];
    const document = { categories: [{ id: 'other' }], lists, plans: [{ id: 'kids' }] };
    const dry = await store.applyDocument(document, ANNA, { isDryRun: true });
    const moved = 'its category is "other" instead of "adult"';
    const reasons = [moved, expect.stringContaining('google.example')];
    expect(dry.held).toEqual([{ list: 'a', version: null, reasons }]);
    expect(await statesOf(store)).toEqual({ 1: 'in-force' });

    const result = await store.applyDocument(document, ANNA);
    expect(result).toMatchObject({ revision: 2, held: [{ list: 'a', version: 2, reasons }] });
    expect((await store.lists()).get('a')).toMatchObject({
      ...{ contentSha256: before, heldVersion: 2 },
      // Whoever approves the content has seen what it blocks in the new category.
      record: { category: 'adult', contentSha256: before },
    });
    expect((await store.plans()).has('kids')).toBe(true);
    expect(await auditActions(store)).toEqual(['anna hold a/2']);
  });

  test('tells of an upload where the content in force came from, and not one that waits', async () => {
    const store = await aListStore();
    await aListInForce(store, { origin: 'old.txt' });
    const originOf = async () => (await store.lists()).get('a')?.record.origin;
    const lists = [aList(store, manyNames(5), { origin: 'new.txt' })];
    await store.applyDocument({ lists }, ANNA);
    expect(await originOf()).toBe('old.txt');
    await store.listVersions.approve(ANNA, { list: 'a', version: 2 });
    expect(await originOf()).toBe('new.txt');
    await store.listVersions.rollback(ANNA, { list: 'a', version: 1 });
    expect(await originOf()).toBe('old.txt');
  });

  test('of nothing but a list that is held makes no revision, and says so each time', async () => {
    const store = await aListStore();
    await aListInForce(store);
    const lists = [aList(store, manyNames(5))];
    const apply = () => store.applyDocument({ lists }, ANNA);
    for (const result of [await apply(), await apply()]) {
      expect(result).toMatchObject({ revision: 1, changes: [], held: [{ version: 2 }] });
    }
    expect(await auditActions(store)).toEqual(['anna hold a/2']);
  });

  test('of what is exported changes nothing, while a version is held too', async () => {
    const store = await aListStore();
    const settings = {
      ...{ mirrors: ['https://b.example/x'], updateSeconds: 3_600, versionsKept: 3 },
      gate: { shrinkPercentMax: 5, growthPercentMax: 0 },
      except: ['b.example', 'A.example.'],
    };
    const lists = [
      aList(store, manyNames(10)),
      aList(store, ['x.example'], { id: 'two', approvals: 2 }),
      { id: 'web', category: 'adult', url: 'https://a.example/list', ...settings },
      { id: 'local', category: 'adult', file: '/etc/list.txt', format: 'hosts' },
      { id: 'ours', category: 'adult', own: true, subdomains: true },
      {
        ...{ id: 'rpz', category: 'adult' },
        transfer: { zone: 'RPZ.example', primaries: ['192.0.2.1', '[2001:DB8::1]:5353'] },
      },
      {
        ...{ id: 'law', category: 'court', url: 'http://a.example/s', allowHttp: true },
        ...{ sealed: true, gate: { urgent: true } },
      },
    ];
    const categories = [{ id: 'adult' }, { id: 'court', class: 'law' }];
    const { held } = await store.applyDocument({ categories, lists }, ANNA);
    expect(held.map(({ list }) => list)).toEqual(['two']);
    await store.applyDocument({ lists: [aList(store, manyNames(5))] }, ANNA);
    const { revision } = store;
    const exported = await store.exportDocument();
    expect(exported.lists.find(({ id }) => id === 'web')).toEqual({
      ...{ id: 'web', category: 'adult', url: 'https://a.example/list', ...settings },
      except: ['a.example', 'b.example'],
    });
    const again = await store.applyDocument(exported, ANNA);
    expect(again).toMatchObject({ revision, changes: [] });
    expect(await statesOf(store)).toEqual({ 1: 'in-force', 2: 'held' });
    expect(await store.exportDocument()).toEqual(exported);
  });

  test('of what is exported puts no rejected content forward again', async () => {
    const store = await aListStore();
    await aListInForce(store);
    const two = aList(store, ['x.example'], { id: 'two', approvals: 2 });
    await store.applyDocument({ lists: [two] }, ANNA);
    await store.listVersions.reject(BORIS, { list: 'two', version: 1 });
    const exported = await store.exportDocument();
    expect(exported.lists.map(({ id }) => id)).toEqual(['a']);
    expect(JSON.stringify(exported)).not.toContain(two.contentSha256);
    const again = await store.applyDocument(exported, ANNA);
    expect(again).toMatchObject({ changes: [], held: [] });
    expect((await store.lists()).has('two')).toBe(true);
  });

  test('that names another format reads the same content anew, through the gate', async () => {
    const store = await aListStore();
    await aListInForce(store, { format: 'domains' });
    const result = await store.applyDocument(
      { lists: [aList(store, manyNames(10), { format: 'wildcard' })] },
      ANNA,
    );
    expect(result).toMatchObject({ held: [], revision: 2 });
    expect((await store.lists()).get('a')).toMatchObject({ format: 'wildcard', version: 2 });
  });

  test('lists without content yet are there, and are not compiled', async () => {
    const store = await aListStore();
    const lists = [{ id: 'web', category: 'adult', url: 'https://a.example/list' }];
    await store.applyDocument({ lists }, ANNA);
    expect((await store.lists()).get('web')).toMatchObject({ contentSha256: '', version: null });
    const { lists: compiled } = await readCompileInput(store.db, store.dataDir);
    expect(compiled).toEqual([]);
    expect(await store.listVersions.sources()).toMatchObject([
      { kind: 'url', state: { failures: 0 }, stored: { record: { id: 'web' } } },
    ]);
  });

  test('corrections reach the compiler', async () => {
    const store = await aListStore();
    await aListInForce(store, { except: ['*.A1.example.org'] });
    const { lists } = await readCompileInput(store.db, store.dataDir);
    expect(lists).toMatchObject([{ id: 'a', except: ['a1.example.org'], version: { number: 1 } }]);
  });

  test('corrections of an older version that are public suffixes stay, and keep no other out', async () => {
    const dataDir = aDataFolder();
    const inspector = new FakeInspector();
    const old = await Store.open(dataDir, inspector);
    await aListInForce(old);
    await old.db.updateTable('lists').set({ settings: '{"except":["com"]}' }).execute();
    await old.close();
    const store = await aListStore(inspector, { dataDir });
    const { lists } = await readCompileInput(store.db, store.dataDir);
    expect(lists).toMatchObject([{ id: 'a', except: ['com'] }]);
    const wider = { lists: [aList(store, manyNames(10), { except: ['com', 'z.example'] })] };
    await store.applyDocument(wider, ANNA);
    expect((await store.lists()).get('a')?.record.except).toEqual(['com', 'z.example']);
    const another = { lists: [aList(store, manyNames(10), { except: ['com', 'net'] })] };
    expect((await faultOf(store.applyDocument(another, ANNA))).faults).toEqual([
      expect.stringContaining('.except: "net" is not valid'),
    ]);
  });

  test('what ships with Stairgate passes the gate', async () => {
    const store = await aListStore();
    await store.seed(() => ({ lists: [aList(store, manyNames(10))] }));
    await store.follow('1', () => ({ lists: [aList(store, ['google.example'])] }));
    expect(await statesOf(store)).toEqual({ 1: 'past', 2: 'in-force' });
  });
});

test.each([
  [{ url: 'https://a.example/', own: true }, 'url and own are 2 sources; valid: one of'],
  [{}, 'the source is missing; valid: one of'],
  [{ url: 'http://a.example/' }, '.url: "http://a.example/" is not encrypted'],
  [{ url: 'ftp://a.example/' }, '.url: "ftp://a.example/" is not valid'],
  [{ url: 'https://me:secret@a.example/' }, '.url: it holds a password'],
  [{ url: 'https://a.example/', mirrors: ['http://b.example/'] }, '.mirrors[0]: "http://b.ex'],
  [{ own: true, allowHttp: true }, '.allowHttp: it goes with url only'],
  [{ own: true, format: 'hosts' }, '.format: a list with own entries is domains'],
  [{ file: 'list.txt' }, '.file: "list.txt" is not valid; valid: an absolute path'],
  [{ own: true, approvals: 3 }, '.approvals: 3 is not valid; valid: 1, 2'],
  [{ own: true, versionsKept: 1 }, '.versionsKept: 1'],
  [{ own: true, sealed: true, category: 'court' }, '.sealed: a sealed list is a file'],
  [{ file: '/x', sealed: true }, '.sealed: it goes with a category of class law only'],
  [{ file: '/x', gate: { urgent: true } }, '.gate.urgent: it goes with a category of class law'],
  [{ transfer: { zone: 'x.example', primaries: ['ns1'] } }, '.transfer.primaries[0]: "ns1"'],
  [{ transfer: { zone: 'x.example', primaries: [] } }, '.transfer.primaries'],
  [{ url: 'https://a.example/', except: ['no name'] }, '.except[0]'],
  [{ own: true, except: ['com'] }, '.except: "com" is not valid; valid: a name, but for a pub'],
  [{ own: true, except: ['z.example', '*.Co.Uk'] }, '.except: "co.uk" is not valid'],
])('a list with %o is refused with one fault', async (fields, fault) => {
  const store = await aListStore();
  const lists = [{ id: 'a', category: 'adult', ...fields }];
  const categories = [{ id: 'court', class: 'law' }];
  const error = await faultOf(store.applyDocument({ categories, lists }, ANNA));
  expect(error.faults).toHaveLength(1);
  expect(error.faults[0]).toContain(`lists[0]${fault.startsWith('.') ? '' : ': '}${fault}`);
  expect(store.revision).toBe(0);
});

test('a list with a content from elsewhere does not become an own one', async () => {
  const store = await aListStore();
  await aListInForce(store);
  const lists = [{ id: 'a', category: 'adult', own: true }];
  const error = await faultOf(store.applyDocument({ lists }, ANNA));
  expect(error.faults).toEqual([expect.stringContaining('.own: list "a" has a content from')]);
});

describe('a held version', () => {
  test('comes into force when somebody approves it; its well-known names are then let be', async () => {
    const store = await aListStore();
    await aListInForce(store);
    await propose(store, [...manyNames(10), 'google.example']);
    const place = { list: 'a', version: 2 };
    const approved = await store.listVersions.approve(ANNA, place, ['Google.example.']);
    expect(approved).toMatchObject({
      revision: 2,
      version: { state: 'in-force', decidedBy: 'anna', approvers: ['anna'] },
    });
    expect(await inForce(store)).toMatchObject({ version: 2, held: null });
    expect(await auditActions(store)).toEqual([
      'list updater hold a/2',
      'anna approve a/2',
      'anna install a/2',
    ]);
    await propose(store, manyNames(10));
    expect(await propose(store, [...manyNames(10), 'google.example'])).toMatchObject({
      outcome: 'in-force',
    });
    expect(await store.listVersions.approvedNames('a')).toMatchObject([
      { name: 'google.example', actor: 'anna' },
    ]);
    await store.listVersions.forgetApprovedName(ANNA, 'a', 'google.example');
    expect(await store.listVersions.approvedNames('a')).toEqual([]);
  });

  test('may be approved with an entry above the well-known name, which then stands for it', async () => {
    const store = await aListStore();
    await aListInForce(store);
    await propose(store, [...manyNames(10), 'casino.example']);
    await store.listVersions.approve(ANNA, { list: 'a', version: 2 }, ['casino.example']);
    await propose(store, manyNames(10));
    expect(await propose(store, [...manyNames(10), 'www.casino.example'])).toMatchObject({
      outcome: 'in-force',
    });
  });

  test('is approved with no name that did not hold it', async () => {
    const store = await aListStore();
    await aListInForce(store);
    await propose(store, [...manyNames(10), 'google.example']);
    const place = { list: 'a', version: 2 };
    const error = await faultOf(store.listVersions.approve(ANNA, place, ['video.example']));
    expect(error.faults).toEqual([expect.stringContaining('valid: google.example')]);
    expect(await statesOf(store)).toEqual({ 1: 'in-force', 2: 'held' });
    expect(await store.listVersions.approvedNames('a')).toEqual([]);
  });

  test('that is rejected stays away with its content, until somebody approves it after all', async () => {
    const store = await aListStore();
    await aListInForce(store);
    await propose(store, manyNames(5));
    const place = { list: 'a', version: 2 };
    expect(await store.listVersions.reject(ANNA, place)).toMatchObject({
      revision: 1,
      version: { state: 'rejected', decidedBy: 'anna' },
    });
    const reasons = [expect.stringContaining('version 2 with this content was rejected by anna')];
    expect(await propose(store, manyNames(5))).toMatchObject({ outcome: 'unchanged', reasons });
    const lists = [aList(store, manyNames(5))];
    expect(await store.applyDocument({ lists }, ANNA)).toMatchObject({
      held: [{ list: 'a', version: 2, reasons }],
    });
    expect((await faultOf(store.listVersions.reject(ANNA, place))).code).toBe('VERSION_STATE');
    await store.listVersions.approve(BORIS, place);
    expect(await statesOf(store)).toEqual({ 1: 'past', 2: 'in-force' });
  });

  test('of two who decide at the same time, the second is told', async () => {
    const store = await aListStore();
    await aListInForce(store);
    await propose(store, manyNames(5));
    const place = { list: 'a', version: 2 };
    const [first, second, third] = await Promise.allSettled([
      store.listVersions.approve(ANNA, place),
      store.listVersions.approve(BORIS, place),
      store.listVersions.reject(BORIS, place),
    ]);
    expect([first.status, second.status, third.status]).toEqual([
      'fulfilled',
      'rejected',
      'rejected',
    ]);
    expect(await statesOf(store)).toEqual({ 1: 'past', 2: 'in-force' });
    expect((await store.verifyAudit()).isIntact).toBe(true);
  });

  test('passes where the limits of its list were raised meanwhile', async () => {
    const store = await aListStore();
    await aListInForce(store);
    await propose(store, manyNames(5));
    const gate = { shrinkPercentMax: 60 };
    await store.applyDocument({ lists: [aList(store, manyNames(10), { gate })] }, ANNA);
    expect(await statesOf(store)).toEqual({ 1: 'in-force', 2: 'held' });
    expect(await propose(store, manyNames(5))).toMatchObject({ outcome: 'in-force', version: 2 });
  });
});

describe('where two people are needed', () => {
  const TWO = { approvals: 2 };

  test('the first version waits too, and the proposer is one of the two', async () => {
    const store = await aListStore();
    const lists = [aList(store, manyNames(10), TWO)];
    const document = { categories: [{ id: 'adult' }], lists };
    const reasons = ['each change of this list needs two people'];
    expect(await store.applyDocument(document, ANNA)).toMatchObject({
      held: [{ list: 'a', version: 1, reasons }],
    });
    expect(await inForce(store)).toEqual({ version: null, content: '', held: 1 });
    const place = { list: 'a', version: 1 };
    const error = await faultOf(store.listVersions.approve(ANNA, place));
    expect([error.code, error.message]).toEqual([
      'APPROVAL_NEEDS_ANOTHER',
      expect.stringContaining('it is your own proposal'),
    ]);
    expect(await store.listVersions.approve(BORIS, place)).toMatchObject({
      version: { state: 'in-force', authors: ['anna'], approvers: ['boris'] },
    });
  });

  test('those who approve a first version are told its well-known names', async () => {
    const store = await aListStore();
    const lists = [aList(store, ['google.example'], TWO)];
    const { held, listReports } = await store.applyDocument(
      { categories: [{ id: 'adult' }], lists },
      ANNA,
    );
    expect(held[0]?.reasons).toEqual([
      expect.stringMatching(/^it would newly block a well-known name: google\.example/),
      'each change of this list needs two people',
    ]);
    expect(listReports['a']).not.toHaveProperty('popular');
  });

  test('what no person proposed needs two who approve it', async () => {
    const store = await aListStore();
    await aListInForce(store, TWO);
    const place = { list: 'a', version: 1 };
    await store.listVersions.approve(BORIS, place);
    await propose(store, [...manyNames(10), 'b.example.org']);
    const next = { list: 'a', version: 2 };
    expect(await store.listVersions.approve(ANNA, next)).toMatchObject({
      revision: 2,
      version: { state: 'held', approvers: ['anna'] },
    });
    const again = await faultOf(store.listVersions.approve(ANNA, next));
    expect(again.message).toContain('you have approved it already');
    expect((await faultOf(store.listVersions.approve(UPDATER, next))).code).toBe(
      'APPROVAL_NEEDS_ANOTHER',
    );
    expect(await store.listVersions.approve(BORIS, next)).toMatchObject({
      version: { state: 'in-force', approvers: ['anna', 'boris'] },
    });
  });

  test('a name is approved for good by whoever brings it into force, and by nobody before', async () => {
    const store = await aListStore();
    await aListInForce(store, TWO);
    await store.listVersions.approve(BORIS, { list: 'a', version: 1 });
    await propose(store, [...manyNames(10), 'google.example']);
    const approve = (context: typeof ANNA, ...always: string[]) =>
      store.listVersions.approve(context, { list: 'a', version: 2 }, always);
    const error = await faultOf(approve(ANNA, 'google.example'));
    expect(error.faults).toEqual([expect.stringMatching(/^always: another person/)]);
    expect(await store.listVersions.approvedNames('a')).toEqual([]);
    await approve(ANNA);
    await approve(BORIS, 'google.example');
    expect(await store.listVersions.approvedNames('a')).toMatchObject([{ actor: 'boris' }]);
  });

  test('a write that asks for one person waits for two itself, with a content or a scope', async () => {
    const store = await aListStore();
    await aListInForce(store, TWO);
    await store.listVersions.approve(BORIS, { list: 'a', version: 1 });
    const names = [...manyNames(10), 'b.example.org'];
    await store.applyDocument({ lists: [aList(store, names, TWO)] }, ANNA);
    const reasons = ['each change of this list needs two people'];
    for (const change of [aList(store, names), aList(store, [...names, 'c.example.org'])]) {
      const { held } = await store.applyDocument({ lists: [change] }, ANNA);
      expect(held).toMatchObject([{ list: 'a', reasons }]);
      await store.applyDocument({ lists: [{ ...change, ...TWO }] }, ANNA);
    }
    await store.listVersions.reject(BORIS, { list: 'a', version: 3 });
    const scope = aList(store, manyNames(10), { except: ['a1.example.org'] });
    const { held } = await store.applyDocument({ lists: [scope] }, ANNA);
    expect(held[0]?.reasons).toContain(reasons[0]);
    expect(await inForce(store)).toMatchObject({ version: 1 });
    expect((await store.lists()).get('a')?.record).not.toHaveProperty('except');
  });

  test('an approval is not carried over to another content', async () => {
    const store = await aListStore();
    await aListInForce(store, TWO);
    await store.listVersions.approve(BORIS, { list: 'a', version: 1 });
    await propose(store, manyNames(9));
    await store.listVersions.approve(ANNA, { list: 'a', version: 2 });
    expect(await propose(store, manyNames(8))).toMatchObject({ outcome: 'held', version: 3 });
    const [newest] = await store.listVersions.versions({ list: 'a' });
    expect(newest).toMatchObject({ version: 3, authors: [], approvers: [] });
    const gone = await faultOf(store.listVersions.approve(BORIS, { list: 'a', version: 2 }));
    expect(gone.message).toContain('was replaced by a newer one');
  });
});

describe('going back', () => {
  test('puts the version before into force in one step, past the gate', async () => {
    const store = await aListStore();
    await aListInForce(store, { gate: { growthPercentMax: 500 } }, manyNames(2));
    await propose(store, manyNames(10));
    const result = await store.listVersions.rollback(ANNA, { list: 'a', version: null });
    expect(result).toMatchObject({ revision: 3, version: { version: 1, state: 'in-force' } });
    expect(await statesOf(store)).toEqual({ 1: 'in-force', 2: 'rejected' });
    expect(await inForce(store)).toMatchObject({ content: namesContent(store, manyNames(2)) });
    // Its source still has what was gone back from.
    expect(await propose(store, manyNames(10))).toMatchObject({ outcome: 'unchanged' });
    expect(await propose(store, manyNames(11))).toMatchObject({ outcome: 'in-force', version: 3 });
    expect((await auditActions(store)).slice(1, 2)).toEqual(['anna rollback a/1']);
  });

  test('is possible to any kept version that was in force, and to no other', async () => {
    const store = await aListStore();
    await aListInForce(store, { versionsKept: 3 });
    for (const extra of [1, 2, 3])
      await propose(store, [...manyNames(10), `b${extra}.example.org`]);
    await propose(store, manyNames(3));
    expect(await statesOf(store)).toEqual({ 2: 'past', 3: 'past', 4: 'in-force', 5: 'held' });
    const back = (version: number) => store.listVersions.rollback(ANNA, { list: 'a', version });
    expect((await faultOf(back(1))).message).toContain('no version 1; kept are 5, 4, 3, 2');
    expect((await faultOf(back(4))).message).toContain('it is in force');
    expect((await faultOf(back(5))).message).toContain('it waits to be approved');
    await back(2);
    expect(await statesOf(store)).toEqual({ 2: 'in-force', 3: 'past', 4: 'rejected', 5: 'held' });
  });

  test('of a list for two people leads to a version that two of them approved, and to no other', async () => {
    const store = await aListStore();
    await aListInForce(store);
    await propose(store, manyNames(11), ANNA);
    await store.applyDocument({ lists: [aList(store, manyNames(11), { approvals: 2 })] }, ANNA);
    const error = await faultOf(store.listVersions.rollback(ANNA, { list: 'a', version: null }));
    expect([error.code, error.message]).toEqual([
      'VERSION_STATE',
      'Going back to version 1 of list "a": two people are needed, and behind it are fewer; valid: one that two people approved',
    ]);
    for (const count of [12, 13]) {
      const { version } = await propose(store, manyNames(count), ANNA);
      await store.listVersions.approve(BORIS, { list: 'a', version: version ?? 0 });
    }
    await store.listVersions.rollback(ANNA, { list: 'a', version: null });
    expect(await inForce(store)).toMatchObject({ version: 3 });
  });

  test('needs the content: what a kept version names is not removed, what none names is', async () => {
    const store = await aListStore();
    await aListInForce(store, { versionsKept: 2 });
    await propose(store, [...manyNames(10), 'b.example.org']);
    await propose(store, [...manyNames(10), 'c.example.org']);
    const { dataDir } = store;
    const [oldest, kept] = [
      namesContent(store, manyNames(10)),
      namesContent(store, [...manyNames(10), 'b.example.org']),
    ];
    await store.close();
    const later = { monotonicMs: () => 0, wallMs: () => Date.now() + 25 * 3_600_000 };
    const again = await aListStore(new FakeInspector(), { clock: later, dataDir });
    expect([again.contents.has(oldest), again.contents.has(kept)]).toEqual([false, true]);
    rmSync(again.contents.pathOf(kept));
    const lost = await faultOf(again.listVersions.rollback(ANNA, { list: 'a', version: 2 }));
    expect(lost.code).toBe('CONTENT_UNKNOWN');
  });
});

test('a file that is gone from the contents once it was listed ends no sweep', async () => {
  const store = await aListStore();
  symlinkSync('/nowhere/renamed', join(store.dataDir, 'lists', 'upload.tmp'));
  expect(await store.contents.removeUnused(new Set(), Date.now())).toBe(0);
});

test('a number is never given out twice, whatever is pruned', async () => {
  const store = await aListStore();
  await aListInForce(store, { versionsKept: 2 });
  for (const count of [5, 4, 3, 2]) await propose(store, manyNames(count));
  // While it stays held, too.
  expect(await statesOf(store)).toEqual({
    1: 'in-force',
    3: 'replaced',
    4: 'replaced',
    5: 'held',
  });
  await propose(store, [...manyNames(10), 'b.example.org']);
  expect(await statesOf(store)).toEqual({ 1: 'past', 4: 'replaced', 5: 'replaced', 6: 'in-force' });
});

test('the difference of two versions is by name, whichever way round', async () => {
  const store = await aListStore();
  await aListInForce(store);
  await propose(store, [...manyNames(9), 'b.example.org']);
  expect(await store.listVersions.diff('a', 1, 2)).toEqual({
    ...{ from: 1, to: 2, entriesBefore: 10, entries: 10 },
    newlyBlocked: { count: 1, names: ['b.example.org'] },
    newlyOpened: { count: 1, names: ['a9.example.org'] },
  });
  expect(await store.listVersions.diff('a', 2, 1)).toMatchObject({
    newlyBlocked: { names: ['a9.example.org'] },
  });
});

test('whatever a list says, applying what is exported changes nothing', async () => {
  const percent = fc.integer({ min: 0, max: 100 });
  const url = fc.constantFrom(
    'https://a.example',
    'HTTPS://B.example/x?y=1',
    'https://c.example:8/',
  );
  const source = fc.oneof(
    fc.record(
      {
        url,
        mirrors: fc.array(url, { maxLength: 3 }),
        allowHttp: fc.boolean(),
        updateSeconds: fc.integer({ min: 300, max: 86_400 }),
      },
      { requiredKeys: ['url'] },
    ),
    fc.constantFrom<object>(
      { own: true },
      { file: '/lists/a.txt' },
      { upload: true },
      { transfer: { zone: 'RPZ.example.', primaries: ['192.0.2.1'], tsigKey: 'k' } },
    ),
  );
  const settings = fc.record(
    {
      gate: fc.record(
        {
          shrinkPercentMax: percent,
          growthPercentMax: percent,
          badPercentMax: percent,
          urgent: fc.constant(false),
        },
        { requiredKeys: [] },
      ),
      versionsKept: fc.integer({ min: 2, max: 9 }),
      approvals: fc.constantFrom(1, 2),
      except: fc.array(fc.constantFrom('b.example', '*.A.example', 'c.example.'), { maxLength: 4 }),
      subdomains: fc.boolean(),
      origin: fc.constantFrom('', 'somewhere'),
      own: fc.constant(false),
    },
    { requiredKeys: [] },
  );
  const store = await aListStore();
  let count = 0;
  await fc.assert(
    fc.asyncProperty(settings, source, async (said, from) => {
      const upload = { contentSha256: namesContent(store, ['x.example']) };
      const isUpload = 'upload' in from;
      const list = { id: `l${count++}`, category: 'adult', ...said, ...(isUpload ? upload : from) };
      await store.applyDocument({ lists: [list] }, ANNA);
      const exported = await store.exportDocument();
      expect((await store.applyDocument(exported, ANNA)).changes).toEqual([]);
      expect(await store.exportDocument()).toEqual(exported);
    }),
    { numRuns: 60 },
  );
});

test('a list takes its versions, approved names and state with it when it is removed', async () => {
  const store = await aListStore();
  await aListInForce(store);
  await propose(store, [...manyNames(10), 'google.example']);
  await store.listVersions.approve(ANNA, { list: 'a', version: 2 }, ['google.example']);
  await store.listVersions.writeState('a', { failures: 1, lastError: 'x' });
  await store.remove('list', 'a', ANNA);
  for (const table of ['list_versions', 'approved_names', 'list_states'] as const) {
    expect(await store.db.selectFrom(table).selectAll().execute()).toEqual([]);
  }
  await store.listVersions.writeState('a', { failures: 1, lastError: 'x' });
  expect(await store.listVersions.readState('a')).toEqual({ failures: 0, lastError: null });
});

test('a write that fails in the middle of a proposal leaves the old state whole', async () => {
  const store = await aListStore();
  await aListInForce(store);
  const before = await store.listVersions.versions({});
  await store.db.schema.alterTable('audit').renameTo('audit_away').execute();
  await expect(propose(store, [...manyNames(10), 'b.example.org'])).rejects.toThrow();
  await store.db.schema.alterTable('audit_away').renameTo('audit').execute();
  expect(await store.listVersions.versions({})).toEqual(before);
  expect(await inForce(store)).toMatchObject({ version: 1 });
  expect(store.revision).toBe(1);
  await setImmediate();
  expect(await propose(store, [...manyNames(10), 'b.example.org'])).toMatchObject({ version: 2 });
});

/** What a process that is killed now leaves on the disk. */
function cutNow(store: Store): string {
  const folder = aDataFolder();
  cpSync(join(store.dataDir, 'lists'), join(folder, 'lists'), { recursive: true });
  for (const file of ['stairgate.db', 'stairgate.db-wal']) {
    copyFileSync(join(store.dataDir, file), join(folder, file));
  }
  return folder;
}

test('a proposal that is cut at any moment has happened whole or not at all', async () => {
  const store = await aListStore();
  await aListInForce(store);
  const folders: string[] = [];
  const state = { isDone: false };
  const proposing = propose(store, [...manyNames(10), 'b.example.org']).then(() => {
    state.isDone = true;
  });
  while (!state.isDone) {
    folders.push(cutNow(store));
    await setImmediate();
  }
  await proposing;
  folders.push(cutNow(store));
  const seen = new Set<string>();
  for (const dataDir of folders) {
    const left = await aListStore(new FakeInspector(), { dataDir });
    const { version, content } = await inForce(left);
    seen.add(JSON.stringify([left.revision, version, await statesOf(left)]));
    expect(left.contents.has(content ?? '')).toBe(true);
    expect((await left.verifyAudit()).isIntact).toBe(true);
    await left.close();
  }
  expect([...seen]).toEqual([
    JSON.stringify([1, 1, { 1: 'in-force' }]),
    JSON.stringify([2, 2, { 1: 'past', 2: 'in-force' }]),
  ]);
});
