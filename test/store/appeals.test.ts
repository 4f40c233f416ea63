/** What the over-blocking desk remembers, how much of it, and for how long. */

import { expect, test } from 'vitest';
import type { Appeals, StoredAppeal } from '../../src/store/appeals.ts';
import { TestClock } from '../api/support.ts';
import { ACTOR, aStore } from './support.ts';

const DAY_MS = 86_400_000;

function make(appeals: Appeals, over: Partial<StoredAppeal> = {}): Promise<StoredAppeal> {
  const appeal = { name: 'shop.example', category: 'gambling', message: 'why?', contact: null };
  return appeals.make({ ...appeal, ...over });
}

test('an appeal is open until an editor answers, and then so are all about the name', async () => {
  const clock = new TestClock();
  const { appeals } = await aStore(undefined, clock);
  const first = await make(appeals, { contact: 'me@example.org' });
  const second = await make(appeals);
  const other = await make(appeals, { name: 'other.example' });
  expect(first.id).toMatch(/^[0-9a-f]{32}$/);
  clock.nowMs += 60_000;
  const answer = { state: 'denied', answer: 'It is a casino.' } as const;
  expect(await appeals.answer(second.id, answer, ACTOR)).toHaveLength(2);
  expect(await appeals.find(first.id)).toEqual({
    ...first,
    ...answer,
    answeredBy: 'tester',
    answeredAt: clock.nowMs / 1000,
  });
  expect((await appeals.find(other.id))?.state).toBe('open');
  await expect(appeals.answer(first.id, answer, ACTOR)).rejects.toMatchObject({
    code: 'APPEAL_ANSWERED',
  });
  await expect(appeals.answer('none', answer, ACTOR)).rejects.toMatchObject({
    code: 'RESOURCE_UNKNOWN',
  });
});

test('the audit log has the answer, and nothing that a stranger wrote', async () => {
  const store = await aStore();
  const { id } = await make(store.appeals, { message: 'SECRET', contact: 'me@example.org' });
  expect(await store.db.selectFrom('audit').selectAll().execute()).toEqual([]);
  await store.appeals.answer(id, { state: 'accepted', answer: null }, ACTOR);
  const rows = await store.db.selectFrom('audit').selectAll().execute();
  expect(rows).toMatchObject([{ kind: 'appeal', resource: id, actor: 'tester' }]);
  expect(JSON.stringify(rows)).not.toMatch(/SECRET|me@example/);
  expect((await store.verifyAudit()).isIntact).toBe(true);
});

test('a contact is taken back, and only the contact', async () => {
  const { appeals } = await aStore();
  const appeal = await make(appeals, { contact: 'me@example.org' });
  await appeals.forgetContact(appeal.id);
  expect(await appeals.find(appeal.id)).toEqual({ ...appeal, contact: null });
  await expect(appeals.forgetContact('none')).rejects.toMatchObject({ code: 'RESOURCE_UNKNOWN' });
});

test('open ones come first, the oldest at the top, then the answered, the newest at the top', async () => {
  const clock = new TestClock();
  const { appeals } = await aStore(undefined, clock);
  const ids: string[] = [];
  for (const name of ['a.example', 'b.example', 'c.example', 'd.example']) {
    ids.push((await make(appeals, { name })).id);
    clock.nowMs += 1_000;
  }
  const [a, b, c, d] = ids as [string, string, string, string];
  for (const id of [a, c]) await appeals.answer(id, { state: 'denied', answer: 'no' }, ACTOR);
  expect((await appeals.all()).map(({ id }) => id)).toEqual([b, d, c, a]);
});

test('some days after it was made, or answered, an appeal is gone, and counted where nobody answered', async () => {
  const clock = new TestClock();
  const { appeals } = await aStore(undefined, clock);
  const unanswered = await make(appeals);
  const answered = await make(appeals, { name: 'other.example' });
  clock.nowMs += 20 * DAY_MS;
  await appeals.answer(answered.id, { state: 'accepted', answer: null }, ACTOR);
  clock.nowMs += 10 * DAY_MS;
  await appeals.sweep(30);
  expect(await appeals.all()).toHaveLength(2);
  clock.nowMs += 1_000;
  await appeals.sweep(30);
  expect(await appeals.find(unanswered.id)).toBeNull();
  expect(await appeals.find(answered.id)).not.toBeNull();
  expect(appeals.counts()).toEqual({ open: 0, made: 2, accepted: 1, denied: 0, expired: 1 });
  clock.nowMs += 20 * DAY_MS;
  await appeals.sweep(30);
  expect(await appeals.all()).toEqual([]);
});

test('of one name so many wait, and of all names so many, across a restart', async () => {
  const store = await aStore();
  for (let count = 0; count < 20; count++) await make(store.appeals);
  await expect(make(store.appeals)).rejects.toMatchObject({ code: 'DESK_FULL' });
  const row = {
    category: 'ads',
    message: '',
    contact: null,
    created_at: 1,
    state: 'open',
  } as const;
  const rows = Array.from({ length: 980 }, (_one, index) => {
    return { ...row, id: `row-${index}`, name: `n${index}.example` };
  });
  await store.db.insertInto('appeals').values(rows).execute();
  await expect(make(store.appeals, { name: 'new.example' })).rejects.toThrow('Too many appeals');
  await store.appeals.load();
  expect(store.appeals.counts().open).toBe(1_000);
});
