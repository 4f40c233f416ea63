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

/** @param engines their ids */
export async function checkEngines(
  document: ReadDocument,
  engines: readonly string[],
  faults: string[],
): Promise<void> {
  for (const { record, path } of document.plans ?? []) checkLevel(record, path, engines, faults);
  for (const [index, { record, path }] of (document.subscribers ?? []).entries()) {
    if (isTurn(index)) await breathe();
    checkLevel(record, path, engines, faults);
    for (const [place, profile] of (record.profiles ?? []).entries()) {
      checkLevel(profile, `${path}.profiles[${place}]`, engines, faults);
    }
  }
}

function checkLevel(
  level: Level,
  path: string,
  engines: readonly string[],
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
  engines: readonly string[],
  faults: string[],
): void {
  for (const engine of Object.keys(record?.engines ?? {})) {
    if (engines.includes(engine)) continue;
    faults.push(
      `${path}.engines: there is no engine ${quote(engine)} that can be made safe; valid: ${engines.join(', ')}`,
    );
  }
}
