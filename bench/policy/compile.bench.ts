/**
 * Compiling policies for a million profiles: first three plans with a hundred names each, then a hundred
 * thousand households with names of their own and twenty thousand with schedules of their own, then a
 * hundred profiles with as many schedules as can be.
 * Milliseconds of CPU, octets of the image, and how many records it has.
 */

import { compilePolicies } from '../../src/policy/compile.ts';
import { openPolicyImage } from '../../src/policy/check-image.ts';
import { RECORD_WORDS } from '../../src/policy/image.ts';
import type { OwnSettings, PolicyInput, Schedule } from '../../src/policy/policy-input.ts';
import { aPlan, settings, wire } from '../../test/policy/policy-input.ts';
import { median, print } from '../measure.ts';

const SEED = [1, 2] as const;
const PROFILES = 1_000_000;
const WITH_NAMES = 100_000;
const WITH_SCHEDULES = 20_000;
const HOSTILE = 100;
const RUNS = 3;
/** Monday 2026-01-12, 12:00 in Minsk. */
const AT = Date.UTC(2026, 0, 12, 9) / 1000;

const allow = Array.from({ length: 100 }, (_, index) => wire(`plan-${index}.example.net`));
const plans = ['kids', 'teens', 'open'].map((id, index) =>
  aPlan({ id, block: [index + 1], allow }),
);
const planOf = Uint32Array.from({ length: PROFILES }, (_, profile) => profile % plans.length);

compileAll('a million profiles on three plans', new Map());
compileAll('100,000 with names, 20,000 with schedules', ownSettings());
compileAll('a hundred profiles with a hundred schedules each', hostileSettings());

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
    const subscriber = settings({ allow: names.slice(2), always, deny: names.slice(0, 2) });
    ownOf.set(index, { subscriber, profile: null });
  }
  for (let index = 0; index < WITH_SCHEDULES; index++) {
    const quarter = index % 24;
    const schedules = [
      aSchedule({ kind: 'internet' }, 31, (19 + quarter / 4) * 60, 7 * 60),
      aSchedule({ kind: 'internet' }, 96, (20 + quarter / 8) * 60, 8 * 60),
      aSchedule({ kind: 'category', bit: 20 + (index % 7) }, 31, 8 * 60, 16 * 60),
    ];
    const profile = settings({ schedules, block: [index % 11] });
    ownOf.set(WITH_NAMES + index, { subscriber: null, profile });
  }
  return ownOf;
}

/** As many schedules as there may be, each at a minute of its own. */
function hostileSettings(): Map<number, OwnSettings> {
  return new Map(
    Array.from({ length: HOSTILE }, (_, profile) => {
      const schedules = Array.from({ length: 100 }, (_, index) => {
        const target = index % 2 === 0 ? ({ kind: 'internet' } as const) : aCategory(index % 80);
        const begin = (index * 14 + profile) % 1440;
        return aSchedule(target, 127, begin, ((begin + 6) % 1440) + 1);
      });
      return [profile, { subscriber: null, profile: settings({ schedules }) }];
    }),
  );
}

function aCategory(bit: number): Schedule['target'] {
  return { kind: 'category', bit };
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
