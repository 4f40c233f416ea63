/**
 * A copy of a zone as the set of its lines, and the file it is kept in:
 *
 *     $ORIGIN rpz.example.
 *     $TTL 300
 *     *.bad.example CNAME .
 *     bad.example CNAME .
 *     …                        one record a line, in the order of their octets
 *
 * The same zone is always the same file, so versions of it differ in the lines that differ, and a
 * new serial alone is no new version. The file has no SOA: its numbers are of the transfer.
 */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { nameToText } from '../../dns/name.ts';
import { TransferError } from './transfer-error.ts';

/** Any will do: the plan says how long an answer may be kept. A file without is none (RFC 2308, section 4). */
const TTL_LINE = '$TTL 300';
const PIECE_CHARACTERS = 64 * 1024;

export interface CopyLimits {
  readonly recordsMax: number;
  /** Octets of the file. */
  readonly bytesMax: number;
}

export class ZoneCopy {
  readonly #limits: CopyLimits;
  #lines = new Set<string>();
  #octets = 0;

  constructor(limits: CopyLimits) {
    this.#limits = limits;
  }

  get recordCount(): number {
    return this.#lines.size;
  }

  clear(): void {
    this.#lines = new Set();
    this.#octets = 0;
  }

  /**
   * @returns false where the line is there already
   * @throws TransferError `limit`
   */
  add(line: string): boolean {
    if (this.#lines.has(line)) return false;
    this.#octets += line.length + 1;
    if (this.#lines.size >= this.#limits.recordsMax || this.#octets > this.#limits.bytesMax) {
      throw new TransferError(
        'limit',
        `its zone is larger than ${this.#limits.recordsMax} records or ${this.#limits.bytesMax} octets`,
      );
    }
    this.#lines.add(line);
    return true;
  }

  /** @returns false where there is no such line */
  remove(line: string): boolean {
    if (!this.#lines.delete(line)) return false;
    this.#octets -= line.length + 1;
    return true;
  }

  /** The file, in pieces; the copy must not change meanwhile. */
  *pieces(zone: Uint8Array): Generator<Buffer> {
    let piece = headOf(zone);
    for (const line of [...this.#lines].sort()) {
      piece += `${line}\n`;
      if (piece.length < PIECE_CHARACTERS) continue;
      yield Buffer.from(piece, 'latin1');
      piece = '';
    }
    yield Buffer.from(piece, 'latin1');
  }

  /**
   * Reads a file that `pieces` wrote.
   * @returns false where it is not what its SHA-256 says or not of this zone; the copy is then of no use
   * @throws what the file system throws
   */
  async read(path: string, sha256: string, zone: Uint8Array): Promise<boolean> {
    const hash = createHash('sha256');
    const head = headOf(zone);
    let text = '';
    let isHeadRead = false;
    for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
      const octets = chunk as Buffer;
      hash.update(octets);
      text += octets.toString('latin1');
      if (!isHeadRead) {
        if (text.length < head.length) continue;
        if (!text.startsWith(head)) return false;
        text = text.slice(head.length);
        isHeadRead = true;
      }
      const lines = text.split('\n');
      text = lines.pop() ?? '';
      for (const line of lines) this.add(line);
    }
    return isHeadRead && text === '' && hash.digest('hex') === sha256;
  }
}

function headOf(zone: Uint8Array): string {
  const name = nameToText(zone);
  return `$ORIGIN ${name === '.' ? '' : name}.\n${TTL_LINE}\n`;
}
