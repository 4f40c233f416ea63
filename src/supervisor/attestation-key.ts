/**
 * The key that attestations are signed with: `DATA_DIR/attestation.key`, Ed25519 in PEM, mode 0600,
 * drawn when it is first needed. A regulator believes its public half, so a backup must hold it.
 */

import type { KeyObject } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readKeyFile } from '../sealing/sealing-keys.ts';
import { drawSigningKeys, parsePrivateKey } from '../sealing/signatures.ts';
import { writeFileDurably } from '../store/data-folder.ts';

const FILE_NAME = 'attestation.key';
const FILE_MODE = 0o600;

/** @throws AppError `SEALING_KEY_UNREADABLE`, `SEALING_KEY_INVALID`: a damaged key is never replaced */
export function loadAttestationKey(dataDir: string): KeyObject {
  const path = join(dataDir, FILE_NAME);
  if (!existsSync(path)) writeFileDurably(path, drawSigningKeys().privateKey, FILE_MODE);
  return parsePrivateKey(readKeyFile(path), path);
}
