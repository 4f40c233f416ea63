/**
 * Ed25519 keys as PEM, and signatures with them: of publishers under sealed lists, of this server under
 * attestations.
 */

import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { AppError } from '../lib/errors.ts';

export interface SigningKeyPair {
  /** PKCS #8 and SPKI, PEM. */
  readonly privateKey: string;
  readonly publicKey: string;
}

export function drawSigningKeys(): SigningKeyPair {
  return generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
}

/**
 * @param where the file, for the fault
 * @throws AppError `SEALING_KEY_INVALID`
 */
export function parsePrivateKey(pem: string, where: string): KeyObject {
  return ed25519Of(() => createPrivateKey(pem), 'private', where);
}

/** As `parsePrivateKey`. */
export function parsePublicKey(pem: string, where: string): KeyObject {
  // Node takes the public half out of a private key as well: such a file is in the wrong place.
  return ed25519Of(() => createPublicKey(pem.includes('PRIVATE KEY') ? '' : pem), 'public', where);
}

export function signOctets(octets: Uint8Array, privateKey: KeyObject): Uint8Array {
  return Uint8Array.from(sign(null, octets, privateKey));
}

export function isSignedBy(
  octets: Uint8Array,
  signature: Uint8Array,
  publicKey: KeyObject,
): boolean {
  return verify(null, octets, publicKey, signature);
}

export function publicKeyOf(privateKey: KeyObject): string {
  return createPublicKey(privateKey).export({ type: 'spki', format: 'pem' }).toString();
}

/** Sixty-four hexadecimal digits by which people compare a public key. */
export function fingerprintOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex');
}

function ed25519Of(parse: () => KeyObject, kind: string, where: string): KeyObject {
  let key: KeyObject | null = null;
  try {
    key = parse();
  } catch {
    // What is wrong with a key says too much of it.
  }
  if (key?.asymmetricKeyType === 'ed25519') return key;
  throw new AppError(
    'SEALING_KEY_INVALID',
    `Reading the ${kind} key from ${where}: it is no ${kind} Ed25519 key in PEM, as "stairgate list new-signing-key" writes them`,
  );
}
