import { expect, it } from 'vitest';
import { AppError } from '../../src/lib/errors.ts';
import type { ListUpdateState } from '../../src/supervisor/control-plane-contract.ts';
import { aHouse, bearerOf } from './support.ts';

const STATE: ListUpdateState = {
  list: 'ads',
  source: 'https://lists.example.org/ads.txt',
  phase: 'fetching',
  run: 3,
  progress: {
    startedAt: '2026-11-22T12:00:00.000Z',
    octets: 1_000,
    octetsTotal: 4_000,
    unpackedOctets: 4_500,
    lines: 200,
    names: null,
    secondsLeft: 9,
  },
  checkedAt: null,
  nextAt: null,
  failures: 2,
  lastError: 'it is a web page',
  last: null,
};

/** A house with the list `ads`, and what was asked of its updates. */
async function aHouseWithUpdates() {
  const house = await aHouse();
  const asked: string[] = [];
  const of = (list: string): Promise<ListUpdateState> =>
    list === 'ads'
      ? Promise.resolve(STATE)
      : Promise.reject(new AppError('LIST_WITHOUT_SOURCE', `the server does not fetch ${list}`));
  house.controlPlane.listUpdates.update = (list, actor) => {
    asked.push(`${actor} ${list}`);
    return of(list);
  };
  house.controlPlane.listUpdates.state = of;
  return { ...house, asked };
}

it('an update is started by an editor, and nobody waits for it', async () => {
  const { ask, asked } = await aHouseWithUpdates();
  const headers = await bearerOf(ask, 'editor');
  const answer = await ask('POST', '/api/v1/lists/ads/update', undefined, { headers });
  expect([answer.statusCode, answer.json()]).toEqual([202, STATE]);
  expect(asked).toEqual(['a-editor ads']);
});

it('a reader sees how an update stands and starts none', async () => {
  const { ask, asked } = await aHouseWithUpdates();
  const headers = await bearerOf(ask, 'reader');
  const state = await ask('GET', '/api/v1/lists/ads/state', undefined, { headers });
  expect([state.statusCode, state.json()]).toEqual([200, STATE]);
  const update = await ask('POST', '/api/v1/lists/ads/update', undefined, { headers });
  expect([update.statusCode, asked]).toEqual([403, []]);
});

it('a list of class law is updated by an operator', async () => {
  const { ask, asked, store } = await aHouseWithUpdates();
  await store.applyDocument(
    { lists: [{ id: 'ads', category: 'court', url: 'https://lists.example.org/' }] },
    { actor: 'tester' },
  );
  const editor = { headers: await bearerOf(ask, 'editor') };
  const operator = { headers: await bearerOf(ask, 'operator') };
  const update = '/api/v1/lists/ads/update';
  expect((await ask('POST', update, undefined, editor)).statusCode).toBe(403);
  expect((await ask('POST', update, undefined, operator)).statusCode).toBe(202);
  expect(asked).toEqual(['a-operator ads']);
});

it('a list that the server does not fetch has no updates', async () => {
  const { ask } = await aHouseWithUpdates();
  for (const [method, path] of [
    ['POST', 'update'],
    ['GET', 'state'],
  ] as const) {
    const answer = await ask(method, `/api/v1/lists/adult-a/${path}`);
    expect([answer.statusCode, answer.json<{ code: string }>().code]).toEqual([
      422,
      'LIST_WITHOUT_SOURCE',
    ]);
  }
});
