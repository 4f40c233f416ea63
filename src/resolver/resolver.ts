/**
 * What one worker needs to answer queries, in one object that lives as long as the worker, and the
 * scratch of the one query that it is working at. Everything is created here; `resolveQuery` and
 * `finishForward` only use it.
 *
 *     installed     images, local names, access        replaced whole, between two batches
 *     owned         cache, pending queries, counters   this worker's alone
 *     hands         forwarder, sendLate                injected: no sockets on this floor
 *     scratch       view, mask, decisions, answers     overwritten by every query
 */

import type { BlocklistImage } from '../blocklist/image.ts';
import { createMask } from '../blocklist/category.ts';
import type { SealedLists } from '../blocklist/sealed/look-up-sealed.ts';
import {
  createMessageCache,
  FAILURE_SECONDS_DEFAULT,
  type MessageCache,
  type MessageCacheOptions,
} from '../cache/message-cache.ts';
import { createQueryView, type QueryView } from '../dns/query-view.ts';
import { createResponseNotes, type ResponseNotes } from '../dns/response.ts';
import { createResponseView, type ResponseView } from '../dns/response-view.ts';
import { createSuffixHashes, type SuffixHashes } from '../dns/suffix-hashes.ts';
import {
  createAnswerPointer,
  createVerifiedAnswer,
  type VerifiedAnswer,
} from '../dns/verified-answer.ts';
import type { EventRing } from '../lib/event-ring.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { TCP_SLOT_BYTES } from '../lib/packet-batch.ts';
import type { Access } from '../policy/access.ts';
import { createDecision, type Decision } from '../policy/decide.ts';
import type { PolicyImage } from '../policy/image.ts';
import { SPECIAL_NONE } from '../policy/special-names.ts';
import type { SubscriberTable } from '../policy/subscribers.ts';
import type { Forwarder } from './forwarder.ts';
import type { LocalNames } from './local-names.ts';
import { createPendingQueries, type PendingQueries } from './pending-queries.ts';
import { createCounters } from './query-record.ts';

/** The images that make a decision; compiled with one seed, swapped as one. */
export interface InstalledImages {
  readonly blocklist: BlocklistImage;
  /** Of the same image, with their keys; null where it has none. */
  readonly sealed: SealedLists | null;
  readonly policies: PolicyImage;
  readonly subscribers: SubscriberTable;
}

/** Sends a response to a parked client: transport index, route, address and port as parked. */
export type SendLate = (
  transport: number,
  route: number,
  addresses: Uint32Array,
  addressAt: number,
  port: number,
  bytes: Uint8Array,
  length: number,
) => void;

export interface ResolverOptions {
  readonly seed: HashSeed;
  readonly access: Access;
  readonly local: LocalNames;
  readonly cache: MessageCacheOptions;
  /** How long a failure is remembered; default 5 s. */
  readonly failureSeconds?: number;
  readonly pendingMax: number;
  /** Queries of one client that may wait for an upstream at the same time. */
  readonly waitersPerClientMax: number;
  readonly forwarder: Forwarder;
  readonly sendLate: SendLate;
  readonly counters?: Float64Array;
  /** Where events go; null: nowhere. */
  readonly events?: EventRing | null;
  /** Where a sample of the asked names goes; null: nowhere. */
  readonly askedNames?: EventRing | null;
}

export interface Resolver {
  seed: HashSeed;
  /** Null until images were ever loaded: every query gets SERVFAIL and EDE 14. */
  images: InstalledImages | null;
  local: LocalNames;
  access: Access;
  cache: MessageCache;
  readonly cacheOptions: MessageCacheOptions;
  readonly failureSeconds: number;
  readonly pending: PendingQueries;
  readonly forwarder: Forwarder;
  readonly sendLate: SendLate;
  readonly counters: Float64Array;
  readonly events: EventRing | null;
  readonly askedNames: EventRing | null;
  /** Queries until the next that leaves its name there. */
  untilSample: number;

  /** The query of the moment. */
  view: QueryView;
  /** Its most octets of response. */
  limit: number;
  /** Who its rate is counted for: the source, or what is believed; and the address of its device. */
  readonly client: Uint32Array;
  readonly device: Uint32Array;
  readonly deviceKey: Uint8Array;
  /** Its profile number, the record of the policy in force, its flags, and the longest TTL under it. */
  profile: number;
  record: number;
  flags: number;
  ttlLimit: number;
  /** Seconds since the Unix epoch at which the policy was looked up. */
  nowSeconds: number;
  readonly mask: Uint32Array;
  /** One of `SPECIAL_…`, whatever is decided about it. */
  special: number;
  readonly decision: Decision;
  /** What is looked up and forwarded: `view`, or `safeView` where safe search asks for its target. */
  question: QueryView;
  readonly safeView: QueryView;
  /** The upstream group of its name. */
  group: number;
  readonly notes: ResponseNotes;
  /** A target of its answer. */
  readonly targetHashes: SuffixHashes;
  readonly targetMask: Uint32Array;
  readonly targetDecision: Decision;
  /** Points into the cache; the categories of all its targets. */
  readonly cached: VerifiedAnswer;
  readonly cachedMask: Uint32Array;
  /** What upstream said, and its verified part. */
  readonly response: ResponseView;
  readonly fresh: VerifiedAnswer;
  /** A failure that this server states: no records. */
  readonly failure: VerifiedAnswer;
  /** Where the response to a parked client is written, and its query as it was. */
  readonly lateBytes: Uint8Array;
  readonly lateView: QueryView;
  /** RDATA of block addresses. */
  readonly addressRdata: Uint8Array;
  readonly clientHash: Uint32Array;
}

export function createResolver(options: ResolverOptions): Resolver {
  const view = createQueryView();
  return {
    seed: options.seed,
    images: null,
    local: options.local,
    access: options.access,
    cache: createMessageCache(options.cache),
    cacheOptions: options.cache,
    failureSeconds: options.failureSeconds ?? FAILURE_SECONDS_DEFAULT,
    pending: createPendingQueries({
      capacity: options.pendingMax,
      waitersPerClientMax: options.waitersPerClientMax,
    }),
    forwarder: options.forwarder,
    sendLate: options.sendLate,
    counters: options.counters ?? createCounters(),
    events: options.events ?? null,
    askedNames: options.askedNames ?? null,
    untilSample: 1,
    view,
    limit: 0,
    client: new Uint32Array(4),
    device: new Uint32Array(4),
    deviceKey: new Uint8Array(16),
    profile: -1,
    record: -1,
    flags: 0,
    ttlLimit: 0,
    nowSeconds: 0,
    mask: createMask(),
    special: SPECIAL_NONE,
    decision: createDecision(),
    question: view,
    safeView: createQueryView(),
    group: 0,
    notes: createResponseNotes(),
    targetHashes: createSuffixHashes(),
    targetMask: createMask(),
    targetDecision: createDecision(),
    cached: createAnswerPointer(),
    cachedMask: createMask(),
    response: createResponseView(),
    fresh: createVerifiedAnswer(),
    failure: createAnswerPointer(),
    lateBytes: new Uint8Array(TCP_SLOT_BYTES),
    lateView: createQueryView(),
    addressRdata: new Uint8Array(16),
    clientHash: new Uint32Array(2),
  };
}

export function emptyCache(resolver: Resolver): void {
  resolver.cache = createMessageCache(resolver.cacheOptions);
}

/**
 * Takes images that were compiled with another seed. Everything hashed begins anew, so the cache
 * is emptied; parked queries go on, since they are found again by handle.
 */
export function installReseeded(
  resolver: Resolver,
  seed: HashSeed,
  images: InstalledImages,
  local: LocalNames,
  access: Access,
): void {
  resolver.seed = seed;
  resolver.local = local;
  resolver.access = access;
  emptyCache(resolver);
  resolver.images = images;
}
