/**
 * What the cache cannot answer goes upstream: the client is parked, and the question is sent unless
 * the same one is already on its way. Only this and `finish-forward` may allocate: a miss costs a
 * packet to somebody else's server anyway.
 */

import { EDE_NONE, FLAG_CD } from '../dns/constants.ts';
import { ANSWERED_LATER, type PacketBatch } from '../lib/packet-batch.ts';
import { answerServerFailure, answerOverLimit } from './answer.ts';
import { giveUpOldest } from './finish-forward.ts';
import {
  addWaiter,
  findPending,
  handleOf,
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
  const { pending, view, seed, group, profile } = resolver;
  count(resolver.counters, COUNT_CACHE_MISSES);
  if (isClientAtLimit(pending, seed, batch, slot)) return answerOverLimit(resolver);
  if (!hasRoom(pending)) giveUpOldest(resolver);

  const joined = findPending(pending, view, group);
  const question = joined >= 0 ? joined : openPending(pending, view, group);
  if (question < 0 || !addWaiter(pending, question, seed, view, batch, slot, profile)) {
    return answerServerFailure(resolver, EDE_NONE);
  }
  count(resolver.counters, joined >= 0 ? COUNT_JOINED : COUNT_FORWARDED);
  if (joined < 0) ask(resolver, question);
  return ANSWERED_LATER;
}

/** Asks for what the cache is about to lose, for nobody in particular. */
export function prefetch(resolver: Resolver): void {
  const { pending, view, group } = resolver;
  if (!hasRoom(pending) || findPending(pending, view, group) >= 0) return;
  count(resolver.counters, COUNT_PREFETCHED);
  ask(resolver, openPending(pending, view, group));
}

function ask(resolver: Resolver, question: number): void {
  const { pending, view, group } = resolver;
  resolver.forwarder.forward(handleOf(pending, question), {
    group,
    name: view.name.slice(0, view.nameLength),
    nameLength: view.nameLength,
    type: view.qtype,
    isDnssecOk: view.isDnssecOk,
    isCheckingDisabled: (view.flags & FLAG_CD) !== 0,
  });
}
