/**
 * The response of an upstream resolver, walked once from end to end with hard bounds, into one
 * reusable view. Upstream is hostile input: a fault anywhere in the structure makes the whole
 * message malformed. Here only the structure is read; which records may be used is decided in
 * `response-chain`, and that ID, question and case agree with what was asked is the forwarder's
 * check, made before.
 *
 *     records    one index for each record of answer and authority, in the order of the message:
 *                [0, answerEnd) answer, [answerEnd, recordEnd) authority
 *     offsets    all relative to the first octet of the message
 *
 * Of the additional section only the OPT is read: its upper bits of the rcode (RFC 6891, section
 * 6.1.3). Octets after the last record are ignored, since nothing of the message is passed on but
 * by record. The view points into the message; it holds until those octets are rewritten.
 */

import { lowerCaseOctet, readUint16, readUint32 } from '../lib/bytes.ts';
import { FLAG_TC, HEADER_BYTES, TYPE_DNAME, TYPE_OPT } from './constants.ts';
import { lowerCaseName, NAME_BYTES_MAX, nameLength, readName } from './name.ts';

export const RESPONSE_OK = 0;
/** A fault in the structure, or in the RDATA of a record that would have been used. */
export const RESPONSE_MALFORMED = 1;
/** More targets than are judged (`TARGETS_MAX`). */
export const RESPONSE_TOO_MANY_TARGETS = 2;
/** The verified part is longer than a DNS message may be. */
export const RESPONSE_TOO_LARGE = 3;
export type ResponseStatus = 0 | 1 | 2 | 3;

/** Records of a message, all sections together; more are no answer but an attack on whoever walks them. */
export const RECORDS_MAX = 2000;
const OPTIONS_MAX = 32;
/** Each hop of a chain tries every DNAME of the message, so there may be only a few. */
const DNAMES_MAX = 16;
/** Offsets that a compression pointer can hold (RFC 1035, section 4.1.4). */
export const POINTER_LIMIT = 0x4000;
const QUESTION_TAIL_BYTES = 4;
const RECORD_HEAD_BYTES = 10;

export interface ResponseView {
  bytes: Uint8Array;
  /** Where the message begins in `bytes`. */
  at: number;
  length: number;
  id: number;
  flags: number;
  /** The extended rcode, twelve bits. */
  rcode: number;
  isTruncated: boolean;
  hasOpt: boolean;
  /** The name of the question, lower-cased. */
  readonly name: Uint8Array;
  nameLength: number;
  nameHash: number;
  qtype: number;
  qclass: number;
  /** Offset after the question. */
  questionEnd: number;
  answerEnd: number;
  recordEnd: number;
  readonly ownerAt: Uint16Array;
  /** Unkeyed hash of the lower-cased owner: a sieve before names are compared, never the comparison. */
  readonly ownerHash: Int32Array;
  readonly type: Uint16Array;
  readonly class: Uint16Array;
  readonly ttl: Uint32Array;
  readonly rdataAt: Uint16Array;
  readonly rdataLength: Uint16Array;
  /** Any name of the message, uncompressed; overwritten by every step that reads one. */
  readonly scratch: Uint8Array;
  // What follows belongs to `response-chain` and `record-copy` while they work on this response.
  /** Where the label at an offset of this message now stands in the answer; 0 = not copied. */
  readonly movedTo: Uint16Array;
  /** 1 for the records that were copied. */
  readonly isCopied: Uint8Array;
  /** The names of the chain so far, 255 octets each, lower-cased: first the asked name. */
  readonly chain: Uint8Array;
  readonly chainHash: Int32Array;
  chainLength: number;
  /** The owner whose records are being looked for, lower-cased. */
  readonly sought: Uint8Array;
  soughtHash: number;
  /** The name that the hop in hand leads to, lower-cased. */
  readonly next: Uint8Array;
  nextLength: number;
}

/** @param chainMax the names that a chain may hold, the asked name included */
export function createResponseView(chainMax = 17): ResponseView {
  return {
    bytes: new Uint8Array(0),
    at: 0,
    length: 0,
    id: 0,
    flags: 0,
    rcode: 0,
    isTruncated: false,
    hasOpt: false,
    name: new Uint8Array(NAME_BYTES_MAX),
    nameLength: 0,
    nameHash: 0,
    qtype: 0,
    qclass: 0,
    questionEnd: 0,
    answerEnd: 0,
    recordEnd: 0,
    ownerAt: new Uint16Array(RECORDS_MAX),
    ownerHash: new Int32Array(RECORDS_MAX),
    type: new Uint16Array(RECORDS_MAX),
    class: new Uint16Array(RECORDS_MAX),
    ttl: new Uint32Array(RECORDS_MAX),
    rdataAt: new Uint16Array(RECORDS_MAX),
    rdataLength: new Uint16Array(RECORDS_MAX),
    scratch: new Uint8Array(NAME_BYTES_MAX),
    movedTo: new Uint16Array(POINTER_LIMIT),
    isCopied: new Uint8Array(RECORDS_MAX),
    chain: new Uint8Array(chainMax * NAME_BYTES_MAX),
    chainHash: new Int32Array(chainMax),
    chainLength: 0,
    sought: new Uint8Array(NAME_BYTES_MAX),
    soughtHash: 0,
    next: new Uint8Array(NAME_BYTES_MAX),
    nextLength: 0,
  };
}

/**
 * Walks the message of `length` octets at `at`.
 * @returns `RESPONSE_OK`, or `RESPONSE_MALFORMED`: the view then says nothing
 */
export function parseResponse(
  view: ResponseView,
  bytes: Uint8Array,
  at: number,
  length: number,
): ResponseStatus {
  if (length < HEADER_BYTES || length > 0xffff || readUint16(bytes, at + 4) !== 1) {
    return RESPONSE_MALFORMED;
  }
  view.bytes = bytes;
  view.at = at;
  view.length = length;
  view.id = readUint16(bytes, at);
  view.flags = readUint16(bytes, at + 2);
  view.rcode = view.flags & 0xf;
  view.isTruncated = (view.flags & FLAG_TC) !== 0;
  view.hasOpt = false;
  view.answerEnd = readUint16(bytes, at + 6);
  view.recordEnd = view.answerEnd + readUint16(bytes, at + 8);
  const additionalCount = readUint16(bytes, at + 10);
  if (view.recordEnd + additionalCount > RECORDS_MAX) return RESPONSE_MALFORMED;
  if (!parseQuestion(view)) return RESPONSE_MALFORMED;
  const additionalAt = parseRecords(view);
  if (additionalAt < 0 || !parseAdditional(view, additionalAt, additionalCount)) {
    return RESPONSE_MALFORMED;
  }
  return RESPONSE_OK;
}

/** Hashes a lower-cased, uncompressed name (FNV-1a): only to sort records of one message apart. */
export function hashName(name: Uint8Array, at: number, length: number): number {
  let hash = 0x811c9dc5 | 0;
  for (let index = 0; index < length; index++) {
    hash = Math.imul(hash ^ name[at + index]!, 0x01000193);
  }
  return hash;
}

/**
 * True where the name at an offset of the message equals a lower-cased, uncompressed name but for
 * case. The name of the message must have been read without fault before.
 */
export function isNameAt(
  view: ResponseView,
  offset: number,
  name: Uint8Array,
  nameAt: number,
): boolean {
  const { bytes, at } = view;
  for (let index = nameAt; ;) {
    const octet = bytes[at + offset]!;
    if (octet >= 0xc0) {
      offset = ((octet & 0x3f) << 8) | bytes[at + offset + 1]!;
      continue;
    }
    if (octet !== name[index]) return false;
    if (octet === 0) return true;
    for (let rest = octet; rest > 0; rest--) {
      if (lowerCaseOctet(bytes[at + ++offset]!) !== name[++index]) return false;
    }
    offset++;
    index++;
  }
}

/** The question's name stands uncompressed: there is nothing before it to point to (RFC 9267, section 2). */
function parseQuestion(view: ResponseView): boolean {
  const { bytes, at, name } = view;
  const end = at + view.length;
  const nameAt = at + HEADER_BYTES;
  const nameEnd = readName(bytes, at, end, nameAt, name);
  if (nameEnd < 0 || nameEnd + QUESTION_TAIL_BYTES > end) return false;
  view.nameLength = nameLength(name);
  if (nameEnd - nameAt !== view.nameLength) return false;
  lowerCaseName(name, 0, view.nameLength);
  view.nameHash = hashName(name, 0, view.nameLength);
  view.qtype = readUint16(bytes, nameEnd);
  view.qclass = readUint16(bytes, nameEnd + 2);
  view.questionEnd = nameEnd + QUESTION_TAIL_BYTES - at;
  return true;
}

/** Answer and authority; returns the offset of the additional section in `bytes`, or −1. */
function parseRecords(view: ResponseView): number {
  const { bytes, at } = view;
  const end = at + view.length;
  let offset = at + view.questionEnd;
  let dnames = 0;
  for (let record = 0; record < view.recordEnd; record++) {
    const headAt = readOwner(view, record, offset);
    if (headAt < 0 || headAt + RECORD_HEAD_BYTES > end) return -1;
    const ttl = readUint32(bytes, headAt + 4);
    const rdataLength = readUint16(bytes, headAt + 8);
    view.ownerAt[record] = offset - at;
    view.type[record] = readUint16(bytes, headAt);
    view.class[record] = readUint16(bytes, headAt + 2);
    // RFC 2181, section 8: a TTL with its top bit set is 0.
    view.ttl[record] = ttl > 0x7fffffff ? 0 : ttl;
    view.rdataAt[record] = headAt + RECORD_HEAD_BYTES - at;
    view.rdataLength[record] = rdataLength;
    if (view.type[record] === TYPE_DNAME && ++dnames > DNAMES_MAX) return -1;
    offset = headAt + RECORD_HEAD_BYTES + rdataLength;
    if (offset > end) return -1;
  }
  return offset;
}

/** Reads and hashes an owner name; returns the offset after it in `bytes`, or −1. */
function readOwner(view: ResponseView, record: number, offset: number): number {
  const { bytes, at, scratch } = view;
  // Most owners are the pointer to the question.
  if (bytes[offset] === 0xc0 && bytes[offset + 1] === HEADER_BYTES) {
    view.ownerHash[record] = view.nameHash;
    return offset + 2;
  }
  const next = readName(bytes, at, at + view.length, offset, scratch);
  if (next < 0) return -1;
  const length = nameLength(scratch);
  lowerCaseName(scratch, 0, length);
  view.ownerHash[record] = hashName(scratch, 0, length);
  return next;
}

function parseAdditional(view: ResponseView, start: number, count: number): boolean {
  const { bytes, at, scratch } = view;
  const end = at + view.length;
  let offset = start;
  for (let record = 0; record < count; record++) {
    const ownerAt = offset;
    const headAt = readName(bytes, at, end, offset, scratch);
    if (headAt < 0 || headAt + RECORD_HEAD_BYTES > end) return false;
    const rdataAt = headAt + RECORD_HEAD_BYTES;
    offset = rdataAt + readUint16(bytes, headAt + 8);
    if (offset > end) return false;
    if (readUint16(bytes, headAt) !== TYPE_OPT) continue;
    // RFC 6891, section 6.1.1: one OPT, its owner the root.
    if (view.hasOpt || bytes[ownerAt] !== 0 || !areOptionsWhole(bytes, rdataAt, offset)) {
      return false;
    }
    view.hasOpt = true;
    view.rcode |= bytes[headAt + 4]! << 4;
  }
  return true;
}

function areOptionsWhole(bytes: Uint8Array, start: number, end: number): boolean {
  let offset = start;
  for (let count = 0; offset < end; count++) {
    if (count === OPTIONS_MAX || offset + 4 > end) return false;
    offset += 4 + readUint16(bytes, offset + 2);
  }
  return offset === end;
}
