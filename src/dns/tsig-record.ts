/**
 * The TSIG record (RFC 8945, section 4.2) and the octets that its MAC is made over. The MAC itself
 * is made elsewhere: there is no cryptography on this floor.
 *
 *     RDATA      algorithm │ time 48 │ fudge 16 │ size 16 │ MAC │ ID 16 │ error 16 │ size 16 │ other
 *     variables  key name │ ANY │ TTL 0 │ algorithm │ time │ fudge │ error │ size │ other
 *     timers     time │ fudge
 */

import { readUint16, readUint32, writeUint16, writeUint32 } from '../lib/bytes.ts';
import { CLASS_ANY, HEADER_BYTES, TYPE_TSIG } from './constants.ts';
import { lowerCaseName, NAME_BYTES_MAX, nameLength, readName } from './name.ts';
import {
  createRecordCursor,
  readQuestion,
  readRecord,
  type RecordCursor,
} from './record-cursor.ts';

const TIME_BYTES = 6;
const TIMERS_BYTES = TIME_BYTES + 2;
const ARCOUNT_AT = 10;
const MESSAGE_BYTES_MAX = 0xffff;

export interface TsigRecord {
  /** Wire form, lower-cased. */
  readonly keyName: Uint8Array;
  /** Wire form, lower-cased. */
  readonly algorithm: Uint8Array;
  /** Seconds since the Unix epoch. */
  readonly timeSeconds: number;
  readonly fudgeSeconds: number;
  readonly mac: Uint8Array;
  readonly originalId: number;
  readonly error: number;
  readonly other: Uint8Array;
}

export interface SignedMessage {
  readonly tsig: TsigRecord;
  /** The message as it was signed: without the record, and with its original ID. A copy. */
  readonly unsigned: Uint8Array;
}

/**
 * Looks for the TSIG record of a message.
 * @returns null where it has none; 'malformed' where the message is, or where the record stands
 *   anywhere but at its very end, is of another class than ANY, or has a TTL (section 5.2)
 */
export function readTsig(message: Uint8Array): SignedMessage | 'malformed' | null {
  if (message.length < HEADER_BYTES) return 'malformed';
  const cursor = createRecordCursor(message);
  for (let rest = readUint16(message, 4); rest > 0; rest--) {
    if (!readQuestion(cursor)) return 'malformed';
  }
  const additional = readUint16(message, ARCOUNT_AT);
  const records = readUint16(message, 6) + readUint16(message, 8) + additional;
  for (let index = 0; index < records; index++) {
    if (!readRecord(cursor)) return 'malformed';
    if (cursor.type !== TYPE_TSIG) continue;
    // Octets after the record would be covered by no MAC.
    const isLast = index === records - 1 && additional > 0 && cursor.at === message.length;
    const tsig =
      isLast && cursor.class === CLASS_ANY && hasNoTtl(cursor) ? readRdata(cursor) : null;
    if (tsig === null) return 'malformed';
    const unsigned = copyOf(message, 0, cursor.startAt);
    writeUint16(unsigned, 0, tsig.originalId);
    writeUint16(unsigned, ARCOUNT_AT, additional - 1);
    return { tsig, unsigned };
  }
  return null;
}

/** The message with the record at its end; null where both together are longer than a message. */
export function appendTsig(unsigned: Uint8Array, tsig: TsigRecord): Uint8Array | null {
  const { keyName, algorithm, mac, other } = tsig;
  const rdataLength = algorithm.length + TIMERS_BYTES + 2 + mac.length + 6 + other.length;
  const headAt = unsigned.length + keyName.length;
  if (headAt + 10 + rdataLength > MESSAGE_BYTES_MAX) return null;
  const message = new Uint8Array(headAt + 10 + rdataLength);
  message.set(unsigned);
  writeUint16(message, ARCOUNT_AT, readUint16(unsigned, ARCOUNT_AT) + 1);
  message.set(keyName, unsigned.length);
  writeUint16(message, headAt, TYPE_TSIG);
  writeUint16(message, headAt + 2, CLASS_ANY);
  writeUint16(message, headAt + 8, rdataLength);
  let at = headAt + 10;
  message.set(algorithm, at);
  at += algorithm.length;
  writeTimers(message, at, tsig);
  at += TIMERS_BYTES;
  writeUint16(message, at, mac.length);
  message.set(mac, at + 2);
  at += 2 + mac.length;
  writeUint16(message, at, tsig.originalId);
  writeUint16(message, at + 2, tsig.error);
  writeUint16(message, at + 4, other.length);
  message.set(other, at + 6);
  return message;
}

/** What the MAC covers besides the message (section 4.3.3). */
export function tsigVariables(tsig: TsigRecord): Uint8Array {
  const { keyName, algorithm, other } = tsig;
  const octets = new Uint8Array(
    keyName.length + 6 + algorithm.length + TIMERS_BYTES + 4 + other.length,
  );
  octets.set(keyName);
  writeUint16(octets, keyName.length, CLASS_ANY);
  let at = keyName.length + 6;
  octets.set(algorithm, at);
  at += algorithm.length;
  writeTimers(octets, at, tsig);
  at += TIMERS_BYTES;
  writeUint16(octets, at, tsig.error);
  writeUint16(octets, at + 2, other.length);
  octets.set(other, at + 4);
  return octets;
}

/** The same for all but the first message of a stream (section 5.3.1). */
export function tsigTimers(tsig: TsigRecord): Uint8Array {
  const octets = new Uint8Array(TIMERS_BYTES);
  writeTimers(octets, 0, tsig);
  return octets;
}

/** Seconds as the 48 bits of a time, such as the `other` of BADTIME. */
export function tsigTime(seconds: number): Uint8Array {
  const octets = new Uint8Array(TIME_BYTES);
  writeTime(octets, 0, seconds);
  return octets;
}

/** The time that the `other` of BADTIME holds; −1 where it holds none. */
export function readTsigTime(other: Uint8Array): number {
  return other.length === TIME_BYTES ? readTime(other, 0) : -1;
}

/** The cursor shows 0 for a TTL with its top bit set, which here would be a change that no MAC covers. */
function hasNoTtl({ message, rdataAt }: RecordCursor): boolean {
  return readUint32(message, rdataAt - 6) === 0;
}

function readRdata(cursor: RecordCursor): TsigRecord | null {
  const { message, owner, ownerLength, rdataAt, rdataLength } = cursor;
  const end = rdataAt + rdataLength;
  const algorithm = new Uint8Array(NAME_BYTES_MAX);
  const at = readName(message, 0, end, rdataAt, algorithm);
  if (at < 0 || at + TIMERS_BYTES + 2 > end) return null;
  const algorithmLength = nameLength(algorithm);
  lowerCaseName(algorithm, 0, algorithmLength);
  const macAt = at + TIMERS_BYTES + 2;
  const macEnd = macAt + readUint16(message, macAt - 2);
  if (macEnd + 6 > end) return null;
  const otherAt = macEnd + 6;
  if (otherAt + readUint16(message, macEnd + 4) !== end) return null;
  return {
    keyName: owner.slice(0, ownerLength),
    algorithm: algorithm.slice(0, algorithmLength),
    timeSeconds: readTime(message, at),
    fudgeSeconds: readUint16(message, at + TIME_BYTES),
    mac: copyOf(message, macAt, macEnd),
    originalId: readUint16(message, macEnd),
    error: readUint16(message, macEnd + 2),
    other: copyOf(message, otherAt, end),
  };
}

/** Not `slice`, which shares the memory where the octets are a Buffer. */
function copyOf(octets: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(octets.subarray(start, end));
}

function writeTimers(octets: Uint8Array, at: number, tsig: TsigRecord): void {
  writeTime(octets, at, tsig.timeSeconds);
  writeUint16(octets, at + TIME_BYTES, tsig.fudgeSeconds);
}

function readTime(octets: Uint8Array, at: number): number {
  return readUint16(octets, at) * 0x1_0000_0000 + readUint32(octets, at + 2);
}

function writeTime(octets: Uint8Array, at: number, seconds: number): void {
  writeUint16(octets, at, Math.floor(seconds / 0x1_0000_0000));
  writeUint32(octets, at + 2, seconds);
}
