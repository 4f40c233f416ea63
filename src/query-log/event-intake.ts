/**
 * From the rings of the workers to all that counts: statistics, the radar, minutes of budgets, and rows
 * of the log, which wait here to be written. It lets the event loop turn between, and takes a bounded
 * number of events a round: what comes faster is dropped by the workers.
 */

import { setImmediate } from 'node:timers/promises';
import { messageOf } from '../lib/errors.ts';
import {
  EVENT_BLOCKED,
  EVENT_HAS_CATEGORY,
  EVENT_USED,
  isReadTo,
  readEvents,
  type RingEvent,
  writtenTo,
} from '../lib/event-ring.ts';
import { VERDICT_LAW } from '../policy/decide.ts';
import { localOf } from '../policy/time-zone.ts';
import type { Budgets } from './budgets.ts';
import type { QueryLogLog } from './calm-log.ts';
import type { LogRow } from './log-tables.ts';
import type { QueryLogOptions } from './query-log-contract.ts';
import type { Radar } from './radar.ts';
import type { Statistics } from './statistics.ts';
import type { Zones } from './zones.ts';

/** Taken from one ring before the event loop turns: a few milliseconds. */
const EVENTS_A_TURN = 2_000;
/** What a round takes of all rings. */
const EVENTS_A_ROUND = 100_000;
/** Of one round; what is more is dropped. */
const ROWS_WAITING_MAX = 5_000;

/** What all that mandatory lists have blocked is counted under; no category has such an id. */
export const LAW_CATEGORY = 'class:law';

export interface EventSinks {
  readonly statistics: Statistics;
  readonly radar: Radar;
  readonly budgets: Budgets;
  readonly zones: Zones;
}

export class EventIntake {
  /** Events taken, of profiles that are gone, and rows for which there was no room. */
  readonly counts = { read: 0, unknown: 0, lost: 0 };
  readonly #options: Pick<QueryLogOptions, 'rings' | 'learn' | 'householdOf' | 'categoryIdOf'>;
  readonly #sinks: EventSinks;
  readonly #log: QueryLogLog;
  #rows: LogRow[] = [];

  constructor(options: QueryLogOptions, sinks: EventSinks, log: QueryLogLog) {
    this.#options = options;
    this.#sinks = sinks;
    this.#log = log;
  }

  get rowsWaiting(): number {
    return this.#rows.length;
  }

  /** Hands over the rows that wait. */
  takeRows(): readonly LogRow[] {
    const rows = this.#rows;
    this.#rows = [];
    return rows;
  }

  /**
   * However much stands in the rings now, and no end of what comes meanwhile.
   * @param writeRows called after each share
   */
  async takeAll(writeRows: () => Promise<void>): Promise<void> {
    const ends = this.#options.rings().map((ring) => ({ ring, end: writtenTo(ring) }));
    let taken: number;
    do {
      taken = await this.takeShare();
      await writeRows();
    } while (taken > 0 && ends.some(({ ring, end }) => !isReadTo(ring, end)));
  }

  /** Reads the rings in turn until they are empty or the round has had its share. @returns how many */
  async takeShare(): Promise<number> {
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
    this.counts.read += taken;
    await this.#sinks.budgets.settle();
    return taken;
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
      this.counts.unknown++;
      return;
    }
    const { number } = household;
    const event = number === asked.profile ? asked : { ...asked, profile: number };
    const { day, minute } = localOf(this.#sinks.zones.open(household.zone), event.second);
    const hasCategory = (event.flags & EVENT_HAS_CATEGORY) !== 0;
    const category = hasCategory ? this.#categoryOf(event) : null;
    if (event.kind === EVENT_USED) {
      const target = hasCategory ? targetOf(category) : 'internet';
      if (target !== null) this.#sinks.budgets.use(event.profile, target, day, minute);
      return;
    }
    const isBlocked = event.kind === EVENT_BLOCKED;
    const counts = this.#sinks.statistics.count(event.profile, day, minute, isBlocked, category);
    if (event.flags !== 0) this.#sinks.radar.note(event, counts);
    if (event.name.length === 0) return;
    if (this.#rows.length >= ROWS_WAITING_MAX) this.counts.lost++;
    else this.#rows.push(toRow(event, isBlocked, category));
  }

  /** Which of the mandatory lists it was is not for the household to know, as in the answer. */
  #categoryOf({ verdictClass, category }: RingEvent): string | null {
    return verdictClass === VERDICT_LAW ? LAW_CATEGORY : this.#options.categoryIdOf(category);
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
