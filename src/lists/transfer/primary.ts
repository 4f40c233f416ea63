/**
 * A primary, asked for a zone: its SOA, the whole zone, or what changed since a serial. Signed where
 * the transfer has a key; then nothing counts that is not.
 */

import {
  readSoa,
  CANONICAL_RDATA_BYTES_MAX,
  writeCanonicalRdata,
  type Soa,
} from '../../dns/canonical-rdata.ts';
import { CLASS_IN, FLAG_AA, TYPE_SOA } from '../../dns/constants.ts';
import { NAME_BYTES_MAX, namesEqual, writeName } from '../../dns/name.ts';
import { readRecord } from '../../dns/record-cursor.ts';
import { assert } from '../../lib/assert.ts';
import { lowerCaseOctet } from '../../lib/bytes.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Endpoint } from '../../lib/endpoint.ts';
import { type ConversationLimits, converse } from './converse.ts';
import { type Asked, readResponseHead } from './response-head.ts';
import { TransferError } from './transfer-error.ts';
import { idOf, type TransferQuestion, typeOf, writeTransferQuery } from './transfer-query.ts';
import { TransferStream } from './transfer-stream.ts';
import { SignedExchange, type TsigKey } from './tsig.ts';
import type { ZoneCopy } from './zone-copy.ts';

/** For a question that one message answers. */
export const SOA_LIMITS: ConversationLimits = {
  connectMs: 5_000,
  silenceMs: 5_000,
  totalMs: 10_000,
  bytesMax: 65_537,
};

export interface Primary {
  readonly endpoint: Endpoint;
  /** Wire form, lower-cased. */
  readonly zone: Uint8Array;
  /** Null: nothing is signed. */
  readonly key: TsigKey | null;
  readonly clock: Clock;
}

/**
 * Asks for the SOA, over TCP, where nobody beside the way can answer in the primary's place.
 * @throws TransferError
 */
export function askSoa(primary: Primary, limits = SOA_LIMITS): Promise<Soa> {
  return ask(primary, { kind: 'soa' }, limits, readSoaAnswer);
}

/**
 * Takes the zone into the copy.
 * @param serial of the copy, whose differences are asked for; null: the whole zone is
 * @throws TransferError; the copy is then of no use
 */
export function askTransfer(
  primary: Primary,
  copy: ZoneCopy,
  serial: number | null,
  limits: ConversationLimits,
): Promise<TransferStream> {
  let stream: TransferStream | null = null;
  const question: TransferQuestion = serial === null ? { kind: 'axfr' } : { kind: 'ixfr', serial };
  return ask(primary, question, limits, (message, asked) => {
    stream ??= new TransferStream(asked, copy, serial);
    stream.accept(message);
    return stream.isDone ? stream : null;
  });
}

/** The name as it is compared: wire octets in lower case. */
export function wireZone(zone: string): Uint8Array {
  const out = new Uint8Array(NAME_BYTES_MAX);
  const length = writeName(zone, out);
  assert(length > 0, 'names of zones are checked with the document');
  return out.slice(0, length).map(lowerCaseOctet);
}

/** @param onMessage returns what the answer is with its last message, null before */
async function ask<Answer>(
  { endpoint, zone, key, clock }: Primary,
  question: TransferQuestion,
  limits: ConversationLimits,
  onMessage: (message: Uint8Array, asked: Asked) => Answer | null,
): Promise<Answer> {
  const query = writeTransferQuery(zone, question);
  const asked: Asked = { id: idOf(query), zone, type: typeOf(question.kind) };
  const nowSeconds = (): number => Math.floor(clock.wallMs() / 1000);
  const signed = key === null ? null : new SignedExchange(key, query, nowSeconds());
  return await converse(endpoint, signed?.query ?? query, limits, (message) => {
    signed?.accept(message, nowSeconds());
    const answer = onMessage(message, asked);
    if (answer !== null) signed?.finish();
    return answer;
  });
}

function readSoaAnswer(message: Uint8Array, asked: Asked): Soa {
  const { flags, answerCount, cursor } = readResponseHead(message, asked, true);
  if ((flags & FLAG_AA) === 0) {
    throw new TransferError('protocol', 'it is not authoritative for the zone');
  }
  const isSoa =
    answerCount === 1 &&
    readRecord(cursor) &&
    cursor.type === TYPE_SOA &&
    cursor.class === CLASS_IN &&
    namesEqual(cursor.owner, 0, asked.zone, 0);
  const rdata = new Uint8Array(CANONICAL_RDATA_BYTES_MAX);
  const length = isSoa ? writeCanonicalRdata(cursor, rdata) : -1;
  if (length < 0) throw new TransferError('protocol', 'it has no SOA for the zone');
  return readSoa(rdata, length);
}
