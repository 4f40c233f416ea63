/**
 * The cold codec: messages that we compose ourselves, for upstream resolvers and for the control
 * plane. The query path has codecs of its own that work in place (`query-view`, `response`,
 * `response-view`); nothing here is called for a blocked or a cached answer.
 */

import { copyBytes, writeUint16, writeUint32 } from '../lib/bytes.ts';
import {
  CLASS_IN,
  FLAG_AD,
  FLAG_CD,
  FLAG_RD,
  HEADER_BYTES,
  TYPE_OPT,
  UDP_PAYLOAD_BYTES,
} from './constants.ts';
import { NAME_BYTES_MAX } from './name.ts';

const OPT_BYTES = 11;
const OPT_FLAG_DO = 0x8000;

/** The longest query that `writeQuery` writes: header, name, type and class, an empty OPT record. */
export const QUERY_BYTES_MAX = HEADER_BYTES + NAME_BYTES_MAX + 4 + OPT_BYTES;

export interface QueryShape {
  /** Wire form; written in the case it has. */
  readonly name: Uint8Array;
  readonly nameLength: number;
  readonly type: number;
  readonly isDnssecOk: boolean;
  readonly isCheckingDisabled: boolean;
  /** AD in a query says that the sender understands AD in the response (RFC 6840, section 5.7). */
  readonly wantsAuthenticData: boolean;
  /** False for an upstream that does not know EDNS; DO is then lost. */
  readonly hasOpt: boolean;
}

/** What stands before the OPT record: header, name, type and class. */
export function questionEndOf(nameLength: number): number {
  return HEADER_BYTES + nameLength + 4;
}

/**
 * Writes a recursive query of class IN from its parts; no octet of a client's packet is in it. Its
 * OPT record offers 1232 octets and carries no options: they are hop by hop (RFC 6891).
 * @param out at least `QUERY_BYTES_MAX` octets
 * @returns octets written
 */
export function writeQuery(out: Uint8Array, id: number, shape: QueryShape): number {
  writeUint16(out, 0, id);
  const checking = shape.isCheckingDisabled ? FLAG_CD : 0;
  writeUint16(out, 2, FLAG_RD | checking | (shape.wantsAuthenticData ? FLAG_AD : 0));
  writeUint16(out, 4, 1);
  writeUint32(out, 6, 0);
  writeUint16(out, 10, shape.hasOpt ? 1 : 0);
  copyBytes(shape.name, 0, out, HEADER_BYTES, shape.nameLength);
  const at = questionEndOf(shape.nameLength);
  writeUint16(out, at - 4, shape.type);
  writeUint16(out, at - 2, CLASS_IN);
  if (!shape.hasOpt) return at;
  out[at] = 0;
  writeUint16(out, at + 1, TYPE_OPT);
  writeUint16(out, at + 3, UDP_PAYLOAD_BYTES);
  writeUint16(out, at + 5, 0);
  writeUint16(out, at + 7, shape.isDnssecOk ? OPT_FLAG_DO : 0);
  writeUint16(out, at + 9, 0);
  return at + OPT_BYTES;
}

/**
 * Gives each ASCII letter of a name upper or lower case by one random bit: the 0x20 encoding.
 * @param random at least as many bits as the name has octets, from `randomAt` on
 */
export function mixCase(
  name: Uint8Array,
  at: number,
  length: number,
  random: Uint8Array,
  randomAt: number,
): void {
  for (let index = 0; index < length; index++) {
    const octet = name[at + index]!;
    const letter = octet | 0x20;
    // Length octets are below 0x40 and never look like a letter.
    if (octet < 0x41 || letter < 0x61 || letter > 0x7a) continue;
    const isUpper = ((random[randomAt + (index >>> 3)]! >>> (index & 7)) & 1) === 1;
    name[at + index] = isUpper ? letter & ~0x20 : letter;
  }
}
