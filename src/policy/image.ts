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
 *
 * One record stands for every profile with the same policy in force: a million subscribers on three
 * plans are three records. A policy that changes with the clock is a chain of records:
 *
 *     policyOf ─▶ record ── at its next change ─▶ record ── at its next change ─▶ record (open end)
 *
 * so bedtime comes to the second, with nothing to be published at that moment, and images on the disk
 * are right after a restart. The next record stands before its predecessor in the section, and its own
 * change comes later, so that every chain ends. The reader trusts what `openPolicyImage` has checked.
 */

import type { Image } from '../lib/image.ts';
import {
  IMAGE_POLICY,
  contentIdOf,
  openImage,
  sectionBytes,
  sectionWords,
  trustImage,
} from '../lib/image.ts';
import { CATEGORY_COUNT_MAX, MASK_WORDS } from '../blocklist/category.ts';
import { LABEL_BYTES_MAX, NAME_BYTES_MAX } from '../dns/name.ts';
import { AppError } from '../lib/errors.ts';
import { EXTRA_TEXT_BYTES_MAX } from '../lib/messages.ts';
import type { NameFilter, NameTable } from './rules.ts';
import { createNameFilter, findTableFault, RULE_DENY } from './rules.ts';

export const POLICY_IMAGE_VERSION = 3;

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
export const SECTION_COUNT = 12;

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
/* Words 13 to 15 are zero. */
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

/** States of a profile that one image foresees, and one more for after them. */
export const CHAIN_STATES_MAX = 12;
const CHAIN_RECORDS_MAX = CHAIN_STATES_MAX + 1;

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
const SAFE_YOUTUBE_STRICT = 2;

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
const SAFE_VALUE_MAX = SAFE_ENGINES_MAX + 2;

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

export const NOTHING = 0xffffffff;

/** Of a word in `policyOf`: the number of the record. */
const RECORD_NUMBER_BITS = 0x7fff_ffff;

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
}

/**
 * Opens an image that was just compiled or comes from the disk, and checks all of it.
 * @throws AppError `IMAGE_DAMAGED`
 */
export function openPolicyImage(buffer: SharedArrayBuffer): PolicyImage {
  const image = openImage(buffer, IMAGE_POLICY, POLICY_IMAGE_VERSION);
  const fault = findLengthFault(image);
  if (fault !== null) throw damaged(fault);
  const policies = viewPolicyImage(image);
  const contentFault = findContentFault(policies);
  if (contentFault !== null) throw damaged(contentFault);
  return policies;
}

/** The same for an image that another thread of this process has opened. */
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

function viewPolicyImage(image: Image): PolicyImage {
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

function damaged(fault: string): AppError {
  return new AppError('IMAGE_DAMAGED', `Opening a policy image: ${fault}`);
}

/** Whether the sections are there and as long as they say, so that the others can be looked at. */
function findLengthFault(image: Image): string | null {
  if (image.words[3] !== SECTION_COUNT) return `${image.words[3]!} sections`;
  const globals = sectionWords(image, SECTION_GLOBALS);
  if (globals.length !== GLOBAL_WORDS) return `${globals.length} words of globals`;
  const length = (section: number): number => sectionWords(image, section).length;
  if (length(SECTION_POLICY_OF) !== globals[GLOBAL_PROFILES]) return 'the profiles are cut';
  if (length(SECTION_RECORDS) !== globals[GLOBAL_RECORDS]! * RECORD_WORDS) {
    return 'the records are cut';
  }
  if (length(SECTION_TEXT_OF) % VARIANT_WORDS !== 0) return 'a variant of the texts is cut';
  if (length(SECTION_PLACES) % 2 !== 0) return 'the places of the texts are cut';
  if (length(SECTION_TARGETS) % TARGET_WORDS !== 0) return 'the targets are cut';
  const safeFault = findTableFault(sectionWords(image, SECTION_SAFE_NAMES), SAFE_VALUE_MAX);
  return safeFault === null ? null : `names of safe search: ${safeFault}`;
}

/** Whether each number points at something, and every chain goes forward in time. */
function findContentFault(policies: PolicyImage): string | null {
  const rulesFault = findTableFault(policies.rules, RULE_DENY);
  if (rulesFault !== null) return `names: ${rulesFault}`;
  const filter = createNameFilter([policies.rules]);
  const isFilter = policies.ruleFilter.length === filter.length;
  if (!isFilter || filter.some((word, at) => policies.ruleFilter[at] !== word)) {
    return 'names: the filter is of others';
  }
  const devicesFault = findTableFault(policies.devices, policies.profileCount);
  if (devicesFault !== null) return `devices: ${devicesFault}`;
  return (
    findGlobalsFault(policies) ??
    findTextsFault(policies) ??
    findTargetsFault(policies) ??
    findRecordsFault(policies) ??
    findProfilesFault(policies)
  );
}

function findGlobalsFault({
  globals,
  records,
  bypassBit,
  lawBlockingMode,
}: PolicyImage): string | null {
  if (bypassBit >= CATEGORY_COUNT_MAX) return `bypass is category ${bypassBit}`;
  if (lawBlockingMode > BLOCKING_REFUSED) return `blocking mode ${lawBlockingMode}`;
  if (globals[GLOBAL_MASK_WORDS] !== maskWordsOf(globals, records)) return 'the width of the masks';
  if (globals[GLOBAL_FROM_SECOND]! > globals[GLOBAL_UNTIL_SECOND]!)
    return 'it ends before it begins';
  return null;
}

function findTextsFault({ textOf, textPlaces, texts }: PolicyImage): string | null {
  const count = textPlaces.length / 2;
  if (count === 0 || textPlaces[1] !== 0) return 'text 0 is not the empty text';
  for (let text = 0; text < count; text++) {
    const length = textPlaces[text * 2 + 1]!;
    const isInside = textPlaces[text * 2]! + length <= texts.length;
    if (!isInside || length > EXTRA_TEXT_BYTES_MAX) return `text ${text} lies outside`;
  }
  return textOf.every((text) => text < count) ? null : 'a category has a text that does not exist';
}

function findTargetsFault({ targets, targetNames }: PolicyImage): string | null {
  for (let at = 0; at < targets.length; at += TARGET_WORDS) {
    if (targets[at + TARGET_KIND] === TARGET_IS_ADDRESS4) continue;
    if (targets[at + TARGET_KIND] !== TARGET_IS_NAME) return `a target of kind ${targets[at]!}`;
    const nameAt = targets[at + TARGET_AT]!;
    const name = targetNames.subarray(nameAt, nameAt + targets[at + TARGET_LENGTH]!);
    if (!isWireName(name)) return `the target at ${nameAt} is no name`;
  }
  return null;
}

/** One whole uncompressed name and nothing after it. */
function isWireName(octets: Uint8Array): boolean {
  let at = 0;
  while (at < octets.length && octets[at] !== 0) {
    if (octets[at]! > LABEL_BYTES_MAX) return false;
    at += octets[at]! + 1;
  }
  return at === octets.length - 1 && octets.length <= NAME_BYTES_MAX;
}

function findRecordsFault(policies: PolicyImage): string | null {
  const { records } = policies;
  const lengthOf = new Uint8Array(records.length / RECORD_WORDS);
  for (let record = 0; record < lengthOf.length; record++) {
    const at = record * RECORD_WORDS;
    const fault = findRecordFault(policies, at) ?? findLinkFault(records, record);
    if (fault !== null) return `record ${record}: ${fault}`;
    const next = records[at + RECORD_NEXT_RECORD]!;
    const length = next === NOTHING ? 1 : lengthOf[next]! + 1;
    if (length > CHAIN_RECORDS_MAX) return `record ${record} begins a chain of ${length} records`;
    lengthOf[record] = length;
  }
  return null;
}

function findRecordFault(
  { records, textOf, textPlaces, targets }: PolicyImage,
  at: number,
): string | null {
  const mode = records[at + RECORD_BLOCKING_MODE]!;
  if (mode > BLOCKING_REFUSED) return `blocking mode ${mode}`;
  const variant = records[at + RECORD_VARIANT]!;
  if ((variant + 1) * VARIANT_WORDS > textOf.length) return `variant ${variant} does not exist`;
  const text = records[at + RECORD_OFF_TEXT]!;
  if (text >= textPlaces.length / 2) return `text ${text} does not exist`;
  return findSafeSearchFault(records[at + RECORD_SAFE_SEARCH]!, targets.length / TARGET_WORDS);
}

/** Targets: one of each engine, then YouTube's two (see `safe-search`). */
function findSafeSearchFault(setting: number, targetCount: number): string | null {
  const youtube = (setting >>> SAFE_YOUTUBE_SHIFT) & 3;
  const engines = setting & ((1 << SAFE_ENGINES_MAX) - 1);
  const isKnown = setting < SAFE_BLOCK_UNSAFE * 2 && youtube <= SAFE_YOUTUBE_STRICT;
  const engineCount = Math.max(0, targetCount - 2);
  const hasTargets = engines >>> engineCount === 0 && (youtube === 0 || targetCount >= 2);
  return isKnown && hasTargets ? null : `safe search is ${setting}`;
}

function findLinkFault(records: Uint32Array, record: number): string | null {
  const at = record * RECORD_WORDS;
  const next = records[at + RECORD_NEXT_RECORD]!;
  if (next === NOTHING) return null;
  if (next >= record) return `the next record is ${next}`;
  const change = records[at + RECORD_NEXT_CHANGE]!;
  const nextChange = records[next * RECORD_WORDS + RECORD_NEXT_CHANGE]!;
  if (change === 0) return 'it never leads to its next record';
  return nextChange === 0 || nextChange > change ? null : 'the next record ends before it begins';
}

function findProfilesFault({ policyOf, records }: PolicyImage): string | null {
  const count = records.length / RECORD_WORDS;
  const isKnown = (word: number): boolean =>
    word === NOTHING || (word & RECORD_NUMBER_BITS) < count;
  return policyOf.every(isKnown) ? null : 'a profile has a record that does not exist';
}
