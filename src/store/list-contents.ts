/**
 * Contents of lists as files named by their SHA-256: written once, never changed, so an image can
 * always be compiled again from the rows that name them. A file is durable before any row names it.
 */

import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { AppError } from '../lib/errors.ts';
import { LISTS_FOLDER, syncFolder, toWriteError, writeFileDurably } from './data-folder.ts';
import { SHA256_PATTERN } from './document.ts';
import type { ContentFile } from './list-report.ts';

/** Twenty million names of ordinary length. */
export const CONTENT_BYTES_MAX = 512 * 1024 * 1024;
const UNUSED_KEPT_MS = 24 * 3_600_000;
const SHA256 = new RegExp(SHA256_PATTERN);

export interface SavedContent {
  readonly sha256: string;
  readonly octets: number;
}

export class ListContents {
  readonly #folder: string;
  /** Contents that are only looked at. */
  readonly #held = new Map<string, Uint8Array>();

  constructor(dataDir: string) {
    this.#folder = join(dataDir, LISTS_FOLDER);
  }

  pathOf(sha256: string): string {
    if (!SHA256.test(sha256)) throw new AppError('CONTENT_UNKNOWN', `"${sha256}" is no SHA-256`);
    return join(this.#folder, sha256);
  }

  has(sha256: string): boolean {
    return this.#held.has(sha256) || (SHA256.test(sha256) && existsSync(this.pathOf(sha256)));
  }

  /** Where the content is to be found; whether it is there, `has` says. */
  locate(sha256: string): Uint8Array | ContentFile {
    return this.#held.get(sha256) ?? { sha256, path: this.pathOf(sha256) };
  }

  /** Of an own list, which is small. */
  readText(sha256: string): Promise<string> {
    return readFile(this.pathOf(sha256), 'utf8');
  }

  /** Has it in memory only, for a dry run. */
  hold(content: Uint8Array): void {
    this.#held.set(createHash('sha256').update(content).digest('hex'), content);
  }

  /** Saves octets that are in memory; nothing happens where they are there already, undamaged. */
  save(content: Uint8Array): SavedContent {
    const sha256 = createHash('sha256').update(content).digest('hex');
    const path = this.pathOf(sha256);
    if (!existsSync(path) || !readFileSync(path).equals(content)) {
      writeFileDurably(path, content, 0o600);
    } else {
      // Else `removeUnused` might take it before a row names it.
      const now = new Date();
      utimesSync(path, now, now);
    }
    return { sha256, octets: content.length };
  }

  /**
   * Streams an upload to disk and checks that it is what its name says. What is refused is read to
   * its end all the same: the next request on the connection stands behind it.
   * @throws AppError `CONTENT_MISMATCH`, `CONTENT_TOO_LARGE`, `STORE_UNWRITABLE`
   */
  async receive(
    sha256: string,
    stream: Readable,
    bytesMax: number = CONTENT_BYTES_MAX,
  ): Promise<SavedContent> {
    const target = this.pathOf(sha256);
    try {
      return await this.#write(stream, bytesMax, (actual, octets) => {
        if (actual !== sha256) throw mismatch(sha256, actual, octets);
        return target;
      });
    } finally {
      stream.resume();
    }
  }

  /**
   * Streams to disk what the server itself fetches, and names it afterwards.
   * @throws AppError `CONTENT_TOO_LARGE`, `STORE_UNWRITABLE`, or the error of the stream
   */
  take(stream: Readable, bytesMax: number = CONTENT_BYTES_MAX): Promise<SavedContent> {
    return this.#write(stream, bytesMax, (actual) => this.pathOf(actual));
  }

  /** @param placeOf says where the content goes, or throws */
  async #write(
    stream: Readable,
    bytesMax: number,
    placeOf: (sha256: string, octets: number) => string,
  ): Promise<SavedContent> {
    const temporary = join(this.#folder, `${randomBytes(12).toString('hex')}.tmp`);
    const hash = createHash('sha256');
    let octets = 0;
    try {
      const file = await open(temporary, 'wx', 0o600);
      let target;
      let sha256;
      try {
        for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
          const part = chunk as Uint8Array;
          octets += part.length;
          if (octets > bytesMax) throw tooLarge(bytesMax);
          hash.update(part);
          await file.appendFile(part);
        }
        sha256 = hash.digest('hex');
        target = placeOf(sha256, octets);
        await file.sync();
      } finally {
        await file.close();
      }
      await rename(temporary, target);
      syncFolder(this.#folder);
      return { sha256, octets };
    } catch (error) {
      throw toWriteError(error, temporary);
    } finally {
      await rm(temporary, { force: true });
    }
  }

  /** At once: who asks next whether it is there is not told that it is. */
  remove(sha256: string): void {
    this.#held.delete(sha256);
    rmSync(this.pathOf(sha256), { force: true });
  }

  /** Removes files older than a day that no list names, and what a crash left half-written. */
  async removeUnused(used: ReadonlySet<string>, nowMs: number): Promise<number> {
    let removed = 0;
    for (const file of await readdir(this.#folder)) {
      if (used.has(file)) continue;
      const path = join(this.#folder, file);
      // An upload that ends now has its file renamed.
      const found = await stat(path).catch(() => null);
      if (found === null || nowMs - found.mtimeMs < UNUSED_KEPT_MS) continue;
      await rm(path, { force: true });
      removed++;
    }
    return removed;
  }
}

function tooLarge(bytesMax: number): AppError {
  return new AppError(
    'CONTENT_TOO_LARGE',
    `Uploading a list: it has more than ${bytesMax} octets; split it into several lists`,
  );
}

function mismatch(expected: string, actual: string, octets: number): AppError {
  return new AppError(
    'CONTENT_MISMATCH',
    `Uploading a list: the ${octets} octets received have SHA-256 ${actual}, not ${expected}; the upload was cut or the name is wrong`,
  );
}
