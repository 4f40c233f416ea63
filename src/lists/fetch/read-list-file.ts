/**
 * A list that is a file of this machine. Whoever edits lists names it, but only the operator says below
 * which folders files are read: what a list holds stands in reports and explanations, and a list that
 * names `/etc/shadow` would show it. So a path counts as what it leads to, symbolic links followed.
 *
 * Another program writes the file, perhaps at this very moment: one that was changed just now is left
 * alone until it rests, and one that changed while it was read is not taken.
 */

import { constants } from 'node:fs';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { normalize, sep } from 'node:path';
import { Readable } from 'node:stream';
import { MAGIC_OCTETS } from '../../blocklist/sealed/sealed-file.ts';
import { AppError, messageOf } from '../../lib/errors.ts';
import type { SavedContent } from '../../store/list-contents.ts';
import { requireSealed } from './sealed-body.ts';
import { type BodyCounts, isGzip, unpackBody } from './unpack-body.ts';

/** A file at rest has not been written to for so long. */
export const REST_MS = 2_000;
const PIECE_OCTETS = 64 * 1024;

export interface FileRequest {
  /** Absolute. */
  readonly path: string;
  /** What `stamp` was when the content that is there already was read, or null. */
  readonly stamp: string | null;
  /** Of a text only the first octets are read. */
  readonly isSealed: boolean;
}

export interface FileOptions {
  /** Below these, or nowhere. */
  readonly folders: readonly string[];
  readonly bytesMax: number;
  readonly receive: (body: Readable) => Promise<SavedContent>;
  readonly onProgress: (progress: Readonly<BodyCounts> & { readonly packedTotal: number }) => void;
  readonly wallMs: () => number;
}

export type FileRead =
  | { readonly kind: 'unchanged' }
  | { readonly kind: 'content'; readonly content: SavedContent; readonly stamp: string };

/** @throws AppError `LIST_FILE_REFUSED`, `LIST_FILE_CHANGING`, `LIST_FETCH_FAILED`, or of `receive` */
export async function readListFile(request: FileRequest, options: FileOptions): Promise<FileRead> {
  const { path } = request;
  const file = await openBelow(path, options.folders);
  try {
    const before = await statFile(path, file);
    if (before.stamp === request.stamp) return { kind: 'unchanged' };
    // A file of another machine may come from the future.
    if (Math.abs(options.wallMs() - before.changedMs) < REST_MS) throw changing(path);
    const counts: BodyCounts = { packed: 0, unpacked: 0, lines: 0 };
    const content = await readContent(file, request, before.size, counts, options).catch(
      (error: unknown) => {
        throw error instanceof AppError ? error : failed(path, messageOf(error));
      },
    );
    if ((await statFile(path, file)).stamp !== before.stamp) throw changing(path);
    return { kind: 'content', content, stamp: before.stamp };
  } finally {
    await file.close();
  }
}

async function readContent(
  file: FileHandle,
  { isSealed }: FileRequest,
  packedTotal: number,
  counts: BodyCounts,
  options: FileOptions,
): Promise<SavedContent> {
  if (isSealed) {
    const { buffer, bytesRead } = await file.read(new Uint8Array(MAGIC_OCTETS), 0, MAGIC_OCTETS, 0);
    const head = buffer.subarray(0, bytesRead);
    // What is packed shows its first octets to whoever receives it.
    if (!isGzip(head)) requireSealed(head);
  }
  return readThrough(file, packedTotal, counts, options);
}

async function readThrough(
  file: FileHandle,
  packedTotal: number,
  counts: BodyCounts,
  { bytesMax, receive, onProgress }: FileOptions,
): Promise<SavedContent> {
  const source = Readable.from(piecesOf(file), { objectMode: false });
  let body: Readable = source;
  try {
    body = await unpackBody(source, null, bytesMax, counts);
    return await receive(body);
  } finally {
    body.destroy();
    source.destroy();
    onProgress({ ...counts, packedTotal });
  }
}

/** A stream of Node's own would close the file, which is looked at again afterwards. */
async function* piecesOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (;;) {
    const piece = new Uint8Array(PIECE_OCTETS);
    const { bytesRead } = await file.read(piece, 0, PIECE_OCTETS, null);
    if (bytesRead === 0) return;
    yield piece.subarray(0, bytesRead);
  }
}

/** Opens what the path leads to, where that is below one of the folders. */
async function openBelow(path: string, folders: readonly string[]): Promise<FileHandle> {
  const real = await Promise.all(folders.map((folder) => realpath(folder).catch(() => folder)));
  const isBelow = (target: string): boolean => real.some((folder) => isInside(target, folder));
  try {
    const target = await realpath(path);
    if (!isBelow(target)) throw refused(path, folders);
    // Without waiting for somebody who writes into a pipe.
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
    const file = await open(target, flags);
    // What was opened counts, not what was looked at: a folder may have become a link in between.
    const opened = await realpath(`/proc/self/fd/${file.fd}`).catch(() => realpath(path));
    if (isBelow(opened)) return file;
    await file.close();
    throw refused(path, folders);
  } catch (error) {
    if (error instanceof AppError) throw error;
    // Whether there is a file outside of the folders is nobody's business either.
    const isOutside = ![...folders, ...real].some((folder) => isInside(path, folder));
    throw isOutside ? refused(path, folders) : failed(path, wordsOf(error));
  }
}

function isInside(path: string, folder: string): boolean {
  return normalize(path).startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`);
}

interface FileStamp {
  readonly stamp: string;
  readonly size: number;
  readonly changedMs: number;
}

async function statFile(path: string, file: FileHandle): Promise<FileStamp> {
  const stats = await file.stat();
  if (!stats.isFile()) throw failed(path, 'it is no file');
  const { dev, ino, size, mtimeMs, ctimeMs } = stats;
  return { stamp: `${dev}-${ino}-${size}-${mtimeMs}-${ctimeMs}`, size, changedMs: mtimeMs };
}

function refused(path: string, folders: readonly string[]): AppError {
  const valid = folders.length === 0 ? 'none; name one with lists.folders' : folders.join(', ');
  return new AppError(
    'LIST_FILE_REFUSED',
    `Reading the list ${path}: it is not below a folder that lists may be in; valid: ${valid}`,
  );
}

function changing(path: string): AppError {
  return new AppError(
    'LIST_FILE_CHANGING',
    `Reading the list ${path}: it is being written; it is read when it rests`,
  );
}

function wordsOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return 'there is no such file; it is read as soon as there is';
  }
  return code === 'EACCES' ? 'the server may not read it' : messageOf(error);
}

function failed(path: string, why: string): AppError {
  return new AppError('LIST_FETCH_FAILED', `Reading the list ${path}: ${why}`);
}
