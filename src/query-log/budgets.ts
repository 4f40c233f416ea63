/**
 * Budgets: how many minutes of a day a target was used, and when they are used up. Minutes are
 * estimated from queries: an app that is open and asks nothing is not seen, one that asks in the
 * background is. Maps live here while they are used and in the `BudgetStore` always: a restart loses
 * no more than the time between two calls of `saveSome`.
 *
 *     event ─▶ use: marks the minute ─▶ settle: adds what the store knew, tells what is used up
 *                                    └▶ saveSome: the maps that changed
 */

import { messageOf } from '../lib/errors.ts';
import type { QueryLogLog } from './calm-log.ts';
import { countMinutes, createDayMap, markMinute, mergeDayMap } from './day-map.ts';

/** A limit; the target is `internet`, `category:ID` or `service:ID`. */
export interface BudgetLimit {
  readonly target: string;
  readonly minutesPerDay: number;
}

export interface BudgetDay {
  /** Profile number. */
  readonly profile: number;
  readonly target: string;
  /** Days since 1970-01-01 of the profile's local date. */
  readonly day: number;
  /** A day map (`day-map.ts`). */
  readonly minutes: Uint8Array;
}

/** What is kept of a budget and a day. */
export interface SavedDay {
  /** A day map. */
  readonly minutes: Uint8Array;
  /** The limit that was noted as used up; null where none was. It outlives the minutes. */
  readonly usedUpLimit: number | null;
}

/** Where maps are kept. Whatever it throws is tried again later. */
export interface BudgetStore {
  load(profile: number, target: string, day: number): Promise<SavedDay | null>;
  /** All of them or none; a map that is there already is replaced. */
  save(days: readonly BudgetDay[]): Promise<void>;
  count(profiles: readonly number[]): Promise<number>;
  remove(profiles: readonly number[]): Promise<void>;
}

export interface BudgetUsage {
  readonly target: string;
  /** At least so many; where they were forgotten, as many as the budget had when it was used up. */
  readonly minutes: number;
  readonly minutesPerDay: number;
  /** Always: minutes are estimated from DNS queries. */
  readonly isEstimate: true;
}

export interface BudgetOptions {
  readonly budgetsOf: (profile: number) => readonly BudgetLimit[];
  readonly store: BudgetStore;
  /**
   * Once when the minutes of a day reach the limit; again after a restart, where the limit has
   * changed since, and where it failed.
   */
  readonly onUsedUp: (profile: number, target: string, day: number) => void | Promise<void>;
  readonly log: QueryLogLog;
}

const SAVED_A_TIME = 250;
/** Maps read in one turn after a restart, when all of them are asked for. */
const LOADED_A_TIME = 500;

interface Use {
  readonly profile: number;
  readonly target: string;
  readonly day: number;
  readonly map: Uint8Array;
  /** False until what the store knew is added. */
  isLoaded: boolean;
  /** The limit that was told to be used up. */
  toldLimit: number | null;
  /** How many times `forgetIdle` came by since the last use. */
  idleRounds: number;
}

/** Its calls must not overlap, but for `usage`. */
export class Budgets {
  readonly #options: BudgetOptions;
  /** By profile, then by `day target`. */
  readonly #uses = new Map<number, Map<string, Use>>();
  /** Those with new minutes since the last `settle`. */
  readonly #unsettled = new Set<Use>();
  readonly #unsaved = new Set<Use>();

  constructor(options: BudgetOptions) {
    this.#options = options;
  }

  get hasUnsaved(): boolean {
    return this.#unsaved.size > 0;
  }

  use(profile: number, target: string, day: number, minute: number): void {
    const use = this.#find(profile, target, day) ?? this.#add(profile, target, day);
    use.idleRounds = 0;
    if (markMinute(use.map, minute) === 0) return;
    this.#unsettled.add(use);
    this.#unsaved.add(use);
  }

  /**
   * Tells what is used up among the targets with new minutes. After a restart all of them must be read
   * first: `LOADED_A_TIME` now, the others with the next call.
   */
  async settle(): Promise<void> {
    let loads = 0;
    for (const use of this.#unsettled) {
      if (!use.isLoaded && ++loads > LOADED_A_TIME) continue;
      // What cannot be read is tried with the next minute; until then these minutes are all we know.
      if (!use.isLoaded) await this.#load(use);
      this.#unsettled.delete(use);
      await this.#tell(use);
    }
  }

  /** Writes a part of the maps that changed; true where more are left and it makes sense to go on. */
  async saveSome(): Promise<boolean> {
    const uses = [...this.#unsaved].slice(0, SAVED_A_TIME);
    if (uses.length === 0) return false;
    // A map that was never added to the stored one would replace it.
    for (const use of uses) if (!use.isLoaded) await this.#load(use);
    const ready = uses.filter((use) => use.isLoaded);
    try {
      await this.#options.store.save(
        ready.map(({ profile, target, day, map }) => ({ profile, target, day, minutes: map })),
      );
    } catch (error) {
      this.#options.log.warn({ reason: messageOf(error) }, 'Budget minutes cannot be saved');
      return false;
    }
    for (const use of ready) this.#unsaved.delete(use);
    return ready.length > 0 && this.#unsaved.size > 0;
  }

  /** To be called now and then: lets go of maps that are saved and were not used for two calls. */
  forgetIdle(): void {
    for (const [profile, uses] of this.#uses) {
      for (const [key, use] of uses) {
        if (++use.idleRounds > 2 && !this.#unsaved.has(use)) uses.delete(key);
      }
      if (uses.size === 0) this.#uses.delete(profile);
    }
  }

  /** Of the profile's present budgets. */
  async usage(profile: number, day: number): Promise<BudgetUsage[]> {
    const usages: BudgetUsage[] = [];
    for (const { target, minutesPerDay } of this.#options.budgetsOf(profile)) {
      const map = createDayMap();
      const use = this.#find(profile, target, day);
      if (use !== null) mergeDayMap(map, use.map);
      const saved = await this.#options.store.load(profile, target, day);
      if (saved !== null && use?.isLoaded !== true) mergeDayMap(map, saved.minutes);
      const minutes = Math.max(countMinutes(map), saved?.usedUpLimit ?? 0);
      usages.push({ target, minutes, minutesPerDay, isEstimate: true });
    }
    return usages;
  }

  /** Forgets what is known here of these profiles. */
  drop(numbers: readonly number[]): void {
    for (const number of numbers) {
      for (const use of this.#uses.get(number)?.values() ?? []) {
        this.#unsettled.delete(use);
        this.#unsaved.delete(use);
      }
      this.#uses.delete(number);
    }
  }

  #find(profile: number, target: string, day: number): Use | null {
    return this.#uses.get(profile)?.get(`${day} ${target}`) ?? null;
  }

  #add(profile: number, target: string, day: number): Use {
    const use = {
      profile,
      target,
      day,
      map: createDayMap(),
      isLoaded: false,
      toldLimit: null,
      idleRounds: 0,
    };
    const uses = this.#uses.get(profile) ?? new Map<string, Use>();
    this.#uses.set(profile, uses.set(`${day} ${target}`, use));
    return use;
  }

  async #load(use: Use): Promise<void> {
    try {
      const saved = await this.#options.store.load(use.profile, use.target, use.day);
      if (saved !== null) mergeDayMap(use.map, saved.minutes);
      use.isLoaded = true;
    } catch (error) {
      this.#options.log.warn({ reason: messageOf(error) }, 'Budget minutes cannot be read');
    }
  }

  async #tell(use: Use): Promise<void> {
    const { profile, target, day, map } = use;
    const limit = this.#options.budgetsOf(profile).find((budget) => budget.target === target);
    if (limit === undefined || use.toldLimit === limit.minutesPerDay) return;
    if (countMinutes(map) < limit.minutesPerDay) return;
    try {
      await this.#options.onUsedUp(profile, target, day);
      use.toldLimit = limit.minutesPerDay;
    } catch (error) {
      this.#options.log.warn({ reason: messageOf(error) }, 'A used-up budget cannot be noted');
    }
  }
}
