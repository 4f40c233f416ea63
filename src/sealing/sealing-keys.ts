/**
 * The keys that the configuration names, read from their files and variables: those of sealed lists,
 * and those of the publishers who sign them. They live in memory only; threads get them by message.
 */

import { readFileSync } from 'node:fs';
import { AppError, messageOf } from '../lib/errors.ts';
import { type ListKey, parseListKey } from './list-keys.ts';
import { parsePublicKey } from './signatures.ts';

export interface SealingSources {
  readonly keys: readonly {
    readonly id: string;
    readonly file?: string | undefined;
    readonly env?: string | undefined;
  }[];
  readonly publishers: readonly { readonly id: string; readonly publicKeyFile: string }[];
}

export interface Publisher {
  readonly id: string;
  /** PEM. */
  readonly publicKey: string;
}

export interface SealingKeys {
  readonly keys: readonly ListKey[];
  readonly publishers: readonly Publisher[];
}

export const NO_SEALING_KEYS: SealingKeys = { keys: [], publishers: [] };

/** @throws AppError `CONFIG_INVALID` with every fault; no fault quotes a key */
export function readSealingKeys(sources: SealingSources): SealingKeys {
  const faults: string[] = [];
  const attempt = <Value>(path: string, read: () => Value): Value[] => {
    try {
      return [read()];
    } catch (error) {
      faults.push(`${path}: ${messageOf(error)}`);
      return [];
    }
  };
  const keys = sources.keys.flatMap(({ id, file, env }, index) =>
    attempt(`sealing.keys[${index}]`, () => ({ id, key: readListKey({ file, env }) })),
  );
  const publishers = sources.publishers.flatMap(({ id, publicKeyFile }, index) =>
    attempt(`sealing.publishers[${index}]`, () => {
      const publicKey = readKeyFile(publicKeyFile);
      parsePublicKey(publicKey, publicKeyFile);
      return { id, publicKey };
    }),
  );
  if (faults.length === 0) return { keys, publishers };
  throw new AppError('CONFIG_INVALID', `Reading the keys of sealed lists: ${faults.join(' · ')}`, {
    faults,
  });
}

/**
 * A list key from a file or from a variable of the environment.
 * @throws AppError `SEALING_KEY_UNREADABLE`, `SEALING_KEY_INVALID`
 */
export function readListKey(source: {
  readonly file?: string | undefined;
  readonly env?: string | undefined;
}): Uint8Array {
  if (source.file !== undefined) return parseListKey(readKeyFile(source.file), source.file);
  const name = source.env ?? '';
  const text = process.env[name];
  if (text !== undefined) return parseListKey(text, `the variable ${name}`);
  throw new AppError('SEALING_KEY_UNREADABLE', `Reading a list key: there is no variable ${name}`);
}

/** @throws AppError `SEALING_KEY_UNREADABLE` */
export function readKeyFile(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const message = `Reading the key file ${path}: ${messageOf(error)}`;
    throw new AppError('SEALING_KEY_UNREADABLE', message, { cause: error });
  }
}
