/**
 * From what a profile has set to its chain of records: the states that it goes through between the
 * second from which an image speaks and its horizon, each at most once in the image.
 *
 *     20:00       21:00              07:00 (+1)        21:00 (+1)    22:00 (+1)
 *     ├── open ────┼── bedtime ────────┼── open ─────────┼── bedtime ───┤ open end: renew by here
 *
 * A chain is written from its end backwards, so that profiles share the ends of their chains. At the open end
 * the last state holds on (fail mode `closed`), or the policy without schedules, pauses and budgets
 * follows (`open`).
 */

import { assert } from '../lib/assert.ts';
import { CHAIN_STATES_MAX, RECORD_NEXT_CHANGE, RECORD_NEXT_RECORD, TEXT_NONE } from './image.ts';
import type { PolicyBasis } from './policy-basis.ts';
import { compileBasis, NO_TEXTS, recordWhile, timedCausesOf } from './policy-basis.ts';
import type { OwnSettings, PolicyInput, Schedule, Settings } from './policy-input.ts';
import { RecordTable } from './record-table.ts';
import { RuleSets } from './rule-sets.ts';
import { TextTable } from './texts.ts';
import type { Moment, Span } from './timeline.ts';
import { momentsOf, onAgainSecond, spansOfSchedules, spansOfSettings } from './timeline.ts';
import type { Zone } from './time-zone.ts';
import { openZone } from './time-zone.ts';

/** A state that begins at a second: its record, with no end as yet. */
interface State {
  readonly fromSecond: number;
  readonly words: Uint32Array;
}

interface Foreseen {
  readonly states: readonly State[];
  /** Null where the last state holds for ever. */
  readonly openEndSecond: number | null;
}

/** The record of one setting in one place; the same setting in others is a short list. */
interface KnownRecord {
  readonly place: number;
  readonly record: number;
  readonly other: KnownRecord | undefined;
}

export class ChainCompiler {
  readonly records = new RecordTable();
  readonly rules = new RuleSets();
  readonly texts: TextTable;
  readonly #input: PolicyInput;
  readonly #bypassBit: number;
  readonly #zones: readonly Zone[];
  /** Records of profiles without own settings, by plan, zone and language: spares a million keys. */
  readonly #plainRecordOf = new Map<number, number>();
  /** The same for settings that many households share. */
  readonly #ownRecordOf = new Map<OwnSettings, KnownRecord>();
  /** By plan and zone. */
  readonly #planSpansOf = new Map<number, readonly Span[]>();
  #untilSecond: number;

  /** @param bypassBit −1 where there is no category `bypass` */
  constructor(input: PolicyInput, bypassBit: number) {
    this.#input = input;
    this.#bypassBit = bypassBit;
    this.#zones = input.profiles.zones.map(openZone);
    this.#untilSecond = input.horizonSecond;
    this.texts = new TextTable(input);
  }

  /** The earliest open end of a chain, or the horizon. */
  get untilSecond(): number {
    return this.#untilSecond;
  }

  /** The record with which the chain of a profile begins. */
  recordOf(profile: number): number {
    const { planOf, zoneOf, languageOf, zones, languages, ownOf } = this.#input.profiles;
    const [plan, zone, language] = [planOf[profile]!, zoneOf[profile]!, languageOf[profile]!];
    const place = (plan * zones.length + zone) * languages.length + language;
    const own = ownOf.get(profile);
    const others = own === undefined ? undefined : this.#ownRecordOf.get(own);
    let known = others;
    while (known !== undefined && known.place !== place) known = known.other;
    const knownRecord = own === undefined ? this.#plainRecordOf.get(place) : known?.record;
    if (knownRecord !== undefined) return knownRecord;
    const record = this.#compile(plan, zone, language, own ?? null);
    if (own === undefined) this.#plainRecordOf.set(place, record);
    else this.#ownRecordOf.set(own, { place, record, other: others });
    return record;
  }

  #compile(planIndex: number, zone: number, language: number, own: OwnSettings | null): number {
    const { plans, profiles } = this.#input;
    const plan = plans[planIndex];
    assert(plan !== undefined, 'every profile has a plan of the input');
    const languageName = profiles.languages[language]!;
    const variant = this.texts.variantOf(planIndex, profiles.zones[zone]!, languageName);
    const place = { plan: planIndex, variant, bypassBit: this.#bypassBit };
    const basis = compileBasis(plan, own, place, this.rules);
    const schedules = own?.profile?.schedules ?? own?.subscriber?.schedules ?? plan.schedules;
    const spans = this.#spansOf(planIndex, schedules, zone, own);
    // The calendar goes on after the horizon, even where nothing can be seen of it from here.
    const isEndless = schedules.length === 0;
    const foreseen = this.#foresee(basis, spans, isEndless, zone, language);
    const { openEndSecond } = foreseen;
    if (openEndSecond === null || plan.failMode === 'closed') return this.#write(foreseen, null);
    return this.#write(foreseen, recordWhile(basis, [], NO_TEXTS, this.rules));
  }

  #spansOf(
    planIndex: number,
    schedules: readonly Schedule[],
    zone: number,
    own: OwnSettings | null,
  ): Span[] {
    const { atSecond, horizonSecond, plans } = this.#input;
    const isPlans = schedules === plans[planIndex]!.schedules;
    const spans = isPlans
      ? this.#planSpans(planIndex, zone)
      : spansOfSchedules(schedules, this.#zones[zone]!, atSecond, horizonSecond);
    const ofSettings = (settings: Settings | null | undefined): Span[] =>
      settings ? spansOfSettings(settings, atSecond) : [];
    return [...spans, ...ofSettings(own?.subscriber), ...ofSettings(own?.profile)];
  }

  #planSpans(planIndex: number, zone: number): readonly Span[] {
    const key = planIndex * this.#zones.length + zone;
    const known = this.#planSpansOf.get(key);
    if (known !== undefined) return known;
    const { atSecond, horizonSecond, plans } = this.#input;
    const { schedules } = plans[planIndex]!;
    const spans = spansOfSchedules(schedules, this.#zones[zone]!, atSecond, horizonSecond);
    this.#planSpansOf.set(key, spans);
    return spans;
  }

  #foresee(
    basis: PolicyBasis,
    spans: readonly Span[],
    isEndless: boolean,
    zone: number,
    language: number,
  ): Foreseen {
    const { atSecond, horizonSecond } = this.#input;
    const moments = momentsOf(spans, atSecond);
    const states: State[] = [];
    for (const [index, { second: fromSecond }] of moments.entries()) {
      if (fromSecond >= horizonSecond) return { states, openEndSecond: horizonSecond };
      const words = this.#wordsAt(basis, moments, index, zone, language);
      if (isSame(states.at(-1)?.words, words)) continue;
      if (states.length === CHAIN_STATES_MAX) return { states, openEndSecond: fromSecond };
      states.push({ fromSecond, words });
    }
    return { states, openEndSecond: isEndless ? null : horizonSecond };
  }

  #wordsAt(
    basis: PolicyBasis,
    moments: readonly Moment[],
    index: number,
    zone: number,
    language: number,
  ): Uint32Array {
    const { running, offCause } = moments[index]!;
    const languageName = this.#input.profiles.languages[language]!;
    const timed = this.texts.timedTexts(languageName, timedCausesOf(basis, running));
    if (offCause === null) {
      return recordWhile(basis, running, { off: TEXT_NONE, timed }, this.rules);
    }
    const untilSecond = onAgainSecond(moments, index);
    const off = this.texts.offText(languageName, offCause, untilSecond, this.#zones[zone]!);
    return recordWhile(basis, running, { off, timed }, this.rules);
  }

  #write({ states, openEndSecond }: Foreseen, afterOpenEnd: Uint32Array | null): number {
    if (openEndSecond !== null) this.#untilSecond = Math.min(this.#untilSecond, openEndSecond);
    let untilSecond = openEndSecond;
    let record = afterOpenEnd === null ? null : this.records.add(afterOpenEnd);
    for (const { fromSecond, words } of states.toReversed()) {
      if (untilSecond !== null) words[RECORD_NEXT_CHANGE] = untilSecond;
      if (record !== null) words[RECORD_NEXT_RECORD] = record;
      record = this.records.add(words);
      untilSecond = fromSecond;
    }
    assert(record !== null, 'there is a state at the second from which an image speaks');
    return record;
  }
}

function isSame(a: Uint32Array | undefined, b: Uint32Array): boolean {
  return a?.every((word, index) => word === b[index]) ?? false;
}
