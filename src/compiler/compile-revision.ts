/**
 * From the committed rows of the newest revision to its two images: read, compile, put on the disk.
 * Everything but the blocklist is compiled each time; the blocklist only when what it is made of
 * has changed, since it is by far the greatest.
 */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { getHeapStatistics } from 'node:v8';
import { compileBlocklist } from '../blocklist/compile.ts';
import { BLOCKLIST_IMAGE_VERSION, openBlocklistImage } from '../blocklist/image.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { seedIdOf } from '../lib/half-siphash.ts';
import { createProtectingGate } from '../lists/gate.ts';
import { compilePolicies } from '../policy/compile.ts';
import { openPolicyImage } from '../policy/check-image.ts';
import type { SealingKeys } from '../sealing/sealing-keys.ts';
import { PROTECTED_CATEGORY } from '../store/canonical.ts';
import type { CompileInput } from '../store/compile-input.ts';
import { readAddressFingerprint } from './address-fingerprint.ts';
import { currentBlocklistKey, writeImages } from './image-folder.ts';
import type { CompileDone, CompileRequest, ListSummary } from './messages.ts';
import { readNewestInput } from './newest-input.ts';
import { openList } from '../lists/open-list.ts';
import { openSealedPart } from './open-sealed-part.ts';
import { type CompileData, toPolicyInput } from './to-policy-input.ts';

/** Raised when the meaning of a list changes without a change of the layout: other parsers, another gate. */
const PARSERS_VERSION = 3;

export const IMAGES_FOLDER = 'images';

/**
 * Compiles the newest revision and makes it the current set on the disk.
 * @throws AppError `LIST_CONTENT_DAMAGED`, `SEALING_KEY_MISSING`, `COMPILE_LIMIT`, `COMPILE_COLLISION`, or of the store;
 *   the set on the disk stays what it was
 */
export async function compileRevision(
  request: CompileRequest,
  data: CompileData,
): Promise<CompileDone> {
  const startedAt = performance.now();
  const { seed, dataDir, nowSeconds } = request;
  const folder = join(dataDir, IMAGES_FOLDER);
  const addressFingerprint = await readAddressFingerprint(dataDir);
  const input = await readNewestInput(dataDir);
  const blocklistKey = keyOf(input, seed);
  const isKept =
    blocklistKey === request.blocklistKey && blocklistKey === currentBlocklistKey(folder);
  const compiled = isKept ? null : compileLists(input, seed, request.sealing);
  const policy = compilePolicies(toPolicyInput(input, data, nowSeconds), seed);
  // The images are checked in full here, so that no thread for which somebody waits has to.
  if (compiled !== null) openBlocklistImage(compiled.buffer);
  openPolicyImage(policy);
  const { revision } = input;
  const blocklist = compiled?.buffer ?? null;
  writeImages(folder, { revision, blocklistKey, addressFingerprint, blocklist, policy });
  return {
    kind: 'compiled',
    job: request.job,
    revision,
    blocklistKey,
    blocklist,
    policy,
    addressFingerprint,
    lists: compiled?.lists ?? [],
    elapsedMs: performance.now() - startedAt,
    octetsMax: (compiled?.octetsMax ?? 0) + getHeapStatistics().total_heap_size,
  };
}

/** Names all that the blocklist image is made of. */
function keyOf(input: CompileInput, seed: HashSeed): string {
  const lists = input.lists.map((list) => [
    list.id,
    list.category,
    list.categoryBit,
    list.format,
    list.coversSubdomains,
    list.except,
    list.contentSha256,
  ]);
  const made = [PARSERS_VERSION, BLOCKLIST_IMAGE_VERSION, seedIdOf(seed), lists];
  return createHash('sha256').update(JSON.stringify(made)).digest('hex');
}

interface CompiledLists {
  readonly buffer: SharedArrayBuffer;
  readonly lists: readonly ListSummary[];
  readonly octetsMax: number;
}

function compileLists(input: CompileInput, seed: HashSeed, sealing: SealingKeys): CompiledLists {
  const sealed = input.lists
    .filter(({ format }) => format === 'sealed')
    .map((source) => openSealedPart(source, sealing));
  const texts = input.lists.filter(({ format }) => format !== 'sealed');
  const opened = texts.map(openList);
  const lists = opened.map(({ list }) => list);
  const protectedLists = lists.filter((_, index) => texts[index]?.category === PROTECTED_CATEGORY);
  const isRefused = createProtectingGate(protectedLists, seed);
  const options = { isRefused, sealed: sealed.map(({ part }) => part) };
  const { buffer, report } = compileBlocklist(lists, seed, options);
  for (const { refuseDamage } of opened) refuseDamage();
  const summaries = [...report.lists, ...sealed].map(({ id, entries }) => ({ id, entries }));
  return { buffer, lists: summaries, octetsMax: report.octetsMax };
}
