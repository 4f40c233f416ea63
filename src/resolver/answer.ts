/**
 * The ways out of the query path, but for those of safe search (`safe-answer`). Each writes one kind of
 * answer over the query that the resolver's view points to and returns its length; each ends in
 * `finish`, so that TTL clamp, size limit and EDE hold for every answer there is. What a policy has
 * decided ends in `finishDecided`, and leaves the events that the policy wants.
 */

import {
  EDE_FORGED_ANSWER,
  EDE_NONE,
  EDE_NOT_READY,
  EDE_NOT_SUPPORTED,
  EDE_PROHIBITED,
  EDE_STALE_ANSWER,
  EDE_STALE_NXDOMAIN,
  FLAG_AA,
  FLAG_AD,
  FLAG_TC,
  RCODE_BADVERS,
  RCODE_FORMERR,
  RCODE_NOERROR,
  RCODE_NOTIMP,
  RCODE_NXDOMAIN,
  RCODE_REFUSED,
  RCODE_SERVFAIL,
  TYPE_A,
  TYPE_AAAA,
  TYPE_CNAME,
} from '../dns/constants.ts';
import {
  PARSE_BADVERS,
  PARSE_NOTIMP,
  PARSE_REFUSED,
  PARSE_SILENT,
  type ParseStatus,
} from '../dns/query-view.ts';
import {
  appendRecord,
  dropQuestion,
  finishResponse,
  QNAME_POINTER,
  setNotes,
  writeAnyResponse,
  writeEmptyResponse,
  writeNegativeResponse,
  writeResponseHeader,
  writeSingleResponse,
} from '../dns/response.ts';
import { ANSWER_FAILURE, writeAnswer, type VerifiedAnswer } from '../dns/verified-answer.ts';
import { writeUint32 } from '../lib/bytes.ts';
import { NEVER_ANSWERED } from '../lib/packet-batch.ts';
import {
  ADMIT_OK,
  ADMIT_REFUSE,
  ADMIT_SILENT,
  ADMIT_STRANGER_SILENT,
  isAdmitted,
  type Admission,
} from '../policy/access.ts';
import type { Decision } from '../policy/decide.ts';
import { LEVEL_GRANT, VERDICT_LAW, VERDICT_OPERATOR } from '../policy/decide.ts';
import {
  blockAddress4,
  blockAddress6,
  BLOCKING_ADDRESS,
  BLOCKING_NODATA,
  BLOCKING_REFUSED,
  BLOCKING_ZERO,
  hasBlockAddress4,
  hasBlockAddress6,
  textAt,
  textLength,
  type PolicyImage,
} from '../policy/image.ts';
import { SPECIAL_LOCALHOST, SPECIAL_NODATA } from '../policy/special-names.ts';
import { nextRecord } from './local-names.ts';
import {
  CATEGORY_COUNTERS_AT,
  count,
  COUNT_ALLOW_LIST_ONLY,
  COUNT_BADVERS,
  COUNT_BLOCKED_LAW,
  COUNT_BLOCKED_OPERATOR,
  COUNT_BLOCKED_POLICY,
  COUNT_DROPPED_MALFORMED,
  COUNT_DROPPED_RATE,
  COUNT_DROPPED_STRANGER,
  COUNT_FORMERR,
  COUNT_GRANTED,
  COUNT_INTERNET_OFF,
  COUNT_LOCAL,
  COUNT_NOTIMP,
  COUNT_REFUSED_RATE,
  COUNT_REFUSED_STRANGER,
  COUNT_REFUSED_TYPE,
  COUNT_SERVFAIL,
} from './query-record.ts';
import { isNameBlocked } from './decide-question.ts';
import { leaveEvents } from './leave-events.ts';
import type { InstalledImages, Resolver } from './resolver.ts';

/** Blocked answers live this long under the clamp: soon after an opening the name resolves. */
const BLOCKED_TTL_SECONDS = 10;
/** Answers that we make for special names and ANY. */
const LOCAL_TTL_SECONDS = 3600;
/** CNAMEs of local records followed for one answer; two that point at each other end here. */
const LOCAL_HOPS_MAX = 8;
const LOCALHOST_IPV4 = new Uint8Array([127, 0, 0, 1]);
const LOCALHOST_IPV6 = new Uint8Array([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);

/** Silence, counted under its cause. */
export function staySilent(resolver: Resolver, admission: Admission): number {
  let cause = COUNT_DROPPED_MALFORMED;
  if (admission === ADMIT_SILENT) cause = COUNT_DROPPED_RATE;
  if (admission === ADMIT_STRANGER_SILENT) cause = COUNT_DROPPED_STRANGER;
  count(resolver.counters, cause);
  return NEVER_ANSWERED;
}

/** What could not be parsed, or not be served: an error to a known client, silence to a stranger. */
export function answerUnparsed(
  resolver: Resolver,
  status: ParseStatus,
  admission: Admission,
): number {
  if (status === PARSE_SILENT || (!isAdmitted(admission) && status !== PARSE_REFUSED)) {
    return staySilent(resolver, ADMIT_OK);
  }
  if (!isAdmitted(admission)) return answerRefused(resolver, admission);
  switch (status) {
    case PARSE_BADVERS:
      return answerBadVersion(resolver);
    case PARSE_NOTIMP:
      // What stands behind the header of another opcode is not ours to read.
      dropQuestion(resolver.view);
      return answerError(resolver, RCODE_NOTIMP, EDE_NONE, COUNT_NOTIMP);
    case PARSE_REFUSED:
      return answerError(resolver, RCODE_REFUSED, EDE_NOT_SUPPORTED, COUNT_REFUSED_TYPE);
    default:
      dropQuestion(resolver.view);
      return answerError(resolver, RCODE_FORMERR, EDE_NONE, COUNT_FORMERR);
  }
}

/** Not a client of ours (EDE 18), or one over its rate. */
export function answerRefused(resolver: Resolver, admission: Admission): number {
  if (admission === ADMIT_REFUSE) {
    return answerError(resolver, RCODE_REFUSED, EDE_NONE, COUNT_REFUSED_RATE);
  }
  return answerError(resolver, RCODE_REFUSED, EDE_PROHIBITED, COUNT_REFUSED_STRANGER);
}

/** No image was ever loaded: nothing is let through unjudged. */
export function answerNotReady(resolver: Resolver): number {
  return answerError(resolver, RCODE_SERVFAIL, EDE_NOT_READY, COUNT_SERVFAIL);
}

/** A client with too many queries waiting for an upstream; what can be answered at once it still gets. */
export function answerOverLimit(resolver: Resolver): number {
  return answerError(resolver, RCODE_REFUSED, EDE_NONE, COUNT_REFUSED_RATE);
}

export function answerServerFailure(resolver: Resolver, ede: number): number {
  return answerError(resolver, RCODE_SERVFAIL, ede, COUNT_SERVFAIL);
}

/** A blocked name: the form that the plan chose, the reason as EDE. */
export function answerBlocked(
  resolver: Resolver,
  images: InstalledImages,
  decision: Decision,
): number {
  const { notes } = resolver;
  const { policies } = images;
  countBlocked(resolver, decision);
  setNotes(notes, decision.edeCode);
  notes.text = policies.texts;
  notes.textAt = textAt(policies, decision.text);
  notes.textLength = textLength(policies, decision.text);
  return finishDecided(resolver, decision, writeBlocked(resolver, policies, decision));
}

/** A special name (row 3): localhost, or a name that does not exist outside this house. */
export function answerSpecial(resolver: Resolver): number {
  begin(resolver, COUNT_LOCAL);
  return finishDecided(resolver, resolver.decision, writeSpecial(resolver));
}

export function answerAny(resolver: Resolver): number {
  begin(resolver, COUNT_LOCAL);
  const ttl = Math.min(LOCAL_TTL_SECONDS, resolver.ttlLimit);
  return finishDecided(resolver, resolver.decision, writeAnyResponse(resolver.view, ttl));
}

/**
 * The configured records of the asked name, or NODATA where it has none of the asked type. A CNAME
 * is followed as long as its target is configured here too; each target is decided on as any other.
 */
export function answerLocalRecords(
  resolver: Resolver,
  images: InstalledImages,
  first: number,
): number {
  const { view, decision, local, ttlLimit } = resolver;
  begin(resolver, COUNT_LOCAL);
  let answerCount = 0;
  let at = view.questionEnd;
  let owner = QNAME_POINTER;
  for (let name = first, hops = 0; name >= 0 && hops < LOCAL_HOPS_MAX; hops++) {
    const end = local.endOf[name]!;
    const nameOwner = owner;
    let target = -1;
    let index = nextRecord(local, name, end, view.qtype);
    while (index >= 0) {
      const { type, ttlSeconds, rdata } = local.records[index]!;
      if (at - view.at + 12 + rdata.length > resolver.limit) return finishTruncated(resolver);
      if (type === TYPE_CNAME && isNameBlocked(resolver, images, rdata, 0)) {
        return answerBlocked(resolver, images, resolver.targetDecision);
      }
      if (type === TYPE_CNAME && view.qtype !== TYPE_CNAME) {
        target = local.targetOf[index]!;
        owner = 0xc000 | (at - view.at + 12);
      }
      const ttl = Math.min(ttlSeconds, ttlLimit);
      at = appendRecord(view, at, nameOwner, type, ttl, rdata, 0, rdata.length);
      answerCount++;
      index = nextRecord(local, index + 1, end, view.qtype);
    }
    name = target;
  }
  if (answerCount === 0) {
    const ttl = Math.min(LOCAL_TTL_SECONDS, ttlLimit);
    return finishDecided(resolver, decision, writeNegativeResponse(view, FLAG_AA, ttl));
  }
  writeResponseHeader(view, FLAG_AA, answerCount, 0);
  return finishDecided(resolver, decision, at);
}

/**
 * An answer of upstream, fresh or from the cache, whose targets have been decided on.
 * @param failureEde what to say where the answer is a failure
 */
export function answerFrom(resolver: Resolver, answer: VerifiedAnswer, failureEde: number): number {
  const { view, decision, notes } = resolver;
  if (answer.kind === ANSWER_FAILURE) return answerServerFailure(resolver, failureEde);
  setNotes(notes, answer.isStale ? staleCode(answer) : EDE_NONE);
  if (view.questionEnd - view.at + answer.bodyLength > resolver.limit) {
    return finishTruncated(resolver);
  }
  // RFC 6840, section 5.7: AD only to those who show that they understand it.
  const wantsAd = view.isDnssecOk || (view.flags & FLAG_AD) !== 0;
  const ad = wantsAd && answer.isAuthentic && !answer.isStale ? FLAG_AD : 0;
  writeResponseHeader(view, (answer.rcode & 0xf) | ad, answer.answerCount, answer.authorityCount);
  notes.rcodeUpper = answer.rcode >>> 4;
  const end = writeAnswer(answer, view.bytes, view.questionEnd, resolver.ttlLimit);
  return finishDecided(resolver, decision, end);
}

/** The end of every answer that a decision led to; what was cut short does not count, it is asked again. */
export function finishDecided(resolver: Resolver, decision: Decision, end: number): number {
  // Not row 5: what a grant has opened may end in row 11.
  if (decision.ruleLevel === LEVEL_GRANT) count(resolver.counters, COUNT_GRANTED);
  leaveEvents(resolver, decision);
  return finish(resolver, end);
}

export function finishTruncated(resolver: Resolver): number {
  return finish(resolver, writeEmptyResponse(resolver.view, FLAG_TC));
}

export function staleCode(answer: VerifiedAnswer): number {
  return answer.rcode === RCODE_NXDOMAIN ? EDE_STALE_NXDOMAIN : EDE_STALE_ANSWER;
}

function writeSpecial(resolver: Resolver): number {
  const { view, decision, ttlLimit } = resolver;
  const ttl = Math.min(LOCAL_TTL_SECONDS, ttlLimit);
  if (decision.special === SPECIAL_LOCALHOST && view.qtype === TYPE_A) {
    return writeSingleResponse(view, 0, TYPE_A, ttl, LOCALHOST_IPV4, 0, 4);
  }
  if (decision.special === SPECIAL_LOCALHOST && view.qtype === TYPE_AAAA) {
    return writeSingleResponse(view, 0, TYPE_AAAA, ttl, LOCALHOST_IPV6, 0, 16);
  }
  const exists = decision.special === SPECIAL_LOCALHOST || decision.special === SPECIAL_NODATA;
  return writeNegativeResponse(view, exists ? RCODE_NOERROR : RCODE_NXDOMAIN, ttl);
}

function writeBlocked(resolver: Resolver, policies: PolicyImage, decision: Decision): number {
  const { view, record } = resolver;
  const ttl = Math.min(BLOCKED_TTL_SECONDS, resolver.ttlLimit);
  switch (decision.blockingMode) {
    case BLOCKING_REFUSED:
      return writeEmptyResponse(view, RCODE_REFUSED);
    case BLOCKING_NODATA:
      return writeNegativeResponse(view, RCODE_NOERROR, ttl);
    case BLOCKING_ZERO:
      resolver.addressRdata.fill(0);
      return writeBlockAddress(resolver, ttl, 4, 16);
    case BLOCKING_ADDRESS:
      fillBlockAddress(resolver, policies);
      return writeBlockAddress(
        resolver,
        ttl,
        hasBlockAddress4(policies, record) ? 4 : 0,
        hasBlockAddress6(policies, record) ? 16 : 0,
      );
    default:
      return writeNegativeResponse(view, RCODE_NXDOMAIN, ttl);
  }
}

/** RDATA of the operator's block page, in the family that is asked for. */
function fillBlockAddress(resolver: Resolver, policies: PolicyImage): void {
  const { view, record, addressRdata } = resolver;
  if (view.qtype === TYPE_A) {
    writeUint32(addressRdata, 0, blockAddress4(policies, record));
    return;
  }
  for (let word = 0; word < 4; word++) {
    writeUint32(addressRdata, word * 4, blockAddress6(policies, record, word));
  }
}

/** One address where there is one of the asked family; NODATA for every other type, HTTPS included. */
function writeBlockAddress(
  resolver: Resolver,
  ttl: number,
  ipv4Length: number,
  ipv6Length: number,
): number {
  const { view, notes, addressRdata } = resolver;
  let length = 0;
  if (view.qtype === TYPE_A) length = ipv4Length;
  if (view.qtype === TYPE_AAAA) length = ipv6Length;
  if (length === 0) return writeNegativeResponse(view, RCODE_NOERROR, ttl);
  notes.secondEde = EDE_FORGED_ANSWER;
  return writeSingleResponse(view, 0, view.qtype, ttl, addressRdata, 0, length);
}

function answerBadVersion(resolver: Resolver): number {
  const { view, notes } = resolver;
  begin(resolver, COUNT_BADVERS);
  notes.rcodeUpper = RCODE_BADVERS >>> 4;
  return finish(resolver, writeEmptyResponse(view, RCODE_BADVERS & 0xf));
}

function answerError(resolver: Resolver, rcode: number, ede: number, counter: number): number {
  begin(resolver, counter);
  resolver.notes.ede = ede;
  return finish(resolver, writeEmptyResponse(resolver.view, rcode));
}

function begin(resolver: Resolver, counter: number): void {
  count(resolver.counters, counter);
  setNotes(resolver.notes, EDE_NONE);
}

function finish(resolver: Resolver, end: number): number {
  return finishResponse(resolver.view, end, resolver.limit, resolver.notes);
}

function countBlocked(resolver: Resolver, decision: Decision): void {
  let counter = COUNT_BLOCKED_POLICY;
  if (decision.verdictClass === VERDICT_LAW) counter = COUNT_BLOCKED_LAW;
  if (decision.verdictClass === VERDICT_OPERATOR) counter = COUNT_BLOCKED_OPERATOR;
  count(resolver.counters, counter);
  if (decision.row === 7) count(resolver.counters, COUNT_INTERNET_OFF);
  if (decision.row === 10) count(resolver.counters, COUNT_ALLOW_LIST_ONLY);
  if (decision.category >= 0) count(resolver.counters, CATEGORY_COUNTERS_AT + decision.category);
}
