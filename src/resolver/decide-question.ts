/**
 * The policy half of the path, the same for a query that has just come in and for one that was
 * parked: whose policy is in force, what it says about the asked name, and what it says about the
 * names that the answer leads to.
 */

import { orMask } from '../blocklist/category.ts';
import { lookUpCategories } from '../blocklist/lookup.ts';
import { addSealedCategories } from '../blocklist/sealed/look-up-sealed.ts';
import { hashSuffixes, type SuffixHashes } from '../dns/suffix-hashes.ts';
import type { VerifiedAnswer } from '../dns/verified-answer.ts';
import { nameLength } from '../dns/name.ts';
import { decide, decideTarget, DECIDE_BLOCK, DECIDE_SAFE_SEARCH } from '../policy/decide.ts';
import {
  firstCategoryIn,
  GLOBAL_LAW,
  policyRecordOf,
  RECORD_BLOCKED,
  RECORD_FLAGS,
  RECORD_LOCKED,
  RECORD_PLAN_RULES,
  RECORD_PROFILE_RULES,
  RECORD_SUBSCRIBER_RULES,
  RECORD_WORDS,
  ttlLimitSeconds,
  type PolicyImage,
} from '../policy/image.ts';
import { SPECIAL_NONE } from '../policy/special-names.ts';
import { groupOf, mayBeLocal, specialKindOf } from './local-names.ts';
import type { InstalledImages, Resolver } from './resolver.ts';
import { safeQuestion } from './safe-question.ts';

/** No TTL leaves higher, whatever upstream said: one wrong answer must not stay for years. */
const TTL_SECONDS_MAX = 86_400;

/** Finds the policy in force for the resolver's profile; false where there is none. */
export function adoptPolicy(
  resolver: Resolver,
  images: InstalledImages,
  nowSeconds: number,
): boolean {
  const { policies } = images;
  const record = policyRecordOf(policies, resolver.profile, nowSeconds);
  resolver.record = record;
  resolver.nowSeconds = nowSeconds;
  if (record < 0) return false;
  resolver.flags = policies.records[record * RECORD_WORDS + RECORD_FLAGS]!;
  // The client's ID is as random as jitter needs to be.
  const limit = ttlLimitSeconds(policies, record, nowSeconds, resolver.view.id);
  resolver.ttlLimit = Math.min(TTL_SECONDS_MAX, limit);
  return true;
}

/**
 * Decides on the asked name, into `resolver.decision`, and finds what is to be looked up for it:
 * `resolver.question`, and the group that it is forwarded to.
 */
export function decideQuestion(resolver: Resolver, images: InstalledImages): void {
  const { view, local, mask, decision } = resolver;
  const isLocal = mayBeLocal(local, view.hashes);
  resolver.group = isLocal ? groupOf(local, view.hashes) : 0;
  resolver.special = isLocal ? specialKindOf(local, view.hashes, view.qtype) : SPECIAL_NONE;
  resolver.question = view;
  lookUpName(images, view.name, 0, view.hashes, mask);
  decide(decision, images.policies, resolver.record, view.hashes, mask, resolver.special);
  if (decision.action !== DECIDE_SAFE_SEARCH) return;
  const question = safeQuestion(resolver, images);
  resolver.question = question;
  resolver.group = mayBeLocal(local, question.hashes) ? groupOf(local, question.hashes) : 0;
}

/**
 * Decides on the targets of an answer, into `resolver.targetDecision`; true where one is blocked.
 * Most answers of the cache need no look-up: their mask says that no list that counts holds a target.
 *
 * @param targetMask categories of all targets together (`collectTargetMask`), or null where unknown
 */
export function isTargetBlocked(
  resolver: Resolver,
  images: InstalledImages,
  answer: VerifiedAnswer,
  targetMask: Uint32Array | null,
): boolean {
  const { policies } = images;
  const { record } = resolver;
  if (answer.targetCount === 0) return false;
  if (targetMask !== null && !canBlock(policies, record, targetMask)) return false;
  let at = answer.targetsAt;
  for (let target = 0; target < answer.targetCount; target++) {
    if (isNameBlocked(resolver, images, answer.bytes, at)) return true;
    at += nameLength(answer.bytes, at);
  }
  return false;
}

/** Decides on one target, lower-cased wire octets, into `resolver.targetDecision`. */
export function isNameBlocked(
  resolver: Resolver,
  images: InstalledImages,
  name: Uint8Array,
  at: number,
): boolean {
  const { targetHashes, targetMask, targetDecision, record, decision } = resolver;
  hashSuffixes(targetHashes, resolver.seed, name, at);
  lookUpName(images, name, at, targetHashes, targetMask);
  const { policies } = images;
  const action = decideTarget(targetDecision, policies, record, targetHashes, targetMask, decision);
  return action === DECIDE_BLOCK;
}

/** Gathers the categories of all targets into one mask, to be kept beside the cached answer. */
export function collectTargetMask(
  resolver: Resolver,
  images: InstalledImages,
  answer: VerifiedAnswer,
  out: Uint32Array,
): void {
  const { targetHashes, targetMask, seed } = resolver;
  out.fill(0);
  let at = answer.targetsAt;
  for (let target = 0; target < answer.targetCount; target++) {
    hashSuffixes(targetHashes, seed, answer.bytes, at);
    if (lookUpName(images, answer.bytes, at, targetHashes, targetMask)) orMask(out, targetMask);
    at += nameLength(answer.bytes, at);
  }
}

/** Fills the mask with all categories of a name; true where there are any. */
function lookUpName(
  { blocklist, sealed }: InstalledImages,
  name: Uint8Array,
  at: number,
  hashes: SuffixHashes,
  mask: Uint32Array,
): boolean {
  const isListed = lookUpCategories(blocklist, hashes, mask);
  if (sealed === null) return isListed;
  return addSealedCategories(sealed, name, at, hashes, mask) || isListed;
}

/** False where no target of these categories can be blocked; true where each must be asked. */
function canBlock(policies: PolicyImage, record: number, mask: Uint32Array): boolean {
  const { records, globals } = policies;
  const at = record * RECORD_WORDS;
  const rules =
    records[at + RECORD_PROFILE_RULES]! |
    records[at + RECORD_SUBSCRIBER_RULES]! |
    records[at + RECORD_PLAN_RULES]!;
  return (
    rules !== 0 ||
    firstCategoryIn(policies, globals, GLOBAL_LAW, mask) >= 0 ||
    firstCategoryIn(policies, records, at + RECORD_LOCKED, mask) >= 0 ||
    firstCategoryIn(policies, records, at + RECORD_BLOCKED, mask) >= 0
  );
}
