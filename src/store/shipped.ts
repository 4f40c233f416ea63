/**
 * What ships with Stairgate (categories, lists, services) follows its files from version to version,
 * until somebody changes or removes it: from then on it is theirs.
 *
 *     shipped last   stored now       the files say   what happens
 *     ────────────   ──────────────   ─────────────   ───────────────────────────
 *     –              –                A               it is added
 *     –              B                A               it stays: somebody's own of the same id
 *     A              A                B               it becomes B
 *     A              C, or nothing    B               it stays C, or away
 *     A              anything         nothing         it stays
 *
 * Exceptions of a list are no change: what the files say is followed, and they stay.
 */

import { createHash } from 'node:crypto';
import type { ResourceRecord } from './canonical.ts';
import type { Stock } from './planned-changes.ts';
import type { Placed, ReadDocument } from './read-document.ts';

/** By kind and id: a digest of the record as it came from the files. */
export type Shipped = Readonly<Record<string, string>>;

export interface Followed {
  /** Only what is to be written; no section that a household or an operator fills. */
  readonly document: ReadDocument;
  readonly shipped: Shipped;
}

/** @param document everything that ships */
export function followShipped(document: ReadDocument, stock: Stock, shipped: Shipped): Followed {
  const next: Record<string, string> = { ...shipped };
  const follow = <Resource extends ResourceRecord>(
    kind: string,
    placed: readonly Placed<Resource>[] | null,
    stored: ReadonlyMap<string, { readonly record: ResourceRecord }>,
  ): readonly Placed<Resource>[] =>
    (placed ?? []).filter(({ record }) => {
      const key = `${kind} ${record.id}`;
      const before = stored.get(record.id)?.record;
      const isFollowing =
        before === undefined
          ? shipped[key] === undefined
          : textOf(before) === textOf(record) || shipped[key] === digestOf(before);
      if (isFollowing) next[key] = digestOf(record);
      return isFollowing;
    });
  return {
    document: {
      categories: follow('category', document.categories, stock.categories),
      lists: follow('list', document.lists, stock.lists).map(({ record, path }) => {
        const except = stock.lists.get(record.id)?.record.except;
        return { path, record: except === undefined ? record : { ...record, except } };
      }),
      services: follow('service', document.services, stock.services),
      plans: null,
      subscribers: null,
    },
    shipped: next,
  };
}

function digestOf(record: ResourceRecord): string {
  return createHash('sha256').update(textOf(record)).digest('base64url').slice(0, 22);
}

/** Without exceptions: accepted appeals make them. What ships has none. */
function textOf(record: ResourceRecord): string {
  return JSON.stringify({ ...record, except: undefined });
}
