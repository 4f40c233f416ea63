/**
 * Whether the engines of safe search that a document names exist: a slip of the pen would leave an
 * engine as it is, and nobody would know.
 */

import { breathe, isTurn } from './breathe.ts';
import type { SafeSearchRecord, ScheduleRecord } from './canonical-settings.ts';
import type { ReadDocument } from './read-document.ts';
import { quote } from '../lib/quote.ts';

interface Level {
  readonly safeSearch?: SafeSearchRecord;
  readonly schedules?: readonly ScheduleRecord[];
}

/** @param engines reads their ids, where a document names any */
export async function checkEngines(
  document: ReadDocument,
  engines: () => readonly string[],
  faults: string[],
): Promise<void> {
  let ids: readonly string[] | null = null;
  const once = (): readonly string[] => (ids ??= engines());
  for (const { record, path } of document.plans ?? []) checkLevel(record, path, once, faults);
  for (const [index, { record, path }] of (document.subscribers ?? []).entries()) {
    if (isTurn(index)) await breathe();
    checkLevel(record, path, once, faults);
    for (const [place, profile] of (record.profiles ?? []).entries()) {
      checkLevel(profile, `${path}.profiles[${place}]`, once, faults);
    }
  }
}

function checkLevel(
  level: Level,
  path: string,
  engines: () => readonly string[],
  faults: string[],
): void {
  checkNames(level.safeSearch, `${path}.safeSearch`, engines, faults);
  for (const [index, { safeSearch }] of (level.schedules ?? []).entries()) {
    checkNames(safeSearch, `${path}.schedules[${index}].safeSearch`, engines, faults);
  }
}

function checkNames(
  record: SafeSearchRecord | undefined,
  path: string,
  engines: () => readonly string[],
  faults: string[],
): void {
  const named = Object.keys(record?.engines ?? {});
  if (named.length === 0) return;
  const valid = engines();
  for (const engine of named.filter((id) => !valid.includes(id))) {
    faults.push(
      `${path}.engines: there is no engine ${quote(engine)} that can be made safe; valid: ${valid.join(', ')}`,
    );
  }
}
