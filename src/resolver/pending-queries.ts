/**
 * What waits for an upstream: questions, and the clients parked on each.
 *
 *     question slots   name, type, group, DO, CD      found again by hash, compared in full
 *        │
 *        └─▶ waiter ─▶ waiter ─▶ …                    one for every client of that question:
 *                                                     address, route, ID, flags, its own question
 *
 * Identical questions are joined: one query upstream, however many clients ask (RFC 5452, section
 * 5: no birthday attack). Each waiter keeps its own ID, question, EDNS and profile number; its name is
 * another than that of the slot where safe search asks for the target of what was asked.
 * All memory is allocated at the start. When it is used up, the question that has waited longest is given
 * up for a new one, and one of its clients for a client more; never who can be answered at once. Question
 * slots are named by a handle that holds a generation, so that an answer which comes too late meets no
 * later question.
 */

import { copyBytes, writeUint16 } from '../lib/bytes.ts';
import { hashWords, type HashSeed } from '../lib/half-siphash.ts';
import { isIpv4Words, PREFIX_MASKS } from '../lib/ip-address.ts';
import type { PacketBatch } from '../lib/packet-batch.ts';
import { CLASS_IN, FLAG_CD, HEADER_BYTES } from '../dns/constants.ts';
import { lowerCaseName, NAME_BYTES_MAX } from '../dns/name.ts';
import type { QueryView } from '../dns/query-view.ts';
import type { ResponseView } from '../dns/response-view.ts';
import { createSuffixHashes, hashSuffixes, type SuffixHashes } from '../dns/suffix-hashes.ts';

/** Question slots in all; the handle has 16 bits for the slot. */
export const PENDING_MAX = 65_535;
/** Clients that may wait, for each question slot: however they share the questions among them. */
const CLIENTS_PER_QUESTION = 2;

const NONE = -1;
const GENERATION_MASK = 0x7fff;
const BIT_DNSSEC_OK = 1;
const BIT_CHECKING_DISABLED = 2;
const CLIENT_BUCKETS = 65_536;

export interface PendingQueries {
  readonly capacity: number;
  readonly waitersPerClientMax: number;
  /** Questions that wait now, and clients that wait now. */
  pendingCount: number;
  waiterCount: number;

  readonly names: Uint8Array;
  readonly nameLengths: Uint8Array;
  readonly types: Uint16Array;
  readonly groups: Uint16Array;
  readonly bits: Uint8Array;
  readonly buckets: Int32Array;
  readonly bucketOf: Int32Array;
  readonly nextInBucket: Int32Array;
  readonly generations: Uint16Array;
  readonly older: Int32Array;
  readonly newer: Int32Array;
  readonly firstWaiter: Int32Array;
  oldest: number;
  newest: number;
  freePending: number;

  readonly waiterCapacity: number;
  readonly nextWaiter: Int32Array;
  /** Names as the clients wrote them. */
  readonly waiterQuestions: Uint8Array;
  readonly waiterNameLengths: Uint8Array;
  readonly waiterIds: Uint16Array;
  readonly waiterFlags: Uint16Array;
  readonly waiterPayloadSizes: Uint16Array;
  /** Bit 0: the query had OPT; bit 1: DO; bit 2: it came over a stream. */
  readonly waiterBits: Uint8Array;
  readonly waiterProfiles: Int32Array;
  readonly waiterTransports: Uint16Array;
  readonly waiterRoutes: Uint32Array;
  readonly waiterAddresses: Uint32Array;
  readonly waiterPorts: Uint16Array;
  /** The device that waits, as `identify` has found: four words; and the bucket that its client counts in. */
  readonly waiterDevices: Uint32Array;
  readonly waiterBuckets: Uint16Array;
  freeWaiter: number;
  /** Waiters for each bucket of client addresses; a shared bucket only makes the limit stricter. */
  readonly waitersOfClient: Uint16Array;
  /** Scratch: the client's network, and hashes. */
  readonly network: Int32Array;
  readonly hash: Uint32Array;
  readonly hashes: SuffixHashes;
}

export function createPendingQueries(options: {
  capacity: number;
  waitersPerClientMax: number;
}): PendingQueries {
  const capacity = Math.min(options.capacity, PENDING_MAX);
  const waiterCapacity = capacity * CLIENTS_PER_QUESTION;
  const bucketCount = 1 << (32 - Math.clz32(capacity));
  const pending: PendingQueries = {
    capacity,
    waitersPerClientMax: options.waitersPerClientMax,
    pendingCount: 0,
    waiterCount: 0,
    names: new Uint8Array(capacity * NAME_BYTES_MAX),
    nameLengths: new Uint8Array(capacity),
    types: new Uint16Array(capacity),
    groups: new Uint16Array(capacity),
    bits: new Uint8Array(capacity),
    buckets: new Int32Array(bucketCount).fill(NONE),
    bucketOf: new Int32Array(capacity),
    nextInBucket: new Int32Array(capacity),
    generations: new Uint16Array(capacity),
    older: new Int32Array(capacity),
    newer: new Int32Array(capacity),
    firstWaiter: new Int32Array(capacity).fill(NONE),
    oldest: NONE,
    newest: NONE,
    freePending: 0,
    waiterCapacity,
    nextWaiter: new Int32Array(waiterCapacity),
    waiterQuestions: new Uint8Array(waiterCapacity * NAME_BYTES_MAX),
    waiterNameLengths: new Uint8Array(waiterCapacity),
    waiterIds: new Uint16Array(waiterCapacity),
    waiterFlags: new Uint16Array(waiterCapacity),
    waiterPayloadSizes: new Uint16Array(waiterCapacity),
    waiterBits: new Uint8Array(waiterCapacity),
    waiterProfiles: new Int32Array(waiterCapacity),
    waiterTransports: new Uint16Array(waiterCapacity),
    waiterRoutes: new Uint32Array(waiterCapacity),
    waiterAddresses: new Uint32Array(waiterCapacity * 4),
    waiterPorts: new Uint16Array(waiterCapacity),
    waiterDevices: new Uint32Array(waiterCapacity * 4),
    waiterBuckets: new Uint16Array(waiterCapacity),
    freeWaiter: 0,
    waitersOfClient: new Uint16Array(CLIENT_BUCKETS),
    network: new Int32Array(4),
    hash: new Uint32Array(2),
    hashes: createSuffixHashes(),
  };
  // The free lists run through `newer` and `nextWaiter`.
  for (let index = 0; index < capacity; index++) {
    pending.newer[index] = index + 1 < capacity ? index + 1 : NONE;
  }
  for (let index = 0; index < waiterCapacity; index++) {
    pending.nextWaiter[index] = index + 1 < waiterCapacity ? index + 1 : NONE;
  }
  return pending;
}

/** The slot of the same question (name, type, group, DO, CD), or −1. */
export function findPending(pending: PendingQueries, view: QueryView, group: number): number {
  let slot = pending.buckets[bucketFor(pending, view)]!;
  while (slot !== NONE && !isSameQuestion(pending, slot, view, group)) {
    slot = pending.nextInBucket[slot]!;
  }
  return slot;
}

/** Takes a free slot for the question of the view; there must be one (`hasRoom`). */
export function openPending(pending: PendingQueries, view: QueryView, group: number): number {
  const slot = pending.freePending;
  pending.freePending = pending.newer[slot]!;
  copyBytes(view.name, 0, pending.names, slot * NAME_BYTES_MAX, view.nameLength);
  pending.nameLengths[slot] = view.nameLength;
  pending.types[slot] = view.qtype;
  pending.groups[slot] = group;
  pending.bits[slot] = questionBits(view);
  pending.firstWaiter[slot] = NONE;

  const bucket = bucketFor(pending, view);
  pending.bucketOf[slot] = bucket;
  pending.nextInBucket[slot] = pending.buckets[bucket]!;
  pending.buckets[bucket] = slot;

  pending.older[slot] = pending.newest;
  pending.newer[slot] = NONE;
  if (pending.newest === NONE) pending.oldest = slot;
  else pending.newer[pending.newest] = slot;
  pending.newest = slot;
  pending.pendingCount++;
  return slot;
}

/** Frees a slot; its waiters must have been answered and released. Its handle is void from now on. */
export function closePending(pending: PendingQueries, slot: number): void {
  const bucket = pending.bucketOf[slot]!;
  let before = NONE;
  for (let at = pending.buckets[bucket]!; at !== slot; at = pending.nextInBucket[at]!) before = at;
  const after = pending.nextInBucket[slot]!;
  if (before === NONE) pending.buckets[bucket] = after;
  else pending.nextInBucket[before] = after;

  const older = pending.older[slot]!;
  const newer = pending.newer[slot]!;
  if (older === NONE) pending.oldest = newer;
  else pending.newer[older] = newer;
  if (newer === NONE) pending.newest = older;
  else pending.older[newer] = older;

  pending.generations[slot] = (pending.generations[slot]! + 1) & GENERATION_MASK;
  pending.newer[slot] = pending.freePending;
  pending.freePending = slot;
  pending.pendingCount--;
}

/** True where one more client fits, on a question that waits already or, with −1, on a new one. */
export function hasRoom(pending: PendingQueries, slot: number): boolean {
  return pending.freeWaiter !== NONE && hasQuestionRoom(pending, slot);
}

/** True where the question waits already or, with −1, a new one fits. */
export function hasQuestionRoom(pending: PendingQueries, slot: number): boolean {
  return slot !== NONE || pending.freePending !== NONE;
}

/** A positive 31-bit number that names this slot until it is closed. */
export function handleOf(pending: PendingQueries, slot: number): number {
  return (pending.generations[slot]! << 16) | slot;
}

/** The slot of a handle, or −1 where it has been closed since. */
export function slotOf(pending: PendingQueries, handle: number): number {
  const slot = handle & 0xffff;
  return slot < pending.capacity && pending.generations[slot] === handle >>> 16 ? slot : NONE;
}

/** True where this client, four words, has as many queries waiting as one client may. */
export function isClientAtLimit(
  pending: PendingQueries,
  seed: HashSeed,
  client: Uint32Array,
): boolean {
  const bucket = clientBucket(pending, seed, client);
  return pending.waitersOfClient[bucket]! >= pending.waitersPerClientMax;
}

/** Parks the client of the view on a question; there must be room (`hasRoom`). */
export function addWaiter(
  pending: PendingQueries,
  slot: number,
  seed: HashSeed,
  view: QueryView,
  batch: PacketBatch,
  batchSlot: number,
  client: Uint32Array,
  device: Uint32Array,
  profile: number,
): void {
  const waiter = pending.freeWaiter;
  pending.freeWaiter = pending.nextWaiter[waiter]!;
  const nameAt = view.at + HEADER_BYTES;
  copyBytes(view.bytes, nameAt, pending.waiterQuestions, waiter * NAME_BYTES_MAX, view.nameLength);
  pending.waiterNameLengths[waiter] = view.nameLength;
  pending.waiterIds[waiter] = view.id;
  pending.waiterFlags[waiter] = view.flags;
  pending.waiterPayloadSizes[waiter] = view.payloadSize;
  pending.waiterBits[waiter] =
    (view.hasOpt ? 1 : 0) | (view.isDnssecOk ? 2 : 0) | (batch.isStream ? 4 : 0);
  pending.waiterProfiles[waiter] = profile;
  pending.waiterTransports[waiter] = batch.transport;
  pending.waiterRoutes[waiter] = batch.routes[batchSlot]!;
  pending.waiterPorts[waiter] = batch.ports[batchSlot]!;
  for (let word = 0; word < 4; word++) {
    pending.waiterAddresses[waiter * 4 + word] = batch.addresses[batchSlot * 4 + word]!;
    pending.waiterDevices[waiter * 4 + word] = device[word]!;
  }
  const bucket = clientBucket(pending, seed, client);
  pending.waiterBuckets[waiter] = bucket;
  pending.waitersOfClient[bucket] = pending.waitersOfClient[bucket]! + 1;
  pending.nextWaiter[waiter] = pending.firstWaiter[slot]!;
  pending.firstWaiter[slot] = waiter;
  pending.waiterCount++;
}

/** Unhooks the first waiter of a question and returns it, or −1; `releaseWaiter` must follow. */
export function takeWaiter(pending: PendingQueries, slot: number): number {
  const waiter = pending.firstWaiter[slot]!;
  if (waiter !== NONE) pending.firstWaiter[slot] = pending.nextWaiter[waiter]!;
  return waiter;
}

export function releaseWaiter(pending: PendingQueries, waiter: number): void {
  const bucket = pending.waiterBuckets[waiter]!;
  pending.waitersOfClient[bucket] = pending.waitersOfClient[bucket]! - 1;
  pending.nextWaiter[waiter] = pending.freeWaiter;
  pending.freeWaiter = waiter;
  pending.waiterCount--;
}

/**
 * Makes the view what it was when the query was parsed: header and question, in the client's own
 * case, stand at the head of `bytes`, ready for an answer behind them. Of options nothing is left;
 * what they led to is the waiter's profile number.
 */
export function restoreQuery(
  pending: PendingQueries,
  slot: number,
  waiter: number,
  seed: HashSeed,
  view: QueryView,
  bytes: Uint8Array,
): void {
  const nameLength = pending.waiterNameLengths[waiter]!;
  const bits = pending.waiterBits[waiter]!;
  view.bytes = bytes;
  view.at = 0;
  view.id = pending.waiterIds[waiter]!;
  view.flags = pending.waiterFlags[waiter]!;
  view.qtype = pending.types[slot]!;
  view.qclass = CLASS_IN;
  view.nameLength = nameLength;
  view.questionEnd = HEADER_BYTES + nameLength + 4;
  view.length = view.questionEnd;
  view.hasOpt = (bits & 1) !== 0;
  view.isDnssecOk = (bits & 2) !== 0;
  view.payloadSize = pending.waiterPayloadSizes[waiter]!;
  view.ednsVersion = 0;
  copyBytes(pending.waiterQuestions, waiter * NAME_BYTES_MAX, bytes, HEADER_BYTES, nameLength);
  copyBytes(bytes, HEADER_BYTES, view.name, 0, nameLength);
  lowerCaseName(view.name, 0, nameLength);
  hashSuffixes(view.hashes, seed, view.name, 0);
  writeUint16(bytes, 0, view.id);
  writeUint16(bytes, HEADER_BYTES + nameLength, view.qtype);
  writeUint16(bytes, HEADER_BYTES + nameLength + 2, CLASS_IN);
}

/** True where a parsed response is about the question of this slot. */
export function isAnswerTo(pending: PendingQueries, slot: number, response: ResponseView): boolean {
  if (response.qtype !== pending.types[slot]) return false;
  return isNameOf(pending, slot, response.name, response.nameLength);
}

/** True where the question of this slot asks for this name, lower-cased wire octets. */
export function isNameOf(
  pending: PendingQueries,
  slot: number,
  name: Uint8Array,
  nameLength: number,
): boolean {
  if (pending.nameLengths[slot] !== nameLength) return false;
  const at = slot * NAME_BYTES_MAX;
  for (let index = 0; index < nameLength; index++) {
    if (pending.names[at + index] !== name[index]) return false;
  }
  return true;
}

/** The name of a question and its hash as the cache wants it; on the cold half of the path. */
export function nameOf(
  pending: PendingQueries,
  slot: number,
  seed: HashSeed,
): { name: Uint8Array; nameLength: number; nameHash: number } {
  const at = slot * NAME_BYTES_MAX;
  const nameLength = pending.nameLengths[slot]!;
  const name = pending.names.subarray(at, at + nameLength);
  const { hashes } = pending;
  hashSuffixes(hashes, seed, name, 0);
  return { name, nameLength, nameHash: hashes.low[hashes.labelCount]! | 0 };
}

export function isStreamWaiter(pending: PendingQueries, waiter: number): boolean {
  return (pending.waiterBits[waiter]! & 4) !== 0;
}

export function isDnssecOkPending(pending: PendingQueries, slot: number): boolean {
  return (pending.bits[slot]! & BIT_DNSSEC_OK) !== 0;
}

export function isCheckingDisabledPending(pending: PendingQueries, slot: number): boolean {
  return (pending.bits[slot]! & BIT_CHECKING_DISABLED) !== 0;
}

function isSameQuestion(
  pending: PendingQueries,
  slot: number,
  view: QueryView,
  group: number,
): boolean {
  return (
    pending.types[slot] === view.qtype &&
    pending.groups[slot] === group &&
    pending.bits[slot] === questionBits(view) &&
    isNameOf(pending, slot, view.name, view.nameLength)
  );
}

function questionBits(view: QueryView): number {
  return (
    (view.isDnssecOk ? BIT_DNSSEC_OK : 0) |
    ((view.flags & FLAG_CD) === 0 ? 0 : BIT_CHECKING_DISABLED)
  );
}

function bucketFor(pending: PendingQueries, view: QueryView): number {
  const hash = view.hashes.low[view.hashes.labelCount]!;
  return (hash ^ Math.imul(view.qtype, 0x9e3779b1)) & (pending.buckets.length - 1);
}

function clientBucket(pending: PendingQueries, seed: HashSeed, client: Uint32Array): number {
  const { network } = pending;
  // An IPv6 client has a whole /56 to choose its addresses from.
  const length = isIpv4Words(client) ? 128 : 56;
  for (let word = 0; word < 4; word++) {
    network[word] = client[word]! & PREFIX_MASKS[length * 4 + word]!;
  }
  hashWords(seed, network, 0, 4, pending.hash);
  return pending.hash[0]! & (CLIENT_BUCKETS - 1);
}
