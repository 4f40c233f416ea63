/**
 * Opens sealed lists: a file is checked for who made it and for which key, and an image's lists get the
 * keys that names are looked up with. No fault says anything of the content beyond its number of names.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { BlocklistImage } from '../blocklist/image.ts';
import { createSealedLists, type SealedLists } from '../blocklist/sealed/look-up-sealed.ts';
import {
  ENTRIES_AT,
  findSealedFault,
  MANIFEST_OCTETS,
  readManifest,
  type SealedManifest,
} from '../blocklist/sealed/sealed-file.ts';
import { readSealedSection } from '../blocklist/sealed/sealed-section.ts';
import { AppError } from '../lib/errors.ts';
import { quote } from '../lib/quote.ts';
import { deriveListKeys, isKeyOf, type ListKey } from './list-keys.ts';
import type { SealingKeys } from './sealing-keys.ts';
import { isSignedBy, parsePublicKey } from './signatures.ts';

/** Clocks differ; further ahead one of the two is wrong, and the list would look fresh for too long. */
const AHEAD_SECONDS_MAX = 3600;

/**
 * What a sealed file says of itself, once everything in it has been checked.
 * @throws AppError `LIST_REFUSED`
 */
export function openSealedFile(
  octets: Uint8Array,
  { keys, publishers }: SealingKeys,
  nowSeconds: number,
): SealedManifest {
  const fault = findSealedFault(octets);
  if (fault !== null) throw refused(fault);
  const manifest = readManifest(octets);
  const { list, keyId, publisher, keyCheck, sealedAtSecond } = manifest;
  const signer = publishers.find(({ id }) => id === publisher);
  if (signer === undefined) {
    throw refused(
      `publisher ${quote(publisher)} is not configured; valid: ${idsOf(publishers)} (sealing.publishers)`,
    );
  }
  const publicKey = parsePublicKey(signer.publicKey, `sealing.publishers (${publisher})`);
  const signature = octets.subarray(MANIFEST_OCTETS, ENTRIES_AT);
  if (!isSignedBy(octets.subarray(0, MANIFEST_OCTETS), signature, publicKey)) {
    throw refused(`the signature is not that of publisher ${quote(publisher)}`);
  }
  const digest = createHash('sha256').update(octets.subarray(ENTRIES_AT)).digest();
  if (!timingSafeEqual(digest, manifest.entriesSha256)) {
    throw refused('the entries are not those that were signed: the file is damaged');
  }
  const keyFault = findKeyFault(keys, list, keyId, keyCheck);
  if (keyFault !== null) throw refused(keyFault);
  if (sealedAtSecond > nowSeconds + AHEAD_SECONDS_MAX) {
    const when = new Date(sealedAtSecond * 1000).toISOString();
    throw refused(`it says that it was sealed at ${when}, which is to come; check both clocks`);
  }
  return manifest;
}

/**
 * What a sealed file says of itself that `openSealedFile` has taken before, and that has not changed
 * since. Whoever signed it need not be configured any more; the key must be.
 * @throws AppError `LIST_REFUSED`, `SEALING_KEY_MISSING`
 */
export function openKeptFile(octets: Uint8Array, { keys }: SealingKeys): SealedManifest {
  const fault = findSealedFault(octets);
  if (fault !== null) throw refused(fault);
  const manifest = readManifest(octets);
  const keyFault = findKeyFault(keys, manifest.list, manifest.keyId, manifest.keyCheck);
  if (keyFault === null) return manifest;
  throw new AppError('SEALING_KEY_MISSING', `Opening the sealed list: ${keyFault}`);
}

/**
 * The sealed lists of an image, ready for look-ups; null where it has none.
 * @throws AppError `SEALING_KEY_MISSING` with every list that cannot be looked up
 */
export function openSealedLists(
  { sealed }: Pick<BlocklistImage, 'sealed'>,
  keys: readonly ListKey[],
): SealedLists | null {
  const records = readSealedSection(sealed);
  const faults = records.flatMap(
    ({ list, keyId, keyCheck }) => findKeyFault(keys, list, keyId, keyCheck) ?? [],
  );
  if (faults.length > 0) {
    throw new AppError('SEALING_KEY_MISSING', `Opening sealed lists: ${faults.join(' · ')}`, {
      faults,
    });
  }
  return createSealedLists(records, ({ list, keyId }) => {
    const key = keys.find(({ id }) => id === keyId)?.key ?? new Uint8Array(0);
    return deriveListKeys(key, list);
  });
}

function findKeyFault(
  keys: readonly ListKey[],
  list: string,
  keyId: string,
  keyCheck: Uint8Array,
): string | null {
  const found = keys.find(({ id }) => id === keyId);
  if (found === undefined) {
    return `list ${quote(list)} is sealed with the key ${quote(keyId)}, which is not configured; valid: ${idsOf(keys)} (sealing.keys)`;
  }
  if (isKeyOf(found.key, list, keyCheck)) return null;
  return `list ${quote(list)} is not sealed with the key that sealing.keys has as ${quote(keyId)}`;
}

function idsOf(configured: readonly { readonly id: string }[]): string {
  return configured.length === 0 ? 'none yet' : configured.map(({ id }) => id).join(', ');
}

function refused(why: string): AppError {
  return new AppError('LIST_REFUSED', `Reading the sealed list: ${why}`);
}
