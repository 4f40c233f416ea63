/**
 * The decision on a query, and on each target of its answer. One function, one table, in order; the
 * first row that speaks wins. `explain` calls the same functions and prints what they filled in.
 *
 *      #   rule                                                              class, EDE
 *      1   mandatory lists (crime lists, court orders)                       law: 16, or 15
 *      2   protected names (helplines, captive portals): lists cannot block  –
 *      3   special names; bypass canaries where bypass control is on         canaries: policy, 17
 *      4   categories that the plan locks, but for the plan's allow names    policy: 17; security: 15
 *      5   running grants of names and categories                            –
 *      6   allow rules marked "always", where row 8 would heed them          –
 *      7   internet off: a schedule, a pause, a used-up budget               policy: 17
 *      8   own names: the profile's, the subscriber's, the plan's            policy: 17
 *      9   categories blocked now                                            policy: 17; security: 15
 *     10   allow-list-only profiles: what nothing above allowed              policy: 17
 *     11   safe search, after every pass but row 2's                         4
 *          search engines without safe mode, where they are blocked          policy: 17
 *     12   pass                                                              –
 *
 * Security categories are those of class `operator`. The caller has looked up the name's categories
 * (`mask`, all zero where no list holds the name) and the profile's record. A service is a category,
 * and what the clock does has become records (see `image`), so no row knows the time. Nothing here
 * allocates, throws or keeps a reference.
 */

import type { SuffixHashes } from '../dns/suffix-hashes.ts';
import { EDE_FILTERED, EDE_FORGED_ANSWER, EDE_NONE } from '../dns/constants.ts';
import type { PolicyImage } from './image.ts';
import {
  BLOCKING_NXDOMAIN,
  FLAG_ALLOW_LIST_ONLY,
  FLAG_BYPASS_CONTROL,
  FLAG_INTERNET_OFF,
  GLOBAL_LAW,
  GLOBAL_OPERATOR,
  GLOBAL_PROTECTED,
  RECORD_BLOCKED,
  RECORD_BLOCKING_MODE,
  RECORD_FLAGS,
  RECORD_GRANTED,
  RECORD_GRANT_RULES,
  RECORD_LOCKED,
  RECORD_OFF_TEXT,
  RECORD_PLAN_RULES,
  RECORD_PROFILE_RULES,
  RECORD_SAFE_SEARCH,
  RECORD_SUBSCRIBER_RULES,
  RECORD_TIMED_TEXTS,
  RECORD_VARIANT,
  RECORD_WORDS,
  SENTENCE_BYPASS,
  SENTENCE_DENIED_BY_PLAN,
  SENTENCE_DENIED_BY_PROFILE,
  SENTENCE_DENIED_BY_SUBSCRIBER,
  SENTENCE_LAW,
  SENTENCE_NOT_ON_ALLOW_LIST,
  SENTENCE_NO_SAFE_MODE,
  TEXT_NONE,
  VARIANT_WORDS,
  firstCategoryIn,
} from './image.ts';
import {
  RULE_ALLOW,
  RULE_ALWAYS,
  RULE_DENY,
  RULE_NONE,
  lookUpLongest,
  mayHoldSuffix,
} from './rules.ts';
import { SAFE_SEARCH_BLOCK, SAFE_SEARCH_NONE, lookUpSafeSearch } from './safe-search.ts';
import { SPECIAL_CANARY, SPECIAL_NONE } from './special-names.ts';

/** What to do with the query. */
export const DECIDE_PASS = 0;
export const DECIDE_BLOCK = 1;
/** Answer here as `decision.special` says. */
export const DECIDE_SPECIAL = 2;
/** It passes, but the answer is that of `decision.safeTarget`. */
export const DECIDE_SAFE_SEARCH = 3;

/** Who decided; shown, counted and logged apart. */
export const VERDICT_NONE = 0;
export const VERDICT_LAW = 1;
export const VERDICT_OPERATOR = 2;
export const VERDICT_POLICY = 3;

/** Whose names spoke in rows 6 and 8, or, in row 5, that a grant did. */
export const LEVEL_NONE = 0;
export const LEVEL_PROFILE = 1;
export const LEVEL_SUBSCRIBER = 2;
export const LEVEL_PLAN = 3;
export const LEVEL_GRANT = 4;

/** Of what `lookUpOwnNames` returns: the lower bits are the rule, the upper ones the level. */
const RULE_BITS = 2;
const RULE_MASK = 3;

/** How far a pass reaches to the targets of the answer; a greater one reaches further. */
export const ALLOW_NOTHING = 0;
/** Allowed by rows 5, 6 or 8: targets are asked rows 1 and 4 only. */
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
  /** Bit of the category that decided (rows 1, 3, 4, 5 and 9), or −1. */
  category: number;
  /** The first EDE code, or `EDE_NONE`. */
  edeCode: number;
  /** Number of the EXTRA-TEXT in the policy image. */
  text: number;
  /** Form of the blocked answer, one of `BLOCKING_…`. */
  blockingMode: number;
  /** One of `SPECIAL_…` for `DECIDE_SPECIAL`. */
  special: number;
  /** The target (see `safe-search`) for `DECIDE_SAFE_SEARCH`, else −1. */
  safeTarget: number;
  /** One of `LEVEL_…`; row 11 keeps that of the row that passed. */
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
    safeTarget: -1,
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
  const { globals, records } = policies;
  const at = record * RECORD_WORDS;

  // 1  Mandatory lists. First, because no allow rule and no grant may reach them.
  const lawBit = firstCategoryIn(policies, globals, GLOBAL_LAW, mask);
  if (lawBit >= 0) return blockByLaw(decision, policies, at, lawBit);

  // 2  Protected names. Before all that lists, plans and households can say: a helpline resolves.
  const isProtected = firstCategoryIn(policies, globals, GLOBAL_PROTECTED, mask) >= 0;
  if (isProtected) return pass(decision, 2, ALLOW_PROTECTED);

  // 3  Special names are answered here. A canary is one only where bypass control is on.
  if (special !== SPECIAL_NONE) {
    if (special !== SPECIAL_CANARY) return answerHere(decision, special);
    if (hasFlag(policies, at, FLAG_BYPASS_CONTROL)) return blockCanary(decision, policies, at);
  }

  // 4 to 10, 12  What the plan and the household say.
  const action = decideByPolicy(decision, policies, at, hashes, mask);

  // 11  Safe search. After every pass, because no allow rule and no grant may switch it off.
  const safeSearch = records[at + RECORD_SAFE_SEARCH]!;
  if (safeSearch === 0 || action !== DECIDE_PASS) return action;
  const target = lookUpSafeSearch(policies, safeSearch, hashes);
  if (target === SAFE_SEARCH_NONE) return action;
  if (target === SAFE_SEARCH_BLOCK) {
    return blockBySentence(decision, policies, 11, at, SENTENCE_NO_SAFE_MODE);
  }
  return makeSafe(decision, target);
}

function decideByPolicy(
  decision: Decision,
  policies: PolicyImage,
  at: number,
  hashes: SuffixHashes,
  mask: Uint32Array,
): number {
  const { records, rules } = policies;
  // Rows 4, 5, 6 and 8 ask for names of the plan and the household; most names are none of these.
  const mayBeNamed = hasNames(policies, at) && mayHoldSuffix(policies.ruleFilter, hashes);

  // 4  Categories that the plan locks. Before the household's names and grants, which cannot open them;
  //    the plan's own allow names can.
  const planRule = mayBeNamed
    ? lookUpLongest(rules, records[at + RECORD_PLAN_RULES]!, hashes)
    : RULE_NONE;
  const isLocked = firstCategoryIn(policies, records, at + RECORD_LOCKED, mask) >= 0;
  if (isLocked && !isAllow(planRule)) {
    return blockByCategory(decision, policies, 4, at, RECORD_LOCKED, mask);
  }

  // 5  Running grants. Before the internet goes off: an hour for homework may lie in the evening.
  const grantedBit = firstCategoryIn(policies, records, at + RECORD_GRANTED, mask);
  if (grantedBit >= 0) return passByGrant(decision, planRule, grantedBit);
  if (mayBeNamed && isGrantedName(policies, at, hashes)) {
    return passByGrant(decision, planRule, -1);
  }

  // 6  Allow rules marked "always": school and bank work at bedtime too.
  const named = mayBeNamed ? lookUpOwnNames(policies, at, hashes, planRule) : 0;
  const level = named >>> RULE_BITS;
  const rule = named & RULE_MASK;
  if (rule === RULE_ALWAYS) return passByName(decision, 6, planRule, level);

  // 7  Internet off.
  if (hasFlag(policies, at, FLAG_INTERNET_OFF)) return blockByOff(decision, policies, at);

  // 8  Own names of the profile, the subscriber, the plan.
  if (rule === RULE_ALLOW) return passByName(decision, 8, planRule, level);
  if (rule === RULE_DENY) return blockByName(decision, policies, at, level);

  // 9  Categories blocked now.
  const isBlocked = firstCategoryIn(policies, records, at + RECORD_BLOCKED, mask) >= 0;
  if (isBlocked) return blockByCategory(decision, policies, 9, at, RECORD_BLOCKED, mask);

  // 10  Profiles that may reach what they are allowed, and nothing else.
  if (hasFlag(policies, at, FLAG_ALLOW_LIST_ONLY)) {
    return blockBySentence(decision, policies, 10, at, SENTENCE_NOT_ON_ALLOW_LIST);
  }

  // 12  Pass.
  return pass(decision, 12, ALLOW_NOTHING);
}

/**
 * Decides on one target (CNAME, DNAME, SVCB) of the answer to a name that passed, by the rows of the
 * same table. Special names are not asked: nothing is answered in a target's place. Nor is row 7, which
 * the asked name has passed, nor rows 5, 6 and 10, which are about what was asked for.
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
  if (lawBit >= 0) return blockByLaw(decision, policies, at, lawBit);
  if (asked.allowLevel >= ALLOW_PLAN) return pass(decision, asked.row, asked.allowLevel);

  // 2  A protected target is not blocked by the rows below.
  const isProtected = firstCategoryIn(policies, globals, GLOBAL_PROTECTED, mask) >= 0;
  if (isProtected) return pass(decision, 2, ALLOW_PROTECTED);

  // 4  Always, but for the plan's own allow names.
  const planRule = lookUpLongest(rules, records[at + RECORD_PLAN_RULES]!, hashes);
  const isLocked = firstCategoryIn(policies, records, at + RECORD_LOCKED, mask) >= 0;
  if (isLocked && !isAllow(planRule)) {
    return blockByCategory(decision, policies, 4, at, RECORD_LOCKED, mask);
  }

  // 8, 9  Only where no grant and no name allowed the asked name.
  if (asked.allowLevel === ALLOW_HOUSEHOLD) return pass(decision, asked.row, ALLOW_HOUSEHOLD);
  const named = lookUpOwnNames(policies, at, hashes, planRule);
  const level = named >>> RULE_BITS;
  const rule = named & RULE_MASK;
  if (isAllow(rule)) return passByName(decision, 8, planRule, level);
  if (rule === RULE_DENY) return blockByName(decision, policies, at, level);
  const isBlocked = firstCategoryIn(policies, records, at + RECORD_BLOCKED, mask) >= 0;
  if (isBlocked) return blockByCategory(decision, policies, 9, at, RECORD_BLOCKED, mask);

  return pass(decision, 12, ALLOW_NOTHING);
}

/** Whether plan, household or a grant have any names at all. */
function hasNames({ records }: PolicyImage, at: number): boolean {
  return (
    (records[at + RECORD_PLAN_RULES]! |
      records[at + RECORD_SUBSCRIBER_RULES]! |
      records[at + RECORD_PROFILE_RULES]! |
      records[at + RECORD_GRANT_RULES]!) !==
    0
  );
}

function isGrantedName({ records, rules }: PolicyImage, at: number, hashes: SuffixHashes): boolean {
  return lookUpLongest(rules, records[at + RECORD_GRANT_RULES]!, hashes) !== RULE_NONE;
}

/**
 * Rows 6 and 8: the first level that holds a suffix of the name speaks; inside a level the longest
 * suffix does, and deny beats allow on the same name (`lookUpLongest`).
 * @returns level and rule, 0 where no level holds one
 */
function lookUpOwnNames(
  policies: PolicyImage,
  at: number,
  hashes: SuffixHashes,
  planRule: number,
): number {
  const { records, rules } = policies;
  const profileRule = lookUpLongest(rules, records[at + RECORD_PROFILE_RULES]!, hashes);
  if (profileRule !== RULE_NONE) return (LEVEL_PROFILE << RULE_BITS) | profileRule;
  const subscriberRule = lookUpLongest(rules, records[at + RECORD_SUBSCRIBER_RULES]!, hashes);
  if (subscriberRule !== RULE_NONE) return (LEVEL_SUBSCRIBER << RULE_BITS) | subscriberRule;
  if (planRule !== RULE_NONE) return (LEVEL_PLAN << RULE_BITS) | planRule;
  return 0;
}

function isAllow(rule: number): boolean {
  return rule === RULE_ALLOW || rule === RULE_ALWAYS;
}

function hasFlag(policies: PolicyImage, at: number, flag: number): boolean {
  return (policies.records[at + RECORD_FLAGS]! & flag) !== 0;
}

function pass(decision: Decision, row: number, allowLevel: number): number {
  fill(decision, DECIDE_PASS, row, VERDICT_NONE, EDE_NONE, TEXT_NONE);
  decision.allowLevel = allowLevel;
  return DECIDE_PASS;
}

function passByGrant(decision: Decision, planRule: number, category: number): number {
  pass(decision, 5, reachOf(planRule));
  decision.category = category;
  decision.ruleLevel = LEVEL_GRANT;
  return DECIDE_PASS;
}

function passByName(decision: Decision, row: number, planRule: number, level: number): number {
  pass(decision, row, reachOf(planRule));
  decision.ruleLevel = level;
  return DECIDE_PASS;
}

/**
 * A name that the household allows keeps the further reach of the plan's allow, so that a rule or a
 * grant too many never blocks more.
 */
function reachOf(planRule: number): number {
  return isAllow(planRule) ? ALLOW_PLAN : ALLOW_HOUSEHOLD;
}

/** Keeps how far the pass reaches: what follows the safe target is judged by it. */
function makeSafe(decision: Decision, target: number): number {
  decision.action = DECIDE_SAFE_SEARCH;
  decision.row = 11;
  decision.edeCode = EDE_FORGED_ANSWER;
  decision.safeTarget = target;
  return DECIDE_SAFE_SEARCH;
}

function answerHere(decision: Decision, special: number): number {
  fill(decision, DECIDE_SPECIAL, 3, VERDICT_NONE, EDE_NONE, TEXT_NONE);
  decision.special = special;
  return DECIDE_SPECIAL;
}

/** The text names no category: what a court or the police listed is nobody's reading. */
function blockByLaw(decision: Decision, policies: PolicyImage, at: number, bit: number): number {
  const text = textOfVariant(policies, at, SENTENCE_LAW);
  fill(decision, DECIDE_BLOCK, 1, VERDICT_LAW, policies.edeCodes[bit]!, text);
  decision.category = bit;
  decision.blockingMode = policies.lawBlockingMode;
  return DECIDE_BLOCK;
}

/** Always NXDOMAIN: it is the answer that the asking programs understand. */
function blockCanary(decision: Decision, policies: PolicyImage, at: number): number {
  const text = textOfVariant(policies, at, SENTENCE_BYPASS);
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
  const text = textOfCategory(policies, at, bit);
  fill(decision, DECIDE_BLOCK, row, verdictClass, policies.edeCodes[bit]!, text);
  decision.category = bit;
  decision.blockingMode = records[at + RECORD_BLOCKING_MODE]!;
  return DECIDE_BLOCK;
}

function blockByName(decision: Decision, policies: PolicyImage, at: number, level: number): number {
  let sentence = SENTENCE_DENIED_BY_PROFILE;
  if (level === LEVEL_SUBSCRIBER) sentence = SENTENCE_DENIED_BY_SUBSCRIBER;
  if (level === LEVEL_PLAN) sentence = SENTENCE_DENIED_BY_PLAN;
  blockBySentence(decision, policies, 8, at, sentence);
  decision.ruleLevel = level;
  return DECIDE_BLOCK;
}

/** The text says until when. */
function blockByOff(decision: Decision, policies: PolicyImage, at: number): number {
  const text = policies.records[at + RECORD_OFF_TEXT]!;
  fill(decision, DECIDE_BLOCK, 7, VERDICT_POLICY, EDE_FILTERED, text);
  decision.blockingMode = policies.records[at + RECORD_BLOCKING_MODE]!;
  return DECIDE_BLOCK;
}

function blockBySentence(
  decision: Decision,
  policies: PolicyImage,
  row: number,
  at: number,
  sentence: number,
): number {
  const text = textOfVariant(policies, at, sentence);
  fill(decision, DECIDE_BLOCK, row, VERDICT_POLICY, EDE_FILTERED, text);
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
  decision.safeTarget = -1;
  decision.ruleLevel = LEVEL_NONE;
  decision.allowLevel = ALLOW_NOTHING;
}

/** What only the clock blocks has words of its own: a schedule, or that today's time is used up. */
function textOfCategory(policies: PolicyImage, at: number, bit: number): number {
  const { timedTexts, records } = policies;
  const first = records[at + RECORD_TIMED_TEXTS]! + 1;
  const end = first + timedTexts[first - 1]! * 2;
  for (let pair = first; pair < end; pair += 2) {
    if (timedTexts[pair] === bit) return timedTexts[pair + 1]!;
  }
  return textOfVariant(policies, at, bit);
}

/** @param word bit of a category, or one of `SENTENCE_…` */
function textOfVariant(policies: PolicyImage, at: number, word: number): number {
  return policies.textOf[policies.records[at + RECORD_VARIANT]! * VARIANT_WORDS + word]!;
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
