/**
 * From a transport's batch to the query path: each slot is resolved in place. The one `try` of the
 * data plane stands here: a fault of ours costs one query, is counted, and the worker goes on.
 */

import { NEVER_ANSWERED, type PacketBatch } from '../lib/packet-batch.ts';
import { count, COUNT_INTERNAL_FAULTS } from '../resolver/query-record.ts';
import { resolveQuery } from '../resolver/resolve-query.ts';
import type { Resolver } from '../resolver/resolver.ts';

/** @param onFault told what was thrown; the query it happened to is dropped */
export function serveBatch(
  resolver: Resolver,
  batch: PacketBatch,
  slots: number,
  onFault: (error: unknown) => void,
): void {
  for (let slot = 0; slot < slots; slot++) {
    try {
      batch.lengths[slot] = resolveQuery(resolver, batch, slot);
    } catch (error) {
      batch.lengths[slot] = NEVER_ANSWERED;
      count(resolver.counters, COUNT_INTERNAL_FAULTS);
      onFault(error);
    }
  }
}
