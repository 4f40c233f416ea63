/**
 * Resource records as octets, read and written by hand: what comes back from the server is compared
 * with what the scripted upstream sent, RDATA octet for octet, so nothing may be decoded on the way
 * but compressed names.
 */

const TYPE_OPT = 41;
const OPTION_EDE = 15;
/** Where a name stands in the RDATA of types that may compress it (RFC 1035, section 3.3). */
const NAME_OFFSETS: Readonly<Record<number, number>> = { 2: 0, 5: 0, 12: 0, 15: 2, 33: 6 };

export interface RawRecord {
  /** Owner, lower-cased and without the last dot. */
  readonly owner: string;
  readonly type: number;
  readonly ttl: number;
  /** Names in it uncompressed. */
  readonly rdata: Buffer;
}

export interface RawResponse {
  readonly rcode: number;
  readonly answers: readonly RawRecord[];
  /** `code text` of the first Extended DNS Error, or null. */
  readonly ede: string | null;
}

/** Reads a response with one question; throws where it is cut. */
export function readResponse(bytes: Buffer): RawResponse {
  let at = skipName(bytes, 12) + 4;
  const answers: RawRecord[] = [];
  for (let left = bytes.readUInt16BE(6); left > 0; left--) {
    const record = readRecord(bytes, at);
    answers.push(record);
    at = endOfRecord(bytes, at);
  }
  const rcode = bytes.readUInt16BE(2) & 0x0f;
  return { rcode, answers, ede: readEde(bytes, at) };
}

/** A copy with the ID and the TTL of every record but the OPT set to 0. */
export function withoutIdAndTtls(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeUInt16BE(0, 0);
  let at = skipName(copy, 12) + 4;
  const records = copy.readUInt16BE(6) + copy.readUInt16BE(8) + copy.readUInt16BE(10);
  for (let left = records; left > 0; left--) {
    const fixed = skipName(copy, at);
    if (copy.readUInt16BE(fixed) !== TYPE_OPT) copy.writeUInt32BE(0, fixed + 4);
    at = endOfRecord(copy, at);
  }
  return copy;
}

/** The first Extended DNS Error without building records, for answers by the hundred thousand. */
export function readVerdict(bytes: Buffer): { rcode: number; ede: string | null } {
  let at = skipName(bytes, 12) + 4;
  for (let left = bytes.readUInt16BE(6); left > 0; left--) at = endOfRecord(bytes, at);
  return { rcode: bytes.readUInt16BE(2) & 0x0f, ede: readEde(bytes, at) };
}

/** @param at after the answer section */
function readEde(bytes: Buffer, at: number): string | null {
  for (let left = bytes.readUInt16BE(8); left > 0; left--) at = endOfRecord(bytes, at);
  for (let left = bytes.readUInt16BE(10); left > 0; left--) {
    const fixed = skipName(bytes, at);
    const end = endOfRecord(bytes, at);
    if (bytes.readUInt16BE(fixed) === TYPE_OPT) {
      for (let option = fixed + 10; option < end; option += 4 + bytes.readUInt16BE(option + 2)) {
        if (bytes.readUInt16BE(option) !== OPTION_EDE) continue;
        const text = option + 4 + bytes.readUInt16BE(option + 2);
        return `${bytes.readUInt16BE(option + 4)} ${bytes.toString('utf8', option + 6, text)}`;
      }
    }
    at = end;
  }
  return null;
}

function readRecord(bytes: Buffer, at: number): RawRecord {
  const fixed = skipName(bytes, at);
  const type = bytes.readUInt16BE(fixed);
  const start = fixed + 10;
  const end = endOfRecord(bytes, at);
  const nameOffset = NAME_OFFSETS[type];
  const rdata =
    nameOffset === undefined
      ? bytes.subarray(start, end)
      : Buffer.concat([
          bytes.subarray(start, start + nameOffset),
          wireOf(readLabels(bytes, start + nameOffset)),
        ]);
  const owner = readLabels(bytes, at).join('.').toLowerCase();
  return { owner, type, ttl: bytes.readUInt32BE(fixed + 4), rdata: Buffer.from(rdata) };
}

function endOfRecord(bytes: Buffer, at: number): number {
  const fixed = skipName(bytes, at);
  const end = fixed + 10 + bytes.readUInt16BE(fixed + 8);
  if (end > bytes.length) throw new Error('A record goes past the end of the message');
  return end;
}

function skipName(bytes: Buffer, at: number): number {
  for (;;) {
    const length = bytes.readUInt8(at);
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
  }
}

/** Labels in the case in which they stand there. */
export function readLabels(bytes: Buffer, at: number): string[] {
  const labels: string[] = [];
  for (let steps = 0; steps < 128; steps++) {
    const length = bytes.readUInt8(at);
    if (length === 0) return labels;
    if (length >= 0xc0) {
      at = bytes.readUInt16BE(at) & 0x3fff;
    } else {
      labels.push(bytes.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
  }
  throw new Error('A name without an end');
}

export function wireOf(labels: readonly string[]): Buffer {
  return Buffer.concat([
    ...labels.map((label) =>
      Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]),
    ),
    Buffer.from([0]),
  ]);
}
