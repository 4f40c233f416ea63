/** Sealed lists for tests: fixed keys, one publisher, and names that are given as text. */

import { createHash } from 'node:crypto';
import type { SealedPart } from '../../src/blocklist/sealed/sealed-section.ts';
import type { ListKey } from '../../src/sealing/list-keys.ts';
import { sealList, type SealOptions } from '../../src/sealing/seal-list.ts';
import type { SealingKeys } from '../../src/sealing/sealing-keys.ts';
import { drawSigningKeys, parsePrivateKey } from '../../src/sealing/signatures.ts';

export const LIST_KEY: ListKey = { id: 'key-1', key: new Uint8Array(32).fill(7) };
const PAIR = drawSigningKeys();
export const SEALING: SealingKeys = {
  keys: [LIST_KEY],
  publishers: [{ id: 'ministry', publicKey: PAIR.publicKey }],
};
/** 2026-11-22T00:00:00Z. */
export const SEALED_AT = Date.UTC(2026, 10, 22) / 1000;

export interface SealedText extends Partial<SealOptions> {
  readonly format?: 'domains' | 'hosts' | 'wildcard' | 'adblock';
}

/** The file of a list of names, one a line. */
export function aSealedFile(text: string, options: SealedText = {}): Uint8Array {
  const { format = 'domains', ...more } = options;
  const { octets } = sealList(new TextEncoder().encode(text), format, {
    list: 'court',
    key: LIST_KEY,
    publisher: 'ministry',
    signingKey: parsePrivateKey(PAIR.privateKey, 'the test'),
    serial: 1,
    sealedAtSecond: SEALED_AT,
    isRefused: () => null,
    ...more,
  });
  return Uint8Array.from(octets);
}

/** The same as the compiler takes it. */
export function aSealedPart(categoryBit: number, octets: Uint8Array): SealedPart {
  return { categoryBit, octets, sha256: createHash('sha256').update(octets).digest('hex') };
}
