/**
 * Category masks: 256 bits in eight 32-bit words, bit `b` is word `b >>> 5`, bit `b & 31`. A name's
 * categories, a plan's blocked categories and everything between them have this one form, so that
 * a policy is one AND.
 */

/** Categories and services together; the width of every mask. */
export const CATEGORY_COUNT_MAX = 256;
export const MASK_WORDS = 8;

export function createMask(): Uint32Array {
  return new Uint32Array(MASK_WORDS);
}

/** @param bit 0 to 255; `at` is the word at which the mask begins */
export function setBit(mask: Uint32Array, bit: number, at = 0): void {
  mask[at + (bit >>> 5)]! |= 1 << (bit & 31);
}

export function hasBit(mask: Uint32Array, bit: number, at = 0): boolean {
  return (mask[at + (bit >>> 5)]! & (1 << (bit & 31))) !== 0;
}

/** Adds the bits of `from` to `to`. */
export function orMask(to: Uint32Array, from: Uint32Array, toAt = 0, fromAt = 0): void {
  for (let word = 0; word < MASK_WORDS; word++) to[toAt + word]! |= from[fromAt + word]!;
}

/** All set bits in rising order; allocates, so not for the query path. */
export function bitsOf(mask: Uint32Array, at = 0): number[] {
  const bits: number[] = [];
  for (let bit = 0; bit < CATEGORY_COUNT_MAX; bit++) if (hasBit(mask, bit, at)) bits.push(bit);
  return bits;
}
