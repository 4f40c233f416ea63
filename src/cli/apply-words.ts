/** The result of `apply` in lines for people. */

import { isDeepStrictEqual } from 'node:util';
import type { Change, ChangeCounts } from '../store/changes.ts';
import type { ApplyResult } from '../store/store.ts';

const LINES_MAX = 200;
const VALUE_TEXT_MAX = 60;
const MARKS = { create: '+', update: '~', delete: '-' } as const;

/** One line a change, such as `~ plan kids: block ["adult"] → ["adult","gambling"]`. */
export function describeChanges(changes: readonly Change[]): string[] {
  const lines = changes.slice(0, LINES_MAX).map((change) => {
    const head = `${MARKS[change.action]} ${change.kind} ${change.id}`;
    return change.action === 'update' ? `${head}: ${describeFields(change)}` : head;
  });
  if (changes.length > LINES_MAX) lines.push(`… and ${changes.length - LINES_MAX} more`);
  return lines;
}

/** Such as `1 list created, 2 plans updated`, or `nothing`. */
export function describeCounts(counts: ChangeCounts): string {
  const words = { create: 'created', update: 'updated', delete: 'removed' } as const;
  const parts = Object.entries(counts).flatMap(([kind, byAction]) =>
    (['create', 'update', 'delete'] as const)
      .filter((action) => byAction[action] > 0)
      .map((action) => `${nounOf(kind, byAction[action])} ${words[action]}`),
  );
  return parts.length === 0 ? 'nothing' : parts.join(', ');
}

/** What was accepted and refused of each list that changed, with the first lines that were refused. */
export function describeReports(result: Pick<ApplyResult, 'changes' | 'listReports'>): string[] {
  const changed = new Set(result.changes.filter(({ kind }) => kind === 'list').map(({ id }) => id));
  const reports = Object.entries(result.listReports).filter(([id]) => changed.has(id));
  return reports.flatMap(([id, report]) => {
    const refused = Object.entries(report.refused).map(([reason, count]) => `${reason} ${count}`);
    const tail = refused.length === 0 ? '' : `; refused: ${refused.join(', ')}`;
    const head = `  list ${id}: ${report.format}, ${report.entries} names${tail}`;
    const faults = report.faults
      .slice(0, 3)
      .map(({ line, reason, text }) => `    line ${line}: ${reason}: ${text}`);
    return [head, ...faults];
  });
}

function describeFields({ before, after }: Change): string {
  const old = (before ?? {}) as unknown as Readonly<Record<string, unknown>>;
  const fresh = (after ?? {}) as unknown as Readonly<Record<string, unknown>>;
  return [...new Set([...Object.keys(old), ...Object.keys(fresh)])]
    .filter((key) => !isDeepStrictEqual(old[key], fresh[key]))
    .map((key) => `${key} ${valueText(old[key])} → ${valueText(fresh[key])}`)
    .join(', ');
}

function valueText(value: unknown): string {
  if (value === undefined) return 'nothing';
  const text = JSON.stringify(value);
  return text.length > VALUE_TEXT_MAX ? `${text.slice(0, VALUE_TEXT_MAX)}…` : text;
}

function nounOf(kind: string, count: number): string {
  if (count === 1) return `1 ${kind}`;
  return kind === 'category' ? `${count} categories` : `${count} ${kind}s`;
}
