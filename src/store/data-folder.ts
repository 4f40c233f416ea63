/**
 * The data folder: who may read it, and that one process at a time uses it.
 *
 *     DATA_DIR/            0700, every file in it 0600
 *       stairgate.db       rows (SQLite, WAL)
 *       lists/<sha256>     contents of lists, named by what they are
 *       lock.db            held for as long as a process works on the folder
 *       admin.token        the token of the first start
 *       answer-link.key    signs the links that answer requests
 *       query-log.sqlite   what queries left behind (`query-log/log-file`)
 *       attestation.key    signs statements about sealed lists
 *
 * The lock is an exclusive SQLite transaction on a database of its own: the kernel lets go of it
 * when the process ends in whatever way, so a stale lock cannot exist.
 */

import {
  chmodSync,
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import Database from 'better-sqlite3';
import { AppError, messageOf } from '../lib/errors.ts';

export const DATABASE_FILE = 'stairgate.db';
export const LISTS_FOLDER = 'lists';
const LOCK_FILE = 'lock.db';
/** What a first start that was cut, or a fresh file system, may have left. */
const OWN_ENTRIES = [LISTS_FOLDER, LOCK_FILE, 'admin.token', 'lost+found'];

export interface FolderLock {
  release(): void;
}

export function holdsDatabase(dataDir: string): boolean {
  return existsSync(join(dataDir, DATABASE_FILE));
}

/**
 * Makes the folder where it is missing and closes it to others.
 * @throws AppError `DATA_DIR_UNUSABLE`, also where the folder looks like somebody else's
 */
export function prepareDataFolder(dataDir: string): void {
  try {
    refuseForeignFolder(dataDir);
    makeFolder(join(dataDir, LISTS_FOLDER));
    chmodSync(dataDir, 0o700);
  } catch (error) {
    if (error instanceof AppError) throw error;
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `Preparing the data folder "${dataDir}": ${messageOf(error)}; name a folder that this user may write with --data-dir`,
      { cause: error },
    );
  }
}

/** Node's `recursive` tries for ever where a file system such as /proc takes no folder. */
function makeFolder(path: string): void {
  const missing: string[] = [];
  // The root is there.
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) {
    missing.push(folder);
  }
  for (const folder of missing.toReversed()) {
    try {
      mkdirSync(folder, { mode: 0o700 });
    } catch (error) {
      // Another process that starts at the same time may have been quicker.
      if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
    }
  }
}

/**
 * Closing a folder such as /etc or /tmp to others because of a slip in `--data-dir` would take the
 * machine down. A folder that is closed already may hold what it likes.
 */
function refuseForeignFolder(dataDir: string): void {
  const folder = statSync(dataDir, { throwIfNoEntry: false });
  if (folder === undefined) return;
  const uid = process.getuid?.() ?? folder.uid;
  if (folder.uid !== uid) {
    throw new AppError(
      'DATA_DIR_UNUSABLE',
      `Preparing the data folder "${dataDir}": it belongs to uid ${folder.uid}, this process runs as uid ${uid}; run as its owner, or name another folder with --data-dir`,
    );
  }
  if ((folder.mode & 0o077) === 0 || holdsDatabase(dataDir)) return;
  const foreign = readdirSync(dataDir).find((entry) => !OWN_ENTRIES.includes(entry));
  if (foreign === undefined) return;
  throw new AppError(
    'DATA_DIR_UNUSABLE',
    `Preparing the data folder "${dataDir}": it is open to others and holds "${foreign}", but no database of Stairgate; name an empty folder with --data-dir, or close this one (mode 0700)`,
  );
}

/**
 * Takes the folder for this process.
 * @throws AppError `DATA_DIR_LOCKED` where another process has it
 */
export function lockDataFolder(dataDir: string): FolderLock {
  const path = join(dataDir, LOCK_FILE);
  let lock: Database.Database | null = null;
  try {
    closeToOthers(path);
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

/** Makes a file where there is none, and lets nobody else read it. SQLite's own would follow the umask. */
export function closeToOthers(path: string): void {
  closeSync(openSync(path, 'a', 0o600));
  chmodSync(path, 0o600);
}

/** Writes a file so that after a crash either the old or the whole new content is there. */
export function writeFileDurably(path: string, content: Uint8Array | string, mode: number): void {
  const temporary = `${path}.${process.pid}.tmp`;
  try {
    writeThrough(temporary, typeof content === 'string' ? Buffer.from(content) : content, mode);
    renameSync(temporary, path);
  } catch (error) {
    // On a full disk, half a file would take the room that the next attempt needs.
    rmSync(temporary, { force: true });
    throw toWriteError(error, path);
  }
  syncFolder(dirname(path));
}

/** Gives what a disk refuses a code and a sentence; other errors pass. */
export function toWriteError(error: unknown, path: string): unknown {
  const code = error instanceof Error && 'code' in error ? error.code : null;
  if (!['ENOSPC', 'EDQUOT', 'EROFS', 'EIO'].includes(String(code))) return error;
  return new AppError('STORE_UNWRITABLE', `Writing "${path}": ${messageOf(error)}`, {
    cause: error,
  });
}

function writeThrough(path: string, octets: Uint8Array, mode: number): void {
  const file = openSync(path, 'w', mode);
  try {
    for (let at = 0; at < octets.length;) at += writeSync(file, octets, at);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
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
