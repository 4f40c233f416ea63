/**
 * A sealed list: a list without its names. A publisher who may not hand the names out hands out what
 * a name can be recognised by, to those alone who hold the list's key.
 *
 *     octet   0   magic "SGSEALED"
 *             8   version of this layout                      numbers are in network byte order
 *            12   number of entries
 *            16   serial: each version of a list has a higher one       (64 bits)
 *            24   when it was sealed, seconds since the Unix epoch      (64 bits)
 *            32   bits of a tag, fewest and most labels of a name; one octet each, then zeros
 *            48   key check: tells a wrong key at once                  (16 octets)
 *            64   id of the list, zero-padded                           (64 octets)
 *           128   id of the list key                                    (64 octets)
 *           192   id of the publisher                                   (64 octets)
 *           256   SHA-256 of all entries                                (32 octets)
 *           288   the publisher's signature: Ed25519 over the octets before it
 *           352   entries, 24 octets each, in rising order of their digests:
 *
 *                     0   digest: the first 16 octets of HMAC-SHA-256 over the name
 *                    16   tag: the low lane of the name's keyed suffix hash, cut to the bits of a tag
 *                    20   coverage: 1 the name itself, 2 what is below, 3 both; then zeros
 *
 * The first 288 octets are the manifest. It names the digest of the entries, so the signature covers
 * the whole file. A name is hashed as its lower-cased wire octets with the root. The keys of digests
 * and of tags are derived from the list key and the id of the list (`sealing/list-keys`), so the same
 * name in two lists looks different.
 *
 * Sixteen octets of a digest are enough: that a name which is not listed has the digest of a listed one
 * happens once in 2^128 / entries, and half of an HMAC tells no more about its key than all of it.
 * A tag is as short as it can be: with it, one look-up in 128 or less is taken for a listed name until its
 * digest is computed. More bits would spare digests; but the key of tags has 64 bits only, and to whom
 * it became known, short tags leave many names possible for each entry.
 */

import { readUint32, writeUint32 } from '../../lib/bytes.ts';
import { COVER_BOTH } from '../formats/list-format.ts';

export const SEALED_VERSION = 1;
/** What is signed. */
export const MANIFEST_OCTETS = 288;
export const SIGNATURE_OCTETS = 64;
export const ENTRIES_AT = MANIFEST_OCTETS + SIGNATURE_OCTETS;
export const ENTRY_OCTETS = 24;
export const DIGEST_OCTETS = 16;
export const KEY_CHECK_OCTETS = 16;
export const ID_OCTETS = 64;
/** Tags of more would need a bit array of more than 16 MiB. */
export const SEALED_NAMES_MAX = 1_048_576;
/** One octet more than any sealed file has, so that a longer one is seen to be too long. */
export const SEALED_OCTETS_READ = ENTRIES_AT + SEALED_NAMES_MAX * ENTRY_OCTETS + 1;

const MAGIC = 'SGSEALED';
export const MAGIC_OCTETS = MAGIC.length;
const SHA256_OCTETS = 32;
/** So that a list of few names has a bit array that is nearly empty too. */
const TAG_BITS_MIN = 12;
/** Of a tag, beyond those that number the entries. */
const TAG_BITS_SPARE = 7;
const LABELS_MAX = 127;

const VERSION_AT = 8;
const NAMES_AT = 12;
const SERIAL_AT = 16;
const SEALED_AT_AT = 24;
const TAG_BITS_AT = 32;
const LABELS_MIN_AT = 33;
const LABELS_MAX_AT = 34;
const KEY_CHECK_AT = 48;
const LIST_AT = 64;
const KEY_AT = 128;
const PUBLISHER_AT = 192;
const ENTRIES_SHA256_AT = 256;
/** Of an entry. */
const TAG_AT = 16;
const COVERAGE_AT = 20;

export interface SealedManifest {
  /** Id of the list, of the key it is sealed with, and of whoever signed it. */
  readonly list: string;
  readonly keyId: string;
  readonly publisher: string;
  readonly names: number;
  readonly serial: number;
  /** Seconds since the Unix epoch. */
  readonly sealedAtSecond: number;
  readonly tagBits: number;
  readonly labelsMin: number;
  readonly labelsMax: number;
  readonly keyCheck: Uint8Array;
  readonly entriesSha256: Uint8Array;
}

export interface SealedEntry {
  readonly digest: Uint8Array;
  readonly tag: number;
  /** `COVER_EXACT`, `COVER_BELOW` or both. */
  readonly coverage: number;
}

/** True where a content says that it is a sealed list, whatever else it may be. */
export function isSealed(octets: Uint8Array): boolean {
  if (octets.length < MAGIC.length) return false;
  for (let at = 0; at < MAGIC.length; at++) {
    if (octets[at] !== MAGIC.charCodeAt(at)) return false;
  }
  return true;
}

export function tagBitsFor(names: number): number {
  return Math.max(TAG_BITS_MIN, Math.ceil(Math.log2(Math.max(1, names))) + TAG_BITS_SPARE);
}

export function writeManifest(manifest: SealedManifest): Uint8Array {
  const out = new Uint8Array(MANIFEST_OCTETS);
  writeAscii(out, 0, MAGIC);
  writeUint32(out, VERSION_AT, SEALED_VERSION);
  writeUint32(out, NAMES_AT, manifest.names);
  writeUint64(out, SERIAL_AT, manifest.serial);
  writeUint64(out, SEALED_AT_AT, manifest.sealedAtSecond);
  out[TAG_BITS_AT] = manifest.tagBits;
  out[LABELS_MIN_AT] = manifest.labelsMin;
  out[LABELS_MAX_AT] = manifest.labelsMax;
  out.set(manifest.keyCheck, KEY_CHECK_AT);
  writeAscii(out, LIST_AT, manifest.list);
  writeAscii(out, KEY_AT, manifest.keyId);
  writeAscii(out, PUBLISHER_AT, manifest.publisher);
  out.set(manifest.entriesSha256, ENTRIES_SHA256_AT);
  return out;
}

/** @param entries in rising order of their digests */
export function writeEntries(entries: readonly SealedEntry[]): Uint8Array {
  const out = new Uint8Array(entries.length * ENTRY_OCTETS);
  for (const [index, { digest, tag, coverage }] of entries.entries()) {
    const at = index * ENTRY_OCTETS;
    out.set(digest, at);
    writeUint32(out, at + TAG_AT, tag);
    out[at + COVERAGE_AT] = coverage;
  }
  return out;
}

/** @param octets in which `findSealedFault` has found none */
export function readManifest(octets: Uint8Array): SealedManifest {
  return {
    list: readAscii(octets, LIST_AT),
    keyId: readAscii(octets, KEY_AT),
    publisher: readAscii(octets, PUBLISHER_AT),
    names: readUint32(octets, NAMES_AT),
    serial: readUint64(octets, SERIAL_AT),
    sealedAtSecond: readUint64(octets, SEALED_AT_AT),
    tagBits: octets[TAG_BITS_AT]!,
    labelsMin: octets[LABELS_MIN_AT]!,
    labelsMax: octets[LABELS_MAX_AT]!,
    keyCheck: octets.slice(KEY_CHECK_AT, KEY_CHECK_AT + KEY_CHECK_OCTETS),
    entriesSha256: octets.slice(ENTRIES_SHA256_AT, ENTRIES_SHA256_AT + SHA256_OCTETS),
  };
}

/** One of the four words of an entry's digest. */
export function digestWord(octets: Uint8Array, entry: number, word: number): number {
  return readUint32(octets, ENTRIES_AT + entry * ENTRY_OCTETS + word * 4);
}

export function tagOf(octets: Uint8Array, entry: number): number {
  return readUint32(octets, ENTRIES_AT + entry * ENTRY_OCTETS + TAG_AT);
}

export function coverageOf(octets: Uint8Array, entry: number): number {
  return octets[ENTRIES_AT + entry * ENTRY_OCTETS + COVERAGE_AT]!;
}

/**
 * What is wrong with the layout of a file, or null. Who made it and whether the key is right say
 * signature and key check, which need more than arithmetic (`sealing/open-sealed`).
 */
export function findSealedFault(octets: Uint8Array): string | null {
  if (!isSealed(octets)) return 'it is no sealed list';
  if (octets.length < ENTRIES_AT) return 'it is cut within its head';
  const version = readUint32(octets, VERSION_AT);
  if (version !== SEALED_VERSION) {
    return `it is of version ${version} of the layout; this server reads version ${SEALED_VERSION}`;
  }
  return findManifestFault(octets) ?? findEntryFault(octets);
}

function findManifestFault(octets: Uint8Array): string | null {
  const names = readUint32(octets, NAMES_AT);
  if (names === 0) return 'it holds no names';
  if (names > SEALED_NAMES_MAX)
    return `it holds ${names} names; valid: ${SEALED_NAMES_MAX} at most`;
  const length = ENTRIES_AT + names * ENTRY_OCTETS;
  if (octets.length !== length) {
    return `it has ${octets.length} octets, ${names} names need ${length}: it is cut or has a tail`;
  }
  for (const at of [SERIAL_AT, SEALED_AT_AT]) {
    if (!Number.isSafeInteger(readUint64(octets, at)))
      return 'a number of its head is out of range';
  }
  if (octets[TAG_BITS_AT] !== tagBitsFor(names)) return 'its tags do not fit the number of names';
  const labelsMin = octets[LABELS_MIN_AT]!;
  const labelsMax = octets[LABELS_MAX_AT]!;
  if (labelsMin < 1 || labelsMin > labelsMax || labelsMax > LABELS_MAX) {
    return 'its numbers of labels are none';
  }
  if (hasOctets(octets, LABELS_MAX_AT + 1, KEY_CHECK_AT)) return 'zeros of its head are not zero';
  for (const at of [LIST_AT, KEY_AT, PUBLISHER_AT]) {
    if (!isId(octets, at)) return 'an id in its head is none';
  }
  return null;
}

function findEntryFault(octets: Uint8Array): string | null {
  const names = readUint32(octets, NAMES_AT);
  const tags = 2 ** octets[TAG_BITS_AT]!;
  for (let entry = 0; entry < names; entry++) {
    const at = ENTRIES_AT + entry * ENTRY_OCTETS;
    if (entry > 0 && compareDigests(octets, at - ENTRY_OCTETS, octets, at) >= 0) {
      return `entry ${entry} is out of order`;
    }
    if (tagOf(octets, entry) >= tags) return `the tag of entry ${entry} is too long`;
    const coverage = coverageOf(octets, entry);
    if (coverage === 0 || coverage > COVER_BOTH) return `entry ${entry} covers nothing`;
    if (hasOctets(octets, at + COVERAGE_AT + 1, at + ENTRY_OCTETS)) {
      return `zeros of entry ${entry} are not zero`;
    }
  }
  return null;
}

/** Negative where the first is lower, 0 where they are equal. */
export function compareDigests(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): number {
  for (let octet = 0; octet < DIGEST_OCTETS; octet++) {
    const difference = a[aAt + octet]! - b[bAt + octet]!;
    if (difference !== 0) return difference;
  }
  return 0;
}

function hasOctets(octets: Uint8Array, from: number, end: number): boolean {
  for (let at = from; at < end; at++) if (octets[at] !== 0) return true;
  return false;
}

/** Letters, digits, ".", "_" and "-", then zeros only. */
function isId(octets: Uint8Array, at: number): boolean {
  const id = readAscii(octets, at);
  return (
    /^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id) && !hasOctets(octets, at + id.length, at + ID_OCTETS)
  );
}

function readAscii(octets: Uint8Array, at: number): string {
  let text = '';
  for (let index = 0; index < ID_OCTETS && octets[at + index] !== 0; index++) {
    text += String.fromCharCode(octets[at + index]!);
  }
  return text;
}

function writeAscii(out: Uint8Array, at: number, text: string): void {
  for (let index = 0; index < text.length; index++) out[at + index] = text.charCodeAt(index);
}

function writeUint64(out: Uint8Array, at: number, value: number): void {
  writeUint32(out, at, Math.floor(value / 2 ** 32));
  writeUint32(out, at + 4, value >>> 0);
}

function readUint64(octets: Uint8Array, at: number): number {
  return readUint32(octets, at) * 2 ** 32 + readUint32(octets, at + 4);
}
