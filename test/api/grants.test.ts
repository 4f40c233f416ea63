/** Grants and pauses of households over HTTP: they end by themselves, or when somebody ends them. */

import { describe, expect, test } from 'vitest';
import { aHouse, type Answer, bearerOf, TestClock } from './support.ts';

const HOUSE = '/api/v1/subscribers/home-1';
const GRANTS = `${HOUSE}/grants`;
const PAUSES = `${HOUSE}/pauses`;

interface Shown {
  readonly id: string;
  readonly until: string;
  readonly revision: number;
}

function itemsOf(answer: Answer): Shown[] {
  return answer.json<{ items: Shown[] }>().items;
}

describe('grants', () => {
  test('one is made for a time, with who and why, and is gone when its time is over', async () => {
    const clock = new TestClock();
    const { ask } = await aHouse(clock);
    await ask('PUT', `${HOUSE}/profiles/anna`, {});
    const body = { profile: 'anna', target: 'category:adult', minutes: 60, why: 'homework done' };
    const made = await ask('POST', `${GRANTS}?wait=true`, body);
    expect(made.statusCode).toBe(201);
    const { id } = made.json<Shown>();
    expect(made.json()).toEqual({
      id,
      profile: 'anna',
      target: 'category:adult',
      from: '2026-11-22T12:00:00.000Z',
      until: '2026-11-22T13:00:00.000Z',
      createdAt: '2026-11-22T12:00:00.000Z',
      why: 'homework done',
      who: 'first-admin',
      revision: 3,
      isInForce: true,
    });
    expect(itemsOf(await ask('GET', GRANTS))).toMatchObject([{ id, who: 'first-admin' }]);
    expect(itemsOf(await ask('GET', PAUSES))).toEqual([]);
    clock.nowMs += 3_600_000;
    expect(itemsOf(await ask('GET', GRANTS))).toEqual([]);
  });

  test('its end may be a point in time; names are a target too', async () => {
    const { ask } = await aHouse(new TestClock());
    const until = '2026-11-22T21:00:00+03:00';
    const body = { target: 'names', names: ['Chat.Example'], until };
    expect((await ask('POST', GRANTS, body)).json()).toMatchObject({
      names: ['chat.example'],
      until: '2026-11-22T18:00:00.000Z',
      profile: null,
    });
  });

  test('the list is paged in the order in which they end', async () => {
    const { ask } = await aHouse(new TestClock());
    for (const minutes of [30, 10, 20]) await ask('POST', GRANTS, { target: 'internet', minutes });
    const first = (await ask('GET', `${GRANTS}?limit=2`)).json<{ items: Shown[]; next: string }>();
    expect(first.items.map(({ until }) => until.slice(11, 16))).toEqual(['12:10', '12:20']);
    const rest = await ask('GET', `${GRANTS}?limit=2&after=${first.next}`);
    expect(itemsOf(rest).map(({ until }) => until.slice(11, 16))).toEqual(['12:30']);
    expect((await ask('GET', `${GRANTS}?after=none`)).statusCode).toBe(400);
  });

  test('what the plan locks, the law blocks or nobody knows is refused with the reason', async () => {
    const { ask, store } = await aHouse(new TestClock());
    await ask('PUT', '/api/v1/plans/kids', { locked: ['adult'] });
    const { revision } = store;
    const cases: [object, number, string][] = [
      [{ target: 'category:adult', minutes: 5 }, 422, 'keeps \\"adult\\" blocked for good'],
      [{ target: 'category:court', minutes: 5 }, 422, 'is blocked by law'],
      [{ target: 'category:moon', minutes: 5 }, 422, 'there is no category'],
      [{ target: 'service:moon', minutes: 5 }, 422, 'there is no service'],
      [{ target: 'names', minutes: 5 }, 422, 'names'],
      [{ target: 'names', names: ['a..b'], minutes: 5 }, 422, 'no domain name'],
      [{ target: 'names', names: ['*.com'], minutes: 5 }, 422, 'would stand for all names'],
      [{ target: 'internet' }, 422, 'one of until'],
      [{ target: 'internet', minutes: 5, until: '2026-11-22T13:00:00Z' }, 422, 'one of until'],
      [{ target: 'internet', until: '2026-11-22T11:00:00Z' }, 422, 'valid: after'],
      [{ target: 'internet', until: '2026-11-31T11:00:00Z' }, 400, 'is no point in time'],
      [{ target: 'internet', until: 'tomorrow' }, 400, 'valid: such as 2027-02-28T'],
      [{ target: 'internet', minutes: 0 }, 400, 'minutes'],
      [{ target: 'internet', minutes: 1e9 }, 400, 'minutes'],
      [{ target: 'internet', minutes: '5' }, 400, 'minutes'],
      [{ target: 'internet', minutes: 5, who: 'me' }, 400, 'unknown who'],
      [{ target: 'internet', minutes: 5, profile: 'none' }, 404, 'no profile'],
      [{ target: 'internet', minutes: 5, profile: { $ne: '' } }, 400, 'profile'],
      [[], 400, 'body'],
    ];
    for (const [body, status, expected] of cases) {
      const answer = await ask('POST', GRANTS, body);
      expect([body, answer.statusCode]).toEqual([body, status]);
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.body).toContain(expected);
    }
    const nowhere = '/api/v1/subscribers/none/grants';
    expect((await ask('POST', nowhere, { target: 'internet', minutes: 5 })).statusCode).toBe(404);
    expect((await ask('GET', nowhere)).statusCode).toBe(404);
    expect(store.revision).toBe(revision);
  });

  test('a plan that leaves no grants to the household refuses them', async () => {
    const { ask } = await aHouse(new TestClock());
    await ask('PUT', '/api/v1/plans/kids', { mayChange: ['names'] });
    for (const url of [GRANTS, PAUSES]) {
      const body = url === GRANTS ? { target: 'internet', minutes: 5 } : { minutes: 5 };
      const answer = await ask('POST', url, body);
      expect(answer.statusCode).toBe(422);
      expect(answer.body).toContain('does not leave grants to the household');
    }
  });

  test('one is ended once, and only through its own household and kind', async () => {
    const { ask } = await aHouse(new TestClock());
    const made = await ask('POST', GRANTS, { target: 'internet', minutes: 5 });
    const { id } = made.json<Shown>();
    for (const url of ['/api/v1/subscribers/home-2/grants', PAUSES]) {
      expect((await ask('DELETE', `${url}/${id}`)).statusCode).toBe(404);
    }
    expect(itemsOf(await ask('GET', GRANTS))).toHaveLength(1);
    expect((await ask('DELETE', `${GRANTS}/${id}?wait=true`)).json()).toMatchObject({
      isInForce: true,
    });
    expect((await ask('DELETE', `${GRANTS}/${id}`)).statusCode).toBe(404);
    expect(itemsOf(await ask('GET', GRANTS))).toEqual([]);
  });

  test('a repeated request makes one grant and ends one grant', async () => {
    const { ask, store } = await aHouse(new TestClock());
    const keyed = (key: string) => ({ headers: { 'idempotency-key': key } });
    const make = () => ask('POST', GRANTS, { target: 'internet', minutes: 5 }, keyed('one'));
    const answers = await Promise.all([make(), make(), make()]);
    expect(answers.map(({ statusCode }) => statusCode)).toEqual([201, 201, 201]);
    expect(new Set(answers.map((one) => one.json<Shown>().id)).size).toBe(1);
    expect(itemsOf(await ask('GET', GRANTS))).toHaveLength(1);
    const { id } = answers[0].json<Shown>();
    const end = () => ask('DELETE', `${GRANTS}/${id}`, undefined, keyed('two'));
    expect([(await end()).statusCode, (await end()).statusCode]).toEqual([200, 200]);
    expect(store.revision).toBe(3);
    expect((await store.verifyAudit()).isIntact).toBe(true);
  });

  test('where publishing fails the answer says that it is saved but not in force', async () => {
    const { ask, controlPlane } = await aHouse(new TestClock());
    controlPlane.publishFault = new Error('no worker');
    const answer = await ask('POST', `${GRANTS}?wait=true`, { target: 'internet', minutes: 5 });
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({ code: 'PUBLISH_FAILED' });
    expect(itemsOf(await ask('GET', GRANTS))).toHaveLength(1);
  });
});

describe('pauses', () => {
  test('one switches the internet off until a time, and is listed apart from grants', async () => {
    const clock = new TestClock();
    const { ask } = await aHouse(clock);
    const made = await ask('POST', PAUSES, { minutes: 30, why: 'dinner' });
    expect(made.statusCode).toBe(201);
    expect(made.json()).toMatchObject({ profile: null, why: 'dinner', who: 'first-admin' });
    expect(made.json()).not.toHaveProperty('target');
    expect(made.json()).toMatchObject({ grantsEnded: 0, grantsGoingOn: 0 });
    expect(itemsOf(await ask('GET', PAUSES))).toHaveLength(1);
    expect(itemsOf(await ask('GET', GRANTS))).toEqual([]);
    expect((await ask('POST', PAUSES, { minutes: 5, target: 'internet' })).statusCode).toBe(400);
    expect((await ask('DELETE', `${PAUSES}/${made.json<Shown>().id}`)).statusCode).toBe(200);
    expect(itemsOf(await ask('GET', PAUSES))).toEqual([]);
  });
});

test('a pause says how many grants it has ended, and how many go on', async () => {
  const { ask } = await aHouse(new TestClock());
  const names = ['chat.example'];
  await ask('POST', GRANTS, { target: 'internet', minutes: 60 });
  await ask('POST', GRANTS, { target: 'names', names, minutes: 60 });
  const pause = await ask('POST', PAUSES, { minutes: 30 });
  expect(pause.json()).toMatchObject({ grantsEnded: 1, grantsGoingOn: 1 });
  expect(itemsOf(await ask('GET', GRANTS))).toMatchObject([{ names }]);
});

test('readers see grants and pauses, operators make them, editors do neither', async () => {
  const { ask } = await aHouse(new TestClock());
  for (const [role, read, write] of [
    ['reader', 200, 403],
    ['editor', 200, 403],
    ['operator', 200, 201],
  ] as const) {
    const headers = await bearerOf(ask, role);
    expect((await ask('GET', GRANTS, undefined, { headers })).statusCode).toBe(read);
    const made = await ask('POST', PAUSES, { minutes: 5 }, { headers });
    expect([role, made.statusCode]).toEqual([role, write]);
    if (write === 201) expect(made.json()).toMatchObject({ who: 'a-operator' });
    const url = `${GRANTS}/none`;
    const ended = await ask('DELETE', url, undefined, { headers });
    expect(ended.statusCode).toBe(write === 201 ? 404 : 403);
  }
});
