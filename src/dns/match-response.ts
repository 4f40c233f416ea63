/**
 * Whether a packet is the response to a query that we sent (RFC 5452, section 9.1), and whether its
 * records lie within it. Address and port are the socket's to check; this part sees octets only.
 * Names are compared as wire octets, never as text: `a\.b` is not `a.b`.
 */

import { lowerCaseOctet, readUint16 } from '../lib/bytes.ts';
import { HEADER_BYTES, RCODE_FORMERR, RCODE_NOTIMP, TYPE_OPT } from './constants.ts';
import { RECORDS_MAX } from './response-view.ts';

/** Not a response to this query. */
export const MATCH_NONE = 0;
/** The ID agrees and it says FORMERR or NOTIMP, but it has no question: a hint, never an answer. */
export const MATCH_BARE_ERROR = 1;
/** All agrees but the case of the name's letters: an upstream that does not keep case, or a forgery. */
export const MATCH_EXCEPT_CASE = 2;
export const MATCH_EXACT = 3;
export type MatchStatus =
  typeof MATCH_NONE | typeof MATCH_BARE_ERROR | typeof MATCH_EXCEPT_CASE | typeof MATCH_EXACT;

/** Type and class after the question's name. */
const QUESTION_FIXED_BYTES = 4;
/** Type, class, TTL and RDLENGTH after a record's name. */
const RECORD_FIXED_BYTES = 10;

/**
 * Compares ID, QR, opcode, QDCOUNT and the question octet by octet.
 * @param query what was sent, from offset 0: header, one question, perhaps an OPT record
 * @param questionEnd where the query's question ends
 */
export function matchResponse(
  response: Uint8Array,
  length: number,
  query: Uint8Array,
  questionEnd: number,
): MatchStatus {
  if (length < HEADER_BYTES) return MATCH_NONE;
  if (response[0] !== query[0] || response[1] !== query[1]) return MATCH_NONE;
  // QR set and the opcode of the query, which has QR clear.
  if ((response[2]! & 0xf8) !== ((query[2]! & 0x78) | 0x80)) return MATCH_NONE;
  const questionCount = readUint16(response, 4);
  if (questionCount === 0) return isBareError(response) ? MATCH_BARE_ERROR : MATCH_NONE;
  if (questionCount !== 1 || length < questionEnd) return MATCH_NONE;
  return compareQuestions(response, query, questionEnd);
}

export interface ResponseOutline {
  /** With the upper bits from the OPT record (RFC 6891, section 6.1.3). */
  rcode: number;
  hasOpt: boolean;
}

export function createResponseOutline(): ResponseOutline {
  return { rcode: 0, hasOpt: false };
}

/**
 * Steps over all records once and notes RCODE and OPT. Names are stepped over, pointers not followed.
 * @param questionEnd where the response's one question ends
 * @returns false where a record is cut, there are too many, more than one OPT, or octets are left over
 */
export function outlineResponse(
  outline: ResponseOutline,
  response: Uint8Array,
  length: number,
  questionEnd: number,
): boolean {
  const optFree = readUint16(response, 6) + readUint16(response, 8);
  const count = optFree + readUint16(response, 10);
  outline.rcode = response[3]! & 0x0f;
  outline.hasOpt = false;
  if (count > RECORDS_MAX) return false;
  let at = questionEnd;
  for (let index = 0; index < count; index++) {
    const fixedAt = skipName(response, length, at);
    if (fixedAt < 0 || fixedAt + RECORD_FIXED_BYTES > length) return false;
    if (readUint16(response, fixedAt) === TYPE_OPT) {
      if (index < optFree || outline.hasOpt || fixedAt !== at + 1) return false;
      outline.hasOpt = true;
      outline.rcode |= response[fixedAt + 4]! << 4;
    }
    at = fixedAt + RECORD_FIXED_BYTES + readUint16(response, fixedAt + 8);
    if (at > length) return false;
  }
  return at === length;
}

/** Old servers that know no EDNS answer with a header alone (RFC 6891, section 7). */
function isBareError(response: Uint8Array): boolean {
  const rcode = response[3]! & 0x0f;
  return rcode === RCODE_FORMERR || rcode === RCODE_NOTIMP;
}

function compareQuestions(
  response: Uint8Array,
  query: Uint8Array,
  questionEnd: number,
): MatchStatus {
  const nameEnd = questionEnd - QUESTION_FIXED_BYTES;
  let status: MatchStatus = MATCH_EXACT;
  for (let at = HEADER_BYTES; at < questionEnd; at++) {
    const octet = response[at]!;
    if (octet === query[at]!) continue;
    // Octets of the name only; its length octets are below 64 and have no case.
    if (at >= nameEnd || lowerCaseOctet(octet) !== lowerCaseOctet(query[at]!)) return MATCH_NONE;
    status = MATCH_EXCEPT_CASE;
  }
  return status;
}

/** The offset after a name, a pointer being its end; −1 where it is cut, too long or of an unknown label type. */
function skipName(message: Uint8Array, length: number, at: number): number {
  const limit = Math.min(length, at + 255);
  for (let offset = at; offset < limit;) {
    const octet = message[offset]!;
    if (octet === 0) return offset + 1;
    if (octet >= 0xc0) return offset + 2;
    if (octet >= 0x40) return -1;
    offset += octet + 1;
  }
  return -1;
}
