/**
 * The last good images on disk, so that a restart is protected from its first packet.
 *
 *     DATA_DIR/images/current.json                    the manifest: revision, what was compiled, the two files
 *                     blocklist-<content id>.image
 *                     policy-<content id>.image
 *
 * The images are written first and the manifest is renamed over the old one last: a set exists
 * from that rename on, or not at all. Files that no manifest names are leftovers and are removed.
 */

import {
  closeSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { assert } from '../lib/assert.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { seedIdOf } from '../lib/half-siphash.ts';
import { contentIdOf } from '../lib/image.ts';
import { openBlocklistImage } from '../blocklist/image.ts';
import { openPolicyImage } from '../policy/check-image.ts';
import { writeFileDurably } from '../store/data-folder.ts';

const FORMAT = 2;
const MANIFEST = 'current.json';
const FILE_MODE = 0o600;
/** An image that claims more is damaged: 20 million names need 240 MB. */
const IMAGE_BYTES_MAX = 2 ** 31;

/** One revision, compiled. */
export interface CompiledImages {
  readonly revision: number;
  /** Names what the blocklist was compiled from; equal keys need no new compilation. */
  readonly blocklistKey: string;
  /** Names the state of the subscribers' addresses that the policy belongs to; they are not in it. */
  readonly addressFingerprint: string;
  readonly blocklist: SharedArrayBuffer;
  readonly policy: SharedArrayBuffer;
}

interface Manifest {
  readonly format: number;
  readonly revision: number;
  readonly blocklistKey: string;
  readonly addressFingerprint: string;
  readonly blocklist: string;
  readonly policy: string;
}

/**
 * Makes a compiled set the current one. The files are on the disk when this returns.
 * @param images with the blocklist null where that of the current set, of the same key, is kept
 */
export function writeImages(
  folder: string,
  images: Omit<CompiledImages, 'blocklist'> & { readonly blocklist: SharedArrayBuffer | null },
): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const kept = images.blocklist === null ? readManifest(folder) : null;
  const manifest: Manifest = {
    format: FORMAT,
    revision: images.revision,
    blocklistKey: images.blocklistKey,
    addressFingerprint: images.addressFingerprint,
    blocklist: kept?.blocklist ?? writeImage(folder, 'blocklist', images.blocklist),
    policy: writeImage(folder, 'policy', images.policy),
  };
  assert(kept === null || kept.blocklistKey === images.blocklistKey, 'only an equal list is kept');
  writeFileDurably(join(folder, MANIFEST), `${JSON.stringify(manifest, null, 2)}\n`, FILE_MODE);
  removeLeftovers(folder, manifest);
}

/** The key of the current set's blocklist, or null where there is no readable set. */
export function currentBlocklistKey(folder: string): string | null {
  try {
    return readManifest(folder)?.blocklistKey ?? null;
  } catch {
    return null;
  }
}

/**
 * Reads the current set, checked in full.
 * @returns null where none was ever written
 * @throws AppError `IMAGE_DAMAGED` that names the file; the caller recompiles
 */
export function readImages(folder: string, seed: HashSeed): CompiledImages | null {
  const manifest = readManifest(folder);
  if (manifest === null) return null;
  const read = (name: string, check: (buffer: SharedArrayBuffer) => unknown): SharedArrayBuffer => {
    const path = join(folder, name);
    try {
      const buffer = readShared(path);
      check(buffer);
      refuseOtherSeed(buffer, seed);
      return buffer;
    } catch (error) {
      throw new AppError('IMAGE_DAMAGED', `Reading ${path}: ${messageOf(error)}`, { cause: error });
    }
  };
  return {
    revision: manifest.revision,
    blocklistKey: manifest.blocklistKey,
    addressFingerprint: manifest.addressFingerprint,
    blocklist: read(manifest.blocklist, openBlocklistImage),
    policy: read(manifest.policy, openPolicyImage),
  };
}

/** Forgets the current set, after it was found damaged. */
export function removeImages(folder: string): void {
  rmSync(join(folder, MANIFEST), { force: true });
}

function readManifest(folder: string): Manifest | null {
  const path = join(folder, MANIFEST);
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw new AppError('IMAGE_DAMAGED', `Reading ${path}: ${messageOf(error)}`, { cause: error });
  }
  const manifest = parseManifest(text);
  if (manifest === null) {
    throw new AppError('IMAGE_DAMAGED', `Reading ${path}: it is no manifest of images`);
  }
  return manifest;
}

/** @returns the name of the file, which says what is in it */
function writeImage(folder: string, kind: string, buffer: SharedArrayBuffer | null): string {
  assert(buffer !== null, 'an image is compiled where none is kept');
  const words = new Uint32Array(buffer);
  const name = `${kind}-${contentIdOf({ buffer, words, bytes: new Uint8Array(buffer) })}.image`;
  writeFileDurably(join(folder, name), new Uint8Array(buffer), FILE_MODE);
  return name;
}

function parseManifest(text: string): Manifest | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { format, revision, blocklistKey, addressFingerprint, blocklist, policy } = value as Record<
    string,
    unknown
  >;
  if (format !== FORMAT || typeof revision !== 'number') return null;
  if (typeof blocklistKey !== 'string' || typeof addressFingerprint !== 'string') return null;
  if (!isImageName(blocklist) || !isImageName(policy)) return null;
  return { format, revision, blocklistKey, addressFingerprint, blocklist, policy };
}

function isImageName(value: unknown): value is string {
  return typeof value === 'string' && /^(blocklist|policy)-[0-9a-f]{16}\.image$/.test(value);
}

function readShared(path: string): SharedArrayBuffer {
  const file = openSync(path, 'r');
  try {
    const octets = fstatSync(file).size;
    if (octets > IMAGE_BYTES_MAX) throw new Error(`${octets} octets are too many for an image`);
    const buffer = new SharedArrayBuffer(octets);
    const bytes = new Uint8Array(buffer);
    for (let at = 0; at < octets;) {
      const count = readSync(file, bytes, at, octets - at, at);
      if (count === 0) throw new Error('it became shorter while it was read');
      at += count;
    }
    return buffer;
  } finally {
    closeSync(file);
  }
}

function refuseOtherSeed(buffer: SharedArrayBuffer, seed: HashSeed): void {
  const words = new Uint32Array(buffer);
  const [high, low] = seedIdOf(seed);
  if (words[6] !== high || words[7] !== low) {
    throw new Error('it was compiled with another hash seed');
  }
}

function removeLeftovers(folder: string, manifest: Manifest): void {
  const named = new Set([MANIFEST, manifest.blocklist, manifest.policy]);
  for (const name of readdirSync(folder)) {
    if (!named.has(name)) rmSync(join(folder, name), { force: true });
  }
}
