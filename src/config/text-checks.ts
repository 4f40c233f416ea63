/** What the configuration schema asks of listeners, names and record values, beyond being strings. */

import { NAME_BYTES_MAX, writeName } from '../dns/name.ts';
import { rdataFromText } from '../dns/rdata-text.ts';
import { parseRecordType } from '../dns/record-type.ts';
import { parseEndpoint } from '../lib/endpoint.ts';

/** True for an address and a port of one host or of all its addresses, not of a group. */
export function isListenText(text: string): boolean {
  const address = parseEndpoint(text, null)?.address;
  if (address === undefined || address === '255.255.255.255') return false;
  const firstOctet = Number.parseInt(address, 10);
  const isMulticast = address.includes(':')
    ? /^ff[0-9a-f]{2}:/.test(address)
    : firstOctet >= 224 && firstOctet < 240;
  return !isMulticast;
}

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
