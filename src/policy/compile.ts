/**
 * Compiles plans and profiles into the policy image (layout: `image`). Runs on the compile thread;
 * the input has been validated by the store, so what is wrong here is a limit or a bug.
 *
 * Profiles of the same plan with the same own names share one record, and equal lists of own names
 * share one rule set, whoever wrote them.
 */

import { CATEGORY_COUNT_MAX, setBit } from '../blocklist/category.ts';
import { EDE_BLOCKED, EDE_CENSORED, EDE_FILTERED } from '../dns/constants.ts';
import { nameToText } from '../dns/name.ts';
import { assert } from '../lib/assert.ts';
import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import { seedIdOf } from '../lib/half-siphash.ts';
import { IMAGE_POLICY, createImage, sealImage, sectionBytes, sectionWords } from '../lib/image.ts';
import type { AddressWords } from '../lib/ip-address.ts';
import { MESSAGES, fillMessage, messageBytes } from '../lib/messages.ts';
import * as layout from './image.ts';
import type { NameTableEntry } from './rules.ts';
import { RULE_ALLOW, RULE_DENY, compileNameTable } from './rules.ts';

export type CategoryClass = 'law' | 'operator' | 'policy';
export type BlockingModeName = 'nxdomain' | 'nodata' | 'zero' | 'address' | 'refused';

/** Ids with a meaning of their own: names that lists cannot block, and ways round the filter. */
export const CATEGORY_PROTECTED = 'protected';
export const CATEGORY_BYPASS = 'bypass';

/** Value of `PolicyProfiles.planOf` for a profile number that is not in use. */
export const NO_PLAN = 0xffffffff;
/** More plans would let the texts alone outgrow an image. */
export const PLANS_MAX = 10_000;

export interface PolicyInput {
  readonly categories: readonly PolicyCategory[];
  readonly plans: readonly PolicyPlan[];
  readonly profiles: PolicyProfiles;
  /** How names on law lists are answered; `nxdomain` unless the operator says otherwise. */
  readonly lawBlockingMode?: 'nxdomain' | 'nodata' | 'zero' | 'refused';
}

export interface PolicyCategory {
  readonly id: string;
  /** 0 to 255. */
  readonly bit: number;
  readonly class: CategoryClass;
  /** Law categories only: 15 instead of 16. */
  readonly edeCode?: 15 | 16;
}

export interface NameRules {
  /** Lower-cased wire octets; a name covers itself and everything below it. */
  readonly allow: readonly Uint8Array[];
  readonly deny: readonly Uint8Array[];
}

export interface PolicyPlan extends NameRules {
  readonly id: string;
  /** Category bits. */
  readonly block: readonly number[];
  /** Category bits that the household cannot open; blocked even where `block` does not name them. */
  readonly locked: readonly number[];
  readonly blockingMode: BlockingModeName;
  readonly blockAddress4?: AddressWords | null;
  readonly blockAddress6?: AddressWords | null;
  readonly maxTtlSeconds?: number | null;
  /** Second since the Unix epoch at which this policy next changes. */
  readonly nextChangeSecond?: number | null;
}

export interface PolicyProfiles {
  /** By profile number: index into `plans`, or `NO_PLAN`. */
  readonly planOf: ArrayLike<number>;
  /** By profile number, only where somebody wrote names of their own. */
  readonly rulesOf: ReadonlyMap<number, OwnRules>;
}

export interface OwnRules {
  readonly profile?: NameRules;
  readonly subscriber?: NameRules;
}

/**
 * @throws AppError `COMPILE_LIMIT` for more plans than an image takes, `COMPILE_COLLISION` where two
 * names share a hash under this seed
 */
export function compilePolicies(input: PolicyInput, seed: HashSeed): SharedArrayBuffer {
  if (input.plans.length > PLANS_MAX) {
    throw new AppError(
      'COMPILE_LIMIT',
      `Compiling policies: ${input.plans.length} plans, at most ${PLANS_MAX} are possible`,
    );
  }
  const rules = new RuleSets();
  const records = new RecordTable(input, rules);
  const policyOf = compilePolicyOf(input, rules, records);
  const texts = compileTexts(input);
  const recordWords = records.words();
  const ruleWords = compileNameTable(rules.entries, seed);

  const sections: Uint32Array[] = [];
  sections[layout.SECTION_GLOBALS] = compileGlobals(input, records.count);
  sections[layout.SECTION_POLICY_OF] = policyOf;
  sections[layout.SECTION_RECORDS] = recordWords;
  sections[layout.SECTION_RULES] = ruleWords;
  sections[layout.SECTION_TEXT_OF] = texts.textOf;
  sections[layout.SECTION_PLACES] = texts.places;
  const lengths = sections.map((section) => section.byteLength);
  const image = createImage(IMAGE_POLICY, layout.POLICY_IMAGE_VERSION, seedIdOf(seed), [
    ...lengths,
    texts.bytes.length,
  ]);
  for (const [section, words] of sections.entries()) sectionWords(image, section).set(words);
  sectionBytes(image, layout.SECTION_TEXTS).set(texts.bytes);
  sealImage(image);
  return image.buffer;
}

/** The image of an installation without plans: every profile is unknown. */
export function emptyPolicies(seed: HashSeed): SharedArrayBuffer {
  const profiles = { planOf: [], rulesOf: new Map<number, OwnRules>() };
  return compilePolicies({ categories: [], plans: [], profiles }, seed);
}

/** Gives equal lists of names one set number; 0 is the empty list. */
class RuleSets {
  readonly entries: NameTableEntry[] = [];
  readonly #setOf = new Map<string, number>();

  add(rules: NameRules | undefined): number {
    if (rules === undefined || rules.allow.length + rules.deny.length === 0) return 0;
    const key = `${namesKey(rules.allow)} ; ${namesKey(rules.deny)}`;
    const known = this.#setOf.get(key);
    if (known !== undefined) return known;
    const set = this.#setOf.size + 1;
    this.#setOf.set(key, set);
    for (const name of rules.allow) this.entries.push({ set, name, value: RULE_ALLOW });
    for (const name of rules.deny) this.entries.push({ set, name, value: RULE_DENY });
    return set;
  }
}

/** The distinct records, each begun as a copy of its plan's. */
class RecordTable {
  readonly #planWords: readonly Uint32Array[];
  readonly #words: Uint32Array[] = [];
  readonly #recordOf = new Map<string, number>();
  /** Records of profiles without own names, by plan; spares a million keys. */
  readonly #plainRecordOf: number[] = [];

  constructor(input: PolicyInput, rules: RuleSets) {
    const bypassBit = bypassBitOf(input.categories);
    this.#planWords = input.plans.map((plan, index) =>
      compilePlan(plan, index, rules.add(plan), bypassBit),
    );
  }

  get count(): number {
    return this.#words.length;
  }

  add(plan: number, profileRules: number, subscriberRules: number): number {
    if (profileRules === 0 && subscriberRules === 0) {
      return (this.#plainRecordOf[plan] ??= this.#append(plan, 0, 0));
    }
    const key = `${plan} ${profileRules} ${subscriberRules}`;
    const known = this.#recordOf.get(key);
    if (known !== undefined) return known;
    const record = this.#append(plan, profileRules, subscriberRules);
    this.#recordOf.set(key, record);
    return record;
  }

  words(): Uint32Array {
    const all = new Uint32Array(this.#words.length * layout.RECORD_WORDS);
    for (const [record, words] of this.#words.entries()) all.set(words, record * words.length);
    return all;
  }

  #append(plan: number, profileRules: number, subscriberRules: number): number {
    const planWords = this.#planWords[plan];
    assert(planWords !== undefined, 'every profile has a plan of the input');
    const words = planWords.slice();
    words[layout.RECORD_PROFILE_RULES] = profileRules;
    words[layout.RECORD_SUBSCRIBER_RULES] = subscriberRules;
    return this.#words.push(words) - 1;
  }
}

function compilePolicyOf(input: PolicyInput, rules: RuleSets, records: RecordTable): Uint32Array {
  const { planOf, rulesOf } = input.profiles;
  const policyOf = new Uint32Array(planOf.length).fill(layout.NOTHING);
  for (let profile = 0; profile < planOf.length; profile++) {
    const plan = planOf[profile]!;
    if (plan === NO_PLAN) continue;
    const own = rulesOf.get(profile);
    policyOf[profile] = records.add(plan, rules.add(own?.profile), rules.add(own?.subscriber));
  }
  return policyOf;
}

function compilePlan(
  plan: PolicyPlan,
  index: number,
  planRules: number,
  bypassBit: number,
): Uint32Array {
  const words = new Uint32Array(layout.RECORD_WORDS);
  const blocked = [...plan.block, ...plan.locked];
  setBits(words, layout.RECORD_LOCKED, plan.locked);
  setBits(words, layout.RECORD_BLOCKED, blocked);
  words[layout.RECORD_PLAN_RULES] = planRules;
  words[layout.RECORD_BLOCKING_MODE] = blockingModeOf(plan.blockingMode);
  words[layout.RECORD_MAX_TTL] = plan.maxTtlSeconds ?? layout.NOTHING;
  words[layout.RECORD_NEXT_CHANGE] = plan.nextChangeSecond ?? 0;
  words[layout.RECORD_PLAN] = index;
  let flags = blocked.includes(bypassBit) ? layout.FLAG_BYPASS_CONTROL : 0;
  if (plan.blockAddress4) {
    flags |= layout.FLAG_HAS_ADDRESS4;
    words[layout.RECORD_ADDRESS4] = plan.blockAddress4[3];
  }
  if (plan.blockAddress6) {
    flags |= layout.FLAG_HAS_ADDRESS6;
    words.set(plan.blockAddress6, layout.RECORD_ADDRESS6);
  }
  words[layout.RECORD_FLAGS] = flags;
  return words;
}

function compileGlobals(input: PolicyInput, recordCount: number): Uint32Array {
  const words = new Uint32Array(layout.GLOBAL_WORDS);
  words[layout.GLOBAL_PROFILES] = input.profiles.planOf.length;
  words[layout.GLOBAL_RECORDS] = recordCount;
  words[layout.GLOBAL_LAW_MODE] = blockingModeOf(input.lawBlockingMode ?? 'nxdomain');
  words[layout.GLOBAL_BYPASS_BIT] = bypassBitOf(input.categories);
  const edeCodes = new Uint8Array(words.buffer, layout.GLOBAL_EDE_CODES * 4, CATEGORY_COUNT_MAX);
  edeCodes.fill(EDE_FILTERED);
  for (const category of input.categories) {
    if (category.id === CATEGORY_PROTECTED) {
      setBits(words, layout.GLOBAL_PROTECTED, [category.bit]);
    } else if (category.class === 'law') {
      setBits(words, layout.GLOBAL_LAW, [category.bit]);
      edeCodes[category.bit] = category.edeCode ?? EDE_CENSORED;
    } else if (category.class === 'operator') {
      setBits(words, layout.GLOBAL_OPERATOR, [category.bit]);
      edeCodes[category.bit] = EDE_BLOCKED;
    }
  }
  return words;
}

interface Texts {
  readonly textOf: Uint32Array;
  readonly places: Uint32Array;
  readonly bytes: Uint8Array;
}

/** Fixed texts first, two of each plan next (`TEXT_…`), then one for each category that a plan blocks. */
function compileTexts(input: PolicyInput): Texts {
  const message = MESSAGES.en;
  const numbers = new Map<string, number>();
  const texts: string[] = [
    '',
    message.blockedByLaw,
    message.deniedByProfile,
    message.deniedBySubscriber,
  ];
  for (const { id } of input.plans) {
    texts.push(fillMessage(message.deniedByPlan, { plan: id }));
    texts.push(fillMessage(message.blockedByBypassControl, { plan: id }));
  }
  const textOf = new Uint32Array(input.plans.length * CATEGORY_COUNT_MAX);
  for (const [index, plan] of input.plans.entries()) {
    const blocked = new Set([...plan.block, ...plan.locked]);
    for (const category of input.categories) {
      if (!blocked.has(category.bit)) continue;
      const isSecurity = category.class === 'operator';
      const text = fillMessage(
        isSecurity ? message.blockedForSecurity : message.blockedByCategory,
        {
          category: category.id,
          plan: plan.id,
        },
      );
      let number = numbers.get(text);
      if (number === undefined) numbers.set(text, (number = texts.push(text) - 1));
      textOf[index * CATEGORY_COUNT_MAX + category.bit] = number;
    }
  }
  return { textOf, ...packTexts(texts) };
}

function packTexts(texts: readonly string[]): { places: Uint32Array; bytes: Uint8Array } {
  const encoded = texts.map(messageBytes);
  const places = new Uint32Array(encoded.length * 2);
  const bytes = new Uint8Array(encoded.reduce((sum, octets) => sum + octets.length, 0));
  let at = 0;
  for (const [index, octets] of encoded.entries()) {
    places.set([at, octets.length], index * 2);
    bytes.set(octets, at);
    at += octets.length;
  }
  return { places, bytes };
}

function bypassBitOf(categories: readonly PolicyCategory[]): number {
  return categories.find(({ id }) => id === CATEGORY_BYPASS)?.bit ?? layout.NOTHING;
}

function blockingModeOf(mode: BlockingModeName): number {
  switch (mode) {
    case 'nxdomain':
      return layout.BLOCKING_NXDOMAIN;
    case 'nodata':
      return layout.BLOCKING_NODATA;
    case 'zero':
      return layout.BLOCKING_ZERO;
    case 'address':
      return layout.BLOCKING_ADDRESS;
    case 'refused':
      return layout.BLOCKING_REFUSED;
  }
}

function setBits(words: Uint32Array, at: number, bits: readonly number[]): void {
  for (const bit of bits) {
    assert(bit >= 0 && bit < CATEGORY_COUNT_MAX, 'category bits are 0 to 255');
    setBit(words, bit, at);
  }
}

/** Order of writing does not matter, so it is not part of the key. */
function namesKey(names: readonly Uint8Array[]): string {
  return names
    .map((name) => nameToText(name))
    .sort()
    .join(' ');
}
