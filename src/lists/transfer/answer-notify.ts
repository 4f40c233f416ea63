/**
 * NOTIFY (RFC 1996): a primary says that its zone has changed. All that follows from it is a look at
 * the SOA, so a forged one gains nothing; still, only a primary of the zone is answered at all, and
 * where the transfer has a key, only its signature counts.
 *
 *     a stranger, a response ──▶ silence        an unknown zone ──▶ NOTAUTH
 *     another opcode ──▶ NOTIMP                 a wrong signature ──▶ NOTAUTH with its TSIG error
 *     malformed, not one SOA question ──▶ FORMERR        none where one is due ──▶ REFUSED
 */

import {
  CLASS_IN,
  FLAG_AA,
  FLAG_QR,
  HEADER_BYTES,
  OPCODE_NOTIFY,
  RCODE_FORMERR,
  RCODE_NOERROR,
  RCODE_NOTAUTH,
  RCODE_NOTIMP,
  RCODE_REFUSED,
  TYPE_SOA,
} from '../../dns/constants.ts';
import { namesEqual, nameToText } from '../../dns/name.ts';
import { createRecordCursor, readQuestion } from '../../dns/record-cursor.ts';
import { readTsig, type SignedMessage } from '../../dns/tsig-record.ts';
import { readUint16, writeUint16 } from '../../lib/bytes.ts';
import { checkRequest, signAnswer, type TsigKey } from './tsig.ts';

/** A zone that is transferred, as those who notify must know it. */
export interface NotifiedZone {
  readonly list: string;
  /** Wire form, lower-cased. */
  readonly zone: Uint8Array;
  /** Addresses of its primaries, in the form of `formatIpAddress`. */
  readonly addresses: readonly string[];
  /** Null: there is none, or the configuration has not got it. */
  readonly key: TsigKey | null;
  /** False: a NOTIFY need not be signed. */
  readonly isKeyNeeded: boolean;
}

export interface NotifyAnswer {
  /** Null: nothing is sent. */
  readonly answer: Uint8Array | null;
  /** Whose SOA is to be looked at. */
  readonly lists: readonly string[];
}

const SILENCE: NotifyAnswer = { answer: null, lists: [] };

/** @param address whom the message came from */
export function answerNotify(
  message: Uint8Array,
  address: string,
  zones: readonly NotifiedZone[],
  nowSeconds: number,
): NotifyAnswer {
  const known = zones.filter(({ addresses }) => addresses.includes(address));
  if (known.length === 0 || message.length < HEADER_BYTES) return SILENCE;
  const flags = readUint16(message, 2);
  if ((flags & FLAG_QR) !== 0) return SILENCE;
  if (((flags >>> 11) & 15) !== OPCODE_NOTIFY) return refusal(message, 0, RCODE_NOTIMP);
  const found = readTsig(message);
  const questionEnd = found === 'malformed' ? 0 : readSoaQuestion(message);
  if (found === 'malformed' || questionEnd === 0) return refusal(message, 0, RCODE_FORMERR);
  const meant = known.filter(({ zone }) => namesEqual(zone, 0, message, HEADER_BYTES));
  if (found !== null) return answerSigned(message, questionEnd, found, meant, known, nowSeconds);
  if (meant.length === 0) return refusal(message, questionEnd, RCODE_NOTAUTH);
  const accepted = meant.filter(({ isKeyNeeded }) => !isKeyNeeded);
  if (accepted.length === 0) return refusal(message, questionEnd, RCODE_REFUSED);
  return {
    answer: writeAnswer(message, questionEnd, RCODE_NOERROR),
    lists: accepted.map(({ list }) => list),
  };
}

/** What is signed is answered signed, whatever the answer. */
function answerSigned(
  message: Uint8Array,
  questionEnd: number,
  request: SignedMessage,
  meant: readonly NotifiedZone[],
  known: readonly NotifiedZone[],
  nowSeconds: number,
): NotifyAnswer {
  const { tsig } = request;
  const name = nameToText(tsig.keyName);
  const key = known.find((zone) => zone.key?.name.toLowerCase() === name)?.key ?? null;
  const error = checkRequest(request, key, nowSeconds);
  if (error < 0) return refusal(message, questionEnd, RCODE_FORMERR);
  // A zone that needs no key may be notified with one that another zone has.
  const accepted = meant.filter((zone) => !zone.isKeyNeeded || zone.key === key);
  const rcode =
    error !== 0 || meant.length === 0
      ? RCODE_NOTAUTH
      : accepted.length === 0
        ? RCODE_REFUSED
        : RCODE_NOERROR;
  const answer = writeAnswer(message, questionEnd, rcode);
  return {
    answer: signAnswer(answer, tsig, key, error, nowSeconds),
    lists: rcode === RCODE_NOERROR ? accepted.map(({ list }) => list) : [],
  };
}

/** The offset after the one question, or 0 where there is another number of them, or of another type. */
function readSoaQuestion(message: Uint8Array): number {
  const cursor = createRecordCursor(message);
  if (readUint16(message, 4) !== 1 || !readQuestion(cursor)) return 0;
  // Nothing stands before it to point to, so the name is in full and can be read where it lies.
  const isInFull = cursor.at === HEADER_BYTES + cursor.ownerLength + 4;
  return isInFull && cursor.type === TYPE_SOA && cursor.class === CLASS_IN ? cursor.at : 0;
}

function refusal(message: Uint8Array, questionEnd: number, rcode: number): NotifyAnswer {
  return { answer: writeAnswer(message, questionEnd, rcode), lists: [] };
}

/** @param questionEnd 0: the question is not repeated */
function writeAnswer(message: Uint8Array, questionEnd: number, rcode: number): Uint8Array {
  const hasQuestion = questionEnd > 0;
  // Not `slice`, which shares the memory where the message is a Buffer.
  const answer = new Uint8Array(message.subarray(0, hasQuestion ? questionEnd : HEADER_BYTES));
  const opcode = readUint16(message, 2) & 0x7800;
  writeUint16(answer, 2, FLAG_QR | opcode | (rcode === RCODE_NOERROR ? FLAG_AA : 0) | rcode);
  writeUint16(answer, 4, hasQuestion ? 1 : 0);
  answer.fill(0, 6, HEADER_BYTES);
  return answer;
}
