import { copyFileSync, existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { expect, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { aHome, anna, theGround, faultOf } from './a-household.ts';
import { ACTOR, aDataFolder, aStore } from './support.ts';

const HOUSEHOLDS = 2_200;
/** Before which the process is cut; more are not copied. */
const TURNS_MAX = 6;

/** What a process that is killed now leaves on the disk. */
function cutNow(store: Store): string {
  const folder = aDataFolder();
  mkdirSync(join(folder, 'lists'));
  for (const file of ['stairgate.db', 'stairgate.db-wal']) {
    const path = join(store.dataDir, file);
    if (existsSync(path)) copyFileSync(path, join(folder, file));
  }
  return folder;
}

function households(device: string) {
  return Array.from({ length: HOUSEHOLDS }, (_, index) => ({
    id: `home-${index}`,
    plan: 'kids',
    addresses: [`2001:db8:${index.toString(16)}::/48`],
    profiles: [
      { ...anna(), devices: [{ clientId: device }] },
      { id: 'ben', log: 'all' },
    ],
  }));
}

test('an apply that is cut at any moment has happened whole or not at all', async () => {
  const store = await aStore();
  await store.applyDocument({ ...theGround(), subscribers: households('old') }, ACTOR);
  const before = await store.exportDocument();
  const folders: string[] = [];
  const state = { isDone: false };
  const writing = store.applyDocument({ subscribers: households('new') }, ACTOR).then(() => {
    state.isDone = true;
  });
  for (let turn = 0; !state.isDone; turn++) {
    if (turn < TURNS_MAX) folders.push(cutNow(store));
    await setImmediate();
  }
  await writing;
  folders.push(cutNow(store));
  const after = await store.exportDocument();
  expect(folders.length).toBeGreaterThan(3);
  const revisions = new Set<number>();
  for (const folder of folders) {
    const left = await aStore(folder);
    revisions.add(left.revision);
    expect(await left.exportDocument()).toEqual(left.revision === 1 ? before : after);
    expect((await left.verifyAudit()).isIntact).toBe(true);
    await left.close();
  }
  expect([...revisions]).toEqual([1, 2]);
}, 60_000);

test('of two admins who change a household at a time, the second is told to read it again', async () => {
  const store = await aStore();
  await store.applyDocument({ ...theGround(), subscribers: [aHome()] }, ACTOR);
  const read = (await store.subscriber('home-1'))?.revision ?? 0;
  const expectation = { kind: 'subscriber', id: 'home-1', state: read } as const;
  const put = (profile: object, actor: string) =>
    store.applyDocument(
      { subscribers: [{ ...aHome(), profiles: [{ ...anna(), ...profile }] }] },
      { actor, expectation },
    );
  const [first, second] = await Promise.allSettled([
    put({ log: 'counts' }, 'one'),
    put({ log: 'nothing' }, 'two'),
  ]);
  expect([first.status, second.status]).toEqual(['fulfilled', 'rejected']);
  expect((await faultOf(put({ log: 'nothing' }, 'two'))).code).toBe('PRECONDITION_FAILED');
  expect((await store.subscriber('home-1'))?.record.profiles?.[0]?.log).toBe('counts');
  const again = { ...expectation, state: read + 1 };
  await store.applyDocument({ subscribers: [aHome()] }, { actor: 'two', expectation: again });
  const actors = (await store.auditPage({ before: null, limit: 9 })).map(({ actor }) => actor);
  expect(actors.slice(0, 2)).toEqual(['two', 'one']);
  expect((await store.verifyAudit()).isIntact).toBe(true);
});

test('a write repeated with its Idempotency-Key gives the profiles as they are, and no new revision', async () => {
  const store = await aStore();
  await store.applyDocument(theGround(), ACTOR);
  const context = { ...ACTOR, idempotency: { key: 'k', digest: 'd' } };
  const first = await store.applyDocument({ subscribers: [aHome()] }, context);
  await store.applyDocument({ subscribers: [{ ...aHome(), profiles: [] }] }, ACTOR);
  expect(await store.applyDocument({ subscribers: [aHome()] }, context)).toEqual(first);
  expect(store.revision).toBe(first.revision + 1);
  expect((await store.subscriber('home-1'))?.record).not.toHaveProperty('profiles');
});
