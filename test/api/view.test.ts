/** What the child may see, over HTTP. */

import { expect, test } from 'vitest';
import type { PolicyState } from '../../src/supervisor/control-plane-contract.ts';
import { aHouse, bearerOf, TestClock } from './support.ts';

const HOUSE = '/api/v1/subscribers/home-1';
const VIEW = `${HOUSE}/profiles/anna/view`;

const STATE: PolicyState = {
  until: '2026-11-22T18:00:00.000Z',
  isInternetOff: false,
  isAllowListOnly: false,
  blocked: ['adult', 'service:chat'],
  safeSearch: { isOn: true, youtube: 'strict', isBlockingUnsafe: false },
  log: 'blocked',
};

test('the child sees what is filtered, until when, why, who can look and how to ask', async () => {
  const { ask, controlPlane } = await aHouse(new TestClock());
  await ask('PUT', '/api/v1/services/chat', { title: 'Chat', group: 'own', names: ['c.example'] });
  const budgets = [{ target: 'service:chat', minutesPerDay: 60 }];
  await ask('PUT', `${HOUSE}/profiles/anna`, { name: 'Anna', age: '6-9', budgets });
  controlPlane.states = [STATE, { ...STATE, until: null, isInternetOff: true, blocked: [] }];
  const answer = await ask('GET', VIEW, undefined, { headers: await bearerOf(ask, 'reader') });
  const { reasons, ...view } = answer.json<{ reasons: { id: string; why: string }[] }>();
  const { safeSearch } = STATE;
  expect(view).toEqual({
    id: 'anna',
    name: 'Anna',
    now: {
      from: '2026-11-22T12:00:00.000Z',
      until: '2026-11-22T18:00:00.000Z',
      isInternetOff: false,
      isAllowListOnly: false,
      filtered: [
        { id: 'adult', title: 'Adult' },
        { id: 'service:chat', title: 'Chat' },
      ],
      safeSearch,
    },
    later: [
      {
        from: '2026-11-22T18:00:00.000Z',
        until: null,
        isInternetOff: true,
        isAllowListOnly: false,
        filtered: [],
        safeSearch,
      },
    ],
    budgets: [{ id: 'service:chat', title: 'Chat', minutesPerDay: 60 }],
    whoCanLook: {
      log: 'blocked',
      namesKeptDays: 7,
      countsKeptDays: 90,
      roles: ['operator', 'admin'],
    },
    howToAsk: { isPossible: true, path: `${HOUSE}/requests` },
  });
  expect(reasons.find(({ id }) => id === 'adult')?.why.length).toBeGreaterThan(10);
});

test('where the plan leaves nothing to grant, asking is said to be in vain', async () => {
  const { ask, controlPlane } = await aHouse(new TestClock());
  await ask('PUT', `${HOUSE}/profiles/anna`, {});
  await ask('PUT', '/api/v1/plans/kids', { mayChange: ['profiles'] });
  controlPlane.states = [STATE];
  const { howToAsk } = (await ask('GET', VIEW)).json<{ howToAsk: object }>();
  expect(howToAsk).toMatchObject({ isPossible: false });
});

test('a pool asks in vain where the safest plan leaves nothing to grant', async () => {
  const { ask, controlPlane } = await aHouse(new TestClock());
  await ask('PUT', '/api/v1/plans/safest', {
    minor: true,
    block: ['adult'],
    mayChange: ['profiles'],
  });
  await ask('PUT', '/api/v1/subscribers/pool', { minor: true, profiles: [{ id: 'anna' }] });
  controlPlane.states = [STATE];
  const url = '/api/v1/subscribers/pool/profiles/anna/view';
  const { howToAsk } = (await ask('GET', url)).json<{ howToAsk: object }>();
  expect(howToAsk).toMatchObject({ isPossible: false });
});

test('a profile that no worker knows yet has no view, one that nobody made even less', async () => {
  const { ask } = await aHouse(new TestClock());
  await ask('PUT', `${HOUSE}/profiles/anna`, {});
  expect((await ask('GET', VIEW)).json()).toMatchObject({ status: 503, code: 'NOT_READY' });
  expect((await ask('GET', `${HOUSE}/profiles/none/view`)).statusCode).toBe(404);
});
