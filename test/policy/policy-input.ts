/** Small policies for the tests of this folder. */

import {
  createSuffixHashes,
  hashSuffixes,
  type SuffixHashes,
} from '../../src/dns/suffix-hashes.ts';
import { writeName } from '../../src/dns/name.ts';
import { createMask, setBit } from '../../src/blocklist/category.ts';
import type { HashSeed } from '../../src/lib/half-siphash.ts';
import { compilePolicies } from '../../src/policy/compile.ts';
import { openPolicyImage } from '../../src/policy/check-image.ts';
import { textAt, textLength, type PolicyImage } from '../../src/policy/image.ts';
import {
  NO_SAFE_SEARCH,
  type NameRules,
  type OwnSettings,
  type PolicyCategory,
  type PolicyInput,
  type PolicyPlan,
  type PolicyProfiles,
  type SafeSearchMap,
  type Settings,
} from '../../src/policy/policy-input.ts';

export const SEED: HashSeed = [0x01234567, 0x89abcdef];

/** Monday 2026-01-12, 12:00 in Minsk, which has no daylight saving time. */
export const AT = Date.UTC(2026, 0, 12, 9) / 1000;
export const HOUR = 3600;
export const HORIZON = AT + 26 * HOUR;

export const LAW = 0;
export const PROTECTED = 1;
export const MALWARE = 40;
export const ADULT = 3;
export const TIKTOK = 64;
export const SELF_HARM = 65;
export const GAMBLING = 200;
export const BYPASS = 255;

export const CATEGORIES: readonly PolicyCategory[] = [
  { id: 'court-secret', title: 'court-secret', bit: LAW, class: 'law' },
  { id: 'protected', title: 'protected', bit: PROTECTED, class: 'policy', isNeverReported: true },
  { id: 'adult', title: 'adult', bit: ADULT, class: 'policy' },
  { id: 'malware', title: 'malware', bit: MALWARE, class: 'operator' },
  { id: 'service:tiktok', title: 'TikTok', bit: TIKTOK, class: 'policy' },
  { id: 'self-harm', title: 'self-harm', bit: SELF_HARM, class: 'policy', hasHelpline: true },
  { id: 'gambling', title: 'gambling', bit: GAMBLING, class: 'policy' },
  { id: 'bypass', title: 'bypass', bit: BYPASS, class: 'policy' },
];

/** Engine 0 leads to a name, engine 1 to an address. */
export const SAFE_SEARCH: SafeSearchMap = {
  engines: [
    {
      id: 'seek',
      names: ['seek.example', 'www.seek.example'].map(wire),
      target: { name: wire('safe.seek.example') },
    },
    { id: 'look', names: ['look.example'].map(wire), target: { address4: 0xc0000238 } },
  ],
  youtube: {
    names: ['www.tube.example'].map(wire),
    moderate: wire('moderate.tube.example'),
    strict: wire('strict.tube.example'),
  },
  unsafe: ['dark.example'].map(wire),
};

export function wire(text: string): Uint8Array {
  const out = new Uint8Array(255);
  return out.slice(0, writeName(text, out));
}

export function hashesOf(text: string, seed: HashSeed = SEED): SuffixHashes {
  const hashes = createSuffixHashes();
  hashSuffixes(hashes, seed, wire(text), 0);
  return hashes;
}

export function maskOf(bits: Iterable<number>): Uint32Array {
  const mask = createMask();
  for (const bit of bits) setBit(mask, bit);
  return mask;
}

export function aPlan(overrides: Partial<PolicyPlan> = {}): PolicyPlan {
  return {
    id: 'kids',
    block: [],
    locked: [],
    lockedOpen: [],
    ...names({}),
    blockingMode: 'nxdomain',
    safeSearch: NO_SAFE_SEARCH,
    schedules: [],
    failMode: 'closed',
    log: 'counts',
    logMax: 'all',
    ...overrides,
  };
}

export function settings(overrides: Partial<Settings> = {}): Settings {
  return {
    block: [],
    open: [],
    ...names({}),
    isAllowListOnly: false,
    safeSearch: NO_SAFE_SEARCH,
    schedules: null,
    pauses: [],
    grants: [],
    budgets: [],
    log: null,
    ...overrides,
  };
}

export function names(texts: Partial<Record<keyof NameRules, readonly string[]>>): NameRules {
  const { allow = [], always = [], deny = [] } = texts;
  return { allow: allow.map(wire), always: always.map(wire), deny: deny.map(wire) };
}

/** One plan in Minsk, in English, with the given own settings on profile 0. */
export function anInput(
  plan: PolicyPlan,
  own?: Partial<OwnSettings>,
  overrides: Partial<PolicyInput> = {},
): PolicyInput {
  const ownOf = new Map<number, OwnSettings>();
  if (own !== undefined) ownOf.set(0, { subscriber: null, profile: null, ...own });
  return {
    atSecond: AT,
    horizonSecond: HORIZON,
    categories: CATEGORIES,
    plans: [plan],
    profiles: someProfiles({ ownOf }),
    devices: [],
    cpeIds: [],
    safeSearch: SAFE_SEARCH,
    helplines: [],
    ...overrides,
  };
}

/** As many profiles as `planOf` has, all in Minsk and in English. */
export function someProfiles(overrides: Partial<PolicyProfiles> = {}): PolicyProfiles {
  const { length } = overrides.planOf ?? [0];
  return {
    planOf: [0],
    zoneOf: new Uint16Array(length),
    languageOf: new Uint8Array(length),
    zones: ['Europe/Minsk'],
    languages: ['en'],
    ownOf: new Map(),
    defaultOf: new Map(),
    ...overrides,
  };
}

/** The image of an input, checked in full. */
export function compile(input: PolicyInput): PolicyImage {
  return openPolicyImage(compilePolicies(input, SEED));
}

export function textOf(policies: PolicyImage, text: number): string {
  const at = textAt(policies, text);
  return new TextDecoder().decode(policies.texts.slice(at, at + textLength(policies, text)));
}
