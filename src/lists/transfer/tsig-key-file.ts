/**
 * The secrets of TSIG keys: each in a file of its own that only its owner may read, as base64, the way
 * `tsig-keygen` and `keymgr -t` print them. They are in no log, store, API or message.
 */

import { readFileSync, statSync } from 'node:fs';
import { AppError, messageOf } from '../../lib/errors.ts';
import type { TsigAlgorithm, TsigKey } from './tsig.ts';

/** Less can be guessed; more than a block of the hash adds nothing. */
const SECRET_BYTES_MIN = 16;
const SECRET_BYTES_MAX = 256;

export interface TsigKeyConfig {
  readonly name: string;
  readonly algorithm: TsigAlgorithm;
  readonly secretFile: string;
}

/** @throws AppError `TSIG_KEY_UNUSABLE` with all that is wrong */
export function readTsigKeys(configs: readonly TsigKeyConfig[]): readonly TsigKey[] {
  const faults: string[] = [];
  const keys = configs.flatMap(({ name, algorithm, secretFile }): TsigKey[] => {
    const secret = readSecret(secretFile);
    if (typeof secret !== 'string') return [{ name, algorithm, secret }];
    faults.push(`${name}: ${secret}`);
    return [];
  });
  if (faults.length === 0) return keys;
  throw new AppError('TSIG_KEY_UNUSABLE', `Reading TSIG keys: ${faults.join(' · ')}`, { faults });
}

/** The secret, or what is wrong; never both. */
function readSecret(path: string): Uint8Array | string {
  let text;
  try {
    if ((statSync(path).mode & 0o077) !== 0) {
      return `${path} is open to others; valid: mode 0600`;
    }
    text = readFileSync(path, 'latin1').trim();
  } catch (error) {
    return messageOf(error);
  }
  const secret = Buffer.from(text, 'base64');
  const isBase64 = /^[A-Za-z0-9+/]+={0,2}$/.test(text) && text.length % 4 === 0;
  if (isBase64 && secret.length >= SECRET_BYTES_MIN && secret.length <= SECRET_BYTES_MAX) {
    return Uint8Array.from(secret);
  }
  return `${path} holds no secret; valid: ${SECRET_BYTES_MIN} to ${SECRET_BYTES_MAX} octets as base64 on one line, nothing else`;
}
