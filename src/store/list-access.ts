/** What the store lends to those who keep lists: its queue of writes, its audit log, its clock. */

import { AppError } from '../lib/errors.ts';
import type { AuditEntry } from './audit.ts';
import type { ListContents } from './list-contents.ts';
import type { ContentInspector } from './list-report.ts';
import type { StoredList } from './records.ts';
import type { Db } from './schema.ts';
import type { WriteContext } from './write-context.ts';

export interface StoreAccess {
  readonly contents: ListContents;
  readonly inspector: ContentInspector;
  readonly read: <Result>(work: (tx: Db) => Promise<Result>) => Promise<Result>;
  readonly write: <Result extends { readonly revision: number }>(
    context: WriteContext,
    work: (tx: Db) => Promise<Result>,
  ) => Promise<Result>;
  readonly audit: (
    tx: Db,
    revision: number,
    context: WriteContext,
    entries: readonly AuditEntry[],
  ) => Promise<void>;
  readonly revision: () => number;
  readonly now: () => string;
  readonly nowSeconds: () => number;
}

/** @throws AppError `RESOURCE_UNKNOWN` */
export function listOf(lists: ReadonlyMap<string, StoredList>, id: string): StoredList {
  const stored = lists.get(id);
  if (stored !== undefined) return stored;
  throw new AppError('RESOURCE_UNKNOWN', `There is no list "${id}"`);
}
