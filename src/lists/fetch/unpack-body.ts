/**
 * The body of a list as a stream of its own octets: unpacked, counted, and ended with an error where it
 * grows beyond what a list may have. Nothing is gathered: each step holds a piece and waits for the disk.
 *
 *     response ─▶ count packed ─▶ gunzip, inflate or brotli ─▶ count unpacked, lines, ratio ─▶
 */

import { pipeline, Readable, Transform } from 'node:stream';
import { createBrotliDecompress, createGunzip, createInflate, createInflateRaw } from 'node:zlib';

/** Of names some five are usual; a bomb has a thousand. */
const RATIO_MAX = 100;
/** Short runs of one octet are no bomb. */
const RATIO_FLOOR_BYTES = 1024 * 1024;
/** By these gzip and zlib are known. */
const HEAD_BYTES = 2;
const LINE_FEED = 0x0a;

export interface BodyCounts {
  /** As they came over the network or from the disk. */
  packed: number;
  unpacked: number;
  lines: number;
}

/** What `Content-Encoding` names; null: none, and a gzip file is known by its first octets. */
export type BodyEncoding = 'gzip' | 'deflate' | 'br' | null;

/** @throws Error */
export function parseEncoding(text: string | undefined): BodyEncoding {
  const encoding = (text ?? '').trim().toLowerCase();
  if (encoding === '' || encoding === 'identity') return null;
  if (encoding === 'gzip' || encoding === 'x-gzip') return 'gzip';
  if (encoding === 'deflate' || encoding === 'br') return encoding;
  throw new Error('it is packed in a way that nobody asked for; valid: gzip, deflate, br');
}

/**
 * @param body its errors and its end are those of the result
 * @param counts kept up to date for whoever shows them
 * @returns a stream to be destroyed by whoever reads it, to its end or not
 * @throws the error of a body that failed before its first octet
 */
export async function unpackBody(
  body: Readable,
  encoding: BodyEncoding,
  bytesMax: number,
  counts: BodyCounts,
): Promise<Readable> {
  const pieces = (body as AsyncIterable<Uint8Array>)[Symbol.asyncIterator]();
  const head = await readHead(pieces);
  const source = Readable.from(piecesFrom(head, pieces), { objectMode: false });
  const packed = new Meter((piece) => {
    counts.packed += piece.length;
    return counts.packed > bytesMax ? tooLarge(bytesMax) : null;
  });
  const unpacked = new Meter((piece) => {
    counts.unpacked += piece.length;
    counts.lines += countLines(piece);
    if (counts.unpacked > bytesMax) return tooLarge(bytesMax);
    const isBomb =
      counts.unpacked > RATIO_FLOOR_BYTES && counts.unpacked > counts.packed * RATIO_MAX;
    return isBomb ? bomb(counts) : null;
  });
  const unpacker = createUnpacker(encoding, head);
  const steps =
    unpacker === null ? [source, packed, unpacked] : [source, packed, unpacker, unpacked];
  // Every step is ended with the error of the first that fails; the last one throws it at its reader.
  pipeline(steps, () => undefined);
  return unpacked;
}

/** The first pieces, as far as it takes to know what they are. */
async function readHead(pieces: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < HEAD_BYTES) {
    const next = await pieces.next();
    if (next.done === true) break;
    head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
  }
  return head;
}

async function* piecesFrom(
  head: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  yield head;
  for (let next = await rest.next(); next.done !== true; next = await rest.next()) {
    yield next.value;
  }
}

function createUnpacker(encoding: BodyEncoding, head: Uint8Array): Transform | null {
  const [first = 0] = head;
  if (encoding === 'br') return createBrotliDecompress();
  // Some servers leave the header of zlib out (RFC 9110, section 8.4.1.2).
  if (encoding === 'deflate') return (first & 0x0f) === 8 ? createInflate() : createInflateRaw();
  return encoding === 'gzip' || isGzip(head) ? createGunzip() : null;
}

/** @param head the first octets of a file or a body */
export function isGzip([first, second]: Uint8Array): boolean {
  return first === 0x1f && second === 0x8b;
}

class Meter extends Transform {
  readonly #measure: (piece: Buffer) => Error | null;

  constructor(measure: (piece: Buffer) => Error | null) {
    super();
    this.#measure = measure;
  }

  override _transform(
    piece: Buffer,
    _encoding: string,
    done: (error: Error | null, piece?: Buffer) => void,
  ): void {
    done(this.#measure(piece), piece);
  }
}

function countLines(piece: Uint8Array): number {
  let lines = 0;
  for (const octet of piece) if (octet === LINE_FEED) lines++;
  return lines;
}

function tooLarge(bytesMax: number): Error {
  return new Error(`it has more than ${bytesMax} octets (lists.bytesMax)`);
}

function bomb({ packed, unpacked }: BodyCounts): Error {
  return new Error(
    `${packed} octets unpack to more than ${unpacked}, over ${RATIO_MAX} times as many`,
  );
}
