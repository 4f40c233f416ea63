/** What the configuration schema asks of names and record values, beyond being strings. */

import { NAME_BYTES_MAX, writeName } from '../dns/name.ts';
import { rdataFromText } from '../dns/rdata-text.ts';
import { parseRecordType } from '../dns/record-type.ts';

/** True for a domain name in presentation form, but not for the root. */
export function isNameText(text: string): boolean {
  return writeName(text, new Uint8Array(NAME_BYTES_MAX)) > 1;
}

/** True where the value is RDATA of the type in presentation form (RFC 1035, section 5.1). */
export function isRecordValue(type: string, value: string): boolean {
  try {
    rdataFromText(parseRecordType(type), value);
    return true;
  } catch {
    return false;
  }
}
