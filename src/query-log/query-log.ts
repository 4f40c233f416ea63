/**
 * What becomes of the events of the workers: the query log, statistics, budgets and the radar.
 *
 *     rings ─▶ intake ┬─ a name ─────────▶ rows of the log ──────────┐
 *     (250 ms)        ├─ passed, blocked ─▶ statistics, radar counts ├─▶ query-log.sqlite
 *                     └─ used ───────────▶ budget minutes ───────────┼─▶ BudgetStore
 *                                                └─▶ onUsedUp        │
 *                     retention, hourly ─────────────────────────────┘
 *
 * It lives on the main thread and is in nobody's way: a worker whose ring is full drops the event and
 * counts it, and a round here takes a bounded number of events and lets the event loop turn between. A
 * disk that is full or a file that is damaged costs rows, which are counted, and nothing else.
 *
 * Which events there are, and whether they carry a name or a client, was decided by the worker from the
 * profile's log level and the never-report set. Nothing here asks for more: a name is kept where one
 * came, in the log and nowhere else. No name stands in a metric, an error or a line of the server's log.
 */

import { setImmediate } from 'node:timers/promises';
import { AppError, messageOf } from '../lib/errors.ts';
import { droppedEvents } from '../lib/event-ring.ts';
import { localOf, secondOfLocal, type Zone } from '../policy/time-zone.ts';
import { Budgets, type BudgetUsage } from './budgets.ts';
import { createCalmLog, type QueryLogLog } from './calm-log.ts';
import { EventIntake } from './event-intake.ts';
import { emptyWal, LogFile, type LogFileSize } from './log-file.ts';
import {
  insertLogRows,
  type LogEntry,
  type NameCount,
  readLogPage,
  readTopBlocked,
} from './log-rows.ts';
import type {
  DeletionResult,
  OfProfile,
  ProfileStatistics,
  QueryLogOptions,
  QueryLogSample,
  ReadDaysOptions,
  ReadLogOptions,
  ReadRadarOptions,
  Whose,
} from './query-log-contract.ts';
import { daysBetween, Radar, type RadarSign, readSigns } from './radar.ts';
import { countProfileData, removeDue, removeOldest, removeProfileData } from './retention.ts';
import { type DayStatistics, readStatisticsOf, Statistics, type UseDb } from './statistics.ts';
import { Zones } from './zones.ts';

const ROUND_MS = 250;
/**
 * Rows are written when so many wait, or the first has waited so long. Each touches pages of its own:
 * one by one they would wear out the card of a small machine.
 */
const ROWS_A_WRITE = 2_000;
const ROWS_WAIT_MS = 10_000;
const ROWS_A_TURN = 500;
/** How long a round may go on writing counts, saving minutes and removing what is due. */
const CHORES_MS = 60;
/** What is not in a file yet when the process is killed. */
const TURN_OVER_MS = 30_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** One reading never spans more. */
const DAYS_READ_MAX = 400;

export class QueryLog {
  readonly #options: QueryLogOptions;
  readonly #log: QueryLogLog;
  readonly #file: LogFile;
  readonly #statistics = new Statistics();
  readonly #radar = new Radar();
  readonly #budgets: Budgets;
  readonly #zones = new Zones();
  readonly #intake: EventIntake;
  readonly #counts = { written: 0, lost: 0 };
  #size: LogFileSize = { octets: 0, rows: 0 };
  /** Rounds, readings and deletions follow each other. */
  #last: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #isClosed = false;
  /** Budget minutes are saved from one turn-over on until all of them are. */
  #isSaving = false;
  #wroteAtMs: number;
  #turnedOverAtMs: number;
  #retentionDueAtMs: number;
  /** Names that have aged out may stand in the slack of pages until then. */
  #compactDueAtMs: number;

  constructor(options: QueryLogOptions) {
    this.#options = options;
    const { dataDir, clock, budgetsOf, budgetStore, onUsedUp } = options;
    const log = createCalmLog(options.log, clock);
    this.#log = log;
    this.#file = new LogFile(dataDir, clock, log);
    this.#budgets = new Budgets({ budgetsOf, store: budgetStore, onUsedUp, log });
    const sinks = {
      statistics: this.#statistics,
      radar: this.#radar,
      budgets: this.#budgets,
      zones: this.#zones,
    };
    this.#intake = new EventIntake(options, sinks, log);
    this.#wroteAtMs = clock.monotonicMs();
    this.#turnedOverAtMs = clock.monotonicMs();
    this.#retentionDueAtMs = clock.monotonicMs();
    this.#compactDueAtMs = clock.monotonicMs() + DAY_MS;
  }

  /** Begins to read the rings. */
  start(): void {
    this.#schedule(0);
  }

  /** One round; the timer does the same. Never rejects. */
  drain(): Promise<void> {
    return this.#inTurn(() => this.#round());
  }

  /** Takes what is in the rings, writes everything and lets go of the file. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    await this.#inTurn(async () => {
      await this.#intake.takeAll(() => this.#writeRows());
      while (this.#statistics.hasWaiting) {
        this.#statistics.turnOver();
        await this.#writeStatistics();
      }
      while (await this.#budgets.saveSome()) await setImmediate();
      await this.#file.close();
    });
  }

  /** Newest first. */
  async readLog(options: ReadLogOptions): Promise<OfProfile<LogEntry>[]> {
    const numbers = await this.#numbersOf(options);
    const entries = await this.#inTurn(async () => {
      await this.#writeRows();
      return this.#file.use((db) => readLogPage(db, numbers, options));
    });
    return entries.map((entry) => this.#named(entry));
  }

  /** By day, then profile; days without a query are left out. */
  async readStatistics(options: ReadDaysOptions): Promise<ProfileStatistics[]> {
    const numbers = await this.#numbersOf(options);
    const days = daysOf(options);
    const statistics = await this.#inTurn(async () => {
      await this.#writeRows();
      await this.#writeStatistics(numbers);
      return this.#file.use((db) => readStatisticsOf(db, numbers, days));
    });
    const result: ProfileStatistics[] = [];
    for (const counts of statistics) {
      const topBlocked = counts.blocked === 0 ? [] : await this.#topBlocked(counts);
      result.push({ ...this.#named(counts), topBlocked });
    }
    return result;
  }

  /** Days with a sign, by day, then profile. */
  async readRadar(options: ReadRadarOptions): Promise<OfProfile<RadarSign>[]> {
    const numbers = await this.#numbersOf(options);
    const household = await this.#numbersOf({ subscriber: options.subscriber });
    const days = daysOf(options);
    const zone = this.#zoneOf(numbers[0] ?? -1);
    const now = localOf(zone, this.#nowSeconds());
    const signs = await this.#inTurn(async () => {
      await this.#writeStatistics(household);
      return this.#file.use((db) =>
        readSigns(db, {
          numbers,
          household,
          fromDay: options.from,
          toDay: days.at(-1) ?? options.from,
          today: now.day,
          hoursOver: Math.floor(now.minute / 60),
          language: options.language,
        }),
      );
    });
    return signs.map((sign) => this.#named(sign));
  }

  /** Minutes of the profile's budgets on a local day, estimated from DNS queries. */
  async usage(profile: number, day: number): Promise<BudgetUsage[]> {
    await this.#options.learn(new Set([profile]));
    return this.#budgets.usage(profile, day);
  }

  /**
   * Deletes everything that is known of these profiles, here and in the budget store, so that it is
   * gone from the file too, and counts what was there and what is left. What they ask from now on is
   * new; so a profile that is to be forgotten is removed from the store first.
   * @throws AppError `QUERY_LOG_UNAVAILABLE`: then it is not proven, and to be called again
   */
  deleteProfileData(numbers: readonly number[]): Promise<DeletionResult> {
    return this.#inTurn(async () => {
      const { budgetStore } = this.#options;
      // What was asked until now is in the rings still.
      await this.#intake.takeAll(() => this.#writeRows());
      await this.#writeStatistics(numbers);
      this.#radar.drop(numbers);
      const budgetsBefore = await budgetStore.count(numbers);
      this.#budgets.drop(numbers);
      const before = await this.#file.use((db) => countProfileData(db, numbers));
      await this.#file.use((db) =>
        db.transaction().execute((tx) => removeProfileData(tx, numbers)),
      );
      await budgetStore.remove(numbers);
      await this.#file.compact();
      this.#file.removeDamaged();
      const after = await this.#file.use((db) => countProfileData(db, numbers));
      return {
        before: { ...before, budgets: budgetsBefore },
        after: { ...after, budgets: await budgetStore.count(numbers) },
      };
    });
  }

  samples(): readonly QueryLogSample[] {
    const { read, unknown } = this.#intake.counts;
    const { written } = this.#counts;
    const lost = this.#counts.lost + this.#intake.counts.lost;
    const sample = (
      kind: QueryLogSample['kind'],
      name: string,
      help: string,
      value: number,
      labels: Readonly<Record<string, string>> = {},
    ): QueryLogSample => ({ name: `stairgate_${name}`, help, kind, labels, value });
    return [
      sample('counter', 'events_read_total', 'Events taken from the workers', read),
      ...this.#options.rings().map((ring, worker) =>
        sample(
          'counter',
          'events_dropped_total',
          'Events for which a ring had no room',
          droppedEvents(ring),
          {
            worker: String(worker),
          },
        ),
      ),
      sample('counter', 'events_unknown_total', 'Events of profiles that are gone', unknown),
      sample('counter', 'query_log_rows_written_total', 'Rows written to the query log', written),
      sample('counter', 'query_log_rows_lost_total', 'Rows that could not be written', lost),
      sample('gauge', 'query_log_rows', 'Rows of the query log, at most', this.#size.rows),
      sample('gauge', 'query_log_bytes', 'Octets in use of its file', this.#size.octets),
    ];
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer = setTimeout(() => {
      const beganAtMs = performance.now();
      void this.drain().finally(() => {
        // A round that took long is followed by a pause all the same.
        this.#schedule(Math.max(ROUND_MS / 10, ROUND_MS - (performance.now() - beganAtMs)));
      });
    }, delayMs);
    this.#timer.unref();
  }

  #inTurn<Result>(task: () => Promise<Result>): Promise<Result> {
    const result = this.#last.then(task);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #round(): Promise<void> {
    try {
      await this.#intake.takeShare();
      await this.#chores();
    } catch (error) {
      // The file has said so itself.
      if (error instanceof AppError && error.code === 'QUERY_LOG_UNAVAILABLE') return;
      this.#log.warn({ reason: messageOf(error) }, 'A round of the query log failed');
    }
  }

  async #writeRows(): Promise<void> {
    const rows = this.#intake.takeRows();
    if (rows.length === 0) return;
    try {
      await this.#makeRoom(2 * rows.length);
      await this.#file.use((db) =>
        db.transaction().execute(async (tx) => {
          for (let at = 0; at < rows.length; at += ROWS_A_TURN) {
            await insertLogRows(tx, rows.slice(at, at + ROWS_A_TURN));
            await setImmediate();
          }
        }),
      );
      this.#counts.written += rows.length;
    } catch {
      // The file has logged why.
      this.#counts.lost += rows.length;
    }
  }

  /** Where the file is over its bound: called before each write, with more rows than that adds. */
  async #makeRoom(rows: number): Promise<void> {
    this.#size = await this.#file.size();
    if (this.#size.octets <= this.#options.limits.bytesMax) return;
    for (let removed = 0; removed < rows; removed += ROWS_A_TURN) {
      await this.#file.use((db) => removeOldest(db, ROWS_A_TURN));
      await setImmediate();
    }
  }

  /** What can wait: a part of it each round. */
  async #chores(): Promise<void> {
    const { clock } = this.#options;
    const nowMs = clock.monotonicMs();
    if (this.#intake.rowsWaiting >= ROWS_A_WRITE || nowMs - this.#wroteAtMs >= ROWS_WAIT_MS) {
      this.#wroteAtMs = nowMs;
      await this.#writeRows();
    }
    if (nowMs - this.#turnedOverAtMs >= TURN_OVER_MS) {
      this.#turnedOverAtMs = nowMs;
      this.#statistics.turnOver();
      this.#isSaving = true;
      await this.#makeRoom(ROWS_A_TURN);
    }
    const isInTime = () => clock.monotonicMs() - nowMs < CHORES_MS;
    while (this.#statistics.hasWriting && isInTime()) await this.#writeStatistics();
    while (this.#isSaving && isInTime()) {
      this.#isSaving = await this.#budgets.saveSome();
      await setImmediate();
    }
    if (nowMs >= this.#retentionDueAtMs) await this.#enforceRetention(isInTime);
  }

  /** @param numbers only what waits for these; left out: a part of all */
  async #writeStatistics(numbers?: readonly number[]): Promise<void> {
    const use: UseDb = (task) => this.#file.use(task);
    this.#counts.lost +=
      numbers === undefined
        ? await this.#statistics.writeSome(use)
        : await this.#statistics.writeOf(use, numbers);
    await setImmediate();
  }

  async #enforceRetention(isInTime: () => boolean): Promise<void> {
    const { clock, limits } = this.#options;
    const nowSeconds = this.#nowSeconds();
    this.#file.removeDamaged(clock.wallMs() - limits.retentionDays * DAY_MS);
    while (isInTime()) {
      const isMore = await this.#file.use((db) => removeDue(db, limits, nowSeconds));
      await setImmediate();
      if (isMore) continue;
      this.#budgets.forgetIdle();
      const nowMs = clock.monotonicMs();
      this.#retentionDueAtMs = nowMs + HOUR_MS;
      if (nowMs >= this.#compactDueAtMs) {
        // What fails is tried again in an hour.
        this.#compactDueAtMs = this.#retentionDueAtMs;
        await this.#file.compact();
        this.#compactDueAtMs = nowMs + DAY_MS;
      } else {
        await this.#file.use(emptyWal);
      }
      return;
    }
  }

  async #numbersOf({ subscriber, profile }: Whose): Promise<readonly number[]> {
    const { numbersOf, learn } = this.#options;
    const numbers = await (profile === undefined
      ? numbersOf(subscriber)
      : numbersOf(subscriber, profile));
    await learn(new Set(numbers));
    return numbers;
  }

  #topBlocked({ number, day }: DayStatistics): Promise<NameCount[]> {
    const zone = this.#zoneOf(number);
    const fromSecond = secondOfLocal(zone, day, 0);
    const untilSecond = secondOfLocal(zone, day + 1, 0);
    return this.#inTurn(() =>
      this.#file.use((db) => readTopBlocked(db, number, fromSecond, untilSecond)),
    );
  }

  #named<Entry extends { readonly number: number }>({ number, ...entry }: Entry) {
    return { ...entry, profile: this.#options.householdOf(number)?.profile ?? null };
  }

  #zoneOf(number: number): Zone {
    return this.#zones.open(this.#options.householdOf(number)?.zone ?? 'UTC');
  }

  #nowSeconds(): number {
    return Math.floor(this.#options.clock.wallMs() / 1000);
  }
}

/** @throws AppError `QUERY_LOG_RANGE` */
function daysOf({ from, to }: ReadDaysOptions): number[] {
  if (to - from < DAYS_READ_MAX) return daysBetween(from, to);
  throw new AppError(
    'QUERY_LOG_RANGE',
    `Reading statistics: ${to - from + 1} days; valid: up to ${DAYS_READ_MAX}`,
  );
}
