/**
 * RDATA in the one form in which two equal records have equal octets: names in full and lower-cased
 * (RFC 4034, section 6.2), all else as it came. Cold: for data that is kept or compared, not answered.
 */

import { copyBytes, readUint32 } from '../lib/bytes.ts';
import { lowerCaseName, NAME_BYTES_MAX, nameLength, readName } from './name.ts';
import { rdataShapeOf, TAIL_ANY } from './rdata-names.ts';
import type { RecordCursor } from './record-cursor.ts';

/** The longest RDATA, with two names in full where there were pointers. */
export const CANONICAL_RDATA_BYTES_MAX = 0xffff + 2 * NAME_BYTES_MAX;

const SOA_NUMBERS_BYTES = 20;

/** The numbers of an SOA record (RFC 1035, section 3.3.13). */
export interface Soa {
  readonly serial: number;
  readonly refreshSeconds: number;
  readonly retrySeconds: number;
  readonly expireSeconds: number;
  readonly minimumSeconds: number;
}

/**
 * Writes the RDATA of the record at hand.
 * @param out at least `CANONICAL_RDATA_BYTES_MAX` octets
 * @returns octets written, or −1 where the data do not fit the type
 */
export function writeCanonicalRdata(record: RecordCursor, out: Uint8Array): number {
  const { message, rdataAt, rdataLength } = record;
  const end = rdataAt + rdataLength;
  const shape = rdataShapeOf(record.type);
  if (shape === undefined) {
    out.set(message.subarray(rdataAt, end));
    return rdataLength;
  }
  let at = rdataAt + shape.fixed;
  for (let string = 0; string < shape.strings && at < end; string++) at += message[at]! + 1;
  if (at > end) return -1;
  let length = at - rdataAt;
  copyBytes(message, rdataAt, out, 0, length);
  const name = new Uint8Array(NAME_BYTES_MAX);
  for (let index = 0; index < shape.names; index++) {
    const next = readName(message, 0, end, at, name);
    if (next < 0) return -1;
    const nameBytes = nameLength(name);
    if (shape.form === 'strict' && next - at !== nameBytes) return -1;
    lowerCaseName(name, 0, nameBytes);
    copyBytes(name, 0, out, length, nameBytes);
    length += nameBytes;
    at = next;
  }
  if (shape.tail !== TAIL_ANY && end - at !== shape.tail) return -1;
  out.set(message.subarray(at, end), length);
  return length + end - at;
}

/** @param rdata an SOA's, as `writeCanonicalRdata` wrote it */
export function readSoa(rdata: Uint8Array, length: number): Soa {
  const at = length - SOA_NUMBERS_BYTES;
  return {
    serial: readUint32(rdata, at),
    refreshSeconds: readUint32(rdata, at + 4),
    retrySeconds: readUint32(rdata, at + 8),
    expireSeconds: readUint32(rdata, at + 12),
    minimumSeconds: readUint32(rdata, at + 16),
  };
}
