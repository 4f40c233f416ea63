/** Small policies for the tests of this folder. */

import {
  createSuffixHashes,
  hashSuffixes,
  type SuffixHashes,
} from '../../src/dns/suffix-hashes.ts';
import { writeName } from '../../src/dns/name.ts';
import { createMask, setBit } from '../../src/blocklist/category.ts';
import type { HashSeed } from '../../src/lib/half-siphash.ts';
import type {
  OwnRules,
  PolicyCategory,
  PolicyInput,
  PolicyPlan,
} from '../../src/policy/compile.ts';

export const SEED: HashSeed = [0x01234567, 0x89abcdef];

export const LAW = 0;
export const PROTECTED = 1;
export const MALWARE = 40;
export const ADULT = 3;
export const GAMBLING = 200;
export const BYPASS = 255;

export const CATEGORIES: readonly PolicyCategory[] = [
  { id: 'court-secret', bit: LAW, class: 'law' },
  { id: 'protected', bit: PROTECTED, class: 'policy' },
  { id: 'adult', bit: ADULT, class: 'policy' },
  { id: 'malware', bit: MALWARE, class: 'operator' },
  { id: 'gambling', bit: GAMBLING, class: 'policy' },
  { id: 'bypass', bit: BYPASS, class: 'policy' },
];

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
    allow: [],
    deny: [],
    blockingMode: 'nxdomain',
    ...overrides,
  };
}

/** One plan with the given own names on profile 0. */
export function anInput(plan: PolicyPlan, own?: OwnRules): PolicyInput {
  const rulesOf = new Map<number, OwnRules>(own === undefined ? [] : [[0, own]]);
  return { categories: CATEGORIES, plans: [plan], profiles: { planOf: [0], rulesOf } };
}
