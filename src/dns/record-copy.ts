/**
 * Copies single records of a response to the end of an answer's body.
 *
 * Names are not compressed anew but moved: for each label that is written, `view.movedTo` keeps
 * where it stands now, and a name that reaches a label already written ends in a pointer to it.
 *
 *     response   … 40: 3 www 7 example 3 org 0 …        80: 4 mail → 44
 *     movedTo      40 = 29, 44 = 33, 52 = 41            80 = 95, then the pointer to 33
 *
 * The labels of the question are there from the start and stay where they are. So the work is one
 * step a label and nothing is compared or searched, an answer is about as short as upstream made
 * it, and the octets of every name keep their case, except where upstream itself pointed into the
 * question: there each client sees its own case.
 */

import { copyBytes, writeUint16, writeUint32 } from '../lib/bytes.ts';
import { CLASS_IN, HEADER_BYTES } from './constants.ts';
import { nameLength, readName } from './name.ts';
import { rdataShapeOf, TAIL_ANY, type RdataShape } from './rdata-names.ts';
import {
  POINTER_LIMIT,
  RESPONSE_MALFORMED,
  RESPONSE_OK,
  RESPONSE_TOO_LARGE,
  type ResponseStatus,
  type ResponseView,
} from './response-view.ts';
import type { VerifiedAnswer } from './verified-answer.ts';

/** The owner is moved like any other name of the response. */
export const OWNER_AS_CAME = 0;
const POINTER_BITS = 0xc000;
const MESSAGE_BYTES_MAX = 0xffff;

/** Empties the answer and forgets what was moved. */
export function beginCopy(view: ResponseView, answer: VerifiedAnswer): void {
  const { bytes, at, movedTo } = view;
  movedTo.fill(0, 0, Math.min(view.length, POINTER_LIMIT));
  view.isCopied.fill(0, 0, view.recordEnd);
  let offset = HEADER_BYTES;
  for (; bytes[at + offset] !== 0; offset += bytes[at + offset]! + 1) movedTo[offset] = offset;
  answer.bodyLength = 0;
  answer.ttlCount = 0;
}

/**
 * Copies one record, and lowers the answer's lifetime to its TTL.
 *
 * @param owner offset in the answered message of a name equal to the owner, or `OWNER_AS_CAME`
 * @returns `RESPONSE_OK`; else the body is of no use. After it, `view.scratch` holds the last name
 *   of the RDATA (types of `rdata-names` only), uncompressed and in its own case.
 */
export function copyRecord(
  view: ResponseView,
  answer: VerifiedAnswer,
  record: number,
  owner: number,
  ttl: number,
): ResponseStatus {
  const type = view.type[record]!;
  if (owner === OWNER_AS_CAME) moveName(view, answer, view.ownerAt[record]!);
  else appendUint16(answer, POINTER_BITS | owner);
  appendUint16(answer, type);
  appendUint16(answer, CLASS_IN);
  writeUint16(answer.bytes, answer.ttlsAt + answer.ttlCount++ * 2, answer.bodyLength);
  writeUint32(answer.bytes, answer.bodyLength, ttl);
  answer.bodyLength += 4;
  answer.lifetimeSeconds = Math.min(answer.lifetimeSeconds, ttl);
  const lengthAt = answer.bodyLength;
  answer.bodyLength += 2;
  if (!copyRdata(view, answer, record, rdataShapeOf(type))) return RESPONSE_MALFORMED;
  writeUint16(answer.bytes, lengthAt, answer.bodyLength - lengthAt - 2);
  view.isCopied[record] = 1;
  const isWithin = view.questionEnd + answer.bodyLength <= MESSAGE_BYTES_MAX;
  return isWithin ? RESPONSE_OK : RESPONSE_TOO_LARGE;
}

/**
 * Where the name at an offset of the response, already copied, stands in the answered message:
 * an `owner` for `copyRecord`, `OWNER_AS_CAME` where no pointer reaches it.
 */
export function movedNameAt(view: ResponseView, offset: number): number {
  const { bytes, at, movedTo } = view;
  for (;;) {
    if (offset < POINTER_LIMIT && movedTo[offset] !== 0) return movedTo[offset]!;
    const octet = bytes[at + offset]!;
    if (octet < 0xc0) return OWNER_AS_CAME;
    offset = ((octet & 0x3f) << 8) | bytes[at + offset + 1]!;
  }
}

/** False where the RDATA does not have the form of its type. */
function copyRdata(
  view: ResponseView,
  answer: VerifiedAnswer,
  record: number,
  shape: RdataShape | undefined,
): boolean {
  const rdataAt = view.rdataAt[record]!;
  const end = rdataAt + view.rdataLength[record]!;
  if (shape === undefined) {
    appendOctets(view, answer, rdataAt, end);
    return true;
  }
  let offset = rdataAt + shape.fixed;
  for (let string = 0; string < shape.strings && offset < end; string++) {
    offset += view.bytes[view.at + offset]! + 1;
  }
  if (offset > end) return false;
  appendOctets(view, answer, rdataAt, offset);
  for (let name = 0; name < shape.names; name++) {
    offset = copyRdataName(view, answer, shape, offset, end);
    if (offset < 0) return false;
  }
  appendOctets(view, answer, offset, end);
  return shape.tail === TAIL_ANY || end - offset === shape.tail;
}

/** Returns the offset after the name in the response, or −1. */
function copyRdataName(
  view: ResponseView,
  answer: VerifiedAnswer,
  shape: RdataShape,
  offset: number,
  end: number,
): number {
  const { bytes, at, scratch } = view;
  const next = readName(bytes, at, at + end, at + offset, scratch) - at;
  if (next < 0) return -1;
  if (shape.form === 'compressible') {
    moveName(view, answer, offset);
    return next;
  }
  const length = nameLength(scratch);
  if (shape.form === 'strict' && next - offset !== length) return -1;
  copyBytes(scratch, 0, answer.bytes, answer.bodyLength, length);
  answer.bodyLength += length;
  return next;
}

/** Appends the name at an offset of the response, which has been read without fault before. */
function moveName(view: ResponseView, answer: VerifiedAnswer, source: number): void {
  const { bytes, at, movedTo, questionEnd } = view;
  for (let offset = source; ;) {
    const moved = offset < POINTER_LIMIT ? movedTo[offset]! : 0;
    if (moved !== 0) {
      appendUint16(answer, POINTER_BITS | moved);
      return;
    }
    const octet = bytes[at + offset]!;
    if (octet >= 0xc0) {
      offset = ((octet & 0x3f) << 8) | bytes[at + offset + 1]!;
      continue;
    }
    const position = questionEnd + answer.bodyLength;
    appendOctets(view, answer, offset, offset + octet + 1);
    if (octet === 0) return;
    if (offset < POINTER_LIMIT && position < POINTER_LIMIT) movedTo[offset] = position;
    offset += octet + 1;
  }
}

function appendOctets(view: ResponseView, answer: VerifiedAnswer, from: number, to: number): void {
  copyBytes(view.bytes, view.at + from, answer.bytes, answer.bodyLength, to - from);
  answer.bodyLength += to - from;
}

function appendUint16(answer: VerifiedAnswer, value: number): void {
  writeUint16(answer.bytes, answer.bodyLength, value);
  answer.bodyLength += 2;
}
