/**
 * Where an address stands in a hash table: a keyed mix of its words, cheaper than HalfSipHash.
 * It only picks the place; whoever uses it compares the whole address then. So a client that finds
 * addresses with one place makes nothing but a longer probe, and the key keeps it from finding them.
 */

import { hashWords, type HashSeed } from './half-siphash.ts';

/** "addr" */
const ADDRESS_PURPOSE = 0x61646472;

/** The seed in the form that is quick to read: signed, so that V8 boxes neither word. */
export interface AddressKey {
  readonly first: number;
  readonly second: number;
}

/** A key of its own, made of the seed: this mix can be turned back, and names are hashed with the seed. */
export function createAddressKey(seed: HashSeed): AddressKey {
  const made = new Uint32Array(2);
  hashWords(seed, Int32Array.of(ADDRESS_PURPOSE), 0, 1, made);
  return { first: made[0]! | 0, second: made[1]! | 0 };
}

/** Mixes two words into 32 bits, signed; each bit of them reaches every bit (the finish of MurmurHash3). */
export function mixWords(key: AddressKey, a: number, b: number): number {
  let mixed = Math.imul(a ^ key.first, 0x9e3779b1);
  mixed = Math.imul(mixed ^ (mixed >>> 15) ^ b ^ key.second, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
