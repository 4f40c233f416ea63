/**
 * The part of a compile's input that grows with subscribers: who has which plan, zone and language by
 * profile number, and what households and profiles have set. A million subscribers are three numbers
 * each; objects are made only for those that set something, and settings that read the same are one.
 */

import { sql } from 'kysely';
import type { Language } from '../lib/messages.ts';
import { NO_PLAN } from '../policy/policy-input.ts';
import { usedMinutes } from './budget-days.ts';
import {
  DEFAULT_LANGUAGE,
  type HouseholdSettings,
  type ProfileSettings,
} from './canonical-household.ts';
import type { TargetRecord } from './targets.ts';
import { nameToWire } from './rule-name.ts';
import type { Db, DeviceKind } from './schema.ts';

/** Names of one owner as lower-cased wire octets. */
export interface CompileRules {
  readonly allow: readonly Uint8Array[];
  readonly always: readonly Uint8Array[];
  readonly deny: readonly Uint8Array[];
}

/** What a household has set for itself, or a profile. Equal settings are the same object. */
export type CompileSettings = Omit<HouseholdSettings, 'defaultProfile'> & ProfileSettings;

export interface CompileProfile {
  readonly number: number;
  /** The number of its subscriber. */
  readonly subscriber: number;
  readonly settings: CompileSettings;
}

export interface CompileGrant {
  readonly kind: 'grant' | 'pause';
  /** The number of a profile, or of a subscriber for all of the household. */
  readonly owner: number;
  readonly target: TargetRecord;
  readonly fromSecond: number;
  readonly untilSecond: number;
}

export interface CompileDevice {
  readonly subscriber: number;
  readonly kind: DeviceKind;
  readonly key: Uint8Array;
  readonly profile: number;
}

export interface CompileHouseholds {
  /** By profile number: index of the plan, or `NO_PLAN`. Numbers begin at 1. */
  readonly planOf: Uint32Array;
  /** By profile number: index into `zones` and `languages`. */
  readonly zoneOf: Uint16Array;
  readonly languageOf: Uint8Array;
  readonly zones: readonly string[];
  readonly languages: readonly Language[];
  /** By subscriber number, where something is set. */
  readonly settingsOf: ReadonlyMap<number, CompileSettings>;
  readonly profiles: readonly CompileProfile[];
  /** By number of a subscriber or a profile. */
  readonly rulesOf: ReadonlyMap<number, CompileRules>;
  /** Subscribers whose unknown devices have a profile. */
  readonly defaultOf: ReadonlyMap<number, number>;
  readonly devices: readonly CompileDevice[];
  readonly cpeIds: readonly { readonly key: Uint8Array; readonly subscriber: number }[];
  readonly grants: readonly CompileGrant[];
  /** By `budgetKey`: minutes of the day that were used. */
  readonly usedMinutes: ReadonlyMap<string, number>;
}

/** Settings of a household that are no policy of its own; they are read on their own. */
const FACTS: readonly string[] = [
  'language',
  'minor',
  'defaultProfile',
] satisfies (keyof HouseholdSettings)[];
const NO_SETTINGS: HouseholdSettings = {};
/** Of profile numbers in a page: some milliseconds, and a few megabytes while they are rows. */
const PAGE_NUMBERS = 10_000;

/** @param safest index of the plan of pools, or `NO_PLAN` */
export async function readHouseholds(
  tx: Db,
  planIndexOf: ReadonlyMap<number, number>,
  safest: number,
): Promise<CompileHouseholds> {
  const size = (await greatestNumber(tx)) + 1;
  const reader = new HouseholdReader(size);
  for (const page of pagesOf(size)) await reader.readSubscribers(tx, page, planIndexOf, safest);
  for (const page of pagesOf(size)) await reader.readProfiles(tx, page);
  for (const page of pagesOf(size)) await reader.readRules(tx, page);
  return {
    ...reader.households(),
    devices: await tx.selectFrom('devices').selectAll().execute(),
    cpeIds: await readCpeIds(tx),
    grants: await readGrants(tx),
    usedMinutes: await readUsedMinutes(tx),
  };
}

/** The same households with the grants, pauses and used-up budgets of now. */
export async function withWhatPasses(
  tx: Db,
  households: CompileHouseholds,
): Promise<CompileHouseholds> {
  return {
    ...households,
    grants: await readGrants(tx),
    usedMinutes: await readUsedMinutes(tx),
  };
}

/** Profile numbers, [from, until). */
interface NumberPage {
  readonly from: number;
  readonly until: number;
}

function* pagesOf(size: number): Generator<NumberPage> {
  for (let from = 0; from < size; from += PAGE_NUMBERS) yield { from, until: from + PAGE_NUMBERS };
}

interface OwnedRules {
  readonly allow: Uint8Array[];
  readonly always: Uint8Array[];
  readonly deny: Uint8Array[];
}

class HouseholdReader {
  readonly #planOf: Uint32Array;
  readonly #zoneOf: Uint16Array;
  readonly #languageOf: Uint8Array;
  readonly #zones = new Places<string>();
  readonly #languages = new Places<Language>();
  readonly #settings = new SettingsReader();
  readonly #settingsOf = new Map<number, CompileSettings>();
  readonly #profiles: CompileProfile[] = [];
  readonly #rulesOf = new Map<number, OwnedRules>();
  /** Ids of default profiles by the number of their subscriber. */
  readonly #defaultIds = new Map<number, string>();
  readonly #defaultOf = new Map<number, number>();

  constructor(size: number) {
    this.#planOf = new Uint32Array(size).fill(NO_PLAN);
    this.#zoneOf = new Uint16Array(size);
    this.#languageOf = new Uint8Array(size);
  }

  households() {
    return {
      planOf: this.#planOf,
      zoneOf: this.#zoneOf,
      languageOf: this.#languageOf,
      zones: this.#zones.values,
      languages: this.#languages.values,
      settingsOf: this.#settingsOf,
      profiles: this.#profiles,
      rulesOf: this.#rulesOf,
      defaultOf: this.#defaultOf,
    };
  }

  async readSubscribers(
    tx: Db,
    { from, until }: NumberPage,
    planIndexOf: ReadonlyMap<number, number>,
    safest: number,
  ): Promise<void> {
    const rows = await tx
      .selectFrom('subscribers')
      .select(['number', 'plan', 'timezone', 'settings'])
      .where('number', '>=', from)
      .where('number', '<', until)
      .execute();
    for (const { number, plan, timezone, settings } of rows) {
      this.#planOf[number] = plan === null ? safest : (planIndexOf.get(plan) ?? NO_PLAN);
      this.#zoneOf[number] = this.#zones.placeOf(timezone);
      const own = settings === null ? NO_SETTINGS : this.#settings.read(settings);
      this.#languageOf[number] = this.#languages.placeOf(own.language ?? DEFAULT_LANGUAGE);
      if (this.#settings.hasOwn(own)) this.#settingsOf.set(number, own);
      if (own.defaultProfile !== undefined) this.#defaultIds.set(number, own.defaultProfile);
    }
  }

  /** To be called when all subscribers are read. */
  async readProfiles(tx: Db, { from, until }: NumberPage): Promise<void> {
    const rows = await tx
      .selectFrom('profiles')
      .select(['number', 'subscriber', 'id', 'settings'])
      .where('number', '>=', from)
      .where('number', '<', until)
      .execute();
    for (const { number, subscriber, id, settings } of rows) {
      this.#planOf[number] = this.#planOf[subscriber] ?? NO_PLAN;
      this.#zoneOf[number] = this.#zoneOf[subscriber] ?? 0;
      this.#languageOf[number] = this.#languageOf[subscriber] ?? 0;
      this.#profiles.push({ number, subscriber, settings: this.#settings.read(settings) });
      if (this.#defaultIds.get(subscriber) === id) this.#defaultOf.set(subscriber, number);
    }
  }

  async readRules(tx: Db, { from, until }: NumberPage): Promise<void> {
    const rows = await tx
      .selectFrom('rules')
      .select(['owner', 'action', 'name', 'is_always'])
      // Numbers of both come from one counter, so one map holds both.
      .where('owner_kind', 'in', ['subscriber', 'profile'])
      .where('owner', '>=', from)
      .where('owner', '<', until)
      .execute();
    for (const row of rows) {
      let owned = this.#rulesOf.get(row.owner);
      if (owned === undefined) {
        owned = { allow: [], always: [], deny: [] };
        this.#rulesOf.set(row.owner, owned);
      }
      owned[row.is_always === 1 ? 'always' : row.action].push(nameToWire(row.name));
    }
  }
}

export function budgetKey(profile: number, target: string, day: number): string {
  return `${profile} ${day} ${target}`;
}

/** Values in the order in which they first came, and their places. */
class Places<Value> {
  readonly values: Value[] = [];
  readonly #places = new Map<Value, number>();

  placeOf(value: Value): number {
    const known = this.#places.get(value);
    if (known !== undefined) return known;
    this.#places.set(value, this.values.length);
    return this.values.push(value) - 1;
  }
}

/** Families copy from each other and from the same manual: the same text is parsed once. */
class SettingsReader {
  /** Settings that are facts only, which a million subscribers may share. */
  readonly #plain = new Set<object>([NO_SETTINGS]);
  readonly #known = new Map<string, HouseholdSettings & ProfileSettings>();

  read(text: string): HouseholdSettings & ProfileSettings {
    let settings = this.#known.get(text);
    if (settings === undefined) {
      settings = JSON.parse(text) as HouseholdSettings & ProfileSettings;
      if (Object.keys(settings).every((key) => FACTS.includes(key))) this.#plain.add(settings);
      this.#known.set(text, settings);
    }
    return settings;
  }

  /** Whether there is more in it than facts. */
  hasOwn(settings: object): boolean {
    return !this.#plain.has(settings);
  }
}

async function greatestNumber(tx: Db): Promise<number> {
  const { rows } = await sql<{ greatest: number | null }>`
    select max(number) as greatest from (
      select max(number) as number from subscribers union all select max(number) from profiles
    )`.execute(tx);
  return rows[0]?.greatest ?? 0;
}

async function readCpeIds(tx: Db): Promise<CompileHouseholds['cpeIds']> {
  const rows = await tx.selectFrom('cpe_ids').selectAll().execute();
  return rows.map((row) => ({ key: Buffer.from(row.cpe_id), subscriber: row.subscriber }));
}

async function readGrants(tx: Db): Promise<CompileGrant[]> {
  const rows = await tx
    .selectFrom('grants')
    .selectAll()
    .orderBy('until_second')
    .orderBy('id')
    .execute();
  return rows.map((row) => ({
    kind: row.kind,
    owner: row.profile ?? row.subscriber,
    target: JSON.parse(row.target) as TargetRecord,
    fromSecond: row.from_second,
    untilSecond: row.until_second,
  }));
}

async function readUsedMinutes(tx: Db): Promise<Map<string, number>> {
  const used = new Map<string, number>();
  for (const row of await tx.selectFrom('budget_days').selectAll().execute()) {
    used.set(
      budgetKey(row.profile, row.target, row.day),
      usedMinutes(row.minutes, row.used_up_limit),
    );
  }
  return used;
}
