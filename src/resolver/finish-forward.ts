/**
 * The second half of the path: what happens when an upstream has answered, failed, or lets itself
 * be waited for. It starts from the parked question:
 *
 *     verify ─▶ store ─▶ for each parked client: identify, decide again, decide on targets, answer
 *
 * Store comes before anything that policy rewrites, so that a rewritten answer is never cached.
 * Decide comes again for every client, because a minute may have passed and the policy in force may
 * be another one; the parked query keeps only the profile number. Where safe search was switched on or
 * off meanwhile, the answer is one to another question than the client's now is: it gets SERVFAIL, which
 * is not kept, and asks again.
 */

import { assert } from '../lib/assert.ts';
import { lookUp, LOOKUP_MISS, scopeOf, store, storeFailure } from '../cache/message-cache.ts';
import {
  EDE_NETWORK_ERROR,
  EDE_NONE,
  EDE_NO_REACHABLE_AUTHORITY,
  RCODE_SERVFAIL,
} from '../dns/constants.ts';
import { extractChain } from '../dns/response-chain.ts';
import { parseResponse, RESPONSE_OK } from '../dns/response-view.ts';
import { responseLimit } from '../dns/response.ts';
import { ANSWER_FAILURE, type VerifiedAnswer } from '../dns/verified-answer.ts';
import { ADMIT_STRANGER_REFUSE } from '../policy/access.ts';
import { DECIDE_BLOCK, DECIDE_SPECIAL } from '../policy/decide.ts';
import {
  answerBlocked,
  answerNotReady,
  answerRefused,
  answerServerFailure,
  answerSpecial,
} from './answer.ts';
import { adoptPolicy, decideQuestion, isTargetBlocked } from './decide-question.ts';
import { FORWARD_NETWORK_ERROR, FORWARD_OVERLOADED, type ForwardCause } from './forwarder.ts';
import {
  closePending,
  isAnswerTo,
  isCheckingDisabledPending,
  isDnssecOkPending,
  isNameOf,
  isStreamWaiter,
  nameOf,
  releaseWaiter,
  restoreQuery,
  slotOf,
  takeWaiter,
} from './pending-queries.ts';
import { count, COUNT_ANSWERED_LATE, COUNT_CACHE_STALE, COUNT_GIVEN_UP } from './query-record.ts';
import type { Resolver } from './resolver.ts';
import { answerPassed, answerSafe, isSafeAtOnce } from './safe-answer.ts';

/**
 * An upstream has answered: `bytes` hold its message, whose ID, address and question the forwarder
 * has verified.
 * @param handle names the parked question; one that was given up meanwhile is passed over
 * @param isUpstreamAuthentic AD may be believed, since the link to that upstream is trusted
 */
export function finishForward(
  resolver: Resolver,
  handle: number,
  bytes: Uint8Array,
  length: number,
  isUpstreamAuthentic: boolean,
  nowMs: number,
  nowSeconds: number,
): void {
  const { pending, response, fresh } = resolver;
  const question = slotOf(pending, handle);
  if (question < 0) return;
  const isUsable =
    parseResponse(response, bytes, 0, length) === RESPONSE_OK &&
    isAnswerTo(pending, question, response) &&
    extractChain(response, fresh, isDnssecOkPending(pending, question)) === RESPONSE_OK;
  if (!isUsable || fresh.kind === ANSWER_FAILURE) {
    endInFailure(resolver, question, EDE_NONE, nowMs, nowSeconds);
    return;
  }
  fresh.isAuthentic = fresh.isAuthentic && isUpstreamAuthentic;
  storeFresh(resolver, question, nowMs);
  answerWaiters(resolver, question, fresh, EDE_NONE, nowSeconds);
  closePending(pending, question);
}

/** No upstream answered: stale if the cache has it, else SERVFAIL that says why. */
export function failForward(
  resolver: Resolver,
  handle: number,
  cause: ForwardCause,
  nowMs: number,
  nowSeconds: number,
): void {
  const question = slotOf(resolver.pending, handle);
  if (question < 0) return;
  if (cause === FORWARD_OVERLOADED) {
    // Says nothing about upstream, so it is not remembered.
    answerWaiters(resolver, question, resolver.failure, EDE_NONE, nowSeconds);
    closePending(resolver.pending, question);
    return;
  }
  const ede = cause === FORWARD_NETWORK_ERROR ? EDE_NETWORK_ERROR : EDE_NO_REACHABLE_AUTHORITY;
  endInFailure(resolver, question, ede, nowMs, nowSeconds);
}

/** The wait is long (RFC 8767, section 5): clients get the stale answer, the question goes on. */
export function serveStale(
  resolver: Resolver,
  handle: number,
  nowMs: number,
  nowSeconds: number,
): void {
  const question = slotOf(resolver.pending, handle);
  if (question < 0 || !findStale(resolver, question, nowMs)) return;
  answerWaiters(resolver, question, resolver.cached, EDE_NONE, nowSeconds);
}

/**
 * Makes room: the question that has waited longest gets SERVFAIL. Called while another query is in
 * the resolver's view, so it works on a view of its own.
 */
export function giveUpOldest(resolver: Resolver): void {
  while (giveUpOne(resolver));
}

/**
 * Makes room for a client: one of those that wait for the question that has waited longest gets SERVFAIL.
 * A question that nobody waits for any more is given up with it.
 * @returns false where that was the last one
 */
export function giveUpOne(resolver: Resolver): boolean {
  const { pending, view, limit } = resolver;
  const question = pending.oldest;
  assert(question >= 0, 'whoever waits for an upstream, waits on a question');
  const waiter = takeWaiter(pending, question);
  if (waiter >= 0) {
    resolver.view = resolver.lateView;
    count(resolver.counters, COUNT_GIVEN_UP);
    restore(resolver, question, waiter);
    send(resolver, waiter, answerServerFailure(resolver, EDE_NONE));
    releaseWaiter(pending, waiter);
    resolver.view = view;
    resolver.limit = limit;
  }
  if (pending.firstWaiter[question]! >= 0) return true;
  closePending(pending, question);
  return false;
}

function endInFailure(
  resolver: Resolver,
  question: number,
  ede: number,
  nowMs: number,
  nowSeconds: number,
): void {
  const { pending, failure } = resolver;
  const { name, nameLength, nameHash } = nameOf(pending, question, resolver.seed);
  const seconds = Math.floor(nowMs / 1000);
  failure.rcode = RCODE_SERVFAIL;
  const scope = scopeOfPending(resolver, question);
  storeFailure(
    resolver.cache,
    failure,
    name,
    nameLength,
    nameHash,
    scope,
    seconds,
    resolver.failureSeconds,
  );
  const answer = findStale(resolver, question, nowMs) ? resolver.cached : failure;
  answerWaiters(resolver, question, answer, ede, nowSeconds);
  closePending(pending, question);
}

function storeFresh(resolver: Resolver, question: number, nowMs: number): void {
  const { name, nameLength, nameHash } = nameOf(resolver.pending, question, resolver.seed);
  const scope = scopeOfPending(resolver, question);
  const seconds = Math.floor(nowMs / 1000);
  store(resolver.cache, resolver.fresh, name, nameLength, nameHash, scope, seconds);
}

/** Points `resolver.cached` at the stale answer to a parked question, if there is one. */
function findStale(resolver: Resolver, question: number, nowMs: number): boolean {
  const { name, nameLength, nameHash } = nameOf(resolver.pending, question, resolver.seed);
  const scope = scopeOfPending(resolver, question);
  const { cache, cached } = resolver;
  const seconds = Math.floor(nowMs / 1000);
  const status = lookUp(cache, cached, name, nameLength, nameHash, scope, seconds);
  return status !== LOOKUP_MISS && cached.isStale;
}

function scopeOfPending(resolver: Resolver, question: number): number {
  const { pending } = resolver;
  return scopeOf(
    pending.groups[question]!,
    pending.types[question]!,
    isDnssecOkPending(pending, question),
    isCheckingDisabledPending(pending, question),
  );
}

/** Answers every client parked on the question, each under its own policy. */
function answerWaiters(
  resolver: Resolver,
  question: number,
  answer: VerifiedAnswer,
  failureEde: number,
  nowSeconds: number,
): void {
  const { pending } = resolver;
  for (let waiter = takeWaiter(pending, question); waiter >= 0;) {
    count(resolver.counters, COUNT_ANSWERED_LATE);
    if (answer.isStale) count(resolver.counters, COUNT_CACHE_STALE);
    try {
      restore(resolver, question, waiter);
      copyDevice(resolver, waiter);
      send(resolver, waiter, answerParked(resolver, question, answer, failureEde, nowSeconds));
    } finally {
      releaseWaiter(pending, waiter);
    }
    waiter = takeWaiter(pending, question);
  }
}

/** The same steps as `resolveQuery` takes from `identify` on. */
function answerParked(
  resolver: Resolver,
  question: number,
  answer: VerifiedAnswer,
  failureEde: number,
  nowSeconds: number,
): number {
  const { images, decision, pending } = resolver;
  if (images === null) return answerNotReady(resolver);
  if (!adoptPolicy(resolver, images, nowSeconds)) {
    return answerRefused(resolver, ADMIT_STRANGER_REFUSE);
  }
  decideQuestion(resolver, images);
  if (decision.action === DECIDE_BLOCK) return answerBlocked(resolver, images, decision);
  if (decision.action === DECIDE_SPECIAL) return answerSpecial(resolver);
  if (isSafeAtOnce(resolver)) return answerSafe(resolver, images);
  const wanted = resolver.question;
  if (!isNameOf(pending, question, wanted.name, wanted.nameLength)) {
    return answerServerFailure(resolver, EDE_NONE);
  }
  if (isTargetBlocked(resolver, images, answer, null)) {
    return answerBlocked(resolver, images, resolver.targetDecision);
  }
  return answerPassed(resolver, images, answer, failureEde);
}

function restore(resolver: Resolver, question: number, waiter: number): void {
  const { pending, view, lateBytes } = resolver;
  restoreQuery(pending, question, waiter, resolver.seed, view, lateBytes);
  resolver.profile = pending.waiterProfiles[waiter]!;
  resolver.limit = responseLimit(view, isStreamWaiter(pending, waiter), lateBytes.length);
}

/** Events tell devices apart. Not for `giveUpOldest`, while another client's query is in hand. */
function copyDevice({ pending, device }: Resolver, waiter: number): void {
  for (let word = 0; word < 4; word++) device[word] = pending.waiterDevices[waiter * 4 + word]!;
}

function send(resolver: Resolver, waiter: number, length: number): void {
  const { pending } = resolver;
  resolver.sendLate(
    pending.waiterTransports[waiter]!,
    pending.waiterRoutes[waiter]!,
    pending.waiterAddresses,
    waiter * 4,
    pending.waiterPorts[waiter]!,
    resolver.lateBytes,
    length,
  );
}
