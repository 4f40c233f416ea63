/**
 * What the cache cannot answer goes upstream: the client is parked, and the question is sent unless
 * the same one is already on its way. Only this and `finish-forward` may allocate: a miss costs a
 * packet to somebody else's server anyway.
 */

import { EDE_NONE, FLAG_CD } from '../dns/constants.ts';
import { ANSWERED_LATER, type PacketBatch } from '../lib/packet-batch.ts';
import { answerOverLimit, answerServerFailure } from './answer.ts';
import { giveUpOldest, giveUpOne } from './finish-forward.ts';
import {
  addWaiter,
  findPending,
  handleOf,
  hasQuestionRoom,
  hasRoom,
  isClientAtLimit,
  openPending,
} from './pending-queries.ts';
import {
  count,
  COUNT_CACHE_MISSES,
  COUNT_FORWARDED,
  COUNT_JOINED,
  COUNT_PREFETCHED,
} from './query-record.ts';
import type { Resolver } from './resolver.ts';

/** Parks the client of the view and asks upstream. */
export function forwardQuery(resolver: Resolver, batch: PacketBatch, slot: number): number {
  const { pending, view, question, seed, group, client, device, profile } = resolver;
  count(resolver.counters, COUNT_CACHE_MISSES);
  if (isClientAtLimit(pending, seed, client)) return answerOverLimit(resolver);

  let parked = findPending(pending, question, group);
  while (!hasRoom(pending, parked)) {
    // Thousands wait for this very question: they get its answer, and only the newcomer does not.
    if (parked >= 0 && parked === pending.oldest) return answerServerFailure(resolver, EDE_NONE);
    // What is short: a place for a client is one client's, who may be one of those thousands.
    if (hasQuestionRoom(pending, parked)) giveUpOne(resolver);
    else giveUpOldest(resolver);
    parked = findPending(pending, question, group);
  }
  const isJoined = parked >= 0;
  if (!isJoined) parked = openPending(pending, question, group);
  addWaiter(pending, parked, seed, view, batch, slot, client, device, profile);
  count(resolver.counters, isJoined ? COUNT_JOINED : COUNT_FORWARDED);
  if (!isJoined) ask(resolver, parked);
  return ANSWERED_LATER;
}

/** Asks for what the cache is about to lose, for nobody in particular. */
export function prefetch(resolver: Resolver): void {
  const { pending, question, group } = resolver;
  const parked = findPending(pending, question, group);
  if (parked >= 0 || !hasRoom(pending, parked)) return;
  count(resolver.counters, COUNT_PREFETCHED);
  ask(resolver, openPending(pending, question, group));
}

function ask(resolver: Resolver, parked: number): void {
  const { pending, question, group } = resolver;
  resolver.forwarder.forward(handleOf(pending, parked), {
    group,
    name: question.name.slice(0, question.nameLength),
    nameLength: question.nameLength,
    type: question.qtype,
    isDnssecOk: question.isDnssecOk,
    isCheckingDisabled: (question.flags & FLAG_CD) !== 0,
  });
}
