/** The result of `apply` in lines for people. */

import { isDeepStrictEqual } from 'node:util';
import type { Change, ChangeCounts } from '../store/changes.ts';
import type { ApplyResult } from '../store/document-writer.ts';
import { countNames } from '../store/list-report.ts';
import { describePopular } from './list-words.ts';
import { wordsOf } from './setting-words.ts';

const LINES_MAX = 200;
const VALUE_TEXT_MAX = 60;
const ITEMS_MAX = 10;
const MARKS = { create: '+', update: '~', delete: '-' } as const;

/** One line a change, such as `~ plan kids: block +gambling, −news`. */
export function describeChanges(changes: readonly Change[]): string[] {
  const lines = changes.slice(0, LINES_MAX).map((change) => {
    const head = `${MARKS[change.action]} ${change.kind} ${change.id}`;
    if (change.action !== 'update') return head;
    const { before, after } = change as unknown as {
      readonly before: Fields;
      readonly after: Fields;
    };
    return `${head}: ${describeFields(before, after)}`;
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
    const head = `  list ${id}: ${report.format}, ${countNames(report)} names${tail}`;
    const faults = report.faults
      .slice(0, 3)
      .map(({ line, reason, text }) => `    line ${line}: ${reason}: ${text}`);
    return [head, ...describePopular(id, report.popular).map((line) => `  ${line}`), ...faults];
  });
}

type Fields = Readonly<Record<string, unknown>>;

/** Such as `plan kids → teens; profile anna (schedules +internet 21:00–07:00)`. */
function describeFields(old: Fields, fresh: Fields): string {
  return [...new Set([...Object.keys(old), ...Object.keys(fresh)])]
    .filter((key) => !isDeepStrictEqual(old[key], fresh[key]))
    .map((key) =>
      key === 'profiles'
        ? describeProfiles(profilesOf(old[key]), profilesOf(fresh[key]))
        : describeField(key, old[key], fresh[key]),
    )
    .join('; ');
}

function describeField(key: string, old: unknown, fresh: unknown): string {
  // No schedules of one's own is something else than none at all: the household's hold.
  if (!isListOrNothing(old) || !isListOrNothing(fresh) || (old ?? fresh)?.length === 0) {
    return `${key} ${valueText(old)} → ${valueText(fresh)}`;
  }
  const [before, after] = [(old ?? []).map(wordsOf), (fresh ?? []).map(wordsOf)];
  const changes = [
    ...after.filter((words) => !before.includes(words)).map((words) => `+${words}`),
    ...before.filter((words) => !after.includes(words)).map((words) => `−${words}`),
  ];
  const shown = changes.slice(0, ITEMS_MAX);
  if (changes.length > ITEMS_MAX) shown.push(`… and ${changes.length - ITEMS_MAX} more`);
  return `${key} ${shown.length === 0 ? 'in another order' : shown.join(', ')}`;
}

function describeProfiles(old: readonly Fields[], fresh: readonly Fields[]): string {
  const before = new Map(old.map((one) => [one['id'], one]));
  const after = new Map(fresh.map((one) => [one['id'], one]));
  const lines = [
    ...fresh.flatMap((one) => {
      const was = before.get(one['id']);
      const name = `profile ${String(one['id'])}`;
      if (was === undefined) return [`+${name}`];
      return isDeepStrictEqual(was, one) ? [] : [`${name} (${describeFields(was, one)})`];
    }),
    ...old.flatMap((one) => (after.has(one['id']) ? [] : [`−profile ${String(one['id'])}`])),
  ];
  return lines.length === 0 ? 'profiles in another order' : lines.join('; ');
}

function profilesOf(value: unknown): readonly Fields[] {
  return Array.isArray(value) ? (value as readonly Fields[]) : [];
}

function isListOrNothing(value: unknown): value is readonly unknown[] | undefined {
  return value === undefined || Array.isArray(value);
}

function valueText(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'none' : value.map(wordsOf).join(', ');
  const text = wordsOf(value);
  return text.length > VALUE_TEXT_MAX ? `${text.slice(0, VALUE_TEXT_MAX)}…` : text;
}

function nounOf(kind: string, count: number): string {
  if (count === 1) return `1 ${kind}`;
  return kind === 'category' ? `${count} categories` : `${count} ${kind}s`;
}
