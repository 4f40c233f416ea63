/**
 * Opens a policy image (layout: `image`) that was just compiled or comes from the disk. Everything that
 * a reader relies on is checked once, here: whatever the octets, either they are refused, or everything
 * that reads the image ends and stays inside.
 */

import { CATEGORY_COUNT_MAX } from '../blocklist/category.ts';
import { LABEL_BYTES_MAX, NAME_BYTES_MAX } from '../dns/name.ts';
import { AppError } from '../lib/errors.ts';
import type { Image } from '../lib/image.ts';
import { IMAGE_POLICY, openImage, sectionWords } from '../lib/image.ts';
import { EXTRA_TEXT_BYTES_MAX } from '../lib/messages.ts';
import type { PolicyImage } from './image.ts';
import {
  BLOCKING_REFUSED,
  CHAIN_RECORDS_MAX,
  GLOBAL_FROM_SECOND,
  GLOBAL_MASK_WORDS,
  GLOBAL_PROFILES,
  GLOBAL_RECORDS,
  GLOBAL_UNTIL_SECOND,
  GLOBAL_WORDS,
  NOTHING,
  POLICY_IMAGE_VERSION,
  RECORD_BLOCKING_MODE,
  RECORD_NEXT_CHANGE,
  RECORD_NEXT_RECORD,
  RECORD_NUMBER_BITS,
  RECORD_OFF_TEXT,
  RECORD_SAFE_SEARCH,
  RECORD_TIMED_TEXTS,
  RECORD_VARIANT,
  RECORD_WORDS,
  SAFE_BLOCK_UNSAFE,
  SAFE_ENGINES_MAX,
  SAFE_VALUE_MAX,
  SAFE_YOUTUBE_SHIFT,
  SAFE_YOUTUBE_STRICT,
  SECTION_COUNT,
  SECTION_GLOBALS,
  SECTION_PLACES,
  SECTION_POLICY_OF,
  SECTION_RECORDS,
  SECTION_SAFE_NAMES,
  SECTION_TARGETS,
  SECTION_TEXT_OF,
  TARGET_AT,
  TARGET_IS_ADDRESS4,
  TARGET_IS_NAME,
  TARGET_KIND,
  TARGET_LENGTH,
  TARGET_WORDS,
  TIMED_TEXTS_NONE,
  VARIANT_WORDS,
  maskWordsOf,
  viewPolicyImage,
} from './image.ts';
import { createNameFilter, findTableFault, RULE_DENY } from './rules.ts';

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

function findTextsFault({ textOf, textPlaces, texts, timedTexts }: PolicyImage): string | null {
  const count = textPlaces.length / 2;
  if (count === 0 || textPlaces[1] !== 0) return 'text 0 is not the empty text';
  for (let text = 0; text < count; text++) {
    const length = textPlaces[text * 2 + 1]!;
    const isInside = textPlaces[text * 2]! + length <= texts.length;
    if (!isInside || length > EXTRA_TEXT_BYTES_MAX) return `text ${text} lies outside`;
  }
  if (timedTexts[TIMED_TEXTS_NONE] !== 0) return 'timed texts 0 are not the empty list';
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
  const lengthOf = new Uint16Array(records.length / RECORD_WORDS);
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
  { records, textOf, textPlaces, targets, timedTexts }: PolicyImage,
  at: number,
): string | null {
  const mode = records[at + RECORD_BLOCKING_MODE]!;
  if (mode > BLOCKING_REFUSED) return `blocking mode ${mode}`;
  const variant = records[at + RECORD_VARIANT]!;
  if ((variant + 1) * VARIANT_WORDS > textOf.length) return `variant ${variant} does not exist`;
  const text = records[at + RECORD_OFF_TEXT]!;
  if (text >= textPlaces.length / 2) return `text ${text} does not exist`;
  const timedFault = findTimedFault(timedTexts, records[at + RECORD_TIMED_TEXTS]!, textPlaces);
  if (timedFault !== null) return timedFault;
  return findSafeSearchFault(records[at + RECORD_SAFE_SEARCH]!, targets.length / TARGET_WORDS);
}

/** A list of one text for each category at most. */
function findTimedFault(
  timedTexts: Uint32Array,
  at: number,
  textPlaces: Uint32Array,
): string | null {
  const count = timedTexts[at] ?? NOTHING;
  if (count > CATEGORY_COUNT_MAX || at + 1 + count * 2 > timedTexts.length) {
    return `the timed texts at ${at} lie outside`;
  }
  for (let pair = at + 1; pair <= at + count * 2; pair += 2) {
    const isText = timedTexts[pair + 1]! < textPlaces.length / 2;
    if (timedTexts[pair]! >= CATEGORY_COUNT_MAX || !isText) return `timed text at ${pair}`;
  }
  return null;
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
