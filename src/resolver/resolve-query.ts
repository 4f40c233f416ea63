/**
 * How a query is answered: start reading here. Every step may end the query; what ends it returns
 * the length of the response, which stands in place of the query.
 *
 *     admit ─▶ parse ─▶ identify ─▶ decide ─▶ own records ─▶ cache (decide on targets) ─▶ forward
 *
 * Admit comes first, because nothing is answered at length to a stranger. Decide comes before the
 * cache, because the cache knows no policy: one cache serves all subscribers, and a policy change
 * needs no flush. The other half of the path, for what had to be asked upstream, is
 * `finish-forward`. Nothing here touches a socket, allocates, throws or waits.
 */

import { EDE_CACHED_ERROR, TYPE_ANY } from '../dns/constants.ts';
import { parseQuery, PARSE_OK, type ParseStatus } from '../dns/query-view.ts';
import { responseLimit } from '../dns/response.ts';
import type { PacketBatch } from '../lib/packet-batch.ts';
import { admit, ADMIT_OK, isAdmitted, isSilent, type Admission } from '../policy/access.ts';
import { DECIDE_BLOCK, DECIDE_SPECIAL } from '../policy/decide.ts';
import { lookUpAddress } from '../policy/subscribers.ts';
import { LOOKUP_EXPIRING, LOOKUP_MISS, LOOKUP_STALE } from '../cache/message-cache.ts';
import {
  answerAny,
  answerBlocked,
  answerLocalRecords,
  answerNotReady,
  answerRefused,
  answerSpecial,
  answerUnparsed,
  staySilent,
} from './answer.ts';
import { decideQuestion } from './decide-question.ts';
import { findCached, isCachedTargetBlocked } from './find-cached.ts';
import { forwardQuery, prefetch } from './forward-query.ts';
import { identify } from './identify.ts';
import { firstRecordOf } from './local-names.ts';
import { count, COUNT_CACHE_HITS, COUNT_CACHE_STALE, countQuery } from './query-record.ts';
import type { InstalledImages, Resolver } from './resolver.ts';
import { answerPassed, answerSafe, isSafeAtOnce } from './safe-answer.ts';

/**
 * Answers the query in a slot of the batch, in place.
 * @returns octets to send, `ANSWERED_LATER` where it was parked, `NEVER_ANSWERED` for silence
 */
export function resolveQuery(resolver: Resolver, batch: PacketBatch, slot: number): number {
  const { view, decision, images } = resolver;
  countQuery(resolver.counters, batch.isStream);

  const admission = admitClient(resolver, batch, slot);
  if (isSilent(admission)) return staySilent(resolver, admission);

  const status = parseSlot(resolver, batch, slot);
  if (status !== PARSE_OK) return answerUnparsed(resolver, status, admission);
  if (!isAdmitted(admission)) return answerRefused(resolver, admission);

  if (images === null) return answerNotReady(resolver);
  const identity = identify(resolver, images, batch, slot, admission);
  if (identity !== ADMIT_OK) return answerRefused(resolver, identity);

  decideQuestion(resolver, images);
  if (decision.action === DECIDE_BLOCK) return answerBlocked(resolver, images, decision);
  if (decision.action === DECIDE_SPECIAL) return answerSpecial(resolver);
  if (view.qtype === TYPE_ANY) return answerAny(resolver);

  const record = firstRecordOf(resolver.local, view.hashes);
  if (record >= 0) return answerLocalRecords(resolver, images, record);
  if (isSafeAtOnce(resolver)) return answerSafe(resolver, images);

  const found = findCached(resolver, Math.floor(batch.nowMs[0]! / 1000));
  if (found === LOOKUP_EXPIRING) prefetch(resolver);
  if (found !== LOOKUP_MISS && found !== LOOKUP_STALE) return answerCached(resolver, images);
  return forwardQuery(resolver, batch, slot);
}

/** Whether the client is known and within its rate; leaves its profile number behind. */
function admitClient(resolver: Resolver, batch: PacketBatch, slot: number): Admission {
  const { images, access } = resolver;
  const { addresses } = batch;
  const at = slot * 4;
  resolver.profile = images === null ? -1 : lookUpAddress(images.subscribers, addresses, at);
  access.nowMs[0] = batch.nowMs[0]!;
  return admit(access, addresses, at, resolver.profile >= 0);
}

function parseSlot(resolver: Resolver, batch: PacketBatch, slot: number): ParseStatus {
  const { view } = resolver;
  const at = slot * batch.slotBytes;
  const status = parseQuery(view, resolver.seed, batch.bytes, at, batch.lengths[slot]!);
  resolver.limit = responseLimit(view, batch.isStream, batch.slotBytes);
  return status;
}

/** A hit is decided again in the same way as a fresh answer: each target of its chain is asked. */
function answerCached(resolver: Resolver, images: InstalledImages): number {
  count(resolver.counters, resolver.cached.isStale ? COUNT_CACHE_STALE : COUNT_CACHE_HITS);
  if (isCachedTargetBlocked(resolver, images)) {
    return answerBlocked(resolver, images, resolver.targetDecision);
  }
  return answerPassed(resolver, images, resolver.cached, EDE_CACHED_ERROR);
}
