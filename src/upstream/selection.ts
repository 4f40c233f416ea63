/**
 * Which upstream resolver of a group is asked. Healthy ones before those that are down, quick ones
 * before slow ones; among those about as quick as the best the choice is random, so that the load is
 * shared and an attacker cannot know where a question goes.
 */

import type { UpstreamHealth } from './health.ts';
import type { RandomPool } from './random-pool.ts';

/** Not worth telling apart. */
const SIMILAR_FACTOR = 1.5;
const SIMILAR_MS = 10;
/** One question in 64 is copied to an upstream that was not chosen, so that its figures stay true. */
const REFRESH_MASK = 63;

interface Selectable {
  readonly health: UpstreamHealth;
}

/**
 * @param excluded upstreams that were asked already
 * @returns null where none is left
 */
export function chooseUpstream<T extends Selectable>(
  upstreams: readonly T[],
  excluded: ReadonlySet<T>,
  random: RandomPool,
): T | null {
  const left = upstreams.filter((upstream) => !excluded.has(upstream));
  const up = left.filter((upstream) => !upstream.health.isDown);
  const candidates = up.length > 0 ? up : left;
  const bestMs = Math.min(...candidates.map((upstream) => upstream.health.costMs));
  const similar = candidates.filter(
    (upstream) => upstream.health.costMs <= bestMs * SIMILAR_FACTOR + SIMILAR_MS,
  );
  return similar[random.nextUint8() % similar.length] ?? null;
}

/**
 * An upstream that gets a copy of a question which does not wait for it: one that is down and due to
 * be looked at, or now and then one that was not chosen. Null most of the time.
 */
export function chooseProbe<T extends Selectable>(
  upstreams: readonly T[],
  chosen: T,
  nowMs: number,
  random: RandomPool,
): T | null {
  if (upstreams.length < 2) return null;
  for (const upstream of upstreams) {
    if (upstream !== chosen && upstream.health.isProbeDue(nowMs)) return upstream;
  }
  if ((random.nextUint8() & REFRESH_MASK) !== 0) return null;
  const others = upstreams.filter((other) => other !== chosen && !other.health.isDown);
  return others[random.nextUint8() % others.length] ?? null;
}
