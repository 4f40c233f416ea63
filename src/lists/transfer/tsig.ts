/**
 * Signed exchanges (RFC 8945). The MAC of each message covers the one before it, so a stream is one
 * chain from our query to its last message:
 *
 *     query ──MAC──▶ first ──MAC──▶ … up to 99 unsigned … ──MAC──▶ last
 *             variables      timers, and all the unsigned since
 *
 * What is not yet covered may be a forgery: who reads it does nothing with it that cannot be thrown
 * away, until `finish` has said that the last message was covered.
 *
 * Truncated MACs are not taken (the policy of section 5.2.4): nothing sends them unless told to.
 */

import { createHmac, timingSafeEqual } from 'node:crypto';
import { TSIG_BADKEY, TSIG_BADSIG, TSIG_BADTIME, TSIG_BADTRUNC } from '../../dns/constants.ts';
import { NAME_BYTES_MAX, nameToText, writeName } from '../../dns/name.ts';
import {
  appendTsig,
  readTsig,
  readTsigTime,
  type SignedMessage,
  tsigTime,
  type TsigRecord,
  tsigTimers,
  tsigVariables,
} from '../../dns/tsig-record.ts';
import { assert } from '../../lib/assert.ts';
import { lowerCaseOctet, readUint16 } from '../../lib/bytes.ts';
import { TransferError } from './transfer-error.ts';

export type TsigAlgorithm = 'hmac-sha256' | 'hmac-sha384' | 'hmac-sha512';

export const TSIG_ALGORITHMS: readonly TsigAlgorithm[] = [
  'hmac-sha256',
  'hmac-sha384',
  'hmac-sha512',
];

export interface TsigKey {
  /** As both sides know it, in presentation form. */
  readonly name: string;
  readonly algorithm: TsigAlgorithm;
  /** Never logged, never in a message of an error. */
  readonly secret: Uint8Array;
}

/** What RFC 8945, section 10, recommends; clocks may differ by as much. */
const FUDGE_SECONDS = 300;
/** Between two signed messages of a stream (section 5.3.1). */
const UNSIGNED_MESSAGES_MAX = 99;
/** Shorter MACs are no MACs (section 5.2.2.1), nor are those of less than half the hash. */
const MAC_BYTES_MIN = 10;
const NOTHING = new Uint8Array(0);

type Hmac = ReturnType<typeof createHmac>;

/** Our query and what answers it. */
export class SignedExchange {
  /** The query with its signature. */
  readonly query: Uint8Array;
  readonly #key: TsigKey;
  /** Over what has come since the last MAC, which begins it. */
  #hmac: Hmac;
  #isFirst = true;
  #unsignedCount = 0;

  /** @param query without TSIG record */
  constructor(key: TsigKey, query: Uint8Array, nowSeconds: number) {
    this.#key = key;
    const fields = tsigOf(key, readUint16(query, 0), nowSeconds);
    const hmac = startHmac(key).update(query).update(tsigVariables(fields));
    const mac = hmac.digest();
    const signed = appendTsig(query, { ...fields, mac });
    assert(signed !== null, 'a query has room for its signature');
    this.query = signed;
    this.#hmac = startHmac(key, mac);
  }

  /**
   * Takes the next message of the response.
   * @throws TransferError `signature`
   */
  accept(message: Uint8Array, nowSeconds: number): void {
    const found = readTsig(message);
    if (found === 'malformed') throw wrong('its message or its TSIG record is malformed');
    if (found === null) this.#acceptUnsigned(message);
    else this.#acceptSigned(found, nowSeconds);
  }

  /** @throws TransferError `signature` where the last message was not signed */
  finish(): void {
    if (this.#isFirst || this.#unsignedCount > 0) throw wrong('its last message is not signed');
  }

  #acceptUnsigned(message: Uint8Array): void {
    if (this.#isFirst) throw wrong('its response is not signed');
    if (++this.#unsignedCount > UNSIGNED_MESSAGES_MAX) {
      throw wrong(`more than ${UNSIGNED_MESSAGES_MAX} messages in a row are not signed`);
    }
    this.#hmac.update(message);
  }

  #acceptSigned({ tsig, unsigned }: SignedMessage, nowSeconds: number): void {
    if (!isOfKey(tsig, this.#key)) {
      throw wrong(`it is signed with another key, ${nameToText(tsig.keyName)}`);
    }
    // An error of these two comes without a MAC, since there is no key to make it with.
    if (tsig.error === TSIG_BADKEY) throw wrong('it does not know this key (BADKEY)');
    if (tsig.error === TSIG_BADSIG) throw wrong('our signature is wrong for it (BADSIG)');
    const covered = this.#isFirst ? tsigVariables(tsig) : tsigTimers(tsig);
    const mac = this.#hmac.update(unsigned).update(covered).digest();
    const isSigned = isSameMac(tsig.mac, mac);
    if (tsig.error === TSIG_BADTIME) {
      // NSD does not sign this as RFC 8945, section 5.2.3, wants it; it is a refusal either way.
      const doubt = isSigned ? '' : '; nobody has signed that';
      throw wrong(`${describeClocks(tsig, nowSeconds)}${doubt}`);
    }
    if (!isSigned) throw wrong('the signature of its response is wrong');
    if (tsig.error !== 0) throw wrong(`it reports TSIG error ${tsig.error}`);
    if (!isInTime(tsig, nowSeconds)) {
      throw wrong(`it signed at ${timeText(tsig.timeSeconds)}; set the clocks of both machines`);
    }
    this.#hmac = startHmac(this.#key, tsig.mac);
    this.#isFirst = false;
    this.#unsignedCount = 0;
  }
}

/**
 * Checks a signed request that came to us, in the order of RFC 8945, section 5.2.
 * @param key the one that the record names, or null where there is none of that name
 * @returns 0, or the error that the answer reports; −1 where the MAC is no MAC (FORMERR)
 */
export function checkRequest(
  { tsig, unsigned }: SignedMessage,
  key: TsigKey | null,
  nowSeconds: number,
): number {
  if (key === null || !isOfKey(tsig, key)) return TSIG_BADKEY;
  const mac = startHmac(key).update(unsigned).update(tsigVariables(tsig)).digest();
  const { length } = tsig.mac;
  if (length > mac.length || length < Math.max(MAC_BYTES_MIN, mac.length / 2)) return -1;
  if (!isSameMac(tsig.mac, mac.subarray(0, length))) return TSIG_BADSIG;
  if (!isInTime(tsig, nowSeconds)) return TSIG_BADTIME;
  return length < mac.length ? TSIG_BADTRUNC : 0;
}

/**
 * Signs the answer to a signed request. Where the request's signature could not be trusted, the
 * record goes out without a MAC (section 5.3.2).
 * @param error as `checkRequest` gave it, not −1
 */
export function signAnswer(
  answer: Uint8Array,
  request: TsigRecord,
  key: TsigKey | null,
  error: number,
  nowSeconds: number,
): Uint8Array {
  const isTimeWrong = error === TSIG_BADTIME;
  const fields: TsigRecord = {
    keyName: request.keyName,
    algorithm: request.algorithm,
    // The peer must be able to check what tells it that its clock is wrong (section 5.2.3).
    timeSeconds: isTimeWrong ? request.timeSeconds : nowSeconds,
    fudgeSeconds: FUDGE_SECONDS,
    mac: NOTHING,
    originalId: readUint16(answer, 0),
    error,
    other: isTimeWrong ? tsigTime(nowSeconds) : NOTHING,
  };
  const isTrusted = key !== null && error !== TSIG_BADKEY && error !== TSIG_BADSIG;
  const mac = isTrusted
    ? startHmac(key, request.mac).update(answer).update(tsigVariables(fields)).digest()
    : NOTHING;
  const signed = appendTsig(answer, { ...fields, mac });
  assert(signed !== null, 'an answer has room for its signature');
  return signed;
}

function tsigOf(key: TsigKey, originalId: number, nowSeconds: number): TsigRecord {
  return {
    keyName: wireName(key.name),
    algorithm: wireName(key.algorithm),
    timeSeconds: nowSeconds,
    fudgeSeconds: FUDGE_SECONDS,
    mac: NOTHING,
    originalId,
    error: 0,
    other: NOTHING,
  };
}

/** @param previous the MAC that this one is chained to, with its length in front (section 5.3) */
function startHmac({ algorithm, secret }: TsigKey, previous?: Uint8Array): Hmac {
  const hmac = createHmac(algorithm.slice('hmac-'.length), secret);
  if (previous === undefined) return hmac;
  return hmac.update(Uint8Array.of(previous.length >>> 8, previous.length)).update(previous);
}

function isOfKey(tsig: TsigRecord, key: TsigKey): boolean {
  return (
    areEqual(tsig.keyName, wireName(key.name)) && areEqual(tsig.algorithm, wireName(key.algorithm))
  );
}

/** Names of keys are no secret: the time of this comparison may tell. */
function areEqual(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function isSameMac(given: Uint8Array, computed: Uint8Array): boolean {
  return given.length === computed.length && timingSafeEqual(given, computed);
}

function isInTime({ timeSeconds, fudgeSeconds }: TsigRecord, nowSeconds: number): boolean {
  return Math.abs(nowSeconds - timeSeconds) <= fudgeSeconds;
}

function wireName(text: string): Uint8Array {
  const out = new Uint8Array(NAME_BYTES_MAX);
  const length = writeName(text, out);
  assert(length > 0, 'names of keys are checked with the configuration');
  return out.slice(0, length).map(lowerCaseOctet);
}

function describeClocks(tsig: TsigRecord, nowSeconds: number): string {
  const theirs = readTsigTime(tsig.other);
  const says =
    theirs < 0 ? '' : `: its clock says ${timeText(theirs)}, ours ${timeText(nowSeconds)}`;
  return `the clocks differ too much for it (BADTIME)${says}`;
}

/** A time of 48 bits may lie beyond what a date can be. */
function timeText(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `second ${seconds}` : date.toISOString();
}

function wrong(what: string): TransferError {
  return new TransferError('signature', what);
}
