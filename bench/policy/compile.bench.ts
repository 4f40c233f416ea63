/**
 * Compiling policies for a million profiles: first three plans with a hundred names each, then a hundred
 * thousand households with names of their own and twenty thousand with schedules of their own.
 * Milliseconds of CPU, octets of the image, and how many records it has.
 */

import { writeName } from '../../src/dns/name.ts';
import { compilePolicies } from '../../src/policy/compile.ts';
import { openPolicyImage, RECORD_WORDS } from '../../src/policy/image.ts';
import type {
  OwnSettings,
  PolicyInput,
  PolicyPlan,
  Schedule,
  Settings,
} from '../../src/policy/policy-input.ts';
import { NO_SAFE_SEARCH } from '../../src/policy/policy-input.ts';
import { median, print } from '../measure.ts';

const SEED = [1, 2] as const;
const PROFILES = 1_000_000;
const WITH_NAMES = 100_000;
const WITH_SCHEDULES = 20_000;
const RUNS = 3;
/** Monday 2026-01-12, 12:00 in Minsk. */
const AT = Date.UTC(2026, 0, 12, 9) / 1000;

const plans = ['kids', 'teens', 'open'].map((id, index) => aPlan(id, [index + 1]));
const planOf = Uint32Array.from({ length: PROFILES }, (_, profile) => profile % plans.length);

compileAll('a million profiles on three plans', new Map());
compileAll('100,000 with names, 20,000 with schedules', ownSettings());

function compileAll(title: string, ownOf: ReadonlyMap<number, OwnSettings>): void {
  const milliseconds: number[] = [];
  const opening: number[] = [];
  let image = new SharedArrayBuffer(0);
  let records = 0;
  for (let run = 0; run < RUNS; run++) {
    milliseconds.push(millisecondsOf(() => (image = compilePolicies(anInput(ownOf), SEED))));
    opening.push(
      millisecondsOf(() => (records = openPolicyImage(image).records.length / RECORD_WORDS)),
    );
  }
  const megabytes = `${(image.byteLength / 2 ** 20).toFixed(1)} MiB`;
  print(title, `${median(milliseconds).toFixed(0)} ms`, megabytes, `${records} records`);
  print('  checking the image', `${median(opening).toFixed(0)} ms`);
}

function millisecondsOf(work: () => void): number {
  const start = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/** Each has other names; schedules differ by quarters of an hour, as people set them. */
function ownSettings(): Map<number, OwnSettings> {
  const ownOf = new Map<number, OwnSettings>();
  for (let index = 0; index < WITH_NAMES; index++) {
    const names = Array.from({ length: 5 }, (_, name) => wire(`n${name}.home-${index}.example`));
    const always = [wire('school.example')];
    const subscriber = someSettings({ allow: names.slice(2), always, deny: names.slice(0, 2) });
    ownOf.set(index, { subscriber, profile: null });
  }
  for (let index = 0; index < WITH_SCHEDULES; index++) {
    const quarter = index % 24;
    const schedules = [
      aSchedule({ kind: 'internet' }, 31, (19 + quarter / 4) * 60, 7 * 60),
      aSchedule({ kind: 'internet' }, 96, (20 + quarter / 8) * 60, 8 * 60),
      aSchedule({ kind: 'category', bit: 20 + (index % 7) }, 31, 8 * 60, 16 * 60),
    ];
    const profile = someSettings({ schedules, block: [index % 11] });
    ownOf.set(WITH_NAMES + index, { subscriber: null, profile });
  }
  return ownOf;
}

function aSchedule(
  target: Schedule['target'],
  days: number,
  fromMinute: number,
  toMinute: number,
): Schedule {
  return { target, days, dates: null, fromMinute: Math.floor(fromMinute) % 1440, toMinute };
}

function anInput(ownOf: ReadonlyMap<number, OwnSettings>): PolicyInput {
  const zeros = new Uint8Array(PROFILES);
  return {
    atSecond: AT,
    horizonSecond: AT + 26 * 3600,
    categories: Array.from({ length: 80 }, (_, bit) => ({
      id: `category-${bit}`,
      title: `Category ${bit}`,
      bit,
      class: 'policy',
    })),
    plans,
    profiles: {
      planOf,
      zoneOf: zeros,
      languageOf: zeros,
      zones: ['Europe/Minsk'],
      languages: ['en'],
      ownOf,
      defaultOf: new Map(),
    },
    devices: [],
    cpeIds: [],
    safeSearch: {
      engines: [],
      youtube: { names: [], moderate: wire('m.example'), strict: wire('s.example') },
      unsafe: [],
    },
    helplines: [],
  };
}

function aPlan(id: string, block: readonly number[]): PolicyPlan {
  return {
    id,
    block,
    locked: [],
    lockedOpen: [],
    allow: Array.from({ length: 100 }, (_, index) => wire(`plan-${index}.example.net`)),
    always: [],
    deny: [],
    blockingMode: 'nxdomain',
    safeSearch: NO_SAFE_SEARCH,
    schedules: [],
    failMode: 'closed',
    log: 'counts',
    logMax: 'all',
  };
}

function someSettings(overrides: Partial<Settings>): Settings {
  return {
    block: [],
    open: [],
    allow: [],
    always: [],
    deny: [],
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

function wire(text: string): Uint8Array {
  const out = new Uint8Array(255);
  return out.slice(0, writeName(text, out));
}
