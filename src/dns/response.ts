/**
 * Answers written in place, over the query: its header is rewritten, its question stays where it
 * is (case and all), records follow behind.
 *
 *     │ header 12 │ question, as the client sent it │ answer │ authority │ OPT (EDE) │
 *     at          at+12                             questionEnd
 *
 * Every writer takes the offset at which it writes and returns the offset after what it wrote.
 * Owner names are pointers, nearly always to the question's name.
 */

import { copyBytes, writeUint16, writeUint32 } from '../lib/bytes.ts';
import {
  CLASS_IN,
  EDE_NONE,
  FLAG_CD,
  FLAG_QR,
  FLAG_RA,
  FLAG_RD,
  FLAG_TC,
  HEADER_BYTES,
  OPTION_EDE,
  TYPE_HINFO,
  TYPE_OPT,
  UDP_PAYLOAD_BYTES,
} from './constants.ts';
import type { QueryView } from './query-view.ts';

/** The compression pointer to the question's name. */
export const QNAME_POINTER = 0xc00c;
const OPCODE_BITS = 0x7800;
const OPT_BYTES = 11;
const OPT_FLAG_DO = 0x8000;
/** Option code, length and INFO-CODE in front of EXTRA-TEXT (RFC 8914, section 2). */
const EDE_BYTES = 6;
const NO_TEXT = new Uint8Array(0);

/**
 * The SOA record of the negative answers that we make, TTL and MINIMUM still zero: `stairgate.invalid.
 * nobody.invalid.`, serial 1 and the timers of RFC 1912; nobody ever transfers it.
 */
const SOA_RECORD = new Uint8Array([
  // pointer to the question's name, SOA, IN, TTL, octets of RDATA
  0xc0, 0x0c, 0, 6, 0, 1, 0, 0, 0, 0, 0, 55,
  // stairgate.invalid.
  9, 0x73, 0x74, 0x61, 0x69, 0x72, 0x67, 0x61, 0x74, 0x65, 7, 0x69, 0x6e, 0x76, 0x61, 0x6c, 0x69,
  0x64, 0,
  // nobody.invalid.
  6, 0x6e, 0x6f, 0x62, 0x6f, 0x64, 0x79, 7, 0x69, 0x6e, 0x76, 0x61, 0x6c, 0x69, 0x64, 0,
  // serial 1, refresh 7,200, retry 1,800, expire 1,209,600, MINIMUM
  0, 0, 0, 1, 0, 0, 0x1c, 0x20, 0, 0, 0x07, 0x08, 0, 0x12, 0x75, 0, 0, 0, 0, 0,
]);
const SOA_TTL_AT = 6;

/** CPU "RFC8482", OS empty (RFC 8482, section 4.2). */
const HINFO_RDATA = new Uint8Array([7, 0x52, 0x46, 0x43, 0x38, 0x34, 0x38, 0x32, 0]);

/**
 * Rewrites the header: QR and RA set, opcode, RD and CD as asked, everything else from `flags`.
 * @param flags AA, TC, AD and the lower four bits of the rcode
 */
export function writeResponseHeader(
  view: QueryView,
  flags: number,
  answerCount: number,
  authorityCount: number,
): void {
  const { bytes, at } = view;
  const kept = view.flags & (OPCODE_BITS | FLAG_RD | FLAG_CD);
  writeUint16(bytes, at + 2, FLAG_QR | FLAG_RA | kept | flags);
  writeUint16(bytes, at + 4, view.questionEnd > at + HEADER_BYTES ? 1 : 0);
  writeUint16(bytes, at + 6, answerCount);
  writeUint16(bytes, at + 8, authorityCount);
  writeUint16(bytes, at + 10, 0);
}

/** Drops the question of the view, for errors in which it could not be read. */
export function dropQuestion(view: QueryView): void {
  view.questionEnd = view.at + HEADER_BYTES;
  view.hasOpt = false;
}

/** No records: errors and refusals. Returns the offset after the question. */
export function writeEmptyResponse(view: QueryView, flags: number): number {
  writeResponseHeader(view, flags, 0, 0);
  return view.questionEnd;
}

/** A negative answer that may be cached for `ttl` seconds, since its SOA says so (RFC 2308, section 5). */
export function writeNegativeResponse(view: QueryView, flags: number, ttl: number): number {
  writeResponseHeader(view, flags, 0, 1);
  const { bytes, questionEnd } = view;
  const end = questionEnd + SOA_RECORD.length;
  // From about forty octets on, `set` is quicker than a loop.
  bytes.set(SOA_RECORD, questionEnd);
  writeUint32(bytes, questionEnd + SOA_TTL_AT, ttl);
  writeUint32(bytes, end - 4, ttl);
  return end;
}

/** One record of the asked name with this RDATA as the whole answer. */
export function writeSingleResponse(
  view: QueryView,
  flags: number,
  type: number,
  ttl: number,
  rdata: Uint8Array,
  rdataFrom: number,
  rdataLength: number,
): number {
  writeResponseHeader(view, flags, 1, 0);
  return appendRecord(
    view,
    view.questionEnd,
    QNAME_POINTER,
    type,
    ttl,
    rdata,
    rdataFrom,
    rdataLength,
  );
}

/**
 * One more record; the caller counts it in the header.
 * @param owner a compression pointer
 */
export function appendRecord(
  view: QueryView,
  at: number,
  owner: number,
  type: number,
  ttl: number,
  rdata: Uint8Array,
  rdataFrom: number,
  rdataLength: number,
): number {
  const rdataAt = writeRecordHead(view.bytes, at, owner, type, ttl, rdataLength);
  copyBytes(rdata, rdataFrom, view.bytes, rdataAt, rdataLength);
  return rdataAt + rdataLength;
}

/** The answer to ANY: small, cacheable, and of no use to anyone who wants to reflect it. */
export function writeAnyResponse(view: QueryView, ttl: number): number {
  return writeSingleResponse(view, 0, TYPE_HINFO, ttl, HINFO_RDATA, 0, HINFO_RDATA.length);
}

/** What goes into the OPT of a response besides its fixed fields. One object is used again and again. */
export interface ResponseNotes {
  /** The upper eight bits of an extended rcode (BADVERS), else 0. */
  rcodeUpper: number;
  /** INFO-CODE of the first Extended DNS Error, or `EDE_NONE`; and of a second one, without text. */
  ede: number;
  secondEde: number;
  /** EXTRA-TEXT of the first, UTF-8; left out where it does not fit. */
  text: Uint8Array;
  textAt: number;
  textLength: number;
}

export function createResponseNotes(): ResponseNotes {
  return {
    rcodeUpper: 0,
    ede: EDE_NONE,
    secondEde: EDE_NONE,
    text: NO_TEXT,
    textAt: 0,
    textLength: 0,
  };
}

/** Makes the notes say one EDE without text, or nothing with `EDE_NONE`. */
export function setNotes(notes: ResponseNotes, ede: number): void {
  notes.rcodeUpper = 0;
  notes.ede = ede;
  notes.secondEde = EDE_NONE;
  notes.textLength = 0;
}

/**
 * The last step of every way out: appends our OPT where the query had one, with its EDEs, and cuts
 * the response to its question and TC where it does not fit.
 *
 * @param end offset after the records
 * @param limit the most octets that may be sent (`responseLimit`)
 * @returns the response's length in octets
 */
export function finishResponse(
  view: QueryView,
  end: number,
  limit: number,
  notes: ResponseNotes,
): number {
  const { at } = view;
  let length = end - at;
  const optLength = view.hasOpt ? OPT_BYTES + edeBytes(notes) : 0;
  if (length + optLength > limit) {
    truncate(view);
    length = view.questionEnd - at;
  }
  if (!view.hasOpt) return length;
  const textFits = length + optLength + notes.textLength <= limit;
  return writeOpt(view, at + length, notes, textFits ? notes.textLength : 0) - at;
}

/** Sets TC and takes all records away: the client asks again over TCP (RFC 2181, section 9). */
export function truncate(view: QueryView): void {
  const { bytes, at } = view;
  bytes[at + 2] = bytes[at + 2]! | (FLAG_TC >>> 8);
  writeUint32(bytes, at + 6, 0);
  writeUint16(bytes, at + 10, 0);
}

/** The most octets of a response to this query: what the client takes, at most what does not fragment (RFC 9715). */
export function responseLimit(view: QueryView, isStream: boolean, slotBytes: number): number {
  if (isStream) return slotBytes;
  return Math.min(view.payloadSize, UDP_PAYLOAD_BYTES);
}

function writeRecordHead(
  bytes: Uint8Array,
  at: number,
  owner: number,
  type: number,
  ttl: number,
  rdataLength: number,
): number {
  writeUint16(bytes, at, owner);
  writeUint16(bytes, at + 2, type);
  writeUint16(bytes, at + 4, CLASS_IN);
  writeUint32(bytes, at + 6, ttl);
  writeUint16(bytes, at + 10, rdataLength);
  return at + 12;
}

/** Our own OPT (RFC 6891): options and flags of the client are not echoed, but DO (RFC 3225). */
function writeOpt(view: QueryView, at: number, notes: ResponseNotes, textLength: number): number {
  const { bytes } = view;
  bytes[at] = 0;
  writeUint16(bytes, at + 1, TYPE_OPT);
  writeUint16(bytes, at + 3, UDP_PAYLOAD_BYTES);
  bytes[at + 5] = notes.rcodeUpper;
  bytes[at + 6] = 0;
  writeUint16(bytes, at + 7, view.isDnssecOk ? OPT_FLAG_DO : 0);
  writeUint16(bytes, at + 9, edeBytes(notes) + textLength);
  bytes[view.at + 11] = 1;
  let end = at + OPT_BYTES;
  if (notes.ede !== EDE_NONE) {
    end = writeEde(bytes, end, notes.ede, textLength);
    copyBytes(notes.text, notes.textAt, bytes, end - textLength, textLength);
  }
  return notes.secondEde === EDE_NONE ? end : writeEde(bytes, end, notes.secondEde, 0);
}

function writeEde(bytes: Uint8Array, at: number, code: number, textLength: number): number {
  writeUint16(bytes, at, OPTION_EDE);
  writeUint16(bytes, at + 2, 2 + textLength);
  writeUint16(bytes, at + 4, code);
  return at + EDE_BYTES + textLength;
}

/** Octets of the EDE options without their text. */
function edeBytes(notes: ResponseNotes): number {
  return (notes.ede === EDE_NONE ? 0 : EDE_BYTES) + (notes.secondEde === EDE_NONE ? 0 : EDE_BYTES);
}
