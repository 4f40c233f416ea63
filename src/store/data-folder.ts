/**
 * The data folder: who may read it, and that one process at a time uses it.
 *
 *     DATA_DIR/            0700
 *       stairgate.db       rows (SQLite, WAL)
 *       lists/<sha256>     contents of lists, named by what they are
 *       lock.db            held for as long as a process works on the folder
 *       admin.token        0600
 *
 * The lock is an exclusive SQLite transaction on a database of its own: the kernel lets go of it
 * when the process ends in whatever way, so a stale lock cannot exist.
 */

import {
  chmodSync,
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import Database from 'better-sqlite3';
import { AppError, messageOf } from '../lib/errors.ts';

export const DATABASE_FILE = 'stairgate.db';
export const LISTS_FOLDER = 'lists';
const LOCK_FILE = 'lock.db';

export interface FolderLock {
  release(): void;
}

/** Makes the folder where it is missing and closes it to others. */
export function prepareDataFolder(dataDir: string): void {
  try {
    mkdirSync(join(dataDir, LISTS_FOLDER), { recursive: true, mode: 0o700 });
    chmodSync(dataDir, 0o700);
  } catch (error) {
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `Preparing the data folder "${dataDir}": ${messageOf(error)}; name a folder that this user may write with --data-dir`,
      { cause: error },
    );
  }
}

/**
 * Takes the folder for this process.
 * @throws AppError `DATA_DIR_LOCKED` where another process has it
 */
export function lockDataFolder(dataDir: string): FolderLock {
  const path = join(dataDir, LOCK_FILE);
  let lock: Database.Database | null = null;
  try {
    lock = new Database(path, { timeout: 0 });
    lock.pragma('locking_mode = exclusive');
    lock.exec('begin exclusive');
    const held = lock;
    return { release: () => held.close() };
  } catch (error) {
    lock?.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) {
      throw new AppError(
        'DATA_DIR_LOCKED',
        `Opening the data folder "${dataDir}": another Stairgate process is using it; stop that process, or talk to it through its API`,
        { cause: error },
      );
    }
    throw new AppError('DATA_DIR_UNUSABLE', `Locking "${path}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

/** Writes a file so that after a crash either the old or the whole new content is there. */
export function writeFileDurably(path: string, content: Uint8Array | string, mode: number): void {
  const temporary = `${path}.${process.pid}.tmp`;
  const file = openSync(temporary, 'w', mode);
  try {
    const octets = typeof content === 'string' ? Buffer.from(content) : content;
    for (let at = 0; at < octets.length;) at += writeSync(file, octets, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  syncFolder(dirname(path));
}

/** Makes renames in a folder durable. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
