/**
 * From what the store holds to what the policy compiler takes: ids become bits, times become seconds,
 * age presets become settings. All that depends on the moment is decided here and nothing else is, so
 * the rows of one revision serve every renewal.
 */

import { parseIpAddress } from '../lib/ip-address.ts';
import type { AddressWords } from '../lib/ip-address.ts';
import type {
  OwnSettings,
  PolicyCategory,
  PolicyHelpline,
  PolicyInput,
  PolicyPlan,
  SafeSearchMap,
} from '../policy/policy-input.ts';
import { DEFAULT_LOG, DEFAULT_LOG_MAX, isAboveLog, type PlanRecord } from '../store/canonical.ts';
import { type AllowedName, isAlways, nameOf } from '../store/canonical-settings.ts';
import { isKeptOpen } from '../store/category-uses.ts';
import type { CompileCategory, CompileInput } from '../store/compile-input.ts';
import { nameToWire } from '../store/rule-name.ts';
import { SettingsMaker, type AgePresetSettings } from './to-settings.ts';

/** An image speaks for a day, and for what a renewal may be late. */
const HORIZON_SECONDS = 26 * 3600;

/** Of the files in `blocklists/`. */
export interface CompileData {
  readonly safeSearch: SafeSearchMap;
  readonly helplines: readonly PolicyHelpline[];
  readonly agePresets: ReadonlyMap<string, AgePresetSettings>;
}

/** @param nowSeconds the image speaks from here on */
export function toPolicyInput(
  input: CompileInput,
  data: CompileData,
  nowSeconds: number,
): PolicyInput {
  const { households } = input;
  const bitOf = new Map(input.categories.map(({ id, bit }) => [id, bit]));
  const maker = new SettingsMaker({ households, bitOf, data, nowSeconds });
  const { planOf, zoneOf, languageOf, zones, languages, defaultOf } = households;
  return {
    atSecond: nowSeconds,
    horizonSecond: nowSeconds + HORIZON_SECONDS,
    categories: input.categories.map(toCategory),
    plans: input.plans.map((plan) => toPlan(plan, input.categories, bitOf, maker)),
    profiles: {
      planOf,
      zoneOf,
      languageOf,
      zones,
      languages,
      ownOf: toOwnOf(input, maker),
      defaultOf,
    },
    devices: households.devices,
    cpeIds: households.cpeIds,
    safeSearch: data.safeSearch,
    helplines: data.helplines,
  };
}

function toCategory(category: CompileCategory): PolicyCategory {
  const { id, title, bit, class: verdict, edeCode, isNeverReported, hasHelpline } = category;
  const code = edeCode === null ? {} : { edeCode };
  // A category without a title is known by its id.
  const shown = title === '' ? id : title;
  return { id, title: shown, bit, class: verdict, ...code, isNeverReported, hasHelpline };
}

function toPlan(
  record: PlanRecord,
  categories: readonly CompileCategory[],
  bitOf: ReadonlyMap<string, number>,
  maker: SettingsMaker,
): PolicyPlan {
  const bits = (ids: readonly string[] = []): number[] => ids.flatMap((id) => bitOf.get(id) ?? []);
  const logMax = record.logMax ?? DEFAULT_LOG_MAX;
  const log = record.log ?? DEFAULT_LOG;
  const allowed = record.allow ?? [];
  const wires = (names: readonly AllowedName[]): Uint8Array[] =>
    names.map((name) => nameToWire(nameOf(name)));
  return {
    id: record.id,
    allow: wires(allowed.filter((name) => !isAlways(name))),
    always: wires(allowed.filter(isAlways)),
    deny: wires(record.deny ?? []),
    block: bits(record.block),
    locked: bits(record.locked),
    lockedOpen: categories
      .filter(({ id, group }) => isKeptOpen(record, id, group))
      .map(({ bit }) => bit),
    blockingMode: record.blockingMode,
    blockAddress4: wordsOf(record.blockAddress4),
    blockAddress6: wordsOf(record.blockAddress6),
    maxTtlSeconds: record.maxTtlSeconds ?? null,
    safeSearch: maker.safeSearchOf(record.safeSearch),
    schedules: maker.schedulesOf(record.schedules ?? []),
    failMode: record.failMode ?? 'closed',
    logMax,
    log: isAboveLog(log, logMax) ? logMax : log,
  };
}

/** Of every profile, and of every household that has set something. */
function toOwnOf({ households }: CompileInput, maker: SettingsMaker): Map<number, OwnSettings> {
  const ownOf = new Map<number, OwnSettings>();
  for (const number of maker.householdNumbers()) {
    const own = maker.ofHousehold(number);
    if (own !== null) ownOf.set(number, own);
  }
  for (const profile of households.profiles) {
    ownOf.set(profile.number, maker.ofProfile(profile));
  }
  return ownOf;
}

function wordsOf(address: string | undefined): AddressWords | null {
  return address === undefined ? null : parseIpAddress(address);
}
