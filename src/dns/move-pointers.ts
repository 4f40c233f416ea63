/**
 * Makes the body of an answer fit behind a CNAME that leads to its name:
 *
 *     before   │ header │ name │ type, class │ body                     name at 12
 *     after    │ header │ asked name │ type, class │ CNAME │ name │ body
 *
 * What pointed into the name points to the same name in the CNAME's RDATA, what pointed into the body
 * goes along with it. Compressed names stand in the owners and in the RDATA of the types of RFC 1035
 * (`rdata-names`); the answer was made that way, and so its octets are not checked again.
 */

import { readUint16, writeUint16 } from '../lib/bytes.ts';
import { HEADER_BYTES } from './constants.ts';
import { rdataShapeOf } from './rdata-names.ts';
import { POINTER_LIMIT } from './response-view.ts';
import type { VerifiedAnswer } from './verified-answer.ts';

const POINTER_BITS = 0xc000;
/** Of a question, behind its name. */
const TYPE_AND_CLASS_BYTES = 4;

/**
 * @param to the response; the body stands there at `bodyAt`, right behind the name
 * @param at where the response begins
 * @returns false where a name would lie too far behind for a pointer; the body is then of no use
 */
export function movePointers(
  answer: VerifiedAnswer,
  to: Uint8Array,
  at: number,
  bodyAt: number,
  nameLength: number,
): boolean {
  let recordAt = bodyAt;
  for (let index = 0; index < answer.ttlCount; index++) {
    // Owner, type and class, TTL, length of RDATA.
    const ttlAt = bodyAt + readUint16(answer.bytes, answer.ttlsAt + index * 2);
    const rdataAt = ttlAt + 6;
    const rdataEnd = rdataAt + readUint16(to, ttlAt + 4);
    if (moveName(to, at, bodyAt, nameLength, recordAt) < 0) return false;
    const shape = rdataShapeOf(readUint16(to, ttlAt - 4));
    if (shape?.form === 'compressible') {
      let offset = rdataAt + shape.fixed;
      for (let name = 0; name < shape.names; name++) {
        offset = moveName(to, at, bodyAt, nameLength, offset);
        if (offset < 0) return false;
      }
    }
    recordAt = rdataEnd;
  }
  return true;
}

/** Moves the pointer in which the name ends, if it does; returns the offset after the name, or −1. */
function moveName(
  to: Uint8Array,
  at: number,
  bodyAt: number,
  nameLength: number,
  nameAt: number,
): number {
  let offset = nameAt;
  while (to[offset]! < 0xc0) {
    if (to[offset] === 0) return offset + 1;
    offset += to[offset]! + 1;
  }
  const before = readUint16(to, offset) & ~POINTER_BITS;
  const nameBefore = HEADER_BYTES;
  const bodyBefore = nameBefore + nameLength + TYPE_AND_CLASS_BYTES;
  const base = before < bodyBefore ? bodyAt - nameLength - nameBefore : bodyAt - bodyBefore;
  const after = before + base - at;
  if (after >= POINTER_LIMIT) return -1;
  writeUint16(to, offset, POINTER_BITS | after);
  return offset + 2;
}
