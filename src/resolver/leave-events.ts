/**
 * What a query leaves behind besides counters, for those profiles alone whose log level or budgets ask
 * for it: events in the worker's ring (`lib/event-ring`). Whose level keeps nothing and who has no
 * budget costs one test of a flag.
 *
 * One query in `QUERIES_A_SAMPLE` leaves its name, and nothing that says who asked, in a ring of its own,
 * for the most asked names of the whole resolver.
 *
 * Names of protected and never-reported categories leave nothing at all: whoever asks for help is seen by
 * nobody. What a law list holds leaves no name, whatever the level.
 */

import {
  EVENT_ASKED,
  EVENT_BLOCKED,
  EVENT_HAS_CATEGORY,
  EVENT_IS_BYPASS,
  EVENT_IS_CANARY,
  EVENT_IS_TUNNEL_LIKE,
  EVENT_PASSED,
  EVENT_USED,
  writeEvent,
  type EventRing,
} from '../lib/event-ring.ts';
import { hashWords } from '../lib/half-siphash.ts';
import { hasBit } from '../blocklist/category.ts';
import { DECIDE_BLOCK, VERDICT_LAW, type Decision } from '../policy/decide.ts';
import {
  firstCategoryIn,
  FLAG_BUDGET_INTERNET,
  FLAG_HAS_BUDGET,
  FLAG_LOG_SHIFT,
  GLOBAL_LAW,
  GLOBAL_PROTECTED,
  isNeverReported,
  LOG_ALL,
  LOG_BLOCKED,
  LOG_NOTHING,
  RECORD_BUDGET,
  RECORD_WORDS,
  type PolicyImage,
} from '../policy/image.ts';
import { SPECIAL_CANARY, SPECIAL_NONE } from '../policy/special-names.ts';
import { firstRecordOf } from './local-names.ts';
import type { Resolver } from './resolver.ts';

/** Flags of a record without which a query leaves nothing. */
const LEAVES_EVENTS = (LOG_ALL << FLAG_LOG_SHIFT) | FLAG_HAS_BUDGET;
/** Row 3 answers by itself; only what goes beyond uses up a budget. */
const FIRST_ROW_THAT_USES = 4;

/** No divisor of what clients and batches come in. */
export const QUERIES_A_SAMPLE = 61;

const TUNNEL_NAME_BYTES = 100;
const TUNNEL_LABEL_BYTES = 40;
/** Words have no digits and few letters of the alphabet; base32 and base64 have many of both. */
const TUNNEL_DIFFERENT_MIN = 14;
const TUNNEL_DIGITS_MIN = 4;

/** @param decision what was answered by: on the asked name, or on a target that was blocked */
export function leaveEvents(resolver: Resolver, decision: Readonly<Decision>): void {
  const { flags, events, images } = resolver;
  if (resolver.askedNames !== null && --resolver.untilSample === 0) leaveName(resolver, decision);
  if ((flags & LEAVES_EVENTS) === 0 || events === null || images === null) return;
  const { policies } = images;
  if (isNobodysBusiness(resolver, policies, decision)) return;
  const level = (flags >>> FLAG_LOG_SHIFT) & LOG_ALL;
  const isBlocked = decision.action === DECIDE_BLOCK;
  if (level !== LOG_NOTHING) leaveOutcome(resolver, events, policies, decision, level);
  if ((flags & FLAG_HAS_BUDGET) !== 0 && !isBlocked) leaveUse(resolver, events, policies);
}

/** The name alone; of the law and of the house nothing. */
function leaveName(resolver: Resolver, decision: Readonly<Decision>): void {
  const { askedNames, images, mask, view, special, group, local } = resolver;
  resolver.untilSample = QUERIES_A_SAMPLE;
  if (askedNames === null || images === null) return;
  const { policies } = images;
  if (special !== SPECIAL_NONE || group !== 0 || firstRecordOf(local, view.hashes) >= 0) return;
  if (decision.verdictClass === VERDICT_LAW) return;
  if (isNobodysBusiness(resolver, policies, decision)) return;
  if (firstCategoryIn(policies, policies.globals, GLOBAL_LAW, mask) >= 0) return;
  const { name, nameLength } = view;
  writeEvent(askedNames, 0, 0, EVENT_ASKED, nameLength << 16, 0, name, nameLength);
}

function isNobodysBusiness(
  resolver: Resolver,
  policies: PolicyImage,
  decision: Readonly<Decision>,
): boolean {
  const { mask, targetMask, targetDecision } = resolver;
  const { globals } = policies;
  if (isNeverReported(policies, mask)) return true;
  if (firstCategoryIn(policies, globals, GLOBAL_PROTECTED, mask) >= 0) return true;
  return decision === targetDecision && isNeverReported(policies, targetMask);
}

function leaveOutcome(
  resolver: Resolver,
  events: EventRing,
  policies: PolicyImage,
  decision: Readonly<Decision>,
  level: number,
): void {
  const { view, nowSeconds, profile } = resolver;
  const { row, verdictClass, category } = decision;
  const isBlocked = decision.action === DECIDE_BLOCK;
  const isNamed = level === LOG_ALL || (level === LOG_BLOCKED && isBlocked);
  const nameLength = isNamed && verdictClass !== VERDICT_LAW ? view.nameLength : 0;
  const kind = isBlocked ? EVENT_BLOCKED : EVENT_PASSED;
  const outcome = kind | (row << 8) | (verdictClass << 16) | (Math.max(0, category) << 24);
  const marks = marksOf(resolver, policies, category);
  const question = view.qtype | (nameLength << 16) | (marks << 24);
  const client = level === LOG_ALL ? hashOfDevice(resolver) : 0;
  writeEvent(events, nowSeconds, profile, outcome, question, client, view.name, nameLength);
}

/** One event for each category of the name that is counted, and one for the internet as a whole. */
function leaveUse(resolver: Resolver, events: EventRing, policies: PolicyImage): void {
  const { mask, record, flags, decision } = resolver;
  if (decision.row < FIRST_ROW_THAT_USES) return;
  if ((flags & FLAG_BUDGET_INTERNET) !== 0) leaveUseOf(resolver, events, -1);
  const budgetAt = record * RECORD_WORDS + RECORD_BUDGET;
  for (let word = 0; word < policies.maskWords; word++) {
    let bits = mask[word]! & policies.records[budgetAt + word]!;
    while (bits !== 0) {
      const bit = 31 - Math.clz32(bits & -bits);
      bits &= bits - 1;
      leaveUseOf(resolver, events, word * 32 + bit);
    }
  }
}

/** @param category a bit, or −1 for the internet */
function leaveUseOf(resolver: Resolver, events: EventRing, category: number): void {
  const { view, nowSeconds, profile, decision } = resolver;
  const outcome = EVENT_USED | (decision.row << 8) | (Math.max(0, category) << 24);
  const question = view.qtype | ((category >= 0 ? EVENT_HAS_CATEGORY : 0) << 24);
  writeEvent(events, nowSeconds, profile, outcome, question, 0, view.name, 0);
}

function marksOf(resolver: Resolver, policies: PolicyImage, category: number): number {
  const { view, mask, special } = resolver;
  const { bypassBit } = policies;
  const isBypass = bypassBit >= 0 && hasBit(mask, bypassBit);
  return (
    (category >= 0 ? EVENT_HAS_CATEGORY : 0) |
    (isBypass ? EVENT_IS_BYPASS : 0) |
    (special === SPECIAL_CANARY ? EVENT_IS_CANARY : 0) |
    (isTunnelLike(view.name, view.nameLength) ? EVENT_IS_TUNNEL_LIKE : 0)
  );
}

/** Cheap, and so no more than a hint: a very long name, or a long label that no one could have thought up. */
function isTunnelLike(name: Uint8Array, nameLength: number): boolean {
  if (nameLength > TUNNEL_NAME_BYTES) return true;
  for (let at = 0; name[at] !== 0; at += name[at]! + 1) {
    if (name[at]! > TUNNEL_LABEL_BYTES && isRandomLooking(name, at)) return true;
  }
  return false;
}

/** Of lower-case letters, digits and what else stands in a label, each is a bit by its last five. */
function isRandomLooking(name: Uint8Array, labelAt: number): boolean {
  const end = labelAt + name[labelAt]!;
  let letters = 0;
  let numerals = 0;
  let digitCount = 0;
  for (let at = labelAt + 1; at <= end; at++) {
    const octet = name[at]!;
    if (octet >= 0x30 && octet <= 0x39) {
      numerals |= 1 << (octet - 0x30);
      digitCount++;
    } else letters |= 1 << (octet & 31);
  }
  const different = countOfBits(letters) + countOfBits(numerals);
  return digitCount >= TUNNEL_DIGITS_MIN && different >= TUNNEL_DIFFERENT_MIN;
}

function countOfBits(word: number): number {
  let count = 0;
  for (let rest = word; rest !== 0; rest &= rest - 1) count++;
  return count;
}

/** Tells the devices of a household apart without telling who they are. */
function hashOfDevice({ seed, device, clientHash }: Resolver): number {
  hashWords(seed, device, 0, 4, clientHash);
  return clientHash[0]! | 0;
}
