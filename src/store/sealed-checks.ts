/** What must hold of a sealed list and of its contents; who signed one, the inspection has seen. */

import { quote } from '../lib/quote.ts';
import type { ListRecord } from './canonical-list.ts';
import type { ListReport } from './list-report.ts';
import type { StoredList } from './records.ts';

type SealedState = Pick<StoredList, 'record' | 'contentSha256' | 'lastSerial'>;

/**
 * Whether a list is a sealed one, or was one once: only removing it ends that. What somebody would put in
 * its place may be its names in the clear.
 */
export function isSealedList({ record, lastSerial }: SealedState): boolean {
  return record.sealed === true || lastSerial !== null;
}

/** Why a list cannot become this one, or null. @param before what it is; undefined: it comes to be */
export function sealingFault(
  { id, sealed }: ListRecord,
  before: SealedState | undefined,
): string | null {
  if (before === undefined) return null;
  const isWanted = sealed === true;
  if (isSealedList(before) === isWanted) return null;
  const instead = 'a new id, or removing the list first';
  if (!isWanted) return `list ${quote(id)} is a sealed one; valid: sealed: true, ${instead}`;
  return before.contentSha256 === '' ? null : `list ${quote(id)} has a text; valid: ${instead}`;
}

/**
 * Why a content cannot be the next one of a list, or null.
 * @param lastSerial the highest that the list ever had in force; null: none
 */
export function sealedFault(
  { id, sealed }: Pick<ListRecord, 'id' | 'sealed'>,
  lastSerial: number | null,
  after: Pick<ListReport, 'sealed'>,
): string | null {
  if (after.sealed === undefined) {
    return sealed === true ? 'the content is not sealed; valid: a sealed file' : null;
  }
  if (sealed !== true) return 'the content is sealed; valid: a list with sealed: true';
  const { list, serial } = after.sealed;
  if (list !== id) return `it is sealed for the list ${quote(list)}, this is ${quote(id)}`;
  if (lastSerial === null || serial > lastSerial) return null;
  return `its serial is ${serial}, and ${lastSerial} was in force already: it is an old version, given out again; valid: a higher serial`;
}
