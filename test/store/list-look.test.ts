import { expect, onTestFinished, test } from 'vitest';
import { AppError } from '../../src/lib/errors.ts';
import { createInspector } from '../../src/lists/inspector.ts';
import type { ContentInspector } from '../../src/store/list-report.ts';
import { Store } from '../../src/store/store.ts';
import { FakeInspector } from './fake-inspector.ts';
import { ACTOR, aContent, aDataFolder } from './support.ts';

async function aStoreWith(inspector: ContentInspector): Promise<Store> {
  const store = await Store.open(aDataFolder(), inspector);
  onTestFinished(() => store.close());
  return store;
}

function aListDocument(contentSha256: string) {
  return {
    categories: [{ id: 'adult' }],
    lists: [{ id: 'a', category: 'adult', contentSha256 }],
  };
}

/** Lists with a content each. */
function listsWith(store: Store, ...ids: readonly string[]) {
  return ids.map((id) => ({
    ...{ id, category: 'adult' },
    contentSha256: aContent(store, `${id}.example.org\n`),
  }));
}

/** An inspector whose look ends when the test says so. */
function aSlowInspector() {
  const slow = { looks: 0, end: (): void => undefined };
  const inspect: ContentInspector['inspect'] = async (content, format) => {
    slow.looks++;
    await new Promise<void>((resolve) => {
      slow.end = resolve;
    });
    return createInspector('/nowhere').inspect(content, format);
  };
  const fake = new FakeInspector();
  const compare: ContentInspector['compare'] = (...asked) => {
    const [candidate, format, comparison] = asked;
    return fake.compare(candidate, format, comparison);
  };
  return { slow, inspector: { inspect, compare } };
}

test('while a list is looked at, others read and write', async () => {
  const { slow, inspector } = aSlowInspector();
  const store = await aStoreWith(inspector);
  const applied = store.applyDocument(aListDocument(aContent(store)), ACTOR);
  await expect.poll(() => slow.looks).toBe(1);
  expect(await store.plans()).toEqual(new Map());
  expect(await store.applyDocument({ plans: [{ id: 'kids' }] }, ACTOR)).toMatchObject({
    revision: 1,
  });
  slow.end();
  expect(await applied).toMatchObject({ revision: 2, listReports: { a: { entries: 2 } } });
  expect((await store.lists()).get('a')?.report.entries).toBe(2);
});

test('a list that is removed meanwhile is looked at while others read and write', async () => {
  const { slow, inspector } = aSlowInspector();
  const store = await aStoreWith(inspector);
  const [a, b] = listsWith(store, 'a', 'b');
  const first = store.applyDocument({ categories: [{ id: 'adult' }], lists: [a] }, ACTOR);
  await expect.poll(() => slow.looks).toBe(1);
  slow.end();
  await first;
  const second = store.applyDocument({ lists: [a, b] }, ACTOR);
  await expect.poll(() => slow.looks).toBe(2);
  await store.remove('list', 'a', ACTOR);
  slow.end();
  await expect.poll(() => slow.looks).toBe(3);
  const others = Promise.all([
    store.lists(),
    store.applyDocument({ plans: [{ id: 'kids' }] }, ACTOR),
  ]);
  // Without it, those who wait for the look would wait for ever.
  const patience = new Promise((resolve) => setTimeout(resolve, 5000, 'waited for the look'));
  expect(await Promise.race([others, patience])).toEqual([new Map(), expect.anything()]);
  slow.end();
  expect(await second).toMatchObject({ listReports: { a: { entries: 1 }, b: { entries: 1 } } });
});

test('a write whose lists are removed again and again gives up with a reason', async () => {
  const { slow, inspector } = aSlowInspector();
  const store = await aStoreWith(inspector);
  const lists = listsWith(store, 'a', 'b', 'c', 'd');
  const first = store.applyDocument(
    { categories: [{ id: 'adult' }], lists: lists.slice(0, 3) },
    ACTOR,
  );
  for (const looks of [1, 2, 3]) {
    await expect.poll(() => slow.looks).toBe(looks);
    slow.end();
  }
  await first;
  const second = store.applyDocument({ lists }, ACTOR);
  const refusal = expect(second).rejects.toMatchObject({ code: 'LISTS_CHANGED' });
  for (const [index, id] of ['a', 'b', 'c'].entries()) {
    await expect.poll(() => slow.looks).toBe(4 + index);
    await store.remove('list', id, ACTOR);
    slow.end();
  }
  await refusal;
  expect(await store.lists()).toEqual(new Map());
});

test('a content that two lists have is looked at once, a refused one is a fault of each', async () => {
  let looks = 0;
  const store = await aStoreWith({
    ...createInspector('/nowhere'),
    inspect: () => {
      looks++;
      return Promise.reject(new AppError('LIST_REFUSED', 'Reading the list: it is blank'));
    },
  });
  const contentSha256 = aContent(store);
  const lists = ['a', 'b'].map((id) => ({ id, category: 'adult', contentSha256 }));
  const applied = store.applyDocument({ categories: [{ id: 'adult' }], lists }, ACTOR);
  await expect(applied).rejects.toMatchObject({
    code: 'DOCUMENT_INVALID',
    faults: ['lists[0]: Reading the list: it is blank', 'lists[1]: Reading the list: it is blank'],
  });
  expect(looks).toBe(1);
  expect(store.revision).toBe(0);
});

test('an inspection that could not be made is no fault of the document', async () => {
  const stopping = new AppError('STOPPING', 'the server is stopping');
  const store = await aStoreWith({
    ...createInspector('/nowhere'),
    inspect: () => Promise.reject(stopping),
  });
  const applied = store.applyDocument(aListDocument(aContent(store)), ACTOR);
  await expect(applied).rejects.toBe(stopping);
  expect(store.revision).toBe(0);
});

test('the inspector is told which lists are urgent', async () => {
  const inspector = createInspector('/nowhere');
  const fake = new FakeInspector();
  const told: (boolean | undefined)[] = [];
  const store = await aStoreWith({
    compare: (candidate, format, comparison) => fake.compare(candidate, format, comparison),
    inspect: (content, format, isUrgent) => {
      told.push(isUrgent);
      return inspector.inspect(content, format);
    },
  });
  const [a, b] = listsWith(store, 'a', 'b');
  const urgent = { ...b, category: 'court', gate: { urgent: true } };
  const categories = [{ id: 'adult' }, { id: 'court', class: 'law' }];
  await store.applyDocument({ categories, lists: [a, urgent] }, ACTOR);
  expect(told).toEqual([false, true]);
});
