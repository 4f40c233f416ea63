/**
 * The key of a sealed list and what is derived from it (HKDF-SHA-256, RFC 5869), each for one list:
 *
 *     list key ─┬─▶ digest key   32 octets: HMAC-SHA-256 of names
 *               ├─▶ tag key       8 octets: the keyed suffix hash whose low lane is the tag
 *               └─▶ key check    16 octets, in the file for all to see: is this the right key?
 */

import { createHmac, createSecretKey, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import type { DigestName, SealedKeys } from '../blocklist/sealed/look-up-sealed.ts';
import { KEY_CHECK_OCTETS } from '../blocklist/sealed/sealed-file.ts';
import { AppError } from '../lib/errors.ts';
import { readUint32 } from '../lib/bytes.ts';

const KEY_OCTETS = 32;
const KEY_TEXT = /^[0-9a-f]{64}$/i;
const DIGEST_WORDS = 4;

/** A list key with its id; it is posted to threads, and never written or logged. */
export interface ListKey {
  readonly id: string;
  readonly key: Uint8Array;
}

/** As files and environment hold it: sixty-four hexadecimal digits. */
export function drawListKey(): string {
  return randomBytes(KEY_OCTETS).toString('hex');
}

/**
 * @param where the file or the variable, for the fault; the text itself is never quoted
 * @throws AppError `SEALING_KEY_INVALID`
 */
export function parseListKey(text: string, where: string): Uint8Array {
  const digits = text.trim();
  if (KEY_TEXT.test(digits)) return Uint8Array.from(Buffer.from(digits, 'hex'));
  throw new AppError(
    'SEALING_KEY_INVALID',
    `Reading a list key from ${where}: it must hold sixty-four hexadecimal digits, as "stairgate list new-key" writes them`,
  );
}

/** The keys that look names up in one list. */
export function deriveListKeys(key: Uint8Array, list: string): SealedKeys {
  const tag = derive(key, list, 'tag', 8);
  return {
    tagKey: [readUint32(tag, 0), readUint32(tag, 4)],
    digest: createDigest(derive(key, list, 'digest', KEY_OCTETS)),
  };
}

export function keyCheckOf(key: Uint8Array, list: string): Uint8Array {
  return derive(key, list, 'check', KEY_CHECK_OCTETS);
}

export function isKeyOf(key: Uint8Array, list: string, keyCheck: Uint8Array): boolean {
  return timingSafeEqual(keyCheckOf(key, list), keyCheck);
}

function derive(key: Uint8Array, list: string, purpose: string, octets: number): Uint8Array {
  const info = `stairgate sealed list ${purpose} ${list}`;
  return new Uint8Array(hkdfSync('sha256', key, new Uint8Array(0), info, octets));
}

function createDigest(octets: Uint8Array): DigestName {
  const key = createSecretKey(octets);
  return (name, at, length, out) => {
    const digest = createHmac('sha256', key)
      .update(name.subarray(at, at + length))
      .digest();
    for (let word = 0; word < DIGEST_WORDS; word++) out[word] = readUint32(digest, word * 4);
  };
}
