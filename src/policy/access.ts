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
 * Forwarders ask for many: they are configured, believed in what they say of their clients, and
 * limited twice, as a whole by a rate of their own before the query is parsed, and once it is known
 * for whom they ask (`admitIdentified`), in the bucket which that client has anyway.
 *
 * Buckets live in a table of fixed size, eight to a set. A bucket says when it will be full again: it is
 * full at `fullAt`, and each query puts that off by one. Time is counted in queries, milliseconds times
 * the rate, so that a bucket needs no refilling, and one that was not seen for long is full by itself.
 *
 *     networks        two words: IPv4 │ 2, or IPv6 │ its second word and 1; 0 │ 0 = never used
 *     fullAt          of queries to answer: one is there while `fullAt − now` ≤ burst − 1
 *     refusalsFullAt  the same for refusals, of which there are nine times as many
 *
 * Where all eight of a set are others', the fullest makes room, and who comes gets what it held: so
 * a set never lets through more than eight clients may ask. A flood of sources leaves its buckets
 * nearly full, and frees nobody who is over his rate.
 */

import { createAddressKey, mixWords, type AddressKey } from '../lib/address-hash.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { IpPrefix } from '../lib/ip-address.ts';
import { isIpv4Words } from '../lib/ip-address.ts';
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
/** A configured forwarder, within its rate: what it says of its client is believed. */
export const ADMIT_FORWARDER = 5;
export type Admission = 0 | 1 | 2 | 3 | 4 | 5;

export interface AccessOptions {
  readonly prefixes: readonly IpPrefix[];
  /** Who may speak for others; none unless given. */
  readonly forwarders?: readonly IpPrefix[];
  /** Queries a second of one forwarder, all workers together; needed where there are forwarders. */
  readonly forwarderRatePerSecond?: number;
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
  /** The same of forwarders; null where there are none, which is all that most queries ask of it. */
  readonly forwarders: SubscriberTable | null;
  readonly isRateLimited: boolean;
  /**
   * The monotonic time of the query at hand, written by the caller. One number in an array, since V8
   * boxes a fraction that is handed on: 16 octets a query.
   */
  readonly nowMs: Float64Array;
  readonly clients: BucketTable;
  readonly strangers: BucketTable;
  readonly ofForwarders: BucketTable;
}

interface BucketTable {
  readonly seed: AddressKey;
  readonly setMask: number;
  /** Bits of the first word of an IPv4 key and of the second word of an IPv6 key that tell networks apart. */
  readonly ipv4Mask: number;
  readonly ipv6Mask: number;
  readonly networks: Int32Array;
  readonly fullAt: Float64Array;
  readonly refusalsFullAt: Float64Array;
  readonly queriesPerMs: number;
  readonly burst: number;
}

const STRANGER_RATE = 10;
const BUCKETS = 65_536;
/** Forwarders are few. */
const FORWARDER_BUCKETS = 1024;
const WAYS = 8;
/** Refusals go on to ten times the rate: one part answered, nine parts refused. */
const QUERY = 1;
const REFUSAL = 1 / 9;
/** What the roundings of time may amount to, in queries. */
const ROUNDING = 1e-6;
const IPV4_KEY = 2;
const IPV6_KEY = 1;
const IPV4_ADDRESS = 0xffffffff;
const IPV4_NETWORK_24 = 0xffffff00;
/** Of the second word. */
const IPV6_NETWORK_56 = 0xffffff00;
const IPV6_NETWORK_48 = 0xffff0000;

/** @param workers how many share the traffic, and so the rates */
export function createAccess(options: AccessOptions, workers: number, seed: HashSeed): Access {
  const strangerRate = options.strangerRatePerSecond ?? STRANGER_RATE;
  const strangerBurst = options.strangerBurst ?? strangerRate * 2;
  const buckets = options.bucketsMax ?? BUCKETS;
  const forwarders = options.forwarders ?? [];
  const forwarderRate = options.forwarderRatePerSecond ?? 0;
  const create = (
    rate: number,
    burst: number,
    ipv4: number,
    ipv6: number,
    bucketsMax: number = buckets,
  ): BucketTable => createBuckets(rate / workers, burst / workers, bucketsMax, seed, ipv4, ipv6);
  return {
    prefixes: compilePrefixes(options.prefixes, seed),
    forwarders: forwarders.length > 0 ? compilePrefixes(forwarders, seed) : null,
    isRateLimited: options.ratePerSecond > 0,
    nowMs: new Float64Array(1),
    clients: create(options.ratePerSecond, options.burst, IPV4_ADDRESS, IPV6_NETWORK_56),
    strangers: create(strangerRate, strangerBurst, IPV4_NETWORK_24, IPV6_NETWORK_48),
    // A second's worth at once: what a forwarder was asked while it waited comes together.
    ofForwarders: create(
      forwarderRate,
      forwarderRate,
      IPV4_ADDRESS,
      IPV6_NETWORK_56,
      FORWARDER_BUCKETS,
    ),
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
  if (access.forwarders !== null && lookUpAddress(access.forwarders, addresses, at) >= 0) {
    const admission = admitWithin(access, access.ofForwarders, addresses, at, isIpv4);
    return admission === ADMIT_OK ? ADMIT_FORWARDER : admission;
  }
  if (!isKnownSubscriber && lookUpAddress(access.prefixes, addresses, at) < 0) {
    const { strangers } = access;
    const bucket = findBucket(strangers, addresses, at, isIpv4);
    return take(strangers, strangers.fullAt, bucket, access.nowMs, QUERY)
      ? ADMIT_STRANGER_REFUSE
      : ADMIT_STRANGER_SILENT;
  }
  if (!access.isRateLimited) return ADMIT_OK;
  return admitWithin(access, access.clients, addresses, at, isIpv4);
}

/**
 * Whether a client for whom a forwarder asks keeps within its own rate. Where it does not, it is
 * always refused: silence would tell the forwarder that nobody is here, for its other clients too.
 * @param addresses the client's address, or what stands for it (`resolver/identify`)
 */
export function admitIdentified(access: Access, addresses: Uint32Array, at: number): boolean {
  const isIpv4 = isIpv4Words(addresses, at);
  if (!access.isRateLimited || isLoopback(addresses, at, isIpv4)) return true;
  const { clients, nowMs } = access;
  const bucket = findBucket(clients, addresses, at, isIpv4);
  return take(clients, clients.fullAt, bucket, nowMs, QUERY);
}

/** True where not even a refusal is sent. */
export function isSilent(admission: number): boolean {
  return admission === ADMIT_SILENT || admission === ADMIT_STRANGER_SILENT;
}

/** True where the query may be answered by policy. */
export function isAdmitted(admission: number): boolean {
  return admission === ADMIT_OK || admission === ADMIT_FORWARDER;
}

function admitWithin(
  access: Access,
  table: BucketTable,
  addresses: Uint32Array,
  at: number,
  isIpv4: boolean,
): Admission {
  if (isLoopback(addresses, at, isIpv4)) return ADMIT_OK;
  const bucket = findBucket(table, addresses, at, isIpv4);
  if (take(table, table.fullAt, bucket, access.nowMs, QUERY)) return ADMIT_OK;
  const isRefused = take(table, table.refusalsFullAt, bucket, access.nowMs, REFUSAL);
  return isRefused ? ADMIT_REFUSE : ADMIT_SILENT;
}

/** 127.0.0.0/8 (RFC 1122, section 3.2.1.3) and ::1 (RFC 4291, section 2.5.3). */
function isLoopback(addresses: Uint32Array, at: number, isIpv4: boolean): boolean {
  if (isIpv4) return addresses[at + 3]! >>> 24 === 127;
  return (
    (addresses[at]! | addresses[at + 1]! | addresses[at + 2]!) === 0 && addresses[at + 3] === 1
  );
}

/**
 * The virtual scheduling of ITU-T I.371, which is a token bucket: takes `part` of a query where it is
 * there. It reads the time itself, since V8 boxes a fraction that is handed on.
 */
function take(
  table: BucketTable,
  fullAt: Float64Array,
  bucket: number,
  nowMs: Float64Array,
  part: number,
): boolean {
  const now = nowMs[0]! * table.queriesPerMs;
  const before = Math.max(fullAt[bucket]!, now);
  if (before - now > table.burst - part + ROUNDING * part) return false;
  fullAt[bucket] = before + part;
  return true;
}

/** The bucket of the source's network; a new one holds what the one did whose place it takes. */
function findBucket(
  table: BucketTable,
  addresses: Uint32Array,
  at: number,
  isIpv4: boolean,
): number {
  const { networks, fullAt } = table;
  const a = isIpv4 ? addresses[at + 3]! & table.ipv4Mask : addresses[at]! | 0;
  const b = isIpv4 ? IPV4_KEY : (addresses[at + 1]! & table.ipv6Mask) | IPV6_KEY;
  const first = (mixWords(table.seed, a, b) & table.setMask) * WAYS;
  for (let bucket = first; bucket < first + WAYS; bucket++) {
    if (networks[bucket * 2] === a && networks[bucket * 2 + 1] === b) return bucket;
  }
  let fullest = first;
  for (let bucket = first + 1; bucket < first + WAYS; bucket++) {
    if (fullAt[bucket]! < fullAt[fullest]!) fullest = bucket;
  }
  networks[fullest * 2] = a;
  networks[fullest * 2 + 1] = b;
  return fullest;
}

function createBuckets(
  ratePerSecond: number,
  burst: number,
  bucketsMax: number,
  seed: HashSeed,
  ipv4Mask: number,
  ipv6Mask: number,
): BucketTable {
  const sets = 2 ** Math.ceil(Math.log2(Math.max(1, bucketsMax / WAYS)));
  const bucketCount = sets * WAYS;
  return {
    seed: createAddressKey(seed),
    setMask: sets - 1,
    ipv4Mask: ipv4Mask | 0,
    ipv6Mask: ipv6Mask | 0,
    networks: new Int32Array(bucketCount * 2),
    fullAt: new Float64Array(bucketCount).fill(-Infinity),
    refusalsFullAt: new Float64Array(bucketCount).fill(-Infinity),
    queriesPerMs: ratePerSecond / 1000,
    // A share of less than one query would never let anything through.
    burst: ratePerSecond > 0 ? Math.max(1, burst) : 0,
  };
}

function compilePrefixes(prefixes: readonly IpPrefix[], seed: HashSeed): SubscriberTable {
  const table = createSubscriberTable(prefixes.length * 2 + 1, seed);
  for (const prefix of prefixes) writePrefix(table, prefix, 0);
  return table;
}
