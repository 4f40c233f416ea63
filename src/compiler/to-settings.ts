/**
 * The settings of households and profiles as the policy compiler takes them. Those that were written
 * alike, and have no names, grants or budgets of their own, are one object: the compiler looks at each
 * object once.
 *
 * Safe search is the one setting in which a profile may say less than its household; the compiler takes
 * the most of all levels, so a profile's level is made whole here and the household's left out.
 */

import { MINUTES_OF_DAY, parseDate, parseMinute } from '../lib/calendar.ts';
import {
  type DateRange,
  type Grant,
  NO_SAFE_SEARCH,
  type OwnSettings,
  type Pause,
  type SafeSearchMap,
  type SafeSearchSettings,
  type Schedule,
  type Settings,
  type Target,
} from '../policy/policy-input.ts';
import { mostSafe } from '../policy/safe-search.ts';
import { localOf, openZone, secondOfLocal } from '../policy/time-zone.ts';
import { isAboveLog } from '../store/canonical.ts';
import {
  categoryOfTarget,
  type SafeSearchRecord,
  type ScheduleRecord,
} from '../store/canonical-settings.ts';
import {
  budgetKey,
  type CompileGrant,
  type CompileHouseholds,
  type CompileProfile,
  type CompileRules,
  type CompileSettings,
} from '../store/compile-households.ts';
import { type LogLevelName, WEEKDAYS, YOUTUBE_LEVELS } from '../store/document.ts';
import { nameToWire } from '../store/rule-name.ts';

const EVERY_DAY = 127;
/** One for all: a hundred thousand households have five empty lists each. */
const NONE: readonly never[] = [];
const NO_RULES: CompileRules = { allow: NONE, always: NONE, deny: NONE };

/** What an age stands for; what the profile says itself beats it. */
export interface AgePresetSettings {
  readonly block: readonly string[];
  readonly safeSearch: SafeSearchRecord;
  /** Of a profile that says nothing itself, and the most that it may say. */
  readonly log: LogLevelName;
  readonly logMax: LogLevelName;
}

export interface SettingsMakerOptions {
  readonly households: CompileHouseholds;
  readonly bitOf: ReadonlyMap<string, number>;
  readonly data: {
    readonly safeSearch: SafeSearchMap;
    readonly agePresets: ReadonlyMap<string, AgePresetSettings>;
  };
  readonly nowSeconds: number;
}

interface Running {
  readonly pauses: Pause[];
  readonly grants: Grant[];
}

/** A household as its own number has it, and as its profiles do. */
interface HouseholdForms {
  readonly own: OwnSettings;
  readonly shared: Settings;
}

export class SettingsMaker {
  readonly #households: CompileHouseholds;
  readonly #bitOf: ReadonlyMap<string, number>;
  readonly #data: SettingsMakerOptions['data'];
  readonly #nowSeconds: number;
  /** By number of a subscriber or profile. */
  readonly #running = new Map<number, Running>();
  readonly #plainForms = new Map<CompileSettings, HouseholdForms>();
  readonly #plainProfiles = new Map<CompileSettings, Settings>();
  /** By the settings of a profile: the last that was made with them. */
  readonly #ownOf = new Map<Settings, OwnSettings>();
  readonly #schedules = new Map<readonly ScheduleRecord[], readonly Schedule[]>();
  readonly #todayOf = new Map<number, { readonly day: number; readonly endSecond: number }>();
  /** Of households that are not plain and have profiles, which share it. */
  readonly #formsOf = new Map<number, HouseholdForms>();
  readonly #withProfiles: ReadonlySet<number>;

  constructor({ households, bitOf, data, nowSeconds }: SettingsMakerOptions) {
    this.#households = households;
    this.#bitOf = bitOf;
    this.#data = data;
    this.#nowSeconds = nowSeconds;
    this.#withProfiles = new Set(households.profiles.map(({ subscriber }) => subscriber));
    for (const grant of households.grants) this.#addRunning(grant);
  }

  /** Subscribers with settings, rules, grants or pauses of their own. */
  householdNumbers(): Set<number> {
    const { settingsOf, rulesOf, profiles } = this.#households;
    const numbers = new Set([...settingsOf.keys(), ...rulesOf.keys(), ...this.#running.keys()]);
    for (const { number } of profiles) numbers.delete(number);
    return numbers;
  }

  /** Null where nothing is set. */
  ofHousehold(number: number): OwnSettings | null {
    return this.#formsOfHousehold(number)?.own ?? null;
  }

  ofProfile(profile: CompileProfile): OwnSettings {
    const subscriber = this.#formsOfHousehold(profile.subscriber)?.shared ?? null;
    const settings = this.#profileSettings(profile);
    // The compiler takes equal settings for one where they are the same object.
    const known = this.#ownOf.get(settings);
    if (known?.subscriber === subscriber) return known;
    const own = { subscriber, profile: settings };
    this.#ownOf.set(settings, own);
    return own;
  }

  safeSearchOf(record: SafeSearchRecord | undefined): SafeSearchSettings {
    return record === undefined ? NO_SAFE_SEARCH : this.#overlay(NO_SAFE_SEARCH, record);
  }

  schedulesOf(records: readonly ScheduleRecord[]): readonly Schedule[] {
    let schedules = this.#schedules.get(records);
    if (schedules === undefined) {
      schedules = records.flatMap((record) => this.#scheduleOf(record) ?? []);
      this.#schedules.set(records, schedules);
    }
    return schedules;
  }

  #formsOfHousehold(number: number): HouseholdForms | null {
    const settings = this.#households.settingsOf.get(number);
    const rules = this.#households.rulesOf.get(number);
    const running = this.#running.get(number);
    if (rules === undefined && running === undefined) {
      if (settings === undefined) return null;
      let forms = this.#plainForms.get(settings);
      if (forms === undefined) {
        forms = this.#makeForms(settings, NO_RULES, undefined);
        this.#plainForms.set(settings, forms);
      }
      return forms;
    }
    let forms = this.#formsOf.get(number);
    if (forms === undefined) {
      forms = this.#makeForms(settings ?? {}, rules ?? NO_RULES, running);
      if (this.#withProfiles.has(number)) this.#formsOf.set(number, forms);
    }
    return forms;
  }

  #makeForms(
    settings: CompileSettings,
    rules: CompileRules,
    running: Running | undefined,
  ): HouseholdForms {
    const shared = this.#settingsOf(settings, rules, running);
    const { safeSearch } = settings;
    const subscriber =
      safeSearch === undefined ? shared : { ...shared, safeSearch: this.safeSearchOf(safeSearch) };
    return { own: { subscriber, profile: null }, shared };
  }

  #profileSettings({ number, subscriber, settings }: CompileProfile): Settings {
    const household = this.#households.settingsOf.get(subscriber);
    const householdLog = settings.age === undefined ? undefined : household?.log;
    const rules = this.#households.rulesOf.get(number);
    const running = this.#running.get(number);
    const isPlain =
      rules === undefined &&
      running === undefined &&
      household?.safeSearch === undefined &&
      householdLog === undefined &&
      settings.budgets === undefined;
    const known = isPlain ? this.#plainProfiles.get(settings) : undefined;
    if (known !== undefined) return known;
    const made = this.#makeProfile(number, settings, rules ?? NO_RULES, running, {
      safeSearch: household?.safeSearch,
      log: householdLog,
    });
    if (isPlain) this.#plainProfiles.set(settings, made);
    return made;
  }

  #makeProfile(
    number: number,
    settings: CompileSettings,
    rules: CompileRules,
    running: Running | undefined,
    household: {
      readonly safeSearch: SafeSearchRecord | undefined;
      readonly log: LogLevelName | undefined;
    },
  ): Settings {
    const base = this.#settingsOf(settings, rules, running);
    const preset = settings.age === undefined ? undefined : this.#data.agePresets.get(settings.age);
    const least = mostSafe(
      this.safeSearchOf(preset?.safeSearch),
      this.safeSearchOf(household.safeSearch),
    );
    const open = new Set(settings.open);
    const presetBlock = (preset?.block ?? []).filter((id) => !open.has(id));
    return {
      ...base,
      block: [...new Set([...base.block, ...this.#bits(presetBlock)])],
      safeSearch: this.#overlay(least, settings.safeSearch ?? {}),
      budgets: this.#budgetsOf(number, settings.budgets ?? []),
      log:
        preset === undefined
          ? base.log
          : logOf(base.log ?? household.log ?? preset.log, preset.logMax),
    };
  }

  /** Without safe search and budgets, which need to know whose they are. */
  #settingsOf(
    settings: CompileSettings,
    rules: CompileRules,
    running: Running | undefined,
  ): Settings {
    return {
      allow: rules.allow,
      always: rules.always,
      deny: rules.deny,
      block: this.#bits(settings.block),
      open: this.#bits(settings.open),
      isAllowListOnly: settings.allowListOnly === true,
      safeSearch: NO_SAFE_SEARCH,
      schedules: settings.schedules === undefined ? null : this.schedulesOf(settings.schedules),
      pauses: running?.pauses ?? NONE,
      grants: running?.grants ?? NONE,
      budgets: NONE,
      log: settings.log ?? null,
    };
  }

  #bits(ids: readonly string[] = NONE): readonly number[] {
    return ids.length === 0 ? NONE : ids.flatMap((id) => this.#bitOf.get(id) ?? []);
  }

  /** What the record says beats the base; what it does not say stays. */
  #overlay(base: SafeSearchSettings, record: SafeSearchRecord): SafeSearchSettings {
    const { engines: known } = this.#data.safeSearch;
    let { engines } = base;
    if (record.all !== undefined) engines = record.all ? (1 << known.length) - 1 : 0;
    for (const [bit, { id }] of known.entries()) {
      const isOn = record.engines?.[id];
      if (isOn === true) engines |= 1 << bit;
      if (isOn === false) engines &= ~(1 << bit);
    }
    const { youtube, blockUnsafe } = record;
    return {
      engines,
      youtube: youtube === undefined ? base.youtube : YOUTUBE_LEVELS.indexOf(youtube),
      isBlockingUnsafe: blockUnsafe ?? base.isBlockingUnsafe,
    };
  }

  /** Null where it is about a category that is no more. */
  #scheduleOf(record: ScheduleRecord): Schedule | null {
    const target = this.#targetOf(record);
    const [fromMinute, toMinute] = [parseMinute(record.from), parseMinute(record.to)];
    if (target === null || fromMinute === null || toMinute === null) return null;
    const days = record.days?.reduce(
      (bits, day) => bits | (1 << WEEKDAYS.findIndex((weekday) => weekday === day)),
      0,
    );
    return {
      target,
      days: days ?? EVERY_DAY,
      dates: record.dates?.flatMap((text) => rangeOf(text) ?? []) ?? null,
      fromMinute,
      toMinute,
    };
  }

  #targetOf(record: Pick<ScheduleRecord, 'target' | 'names' | 'safeSearch'>): Target | null {
    switch (record.target) {
      case 'internet':
        return { kind: 'internet' };
      case 'names':
        return { kind: 'names', names: (record.names ?? []).map(nameToWire) };
      case 'safe-search':
        return { kind: 'safeSearch', level: this.safeSearchOf(record.safeSearch) };
    }
    const bit = this.#bitOf.get(categoryOfTarget(record.target) ?? '');
    return bit === undefined ? null : { kind: 'category', bit };
  }

  #addRunning({ kind, owner, target, fromSecond, untilSecond }: CompileGrant): void {
    if (untilSecond <= this.#nowSeconds) return;
    const running = this.#running.get(owner) ?? { pauses: [], grants: [] };
    this.#running.set(owner, running);
    if (kind === 'pause') {
      running.pauses.push({ fromSecond, untilSecond });
      return;
    }
    const granted = this.#targetOf(target);
    if (granted !== null) running.grants.push({ target: granted, untilSecond });
  }

  #budgetsOf(
    number: number,
    records: NonNullable<CompileSettings['budgets']>,
  ): Settings['budgets'] {
    return records.flatMap(({ target: text, minutesPerDay }) => {
      const target = this.#targetOf({ target: text });
      if (target === null) return [];
      const { day, endSecond } = this.#today(number);
      const used = this.#households.usedMinutes.get(budgetKey(number, text, day)) ?? 0;
      return [{ target, usedUpUntilSecond: used >= minutesPerDay ? endSecond : null }];
    });
  }

  /** The local day of a profile, and the midnight that ends it. */
  #today(number: number): { readonly day: number; readonly endSecond: number } {
    const place = this.#households.zoneOf[number] ?? 0;
    let today = this.#todayOf.get(place);
    if (today === undefined) {
      const zone = openZone(this.#households.zones[place] ?? 'UTC');
      const { day } = localOf(zone, this.#nowSeconds);
      today = { day, endSecond: secondOfLocal(zone, day, MINUTES_OF_DAY) };
      this.#todayOf.set(place, today);
    }
    return today;
  }
}

function logOf(level: LogLevelName, ceiling: LogLevelName): LogLevelName {
  return isAboveLog(level, ceiling) ? ceiling : level;
}

function rangeOf(text: string): DateRange | null {
  const [firstText = '', lastText = firstText] = text.split('/');
  const [firstDay, lastDay] = [parseDate(firstText), parseDate(lastText)];
  return firstDay === null || lastDay === null ? null : { firstDay, lastDay };
}
