/**
 * The answers of safe search (row 11): for addresses a CNAME from the asked name to the target, and
 * behind it what the target's own question was answered with.
 *
 *     │ header │ question │ CNAME ─▶ target │ the target's answer, its pointers moved │ OPT (EDE 4) │
 *
 * No other type gets anything, above all not HTTPS: the hints of the real service would lead around.
 * Nothing here is authentic and nothing here is cached.
 */

import {
  EDE_FORGED_ANSWER,
  EDE_NONE,
  RCODE_NOERROR,
  TYPE_A,
  TYPE_CNAME,
} from '../dns/constants.ts';
import { movePointers } from '../dns/move-pointers.ts';
import {
  appendRecord,
  QNAME_POINTER,
  setNotes,
  writeNegativeResponse,
  writeResponseHeader,
  writeSingleResponse,
} from '../dns/response.ts';
import { ANSWER_FAILURE, writeAnswer, type VerifiedAnswer } from '../dns/verified-answer.ts';
import { writeUint32 } from '../lib/bytes.ts';
import {
  isTargetAddress,
  targetAddress4,
  targetNameAt,
  targetNameLength,
} from '../policy/safe-search.ts';
import { DECIDE_SAFE_SEARCH } from '../policy/decide.ts';
import {
  answerFrom,
  answerServerFailure,
  finishDecided,
  finishTruncated,
  staleCode,
} from './answer.ts';
import { count, COUNT_SAFE_SEARCH } from './query-record.ts';
import type { InstalledImages, Resolver } from './resolver.ts';

/** CNAME, and the address of an engine that has no name for its safe form. */
const SAFE_TTL_SECONDS = 300;
/** Records that say "nothing of this type". */
const NODATA_TTL_SECONDS = 300;
/** Owner, type, class, TTL and length in front of the target's name. */
const CNAME_HEAD_BYTES = 12;

/** True where the answer of safe search needs neither cache nor upstream. */
export function isSafeAtOnce(resolver: Resolver): boolean {
  return resolver.decision.action === DECIDE_SAFE_SEARCH && resolver.question === resolver.view;
}

/** Whatever is asked besides the addresses of a target with a name. */
export function answerSafe(resolver: Resolver, images: InstalledImages): number {
  const { view, decision, addressRdata, ttlLimit } = resolver;
  const { policies } = images;
  const target = decision.safeTarget;
  const ttl = Math.min(SAFE_TTL_SECONDS, ttlLimit);
  begin(resolver, EDE_NONE);
  if (isTargetAddress(policies, target)) {
    if (view.qtype !== TYPE_A) return answerNothing(resolver);
    writeUint32(addressRdata, 0, targetAddress4(policies, target));
    return finishDecided(
      resolver,
      decision,
      writeSingleResponse(view, 0, TYPE_A, ttl, addressRdata, 0, 4),
    );
  }
  if (view.qtype !== TYPE_CNAME) return answerNothing(resolver);
  writeResponseHeader(view, 0, 1, 0);
  return finishDecided(resolver, decision, appendAlias(resolver, images));
}

/**
 * What upstream or the cache said to `resolver.question`, its targets decided on: as it is, or
 * behind the CNAME of safe search.
 * @param failureEde what to say where the answer is a failure
 */
export function answerPassed(
  resolver: Resolver,
  images: InstalledImages,
  answer: VerifiedAnswer,
  failureEde: number,
): number {
  if (resolver.question === resolver.view) return answerFrom(resolver, answer, failureEde);
  return answerRewritten(resolver, images, answer, failureEde);
}

function answerRewritten(
  resolver: Resolver,
  images: InstalledImages,
  answer: VerifiedAnswer,
  failureEde: number,
): number {
  const { view, decision, notes, limit, question } = resolver;
  if (answer.kind === ANSWER_FAILURE) return answerServerFailure(resolver, failureEde);
  begin(resolver, answer.isStale ? staleCode(answer) : EDE_NONE);
  const aliasLength = CNAME_HEAD_BYTES + question.nameLength;
  if (view.questionEnd - view.at + aliasLength + answer.bodyLength > limit) {
    return finishTruncated(resolver);
  }
  const { answerCount, authorityCount, rcode } = answer;
  writeResponseHeader(view, rcode & 0xf, answerCount + 1, authorityCount);
  notes.rcodeUpper = rcode >>> 4;
  const bodyAt = appendAlias(resolver, images);
  const end = writeAnswer(answer, view.bytes, bodyAt, resolver.ttlLimit);
  if (!movePointers(answer, view.bytes, view.at, bodyAt, question.nameLength)) {
    return answerServerFailure(resolver, EDE_NONE);
  }
  return finishDecided(resolver, decision, end);
}

function answerNothing(resolver: Resolver): number {
  const { view, decision, ttlLimit } = resolver;
  const ttl = Math.min(NODATA_TTL_SECONDS, ttlLimit);
  return finishDecided(resolver, decision, writeNegativeResponse(view, RCODE_NOERROR, ttl));
}

/** The CNAME, behind the question; returns the offset after it, where the target's name ends. */
function appendAlias(resolver: Resolver, images: InstalledImages): number {
  const { view, decision, ttlLimit } = resolver;
  const { policies } = images;
  const target = decision.safeTarget;
  return appendRecord(
    view,
    view.questionEnd,
    QNAME_POINTER,
    TYPE_CNAME,
    Math.min(SAFE_TTL_SECONDS, ttlLimit),
    policies.targetNames,
    targetNameAt(policies, target),
    targetNameLength(policies, target),
  );
}

/** Says that the answer is ours, and before that, where it is old, that it is old. */
function begin(resolver: Resolver, staleEde: number): void {
  const { notes } = resolver;
  count(resolver.counters, COUNT_SAFE_SEARCH);
  setNotes(notes, staleEde === EDE_NONE ? EDE_FORGED_ANSWER : staleEde);
  if (staleEde !== EDE_NONE) notes.secondEde = EDE_FORGED_ANSWER;
}
