/**
 * What a write is about to do, as data: planned first, with every fault found, and only then
 * written. The same changes are the diff that people see and the rows of the audit log.
 */

import { AppError } from '../lib/errors.ts';
import type { RecordOf } from './canonical.ts';
import { RESOURCE_KINDS, type ResourceKind } from './document.ts';

export type ChangeAction = 'create' | 'update' | 'delete';

export interface Change<Kind extends ResourceKind = ResourceKind> {
  readonly kind: Kind;
  readonly id: string;
  readonly action: ChangeAction;
  /** Canonical forms; null where there is none. */
  readonly before: RecordOf[Kind] | null;
  readonly after: RecordOf[Kind] | null;
}

export type ChangeCounts = Record<ResourceKind, Record<ChangeAction, number>>;

/** More faults than anyone reads; the rest is counted. */
const FAULTS_MAX = 500;

export function countChanges(
  changes: readonly { kind: string; action: ChangeAction }[],
): ChangeCounts {
  const none = (): Record<ChangeAction, number> => ({ create: 0, update: 0, delete: 0 });
  const counts = {
    category: none(),
    list: none(),
    service: none(),
    plan: none(),
    subscriber: none(),
  };
  for (const change of changes) {
    if (isResourceKind(change.kind)) counts[change.kind][change.action]++;
  }
  return counts;
}

export function isResourceKind(kind: string): kind is ResourceKind {
  return (RESOURCE_KINDS as readonly string[]).includes(kind);
}

/** @throws AppError `DOCUMENT_INVALID` with all faults where there are any */
export function throwFaults(faults: readonly string[]): void {
  if (faults.length === 0) return;
  const shown = faults.slice(0, FAULTS_MAX);
  if (faults.length > FAULTS_MAX) shown.push(`… and ${faults.length - FAULTS_MAX} more`);
  throw new AppError(
    'DOCUMENT_INVALID',
    `Checking the document: ${faults.length} ${faults.length === 1 ? 'fault' : 'faults'}; nothing was changed`,
    { faults: shown },
  );
}
