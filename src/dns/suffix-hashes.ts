/**
 * The hashes of all suffixes of a name, in one pass from the right.
 *
 *     www.example.com   labels from the right:  com      example    www
 *     hash index        0 = root                1        2          3 = the whole name
 *
 * Each label is fed as its length octet and its octets, packed into 32-bit words and padded with
 * zeros; the length octet comes first, so two different label sequences never feed the same words.
 * After each label the state is copied and finished: that is the hash of the suffix. The hash is
 * HalfSipHash-1-3 (see `lib/half-siphash`), keyed with the installation's seed.
 */

import type { HashSeed } from '../lib/half-siphash.ts';

/** A name has at most 127 labels and the root (RFC 1035, section 3.1). */
const SUFFIXES_MAX = 128;

export interface SuffixHashes {
  /** `high[k]` and `low[k]`: the hash of the `k` rightmost labels. */
  readonly high: Uint32Array;
  readonly low: Uint32Array;
  /** Labels of the name without the root: the index of the whole name's hash. */
  labelCount: number;
  /** `labelAt[k]`: where the k-th label from the left begins in the name, k < labelCount. */
  readonly labelAt: Uint8Array;
  /** The seed that the hash of the root was made with: it is the same for every name. */
  rootSeed: HashSeed | null;
}

export function createSuffixHashes(): SuffixHashes {
  return {
    high: new Uint32Array(SUFFIXES_MAX),
    low: new Uint32Array(SUFFIXES_MAX),
    labelCount: 0,
    labelAt: new Uint8Array(SUFFIXES_MAX),
    rootSeed: null,
  };
}

/**
 * Hashes every suffix of a name.
 * @param name lower-cased, uncompressed wire octets that end with the root; must be a valid name
 * @param at where the name begins in the array
 */
export function hashSuffixes(
  hashes: SuffixHashes,
  seed: HashSeed,
  name: Uint8Array,
  at: number,
): void {
  let labelCount = 0;
  for (let offset = 0, length = name[at]!; length !== 0; length = name[at + offset]!) {
    hashes.labelAt[labelCount++] = offset;
    offset += length + 1;
  }
  hashes.labelCount = labelCount;
  hashLabels(hashes, seed, name, at);
}

/** The same where `hashes` hold already how many labels the name has and where each begins. */
export function hashLabels(
  hashes: SuffixHashes,
  seed: HashSeed,
  name: Uint8Array,
  at: number,
): void {
  const { labelAt, labelCount } = hashes;
  let v0 = seed[0] | 0;
  let v1 = seed[1] ^ 0xee;
  let v2 = 0x6c796765 ^ seed[0];
  let v3 = 0x74656462 ^ seed[1];
  if (hashes.rootSeed !== seed) {
    finish(hashes, 0, v0, v1, v2, v3);
    hashes.rootSeed = seed;
  }

  for (let suffix = 1; suffix <= labelCount; suffix++) {
    const start = at + labelAt[labelCount - suffix]!;
    const end = start + name[start]! + 1;
    for (let octet = start; octet < end; octet += 4) {
      let word = name[octet]!;
      if (octet + 1 < end) word |= name[octet + 1]! << 8;
      if (octet + 2 < end) word |= name[octet + 2]! << 16;
      if (octet + 3 < end) word |= name[octet + 3]! << 24;
      v3 ^= word;
      v0 = (v0 + v1) | 0;
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
      v0 = (v0 << 16) | (v0 >>> 16);
      v2 = (v2 + v3) | 0;
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
      v0 = (v0 + v3) | 0;
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
      v2 = (v2 + v1) | 0;
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
      v2 = (v2 << 16) | (v2 >>> 16);
      v0 ^= word;
    }
    finish(hashes, suffix, v0, v1, v2, v3);
  }
}

/** The last three rounds for each lane, on a copy of the state. */
function finish(
  hashes: SuffixHashes,
  suffix: number,
  v0: number,
  v1: number,
  v2: number,
  v3: number,
): void {
  v2 ^= 0xee;
  for (let round = 0; round < 6; round++) {
    if (round === 3) {
      hashes.high[suffix] = v1 ^ v3;
      v1 ^= 0xdd;
    }
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
  }
  hashes.low[suffix] = v1 ^ v3;
}
