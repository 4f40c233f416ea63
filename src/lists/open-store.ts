/** Opens the store as `serve` and an offline `apply` do: with knowledge of lists, seeded at first. */

import { Store, type StoreOptions } from '../store/store.ts';
import { inThreadInspector } from './inspect-content.ts';
import { readSeedDocument } from './seed-document.ts';

/** @throws AppError as `Store.open`, and `SEEDS_MISSING` at a first start */
export async function openStore(dataDir: string, options: StoreOptions = {}): Promise<Store> {
  const store = await Store.open(dataDir, inThreadInspector, options);
  try {
    await store.seed(() => readSeedDocument(store.contents));
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}
