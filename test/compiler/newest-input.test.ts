/** The input of the newest revision: made of the one before where that is enough, and never another. */

import { describe, expect, test } from 'vitest';
import { readNewestInput } from '../../src/compiler/newest-input.ts';
import type { Store } from '../../src/store/store.ts';
import { aHome, aStoreWithHome } from '../store/a-household.ts';
import { ACTOR, aStore } from '../store/support.ts';

const ANNA = { subscriber: 'home-1', profile: 'anna' };

/** Reads once, then again after the change, which must give what reading everything gives. */
async function isKeptOver(change: (store: Store) => Promise<unknown>): Promise<boolean> {
  const store = await aStoreWithHome(await aStore());
  const before = await readNewestInput(store.dataDir);
  await change(store);
  const after = await readNewestInput(store.dataDir);
  expect(after).toEqual(await store.readCompileInput());
  expect(await readNewestInput(store.dataDir), 'and is kept').toBe(after);
  return after.households.planOf === before.households.planOf;
}

describe('households are not read again', () => {
  test('where nothing has changed', async () => {
    expect(await isKeptOver(() => Promise.resolve())).toBe(true);
  });

  test('for a grant, its end, a pause, a request, a used-up budget', async () => {
    const isKept = await isKeptOver(async (store) => {
      const { grant } = await store.households.grant(
        { ...ANNA, target: 'games', minutes: 5 },
        ACTOR,
      );
      await store.households.pause({ ...ANNA, minutes: 5 }, ACTOR);
      await store.households.endGrant(grant.id, ACTOR);
      const { request } = await store.households.request({ ...ANNA, target: 'games' }, ACTOR);
      await store.households.answerRequest(request.id, { answer: 'approve', minutes: 9 }, ACTOR);
      const profile = (await store.profileNumbers('home-1')).get('anna') ?? -1;
      await store.households.noteUsedUp({ profile, target: 'service:youtube', day: 20_000 }, ACTOR);
    });
    expect(isKept).toBe(true);
  });
});

describe('everything is read again', () => {
  test.each([
    ['a household', { subscribers: [{ ...aHome(), timezone: 'Europe/Warsaw' }] }],
    ['a plan', { plans: [{ id: 'kids', minor: true, locked: ['adult'] }] }],
    ['a category', { categories: [{ id: 'games', title: 'Games' }] }],
    ['a service', { services: [{ id: 'new', title: 'New', group: 'own', names: ['n.example'] }] }],
  ])('for %s, whatever else there is', async (_what, document) => {
    const isKept = await isKeptOver(async (store) => {
      await store.households.grant({ ...ANNA, target: 'games', minutes: 5 }, ACTOR);
      await store.applyDocument(document, ACTOR);
      await store.households.pause({ ...ANNA, minutes: 5 }, ACTOR);
    });
    expect(isKept).toBe(false);
  });

  test('for an answer that is a setting', async () => {
    const isKept = await isKeptOver(async (store) => {
      const { request } = await store.households.request({ ...ANNA, target: 'games' }, ACTOR);
      await store.households.answerRequest(request.id, { answer: 'always' }, ACTOR);
    });
    expect(isKept).toBe(false);
  });

  test('where more has happened than is looked at', { timeout: 60_000 }, async () => {
    const isKept = await isKeptOver(async (store) => {
      for (let index = 0; index < 260; index++) {
        const { grant } = await store.households.grant(
          { ...ANNA, target: 'games', minutes: 5 },
          ACTOR,
        );
        await store.households.endGrant(grant.id, ACTOR);
      }
    });
    expect(isKept).toBe(false);
  });
});
