/** A store in a folder of its own, with an inspector that takes every content. */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { createInspector } from '../../src/lists/inspector.ts';
import type { Clock } from '../../src/lib/clock.ts';
import { Store } from '../../src/store/store.ts';

export const ACTOR = { actor: 'tester' };

export function aDataFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-store-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

/** Closed at the end of the test at the latest. */
export async function aStore(dataDir = aDataFolder(), clock?: Clock): Promise<Store> {
  const store = await Store.open(
    dataDir,
    createInspector(dataDir),
    clock === undefined ? {} : { clock },
  );
  onTestFinished(() => store.close());
  return store;
}

/** A content that lists can name. */
export function aContent(store: Store, text = 'one.example.org\ntwo.example.org\n'): string {
  return store.contents.save(Buffer.from(text)).sha256;
}

/** A document with one of everything. */
export function aDocument(store: Store) {
  return {
    categories: [
      { id: 'adult', title: 'Adult' },
      { id: 'court', class: 'law', edeCode: 15 },
    ],
    lists: [{ id: 'adult-a', category: 'adult', contentSha256: aContent(store) }],
    plans: [
      {
        id: 'kids',
        block: ['adult'],
        allow: ['Zoo.Example', 'Museum.Example.'],
        blockingMode: 'nodata',
      },
      { id: 'open' },
    ],
    subscribers: [
      {
        id: 'home-1',
        plan: 'kids',
        timezone: 'Europe/Minsk',
        addresses: ['2001:DB8:7::/56', '192.0.2.7'],
        deny: ['bücher.example'],
      },
      { id: 'home-2', plan: 'open', addresses: ['192.0.2.0/24'] },
    ],
  };
}
