/**
 * Safe search (row 11 of the decision): search engines and YouTube under the addresses at which they
 * serve only what suits children. Which names lead where is data (`SafeSearchMap`); here it becomes
 * a table of names and a list of targets.
 *
 *     safeNames   set 1, whole names only    1 + e: engine e · 17: YouTube
 *                 set 2, and what is below   18: an engine that cannot be made safe
 *     targets     e: of engine e · then YouTube's, moderate and strict
 *
 * A target is a name, for a CNAME, or an IPv4 address, where the engine has no name for it. Most names
 * are in no such table; the filter says so without a look at the table.
 */

import type { SuffixHashes } from '../dns/suffix-hashes.ts';
import { assert } from '../lib/assert.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { PolicyImage } from './image.ts';
import {
  SAFE_BLOCK_UNSAFE,
  SAFE_ENGINES_MAX,
  SAFE_YOUTUBE_SHIFT,
  TARGET_ADDRESS4,
  TARGET_AT,
  TARGET_IS_ADDRESS4,
  TARGET_IS_NAME,
  TARGET_KIND,
  TARGET_LENGTH,
  TARGET_WORDS,
} from './image.ts';
import type { SafeSearchEngine, SafeSearchMap, SafeSearchSettings } from './policy-input.ts';
import type { NameTable, NameTableEntry } from './rules.ts';
import { compileNameTable, lookUpExact, lookUpLongest, mayHoldSuffix } from './rules.ts';

/** What `lookUpSafeSearch` returns beside the numbers of targets. */
export const SAFE_SEARCH_NONE = -1;
export const SAFE_SEARCH_BLOCK = -2;

const SET_WHOLE = 1;
const SET_UNSAFE = 2;
const VALUE_YOUTUBE = SAFE_ENGINES_MAX + 1;
const VALUE_UNSAFE = SAFE_ENGINES_MAX + 2;

/**
 * The target of a name under a setting, `SAFE_SEARCH_NONE` or `SAFE_SEARCH_BLOCK`.
 * @param setting the word `RECORD_SAFE_SEARCH`
 */
export function lookUpSafeSearch(
  policies: PolicyImage,
  setting: number,
  hashes: SuffixHashes,
): number {
  const { safeNames, safeFilter } = policies;
  if (!mayHoldSuffix(safeFilter, hashes)) return SAFE_SEARCH_NONE;
  const value = lookUpExact(safeNames, SET_WHOLE, hashes);
  if (value === VALUE_YOUTUBE) return youtubeTarget(policies, setting);
  if (value !== 0) return (setting & (1 << (value - 1))) === 0 ? SAFE_SEARCH_NONE : value - 1;
  if ((setting & SAFE_BLOCK_UNSAFE) === 0) return SAFE_SEARCH_NONE;
  return lookUpLongest(safeNames, SET_UNSAFE, hashes) === 0 ? SAFE_SEARCH_NONE : SAFE_SEARCH_BLOCK;
}

/** True for a target that is an IPv4 address: A is answered with it, every other type with NODATA. */
export function isTargetAddress(policies: PolicyImage, target: number): boolean {
  return policies.targets[target * TARGET_WORDS + TARGET_KIND] === TARGET_IS_ADDRESS4;
}

/** The address as one word; only where `isTargetAddress`. */
export function targetAddress4(policies: PolicyImage, target: number): number {
  return policies.targets[target * TARGET_WORDS + TARGET_ADDRESS4]!;
}

/** Where the name of a target begins in `policies.targetNames`; its root ends it. */
export function targetNameAt(policies: PolicyImage, target: number): number {
  return policies.targets[target * TARGET_WORDS + TARGET_AT]!;
}

/** Octets of the name of a target, with its root. */
export function targetNameLength(policies: PolicyImage, target: number): number {
  return policies.targets[target * TARGET_WORDS + TARGET_LENGTH]!;
}

/** The most of two settings: every engine of either, and the stricter level of YouTube. */
export function mostSafe(a: SafeSearchSettings, b: SafeSearchSettings): SafeSearchSettings {
  return {
    engines: a.engines | b.engines,
    youtube: Math.max(a.youtube, b.youtube),
    isBlockingUnsafe: a.isBlockingUnsafe || b.isBlockingUnsafe,
  };
}

/** The word `RECORD_SAFE_SEARCH` of a setting. */
export function safeSearchWord(settings: SafeSearchSettings): number {
  const { engines, youtube, isBlockingUnsafe } = settings;
  return engines | (youtube << SAFE_YOUTUBE_SHIFT) | (isBlockingUnsafe ? SAFE_BLOCK_UNSAFE : 0);
}

export interface CompiledSafeSearch {
  readonly names: NameTable;
  readonly targets: Uint32Array;
  readonly targetNames: Uint8Array;
}

/** @throws AppError `COMPILE_COLLISION` where two names share a hash under this seed */
export function compileSafeSearch(map: SafeSearchMap, seed: HashSeed): CompiledSafeSearch {
  const { engines, youtube, unsafe } = map;
  assert(engines.length <= SAFE_ENGINES_MAX, 'there are at most 16 engines of safe search');
  const entries: NameTableEntry[] = engines.flatMap(({ names }, engine) =>
    names.map((name) => ({ set: SET_WHOLE, name, value: 1 + engine })),
  );
  for (const name of youtube.names) entries.push({ set: SET_WHOLE, name, value: VALUE_YOUTUBE });
  for (const name of unsafe) entries.push({ set: SET_UNSAFE, name, value: VALUE_UNSAFE });
  const targets: SafeSearchEngine['target'][] = [
    ...engines.map(({ target }) => target),
    { name: youtube.moderate },
    { name: youtube.strict },
  ];
  return { names: compileNameTable(entries, seed), ...packTargets(targets) };
}

function packTargets(
  targets: readonly SafeSearchEngine['target'][],
): Pick<CompiledSafeSearch, 'targets' | 'targetNames'> {
  const words = new Uint32Array(targets.length * TARGET_WORDS);
  const octets: number[] = [];
  for (const [index, target] of targets.entries()) {
    const at = index * TARGET_WORDS;
    if ('address4' in target) {
      words[at + TARGET_KIND] = TARGET_IS_ADDRESS4;
      words[at + TARGET_ADDRESS4] = target.address4;
    } else {
      words[at + TARGET_KIND] = TARGET_IS_NAME;
      words[at + TARGET_AT] = octets.length;
      words[at + TARGET_LENGTH] = target.name.length;
      octets.push(...target.name);
    }
  }
  return { targets: words, targetNames: Uint8Array.from(octets) };
}

/** YouTube's two targets are the last. */
function youtubeTarget({ targets }: PolicyImage, setting: number): number {
  const level = (setting >>> SAFE_YOUTUBE_SHIFT) & 3;
  return level === 0 ? SAFE_SEARCH_NONE : targets.length / TARGET_WORDS - 3 + level;
}
