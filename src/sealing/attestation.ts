/**
 * Attestations: a statement that anybody can read and check, of which version of a sealed list is in
 * force since when. It holds no name, and nothing that could tell one.
 */

import type { KeyObject } from 'node:crypto';
import { AppError } from '../lib/errors.ts';
import {
  fingerprintOf,
  isSignedBy,
  parsePublicKey,
  publicKeyOf,
  signOctets,
} from './signatures.ts';

const HEADING = 'Stairgate attestation 1';

export interface AttestedVersion {
  readonly list: string;
  readonly serial: number;
  readonly sealedAtSecond: number;
  /** Of the sealed file, hexadecimal. */
  readonly sha256: string;
  readonly names: number;
  /** When the last worker began to decide with it. */
  readonly inForceSinceMs: number;
  readonly workers: number;
}

export interface Attestation {
  /** Lines for people; these octets are what is signed. */
  readonly statement: string;
  /** Ed25519, base64. */
  readonly signature: string;
  /** PEM, for comparison: believe only one that came to you another way. */
  readonly publicKey: string;
}

export function attest(
  version: AttestedVersion,
  privateKey: KeyObject,
  nowMs: number,
): Attestation {
  const publicKey = publicKeyOf(privateKey);
  const statement = [
    HEADING,
    `list: ${version.list}`,
    `serial: ${version.serial}`,
    `sealed: ${new Date(version.sealedAtSecond * 1000).toISOString()}`,
    `sha256: ${version.sha256}`,
    `names: ${version.names}`,
    `in force on all workers since: ${new Date(version.inForceSinceMs).toISOString()}`,
    `workers: ${version.workers}`,
    `stated: ${new Date(nowMs).toISOString()}`,
    `server key: ${fingerprintOf(parsePublicKey(publicKey, 'this server'))}`,
    '',
  ].join('\n');
  const signature = signOctets(Buffer.from(statement), privateKey);
  return { statement, signature: Buffer.from(signature).toString('base64'), publicKey };
}

/**
 * The statement, once it is certain whose it is.
 * @param attestation anything
 * @throws AppError `ATTESTATION_INVALID`
 */
export function verifyAttestation(attestation: unknown, publicKey: KeyObject): string {
  const { statement, signature } = (
    typeof attestation === 'object' && attestation !== null ? attestation : {}
  ) as Readonly<Record<string, unknown>>;
  if (typeof statement !== 'string' || typeof signature !== 'string') {
    throw invalid('it has no statement and signature, as "stairgate list attest" prints them');
  }
  const octets = Buffer.from(statement);
  if (!isSignedBy(octets, Buffer.from(signature, 'base64'), publicKey)) {
    throw invalid(
      'the signature is not that of this key: it was changed, or another server made it',
    );
  }
  if (statement.startsWith(`${HEADING}\n`)) return statement;
  throw invalid('what was signed is no attestation');
}

function invalid(why: string): AppError {
  return new AppError('ATTESTATION_INVALID', `Checking the attestation: ${why}`);
}
