/**
 * How much was passed and blocked, by profile and local day, with the radar's counts, and no names.
 * Counted in memory, written by addition a little at a time: so a hundred thousand profiles cost main no
 * long pause, and a crash loses some seconds of counts.
 *
 *     event ─▶ #counting (by profile) ── turnOver ──▶ #writing ── writeSome ──▶ rows += counts
 */

import { sql } from 'kysely';
import type { LogDb } from './log-tables.ts';

/** One transaction: a few milliseconds. */
const ROWS_PER_TRANSACTION = 250;

/** What happened in a profile on a day since it was last written. */
export interface DayCounts {
  readonly profile: number;
  readonly day: number;
  passed: number;
  blocked: number;
  firstMinute: number;
  lastMinute: number;
  hours: number;
  categories: Map<string, number> | null;
  /** What the radar counts. */
  bypass: number;
  canaries: number;
  tunnelMinutes: number;
}

export interface DayStatistics {
  /** Days since 1970-01-01 of the profile's local date. */
  readonly day: number;
  readonly number: number;
  readonly passed: number;
  readonly blocked: number;
  /** Minutes since the local midnight. */
  readonly firstMinute: number;
  readonly lastMinute: number;
  readonly blockedByCategory: Readonly<Record<string, number>>;
}

export class Statistics {
  #counting = new Map<number, DayCounts>();
  /** Taken from the end. */
  #writing: DayCounts[] = [];

  /** Whether `writeSome` has something to write. */
  get hasWriting(): boolean {
    return this.#writing.length > 0;
  }

  /** Whether anything is not written yet. */
  get hasWaiting(): boolean {
    return this.hasWriting || this.#counting.size > 0;
  }

  /**
   * @param category id of the category that blocked, or null
   * @returns where the radar adds its signs, before anything else is counted
   */
  count(
    profile: number,
    day: number,
    minute: number,
    isBlocked: boolean,
    category: string | null,
  ): DayCounts {
    let counts = this.#counting.get(profile);
    if (counts?.day !== day) {
      // Midnight, or a clock that was set: what was counted until now waits with the others.
      if (counts !== undefined) this.#writing.push(counts);
      counts = createCounts(profile, day, minute);
      this.#counting.set(profile, counts);
    }
    if (minute < counts.firstMinute) counts.firstMinute = minute;
    if (minute > counts.lastMinute) counts.lastMinute = minute;
    counts.hours |= 1 << Math.floor(minute / 60);
    if (isBlocked) counts.blocked++;
    else counts.passed++;
    if (isBlocked && category !== null) {
      counts.categories ??= new Map();
      counts.categories.set(category, (counts.categories.get(category) ?? 0) + 1);
    }
    return counts;
  }

  /** What was counted until now shall be written; nothing happens while the last is being written. */
  turnOver(): void {
    if (this.#writing.length > 0) return;
    // Rows of neighbours stand on the same pages, and so a transaction touches a few instead of hundreds.
    const numbers = Uint32Array.from(this.#counting.keys()).sort();
    for (const number of numbers) {
      const counts = this.#counting.get(number);
      if (counts !== undefined) this.#writing.push(counts);
    }
    this.#counting.clear();
  }

  /**
   * Writes a part of what waits.
   * @returns rows that could not be written; they are lost
   */
  async writeSome(use: UseDb): Promise<number> {
    const rows = this.#writing.splice(-ROWS_PER_TRANSACTION);
    return writeCounts(use, rows);
  }

  /** Writes what waits for these profiles, so that a reader sees all. */
  async writeOf(use: UseDb, numbers: readonly number[]): Promise<number> {
    return writeCounts(use, this.#take(new Set(numbers)));
  }

  #take(numbers: ReadonlySet<number>): DayCounts[] {
    const taken = this.#writing.filter(({ profile }) => numbers.has(profile));
    if (taken.length > 0) {
      this.#writing = this.#writing.filter(({ profile }) => !numbers.has(profile));
    }
    for (const number of numbers) {
      const counts = this.#counting.get(number);
      if (counts !== undefined) taken.push(counts);
      this.#counting.delete(number);
    }
    return taken;
  }
}

/** `LogFile.use`, or a test's. */
export type UseDb = <Result>(task: (db: LogDb) => Promise<Result>) => Promise<Result>;

function createCounts(profile: number, day: number, minute: number): DayCounts {
  return {
    profile,
    day,
    passed: 0,
    blocked: 0,
    firstMinute: minute,
    lastMinute: minute,
    hours: 0,
    categories: null,
    bypass: 0,
    canaries: 0,
    tunnelMinutes: 0,
  };
}

async function writeCounts(use: UseDb, rows: readonly DayCounts[]): Promise<number> {
  if (rows.length === 0) return 0;
  try {
    await use((db) => db.transaction().execute((tx) => addCounts(tx, rows)));
    return 0;
  } catch {
    // `LogFile` has logged why.
    return rows.length;
  }
}

/**
 * Rows go in as one JSON text: a statement with a place for each value takes longer to build and to
 * prepare than to run.
 */
async function addCounts(tx: LogDb, rows: readonly DayCounts[]): Promise<void> {
  const counts = rows.map((row) => [
    row.day,
    row.profile,
    row.passed,
    row.blocked,
    row.firstMinute,
    row.lastMinute,
    row.hours,
  ]);
  await sql`
    insert into statistics (day, profile, passed, blocked, first_minute, last_minute, hours)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6
      from json_each(${JSON.stringify(counts)}) where true
    on conflict do update set
      passed = passed + excluded.passed,
      blocked = blocked + excluded.blocked,
      first_minute = min(first_minute, excluded.first_minute),
      last_minute = max(last_minute, excluded.last_minute),
      hours = hours | excluded.hours
  `.execute(tx);
  const categories = rows.flatMap((row) =>
    [...(row.categories ?? [])].map(([id, count]) => [row.day, row.profile, id, count]),
  );
  if (categories.length > 0) {
    await sql`
      insert into categories (day, profile, category, blocked)
      select value ->> 0, value ->> 1, value ->> 2, value ->> 3
        from json_each(${JSON.stringify(categories)}) where true
      on conflict do update set blocked = blocked + excluded.blocked
    `.execute(tx);
  }
  const signs = rows
    .filter((row) => row.bypass + row.canaries + row.tunnelMinutes > 0)
    .map((row) => [row.day, row.profile, row.bypass, row.canaries, row.tunnelMinutes]);
  if (signs.length === 0) return;
  await sql`
    insert into radar (day, profile, bypass, canaries, tunnel_minutes)
    select value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4
      from json_each(${JSON.stringify(signs)}) where true
    on conflict do update set
      bypass = bypass + excluded.bypass,
      canaries = canaries + excluded.canaries,
      tunnel_minutes = tunnel_minutes + excluded.tunnel_minutes
  `.execute(tx);
}

/** Ordered by day, then profile number; days without a query have none. */
export async function readStatisticsOf(
  db: LogDb,
  numbers: readonly number[],
  days: readonly number[],
): Promise<DayStatistics[]> {
  if (numbers.length === 0 || days.length === 0) return [];
  const rows = await db
    .selectFrom('statistics')
    .selectAll()
    .where('day', 'in', days)
    .where('profile', 'in', numbers)
    .orderBy('day')
    .orderBy('profile')
    .execute();
  const categories = await db
    .selectFrom('categories')
    .selectAll()
    .where('day', 'in', days)
    .where('profile', 'in', numbers)
    .orderBy('blocked', 'desc')
    .execute();
  return rows.map((row) => ({
    day: row.day,
    number: row.profile,
    passed: row.passed,
    blocked: row.blocked,
    firstMinute: row.first_minute,
    lastMinute: row.last_minute,
    blockedByCategory: Object.fromEntries(
      categories
        .filter(({ day, profile }) => day === row.day && profile === row.profile)
        .map(({ category, blocked }) => [category, blocked]),
    ),
  }));
}
