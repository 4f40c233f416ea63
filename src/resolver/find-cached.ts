/**
 * The cache as the query path sees it: the key is built from the question, and an entry's targets keep
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
 * Points `resolver.cached` at the answer to `resolver.question`, if the cache has one.
 * @param nowSeconds monotonic, whole
 */
export function findCached(resolver: Resolver, nowSeconds: number): LookUpStatus {
  const { cache, question, group } = resolver;
  const { hashes, qtype, isDnssecOk, flags } = question;
  return lookUp(
    cache,
    resolver.cached,
    question.name,
    question.nameLength,
    // Signed: an unsigned hash above 2^31 would become a heap number on the way.
    hashes.low[hashes.labelCount]! | 0,
    scopeOf(group, qtype, isDnssecOk, (flags & FLAG_CD) !== 0),
    nowSeconds,
  );
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
