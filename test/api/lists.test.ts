import { describe, expect, test } from 'vitest';
import { aContent } from '../store/support.ts';
import { manyNames, namesContent } from '../store/fake-inspector.ts';
import { type Answer, type ApiUnderTest, aListApi, bearerOf, TestClock } from './support.ts';

const VERSIONS = '/api/v1/lists/a/versions';

/** The code of a problem. */
function codeOf(answer: Answer): [number, string] {
  return [answer.statusCode, answer.json<{ code: string }>().code];
}

async function aListInForce({ ask, store }: ApiUnderTest, fields: object = {}): Promise<void> {
  const contentSha256 = namesContent(store, manyNames(10));
  const put = await ask('PUT', '/api/v1/lists/a', { category: 'adult', contentSha256, ...fields });
  expect(put.statusCode).toBe(200);
}

/** A held version 2 with `google.example` new in it. */
async function aHeldVersion(house: ApiUnderTest, fields: object = {}): Promise<void> {
  await aListInForce(house, fields);
  const contentSha256 = namesContent(house.store, [...manyNames(10), 'google.example']);
  const put = await house.ask('PUT', '/api/v1/lists/a', {
    ...{ category: 'adult', contentSha256 },
    ...fields,
  });
  expect(put.json()).toMatchObject({
    held: [{ list: 'a', version: 2, reasons: [expect.stringContaining('google.example')] }],
  });
}

describe('versions of a list', () => {
  test('are shown with what waits, why, and what it would change', async () => {
    const house = await aListApi();
    const { ask } = house;
    await aHeldVersion(house);
    expect((await ask('GET', '/api/v1/lists/a')).json()).toMatchObject({
      ...{ version: 1, heldVersion: 2 },
      report: { entries: 10 },
    });
    const held = (await ask('GET', '/api/v1/list-versions?state=held')).json<{ items: object[] }>();
    expect(held).toMatchObject({ items: [{ list: 'a', version: 2, entries: 11 }], next: null });
    expect(held.items[0]).not.toHaveProperty('findings');
    const first = (await ask('GET', `${VERSIONS}?limit=1`)).json<{ next: string }>();
    expect(first).toMatchObject({ items: [{ version: 2 }] });
    const after = encodeURIComponent(first.next);
    expect((await ask('GET', `${VERSIONS}?limit=1&after=${after}`)).json()).toMatchObject({
      items: [{ version: 1, state: 'in-force' }],
    });
    expect((await ask('GET', `${VERSIONS}/2`)).json()).toMatchObject({
      findings: { newlyBlocked: { count: 1, names: ['google.example'] } },
    });
    expect((await ask('GET', '/api/v1/lists/a/diff?from=2&to=1')).json()).toMatchObject({
      ...{ from: 2, to: 1 },
      newlyOpened: { names: ['google.example'] },
    });
  });

  test('that are not there are 404', async () => {
    const house = await aListApi();
    await aListInForce(house);
    for (const path of ['/lists/b/versions', '/lists/a/versions/9', '/lists/a/diff?from=1&to=9']) {
      const answer = await house.ask('GET', `/api/v1${path}`);
      expect(codeOf(answer)).toEqual([404, 'RESOURCE_UNKNOWN']);
    }
  });

  test('are approved with names for good, rejected, and gone back to', async () => {
    const house = await aListApi();
    const { ask } = house;
    await aHeldVersion(house);
    const always = ['google.example'];
    const approved = await ask('POST', `${VERSIONS}/2/approve?wait=true`, { always });
    expect(approved.json()).toMatchObject({ state: 'in-force', revision: 2, isInForce: true });
    expect((await ask('GET', '/api/v1/lists/a/approved-names')).json()).toMatchObject({
      items: [{ name: 'google.example', actor: 'first-admin' }],
    });
    const back = await ask('POST', '/api/v1/lists/a/rollback', {});
    expect(back.json()).toMatchObject({ version: 1, state: 'in-force', revision: 3 });
    const again = await ask('POST', `${VERSIONS}/2/reject`);
    expect(codeOf(again)).toEqual([409, 'VERSION_STATE']);
    const forgot = await ask('DELETE', '/api/v1/lists/a/approved-names/google.example');
    expect(forgot.statusCode).toBe(200);
  });

  test('are decided under If-Match and with an Idempotency-Key', async () => {
    const house = await aListApi();
    const { ask } = house;
    await aHeldVersion(house);
    const approve = (headers: Record<string, string>) =>
      ask('POST', `${VERSIONS}/2/approve`, {}, { headers });
    expect((await approve({ 'if-match': '"9"' })).statusCode).toBe(412);
    const etag = String((await ask('GET', '/api/v1/lists/a')).headers['etag']);
    const key = { 'idempotency-key': 'once' };
    const first = await approve({ 'if-match': etag, ...key });
    expect(first.json()).toMatchObject({ state: 'in-force' });
    const again = await approve({ 'if-match': etag, ...key });
    expect(again.json()).toEqual({ ...first.json<object>(), isInForce: true });
  });

  test('are decided by editors; of mandatory lists by operators; readers only look', async () => {
    const house = await aListApi();
    const { ask, store } = house;
    await aHeldVersion(house);
    const reader = { headers: await bearerOf(ask, 'reader') };
    const editor = { headers: await bearerOf(ask, 'editor') };
    expect((await ask('GET', VERSIONS, undefined, reader)).statusCode).toBe(200);
    expect((await ask('POST', `${VERSIONS}/2/approve`, {}, reader)).statusCode).toBe(403);
    expect((await ask('POST', `${VERSIONS}/2/approve`, {}, editor)).statusCode).toBe(200);
    await store.applyDocument(
      { categories: [{ id: 'adult', class: 'law' }] },
      { actor: 'operator' },
    );
    expect((await ask('POST', '/api/v1/lists/a/rollback', {}, editor)).statusCode).toBe(403);
  });

  test('of a list for two are approved by another person, and no editor can change that', async () => {
    const house = await aListApi();
    const { ask } = house;
    await aListInForce(house, { approvals: 2 });
    const own = await ask('POST', `${VERSIONS}/1/approve`, {});
    expect(codeOf(own)).toEqual([409, 'APPROVAL_NEEDS_ANOTHER']);
    const editor = { headers: await bearerOf(ask, 'editor') };
    const body = { category: 'adult', contentSha256: namesContent(house.store, manyNames(10)) };
    expect((await ask('PUT', '/api/v1/lists/a', body, editor)).statusCode).toBe(403);
    expect((await ask('POST', `${VERSIONS}/1/approve`, {}, editor)).json()).toMatchObject({
      ...{ state: 'in-force', authors: ['first-admin'], approvers: ['a-editor'] },
    });
  });
});

test('apply says what is held, in a dry run too', async () => {
  const house = await aListApi();
  const { ask, store } = house;
  await aListInForce(house);
  const contentSha256 = namesContent(store, manyNames(5));
  const document = { lists: [{ id: 'a', category: 'adult', contentSha256 }] };
  for (const dryRun of [true, false]) {
    const answer = await ask('POST', '/api/v1/apply', { document, dryRun });
    expect(answer.statusCode).toBe(200);
    expect(answer.json()).toMatchObject({ held: [{ list: 'a', version: dryRun ? null : 2 }] });
  }
  const page = aContent(store, '<html>\n');
  const refused = await ask('PUT', '/api/v1/lists/a', { category: 'adult', contentSha256: page });
  expect(codeOf(refused)).toEqual([422, 'DOCUMENT_INVALID']);
});

test('a correction is no public suffix, whoever writes it', async () => {
  const { ask } = await aListApi();
  const list = { category: 'social', own: true, except: ['co.uk'] };
  for (const answer of [
    await ask('PUT', '/api/v1/lists/ours', list),
    await ask('POST', '/api/v1/apply', { document: { lists: [{ id: 'ours', ...list }] } }),
  ]) {
    expect(codeOf(answer)).toEqual([422, 'DOCUMENT_INVALID']);
    expect(answer.body).toContain('except: \\"co.uk\\" is not valid');
  }
});

describe('entries of an own list', () => {
  async function anOwnList() {
    const clock = new TestClock();
    const house = await aListApi(clock);
    await house.ask('PUT', '/api/v1/lists/ours', { category: 'social', own: true });
    return { ...house, clock };
  }
  const PATH = '/api/v1/lists/ours/entries';

  test('are added, paged and removed', async () => {
    const { ask } = await anOwnList();
    const until = '2026-11-22T15:00:00+02:00';
    const add = [{ name: 'b.example', comment: 'why', until }, { name: 'a.example' }];
    const added = await ask('POST', `${PATH}?wait=true`, { add });
    expect(added.json()).toEqual({
      ...{
        outcome: 'in-force',
        version: 1,
        reasons: [],
        popular: [],
        revision: 2,
        isInForce: true,
      },
    });
    const first = (await ask('GET', `${PATH}?limit=1`)).json<object>();
    expect(first).toMatchObject({ items: [{ name: 'a.example', until: null }], next: 'a.example' });
    expect((await ask('GET', `${PATH}?after=a.example`)).json()).toEqual({
      items: [
        {
          ...{ name: 'b.example', comment: 'why', until: '2026-11-22T13:00:00.000Z' },
          ...{ addedBy: 'first-admin', addedAt: '2026-11-22T12:00:00.000Z' },
        },
      ],
      next: null,
    });
    const key = { headers: { 'idempotency-key': 'once' } };
    const remove = () => ask('DELETE', `${PATH}/b.example`, undefined, key);
    for (const removed of [await remove(), await remove()]) {
      expect(removed.json()).toMatchObject({ outcome: 'in-force', version: 2 });
    }
    expect((await ask('DELETE', `${PATH}/b.example`)).statusCode).toBe(422);
  });

  test('that the gate holds say why', async () => {
    const { ask } = await anOwnList();
    await ask('POST', PATH, { add: [{ name: 'a.example' }] });
    const held = await ask('POST', PATH, { add: [{ name: 'google.example' }] });
    expect(held.json()).toMatchObject({
      ...{ outcome: 'held', version: 2 },
      reasons: [expect.stringContaining('google.example')],
    });
  });

  test.each([
    [{ add: [{ name: 'a.example', until: 'tomorrow' }] }, 400],
    [{ add: [{ name: 'a.example', comment: 'two\nlines' }] }, 400],
    [{ add: [{ name: 'a b' }] }, 422],
    [{ add: [{ name: 'a.example', until: '2026-11-22T12:00:00Z' }] }, 422],
    [{ add: [{ comment: 'none' }] }, 400],
  ])('%j is refused', async (body, status) => {
    const { ask, store } = await anOwnList();
    expect((await ask('POST', PATH, body)).statusCode).toBe(status);
    expect(store.revision).toBe(1);
  });

  test('are none of another list', async () => {
    const house = await anOwnList();
    await aListInForce(house);
    const answer = await house.ask('GET', '/api/v1/lists/a/entries');
    expect(codeOf(answer)).toEqual([409, 'LIST_NOT_OWN']);
  });
});

test('settings that would make a list one of the law need an operator, when they are approved as well', async () => {
  const house = await aListApi();
  const { ask, store } = house;
  await aListInForce(house, { approvals: 2 });
  await store.listVersions.approve({ actor: 'another' }, { list: 'a', version: 1 });
  await store.applyDocument({ categories: [{ id: 'court', class: 'law' }] }, { actor: 'another' });
  const contentSha256 = namesContent(store, manyNames(10));
  const body = { category: 'court', contentSha256, approvals: 2 };
  const put = await ask('PUT', '/api/v1/lists/a', body);
  expect(put.json()).toMatchObject({ held: [{ list: 'a', version: 2 }] });
  expect((await ask('GET', `${VERSIONS}/2`)).json()).toMatchObject({
    ...{ source: 'settings', scope: { category: 'court', subdomains: null, except: [] } },
    reasons: [expect.stringContaining('category'), expect.stringContaining('two people')],
  });
  const approve = async (role: string): Promise<Answer> =>
    ask('POST', `${VERSIONS}/2/approve`, {}, { headers: await bearerOf(ask, role) });
  expect((await approve('editor')).statusCode).toBe(403);
  expect((await approve('operator')).json()).toMatchObject({ state: 'in-force' });
  expect((await ask('GET', '/api/v1/lists/a')).json()).toMatchObject({ category: 'court' });
});
