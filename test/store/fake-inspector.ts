/** An inspector that looks as the real one does, and compares lists of one name a line as sets. */

import { readFileSync } from 'node:fs';
import { onTestFinished } from 'vitest';
import { inspectContent, inspectFile } from '../../src/lists/inspect-content.ts';
import type {
  ContentFile,
  ContentInspector,
  GateComparison,
  GateFindings,
} from '../../src/store/list-report.ts';
import { Store, type StoreOptions } from '../../src/store/store.ts';
import { ACTOR, aContent, aDataFolder } from './support.ts';

export class FakeInspector implements ContentInspector {
  /** Names that hold an update that newly has them. */
  readonly popular = new Set(['google.example', 'video.example', 'www.casino.example']);
  readonly comparisons: GateComparison[] = [];
  /** Awaited before each comparison. */
  wait: () => Promise<void> = () => Promise.resolve();

  inspect: ContentInspector['inspect'] = (content, format) =>
    new Promise((resolve) => {
      const isInMemory = content instanceof Uint8Array;
      resolve(isInMemory ? inspectContent(content, format) : inspectFile(content, format));
    });

  async compare(
    candidate: Uint8Array | ContentFile,
    _format: string,
    comparison: GateComparison,
  ): Promise<GateFindings> {
    this.comparisons.push(comparison);
    await this.wait();
    const after = namesOf(candidate);
    const before =
      comparison.before === null ? new Set<string>() : namesOf(comparison.before.content);
    const blocked = [...after].filter((name) => !before.has(name));
    const opened = [...before].filter((name) => !after.has(name));
    const isAtOrBelow = (name: string, above: string): boolean =>
      name === above || name.endsWith(`.${above}`);
    const popular = [...this.popular].filter(
      (name) =>
        blocked.some((entry) => isAtOrBelow(name, entry)) &&
        !comparison.approved.some((one) => isAtOrBelow(name, one)),
    );
    return {
      entriesBefore: before.size,
      entries: after.size,
      newlyBlocked: { count: blocked.length, names: blocked },
      newlyOpened: { count: opened.length, names: opened },
      popular: popular.map((name) => ({ name, rank: 1, asked: null })),
      neverListable: [],
    };
  }
}

function namesOf(content: Uint8Array | ContentFile): Set<string> {
  const octets = content instanceof Uint8Array ? content : readFileSync(content.path);
  const lines = Buffer.from(octets).toString().split('\n');
  return new Set(lines.map((line) => line.split(' ')[0] ?? '').filter((name) => name !== ''));
}

export async function aListStore(
  inspector: ContentInspector = new FakeInspector(),
  { dataDir = aDataFolder(), ...options }: StoreOptions & { readonly dataDir?: string } = {},
): Promise<Store> {
  const store = await Store.open(dataDir, inspector, options);
  onTestFinished(() => store.close());
  return store;
}

/** A list of the category `adult`, of names below example.org but for what is given. */
export function aList(store: Store, names: readonly string[], fields: object = {}) {
  return { id: 'a', category: 'adult', contentSha256: namesContent(store, names), ...fields };
}

export function namesContent(store: Store, names: readonly string[]): string {
  return aContent(store, `${names.join('\n')}\n`);
}

/** `a0.example.org` and so on. */
export function manyNames(count: number, prefix = 'a'): string[] {
  return Array.from({ length: count }, (_, index) => `${prefix}${index}.example.org`);
}

/** Ten names in force as version 1. */
export async function aListInForce(
  store: Store,
  fields: object = {},
  names: readonly string[] = manyNames(10),
): Promise<void> {
  const lists = [aList(store, names, fields)];
  await store.applyDocument({ categories: [{ id: 'adult' }], lists }, ACTOR);
}
