/**
 * The policy image: what `compile` writes and `decide` reads.
 *
 *     section 0  globals    word 0      number of profiles
 *                           1           number of records
 *                           2           blocking mode of mandatory lists
 *                           3           bit of category `bypass`, or 0xffffffff
 *                           4, 5        seconds: the image speaks from here; it must be renewed by here
 *                           6           words of a mask, from the first on, that are not zero everywhere
 *                           8 … 15      mask of law categories
 *                           16 … 23     mask of protected names
 *                           24 … 31     mask of operator (security) categories
 *                           32 … 95     EDE code of each of the 256 categories, one octet each
 *                           96 … 103    mask of categories that no log shows
 *             1  policyOf   word p      bit 31: the household has devices; else record of profile p;
 *                                       0xffffffff: not in use
 *             2  records    56 words a record, `RECORD_…` below
 *             3  rules      a NameTable (see `rules`): allow and deny names of all rule sets
 *             4  textOf     264 words a variant (plan, language, helpline): the text of each of the 256
 *                           categories, then `SENTENCE_…`
 *             5  places     2 words a text: offset and length in octets
 *             6  texts      UTF-8 octets
 *             7  devices    a device table (see `devices`)
 *             8  safeNames  a NameTable of names that safe search rewrites or blocks (see `safe-search`)
 *             9  targets    4 words a target of safe search
 *            10  names      wire octets of the targets
 *            11  filter     of the names in section 3 (see `rules`): most names that are asked are in
 *                           nobody's rules
 *            12  timedTexts lists of texts for categories that the clock blocks: how many, then 2 words
 *                           each: bit, text; the list at word 0 is empty
 *
 * One record stands for every profile with the same policy in force: a million subscribers on three
 * plans are three records. A policy that changes with the clock is a chain of records:
 *
 *     policyOf ─▶ record ── at its next change ─▶ record ── at its next change ─▶ record (open end)
 *
 * so bedtime comes to the second, with nothing to be published at that moment, and images on the disk
 * are right after a restart. The next record stands before its predecessor in the section, and its own
 * change comes later, so that every chain ends. The reader trusts what `check-image` has checked.
 */

import type { Image } from '../lib/image.ts';
import { IMAGE_POLICY, contentIdOf, sectionBytes, sectionWords, trustImage } from '../lib/image.ts';
import { CATEGORY_COUNT_MAX, MASK_WORDS } from '../blocklist/category.ts';
import type { NameFilter, NameTable } from './rules.ts';
import { createNameFilter } from './rules.ts';

export const POLICY_IMAGE_VERSION = 4;

export const SECTION_GLOBALS = 0;
export const SECTION_POLICY_OF = 1;
export const SECTION_RECORDS = 2;
export const SECTION_RULES = 3;
export const SECTION_TEXT_OF = 4;
export const SECTION_PLACES = 5;
export const SECTION_TEXTS = 6;
export const SECTION_DEVICES = 7;
export const SECTION_SAFE_NAMES = 8;
export const SECTION_TARGETS = 9;
export const SECTION_TARGET_NAMES = 10;
export const SECTION_RULE_FILTER = 11;
export const SECTION_TIMED_TEXTS = 12;
export const SECTION_COUNT = 13;

export const GLOBAL_PROFILES = 0;
export const GLOBAL_RECORDS = 1;
export const GLOBAL_LAW_MODE = 2;
export const GLOBAL_BYPASS_BIT = 3;
export const GLOBAL_FROM_SECOND = 4;
export const GLOBAL_UNTIL_SECOND = 5;
export const GLOBAL_MASK_WORDS = 6;
export const GLOBAL_LAW = 8;
export const GLOBAL_PROTECTED = 16;
export const GLOBAL_OPERATOR = 24;
export const GLOBAL_EDE_CODES = 32;
export const GLOBAL_NEVER_REPORTED = 96;
export const GLOBAL_WORDS = 104;

/** Of a word in `policyOf`: the household has devices, so the profile is found in a second step. */
export const POLICY_HAS_DEVICES = 0x8000_0000;

/** Words of a record. Seconds since the Unix epoch, 0 = never; the record that holds from then on. */
export const RECORD_NEXT_CHANGE = 0;
/** `NOTHING` at an open end: the image must be renewed by then, and this record holds on. */
export const RECORD_NEXT_RECORD = 1;
export const RECORD_FLAGS = 2;
/** Seconds, 0xffffffff = no limit. */
export const RECORD_MAX_TTL = 3;
/** Rule set numbers, 0 = none. */
export const RECORD_PROFILE_RULES = 4;
export const RECORD_SUBSCRIBER_RULES = 5;
export const RECORD_PLAN_RULES = 6;
/** Names opened by running grants. */
export const RECORD_GRANT_RULES = 7;
/** Bits 0 to 15 engines, 16 and 17 YouTube's level, 18 block what has no safe mode. */
export const RECORD_SAFE_SEARCH = 8;
export const RECORD_BLOCKING_MODE = 9;
/** Which `VARIANT_WORDS` of `textOf`. */
export const RECORD_VARIANT = 10;
/** Text that says why the internet is off and until when. */
export const RECORD_OFF_TEXT = 11;
/** Index of the plan in the compiler's input, for `explain` and statistics. */
export const RECORD_PLAN = 12;
/** Where its list in `timedTexts` begins: what a schedule or a used-up budget blocks at this time. */
export const RECORD_TIMED_TEXTS = 13;
/* Words 14 and 15 are zero. */
/** Masks of 8 words. */
export const RECORD_LOCKED = 16;
export const RECORD_BLOCKED = 24;
export const RECORD_GRANTED = 32;
/** Categories whose minutes are counted. */
export const RECORD_BUDGET = 40;
export const RECORD_ADDRESS4 = 48;
export const RECORD_ADDRESS6 = 49;
/* Words 53 to 55 are zero. */
export const RECORD_WORDS = 56;

/**
 * States of a profile that one image foresees, and one more for after them. More than a household can
 * set for a day and two hours: 100 schedules with four edges each, 100 grants and pauses, midnight. So
 * nobody's calendar makes the image of all others end sooner.
 */
export const CHAIN_STATES_MAX = 1_000;
export const CHAIN_RECORDS_MAX = CHAIN_STATES_MAX + 1;

/** Bits of `RECORD_FLAGS`. */
export const FLAG_BYPASS_CONTROL = 1;
export const FLAG_HAS_ADDRESS4 = 2;
export const FLAG_HAS_ADDRESS6 = 4;
export const FLAG_INTERNET_OFF = 8;
export const FLAG_ALLOW_LIST_ONLY = 16;
/** The minutes of the internet as a whole are counted. */
export const FLAG_BUDGET_INTERNET = 32;
/** Some minutes are counted. */
export const FLAG_HAS_BUDGET = 64;
/** Two bits from here on: `LOG_…`. */
export const FLAG_LOG_SHIFT = 8;

/** What a query may leave behind; each level holds the one before. */
export const LOG_NOTHING = 0;
export const LOG_COUNTS = 1;
export const LOG_BLOCKED = 2;
export const LOG_ALL = 3;

/** The form of a blocked answer. The address modes add EDE 4 as second code. */
export const BLOCKING_NXDOMAIN = 0;
export const BLOCKING_NODATA = 1;
export const BLOCKING_ZERO = 2;
export const BLOCKING_ADDRESS = 3;
export const BLOCKING_REFUSED = 4;

/** Of `RECORD_SAFE_SEARCH`, beside the bits of the engines. */
export const SAFE_ENGINES_MAX = 16;
export const SAFE_YOUTUBE_SHIFT = 16;
export const SAFE_BLOCK_UNSAFE = 1 << 18;
export const SAFE_YOUTUBE_STRICT = 2;

/** Words of a target of safe search. */
export const TARGET_KIND = 0;
/** Where its name begins among the octets of the targets; or the IPv4 address. */
export const TARGET_AT = 1;
export const TARGET_ADDRESS4 = 1;
/** Octets of the name, with its root. */
export const TARGET_LENGTH = 2;
/* Word 3 is zero. */
export const TARGET_WORDS = 4;
export const TARGET_IS_NAME = 0;
export const TARGET_IS_ADDRESS4 = 1;

/** The greatest value in `safeNames`: each engine, YouTube, what has no safe mode (see `safe-search`). */
export const SAFE_VALUE_MAX = SAFE_ENGINES_MAX + 2;

/** Sentences of a variant, after the texts of the categories. */
export const SENTENCE_LAW = CATEGORY_COUNT_MAX;
export const SENTENCE_BYPASS = CATEGORY_COUNT_MAX + 1;
export const SENTENCE_DENIED_BY_PROFILE = CATEGORY_COUNT_MAX + 2;
export const SENTENCE_DENIED_BY_SUBSCRIBER = CATEGORY_COUNT_MAX + 3;
export const SENTENCE_DENIED_BY_PLAN = CATEGORY_COUNT_MAX + 4;
export const SENTENCE_NOT_ON_ALLOW_LIST = CATEGORY_COUNT_MAX + 5;
export const SENTENCE_NO_SAFE_MODE = CATEGORY_COUNT_MAX + 6;
/* Word 263 of a variant is zero. */
export const VARIANT_WORDS = CATEGORY_COUNT_MAX + 8;

/** The number of no text; its length is 0. */
export const TEXT_NONE = 0;
/** The empty list of `timedTexts`. */
export const TIMED_TEXTS_NONE = 0;

export const NOTHING = 0xffffffff;

/** Of a word in `policyOf`: the number of the record. */
export const RECORD_NUMBER_BITS = 0x7fff_ffff;

/** 16 random bits give less than one; a sixteenth of it is the most that is taken away. */
const JITTER_DIVISOR = 16 * 0x1_0000;

/** A TTL has 31 bits (RFC 2181, section 8). V8 boxes what has more: 16 octets a query. */
const TTL_SECONDS_MAX = 0x7fff_ffff;

export interface PolicyImage {
  readonly buffer: SharedArrayBuffer;
  readonly contentId: string;
  readonly profileCount: number;
  readonly lawBlockingMode: number;
  /** −1 where no category `bypass` exists. */
  readonly bypassBit: number;
  /** Words of a mask, from the first on, in which some policy or the globals have a bit. */
  readonly maskWords: number;
  readonly globals: Uint32Array;
  readonly policyOf: Uint32Array;
  readonly records: Uint32Array;
  readonly rules: NameTable;
  readonly ruleFilter: NameFilter;
  readonly devices: Uint32Array;
  readonly safeNames: NameTable;
  readonly safeFilter: NameFilter;
  readonly targets: Uint32Array;
  /** Wire octets of the targets' names. */
  readonly targetNames: Uint8Array;
  readonly edeCodes: Uint8Array;
  readonly textOf: Uint32Array;
  readonly textPlaces: Uint32Array;
  readonly texts: Uint8Array;
  readonly timedTexts: Uint32Array;
}

/** An image that another thread of this process has opened (`check-image`) and so checked. */
export function trustPolicyImage(buffer: SharedArrayBuffer): PolicyImage {
  return viewPolicyImage(trustImage(buffer, IMAGE_POLICY, POLICY_IMAGE_VERSION));
}

/** The record in force for a profile, or −1 for a profile that this image does not know. */
export function policyRecordOf(policies: PolicyImage, profile: number, nowSeconds: number): number {
  if (profile < 0 || profile >= policies.profileCount) return -1;
  const word = policies.policyOf[profile]!;
  if (word === NOTHING) return -1;
  const { records } = policies;
  let record = word & RECORD_NUMBER_BITS;
  for (let step = 1; step < CHAIN_RECORDS_MAX; step++) {
    const at = record * RECORD_WORDS;
    const nextChange = records[at + RECORD_NEXT_CHANGE]!;
    if (nextChange === 0 || nowSeconds < nextChange) break;
    const next = records[at + RECORD_NEXT_RECORD]!;
    if (next === NOTHING) break;
    record = next;
  }
  return record;
}

/** True where the profile is a household's with devices that lead to profiles of their own. */
export function hasDevices(policies: PolicyImage, profile: number): boolean {
  if (profile < 0 || profile >= policies.profileCount) return false;
  const word = policies.policyOf[profile]!;
  return word !== NOTHING && (word & POLICY_HAS_DEVICES) !== 0;
}

/**
 * The longest TTL that an answer under this policy may carry: whole seconds to the policy's next
 * change, 0 in the last second, and never above the plan's own limit. Jitter shortens the time to
 * the change by up to a sixteenth, so that not every client asks again in the same second.
 * @param record from `policyRecordOf` for the same second
 * @param jitter any 16 bits; the query's ID will do
 */
export function ttlLimitSeconds(
  policies: PolicyImage,
  record: number,
  nowSeconds: number,
  jitter: number,
): number {
  const at = record * RECORD_WORDS;
  const limit = Math.min(policies.records[at + RECORD_MAX_TTL]!, TTL_SECONDS_MAX);
  const nextChange = policies.records[at + RECORD_NEXT_CHANGE]!;
  // Past its next change is only a record at an open end that nobody has renewed.
  if (nextChange === 0 || nowSeconds >= nextChange) return limit;
  // A second that has begun is no whole second any more, hence the 1.
  const left = Math.min(nextChange - nowSeconds - 1, TTL_SECONDS_MAX);
  return Math.min(limit, left - Math.floor((left * (jitter & 0xffff)) / JITTER_DIVISOR));
}

/** What queries under this policy may leave behind, one of `LOG_…`. */
export function logLevelOf(policies: PolicyImage, record: number): number {
  return (policies.records[record * RECORD_WORDS + RECORD_FLAGS]! >>> FLAG_LOG_SHIFT) & LOG_ALL;
}

/** True where a name of these categories is shown by no log and no statistic. */
export function isNeverReported(policies: PolicyImage, mask: Uint32Array): boolean {
  return firstCategoryIn(policies, policies.globals, GLOBAL_NEVER_REPORTED, mask) >= 0;
}

export function hasBlockAddress4(policies: PolicyImage, record: number): boolean {
  return (policies.records[record * RECORD_WORDS + RECORD_FLAGS]! & FLAG_HAS_ADDRESS4) !== 0;
}

export function hasBlockAddress6(policies: PolicyImage, record: number): boolean {
  return (policies.records[record * RECORD_WORDS + RECORD_FLAGS]! & FLAG_HAS_ADDRESS6) !== 0;
}

/** The IPv4 block address as one word; only where `hasBlockAddress4`. */
export function blockAddress4(policies: PolicyImage, record: number): number {
  return policies.records[record * RECORD_WORDS + RECORD_ADDRESS4]!;
}

/** One of the four words of the IPv6 block address; only where `hasBlockAddress6`. */
export function blockAddress6(policies: PolicyImage, record: number, word: number): number {
  return policies.records[record * RECORD_WORDS + RECORD_ADDRESS6 + word]!;
}

/**
 * The lowest category that a name has and one of the masks of the image too, or −1. Few categories
 * mean that most words of the masks are zero everywhere, and these are not looked at.
 * @param masks `policies.globals` or `policies.records`; the mask begins at word `at`
 */
export function firstCategoryIn(
  policies: PolicyImage,
  masks: Uint32Array,
  at: number,
  mask: Uint32Array,
): number {
  const { maskWords } = policies;
  for (let word = 0; word < maskWords; word++) {
    const bits = mask[word]! & masks[at + word]!;
    if (bits !== 0) return word * 32 + 31 - Math.clz32(bits & -bits);
  }
  return -1;
}

/** Where a text begins in `policies.texts`. */
export function textAt(policies: PolicyImage, text: number): number {
  return policies.textPlaces[text * 2]!;
}

/** Octets of a text; 0 for `TEXT_NONE`. */
export function textLength(policies: PolicyImage, text: number): number {
  return policies.textPlaces[text * 2 + 1]!;
}

/** The sections as they stand, unchecked. */
export function viewPolicyImage(image: Image): PolicyImage {
  const globals = sectionWords(image, SECTION_GLOBALS);
  const bypassBit = globals[GLOBAL_BYPASS_BIT]!;
  const safeNames = sectionWords(image, SECTION_SAFE_NAMES);
  return {
    buffer: image.buffer,
    contentId: contentIdOf(image),
    profileCount: globals[GLOBAL_PROFILES]!,
    lawBlockingMode: globals[GLOBAL_LAW_MODE]!,
    bypassBit: bypassBit === NOTHING ? -1 : bypassBit,
    maskWords: globals[GLOBAL_MASK_WORDS]!,
    globals,
    policyOf: sectionWords(image, SECTION_POLICY_OF),
    records: sectionWords(image, SECTION_RECORDS),
    rules: sectionWords(image, SECTION_RULES),
    ruleFilter: sectionWords(image, SECTION_RULE_FILTER),
    devices: sectionWords(image, SECTION_DEVICES),
    safeNames,
    safeFilter: createNameFilter([safeNames]),
    targets: sectionWords(image, SECTION_TARGETS),
    targetNames: sectionBytes(image, SECTION_TARGET_NAMES),
    edeCodes: sectionBytes(image, SECTION_GLOBALS).subarray(GLOBAL_EDE_CODES * 4),
    textOf: sectionWords(image, SECTION_TEXT_OF),
    textPlaces: sectionWords(image, SECTION_PLACES),
    texts: sectionBytes(image, SECTION_TEXTS),
    timedTexts: sectionWords(image, SECTION_TIMED_TEXTS),
  };
}

/** Words of a mask up to the last in which the globals or some record have a bit. */
export function maskWordsOf(globals: Uint32Array, records: Uint32Array): number {
  for (let word = MASK_WORDS - 1; word >= 0; word--) {
    let bits = globals[GLOBAL_LAW + word]! | globals[GLOBAL_PROTECTED + word]!;
    bits |= globals[GLOBAL_NEVER_REPORTED + word]!;
    for (let at = word; at < records.length; at += RECORD_WORDS) {
      bits |= records[at + RECORD_LOCKED]! | records[at + RECORD_BLOCKED]!;
      bits |= records[at + RECORD_GRANTED]! | records[at + RECORD_BUDGET]!;
    }
    if (bits !== 0) return word + 1;
  }
  return 0;
}
