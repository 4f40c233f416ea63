/**
 * Who is answered at all, and how often. Asked before a query is parsed: nothing, FORMERR included,
 * is answered to a stranger at length, and the bucket is that of the source address, which a client
 * cannot choose by claiming an identity.
 *
 * Known are the configured prefixes and the addresses of subscribers. Their queries are limited per
 * IPv4 address and IPv6 /56; over the rate they are refused, at ten times the rate dropped. Strangers
 * are refused, and so that a forged source gains nothing, refusals are limited per IPv4 /24 and IPv6
 * /48. Loopback is not limited. Each worker has its own buckets and its share of every rate.
 *
 * Buckets live in a table of fixed size, four to a set:
 *
 *     tags      upper lane of the keyed hash of the source, 0 = never used
 *     tokens    queries that may still be answered
 *     refusals  refusals that may still be sent
 *     seenMs    when both were last refilled
 *
 * Where all four of a set are others', the one not seen for longest makes room: the memory is bounded,
 * and a flood of sources can only make the limiter more lenient, never refuse a quiet client.
 */

import type { HashSeed } from '../lib/half-siphash.ts';
import { hashWords } from '../lib/half-siphash.ts';
import type { IpPrefix } from '../lib/ip-address.ts';
import { isIpv4Words, PREFIX_MASKS } from '../lib/ip-address.ts';
import type { SubscriberTable } from './subscribers.ts';
import { createSubscriberTable, lookUpAddress, writePrefix } from './subscribers.ts';

export const ADMIT_OK = 0;
/** Known, over its rate: REFUSED. */
export const ADMIT_REFUSE = 1;
/** Known, at ten times its rate: nothing. */
export const ADMIT_SILENT = 2;
/** A stranger: REFUSED with EDE 18 if the query is well-formed, else nothing. */
export const ADMIT_STRANGER_REFUSE = 3;
/** A stranger whose network has had its refusals: nothing. */
export const ADMIT_STRANGER_SILENT = 4;
export type Admission = 0 | 1 | 2 | 3 | 4;

export interface AccessOptions {
  readonly prefixes: readonly IpPrefix[];
  /** Queries a second of one IPv4 address or IPv6 /56, all workers together; 0 = no limit. */
  readonly ratePerSecond: number;
  readonly burst: number;
  /** Refusals a second to one IPv4 /24 or IPv6 /48 of strangers (default 10; 0 = none). */
  readonly strangerRatePerSecond?: number;
  /** Twice the rate unless given. */
  readonly strangerBurst?: number;
  /** Buckets of each of the two tables, rounded up to a power of two. */
  readonly bucketsMax?: number;
}

export interface Access {
  /** The configured prefixes, in the form that is searched by prefix length; profile numbers are 0. */
  readonly prefixes: SubscriberTable;
  readonly isRateLimited: boolean;
  /**
   * The monotonic time of the query at hand, written by the caller. One number in an array, since V8
   * boxes a fraction that is handed on: 16 octets a query.
   */
  readonly nowMs: Float64Array;
  readonly clients: BucketTable;
  readonly strangers: BucketTable;
}

interface BucketTable {
  readonly seed: HashSeed;
  readonly nowMs: Float64Array;
  readonly setMask: number;
  readonly tags: Uint32Array;
  readonly tokens: Float64Array;
  readonly refusals: Float64Array;
  readonly seenMs: Float64Array;
  readonly tokensPerMs: number;
  readonly tokensMax: number;
  /** Scratch: the source's network and its hash. */
  readonly key: Int32Array;
  readonly hash: Uint32Array;
}

const STRANGER_RATE = 10;
const BUCKETS = 65_536;
const WAYS = 4;
/** Refusals go on to ten times the rate: one part answered, nine parts refused. */
const REFUSALS_PER_TOKEN = 9;

/** @param workers how many share the traffic, and so the rates */
export function createAccess(options: AccessOptions, workers: number, seed: HashSeed): Access {
  const strangerRate = options.strangerRatePerSecond ?? STRANGER_RATE;
  const strangerBurst = options.strangerBurst ?? strangerRate * 2;
  const buckets = options.bucketsMax ?? BUCKETS;
  const nowMs = new Float64Array(1);
  const create = (ratePerSecond: number, burst: number): BucketTable =>
    createBuckets(ratePerSecond / workers, burst / workers, buckets, seed, nowMs);
  return {
    prefixes: compilePrefixes(options.prefixes, seed),
    isRateLimited: options.ratePerSecond > 0,
    nowMs,
    clients: create(options.ratePerSecond, options.burst),
    strangers: create(strangerRate, strangerBurst),
  };
}

/**
 * Admits one query, at `access.nowMs`.
 * @param addresses four words of the source from `at` on, IPv4 as ::ffff:a.b.c.d
 * @param isKnownSubscriber true where the subscriber table holds the address
 */
export function admit(
  access: Access,
  addresses: Uint32Array,
  at: number,
  isKnownSubscriber: boolean,
): Admission {
  const isIpv4 = isIpv4Words(addresses, at);
  if (!isKnownSubscriber && lookUpAddress(access.prefixes, addresses, at) < 0) {
    const bucket = findBucket(access.strangers, addresses, at, isIpv4 ? 120 : 48);
    return takeToken(access.strangers.tokens, bucket)
      ? ADMIT_STRANGER_REFUSE
      : ADMIT_STRANGER_SILENT;
  }
  if (!access.isRateLimited || isLoopback(addresses, at, isIpv4)) return ADMIT_OK;
  const bucket = findBucket(access.clients, addresses, at, isIpv4 ? 128 : 56);
  if (takeToken(access.clients.tokens, bucket)) return ADMIT_OK;
  return takeToken(access.clients.refusals, bucket) ? ADMIT_REFUSE : ADMIT_SILENT;
}

/** True where not even a refusal is sent. */
export function isSilent(admission: number): boolean {
  return admission === ADMIT_SILENT || admission === ADMIT_STRANGER_SILENT;
}

/** 127.0.0.0/8 (RFC 1122, section 3.2.1.3) and ::1 (RFC 4291, section 2.5.3). */
function isLoopback(addresses: Uint32Array, at: number, isIpv4: boolean): boolean {
  if (isIpv4) return addresses[at + 3]! >>> 24 === 127;
  return (
    (addresses[at]! | addresses[at + 1]! | addresses[at + 2]!) === 0 && addresses[at + 3] === 1
  );
}

function takeToken(tokens: Float64Array, bucket: number): boolean {
  if (tokens[bucket]! < 1) return false;
  tokens[bucket] = tokens[bucket]! - 1;
  return true;
}

/** The bucket of the source's network, refilled to now; a new one begins full. */
function findBucket(
  table: BucketTable,
  addresses: Uint32Array,
  at: number,
  prefixLength: number,
): number {
  const { key, hash, tags, seenMs } = table;
  for (let word = 0; word < 4; word++) {
    key[word] = addresses[at + word]! & PREFIX_MASKS[prefixLength * 4 + word]!;
  }
  hashWords(table.seed, key, 0, 4, hash);
  // 0 means "never used", so that the one tag of 0 stands in for another.
  const tag = hash[0]! === 0 ? 1 : hash[0]!;
  const first = (hash[1]! & table.setMask) * WAYS;
  let oldest = first;
  for (let bucket = first; bucket < first + WAYS; bucket++) {
    if (tags[bucket] === tag) {
      refill(table, bucket);
      return bucket;
    }
    if (seenMs[bucket]! < seenMs[oldest]!) oldest = bucket;
  }
  tags[oldest] = tag;
  seenMs[oldest] = table.nowMs[0]!;
  table.tokens[oldest] = table.tokensMax;
  table.refusals[oldest] = table.tokensMax * REFUSALS_PER_TOKEN;
  return oldest;
}

function refill(table: BucketTable, bucket: number): void {
  const nowMs = table.nowMs[0]!;
  const gained = Math.max(0, nowMs - table.seenMs[bucket]!) * table.tokensPerMs;
  const { tokens, refusals, tokensMax } = table;
  tokens[bucket] = Math.min(tokensMax, tokens[bucket]! + gained);
  refusals[bucket] = Math.min(
    tokensMax * REFUSALS_PER_TOKEN,
    refusals[bucket]! + gained * REFUSALS_PER_TOKEN,
  );
  table.seenMs[bucket] = nowMs;
}

function createBuckets(
  ratePerSecond: number,
  burst: number,
  bucketsMax: number,
  seed: HashSeed,
  nowMs: Float64Array,
): BucketTable {
  const sets = 2 ** Math.ceil(Math.log2(Math.max(1, bucketsMax / WAYS)));
  return {
    seed,
    nowMs,
    setMask: sets - 1,
    tags: new Uint32Array(sets * WAYS),
    tokens: new Float64Array(sets * WAYS),
    refusals: new Float64Array(sets * WAYS),
    seenMs: new Float64Array(sets * WAYS).fill(-Infinity),
    tokensPerMs: ratePerSecond / 1000,
    // A share of less than one token would never let anything through.
    tokensMax: ratePerSecond > 0 ? Math.max(1, burst) : 0,
    key: new Int32Array(4),
    hash: new Uint32Array(2),
  };
}

function compilePrefixes(prefixes: readonly IpPrefix[], seed: HashSeed): SubscriberTable {
  const table = createSubscriberTable(prefixes.length * 2 + 1, seed);
  for (const prefix of prefixes) writePrefix(table, prefix, 0);
  return table;
}
