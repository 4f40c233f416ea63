/** Profiles of households over HTTP: pieces of the subscriber's record, under its ETag. */

import { describe, expect, test } from 'vitest';
import { aHouse, anApi, bearerOf } from './support.ts';

const HOUSE = '/api/v1/subscribers/home-1';
const ANNA = `${HOUSE}/profiles/anna`;

describe('profiles', () => {
  test('a profile is made, read with its ETag, changed and removed', async () => {
    const { ask } = await aHouse();
    const body = { age: '6-9', devices: [{ mac: '02-00-5E-10-00-01' }], block: ['adult'] };
    const made = await ask('PUT', ANNA, body);
    expect(made.statusCode).toBe(200);
    const { revision } = made.json<{ revision: number }>();
    const read = await ask('GET', ANNA);
    expect(read.headers['etag']).toBe(`"${revision}"`);
    expect(read.json()).toEqual({
      id: 'anna',
      age: '6-9',
      block: ['adult'],
      devices: [{ mac: '02:00:5e:10:00:01' }],
      revision,
    });
    expect((await ask('PUT', ANNA, { name: 'Anna' })).statusCode).toBe(200);
    expect((await ask('GET', ANNA)).json()).toMatchObject({ name: 'Anna' });
    expect((await ask('GET', ANNA)).json()).not.toHaveProperty('age');
    expect((await ask('DELETE', ANNA)).statusCode).toBe(200);
    expect((await ask('GET', ANNA)).statusCode).toBe(404);
    expect((await ask('DELETE', ANNA)).statusCode).toBe(404);
  });

  test('the list is paged by id and carries the ETag of the subscriber', async () => {
    const { ask } = await aHouse();
    for (const id of ['cid', 'anna', 'ben']) await ask('PUT', `${HOUSE}/profiles/${id}`, {});
    const idsOf = async (query: string): Promise<[string[], string | null]> => {
      const answer = await ask('GET', `${HOUSE}/profiles${query}`);
      const { items, next } = answer.json<{ items: { id: string }[]; next: string | null }>();
      return [items.map((one) => one.id), next];
    };
    expect(await idsOf('')).toEqual([['anna', 'ben', 'cid'], null]);
    expect(await idsOf('?limit=2')).toEqual([['anna', 'ben'], 'ben']);
    expect(await idsOf('?limit=2&after=ben')).toEqual([['cid'], null]);
    const page = await ask('GET', `${HOUSE}/profiles`);
    expect(page.headers['etag']).toBe((await ask('GET', HOUSE)).headers['etag']);
    expect((await ask('GET', '/api/v1/subscribers/none/profiles')).statusCode).toBe(404);
  });

  test('a part is replaced as a whole and leaves the other parts alone', async () => {
    const { ask } = await aHouse();
    const schedule = { target: 'internet', from: '21:00', to: '07:00' };
    const parts = {
      devices: { devices: [{ clientId: 'anna-tablet' }] },
      schedules: { schedules: [schedule] },
      rules: { allow: [{ name: 'school.example', always: true }], deny: ['chat.example'] },
      budgets: { budgets: [{ target: 'category:adult', minutesPerDay: 30 }] },
    };
    await ask('PUT', ANNA, { age: '10-13' });
    for (const [part, body] of Object.entries(parts)) {
      expect((await ask('PUT', `${ANNA}/${part}`, body)).statusCode).toBe(200);
    }
    const whole = (await ask('GET', ANNA)).json<{ revision: number }>();
    const { revision } = whole;
    expect(whole).toEqual({
      id: 'anna',
      age: '10-13',
      ...Object.assign({}, ...Object.values(parts)),
      revision,
    });
    for (const [part, body] of Object.entries(parts)) {
      const read = await ask('GET', `${ANNA}/${part}`);
      expect([read.json(), read.headers['etag']]).toEqual([{ ...body, revision }, `"${revision}"`]);
    }
    await ask('PUT', `${ANNA}/rules`, { deny: ['game.example'] });
    expect((await ask('GET', `${ANNA}/rules`)).json()).toMatchObject({ deny: ['game.example'] });
    expect((await ask('GET', `${ANNA}/rules`)).json()).not.toHaveProperty('allow');
    expect((await ask('GET', `${ANNA}/devices`)).json()).toMatchObject(parts.devices);
    expect((await ask('PUT', `${HOUSE}/profiles/none/devices`, {})).statusCode).toBe(404);
  });

  test('a body is checked as in a document: every fault is named and nothing changes', async () => {
    const { ask, store } = await aHouse();
    await ask('PUT', ANNA, {});
    const { revision } = store;
    const cases: [string, object, string][] = [
      ['schedules', { schedules: [{ target: 'internet', from: '21:00' }] }, 'to is missing'],
      ['schedules', { schedules: [{ target: 'moon', from: '21:00', to: '22:00' }] }, '"moon"'],
      ['schedules', { schedules: [{ target: 'internet', from: '7:00', to: '08:00' }] }, '"7:00"'],
      ['devices', { devices: [{ mac: '02:00' }] }, 'no MAC address'],
      ['devices', { devices: [{ mac: '02:00:5e:10:00:01', address: '192.0.2.1' }] }, 'devices[0]'],
      ['rules', { deny: ['a..example'] }, 'no domain name'],
      ['budgets', { budgets: [{ target: 'category:adult', minutesPerDay: 0 }] }, 'minutesPerDay'],
      ['budgets', { schedules: [] }, 'unknown schedules; valid: budgets'],
      ['', { id: 'ben' }, 'The path says "anna"'],
      ['', { age: '3-5' }, 'valid: 6-9, 10-13, 14-16, 16-18'],
      ['', { __proto__x: 1 }, 'unknown __proto__x'],
    ];
    for (const [part, body, expected] of cases) {
      const answer = await ask('PUT', part === '' ? ANNA : `${ANNA}/${part}`, body);
      expect([part, answer.statusCode >= 400 && answer.statusCode < 500]).toEqual([part, true]);
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.body).toContain(JSON.stringify(expected).slice(1, -1));
    }
    expect(store.revision).toBe(revision);
  });

  test('what the plan does not leave to the household is refused with the reason', async () => {
    const { ask } = await aHouse();
    await ask('PUT', '/api/v1/plans/kids', { locked: ['adult'], quotas: { profiles: 1 } });
    const opened = await ask('PUT', ANNA, { open: ['adult'] });
    expect(opened.statusCode).toBe(422);
    expect(opened.body).toContain('keeps \\"adult\\" blocked for good');
    expect((await ask('PUT', ANNA, {})).statusCode).toBe(200);
    const second = await ask('PUT', `${HOUSE}/profiles/ben`, {});
    expect(second.json<{ faults: string[] }>().faults.join()).toContain('has room for 1');
  });

  test('of two admins with the same ETag the second is told to read again', async () => {
    const { ask } = await aHouse();
    await ask('PUT', ANNA, {});
    const etag = String((await ask('GET', ANNA)).headers['etag']);
    const options = { headers: { 'if-match': etag } };
    const schedules = { schedules: [{ target: 'internet', from: '21:00', to: '07:00' }] };
    const [first, second] = await Promise.all([
      ask('PUT', `${ANNA}/schedules`, schedules, options),
      ask('PUT', `${ANNA}/rules`, { deny: ['chat.example'] }, options),
    ]);
    expect([first.statusCode, second.statusCode].sort()).toEqual([200, 412]);
  });

  test('without an ETag writers of different parts do not undo each other', async () => {
    const { ask, store } = await aHouse();
    const ids = Array.from({ length: 20 }, (_, index) => `child-${index}`);
    const answers = await Promise.all(
      ids.map((id) => ask('PUT', `${HOUSE}/profiles/${id}`, { name: id })),
    );
    expect(answers.map((one) => one.statusCode)).toEqual(ids.map(() => 200));
    await Promise.all([
      ...ids.slice(0, 10).map((id) => ask('DELETE', `${HOUSE}/profiles/${id}`)),
      ...ids
        .slice(10)
        .flatMap((id) => [
          ask('PUT', `${HOUSE}/profiles/${id}/rules`, { deny: [`${id}.example`] }),
          ask('PUT', `${HOUSE}/profiles/${id}/devices`, { devices: [{ clientId: id }] }),
        ]),
    ]);
    const { items } = (await ask('GET', `${HOUSE}/profiles`)).json<{ items: object[] }>();
    const { revision } = store;
    expect(items).toEqual(
      ids.slice(10).map((id) => ({
        id,
        name: id,
        deny: [`${id}.example`],
        devices: [{ clientId: id }],
        revision,
      })),
    );
    expect((await store.verifyAudit()).isIntact).toBe(true);
  });

  test('a repeated request gets the first answer, a removal too', async () => {
    const { ask, store } = await aHouse();
    const key = (value: string) => ({ headers: { 'idempotency-key': value } });
    const put = () => ask('PUT', ANNA, { name: 'Anna' }, key('one'));
    const first = await put();
    expect((await put()).json()).toEqual({ ...first.json<object>(), isInForce: true });
    const remove = () => ask('DELETE', ANNA, undefined, key('two'));
    const removed = await remove();
    expect([removed.statusCode, (await remove()).statusCode]).toEqual([200, 200]);
    expect(store.revision).toBe(removed.json<{ revision: number }>().revision);
    expect((await ask('PUT', ANNA, { name: 'Ben' }, key('one'))).statusCode).toBe(422);
  });
});

describe('services', () => {
  const CHAT = '/api/v1/services/chat';
  const body = { title: 'Chat', group: 'own', names: ['Chat.Example', 'cdn.chat.example'] };

  test('an own service is made, shown with its ETag, used and removed', async () => {
    const { ask } = await aHouse();
    const made = await ask('PUT', CHAT, body);
    expect(made.json()).toMatchObject({ counts: { service: { create: 1 } } });
    const read = await ask('GET', CHAT);
    expect(read.json()).toMatchObject({ id: 'chat', names: ['cdn.chat.example', 'chat.example'] });
    const { revision } = read.json<{ revision: number }>();
    expect(read.headers['etag']).toBe(`"${revision}"`);
    expect((await ask('PUT', ANNA, { block: ['service:chat'] })).statusCode).toBe(200);
    expect((await ask('DELETE', CHAT)).statusCode).toBe(409);
    await ask('DELETE', ANNA);
    expect((await ask('DELETE', CHAT)).statusCode).toBe(200);
    expect((await ask('GET', CHAT)).statusCode).toBe(404);
  });

  test('a lost update is refused', async () => {
    const { ask } = await aHouse();
    await ask('PUT', CHAT, body);
    const stale = { headers: { 'if-match': '"1"' } };
    expect((await ask('PUT', CHAT, body, stale)).statusCode).toBe(412);
    expect((await ask('DELETE', CHAT, undefined, stale)).statusCode).toBe(412);
  });
});

test('age presets say why, for the parent and for the child; helplines are there', async () => {
  const { ask } = await anApi();
  const presets = (await ask('GET', '/api/v1/age-presets')).json<{
    items: { id: string; block: string[]; reasons: Record<string, string>[] }[];
  }>().items;
  expect(presets.map(({ id }) => id)).toEqual(['6-9', '10-13', '14-16', '16-18']);
  for (const { block, reasons } of presets) {
    const choices = reasons.map(({ choice }) => choice);
    expect(choices).toEqual(expect.arrayContaining([...block, 'safeSearch', 'log']));
    for (const { why = '', whyForChild = '' } of reasons) {
      expect([why.length > 10, whyForChild.length > 10]).toEqual([true, true]);
    }
  }
  const { items } = (await ask('GET', '/api/v1/helplines')).json<{ items: object[] }>();
  expect(items.length).toBeGreaterThan(3);
  expect(items).toContainEqual({
    name: 'Find A Helpline, helplines of every country',
    text: 'findahelpline.com',
    zones: [],
    languages: [],
    url: 'https://findahelpline.com/',
    verifiedAt: null,
  });
});

test('a reader reads what households have set and writes none of it', async () => {
  const { ask } = await aHouse();
  await ask('PUT', ANNA, {});
  const headers = await bearerOf(ask, 'reader');
  const status = async (method: string, url: string, body?: object): Promise<number> =>
    (await ask(method, url, body, { headers })).statusCode;
  for (const url of [`${HOUSE}/profiles`, ANNA, `${ANNA}/devices`, '/api/v1/services']) {
    expect([url, await status('GET', url)]).toEqual([url, 200]);
  }
  expect(await status('PUT', ANNA, {})).toBe(403);
  expect(await status('DELETE', ANNA)).toBe(403);
  expect(await status('PUT', `${ANNA}/devices`, {})).toBe(403);
  expect(await status('PUT', '/api/v1/services/chat', { title: 'x', group: 'y', names: [] })).toBe(
    403,
  );
});

test.each([
  ['categories/adult', { title: 'For adults' }],
  ['lists/adult-a', { origin: 'somewhere' }],
  ['services/chat', { title: 'Chats' }],
  ['plans/kids', { title: 'Kids' }],
  ['subscribers/home-1', { timezone: 'Europe/Warsaw' }],
  ['subscribers/home-1/profiles/anna', { name: 'Anna' }],
  ['subscribers/home-1/profiles/anna/rules', { deny: ['chat.example'] }],
])('%s is read, edited and written as it is, under its ETag', async (path, edit) => {
  const { ask } = await aHouse();
  await ask('PUT', '/api/v1/services/chat', { title: 'Chat', group: 'own', names: ['c.example'] });
  await ask('PUT', ANNA, {});
  const url = `/api/v1/${path}`;
  const read = await ask('GET', url);
  const etag = String(read.headers['etag']);
  const body = read.json<object>();
  expect(body).toHaveProperty('revision');
  const headers = { 'if-match': etag };
  const unchanged = await ask('PUT', url, body, { headers });
  expect(unchanged.json()).toMatchObject({ changes: [] });
  const edited = await ask('PUT', url, { ...body, ...edit }, { headers });
  expect(edited.json()).toMatchObject({ changes: [{ action: 'update' }] });
  expect((await ask('GET', url)).json()).toMatchObject(edit);
  expect((await ask('PUT', url, body, { headers })).statusCode).toBe(412);
  expect((await ask('PUT', url, { ...body, revision: 'x' })).statusCode).toBe(400);
});

test('a page of subscribers is written in bulk as it was read', async () => {
  const { ask } = await aHouse();
  const page = (await ask('GET', '/api/v1/subscribers')).json<{ items: object[] }>();
  const subscribers = page.items.map((one) => ({ ...one, language: 'be' }));
  const done = await ask('PUT', '/api/v1/subscribers', { subscribers });
  expect(done.json()).toMatchObject({ counts: { subscriber: { update: page.items.length } } });
});
