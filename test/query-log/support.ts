/** A query log with one household: rings that a test writes, a clock that it owns, budgets in memory. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { writeName } from '../../src/dns/name.ts';
import { createEventRing, type EventRing, writeEvent } from '../../src/lib/event-ring.ts';
import type { BudgetDay, BudgetLimit, BudgetStore, SavedDay } from '../../src/query-log/budgets.ts';
import { QueryLog } from '../../src/query-log/query-log.ts';
import type { QueryLogOptions } from '../../src/query-log/query-log-contract.ts';

export const HOME = 1;
export const ANNA = 2;
export const BEN = 3;
/** Thursday 2026-01-15, 12:00 in Minsk. */
export const NOON = Date.UTC(2026, 0, 15, 9) / 1000;
export const TODAY = Date.UTC(2026, 0, 15) / 86_400_000;
export const CATEGORY_IDS = ['adult', 'service:tube', 'bypass', 'games'];

export class FakeClock {
  seconds = NOON;
  readonly wallMs = (): number => this.seconds * 1000;
  readonly monotonicMs = (): number => this.seconds * 1000;
}

/** As the store's table of budget minutes. */
export class MemoryBudgetStore implements BudgetStore {
  readonly days = new Map<string, BudgetDay>();
  readonly usedUpLimits = new Map<string, number>();
  loads = 0;
  isFailing = false;
  isUnreadable = false;

  load(profile: number, target: string, day: number): Promise<SavedDay | null> {
    if (this.isFailing || this.isUnreadable) return Promise.reject(new Error('no budgets today'));
    this.loads++;
    const saved = this.days.get(`${profile} ${target} ${day}`);
    const usedUpLimit = this.usedUpLimits.get(`${profile} ${target} ${day}`) ?? null;
    if (saved === undefined && usedUpLimit === null) return Promise.resolve(null);
    return Promise.resolve({ minutes: saved?.minutes ?? new Uint8Array(180), usedUpLimit });
  }

  save(days: readonly BudgetDay[]): Promise<void> {
    if (this.isFailing) return Promise.reject(new Error('no budgets today'));
    for (const one of days) {
      const key = `${one.profile} ${one.target} ${one.day}`;
      this.days.set(key, { ...one, minutes: one.minutes.slice() });
    }
    return Promise.resolve();
  }

  count(profiles: readonly number[]): Promise<number> {
    return Promise.resolve(this.#of(profiles).length);
  }

  remove(profiles: readonly number[]): Promise<void> {
    for (const [key] of this.#of(profiles)) this.days.delete(key);
    return Promise.resolve();
  }

  #of(profiles: readonly number[]): [string, BudgetDay][] {
    return [...this.days].filter(([, { profile }]) => profiles.includes(profile));
  }
}

export interface Event {
  readonly kind: number;
  readonly second?: number;
  readonly profile?: number;
  readonly row?: number;
  readonly verdictClass?: number;
  /** A place in `CATEGORY_IDS`. */
  readonly category?: number;
  readonly flags?: number;
  readonly qtype?: number;
  readonly client?: number;
  readonly name?: string;
}

/** False where the ring dropped it. */
export function put(ring: EventRing, event: Event): boolean {
  const octets = new Uint8Array(255);
  const length = event.name === undefined ? 0 : writeName(event.name, octets);
  const flags = (event.flags ?? 0) | (event.category === undefined ? 0 : 1);
  const outcome =
    event.kind |
    ((event.row ?? 9) << 8) |
    ((event.verdictClass ?? 3) << 16) |
    ((event.category ?? 0) << 24);
  const question = (event.qtype ?? 1) | (length << 16) | (flags << 24);
  const { second = NOON, profile = ANNA, client = 0 } = event;
  return writeEvent(ring, second, profile, outcome, question, client, octets, length);
}

export interface Bench {
  readonly dataDir: string;
  readonly clock: FakeClock;
  readonly rings: EventRing[];
  readonly ring: EventRing;
  readonly budgets: Map<number, BudgetLimit[]>;
  readonly budgetStore: MemoryBudgetStore;
  /** `profile target day` of each used-up budget. */
  readonly usedUp: string[];
  /** Lines of the server's log, whole. */
  readonly lines: string[];
  readonly queryLog: QueryLog;
  /** Another one on the same folder, as after a restart. */
  reopen(): QueryLog;
}

export function createBench(options: Partial<QueryLogOptions> = {}): Bench {
  const dataDir = mkdtempSync(join(tmpdir(), 'query-log-'));
  const opened: QueryLog[] = [];
  onTestFinished(async () => {
    for (const queryLog of opened) await queryLog.close();
    rmSync(dataDir, { recursive: true });
  });
  const clock = new FakeClock();
  const rings = [createEventRing(1 << 16)];
  const budgets = new Map<number, BudgetLimit[]>();
  const budgetStore = new MemoryBudgetStore();
  const usedUp: string[] = [];
  const lines: string[] = [];
  const logLine = (details: unknown, message: string) => {
    lines.push(`${message} ${JSON.stringify(details)}`);
  };
  const profiles = new Map<number, string | null>([
    [HOME, null],
    [ANNA, 'anna'],
    [BEN, 'ben'],
  ]);
  const open = () => {
    const queryLog = new QueryLog({
      dataDir,
      clock,
      log: { warn: logLine },
      limits: { retentionDays: 7, statisticsDays: 90, bytesMax: 1 << 28 },
      rings: () => rings,
      learn: () => Promise.resolve(),
      householdOf: (number) => {
        const profile = profiles.get(number);
        return profile === undefined
          ? null
          : { subscriber: 'home-1', profile, number, zone: 'Europe/Minsk' };
      },
      numbersOf: (subscriber, profile) =>
        [...profiles]
          .filter(([, id]) => subscriber === 'home-1' && (profile === undefined || id === profile))
          .map(([number]) => number),
      categoryIdOf: (bit) => CATEGORY_IDS[bit] ?? null,
      budgetsOf: (profile) => budgets.get(profile) ?? [],
      budgetStore,
      onUsedUp: (profile, target, day) => {
        usedUp.push(`${profile} ${target} ${day}`);
      },
      ...options,
    });
    opened.push(queryLog);
    return queryLog;
  };
  return {
    dataDir,
    clock,
    rings,
    ring: rings[0]!,
    budgets,
    budgetStore,
    usedUp,
    lines,
    queryLog: open(),
    reopen: open,
  };
}

/** Whether any file in the folder holds these octets. */
export function isInFiles(dataDir: string, octets: string): boolean {
  return readdirSync(dataDir).some((file) =>
    readFileSync(join(dataDir, file)).includes(Buffer.from(octets, 'latin1')),
  );
}
