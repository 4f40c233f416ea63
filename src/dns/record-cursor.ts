/**
 * Walks a message record by record: for what the control plane reads, where a message may hold as
 * many records as fit into it. The message is hostile: a record that reaches past its end, or a name
 * that is malformed, ends the walk. Every step goes forward, so 65,535 octets bound it.
 *
 *     header │ question … │ record │ record │ record … │
 *                         ▲ at              the cursor holds the record before `at`
 */

import { readUint16, readUint32 } from '../lib/bytes.ts';
import { HEADER_BYTES } from './constants.ts';
import { lowerCaseName, NAME_BYTES_MAX, nameLength, readName } from './name.ts';

const QUESTION_TAIL_BYTES = 4;
const RECORD_HEAD_BYTES = 10;

export interface RecordCursor {
  readonly message: Uint8Array;
  /** Where the next question or record begins. */
  at: number;
  /** Where the one at hand begins. */
  startAt: number;
  /** Its owner, uncompressed and lower-cased, with its root. */
  readonly owner: Uint8Array;
  ownerLength: number;
  type: number;
  class: number;
  /** A TTL with its top bit set is 0 (RFC 2181, section 8). */
  ttl: number;
  rdataAt: number;
  rdataLength: number;
}

/** @param message at least a header; it stays the caller's */
export function createRecordCursor(message: Uint8Array): RecordCursor {
  return {
    message,
    at: HEADER_BYTES,
    startAt: HEADER_BYTES,
    owner: new Uint8Array(NAME_BYTES_MAX),
    ownerLength: 0,
    type: 0,
    class: 0,
    ttl: 0,
    rdataAt: 0,
    rdataLength: 0,
  };
}

/** Reads name, type and class of a question; false where it is malformed. */
export function readQuestion(cursor: RecordCursor): boolean {
  const { message } = cursor;
  const at = readOwner(cursor);
  if (at < 0 || at + QUESTION_TAIL_BYTES > message.length) return false;
  cursor.type = readUint16(message, at);
  cursor.class = readUint16(message, at + 2);
  cursor.at = at + QUESTION_TAIL_BYTES;
  return true;
}

/** Reads a record without looking into its RDATA; false where it is malformed. */
export function readRecord(cursor: RecordCursor): boolean {
  const { message } = cursor;
  const at = readOwner(cursor);
  if (at < 0 || at + RECORD_HEAD_BYTES > message.length) return false;
  const ttl = readUint32(message, at + 4);
  cursor.type = readUint16(message, at);
  cursor.class = readUint16(message, at + 2);
  cursor.ttl = ttl > 0x7fffffff ? 0 : ttl;
  cursor.rdataLength = readUint16(message, at + 8);
  cursor.rdataAt = at + RECORD_HEAD_BYTES;
  cursor.at = cursor.rdataAt + cursor.rdataLength;
  return cursor.at <= message.length;
}

/** The offset after the name, or −1. */
function readOwner(cursor: RecordCursor): number {
  const { message, owner } = cursor;
  cursor.startAt = cursor.at;
  const next = readName(message, 0, message.length, cursor.at, owner);
  if (next < 0) return -1;
  cursor.ownerLength = nameLength(owner);
  lowerCaseName(owner, 0, cursor.ownerLength);
  return next;
}
