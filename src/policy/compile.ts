/**
 * Compiles plans and profiles into the policy image (layout: `image`). Runs on the compile thread;
 * the input has been validated by the store, so what is wrong here is a limit or a bug.
 *
 * Profiles with the same policy share their records, equal lists of names share one rule set, equal
 * texts are one text, whoever wrote them.
 */

import { CATEGORY_COUNT_MAX, setBit } from '../blocklist/category.ts';
import { EDE_BLOCKED, EDE_CENSORED, EDE_FILTERED } from '../dns/constants.ts';
import { assert } from '../lib/assert.ts';
import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { seedIdOf } from '../lib/half-siphash.ts';
import { IMAGE_POLICY, createImage, sealImage, sectionBytes } from '../lib/image.ts';
import { ChainCompiler } from './chains.ts';
import { compileDevices } from './devices.ts';
import * as layout from './image.ts';
import { blockingModeOf } from './policy-basis.ts';
import type { PolicyDevice, PolicyInput, PolicyProfiles } from './policy-input.ts';
import { NO_PLAN } from './policy-input.ts';
import { compileNameTable, createNameFilter } from './rules.ts';
import { compileSafeSearch } from './safe-search.ts';

/** Ids with a meaning of their own: names that lists cannot block, and ways round the filter. */
export const CATEGORY_PROTECTED = 'protected';
export const CATEGORY_BYPASS = 'bypass';

/** More plans would let the texts alone outgrow an image. */
export const PLANS_MAX = 10_000;

/**
 * @throws AppError `COMPILE_LIMIT` for more plans or variants of texts than an image takes,
 * `COMPILE_COLLISION` where two names or devices share a hash under this seed
 */
export function compilePolicies(input: PolicyInput, seed: HashSeed): SharedArrayBuffer {
  if (input.plans.length > PLANS_MAX) {
    throw new AppError(
      'COMPILE_LIMIT',
      `Compiling policies: ${input.plans.length} plans, at most ${PLANS_MAX} are possible`,
    );
  }
  assert(input.atSecond < input.horizonSecond, 'an image speaks for some time');
  const chains = new ChainCompiler(input, bitOf(input, CATEGORY_BYPASS));
  const policyOf = compilePolicyOf(input.profiles, chains);
  markDevices(policyOf, input.devices);
  const records = chains.records.words();
  const texts = chains.texts.sections();
  const rules = compileNameTable(chains.rules.entries, seed);
  const safeSearch = compileSafeSearch(input.safeSearch, seed);

  const sections: (Uint32Array | Uint8Array)[] = [];
  sections[layout.SECTION_GLOBALS] = compileGlobals(input, chains, records);
  sections[layout.SECTION_POLICY_OF] = policyOf;
  sections[layout.SECTION_RECORDS] = records;
  sections[layout.SECTION_RULES] = rules;
  sections[layout.SECTION_TEXT_OF] = texts.textOf;
  sections[layout.SECTION_PLACES] = texts.places;
  sections[layout.SECTION_TEXTS] = texts.bytes;
  sections[layout.SECTION_DEVICES] = compileDevices(input.devices, input.cpeIds, seed);
  sections[layout.SECTION_SAFE_NAMES] = safeSearch.names;
  sections[layout.SECTION_TARGETS] = safeSearch.targets;
  sections[layout.SECTION_TARGET_NAMES] = safeSearch.targetNames;
  sections[layout.SECTION_TIMED_TEXTS] = texts.timedTexts;
  sections[layout.SECTION_RULE_FILTER] = createNameFilter([rules]);
  return writeImage(sections, seed);
}

/** The image of an installation without plans: every profile is unknown. */
export function emptyPolicies(seed: HashSeed): SharedArrayBuffer {
  const root = Uint8Array.of(0);
  const profiles: PolicyProfiles = {
    planOf: [],
    zoneOf: [],
    languageOf: [],
    zones: [],
    languages: [],
    ownOf: new Map(),
    defaultOf: new Map(),
  };
  const safeSearch = {
    engines: [],
    youtube: { names: [], moderate: root, strict: root },
    unsafe: [],
  };
  const lists = { categories: [], plans: [], devices: [], cpeIds: [], helplines: [] };
  return compilePolicies({ atSecond: 0, horizonSecond: 1, profiles, safeSearch, ...lists }, seed);
}

function compilePolicyOf(profiles: PolicyProfiles, chains: ChainCompiler): Uint32Array {
  const { planOf, defaultOf } = profiles;
  const policyOf = new Uint32Array(planOf.length).fill(layout.NOTHING);
  for (let profile = 0; profile < planOf.length; profile++) {
    if (planOf[profile] !== NO_PLAN) policyOf[profile] = chains.recordOf(profile);
  }
  for (const [subscriber, profile] of defaultOf) {
    policyOf[subscriber] = policyOf[profile] ?? layout.NOTHING;
  }
  return policyOf;
}

function markDevices(policyOf: Uint32Array, devices: readonly PolicyDevice[]): void {
  for (const { subscriber, profile } of devices) {
    const isKnown = policyOf[subscriber] !== undefined && policyOf[profile] !== undefined;
    assert(isKnown, 'a device leads from a subscriber to a profile of the input');
    policyOf[subscriber]! |= layout.POLICY_HAS_DEVICES;
  }
}

function compileGlobals(
  input: PolicyInput,
  chains: ChainCompiler,
  records: Uint32Array,
): Uint32Array {
  const words = new Uint32Array(layout.GLOBAL_WORDS);
  words[layout.GLOBAL_PROFILES] = input.profiles.planOf.length;
  words[layout.GLOBAL_RECORDS] = chains.records.count;
  words[layout.GLOBAL_LAW_MODE] = blockingModeOf(input.lawBlockingMode ?? 'nxdomain');
  words[layout.GLOBAL_BYPASS_BIT] = bitOf(input, CATEGORY_BYPASS);
  words[layout.GLOBAL_FROM_SECOND] = input.atSecond;
  words[layout.GLOBAL_UNTIL_SECOND] = chains.untilSecond;
  const edeCodes = new Uint8Array(words.buffer, layout.GLOBAL_EDE_CODES * 4, CATEGORY_COUNT_MAX);
  edeCodes.fill(EDE_FILTERED);
  for (const category of input.categories) {
    if (category.isNeverReported) setBit(words, category.bit, layout.GLOBAL_NEVER_REPORTED);
    if (category.id === CATEGORY_PROTECTED) {
      setBit(words, category.bit, layout.GLOBAL_PROTECTED);
    } else if (category.class === 'law') {
      setBit(words, category.bit, layout.GLOBAL_LAW);
      edeCodes[category.bit] = category.edeCode ?? EDE_CENSORED;
    } else if (category.class === 'operator') {
      setBit(words, category.bit, layout.GLOBAL_OPERATOR);
      edeCodes[category.bit] = EDE_BLOCKED;
    }
  }
  words[layout.GLOBAL_MASK_WORDS] = layout.maskWordsOf(words, records);
  return words;
}

/** −1, in a word of an image `NOTHING`, where there is no such category. */
function bitOf({ categories }: PolicyInput, id: string): number {
  return categories.find((category) => category.id === id)?.bit ?? -1;
}

function writeImage(
  sections: readonly (Uint32Array | Uint8Array)[],
  seed: HashSeed,
): SharedArrayBuffer {
  const lengths = sections.map(({ byteLength }) => byteLength);
  const version = layout.POLICY_IMAGE_VERSION;
  const image = createImage(IMAGE_POLICY, version, seedIdOf(seed), lengths);
  for (const [section, { buffer, byteOffset, byteLength }] of sections.entries()) {
    sectionBytes(image, section).set(new Uint8Array(buffer, byteOffset, byteLength));
  }
  sealImage(image);
  return image.buffer;
}
