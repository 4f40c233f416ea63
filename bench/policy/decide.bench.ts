/**
 * The decision on names that are hashed and looked up already: a plan that blocks and locks
 * categories, with a hundred own names, and a household with ten. Octets must be 0.
 */

import { createMask, setBit } from '../../src/blocklist/category.ts';
import { writeName } from '../../src/dns/name.ts';
import {
  createSuffixHashes,
  hashSuffixes,
  type SuffixHashes,
} from '../../src/dns/suffix-hashes.ts';
import { compilePolicies, type NameRules } from '../../src/policy/compile.ts';
import { createDecision, decide } from '../../src/policy/decide.ts';
import { openPolicyImage } from '../../src/policy/image.ts';
import { SPECIAL_NONE } from '../../src/policy/special-names.ts';
import { measure } from '../measure.ts';

const SEED = [1, 2] as const;
const ASKED = 1000;
const ADULT = 3;

const plan = { id: 'kids', block: [ADULT, 7], locked: [9], blockingMode: 'nxdomain' as const };
const subscriber = rules('home', 10);
const policies = openPolicyImage(
  compilePolicies(
    {
      categories: [{ id: 'adult', bit: ADULT, class: 'policy' }],
      plans: [{ ...plan, ...rules('plan', 100) }],
      profiles: { planOf: [0, 0], rulesOf: new Map([[1, { subscriber }]]) },
    },
    SEED,
  ),
);
const none = createMask();
const adult = createMask();
setBit(adult, ADULT);
const decision = createDecision();
const hashes = Array.from({ length: ASKED }, (_, index) =>
  hashesOf(`www.name-${index}.example.org`),
);

measure('a pass by row 12', ASKED, () => {
  for (const one of hashes) decide(decision, policies, 0, one, none, SPECIAL_NONE);
});
measure('a block by row 9', ASKED, () => {
  for (const one of hashes) decide(decision, policies, 0, one, adult, SPECIAL_NONE);
});
measure('a pass by row 12, the household has names of its own', ASKED, () => {
  for (const one of hashes) decide(decision, policies, 1, one, none, SPECIAL_NONE);
});

function rules(prefix: string, count: number): NameRules {
  const name = (index: number): Uint8Array => wire(`${prefix}-${index}.example.net`);
  return { allow: Array.from({ length: count }, (_, index) => name(index)), deny: [] };
}

function hashesOf(text: string): SuffixHashes {
  const one = createSuffixHashes();
  hashSuffixes(one, SEED, wire(text), 0);
  return one;
}

function wire(text: string): Uint8Array {
  const out = new Uint8Array(255);
  return out.slice(0, writeName(text, out));
}
