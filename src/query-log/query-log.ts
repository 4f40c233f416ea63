/**
 * What becomes of the events of the workers: the query log, statistics, budgets and the radar.
 *
 *     rings ─▶ drain ─┬─ a name ─────────▶ rows of the log ──────────┐
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
import type { Clock } from '../lib/clock.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import {
  droppedEvents,
  EVENT_BLOCKED,
  EVENT_HAS_CATEGORY,
  EVENT_USED,
  type EventRing,
  readEvents,
  type RingEvent,
} from '../lib/event-ring.ts';
import type { Language } from '../lib/messages.ts';
import { VERDICT_LAW } from '../policy/decide.ts';
import { localOf, openZone, secondOfLocal, type Zone } from '../policy/time-zone.ts';
import { type BudgetLimit, Budgets, type BudgetStore, type BudgetUsage } from './budgets.ts';
import { createCalmLog, type QueryLogLog } from './calm-log.ts';
import { emptyWal, LogFile, type LogFileSize } from './log-file.ts';
import {
  insertLogRows,
  type LogEntry,
  type NameCount,
  readLogPage,
  readTopBlocked,
} from './log-rows.ts';
import type { LogRow } from './log-tables.ts';
import { daysBetween, Radar, type RadarSign, readSigns } from './radar.ts';
import {
  countProfileData,
  type DataCounts,
  type QueryLogLimits,
  removeDue,
  removeOldest,
  removeProfileData,
} from './retention.ts';
import { type DayStatistics, readStatisticsOf, Statistics, type UseDb } from './statistics.ts';

const ROUND_MS = 250;
/** Taken from one ring before the event loop turns: a few milliseconds. */
const EVENTS_A_TURN = 2_000;
/** What a round takes of all rings; what comes faster is dropped by the workers. */
const EVENTS_A_ROUND = 100_000;
/**
 * Rows are written when so many wait, or the first has waited so long. Each touches pages of its own:
 * one by one they would wear out the card of a small machine.
 */
const ROWS_A_WRITE = 2_000;
const ROWS_WAIT_MS = 10_000;
/** Of one round; what is more is dropped. */
const ROWS_WAITING_MAX = 5_000;
const ROWS_A_TURN = 500;
/** How long a round may go on writing counts, saving minutes and removing what is due. */
const CHORES_MS = 60;
/** What is not in a file yet when the process is killed. */
const TURN_OVER_MS = 30_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** One reading never spans more. */
const DAYS_READ_MAX = 400;

/** What all that mandatory lists have blocked is counted under; no category has such an id. */
export const LAW_CATEGORY = 'class:law';

export interface Household {
  readonly subscriber: string;
  /** Null = the household's own. */
  readonly profile: string | null;
  /** What it does counts for this profile number: another one where a household has a default profile. */
  readonly number: number;
  /** IANA name. */
  readonly zone: string;
}

/** The structure of the supervisor's `MetricSample`. */
export interface QueryLogSample {
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface QueryLogOptions {
  readonly dataDir: string;
  readonly clock: Clock;
  readonly log: QueryLogLog;
  readonly limits: QueryLogLimits;
  /** Those of the workers that run, in the order of their seats. */
  readonly rings: () => readonly EventRing[];
  /** Called with all profiles that are asked about next. */
  readonly learn: (profiles: ReadonlySet<number>) => Promise<void>;
  /** Asked for each event. Null: the profile is gone, and so is what it did. */
  readonly householdOf: (profile: number) => Household | null;
  /** Profile numbers of a household; of one profile where it is given (null = the household's own). */
  readonly numbersOf: (
    subscriber: string,
    profile?: string | null,
  ) => readonly number[] | Promise<readonly number[]>;
  readonly categoryIdOf: (bit: number) => string | null;
  readonly budgetsOf: (profile: number) => readonly BudgetLimit[];
  readonly budgetStore: BudgetStore;
  /** The day is the one of the minutes; just after midnight it may be yesterday. */
  readonly onUsedUp: (profile: number, target: string, day: number) => void | Promise<void>;
}

/** Left out: the whole household. Null: its own. */
interface Whose {
  readonly subscriber: string;
  readonly profile?: string | null;
}

export interface ReadLogOptions extends Whose {
  /** Only entries after this id; empty = from the newest. */
  readonly after: string;
  readonly limit: number;
}

/** Days since 1970-01-01, both included. */
export interface ReadDaysOptions extends Whose {
  readonly from: number;
  readonly to: number;
}

export interface ReadRadarOptions extends ReadDaysOptions {
  readonly language: Language;
}

/** Says whose an entry is; null = the household's own profile. */
export type OfProfile<Entry> = Omit<Entry, 'number'> & { readonly profile: string | null };
export type ProfileStatistics = OfProfile<DayStatistics> & {
  readonly topBlocked: readonly NameCount[];
};

export interface DeletionCounts extends DataCounts {
  readonly budgets: number;
}

export interface DeletionResult {
  readonly before: DeletionCounts;
  readonly after: DeletionCounts;
}

export class QueryLog {
  readonly #options: QueryLogOptions;
  readonly #log: QueryLogLog;
  readonly #file: LogFile;
  readonly #statistics = new Statistics();
  readonly #radar = new Radar();
  readonly #budgets: Budgets;
  readonly #zones = new Map<string, Zone>();
  readonly #counts = { read: 0, unknown: 0, written: 0, lost: 0 };
  #rows: LogRow[] = [];
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
      await this.#takeEvents();
      await this.#writeRows();
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
      await this.#takeEvents();
      await this.#writeRows();
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
    const { read, unknown, written, lost } = this.#counts;
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
      await this.#takeEvents();
      await this.#chores();
    } catch (error) {
      // The file has said so itself.
      if (error instanceof AppError && error.code === 'QUERY_LOG_UNAVAILABLE') return;
      this.#log.warn({ reason: messageOf(error) }, 'A round of the query log failed');
    }
  }

  /** Reads the rings in turn until they are empty or the round has had its share. */
  async #takeEvents(): Promise<void> {
    let taken = 0;
    let isMore = true;
    while (isMore && taken < EVENTS_A_ROUND) {
      isMore = false;
      for (const ring of this.#options.rings()) {
        const events = readEvents(ring, EVENTS_A_TURN);
        await this.#learn(events);
        for (const event of events) this.#take(event);
        taken += events.length;
        isMore ||= events.length === EVENTS_A_TURN;
        if (events.length > 0) await setImmediate();
      }
    }
    this.#counts.read += taken;
    await this.#budgets.settle();
  }

  /** Events of profiles that cannot be learned now are those of unknown profiles: they are counted. */
  async #learn(events: readonly RingEvent[]): Promise<void> {
    try {
      await this.#options.learn(new Set(events.map(({ profile }) => profile)));
    } catch (error) {
      this.#log.warn({ reason: messageOf(error) }, 'Whose events are whose cannot be read');
    }
  }

  #take(asked: RingEvent): void {
    const household = this.#options.householdOf(asked.profile);
    if (household === null) {
      this.#counts.unknown++;
      return;
    }
    const { number } = household;
    const event = number === asked.profile ? asked : { ...asked, profile: number };
    const { day, minute } = localOf(this.#openZone(household.zone), event.second);
    const hasCategory = (event.flags & EVENT_HAS_CATEGORY) !== 0;
    const category = hasCategory ? this.#categoryOf(event) : null;
    if (event.kind === EVENT_USED) {
      const target = hasCategory ? targetOf(category) : 'internet';
      if (target !== null) this.#budgets.use(event.profile, target, day, minute);
      return;
    }
    const isBlocked = event.kind === EVENT_BLOCKED;
    const counts = this.#statistics.count(event.profile, day, minute, isBlocked, category);
    if (event.flags !== 0) this.#radar.note(event, counts);
    if (event.name.length === 0) return;
    if (this.#rows.length >= ROWS_WAITING_MAX) this.#counts.lost++;
    else this.#rows.push(toRow(event, isBlocked, category));
  }

  /** Which of the mandatory lists it was is not for the household to know, as in the answer. */
  #categoryOf({ verdictClass, category }: RingEvent): string | null {
    return verdictClass === VERDICT_LAW ? LAW_CATEGORY : this.#options.categoryIdOf(category);
  }

  async #writeRows(): Promise<void> {
    const rows = this.#rows;
    if (rows.length === 0) return;
    this.#rows = [];
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
    if (this.#rows.length >= ROWS_A_WRITE || nowMs - this.#wroteAtMs >= ROWS_WAIT_MS) {
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
    return this.#openZone(this.#options.householdOf(number)?.zone ?? 'UTC');
  }

  #openZone(name: string): Zone {
    let zone = this.#zones.get(name);
    if (zone === undefined) {
      zone = openZoneOrUtc(name);
      this.#zones.set(name, zone);
    }
    return zone;
  }

  #nowSeconds(): number {
    return Math.floor(this.#options.clock.wallMs() / 1000);
  }
}

/** The store takes no zone that is unknown; but the next version of Node may have forgotten one. */
function openZoneOrUtc(name: string): Zone {
  try {
    return openZone(name);
  } catch {
    return openZone('UTC');
  }
}

/** To a budget a service is a target of its own; null where the category is gone. */
function targetOf(category: string | null): string | null {
  if (category === null || category.startsWith('service:')) return category;
  return `category:${category}`;
}

function toRow(event: RingEvent, isBlocked: boolean, category: string | null): LogRow {
  return {
    at: event.second,
    profile: event.profile,
    is_blocked: isBlocked ? 1 : 0,
    decision_row: event.row,
    verdict_class: event.verdictClass,
    qtype: event.qtype,
    category,
    client: event.clientHash === 0 ? null : event.clientHash,
    name: event.name,
  };
}

/** @throws AppError `QUERY_LOG_RANGE` */
function daysOf({ from, to }: ReadDaysOptions): number[] {
  if (to - from < DAYS_READ_MAX) return daysBetween(from, to);
  throw new AppError(
    'QUERY_LOG_RANGE',
    `Reading statistics: ${to - from + 1} days; valid: up to ${DAYS_READ_MAX}`,
  );
}
