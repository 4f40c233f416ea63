/**
 * What an event costs the main thread, over 100,000 profiles that are asked at random: counted only, with
 * a name that is written, as the use of a budget; and what a row of statistics costs when it is written.
 * CPU time of the drain alone, not of the events' making.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  createEventRing,
  EVENT_BLOCKED,
  EVENT_HAS_CATEGORY,
  EVENT_PASSED,
  EVENT_USED,
  writeEvent,
} from '../../src/lib/event-ring.ts';
import { QueryLog } from '../../src/query-log/query-log.ts';
import type { Household } from '../../src/query-log/query-log-contract.ts';
import { createRandom } from '../blocklist/names.ts';
import { median, print } from '../measure.ts';

const PROFILES = 100_000;
const ROUNDS = 25;
const CATEGORIES = 20;
const RING_OCTETS = 1 << 21;

const random = createRandom(7);
const ring = createEventRing(RING_OCTETS);
const households = Array.from({ length: PROFILES }, (_, number): Household => ({
  subscriber: `home-${number}`,
  profile: null,
  number,
  zone: 'Europe/Minsk',
}));
const name = Buffer.from('\x03www\x0bexample-000\x03org\0', 'latin1');
let nowMs = Date.now();

const dataDir = mkdtempSync(join(tmpdir(), 'drain-'));
const queryLog = new QueryLog({
  dataDir,
  clock: { wallMs: () => nowMs, monotonicMs: () => nowMs },
  log: { warn: console.log },
  limits: { retentionDays: 7, statisticsDays: 90, bytesMax: 1 << 27 },
  rings: () => [ring],
  learn: () => Promise.resolve(),
  householdOf: (number) => households[number] ?? null,
  numbersOf: () => [],
  categoryIdOf: (bit) => `category-${bit}`,
  budgetsOf: () => [{ target: 'category:category-1', minutesPerDay: 1_000 }],
  budgetStore: {
    load: () => Promise.resolve(null),
    save: () => Promise.resolve(),
    count: () => Promise.resolve(0),
    remove: () => Promise.resolve(),
  },
  onUsedUp: () => undefined,
});

console.log(`  ${PROFILES.toLocaleString('en')} profiles${' '.repeat(39)}CPU`);
await measureEvents('an event that is counted', 40_000, (index) => {
  put(index % 5 === 0 ? EVENT_BLOCKED : EVENT_PASSED, 0);
});
await measureEvents('the use of a budget', 40_000, () => {
  put(EVENT_USED, 0);
});
await queryLog.drain();
await measureRows();
await measureEvents(
  'an event with a name, written',
  5_000,
  () => {
    put(EVENT_BLOCKED, name.length);
  },
  10_000,
);
await queryLog.close();
rmSync(dataDir, { recursive: true });

/** @param stepMs how far the clock goes before each drain: after ten seconds names are written */
async function measureEvents(
  title: string,
  count: number,
  write: (index: number) => void,
  stepMs = 0,
): Promise<void> {
  const nanoseconds: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (let index = 0; index < count; index++) write(index);
    nowMs += stepMs;
    nanoseconds.push((await cpuNanoseconds(() => queryLog.drain())) / count);
  }
  print(title, `${median(nanoseconds).toFixed(0)} ns`);
}

/** Of all profiles, in the portions of the rounds. */
async function measureRows(): Promise<void> {
  for (let index = 0; index < 2 * PROFILES; index++) {
    put(EVENT_BLOCKED, 0, index % PROFILES);
    if (index % 40_000 === 0) await queryLog.drain();
  }
  await queryLog.drain();
  nowMs += 30_000;
  const nanoseconds = await cpuNanoseconds(() => queryLog.drain());
  print('a profile written, two categories blocked', `${(nanoseconds / PROFILES).toFixed(0)} ns`);
}

function put(kind: number, nameLength: number, profile = Math.floor(random() * PROFILES)): void {
  const hasCategory = kind === EVENT_PASSED ? 0 : EVENT_HAS_CATEGORY;
  const category = kind === EVENT_USED ? 1 : Math.floor(random() * CATEGORIES);
  const outcome = kind | (9 << 8) | (3 << 16) | (category << 24);
  const question = 1 | (nameLength << 16) | (hasCategory << 24);
  // Three digits of the name.
  name.set([48 + random() * 10, 48 + random() * 10, 48 + random() * 10], 13);
  const second = Math.floor(nowMs / 1000);
  if (!writeEvent(ring, second, profile, outcome, question, 0, name, nameLength)) {
    throw new Error('the ring is too small for this bench');
  }
}

async function cpuNanoseconds(work: () => Promise<void>): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) * 1000;
}
