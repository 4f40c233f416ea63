/**
 * The hash seed of this installation: `DATA_DIR/hash.seed`, sixteen hexadecimal digits, mode 0600,
 * drawn at first start. Whoever knows it can make names and addresses collide.
 */

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, messageOf } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { writeFileDurably } from '../store/data-folder.ts';

const FILE_NAME = 'hash.seed';
const FILE_MODE = 0o600;

/**
 * The seed of the folder, drawn and written where there is none yet.
 * @throws AppError `SEED_DAMAGED` or `SEED_UNREADABLE`; a lost seed only costs a compilation
 */
export function loadSeed(dataDir: string): HashSeed {
  const path = join(dataDir, FILE_NAME);
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return drawSeed(dataDir);
    const message = `Reading the hash seed ${path}: ${messageOf(error)}`;
    throw new AppError('SEED_UNREADABLE', message, { cause: error });
  }
  if (!/^[0-9a-f]{16}\n?$/.test(text)) {
    const message = `Reading the hash seed ${path}: it must hold sixteen hexadecimal digits; remove the file and a new one is drawn`;
    throw new AppError('SEED_DAMAGED', message);
  }
  return [Number.parseInt(text.slice(0, 8), 16), Number.parseInt(text.slice(8, 16), 16)];
}

/** Draws a new seed and keeps it; every image of the old one is void. */
export function drawSeed(dataDir: string): HashSeed {
  const digits = randomBytes(8).toString('hex');
  writeFileDurably(join(dataDir, FILE_NAME), `${digits}\n`, FILE_MODE);
  return [Number.parseInt(digits.slice(0, 8), 16), Number.parseInt(digits.slice(8), 16)];
}
