/**
 * The decision on names that are hashed and looked up already: a plan that blocks and locks
 * categories, with a hundred own names, and a household with ten. Octets must be 0.
 */

import { createMask, setBit } from '../../src/blocklist/category.ts';
import { compilePolicies } from '../../src/policy/compile.ts';
import { createDecision, decide } from '../../src/policy/decide.ts';
import { openPolicyImage } from '../../src/policy/check-image.ts';
import { policyRecordOf, ttlLimitSeconds } from '../../src/policy/image.ts';
import type { NameRules, Schedule } from '../../src/policy/policy-input.ts';
import { SPECIAL_NONE } from '../../src/policy/special-names.ts';
import { aPlan, hashesOf, settings, wire } from '../../test/policy/policy-input.ts';
import { measureInPlace } from '../measure.ts';

const SEED = [1, 2] as const;
const ASKED = 1000;
const ADULT = 3;
const AT = 1_790_000_000;
const HOUR = 3600;

const bedtime: Schedule = {
  target: { kind: 'internet' },
  days: 127,
  dates: null,
  fromMinute: 21 * 60,
  toMinute: 7 * 60,
};
const plain = settings(rules('home', 10));
const child = settings({
  ...rules('home', 10),
  schedules: [bedtime],
  safeSearch: { engines: 0xff, youtube: 2, isBlockingUnsafe: true },
});
const plan = aPlan({ block: [ADULT, 7], locked: [9] });
const policies = openPolicyImage(
  compilePolicies(
    {
      atSecond: AT,
      horizonSecond: AT + 26 * HOUR,
      categories: [{ id: 'adult', title: 'Adult', bit: ADULT, class: 'policy' }],
      plans: [
        { ...plan, ...rules('plan', 100) },
        { ...plan, id: 'bare', ...rules('', 0) },
      ],
      profiles: {
        planOf: [0, 0, 0, 1],
        zoneOf: [0, 0, 0, 0],
        languageOf: [0, 0, 0, 0],
        zones: ['Europe/Minsk'],
        languages: ['en'],
        ownOf: new Map([
          [1, { subscriber: plain, profile: null }],
          [2, { subscriber: child, profile: null }],
        ]),
        defaultOf: new Map(),
      },
      devices: [],
      cpeIds: [],
      safeSearch: {
        engines: Array.from({ length: 8 }, (_, engine) => ({
          id: `engine-${engine}`,
          names: names(`www.search-${engine}`, 25),
          target: { name: wire(`safe.search-${engine}.example`) },
        })),
        youtube: {
          names: names('www.tube', 5),
          moderate: wire('moderate.tube.example'),
          strict: wire('strict.tube.example'),
        },
        unsafe: names('dark', 20),
      },
      helplines: [],
    },
    SEED,
  ),
);
const none = createMask();
const adult = createMask();
setBit(adult, ADULT);
const decision = createDecision();
const hashes = Array.from({ length: ASKED }, (_, index) =>
  hashesOf(`www.name-${index}.example.org`, SEED),
);

measureInPlace('a pass by row 12', ASKED, () => {
  for (const one of hashes) decide(decision, policies, 0, one, none, SPECIAL_NONE);
});
measureInPlace('a block by row 9', ASKED, () => {
  for (const one of hashes) decide(decision, policies, 0, one, adult, SPECIAL_NONE);
});
measureInPlace('a pass by row 12, the household has names of its own', ASKED, () => {
  for (const one of hashes) decide(decision, policies, 1, one, none, SPECIAL_NONE);
});
const bare = policyRecordOf(policies, 3, AT);
measureInPlace('a pass by row 12, nobody has names', ASKED, () => {
  for (const one of hashes) decide(decision, policies, bare, one, none, SPECIAL_NONE);
});
const evening = policyRecordOf(policies, 2, AT + 12 * HOUR);
measureInPlace('a pass by row 12, with safe search too', ASKED, () => {
  for (const one of hashes) decide(decision, policies, evening, one, none, SPECIAL_NONE);
});

/** The clock must not be boxed on its way through: it is beyond 2^30, where small numbers end. */
let nowSeconds = AT;
const limits = new Int32Array(1);
measureInPlace('the record and the TTL limit of a profile', ASKED, () => {
  for (let step = 0; step < ASKED; step++) {
    const record = policyRecordOf(policies, step % 3, nowSeconds + step);
    limits[0] = ttlLimitSeconds(policies, record, nowSeconds + step, step);
  }
  nowSeconds += 7;
  if (nowSeconds > AT + 26 * HOUR) nowSeconds = AT;
});

function rules(prefix: string, count: number): NameRules {
  return { allow: names(prefix, count), always: [], deny: [] };
}

function names(prefix: string, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, index) => wire(`${prefix}-${index}.example.net`));
}
