/**
 * The policy image: what `compile` writes and `decide` reads.
 *
 *     section 0  globals    word 0      number of profiles
 *                           1           number of records
 *                           2           blocking mode of mandatory lists
 *                           3           bit of category `bypass`, or 0xffffffff
 *                           8 … 15      mask of law categories
 *                           16 … 23     mask of protected names
 *                           24 … 31     mask of operator (security) categories
 *                           32 … 95     EDE code of each of the 256 categories, one octet each
 *             1  policyOf   word p      record of profile p, or 0xffffffff
 *             2  records    40 words a record, `RECORD_…` below
 *             3  rules      a NameTable (see `rules`): allow and deny names of all rule sets
 *             4  textOf     256 words a plan: number of the text that names the category
 *             5  places     2 words a text: offset and length in octets
 *             6  texts      UTF-8 octets
 *
 * One record stands for every profile with the same policy in force: a million subscribers on three
 * plans are three records. The reader trusts what `openPolicyImage` has checked.
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
import { MASK_WORDS } from '../blocklist/category.ts';
import type { NameTable } from './rules.ts';

export const POLICY_IMAGE_VERSION = 2;

export const SECTION_GLOBALS = 0;
export const SECTION_POLICY_OF = 1;
export const SECTION_RECORDS = 2;
export const SECTION_RULES = 3;
export const SECTION_TEXT_OF = 4;
export const SECTION_PLACES = 5;
export const SECTION_TEXTS = 6;

export const GLOBAL_PROFILES = 0;
export const GLOBAL_RECORDS = 1;
export const GLOBAL_LAW_MODE = 2;
export const GLOBAL_BYPASS_BIT = 3;
export const GLOBAL_LAW = 8;
export const GLOBAL_PROTECTED = 16;
export const GLOBAL_OPERATOR = 24;
export const GLOBAL_EDE_CODES = 32;
export const GLOBAL_WORDS = 96;

/** Words of a record; locked and blocked are masks of 8 words. */
export const RECORD_LOCKED = 0;
export const RECORD_BLOCKED = 8;
/* Words 16 to 23 are zero: the place of running grants (row 5). */
/** Rule set numbers, 0 = none. */
export const RECORD_PROFILE_RULES = 24;
export const RECORD_SUBSCRIBER_RULES = 25;
export const RECORD_PLAN_RULES = 26;
export const RECORD_FLAGS = 27;
export const RECORD_BLOCKING_MODE = 28;
export const RECORD_ADDRESS4 = 29;
export const RECORD_ADDRESS6 = 30;
/** Seconds, 0xffffffff = no limit. */
export const RECORD_MAX_TTL = 34;
/** Seconds since the Unix epoch, 0 = never. */
export const RECORD_NEXT_CHANGE = 35;
export const RECORD_PLAN = 36;
export const RECORD_WORDS = 40;

/** Bits of `RECORD_FLAGS`. */
export const FLAG_BYPASS_CONTROL = 1;
export const FLAG_HAS_ADDRESS4 = 2;
export const FLAG_HAS_ADDRESS6 = 4;

/** The form of a blocked answer. The address modes add EDE 4 as second code. */
export const BLOCKING_NXDOMAIN = 0;
export const BLOCKING_NODATA = 1;
export const BLOCKING_ZERO = 2;
export const BLOCKING_ADDRESS = 3;
export const BLOCKING_REFUSED = 4;

/** Text numbers that do not depend on the plan; `TEXT_PLAN_FIRST + 2 · plan` begins those that do. */
export const TEXT_NONE = 0;
export const TEXT_LAW = 1;
export const TEXT_DENIED_BY_PROFILE = 2;
export const TEXT_DENIED_BY_SUBSCRIBER = 3;
export const TEXT_PLAN_FIRST = 4;
export const TEXTS_PER_PLAN = 2;
/** Places among the texts of a plan. */
export const TEXT_OF_PLAN_DENIED = 0;
export const TEXT_OF_PLAN_BYPASS = 1;

export const NOTHING = 0xffffffff;

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
  return viewPolicyImage(openImage(buffer, IMAGE_POLICY, POLICY_IMAGE_VERSION));
}

/** The same for an image that another thread of this process has opened. */
export function trustPolicyImage(buffer: SharedArrayBuffer): PolicyImage {
  return viewPolicyImage(trustImage(buffer, IMAGE_POLICY, POLICY_IMAGE_VERSION));
}

/** The record of a profile, or −1 for a profile that this image does not know. */
export function policyRecordOf(policies: PolicyImage, profile: number): number {
  if (profile < 0 || profile >= policies.profileCount) return -1;
  const record = policies.policyOf[profile]!;
  return record === NOTHING ? -1 : record;
}

/**
 * The longest TTL that an answer under this policy may carry: whole seconds to the policy's next
 * change, 0 in the last second, and never above the plan's own limit.
 */
export function ttlLimitSeconds(policies: PolicyImage, record: number, nowSeconds: number): number {
  const at = record * RECORD_WORDS;
  const limit = Math.min(policies.records[at + RECORD_MAX_TTL]!, TTL_SECONDS_MAX);
  const nextChange = policies.records[at + RECORD_NEXT_CHANGE]!;
  if (nextChange === 0) return limit;
  // A second that has begun is no whole second any more, hence the 1.
  return Math.max(0, Math.min(limit, nextChange - nowSeconds - 1));
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
  const records = sectionWords(image, SECTION_RECORDS);
  const bypassBit = globals[GLOBAL_BYPASS_BIT]!;
  return {
    buffer: image.buffer,
    contentId: contentIdOf(image),
    profileCount: globals[GLOBAL_PROFILES]!,
    lawBlockingMode: globals[GLOBAL_LAW_MODE]!,
    bypassBit: bypassBit === NOTHING ? -1 : bypassBit,
    maskWords: maskWordsOf(globals, records),
    globals,
    policyOf: sectionWords(image, SECTION_POLICY_OF),
    records,
    rules: sectionWords(image, SECTION_RULES),
    edeCodes: sectionBytes(image, SECTION_GLOBALS).subarray(GLOBAL_EDE_CODES * 4),
    textOf: sectionWords(image, SECTION_TEXT_OF),
    textPlaces: sectionWords(image, SECTION_PLACES),
    texts: sectionBytes(image, SECTION_TEXTS),
  };
}

function maskWordsOf(globals: Uint32Array, records: Uint32Array): number {
  for (let word = MASK_WORDS - 1; word >= 0; word--) {
    let bits = globals[GLOBAL_LAW + word]! | globals[GLOBAL_PROTECTED + word]!;
    for (let at = word; at < records.length; at += RECORD_WORDS) {
      bits |= records[at + RECORD_LOCKED]! | records[at + RECORD_BLOCKED]!;
    }
    if (bits !== 0) return word + 1;
  }
  return 0;
}
