/**
 * Who lives in the tests of the query path, as the input of the policy compiler: a household `KIDS` with
 * a plan, settings, profiles and devices, and a household `OPEN` whose plan blocks nothing. Category
 * ids instead of bits, texts instead of octets.
 */

import { parseIpAddress } from '../../src/lib/ip-address.ts';
import {
  NO_SAFE_SEARCH,
  type LogLevelName,
  type OwnSettings,
  type Pause,
  type PolicyCategory,
  type PolicyDevice,
  type PolicyInput,
  type PolicyPlan,
  type SafeSearchMap,
  type SafeSearchSettings,
  type Schedule,
  type Settings,
  type Target,
} from '../../src/policy/policy-input.ts';
import { wireName } from './dns-query.ts';

/** Profile numbers. Those of `profiles` follow, in their order. */
export const KIDS_PROFILE = 0;
export const OPEN_PROFILE = 1;
export const FIRST_PROFILE = 2;

/** The categories of every household, with their bits. */
export const CATEGORIES: readonly PolicyCategory[] = [
  { id: 'court', title: 'Court', bit: 0, class: 'law' },
  { id: 'protected', title: 'Protected', bit: 1, class: 'policy' },
  { id: 'adult', title: 'adult', bit: 2, class: 'policy' },
  { id: 'malware', title: 'malware', bit: 3, class: 'operator' },
  { id: 'bypass', title: 'bypass', bit: 4, class: 'policy' },
  { id: 'games', title: 'games', bit: 5, class: 'policy' },
  { id: 'self-harm', title: 'self-harm', bit: 6, class: 'policy', isNeverReported: true },
  { id: 'service:clips', title: 'Clips', bit: 200, class: 'policy' },
];

/** Data of the providers, but for Yandex shortened to one name each. */
export const SAFE_SEARCH: SafeSearchMap = {
  engines: [
    { id: 'google', names: ['www.google.com'], target: 'forcesafesearch.google.com' },
    { id: 'bing', names: ['www.bing.com'], target: 'strict.bing.com' },
    { id: 'yandex', names: ['ya.ru', 'yandex.ru'], target: [213, 180, 193, 56] },
  ].map(({ id, names, target }) => ({
    id,
    names: names.map(wireName),
    target:
      typeof target === 'string'
        ? { name: wireName(target) }
        : { address4: Buffer.from(target).readUInt32BE() },
  })),
  youtube: {
    names: ['www.youtube.com', 'youtubei.googleapis.com'].map(wireName),
    moderate: wireName('restrictmoderate.youtube.com'),
    strict: wireName('restrict.youtube.com'),
  },
  unsafe: ['startpage.com'].map(wireName),
};

/** Every engine safe, YouTube strict, and what has no safe mode blocked. */
export const ALL_SAFE: SafeSearchSettings = { engines: 7, youtube: 2, isBlockingUnsafe: true };

export interface PlanOptions extends Partial<
  Omit<PolicyPlan, 'block' | 'locked' | 'lockedOpen' | 'allow' | 'always' | 'deny'>
> {
  readonly block?: readonly string[];
  readonly locked?: readonly string[];
  readonly lockedOpen?: readonly string[];
  readonly allow?: readonly string[];
  readonly deny?: readonly string[];
}

export interface SettingsOptions {
  readonly block?: readonly string[];
  readonly open?: readonly string[];
  readonly allow?: readonly string[];
  readonly always?: readonly string[];
  readonly deny?: readonly string[];
  readonly isAllowListOnly?: boolean;
  readonly safeSearch?: Partial<SafeSearchSettings>;
  /** `target` is a category, `internet` or `names:a.example,b.example`; minutes of the day. */
  readonly schedules?: readonly (Partial<Omit<Schedule, 'target'>> & {
    readonly target: string;
    readonly fromMinute: number;
    readonly toMinute: number;
  })[];
  readonly pauses?: readonly Pause[];
  readonly grants?: readonly { readonly target: string; readonly untilSecond: number }[];
  readonly budgets?: readonly {
    readonly target: string;
    readonly usedUpUntilSecond?: number;
  }[];
  readonly log?: LogLevelName;
}

export interface ProfileOptions extends SettingsOptions {
  readonly macs?: readonly string[];
  readonly addresses?: readonly string[];
}

/** What may be set of `KIDS`; the settings at this level are the subscriber's. */
export interface HouseholdOptions extends SettingsOptions {
  readonly plan?: PlanOptions;
  readonly profiles?: Readonly<Record<string, ProfileOptions>>;
  /** The profile that unknown devices have; unless given, the subscriber's own settings hold. */
  readonly defaultProfile?: string;
  readonly cpeIds?: readonly string[];
  /** Default Etc/UTC. */
  readonly zone?: string;
}

export function householdInput(options: HouseholdOptions, atSecond: number): PolicyInput {
  const { plan = {}, profiles = {}, defaultProfile, cpeIds = [], zone = 'Etc/UTC' } = options;
  const kids = planOf('kids', plan);
  const open = { ...planOf('open', { ...plan, block: [], locked: [] }), allow: [], deny: [] };
  const subscriber = settingsOf(options);
  const ownOf = new Map<number, OwnSettings>([[KIDS_PROFILE, { subscriber, profile: null }]]);
  const devices: PolicyDevice[] = [];
  for (const [index, profile] of Object.values(profiles).entries()) {
    const number = FIRST_PROFILE + index;
    ownOf.set(number, { subscriber, profile: settingsOf(profile) });
    devices.push(...devicesOf(profile, number));
  }
  const count = FIRST_PROFILE + Object.keys(profiles).length;
  const zeros = Array.from({ length: count }, () => 0);
  const defaultOf =
    defaultProfile === undefined
      ? []
      : [[KIDS_PROFILE, profileNumber(options, defaultProfile)] as const];
  return {
    atSecond,
    horizonSecond: atSecond + 26 * 3600,
    categories: CATEGORIES,
    plans: [kids, open],
    profiles: {
      planOf: zeros.map((_, number) => (number === OPEN_PROFILE ? 1 : 0)),
      zoneOf: zeros,
      languageOf: zeros,
      zones: [zone],
      languages: ['en'],
      ownOf,
      defaultOf: new Map(defaultOf),
    },
    devices,
    cpeIds: cpeIds.map((id) => ({ key: Buffer.from(id), subscriber: KIDS_PROFILE })),
    safeSearch: SAFE_SEARCH,
    helplines: [],
  };
}

/** The number of a profile of the household. */
export function profileNumber({ profiles = {} }: HouseholdOptions, id: string): number {
  const index = Object.keys(profiles).indexOf(id);
  if (index < 0) throw new Error(`No profile ${id} in the household`);
  return FIRST_PROFILE + index;
}

export function bitOf(id: string): number {
  const category = CATEGORIES.find((candidate) => candidate.id === id);
  if (category === undefined) throw new Error(`No category ${id} in the household`);
  return category.bit;
}

function planOf(id: string, plan: PlanOptions): PolicyPlan {
  return {
    id,
    blockingMode: 'nxdomain',
    safeSearch: NO_SAFE_SEARCH,
    schedules: [],
    failMode: 'closed',
    logMax: 'all',
    log: 'nothing',
    ...plan,
    block: (plan.block ?? ['adult', 'malware', 'bypass']).map(bitOf),
    locked: (plan.locked ?? []).map(bitOf),
    lockedOpen: (plan.lockedOpen ?? []).map(bitOf),
    allow: (plan.allow ?? []).map(wireName),
    always: [],
    deny: (plan.deny ?? []).map(wireName),
  };
}

function settingsOf(options: SettingsOptions): Settings {
  return {
    block: (options.block ?? []).map(bitOf),
    open: (options.open ?? []).map(bitOf),
    allow: (options.allow ?? []).map(wireName),
    always: (options.always ?? []).map(wireName),
    deny: (options.deny ?? []).map(wireName),
    isAllowListOnly: options.isAllowListOnly ?? false,
    safeSearch: { ...NO_SAFE_SEARCH, ...options.safeSearch },
    schedules:
      options.schedules?.map(({ target, ...window }) => ({
        days: 127,
        dates: null,
        ...window,
        target: targetOf(target),
      })) ?? null,
    pauses: options.pauses ?? [],
    grants: (options.grants ?? []).map(({ target, untilSecond }) => ({
      target: targetOf(target),
      untilSecond,
    })),
    budgets: (options.budgets ?? []).map(({ target, usedUpUntilSecond = null }) => ({
      target: targetOf(target),
      usedUpUntilSecond,
    })),
    log: options.log ?? null,
  };
}

function targetOf(text: string): Target {
  if (text === 'internet') return { kind: 'internet' };
  if (!text.startsWith('names:')) return { kind: 'category', bit: bitOf(text) };
  return { kind: 'names', names: text.slice(6).split(',').map(wireName) };
}

function devicesOf({ macs = [], addresses = [] }: ProfileOptions, profile: number): PolicyDevice[] {
  const subscriber = KIDS_PROFILE;
  const ofMacs = macs.map((mac): PolicyDevice => {
    const key = Buffer.from(mac.replaceAll(':', ''), 'hex');
    return { subscriber, kind: 'mac', key, profile };
  });
  const ofAddresses = addresses.map((address): PolicyDevice => {
    const key = Buffer.alloc(16);
    for (const [word, value] of parseIpAddress(address)!.entries()) {
      key.writeUInt32BE(value, word * 4);
    }
    return { subscriber, kind: 'address', key, profile };
  });
  return [...ofMacs, ...ofAddresses];
}
