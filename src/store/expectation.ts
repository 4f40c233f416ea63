/** What a write wants to be still true of a resource (If-Match), and whether it is. */

import { AppError } from '../lib/errors.ts';
import type { ResourceKind } from './document.ts';
import {
  readCategories,
  readLists,
  readPlans,
  readServices,
  readSubscribers,
  type Stored,
} from './records.ts';
import type { Db } from './schema.ts';

export interface Expectation {
  readonly kind: ResourceKind;
  readonly id: string;
  /** The revision of its last change; `absent`, `present`. */
  readonly state: number | 'absent' | 'present';
}

/** @throws AppError `PRECONDITION_FAILED` */
export async function checkExpectation(tx: Db, expectation: Expectation): Promise<void> {
  const { kind, id, state } = expectation;
  const stored = await findStored(tx, kind, id);
  const isMet =
    state === 'absent'
      ? stored === undefined
      : stored !== undefined && (state === 'present' || state === stored.revision);
  if (isMet) return;
  const actual = stored === undefined ? 'does not exist' : `is at revision ${stored.revision}`;
  throw new AppError(
    'PRECONDITION_FAILED',
    `Writing ${kind} "${id}": it ${actual}, expected was ${typeof state === 'number' ? `revision ${state}` : state}; read it again`,
  );
}

async function findStored(
  tx: Db,
  kind: ResourceKind,
  id: string,
): Promise<Stored<unknown> | undefined> {
  if (kind === 'category') return (await readCategories(tx)).get(id);
  if (kind === 'list') return (await readLists(tx)).get(id);
  if (kind === 'service') return (await readServices(tx)).get(id);
  if (kind === 'plan') return (await readPlans(tx)).get(id);
  return (await readSubscribers(tx, [id])).get(id);
}
