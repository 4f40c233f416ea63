/**
 * The cache of a worker: verified answers by question, as octets that go out behind the question
 * of whoever asks next. It knows no policy; nothing that policy rewrote may be stored (DESIGN,
 * section 2). Layouts: `entry` (one answer), `slab` (memory and eviction).
 *
 * The life of an entry, in monotonic seconds:
 *
 *     stored ────────── fresh ──────────▶ freshUntil ────── stale ──────▶ staleUntil
 *                        └ last tenth, asked often: LOOKUP_EXPIRING, once
 *     upstream failed: held for a while, LOOKUP_STALE_HELD instead of LOOKUP_STALE
 *
 * The key is the lower-cased name and the scope, compared in full; the hash only finds the place.
 */

import { assert } from '../lib/assert.ts';
import { copyBytes } from '../lib/bytes.ts';
import { ANSWER_FAILURE, ANSWER_NEGATIVE, type VerifiedAnswer } from '../dns/verified-answer.ts';
import {
  entryWords,
  HITS_MAX,
  kindOf,
  MASK_WORDS,
  nameLengthOf,
  octetsFrom,
  PREFETCH_ASKED,
  readShape,
  targetCountOf,
  VISIT,
  VISITS_BITS,
  WORD_CONTENT_ID,
  WORD_FRESH_UNTIL,
  WORD_HASH,
  WORD_HELD_UNTIL,
  WORD_LOOKS,
  WORD_MASK,
  WORD_NEXT,
  WORD_SCOPE,
  WORD_STALE_UNTIL,
  WORD_STORED,
  writeShape,
} from './entry.ts';
import { createSlab, dropEntry, firstEntry, placeEntry, type Slab } from './slab.ts';

export const LOOKUP_MISS = 0;
export const LOOKUP_FRESH = 1;
/** Fresh; to be asked for again now, so that it does not run out under its many clients. */
export const LOOKUP_EXPIRING = 2;
/** Past its time: answered only if upstream fails or takes too long (RFC 8767, section 5). */
export const LOOKUP_STALE = 3;
/** Past its time, and upstream failed a moment ago: answered at once, upstream not asked. */
export const LOOKUP_STALE_HELD = 4;
export type LookUpStatus = 0 | 1 | 2 | 3 | 4;

/** RFC 9520, section 3.2: a failure is remembered for 1 second to 5 minutes. */
const FAILURE_SECONDS_MIN = 1;
const FAILURE_SECONDS_MAX = 300;
export const FAILURE_SECONDS_DEFAULT = 5;

export interface MessageCacheOptions {
  /** Octets in all, tables included; at least 1 MiB. */
  readonly bytesMax: number;
  /** Answers with more octets are not stored. */
  readonly entryBytesMax?: number;
  /** No answer is fresh for longer. */
  readonly ttlMaxSeconds?: number;
  /** The same for negative answers (RFC 2308, section 5: one to three hours). */
  readonly negativeTtlMaxSeconds?: number;
  /** How long an answer past its time is kept (RFC 8767, section 5: one to three days). */
  readonly staleSeconds?: number;
}

export interface MessageCache {
  readonly slab: Slab;
  readonly entryBytesMax: number;
  readonly ttlMaxSeconds: number;
  readonly negativeTtlMaxSeconds: number;
  readonly staleSeconds: number;
  /** What the last look-up found or the last store made, 0 = nothing; holds until the next store. */
  entry: number;
}

export function createMessageCache(options: MessageCacheOptions): MessageCache {
  const entryBytesMax = options.entryBytesMax ?? 16_384;
  assert(entryBytesMax <= 16_384, 'an entry has at most 16,384 octets');
  return {
    slab: createSlab(options.bytesMax),
    entryBytesMax,
    ttlMaxSeconds: options.ttlMaxSeconds ?? 86_400,
    negativeTtlMaxSeconds: options.negativeTtlMaxSeconds ?? 3600,
    staleSeconds: options.staleSeconds ?? 86_400,
    entry: 0,
  };
}

/**
 * All of the key but the name, in one small integer.
 * @param group number of the upstream group, below 8,192
 */
export function scopeOf(
  group: number,
  type: number,
  isDnssecOk: boolean,
  isCheckingDisabled: boolean,
): number {
  const bits = (isDnssecOk ? 0x1_0000 : 0) | (isCheckingDisabled ? 0x2_0000 : 0);
  return type | bits | (group << 18);
}

/**
 * Finds the answer to a question and points `answer` at it: no octet is copied.
 *
 * @param answer made by `createAnswerPointer`; unchanged on a miss; its octets hold until the next store
 * @param name lower-cased wire octets
 * @param nameHash keyed hash of the whole name: one lane of `SuffixHashes`, as `| 0` (else V8 boxes it)
 */
export function lookUp(
  cache: MessageCache,
  answer: VerifiedAnswer,
  name: Uint8Array,
  nameLength: number,
  nameHash: number,
  scope: number,
  nowSeconds: number,
): LookUpStatus {
  const entry = findEntry(cache, name, nameLength, hashOf(nameHash, scope), scope);
  cache.entry = entry;
  if (entry === 0) return LOOKUP_MISS;
  const { words, bytes } = cache.slab;
  if (nowSeconds >= words[entry + WORD_STALE_UNTIL]!) {
    cache.entry = 0;
    return LOOKUP_MISS;
  }
  const isFresh = nowSeconds < words[entry + WORD_FRESH_UNTIL]!;
  readShape(words, entry, answer);
  answer.bytes = bytes;
  answer.lifetimeSeconds = words[entry + WORD_FRESH_UNTIL]! - words[entry + WORD_STORED]!;
  answer.ageSeconds = nowSeconds - words[entry + WORD_STORED]!;
  answer.isStale = !isFresh;
  const looks = countLook(words, entry);
  if (!isFresh) {
    return nowSeconds < words[entry + WORD_HELD_UNTIL]! ? LOOKUP_STALE_HELD : LOOKUP_STALE;
  }
  return isPrefetchDue(answer, looks) ? askPrefetch(words, entry) : LOOKUP_FRESH;
}

/**
 * Stores an answer, in the place of an older one to the same question. An answer that must not be
 * cached (RFC 2308: no SOA; TTL 0; too long) only takes the older one away, since upstream has
 * spoken anew; a failure is left to `storeFailure`.
 *
 * @param answer from `extractChain`; copied
 * @returns true where it was stored; `cache.entry` is then its entry
 */
export function store(
  cache: MessageCache,
  answer: VerifiedAnswer,
  name: Uint8Array,
  nameLength: number,
  nameHash: number,
  scope: number,
  nowSeconds: number,
): boolean {
  cache.entry = 0;
  if (answer.kind === ANSWER_FAILURE) return false;
  const hash = hashOf(nameHash, scope);
  const older = findEntry(cache, name, nameLength, hash, scope);
  const isNegative = answer.kind === ANSWER_NEGATIVE;
  const ttlMax = isNegative ? cache.negativeTtlMaxSeconds : cache.ttlMaxSeconds;
  const lifetime = Math.min(answer.lifetimeSeconds, ttlMax);
  if (lifetime <= 0 || answer.bodyLength > cache.entryBytesMax) {
    if (older !== 0) dropEntry(cache.slab, older);
    return false;
  }
  cache.entry = writeEntry(cache, older, answer, name, nameLength, hash, scope);
  const { words } = cache.slab;
  words[cache.entry + WORD_STORED] = nowSeconds;
  words[cache.entry + WORD_FRESH_UNTIL] = nowSeconds + lifetime;
  words[cache.entry + WORD_STALE_UNTIL] = nowSeconds + lifetime + cache.staleSeconds;
  words[cache.entry + WORD_HELD_UNTIL] = 0;
  return true;
}

/**
 * Remembers that upstream could not answer (RFC 9520). An older answer that is still of use is
 * kept and held, so that it is served without asking again; else the failure itself is an entry:
 * kind `ANSWER_FAILURE`, no records.
 *
 * @param answer the failure, from `extractChain`, or one that the resolver made out of a timeout
 * @param seconds how long; brought within RFC 9520's limits
 */
export function storeFailure(
  cache: MessageCache,
  answer: VerifiedAnswer,
  name: Uint8Array,
  nameLength: number,
  nameHash: number,
  scope: number,
  nowSeconds: number,
  seconds: number,
): void {
  const { words } = cache.slab;
  const until = nowSeconds + Math.min(Math.max(seconds, FAILURE_SECONDS_MIN), FAILURE_SECONDS_MAX);
  const hash = hashOf(nameHash, scope);
  const older = findEntry(cache, name, nameLength, hash, scope);
  cache.entry = older;
  if (older !== 0 && isOfUse(words, older, nowSeconds)) {
    words[older + WORD_HELD_UNTIL] = until;
    return;
  }
  cache.entry = writeEntry(cache, older, answer, name, nameLength, hash, scope);
  words[cache.entry + WORD_STORED] = nowSeconds;
  words[cache.entry + WORD_FRESH_UNTIL] = until;
  words[cache.entry + WORD_STALE_UNTIL] = until;
  words[cache.entry + WORD_HELD_UNTIL] = 0;
}

/**
 * Reads the categories of the targets, all of them together, as the image of that content id gave
 * them. False where there are none yet or another image gave them: judge and write them anew.
 * @param entry `cache.entry` after a look-up or store of an answer with targets
 * @param contentId holds the two words of the id from `idAt` on: as numbers, V8 would box them
 */
export function readTargetMask(
  cache: MessageCache,
  entry: number,
  contentId: Uint32Array,
  idAt: number,
  mask: Uint32Array,
): boolean {
  const { words } = cache.slab;
  const at = entry + WORD_CONTENT_ID;
  if (words[at] !== (contentId[idAt]! | 0) || words[at + 1] !== (contentId[idAt + 1]! | 0)) {
    return false;
  }
  for (let word = 0; word < MASK_WORDS; word++) mask[word] = words[entry + WORD_MASK + word]!;
  return true;
}

/** Keeps the categories of an entry's targets; an entry without targets has no place for them. */
export function writeTargetMask(
  cache: MessageCache,
  entry: number,
  contentId: Uint32Array,
  idAt: number,
  mask: Uint32Array,
): void {
  const { words } = cache.slab;
  if (entry === 0 || targetCountOf(words, entry) === 0) return;
  words[entry + WORD_CONTENT_ID] = contentId[idAt]!;
  words[entry + WORD_CONTENT_ID + 1] = contentId[idAt + 1]!;
  for (let word = 0; word < MASK_WORDS; word++) words[entry + WORD_MASK + word] = mask[word]!;
}

/** Signed, since V8 boxes what passes 31 bits unsigned. The name's hash is keyed; the scope moves each type of a name to a bucket of its own. */
function hashOf(nameHash: number, scope: number): number {
  const mixed = Math.imul(scope ^ (scope >>> 15), 0x9e3779b1);
  return nameHash ^ mixed ^ (mixed >>> 13);
}

function findEntry(
  cache: MessageCache,
  name: Uint8Array,
  nameLength: number,
  hash: number,
  scope: number,
): number {
  const { words, bytes } = cache.slab;
  let entry = firstEntry(cache.slab, hash);
  for (; entry !== 0; entry = words[entry + WORD_NEXT]!) {
    if (words[entry + WORD_HASH] !== hash || words[entry + WORD_SCOPE] !== scope) continue;
    if (nameLengthOf(words, entry) !== nameLength) continue;
    const nameAt = (entry + octetsFrom(targetCountOf(words, entry))) * 4;
    let index = 0;
    while (index < nameLength && bytes[nameAt + index] === name[index]) index++;
    if (index === nameLength) return entry;
  }
  return 0;
}

/** Hits count up to `HITS_MAX` for the prefetch, visits up to 3 for eviction, which takes them back. */
function countLook(words: Int32Array, entry: number): number {
  let looks = words[entry + WORD_LOOKS]!;
  if ((looks & HITS_MAX) !== HITS_MAX) looks++;
  if ((looks & VISITS_BITS) !== VISITS_BITS) looks += VISIT;
  if (looks !== words[entry + WORD_LOOKS]) words[entry + WORD_LOOKS] = looks;
  return looks;
}

/** Asked at least three times, less than a tenth of its life left, and not told so before. */
function isPrefetchDue(answer: VerifiedAnswer, looks: number): boolean {
  if ((looks & HITS_MAX) !== HITS_MAX || (looks & PREFETCH_ASKED) !== 0) return false;
  if (answer.kind === ANSWER_FAILURE) return false;
  return (answer.lifetimeSeconds - answer.ageSeconds) * 10 < answer.lifetimeSeconds;
}

function askPrefetch(words: Int32Array, entry: number): LookUpStatus {
  words[entry + WORD_LOOKS] = words[entry + WORD_LOOKS]! | PREFETCH_ASKED;
  return LOOKUP_EXPIRING;
}

function isOfUse(words: Int32Array, entry: number, nowSeconds: number): boolean {
  if (nowSeconds >= words[entry + WORD_STALE_UNTIL]!) return false;
  return kindOf(words, entry) !== ANSWER_FAILURE;
}

/** Writes an entry with the answer's octets, in the place of `older`; its times are the caller's to write. */
function writeEntry(
  cache: MessageCache,
  older: number,
  answer: VerifiedAnswer,
  name: Uint8Array,
  nameLength: number,
  hash: number,
  scope: number,
): number {
  const { slab } = cache;
  const { words, bytes } = slab;
  const entry = placeEntry(slab, older, hash, entryWords(answer, nameLength));
  words[entry + WORD_SCOPE] = scope;
  writeShape(words, entry, answer, nameLength);
  // No image has the id 0 · 0: until it is written, the mask is nobody's.
  if (answer.targetCount > 0) words.fill(0, entry + WORD_CONTENT_ID, entry + WORD_MASK);
  let at = (entry + octetsFrom(answer.targetCount)) * 4;
  copyBytes(name, 0, bytes, at, nameLength);
  at += nameLength;
  copyBytes(answer.bytes, answer.bodyAt, bytes, at, answer.bodyLength);
  at += answer.bodyLength;
  copyBytes(answer.bytes, answer.ttlsAt, bytes, at, answer.ttlCount * 2);
  at += answer.ttlCount * 2;
  copyBytes(answer.bytes, answer.targetsAt, bytes, at, answer.targetsLength);
  return entry;
}
