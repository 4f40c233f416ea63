/** What is written down of households, read and deleted over HTTP. */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  createEventRing,
  EVENT_BLOCKED,
  EVENT_PASSED,
  EVENT_USED,
} from '../../src/lib/event-ring.ts';
import { put } from '../query-log/support.ts';
import { aHouse, aQueryLog, type ApiUnderTest, bearerOf, TestClock } from './support.ts';

const HOUSE = '/api/v1/subscribers/home-1';

interface House extends ApiUnderTest {
  readonly clock: TestClock;
}

/** Anna and Ben in Minsk, where it is 15:00; Anna was blocked twice, Ben passed once. */
async function aWatchedHouse(): Promise<House> {
  const clock = new TestClock();
  const house = await aHouse(clock);
  const budgets = [{ target: 'category:adult', minutesPerDay: 30 }];
  await house.ask('PUT', `${HOUSE}/profiles/anna`, { budgets });
  await house.ask('PUT', `${HOUSE}/profiles/ben`, {});
  const numbers = await house.store.profileNumbers('home-1');
  const [anna, ben] = [numbers.get('anna') ?? -1, numbers.get('ben') ?? -1];
  const { ring, queryLog } = house;
  const second = clock.nowMs / 1000;
  for (const [after, name] of ['bad.example.org', 'worse.example.org'].entries()) {
    put(ring, { kind: EVENT_BLOCKED, profile: anna, name, second: second + after, category: 0 });
  }
  put(ring, {
    kind: EVENT_PASSED,
    profile: ben,
    name: 'good.example.org',
    second: second - 86_400,
  });
  for (let minute = 0; minute < 4; minute++) {
    put(ring, { kind: EVENT_USED, profile: anna, second: second + minute * 60, category: 0 });
  }
  await queryLog.drain();
  return { ...house, clock };
}

describe('what is written down', () => {
  test('the log is read newest first, in pages, of the household or one profile', async () => {
    const { ask } = await aWatchedHouse();
    const first = (await ask('GET', `${HOUSE}/log?limit=2`)).json<{
      items: object[];
      next: string;
    }>();
    expect(first.items).toMatchObject([
      {
        at: '2026-11-22T12:00:01.000Z',
        profile: 'anna',
        name: 'worse.example.org',
        outcome: 'blocked',
        category: 'adult',
      },
      { profile: 'anna', name: 'bad.example.org' },
    ]);
    const rest = await ask('GET', `${HOUSE}/log?limit=2&after=${first.next}`);
    expect(rest.json()).toMatchObject({
      items: [{ profile: 'ben', outcome: 'passed' }],
      next: null,
    });
    const ben = await ask('GET', `${HOUSE}/log?profile=ben`);
    expect(ben.json<{ items: object[] }>().items).toHaveLength(1);
    const other = await ask('GET', '/api/v1/subscribers/home-2/log');
    expect(other.json()).toEqual({ items: [], next: null });
  });

  test('statistics and the radar speak of days of the household, the last week by default', async () => {
    const { ask } = await aWatchedHouse();
    const statistics = await ask('GET', `${HOUSE}/statistics`);
    expect(statistics.json()).toMatchObject({
      items: [
        { day: '2026-11-21', profile: 'ben', passed: 1, blocked: 0 },
        {
          day: '2026-11-22',
          profile: 'anna',
          passed: 0,
          blocked: 2,
          firstMinute: 900,
          blockedByCategory: { adult: 2 },
          topBlocked: [
            { name: 'bad.example.org', count: 1 },
            { name: 'worse.example.org', count: 1 },
          ],
        },
      ],
    });
    const day = '?from=2026-11-22&to=2026-11-22&profile=ben';
    expect((await ask('GET', `${HOUSE}/statistics${day}`)).json()).toEqual({ items: [] });
    const radar = await ask('GET', `${HOUSE}/radar?language=pl`);
    expect([radar.statusCode, radar.json()]).toEqual([200, { items: [] }]);
  });

  test('minutes of budgets are those of today, and say that they are an estimate', async () => {
    const { ask, clock } = await aWatchedHouse();
    const usage = await ask('GET', `${HOUSE}/profiles/anna/usage`);
    const budget = { target: 'category:adult', minutesPerDay: 30, isEstimate: true };
    expect(usage.json()).toEqual({ day: '2026-11-22', budgets: [{ ...budget, minutes: 4 }] });
    // 22:00 UTC is the next day in Minsk.
    clock.nowMs += 10 * 3_600_000;
    const tomorrow = await ask('GET', `${HOUSE}/profiles/anna/usage`);
    expect(tomorrow.json()).toEqual({ day: '2026-11-23', budgets: [{ ...budget, minutes: 0 }] });
    expect((await ask('GET', `${HOUSE}/profiles/ben/usage`)).json()).toMatchObject({ budgets: [] });
  });

  test('after a restart it is known whose it is before anybody asks anything', async () => {
    const { ask, store, queryLog, clock, controlPlane } = await aWatchedHouse();
    await queryLog.close();
    controlPlane.queryLog = aQueryLog(store, createEventRing(64 * 1024), clock);
    const log = await ask('GET', `${HOUSE}/log`);
    expect(
      log.json<{ items: object[] }>().items.map((one) => 'profile' in one && one.profile),
    ).toEqual(['anna', 'anna', 'ben']);
    expect((await ask('GET', `${HOUSE}/profiles/anna/usage`)).json()).toMatchObject({
      budgets: [{ minutes: 4 }],
    });
    const statistics = await ask('GET', `${HOUSE}/statistics?profile=anna`);
    // 15:00 in Minsk; a day of another zone would lose it.
    expect(statistics.json()).toMatchObject({ items: [{ topBlocked: [{ count: 1 }, {}] }] });
  });

  test('a service is named as such, in the log and by a budget', async () => {
    const { ask, store, queryLog, ring, clock } = await aWatchedHouse();
    await ask('PUT', '/api/v1/services/chat', {
      title: 'Chat',
      group: 'own',
      names: ['c.example'],
    });
    const budgets = [{ target: 'service:chat', minutesPerDay: 30 }];
    await ask('PUT', `${HOUSE}/profiles/ben/budgets`, { budgets });
    const category = (await store.services()).get('chat')?.bit ?? -1;
    const profile = (await store.profileNumbers('home-1')).get('ben') ?? -1;
    const second = clock.nowMs / 1000;
    put(ring, { kind: EVENT_BLOCKED, profile, name: 'c.example', second, category });
    put(ring, { kind: EVENT_USED, profile, second, category });
    await queryLog.drain();
    const [newest] = (await ask('GET', `${HOUSE}/log?profile=ben`)).json<{ items: object[] }>()
      .items;
    expect(newest).toMatchObject({ category: 'service:chat' });
    expect((await ask('GET', `${HOUSE}/profiles/ben/usage`)).json()).toMatchObject({
      budgets: [{ target: 'service:chat', minutes: 1 }],
    });
  });

  test('bad questions are refused with the reason', async () => {
    const { ask } = await aWatchedHouse();
    for (const [url, status, expected] of [
      [`${HOUSE}/log?after=5`, 400, 'no cursor'],
      [`${HOUSE}/log?limit=0`, 400, 'limit'],
      [`${HOUSE}/log?profile=none`, 404, 'valid: anna, ben'],
      [`${HOUSE}/log?profile=../x`, 400, 'profile'],
      [`${HOUSE}/statistics?from=2026-02-30`, 400, 'there is no date'],
      [`${HOUSE}/statistics?from=2026-11-23&to=2026-11-22`, 400, 'is after to'],
      [`${HOUSE}/statistics?from=2020-01-01`, 400, 'valid: up to'],
      [`${HOUSE}/radar?language=xx`, 400, 'valid: en, ru, be, pl, de'],
      [`${HOUSE}/profiles/none/usage`, 404, 'valid: anna, ben'],
      ['/api/v1/subscribers/none/log', 404, 'There is no subscriber'],
      ['/api/v1/subscribers/none/records', 404, 'There is no subscriber'],
    ] as const) {
      const answer = await ask(url.endsWith('records') ? 'DELETE' : 'GET', url);
      expect([url, answer.statusCode]).toEqual([url, status]);
      expect(answer.body).toContain(expected);
    }
  });
});

describe('deletion', () => {
  test('of one profile it is proven by counts, leaves the others, and is audited', async () => {
    const { ask, store } = await aWatchedHouse();
    for (const profile of ['anna', 'ben', undefined]) {
      await ask('POST', `${HOUSE}/requests`, { profile, name: 'museum.example' });
    }
    const { revision } = store;
    const deleted = await ask('DELETE', `${HOUSE}/records?profile=anna`);
    expect(deleted.json()).toEqual({
      before: {
        log: 2,
        statistics: 2,
        radar: 0,
        budgets: expect.any(Number) as number,
        requests: 1,
      },
      after: { log: 0, statistics: 0, radar: 0, budgets: 0, requests: 0 },
    });
    const left = await store.households.requests({ subscriber: 'home-1' });
    expect(left.map(({ profile }) => profile).sort()).toEqual(['ben', null]);
    const log = (await ask('GET', `${HOUSE}/log`)).json<{ items: object[] }>();
    expect(log.items).toMatchObject([{ profile: 'ben' }]);
    const usage = await ask('GET', `${HOUSE}/profiles/anna/usage`);
    expect(usage.json()).toMatchObject({ budgets: [{ minutes: 0 }] });
    const audit = (await ask('GET', '/api/v1/audit?limit=2')).json<{ items: object[] }>();
    expect(audit.items).toMatchObject([
      {
        action: 'delete',
        kind: 'records',
        resource: 'home-1/anna',
        actor: 'first-admin',
        before: { log: 2, requests: 1 },
        after: { log: 0, requests: 0 },
      },
      {
        action: 'begin-delete',
        kind: 'records',
        resource: 'home-1/anna',
        before: null,
        after: null,
      },
    ]);
    expect(JSON.stringify(audit)).not.toContain('example.org');
    expect(store.revision).toBe(revision);
    expect((await store.verifyAudit()).isIntact).toBe(true);
  });

  test('leaves a budget used up, and its usage says so', async () => {
    const { ask, store } = await aWatchedHouse();
    const profile = (await store.profileNumbers('home-1')).get('anna') ?? -1;
    const day = Math.floor(Date.UTC(2026, 10, 22) / 86_400_000);
    await store.households.noteUsedUp(
      { profile, target: 'category:adult', day },
      { actor: 'clock' },
    );
    await ask('DELETE', `${HOUSE}/records?profile=anna`);
    const usage = await ask('GET', `${HOUSE}/profiles/anna/usage`);
    expect(usage.json()).toMatchObject({ budgets: [{ minutes: 30, minutesPerDay: 30 }] });
  });

  test('that is cut short has left its intent in the audit log, and no outcome', async () => {
    const { ask, store, controlPlane } = await aWatchedHouse();
    const { queryLog } = controlPlane;
    controlPlane.queryLog = Object.create(queryLog, {
      deleteProfileData: { value: () => Promise.reject(new Error('the disk is gone')) },
    }) as typeof queryLog;
    expect((await ask('DELETE', `${HOUSE}/records`)).statusCode).toBe(500);
    const [newest] = await store.auditPage({ before: null, limit: 1 });
    expect(newest).toMatchObject({
      action: 'begin-delete',
      resource: 'home-1',
      before: null,
      after: null,
    });
  });

  test('takes the words of a request from the kept answer and from the files', async () => {
    const { ask, store } = await aWatchedHouse();
    const headers = { ...(await bearerOf(ask, 'operator')), 'idempotency-key': 'asked-once' };
    const request = { profile: 'anna', name: 'museum.example', message: 'words-of-a-child' };
    await ask('POST', `${HOUSE}/requests`, request, { headers });
    await ask('DELETE', `${HOUSE}/records`);
    const rows = await store.db.selectFrom('idempotency').select('response').execute();
    expect(rows.filter(({ response }) => response.includes('words'))).toEqual([]);
    for (const file of ['stairgate.db', 'stairgate.db-wal']) {
      expect(readFileSync(join(store.dataDir, file)).includes('words-of-a-child'), file).toBe(
        false,
      );
    }
  });

  test('of a household nothing is left of anybody in it', async () => {
    const { ask, store } = await aWatchedHouse();
    await ask('POST', `${HOUSE}/requests`, { profile: 'anna', name: 'museum.example' });
    await ask('POST', `${HOUSE}/requests`, { name: 'museum.example' });
    const deleted = await ask('DELETE', `${HOUSE}/records`);
    expect(deleted.json()).toMatchObject({
      before: { log: 3, requests: 2 },
      after: { log: 0, statistics: 0, requests: 0 },
    });
    expect(await store.households.requests()).toEqual([]);
    expect((await ask('GET', `${HOUSE}/log`)).json()).toEqual({ items: [], next: null });
    const again = await ask('DELETE', `${HOUSE}/records`);
    expect(again.json()).toMatchObject({ before: { log: 0 }, after: { log: 0 } });
  });
});

test('names are for operators: neither readers nor editors come near', async () => {
  const { ask } = await aWatchedHouse();
  for (const role of ['reader', 'editor', 'operator']) {
    const headers = await bearerOf(ask, role);
    const expected = role === 'operator' ? 200 : 403;
    const paths = ['log', 'statistics', 'radar', 'profiles/anna/usage'];
    for (const [method, path] of [
      ...paths.map((one) => ['GET', one] as const),
      ['DELETE', 'records'] as const,
    ]) {
      const answer = await ask(method, `${HOUSE}/${path}`, undefined, { headers });
      expect([role, path, answer.statusCode]).toEqual([role, path, expected]);
    }
  }
});
