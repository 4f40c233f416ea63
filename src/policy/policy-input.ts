/**
 * What the policy compiler takes: plans, and what households and profiles have set, as numbers and wire
 * names. Ids have become bits, durations have become seconds, presets have become settings; who may
 * set what was checked by the store. A million profiles come as typed arrays by profile number; only
 * those with settings of their own are objects.
 */

import type { AddressWords } from '../lib/ip-address.ts';
import type { Language } from '../lib/messages.ts';

export type CategoryClass = 'law' | 'operator' | 'policy';
export type BlockingModeName = 'nxdomain' | 'nodata' | 'zero' | 'address' | 'refused';
/** From the least to the most; the effective level is the least of all that apply. */
export type LogLevelName = 'nothing' | 'counts' | 'blocked' | 'all';

/** Value of `PolicyProfiles.planOf` for a profile number that is not in use. */
export const NO_PLAN = 0xffffffff;

export interface PolicyInput {
  /** Seconds since the Unix epoch: the image speaks from here on. */
  readonly atSecond: number;
  /** It speaks at least until here, unless a profile changes too often (`compilePolicies`). */
  readonly horizonSecond: number;
  readonly categories: readonly PolicyCategory[];
  readonly plans: readonly PolicyPlan[];
  readonly profiles: PolicyProfiles;
  readonly devices: readonly PolicyDevice[];
  /** CPE ids (EDNS 65074) by octets → the number of the subscriber's own profile. */
  readonly cpeIds: readonly PolicyCpeId[];
  readonly safeSearch: SafeSearchMap;
  readonly helplines: readonly PolicyHelpline[];
  /** How names on law lists are answered; `nxdomain` unless the operator says otherwise. */
  readonly lawBlockingMode?: 'nxdomain' | 'nodata' | 'zero' | 'refused';
}

/** A category or, with an id such as `service:tiktok`, a service: to the engine the same. */
export interface PolicyCategory {
  readonly id: string;
  /** What people read, such as `TikTok`. */
  readonly title: string;
  /** 0 to 255. */
  readonly bit: number;
  readonly class: CategoryClass;
  /** Law categories only: 15 instead of 16. */
  readonly edeCode?: 15 | 16;
  /** No log and no statistic shows its names. */
  readonly isNeverReported?: boolean;
  /** Blocks of it carry the local helpline: self-harm, abuse. */
  readonly hasHelpline?: boolean;
}

export interface NameRules {
  /** Lower-cased wire octets; a name covers itself and everything below it. */
  readonly allow: readonly Uint8Array[];
  /** Allowed also while the internet is off (row 6). */
  readonly always: readonly Uint8Array[];
  readonly deny: readonly Uint8Array[];
}

export interface PolicyPlan extends NameRules {
  readonly id: string;
  /** Category bits. */
  readonly block: readonly number[];
  /** Category bits that the household cannot open; blocked even where `block` does not name them. */
  readonly locked: readonly number[];
  /** Category bits that the household cannot block. */
  readonly lockedOpen: readonly number[];
  readonly blockingMode: BlockingModeName;
  readonly blockAddress4?: AddressWords | null;
  readonly blockAddress6?: AddressWords | null;
  readonly maxTtlSeconds?: number | null;
  /** The least that every profile of the plan has. */
  readonly safeSearch: SafeSearchSettings;
  /** Of profiles whose `schedules` is null. */
  readonly schedules: readonly Schedule[];
  /** What holds where the image was not renewed in time: the base without schedules, or the last state. */
  readonly failMode: 'open' | 'closed';
  readonly logMax: LogLevelName;
  /** Of profiles that say nothing themselves. */
  readonly log: LogLevelName;
}

export interface PolicyProfiles {
  /** By profile number: index into `plans`, or `NO_PLAN`. */
  readonly planOf: ArrayLike<number>;
  /** By profile number: index into `zones` and `languages`. */
  readonly zoneOf: ArrayLike<number>;
  readonly languageOf: ArrayLike<number>;
  /** IANA names. */
  readonly zones: readonly string[];
  readonly languages: readonly Language[];
  /** By profile number, only where somebody set something. */
  readonly ownOf: ReadonlyMap<number, OwnSettings>;
  /** Numbers of subscribers' own profiles that stand for another profile of theirs: its number. */
  readonly defaultOf: ReadonlyMap<number, number>;
}

/** A household and one of its profiles; null = nothing set there. Equal households share the object. */
export interface OwnSettings {
  readonly subscriber: Settings | null;
  readonly profile: Settings | null;
}

export interface Settings extends NameRules {
  /** Category bits, presets expanded. The profile's `open` beats the subscriber's and plan's `block`. */
  readonly block: readonly number[];
  readonly open: readonly number[];
  readonly isAllowListOnly: boolean;
  readonly safeSearch: SafeSearchSettings;
  /** Null = the next level's: profile, then subscriber, then plan. Each is a whole list. */
  readonly schedules: readonly Schedule[] | null;
  /** `internet` off, from and until a second. */
  readonly pauses: readonly Pause[];
  readonly grants: readonly Grant[];
  readonly budgets: readonly Budget[];
  /** Null = the next level's. */
  readonly log: LogLevelName | null;
}

/** What a schedule, grant or budget is about. */
export type Target =
  | { readonly kind: 'internet' }
  | { readonly kind: 'category'; readonly bit: number }
  | { readonly kind: 'names'; readonly names: readonly Uint8Array[] }
  | { readonly kind: 'safeSearch'; readonly level: SafeSearchSettings };

/**
 * A weekly window by wall-clock minute in the profile's zone. It may pass midnight; it is [from, to),
 * and belongs to the day on which it begins.
 */
export interface Schedule {
  readonly target: Target;
  /** Bits of weekdays on which it begins, bit 0 = Monday; 127 = every day. */
  readonly days: number;
  /** Null = every date; else only days that one of these holds, both ends included. */
  readonly dates: readonly DateRange[] | null;
  /** Minutes since midnight, 0 to 1439, and 1 to 1440; `from` is not `to`; to < from passes midnight. */
  readonly fromMinute: number;
  readonly toMinute: number;
}

/** Days since 1970-01-01, both included. */
export interface DateRange {
  readonly firstDay: number;
  readonly lastDay: number;
}

export interface Pause {
  readonly fromSecond: number;
  readonly untilSecond: number;
}

/** `names` and `category` open for rows 7 to 10; `internet` ends what row 7 says. */
export interface Grant {
  readonly target: Target;
  readonly untilSecond: number;
}

export interface Budget {
  readonly target: Target;
  /** Null = not used up; else the target is blocked until then (the next local midnight). */
  readonly usedUpUntilSecond: number | null;
}

/** A set of engines as bits (`SafeSearchMap.engines`), YouTube's level, and what has no safe mode. */
export interface SafeSearchSettings {
  readonly engines: number;
  /** 0 = off, 1 = moderate, 2 = strict. */
  readonly youtube: number;
  readonly isBlockingUnsafe: boolean;
}

export const NO_SAFE_SEARCH: SafeSearchSettings = {
  engines: 0,
  youtube: 0,
  isBlockingUnsafe: false,
};

/** The names of engines, as data. */
export interface SafeSearchMap {
  /** A place here is the bit in `SafeSearchSettings.engines`; at most 16. YouTube is not one of them. */
  readonly engines: readonly SafeSearchEngine[];
  /** Names that YouTube's level rewrites, whole names only. */
  readonly youtube: {
    readonly names: readonly Uint8Array[];
    readonly moderate: Uint8Array;
    readonly strict: Uint8Array;
  };
  /** Engines that cannot be made safe: each covers what is below it. */
  readonly unsafe: readonly Uint8Array[];
}

export interface SafeSearchEngine {
  readonly id: string;
  /** Whole names, wire octets. */
  readonly names: readonly Uint8Array[];
  /** The target of the CNAME, or an IPv4 address (then AAAA is NODATA). */
  readonly target: { readonly name: Uint8Array } | { readonly address4: number };
}

/** Leads from an identity to a profile, within its subscriber. */
export interface PolicyDevice {
  /** Number of the subscriber's own profile. */
  readonly subscriber: number;
  readonly kind: 'mac' | 'address' | 'clientId';
  /** 6 octets; 16 octets (IPv4 as ::ffff:a.b.c.d); UTF-8. */
  readonly key: Uint8Array;
  readonly profile: number;
}

export interface PolicyCpeId {
  readonly key: Uint8Array;
  readonly subscriber: number;
}

/**
 * The one of the zone is carried, else the one of the language, else the one without either, which is for
 * everybody; of equals the first.
 */
export interface PolicyHelpline {
  readonly zones: readonly string[];
  readonly languages: readonly Language[];
  /** Short: `116 111`. */
  readonly text: string;
}
