/** Brings the store to what the files in `blocklists/` say now: after an upgrade, and after an edit. */

import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { AppError, messageOf } from '../lib/errors.ts';
import type { Store } from '../store/store.ts';
import { PACKAGED_FOLDER } from './read-policy-data.ts';
import { readSeedDocument } from './seed-document.ts';

/**
 * Nothing is parsed and nothing happens where no file has changed since the last time.
 * @throws AppError `SEEDS_MISSING`, `SEEDS_INVALID`, `DOCUMENT_INVALID`; the store stays what it was
 */
export async function followShippedFiles(
  store: Store,
  folder: string = PACKAGED_FOLDER,
): Promise<void> {
  await store.follow(digestOfFiles(folder), () => readSeedDocument(store.contents, folder));
}

function digestOfFiles(folder: string): string {
  const digest = createHash('sha256');
  try {
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    for (const file of files.filter((name) => /\.(txt|yaml)$/.test(name)).sort()) {
      digest.update(`${file}\0`).update(readFileSync(join(folder, file)));
    }
  } catch (error) {
    throw new AppError('SEEDS_MISSING', `Reading the files that ship: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return digest.digest('base64url');
}
