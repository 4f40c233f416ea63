import { expect, onTestFinished, test } from 'vitest';
import { AppError } from '../../src/lib/errors.ts';
import { inThreadInspector } from '../../src/lists/inspect-content.ts';
import type { ContentInspector } from '../../src/store/list-report.ts';
import { Store } from '../../src/store/store.ts';
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

/** An inspector whose look ends when the test says so. */
function aSlowInspector() {
  const slow = { looks: 0, end: (): void => undefined };
  const inspect: ContentInspector['inspect'] = async (content, format) => {
    slow.looks++;
    await new Promise<void>((resolve) => {
      slow.end = resolve;
    });
    return inThreadInspector.inspect(content, format);
  };
  return { slow, inspector: { inspect } };
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

test('a list that was removed is looked at again', async () => {
  const { slow, inspector } = aSlowInspector();
  const store = await aStoreWith(inspector);
  const document = aListDocument(aContent(store));
  const first = store.applyDocument(document, ACTOR);
  await expect.poll(() => slow.looks).toBe(1);
  slow.end();
  await first;
  const removed = store.remove('list', 'a', ACTOR);
  const second = store.applyDocument(document, ACTOR);
  await removed;
  await expect.poll(() => slow.looks).toBe(2);
  slow.end();
  expect(await second).toMatchObject({ listReports: { a: { entries: 2 } } });
});

test('a content that two lists have is looked at once, a refused one is a fault of each', async () => {
  let looks = 0;
  const store = await aStoreWith({
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
  const store = await aStoreWith({ inspect: () => Promise.reject(stopping) });
  const applied = store.applyDocument(aListDocument(aContent(store)), ACTOR);
  await expect(applied).rejects.toBe(stopping);
  expect(store.revision).toBe(0);
});
