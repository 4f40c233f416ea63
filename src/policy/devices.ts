/**
 * Devices: from (subscriber number, identity) to a profile's number, and from a CPE id to a subscriber's.
 *
 *     word  0            slots, a power of two, at least one of them never used
 *           1 to 3       zero
 *           4 + 4 · s    slot s: hash high · hash low · kind << 24 | subscriber number · number + 1
 *
 * Open addressing, linear probing, as in `rules`. The keyed hash covers kind, subscriber and key, so a
 * MAC address is nowhere in the image. The subscriber stands in the slot once more: whatever two
 * hashes do, no household reaches another's profile. Two keys of one household that share a hash are
 * found here, while compiling.
 */

import { assert } from '../lib/assert.ts';
import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { hashWords } from '../lib/half-siphash.ts';
import type { PolicyImage } from './image.ts';
import type { PolicyCpeId, PolicyDevice } from './policy-input.ts';

/** Kinds of identities. Octets of the key: 6; 16, IPv4 as ::ffff:a.b.c.d; a text. */
export const DEVICE_MAC = 1;
export const DEVICE_ADDRESS = 2;
export const DEVICE_CLIENT_ID = 3;
/** It leads to a subscriber and so has none: its subscriber number is 0. */
const DEVICE_CPE_ID = 4;

/** Longer keys lead nowhere. */
export const DEVICE_KEY_BYTES_MAX = 512;

const HEADER_WORDS = 4;
const SLOT_WORDS = 4;
const SLOT_OWNER = 2;
const SLOT_VALUE = 3;
const LOAD_MAX = 0.7;
const KIND_SHIFT = 24;
const SUBSCRIBER_MAX = 0xff_ffff;
const NO_SUBSCRIBER = 0;

const KIND_OF = {
  mac: DEVICE_MAC,
  address: DEVICE_ADDRESS,
  clientId: DEVICE_CLIENT_ID,
} as const satisfies Record<PolicyDevice['kind'], number>;

/** The key being looked up, as words, and its hash. Nothing in them is of use after a call. */
const keyWords = new Uint32Array(2 + DEVICE_KEY_BYTES_MAX / 4);
const keyHash = new Uint32Array(2);

/**
 * The profile that a device of a subscriber leads to, or −1.
 * @param subscriber number of the subscriber's own profile
 * @param kind `DEVICE_MAC`, `DEVICE_ADDRESS` or `DEVICE_CLIENT_ID`
 * @param bytes hold the key from `at` on
 */
export function lookUpDevice(
  policies: PolicyImage,
  seed: HashSeed,
  subscriber: number,
  kind: number,
  bytes: Uint8Array,
  at: number,
  length: number,
): number {
  if (length > DEVICE_KEY_BYTES_MAX) return -1;
  const { devices } = policies;
  const slotAt = findSlot(devices, seed, (kind << KIND_SHIFT) | subscriber, bytes, at, length);
  return devices[slotAt + SLOT_VALUE]! - 1;
}

/** The subscriber of a CPE id, the number of its own profile, or −1. */
export function lookUpCpeId(
  policies: PolicyImage,
  seed: HashSeed,
  bytes: Uint8Array,
  at: number,
  length: number,
): number {
  return lookUpDevice(policies, seed, NO_SUBSCRIBER, DEVICE_CPE_ID, bytes, at, length);
}

/** @throws AppError `COMPILE_COLLISION` where two keys share a hash: compile again with a new seed */
export function compileDevices(
  devices: readonly PolicyDevice[],
  cpeIds: readonly PolicyCpeId[],
  seed: HashSeed,
): Uint32Array {
  const count = devices.length + cpeIds.length;
  const slotCount = 2 ** Math.ceil(Math.log2(count / LOAD_MAX + 1));
  const table = new Uint32Array(HEADER_WORDS + slotCount * SLOT_WORDS);
  table[0] = slotCount;
  const keys = new Array<Uint8Array | undefined>(slotCount);
  for (const { subscriber, kind, key, profile } of devices) {
    insert(table, keys, seed, KIND_OF[kind], subscriber, key, profile);
  }
  for (const { key, subscriber } of cpeIds) {
    insert(table, keys, seed, DEVICE_CPE_ID, NO_SUBSCRIBER, key, subscriber);
  }
  return table;
}

/** @param keys of the slots filled so far, by slot */
function insert(
  table: Uint32Array,
  keys: (Uint8Array | undefined)[],
  seed: HashSeed,
  kind: number,
  subscriber: number,
  key: Uint8Array,
  value: number,
): void {
  assert(key.length <= DEVICE_KEY_BYTES_MAX, 'keys of devices have at most 512 octets');
  assert(subscriber <= SUBSCRIBER_MAX, 'subscriber numbers have 24 bits');
  const owner = (kind << KIND_SHIFT) | subscriber;
  const at = findSlot(table, seed, owner, key, 0, key.length);
  const slot = (at - HEADER_WORDS) / SLOT_WORDS;
  refuseCollision(keys[slot], key);
  keys[slot] = key;
  table.set([keyHash[0]!, keyHash[1]!, owner, value + 1], at);
}

/** Word offset of the slot that holds the key, or of the never used slot where the probe ends. */
function findSlot(
  table: Uint32Array,
  seed: HashSeed,
  owner: number,
  bytes: Uint8Array,
  at: number,
  length: number,
): number {
  hashKey(seed, owner, bytes, at, length);
  const high = keyHash[0]!;
  const low = keyHash[1]!;
  const last = table[0]! - 1;
  let slot = high & last;
  for (;;) {
    const slotAt = HEADER_WORDS + slot * SLOT_WORDS;
    if (table[slotAt + SLOT_VALUE] === 0) return slotAt;
    const isKey = table[slotAt] === high && table[slotAt + 1] === low;
    if (isKey && table[slotAt + SLOT_OWNER] === owner) return slotAt;
    slot = (slot + 1) & last;
  }
}

/** Owner, length and octets, padded with zeros: no two keys make the same words. Into `keyHash`. */
function hashKey(
  seed: HashSeed,
  owner: number,
  bytes: Uint8Array,
  at: number,
  length: number,
): void {
  keyWords[0] = owner;
  keyWords[1] = length;
  let count = 2;
  for (let offset = 0; offset < length; offset += 4) {
    let word = bytes[at + offset]!;
    if (offset + 1 < length) word |= bytes[at + offset + 1]! << 8;
    if (offset + 2 < length) word |= bytes[at + offset + 2]! << 16;
    if (offset + 3 < length) word |= bytes[at + offset + 3]! << 24;
    keyWords[count++] = word;
  }
  hashWords(seed, keyWords, 0, count, keyHash);
}

function refuseCollision(owner: Uint8Array | undefined, key: Uint8Array): void {
  if (owner === undefined || isSame(owner, key)) return;
  throw new AppError(
    'COMPILE_COLLISION',
    'Compiling devices: two keys share a hash under this seed; a new seed separates them',
  );
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index]);
}
