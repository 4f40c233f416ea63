/** What must agree in every message of a response before its records are looked at. */

import {
  CLASS_IN,
  FLAG_QR,
  FLAG_TC,
  HEADER_BYTES,
  OPCODE_QUERY,
  RCODE_FORMERR,
  RCODE_NOERROR,
  RCODE_NOTAUTH,
  RCODE_NOTIMP,
  RCODE_NXDOMAIN,
  RCODE_REFUSED,
  RCODE_SERVFAIL,
} from '../../dns/constants.ts';
import { namesEqual } from '../../dns/name.ts';
import { createRecordCursor, readQuestion, type RecordCursor } from '../../dns/record-cursor.ts';
import { readUint16 } from '../../lib/bytes.ts';
import { TransferError } from './transfer-error.ts';

const RCODE_NAMES = new Map([
  [RCODE_FORMERR, 'FORMERR'],
  [RCODE_SERVFAIL, 'SERVFAIL'],
  [RCODE_NXDOMAIN, 'NXDOMAIN'],
  [RCODE_NOTIMP, 'NOTIMP'],
  [RCODE_REFUSED, 'REFUSED'],
  [RCODE_NOTAUTH, 'NOTAUTH'],
]);

export interface Asked {
  readonly id: number;
  /** Wire form, lower-cased. */
  readonly zone: Uint8Array;
  readonly type: number;
}

export interface ResponseHead {
  readonly flags: number;
  readonly answerCount: number;
  /** Stands at the first record. */
  readonly cursor: RecordCursor;
}

/**
 * @param isFirst later messages of a stream may leave the question out (RFC 5936, section 2.2)
 * @throws TransferError `protocol` or `refused`
 */
export function readResponseHead(
  message: Uint8Array,
  asked: Asked,
  isFirst: boolean,
): ResponseHead {
  if (message.length < HEADER_BYTES) throw notTransfer('its message is cut off');
  const flags = readUint16(message, 2);
  if ((flags & FLAG_QR) === 0 || ((flags >>> 11) & 15) !== OPCODE_QUERY) {
    throw notTransfer('its message is no response');
  }
  if (readUint16(message, 0) !== asked.id) throw notTransfer('its message has another ID');
  const rcode = flags & 15;
  if (rcode !== RCODE_NOERROR) {
    throw new TransferError('refused', `it answers ${RCODE_NAMES.get(rcode) ?? `rcode ${rcode}`}`);
  }
  if ((flags & FLAG_TC) !== 0) throw notTransfer('its message is truncated');
  const cursor = createRecordCursor(message);
  const questionCount = readUint16(message, 4);
  if (questionCount > 1 || (isFirst && questionCount === 0)) {
    throw notTransfer(`its message has ${questionCount} questions`);
  }
  if (questionCount === 1 && !isAsked(cursor, asked)) {
    throw notTransfer('its message is about another question');
  }
  return { flags, answerCount: readUint16(message, 6), cursor };
}

function isAsked(cursor: RecordCursor, { zone, type }: Asked): boolean {
  return (
    readQuestion(cursor) &&
    namesEqual(cursor.owner, 0, zone, 0) &&
    cursor.type === type &&
    cursor.class === CLASS_IN
  );
}

function notTransfer(what: string): TransferError {
  return new TransferError('protocol', what);
}
