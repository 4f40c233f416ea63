/**
 * The verified part of a response, in the one form in which it is answered and cached.
 *
 *     body      │ record │ record │ …    answer records, then authority records; exactly the octets
 *                                        that stand behind the question of a response
 *     ttls      │ u16 │ u16 │ …          network order: where each record's TTL stands in the body
 *     targets   │ name │ name │ …        the names that the answer leads to, in order: CNAME and
 *                                        DNAME targets, SVCB and HTTPS TargetNames; lower-cased,
 *                                        uncompressed, each once, the asked name never
 *
 * The three parts lie somewhere in one array: the answer's own, or a slab of the cache, to which
 * `cache/message-cache` points it.
 *
 * Compression pointers of the body count from the first octet of the message, and a question of the
 * same name has the same length whoever asks it. So the body fits behind the question of every
 * client, and what points into the question (offset 12 and on) takes on that client's own case.
 */

import { copyBytes, readUint16, readUint32, writeUint32 } from '../lib/bytes.ts';
import { NAME_BYTES_MAX } from './name.ts';
import { RECORDS_MAX } from './response-view.ts';

/** Not judged beyond this, so not answered either. */
export const TARGETS_MAX = 16;
/** What clients get for an answer past its time (RFC 8767, section 5). */
export const STALE_TTL_SECONDS = 30;

/** The asked type is there. */
export const ANSWER_POSITIVE = 1;
/** NXDOMAIN or NODATA, perhaps behind a chain, with its SOA (RFC 2308). */
export const ANSWER_NEGATIVE = 2;
/** Nothing of the asked type and no SOA: an open chain, a referral. Passed on, never cached. */
export const ANSWER_OPEN = 3;
/** An rcode that says upstream could not tell (SERVFAIL, REFUSED …): no records. */
export const ANSWER_FAILURE = 4;
export type AnswerKind = 1 | 2 | 3 | 4;

export interface VerifiedAnswer {
  bytes: Uint8Array;
  bodyAt: number;
  bodyLength: number;
  ttlsAt: number;
  ttlCount: number;
  targetsAt: number;
  targetCount: number;
  targetsLength: number;
  answerCount: number;
  authorityCount: number;
  kind: AnswerKind;
  /** The extended rcode, twelve bits. */
  rcode: number;
  /** The AD bit as upstream set it; whether it may be passed on is the resolver's to decide. */
  isAuthentic: boolean;
  /** The smallest TTL, of a negative answer RFC 2308's; 0 = not to be cached. */
  lifetimeSeconds: number;
  /** Whole seconds since it came; 0 for a fresh one. */
  ageSeconds: number;
  isStale: boolean;
}

/**
 * Room for the longest message, and for one record more: what is being written is measured after
 * each record, not before.
 */
const BODY_ROOM_BYTES = 2 * 0x10000 + 1024;
const TTLS_ROOM_BYTES = RECORDS_MAX * 2;

/** An answer with an array of its own, to be filled by `extractChain`. */
export function createVerifiedAnswer(): VerifiedAnswer {
  const targetsRoom = TARGETS_MAX * NAME_BYTES_MAX;
  return {
    ...createAnswerPointer(),
    bytes: new Uint8Array(BODY_ROOM_BYTES + TTLS_ROOM_BYTES + targetsRoom),
    ttlsAt: BODY_ROOM_BYTES,
    targetsAt: BODY_ROOM_BYTES + TTLS_ROOM_BYTES,
  };
}

/** An answer without octets of its own: a look-up points it into the cache. Never extract into it. */
export function createAnswerPointer(): VerifiedAnswer {
  return {
    bytes: new Uint8Array(0),
    bodyAt: 0,
    bodyLength: 0,
    ttlsAt: 0,
    ttlCount: 0,
    targetsAt: 0,
    targetCount: 0,
    targetsLength: 0,
    answerCount: 0,
    authorityCount: 0,
    kind: ANSWER_FAILURE,
    rcode: 0,
    isAuthentic: false,
    lifetimeSeconds: 0,
    ageSeconds: 0,
    isStale: false,
  };
}

/**
 * Writes the records behind a question of the answer's name and type, TTLs aged and clamped.
 *
 * @param to the response; the caller has `answer.bodyLength` octets of room at `toAt`
 * @param toAt offset after the question
 * @param ttlMaxSeconds no TTL leaves higher than this (the clamp of the policy in force)
 * @returns offset after the records; header and counts are the caller's
 */
export function writeAnswer(
  answer: VerifiedAnswer,
  to: Uint8Array,
  toAt: number,
  ttlMaxSeconds: number,
): number {
  const { bytes, ageSeconds } = answer;
  const limit = answer.isStale ? Math.min(STALE_TTL_SECONDS, ttlMaxSeconds) : ttlMaxSeconds;
  copyBytes(bytes, answer.bodyAt, to, toAt, answer.bodyLength);
  for (let index = 0; index < answer.ttlCount; index++) {
    const at = toAt + readUint16(bytes, answer.ttlsAt + index * 2);
    // Stale records have outlived their own TTLs: all of them say the same (RFC 8767, section 4).
    const rest = answer.isStale ? limit : Math.max(0, readUint32(to, at) - ageSeconds);
    writeUint32(to, at, Math.min(rest, limit));
  }
  return toAt + answer.bodyLength;
}
