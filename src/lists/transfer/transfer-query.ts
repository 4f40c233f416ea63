/** What we ask a primary: its SOA, its whole zone (RFC 5936), or what changed in it (RFC 1995). */

import { randomInt } from 'node:crypto';
import { CLASS_IN, HEADER_BYTES, TYPE_AXFR, TYPE_IXFR, TYPE_SOA } from '../../dns/constants.ts';
import { readUint16, writeUint16, writeUint32 } from '../../lib/bytes.ts';

const RECORD_HEAD_BYTES = 10;
/** Both names the root: only the serial means anything in it. */
const SOA_BYTES = 2 + 20;

export type TransferQuestion =
  | { readonly kind: 'soa' }
  | { readonly kind: 'axfr' }
  /** @param serial of the copy that we have */
  | { readonly kind: 'ixfr'; readonly serial: number };

/** Writes the query with a random ID; RD is not set, for a primary answers from its own. */
export function writeTransferQuery(zone: Uint8Array, question: TransferQuestion): Uint8Array {
  const questionEnd = HEADER_BYTES + zone.length + 4;
  const hasSoa = question.kind === 'ixfr';
  const soaBytes = hasSoa ? zone.length + RECORD_HEAD_BYTES + SOA_BYTES : 0;
  const query = new Uint8Array(questionEnd + soaBytes);
  writeUint16(query, 0, randomInt(0x1_0000));
  writeUint16(query, 4, 1);
  writeUint16(query, 8, hasSoa ? 1 : 0);
  query.set(zone, HEADER_BYTES);
  writeUint16(query, questionEnd - 4, typeOf(question.kind));
  writeUint16(query, questionEnd - 2, CLASS_IN);
  if (question.kind !== 'ixfr') return query;
  query.set(zone, questionEnd);
  const headAt = questionEnd + zone.length;
  writeUint16(query, headAt, TYPE_SOA);
  writeUint16(query, headAt + 2, CLASS_IN);
  writeUint16(query, headAt + 8, SOA_BYTES);
  writeUint32(query, headAt + RECORD_HEAD_BYTES + 2, question.serial);
  return query;
}

export function idOf(query: Uint8Array): number {
  return readUint16(query, 0);
}

export function typeOf(kind: TransferQuestion['kind']): number {
  if (kind === 'soa') return TYPE_SOA;
  return kind === 'axfr' ? TYPE_AXFR : TYPE_IXFR;
}
