/**
 * What the cache cannot answer goes upstream: the client is parked, and the question is sent unless
 * the same one is already on its way. Only this and `finish-forward` may allocate: a miss costs a
 * packet to somebody else's server anyway.
 */

import { FLAG_CD } from '../dns/constants.ts';
import { ANSWERED_LATER, type PacketBatch } from '../lib/packet-batch.ts';
import { answerOverLimit } from './answer.ts';
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

  let question = findPending(pending, view, group);
  while (!hasRoom(pending, question)) {
    // The oldest may be the very question, and may have no client whose place would be free now.
    giveUpOldest(resolver);
    question = findPending(pending, view, group);
  }
  const isJoined = question >= 0;
  if (!isJoined) question = openPending(pending, view, group);
  addWaiter(pending, question, seed, view, batch, slot, profile);
  count(resolver.counters, isJoined ? COUNT_JOINED : COUNT_FORWARDED);
  if (!isJoined) ask(resolver, question);
  return ANSWERED_LATER;
}

/** Asks for what the cache is about to lose, for nobody in particular. */
export function prefetch(resolver: Resolver): void {
  const { pending, view, group } = resolver;
  const question = findPending(pending, view, group);
  if (question >= 0 || !hasRoom(pending, question)) return;
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
