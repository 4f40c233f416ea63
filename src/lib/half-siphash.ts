/**
 * HalfSipHash-1-3 with a 64-bit result in two 32-bit lanes (Aumasson, Bernstein: SipHash; the half
 * variant of the reference code, https://github.com/veorq/SipHash). Keyed, so that nobody outside
 * can make names or addresses collide; one key, the seed, serves an installation.
 *
 * This is the form for short runs of words (addresses, rule keys). `dns/suffix-hashes` holds the
 * form that hashes all suffixes of a name in one pass; the rounds are the same.
 */

/** The 64-bit key as two unsigned 32-bit words. */
export type HashSeed = readonly [number, number];

/** Tells two seeds apart without telling them: the hash of no words at all. */
export function seedIdOf(seed: HashSeed): readonly [number, number] {
  const out = new Uint32Array(2);
  hashWords(seed, [], 0, 0, out);
  return [out[0]!, out[1]!];
}

/** Hashes `count` words from `at` on into `out[0]` (high lane) and `out[1]` (low lane). */
export function hashWords(
  seed: HashSeed,
  words: ArrayLike<number>,
  at: number,
  count: number,
  out: Uint32Array,
): void {
  let v0 = seed[0] | 0;
  let v1 = seed[1] ^ 0xee;
  let v2 = 0x6c796765 ^ seed[0];
  let v3 = 0x74656462 ^ seed[1];
  // The last word holds the octet count, as the reference does, so that no run is a prefix of another.
  for (let index = 0; index <= count; index++) {
    const word = index < count ? words[at + index]! : (count * 4) << 24;
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
  v2 ^= 0xee;
  for (let round = 0; round < 6; round++) {
    if (round === 3) {
      out[0] = v1 ^ v3;
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
  out[1] = v1 ^ v3;
}
