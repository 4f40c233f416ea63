/** Opens the store as `serve` and an offline `apply` do: with knowledge of lists, seeded at first. */

import type { ContentInspector } from '../store/list-report.ts';
import { Store, type StoreOptions } from '../store/store.ts';
import { createInspector } from './inspector.ts';
import { readEngineIds } from './read-policy-data.ts';
import { readSeedDocument } from './seed-document.ts';

/**
 * @param inspector looks at new lists; left out: this thread does
 * @throws AppError as `Store.open`, and `SEEDS_MISSING` at a first start
 */
export async function openStore(
  dataDir: string,
  options: StoreOptions = {},
  inspector: ContentInspector = createInspector(dataDir),
): Promise<Store> {
  const store = await Store.open(dataDir, inspector, { engines: readEngineIds, ...options });
  try {
    await store.seed(() => readSeedDocument(store.contents));
    return store;
  } catch (error) {
    await store.close();
    throw error;
  }
}
