/**
 * The texts of one image while it is compiled: which words a block carries, by what blocked, in the
 * language of the subscriber. A variant is a row of text numbers for one plan, language and helpline;
 * only those that some profile needs are made. Equal texts are one.
 */

import { CATEGORY_COUNT_MAX } from '../blocklist/category.ts';
import { assert } from '../lib/assert.ts';
import { AppError } from '../lib/errors.ts';
import { categoryTitle } from '../lib/category-titles.ts';
import type { Language } from '../lib/messages.ts';
import { MESSAGES, fillMessage, messageBytes } from '../lib/messages.ts';
import {
  SENTENCE_BYPASS,
  SENTENCE_DENIED_BY_PLAN,
  SENTENCE_DENIED_BY_PROFILE,
  SENTENCE_DENIED_BY_SUBSCRIBER,
  SENTENCE_LAW,
  SENTENCE_NOT_ON_ALLOW_LIST,
  SENTENCE_NO_SAFE_MODE,
  TEXT_NONE,
  TIMED_TEXTS_NONE,
  VARIANT_WORDS,
} from './image.ts';
import type { PolicyCategory, PolicyHelpline, PolicyInput } from './policy-input.ts';
import type { OffCause, TimedCause } from './timeline.ts';
import type { Zone } from './time-zone.ts';
import { localOf } from './time-zone.ts';

/** More variants would let the texts alone outgrow an image: one has a kilobyte. */
const VARIANTS_MAX = 20_000;

export interface TextSections {
  readonly textOf: Uint32Array;
  readonly places: Uint32Array;
  readonly bytes: Uint8Array;
  readonly timedTexts: Uint32Array;
}

export class TextTable {
  readonly #input: Pick<PolicyInput, 'categories' | 'plans' | 'helplines'>;
  readonly #variantOf = new Map<string, number>();
  readonly #variants: Uint32Array[] = [];
  /** Variants without a plan, which those with one begin as a copy of. */
  readonly #commonOf = new Map<string, Uint32Array>();
  readonly #numberOf = new Map<string, number>([['', TEXT_NONE]]);
  readonly #categoryOf: ReadonlyMap<number, PolicyCategory>;
  /** Lists of `timedTexts`, one after the other, and where each begins. */
  readonly #timedWords: number[] = [0];
  readonly #timedOf = new Map<string, number>();

  constructor(input: Pick<PolicyInput, 'categories' | 'plans' | 'helplines'>) {
    this.#input = input;
    this.#categoryOf = new Map(input.categories.map((category) => [category.bit, category]));
  }

  /**
   * @param plan index in the input
   * @throws AppError `COMPILE_LIMIT`
   */
  variantOf(plan: number, zone: string, language: Language): number {
    const helpline = helplineOf(this.#input, zone, language);
    const key = `${plan} ${language} ${helpline ?? ''}`;
    const known = this.#variantOf.get(key);
    if (known !== undefined) return known;
    if (this.#variants.length === VARIANTS_MAX) {
      throw new AppError(
        'COMPILE_LIMIT',
        `Compiling policies: plans in different languages need more than ${VARIANTS_MAX} variants of texts; fewer plans or languages are possible`,
      );
    }
    const variant = this.#variants.push(this.#compileVariant(plan, language, helpline)) - 1;
    this.#variantOf.set(key, variant);
    return variant;
  }

  /**
   * Why the internet is off, and until when, where that is known.
   * @param untilSecond null where it is not known or more than a day away
   */
  offText(language: Language, cause: OffCause, untilSecond: number | null, zone: Zone): number {
    const { off, offUntil, paused, pausedUntil, timeUsedUp } = MESSAGES[language];
    if (cause === 'usedUp') return this.#add(timeUsedUp);
    const isPause = cause === 'pause';
    if (untilSecond === null) return this.#add(isPause ? paused : off);
    const time = clockText(zone, untilSecond);
    return this.#add(fillMessage(isPause ? pausedUntil : offUntil, { time }));
  }

  /**
   * Where the list begins that says what the clock blocks now. Security keeps its warning, and a
   * category with a helpline its number.
   */
  timedTexts(language: Language, causeOf: ReadonlyMap<number, TimedCause>): number {
    if (causeOf.size === 0) return TIMED_TEXTS_NONE;
    const { usedUpForToday, blockedBySchedule } = MESSAGES[language];
    const pairs: number[] = [];
    for (const bit of [...causeOf.keys()].sort((a, b) => a - b)) {
      const category = this.#categoryOf.get(bit);
      if (category?.class !== 'policy' || category.hasHelpline === true) continue;
      const message = causeOf.get(bit) === 'usedUp' ? usedUpForToday : blockedBySchedule;
      const title = titleOf(category, language);
      pairs.push(bit, this.#add(fillMessage(message, { category: title })));
    }
    const key = pairs.join();
    const known = this.#timedOf.get(key);
    if (known !== undefined) return known;
    const at = this.#timedWords.push(pairs.length / 2) - 1;
    this.#timedWords.push(...pairs);
    this.#timedOf.set(key, at);
    return at;
  }

  sections(): TextSections {
    const textOf = new Uint32Array(this.#variants.length * VARIANT_WORDS);
    for (const [index, words] of this.#variants.entries()) textOf.set(words, index * VARIANT_WORDS);
    const timedTexts = Uint32Array.from(this.#timedWords);
    return { textOf, ...packTexts([...this.#numberOf.keys()]), timedTexts };
  }

  #compileVariant(plan: number, language: Language, helpline: string | null): Uint32Array {
    const message = MESSAGES[language];
    const words = this.#common(language, helpline).slice();
    const { id, block, locked } = this.#input.plans[plan]!;
    words[SENTENCE_DENIED_BY_PLAN] = this.#add(fillMessage(message.deniedByPlan, { plan: id }));
    const byPlan = new Set([...block, ...locked]);
    for (const category of this.#input.categories) {
      if (!byPlan.has(category.bit) || !isNamedWithPlan(category, helpline)) continue;
      const values = { category: titleOf(category, language), plan: id };
      words[category.bit] = this.#add(fillMessage(message.blockedByPlan, values));
    }
    return words;
  }

  #common(language: Language, helpline: string | null): Uint32Array {
    const key = `${language} ${helpline ?? ''}`;
    const known = this.#commonOf.get(key);
    if (known !== undefined) return known;
    const message = MESSAGES[language];
    const words = new Uint32Array(VARIANT_WORDS);
    for (const category of this.#input.categories) {
      assert(category.bit < CATEGORY_COUNT_MAX, 'category bits are 0 to 255');
      words[category.bit] = this.#add(categoryText(language, category, helpline));
    }
    words[SENTENCE_LAW] = this.#add(message.blockedByLaw);
    words[SENTENCE_BYPASS] = this.#add(message.blockedByBypassControl);
    words[SENTENCE_DENIED_BY_PROFILE] = this.#add(message.deniedByProfile);
    words[SENTENCE_DENIED_BY_SUBSCRIBER] = this.#add(message.deniedBySubscriber);
    words[SENTENCE_NOT_ON_ALLOW_LIST] = this.#add(message.notOnAllowList);
    words[SENTENCE_NO_SAFE_MODE] = this.#add(message.noSafeMode);
    this.#commonOf.set(key, words);
    return words;
  }

  #add(text: string): number {
    const known = this.#numberOf.get(text);
    if (known !== undefined) return known;
    const number = this.#numberOf.size;
    this.#numberOf.set(text, number);
    return number;
  }
}

/** The helpline of a place and a language; null where there is none, or no category that carries it. */
function helplineOf(
  { categories, helplines }: Pick<PolicyInput, 'categories' | 'helplines'>,
  zone: string,
  language: Language,
): string | null {
  if (!categories.some(({ hasHelpline }) => hasHelpline)) return null;
  const isForAll = ({ zones, languages }: PolicyHelpline): boolean =>
    zones.length + languages.length === 0;
  const helpline =
    helplines.find(({ zones }) => zones.includes(zone)) ??
    helplines.find(({ languages }) => languages.includes(language)) ??
    helplines.find(isForAll);
  return helpline?.text ?? null;
}

/** Mandatory lists have one sentence for all categories, and it names none. */
function categoryText(
  language: Language,
  category: PolicyCategory,
  helpline: string | null,
): string {
  if (category.class === 'law') return '';
  const message = MESSAGES[language];
  const values = { category: titleOf(category, language), help: helpline ?? '' };
  if (category.class === 'operator') return fillMessage(message.blockedForSecurity, values);
  const hasHelp = category.hasHelpline === true && helpline !== null;
  return fillMessage(hasHelp ? message.blockedWithHelp : message.blockedByHousehold, values);
}

function titleOf({ id, title }: PolicyCategory, language: Language): string {
  return categoryTitle(id, title, language);
}

function isNamedWithPlan(category: PolicyCategory, helpline: string | null): boolean {
  const hasHelp = category.hasHelpline === true && helpline !== null;
  return category.class === 'policy' && !hasHelp;
}

/** HH:MM; a minute that has begun by then counts as over. */
function clockText(zone: Zone, second: number): string {
  const { minute } = localOf(zone, second + 59);
  const [hours, minutes] = [Math.floor(minute / 60), minute % 60];
  return `${String(hours).padStart(2, '0')}:${String(minutes).padStart(2, '0')}`;
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
