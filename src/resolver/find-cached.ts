/**
 * The cache as the query path sees it: the key is built from the view, and an entry's targets keep
 * the categories that they were found to be in, so that a hit need not look them up again until
 * another blocklist image is installed.
 */

import {
  lookUp,
  readTargetMask,
  scopeOf,
  writeTargetMask,
  type LookUpStatus,
} from '../cache/message-cache.ts';
import { FLAG_CD } from '../dns/constants.ts';
import { CONTENT_ID_AT } from '../lib/image.ts';
import { collectTargetMask, isTargetBlocked } from './decide-question.ts';
import type { InstalledImages, Resolver } from './resolver.ts';

/**
 * Points `resolver.cached` at the answer to the view's question, if the cache has one.
 * @param nowSeconds monotonic, whole
 */
export function findCached(resolver: Resolver, nowSeconds: number): LookUpStatus {
  const { cache, view } = resolver;
  return lookUp(
    cache,
    resolver.cached,
    view.name,
    view.nameLength,
    // Signed: an unsigned hash above 2^31 would become a heap number on the way.
    view.hashes.low[view.hashes.labelCount]! | 0,
    scopeOfView(resolver),
    nowSeconds,
  );
}

function scopeOfView(resolver: Resolver): number {
  const { view, group } = resolver;
  return scopeOf(group, view.qtype, view.isDnssecOk, (view.flags & FLAG_CD) !== 0);
}

/** Decides on the targets of the answer that `findCached` has just found. */
export function isCachedTargetBlocked(resolver: Resolver, images: InstalledImages): boolean {
  const { cache, cached, cachedMask } = resolver;
  if (cached.targetCount === 0) return false;
  const { words } = images.blocklist.image;
  if (!readTargetMask(cache, cache.entry, words, CONTENT_ID_AT, cachedMask)) {
    collectTargetMask(resolver, images, cached, cachedMask);
    writeTargetMask(cache, cache.entry, words, CONTENT_ID_AT, cachedMask);
  }
  return isTargetBlocked(resolver, images, cached, cachedMask);
}
