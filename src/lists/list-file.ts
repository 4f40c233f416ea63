/**
 * The content of a list on the disk, read piece by piece and checked against its SHA-256 on the way.
 * Every piece opens the file anew, so that thousands of lists hold no descriptors.
 */

import { createHash } from 'node:crypto';
import { closeSync, openSync, readSync, statSync } from 'node:fs';
import type { ListSource } from '../blocklist/formats/list-format.ts';
import { LOOK_OCTETS, type LookProgress } from './look-progress.ts';

const PIECE_OCTETS = 256 * 1024;

/** All methods throw what the file system throws. */
export class ListFile implements ListSource {
  readonly length: number;
  readonly #path: string;
  readonly #hash = createHash('sha256');
  readonly #progress: LookProgress | null;
  #hashedTo = 0;

  /** @param progress is told how far the file was read */
  constructor(path: string, progress: LookProgress | null = null) {
    this.#path = path;
    this.#progress = progress;
    this.length = statSync(path).size;
  }

  read(into: Uint8Array, at: number): number {
    const count = this.#readPiece(into, at);
    if (this.#progress !== null) this.#progress[LOOK_OCTETS] = at + count;
    if (at <= this.#hashedTo && this.#hashedTo < at + count) {
      this.#hash.update(into.subarray(this.#hashedTo - at, count));
      this.#hashedTo = at + count;
    }
    return count;
  }

  /** The checksum of the file; what no one has read yet is read for it. To be called once. */
  digest(): string {
    const piece = new Uint8Array(PIECE_OCTETS);
    while (this.#hashedTo < this.length && this.read(piece, this.#hashedTo) > 0);
    return this.#hash.digest('hex');
  }

  #readPiece(into: Uint8Array, at: number): number {
    const file = openSync(this.#path, 'r');
    try {
      let count = 0;
      for (let got = -1; got !== 0 && count < into.length; count += got) {
        got = readSync(file, into, count, into.length - count, at + count);
      }
      return count;
    } finally {
      closeSync(file);
    }
  }
}
