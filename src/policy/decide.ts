/**
 * The decision on a query, and on each target of its answer. One function, one table, in order; the
 * first row that speaks wins. `explain` calls the same functions and prints what they filled in.
 *
 *      #   rule                                                              class, EDE
 *      1   mandatory lists (crime lists, court orders)                       law: 16, or 15
 *      2   protected names (helplines, captive portals): lists cannot block  –
 *      3   special names; bypass canaries where bypass control is on         canaries: policy, 17
 *      4   categories that the plan locks, but for the plan's allow names    policy: 17; security: 15
 *      5   running grants                                                    –
 *      6   allow rules marked "always"                                       –
 *      7   internet off                                                      policy: 17
 *      8   own names: the profile's, the subscriber's, the plan's            policy: 17
 *      9   categories blocked now                                            policy: 17; security: 15
 *     10   allow-list-only profiles                                          policy: 17
 *     11   safe search                                                       4
 *     12   pass                                                              –
 *
 * Security categories are those of class `operator`. The caller has looked up the name's categories
 * (`mask`, all zero where no list holds the name) and the profile's record. Nothing here allocates,
 * throws or keeps a reference.
 */

import { CATEGORY_COUNT_MAX } from '../blocklist/category.ts';
import type { SuffixHashes } from '../dns/suffix-hashes.ts';
import { EDE_FILTERED, EDE_NONE } from '../dns/constants.ts';
import type { PolicyImage } from './image.ts';
import {
  BLOCKING_NXDOMAIN,
  firstCategoryIn,
  FLAG_BYPASS_CONTROL,
  GLOBAL_LAW,
  GLOBAL_OPERATOR,
  GLOBAL_PROTECTED,
  RECORD_BLOCKED,
  RECORD_BLOCKING_MODE,
  RECORD_FLAGS,
  RECORD_LOCKED,
  RECORD_PLAN,
  RECORD_PLAN_RULES,
  RECORD_PROFILE_RULES,
  RECORD_SUBSCRIBER_RULES,
  RECORD_WORDS,
  TEXTS_PER_PLAN,
  TEXT_DENIED_BY_PROFILE,
  TEXT_DENIED_BY_SUBSCRIBER,
  TEXT_LAW,
  TEXT_NONE,
  TEXT_OF_PLAN_BYPASS,
  TEXT_OF_PLAN_DENIED,
  TEXT_PLAN_FIRST,
} from './image.ts';
import { RULE_ALLOW, RULE_DENY, RULE_NONE, lookUpLongest } from './rules.ts';
import { SPECIAL_CANARY, SPECIAL_NONE } from './special-names.ts';

/** What to do with the query. */
export const DECIDE_PASS = 0;
export const DECIDE_BLOCK = 1;
/** Answer here as `decision.special` says. */
export const DECIDE_SPECIAL = 2;
/** Of one row only: it does not speak. */
const DECIDE_UNDECIDED = -1;

/** Who decided; shown, counted and logged apart. */
export const VERDICT_NONE = 0;
export const VERDICT_LAW = 1;
export const VERDICT_OPERATOR = 2;
export const VERDICT_POLICY = 3;

/** Whose names spoke in row 8. */
export const LEVEL_NONE = 0;
export const LEVEL_PROFILE = 1;
export const LEVEL_SUBSCRIBER = 2;
export const LEVEL_PLAN = 3;

/** How far a pass reaches to the targets of the answer; a greater one reaches further. */
export const ALLOW_NOTHING = 0;
/** Allowed by names of the profile or the subscriber: targets are asked rows 1 and 4 only. */
export const ALLOW_HOUSEHOLD = 1;
/** Allowed by the plan's own names: targets are asked row 1 only. */
export const ALLOW_PLAN = 2;
/** Protected: targets are asked row 1 only. */
export const ALLOW_PROTECTED = 3;

export interface Decision {
  /** One of `DECIDE_…`. */
  action: number;
  /** The row of the table above that spoke, 1 to 12. */
  row: number;
  /** One of `VERDICT_…`. */
  verdictClass: number;
  /** Bit of the category that decided, or −1. */
  category: number;
  /** The first EDE code, or `EDE_NONE`. */
  edeCode: number;
  /** Number of the EXTRA-TEXT in the policy image. */
  text: number;
  /** Form of the blocked answer, one of `BLOCKING_…`. */
  blockingMode: number;
  /** One of `SPECIAL_…` for `DECIDE_SPECIAL`. */
  special: number;
  /** One of `LEVEL_…`. */
  ruleLevel: number;
  /** One of `ALLOW_…`. */
  allowLevel: number;
}

/** One for each place that decides; reused for every query. */
export function createDecision(): Decision {
  return {
    action: DECIDE_PASS,
    row: 12,
    verdictClass: VERDICT_NONE,
    category: -1,
    edeCode: EDE_NONE,
    text: TEXT_NONE,
    blockingMode: BLOCKING_NXDOMAIN,
    special: SPECIAL_NONE,
    ruleLevel: LEVEL_NONE,
    allowLevel: ALLOW_NOTHING,
  };
}

/**
 * Decides on an asked name.
 * @param record the policy in force, from `policyRecordOf`, not −1
 * @param hashes of the asked name
 * @param mask categories of the asked name, 8 words
 * @param special one of `SPECIAL_…`, from `lookUpSpecial`
 * @returns the action, as filled in
 */
export function decide(
  decision: Decision,
  policies: PolicyImage,
  record: number,
  hashes: SuffixHashes,
  mask: Uint32Array,
  special: number,
): number {
  const { globals, records, rules } = policies;
  const at = record * RECORD_WORDS;

  // 1  Mandatory lists. First, because no allow rule and no grant may reach them.
  const lawBit = firstCategoryIn(policies, globals, GLOBAL_LAW, mask);
  if (lawBit >= 0) return blockByLaw(decision, policies, lawBit);

  // 2  Protected names. Before all that lists, plans and households can say: a helpline resolves.
  const isProtected = firstCategoryIn(policies, globals, GLOBAL_PROTECTED, mask) >= 0;
  if (isProtected) return pass(decision, 2, ALLOW_PROTECTED);

  // 3  Special names are answered here. A canary is one only where bypass control is on.
  const isBypassControlled = (records[at + RECORD_FLAGS]! & FLAG_BYPASS_CONTROL) !== 0;
  if (special === SPECIAL_CANARY && isBypassControlled) return blockCanary(decision, policies, at);
  if (special !== SPECIAL_CANARY && special !== SPECIAL_NONE) return answerHere(decision, special);

  // 4  Categories that the plan locks. Before the household's names, which cannot open them; the
  //    plan's own allow names can.
  const planRule = lookUpLongest(rules, records[at + RECORD_PLAN_RULES]!, hashes);
  const isLocked = firstCategoryIn(policies, records, at + RECORD_LOCKED, mask) >= 0;
  if (isLocked && planRule !== RULE_ALLOW) {
    return blockByCategory(decision, policies, 4, at, RECORD_LOCKED, mask);
  }

  // 5, 6, 7  Running grants, allow rules marked "always", internet off: no such rows yet.

  // 8  Own names of the profile, the subscriber, the plan.
  const named = decideByNames(decision, policies, at, hashes, planRule);
  if (named !== DECIDE_UNDECIDED) return named;

  // 9  Categories blocked now.
  const isBlocked = firstCategoryIn(policies, records, at + RECORD_BLOCKED, mask) >= 0;
  if (isBlocked) return blockByCategory(decision, policies, 9, at, RECORD_BLOCKED, mask);

  // 10, 11  Allow-list-only profiles, safe search: no such rows yet.

  // 12  Pass.
  return pass(decision, 12, ALLOW_NOTHING);
}

/**
 * Decides on one target (CNAME, DNAME, SVCB) of the answer to a name that passed, by the rows of the
 * same table. Special names are not asked: nothing is answered in a target's place.
 * @param hashes of the target
 * @param mask categories of the target
 * @param asked the decision on the asked name; not the same object as `decision`
 * @returns the action, as filled in: `DECIDE_PASS` or `DECIDE_BLOCK`
 */
export function decideTarget(
  decision: Decision,
  policies: PolicyImage,
  record: number,
  hashes: SuffixHashes,
  mask: Uint32Array,
  asked: Readonly<Decision>,
): number {
  const { globals, records, rules } = policies;
  const at = record * RECORD_WORDS;

  // 1  Always; and nothing else where the asked name is protected or allowed by the plan.
  const lawBit = firstCategoryIn(policies, globals, GLOBAL_LAW, mask);
  if (lawBit >= 0) return blockByLaw(decision, policies, lawBit);
  if (asked.allowLevel >= ALLOW_PLAN) return pass(decision, asked.row, asked.allowLevel);

  // 2  A protected target is not blocked by the rows below.
  const isProtected = firstCategoryIn(policies, globals, GLOBAL_PROTECTED, mask) >= 0;
  if (isProtected) return pass(decision, 2, ALLOW_PROTECTED);

  // 4  Always, but for the plan's own allow names.
  const planRule = lookUpLongest(rules, records[at + RECORD_PLAN_RULES]!, hashes);
  const isLocked = firstCategoryIn(policies, records, at + RECORD_LOCKED, mask) >= 0;
  if (isLocked && planRule !== RULE_ALLOW) {
    return blockByCategory(decision, policies, 4, at, RECORD_LOCKED, mask);
  }

  // 8, 9  Only where the household did not allow the asked name.
  if (asked.allowLevel === ALLOW_HOUSEHOLD) return pass(decision, asked.row, ALLOW_HOUSEHOLD);
  const named = decideByNames(decision, policies, at, hashes, planRule);
  if (named !== DECIDE_UNDECIDED) return named;
  const isBlocked = firstCategoryIn(policies, records, at + RECORD_BLOCKED, mask) >= 0;
  if (isBlocked) return blockByCategory(decision, policies, 9, at, RECORD_BLOCKED, mask);

  return pass(decision, 12, ALLOW_NOTHING);
}

/**
 * Row 8. The first level that holds a suffix of the name speaks; inside a level the longest suffix
 * does, and deny beats allow on the same name (`lookUpLongest`). A name that the household allows
 * keeps the further reach of the plan's allow, so that a rule too many never blocks more.
 */
function decideByNames(
  decision: Decision,
  policies: PolicyImage,
  at: number,
  hashes: SuffixHashes,
  planRule: number,
): number {
  const { records, rules } = policies;
  let level = LEVEL_PROFILE;
  let rule = lookUpLongest(rules, records[at + RECORD_PROFILE_RULES]!, hashes);
  if (rule === RULE_NONE) {
    level = LEVEL_SUBSCRIBER;
    rule = lookUpLongest(rules, records[at + RECORD_SUBSCRIBER_RULES]!, hashes);
  }
  if (rule === RULE_NONE) {
    level = LEVEL_PLAN;
    rule = planRule;
  }
  if (rule === RULE_NONE) return DECIDE_UNDECIDED;
  if (rule === RULE_DENY) return blockByName(decision, policies, at, level);
  pass(decision, 8, planRule === RULE_ALLOW ? ALLOW_PLAN : ALLOW_HOUSEHOLD);
  decision.ruleLevel = level;
  return DECIDE_PASS;
}

function pass(decision: Decision, row: number, allowLevel: number): number {
  fill(decision, DECIDE_PASS, row, VERDICT_NONE, EDE_NONE, TEXT_NONE);
  decision.allowLevel = allowLevel;
  return DECIDE_PASS;
}

function answerHere(decision: Decision, special: number): number {
  fill(decision, DECIDE_SPECIAL, 3, VERDICT_NONE, EDE_NONE, TEXT_NONE);
  decision.special = special;
  return DECIDE_SPECIAL;
}

/** The text names no category: what a court or the police listed is nobody's reading. */
function blockByLaw(decision: Decision, policies: PolicyImage, bit: number): number {
  fill(decision, DECIDE_BLOCK, 1, VERDICT_LAW, policies.edeCodes[bit]!, TEXT_LAW);
  decision.category = bit;
  decision.blockingMode = policies.lawBlockingMode;
  return DECIDE_BLOCK;
}

/** Always NXDOMAIN: it is the answer that the asking programs understand. */
function blockCanary(decision: Decision, policies: PolicyImage, at: number): number {
  const text = planText(policies, at, TEXT_OF_PLAN_BYPASS);
  fill(decision, DECIDE_BLOCK, 3, VERDICT_POLICY, EDE_FILTERED, text);
  decision.category = policies.bypassBit;
  return DECIDE_BLOCK;
}

/** Names a security category before any other that holds the name: it is the graver warning. */
function blockByCategory(
  decision: Decision,
  policies: PolicyImage,
  row: number,
  at: number,
  blockedBy: number,
  mask: Uint32Array,
): number {
  const { records } = policies;
  const securityBit = firstSecurityBit(mask, policies, at + blockedBy);
  const bit =
    securityBit >= 0 ? securityBit : firstCategoryIn(policies, records, at + blockedBy, mask);
  const verdictClass = securityBit >= 0 ? VERDICT_OPERATOR : VERDICT_POLICY;
  const text = policies.textOf[records[at + RECORD_PLAN]! * CATEGORY_COUNT_MAX + bit]!;
  fill(decision, DECIDE_BLOCK, row, verdictClass, policies.edeCodes[bit]!, text);
  decision.category = bit;
  decision.blockingMode = records[at + RECORD_BLOCKING_MODE]!;
  return DECIDE_BLOCK;
}

function blockByName(decision: Decision, policies: PolicyImage, at: number, level: number): number {
  let text = TEXT_DENIED_BY_PROFILE;
  if (level === LEVEL_SUBSCRIBER) text = TEXT_DENIED_BY_SUBSCRIBER;
  if (level === LEVEL_PLAN) text = planText(policies, at, TEXT_OF_PLAN_DENIED);
  fill(decision, DECIDE_BLOCK, 8, VERDICT_POLICY, EDE_FILTERED, text);
  decision.ruleLevel = level;
  decision.blockingMode = policies.records[at + RECORD_BLOCKING_MODE]!;
  return DECIDE_BLOCK;
}

/** Writes every field, so that nothing of the query before is left. */
function fill(
  decision: Decision,
  action: number,
  row: number,
  verdictClass: number,
  edeCode: number,
  text: number,
): void {
  decision.action = action;
  decision.row = row;
  decision.verdictClass = verdictClass;
  decision.category = -1;
  decision.edeCode = edeCode;
  decision.text = text;
  decision.blockingMode = BLOCKING_NXDOMAIN;
  decision.special = SPECIAL_NONE;
  decision.ruleLevel = LEVEL_NONE;
  decision.allowLevel = ALLOW_NOTHING;
}

function planText(policies: PolicyImage, at: number, which: number): number {
  return TEXT_PLAN_FIRST + policies.records[at + RECORD_PLAN]! * TEXTS_PER_PLAN + which;
}

/** The lowest security category of the name that the record's mask at word `at` holds, or −1. */
function firstSecurityBit(mask: Uint32Array, policies: PolicyImage, at: number): number {
  for (let word = 0; word < policies.maskWords; word++) {
    const security = policies.globals[GLOBAL_OPERATOR + word]!;
    const common = mask[word]! & policies.records[at + word]! & security;
    if (common !== 0) return word * 32 + 31 - Math.clz32(common & -common);
  }
  return -1;
}
