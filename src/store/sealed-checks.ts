/** What must hold of a sealed content before a list takes it; who signed it, the inspection has seen. */

import { quote } from '../lib/quote.ts';
import type { ListRecord } from './canonical-list.ts';
import type { ListReport } from './list-report.ts';

/**
 * Why a content cannot be the next one of a list, or null.
 * @param before of the content in force, another one; null: there is none
 */
export function sealedFault(
  { id, sealed }: Pick<ListRecord, 'id' | 'sealed'>,
  before: Pick<ListReport, 'sealed'> | null,
  after: Pick<ListReport, 'sealed'>,
): string | null {
  if (after.sealed === undefined) {
    return sealed === true ? 'the content is not sealed; valid: a sealed file' : null;
  }
  if (sealed !== true) return 'the content is sealed; valid: a list with sealed: true';
  const { list, serial } = after.sealed;
  if (list !== id) return `it is sealed for the list ${quote(list)}, this is ${quote(id)}`;
  const last = before?.sealed?.serial ?? -1;
  if (serial > last) return null;
  return `its serial is ${serial}, that of the version in force ${last}: it is an old version, given out again; valid: a higher serial`;
}
