/** What the query log needs, what it is asked, and what it answers. */

import type { Clock } from '../lib/clock.ts';
import type { EventRing } from '../lib/event-ring.ts';
import type { Language } from '../lib/messages.ts';
import type { BudgetLimit, BudgetStore } from './budgets.ts';
import type { QueryLogLog } from './calm-log.ts';
import type { NameCount } from './log-rows.ts';
import type { DataCounts, QueryLogLimits } from './retention.ts';
import type { DayStatistics } from './statistics.ts';

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
export interface Whose {
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
