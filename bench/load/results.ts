/** What the bench leaves behind: raw runs, from which every table and plot is made. */

import type { Mix } from './workload.ts';

/**
 * How much is offered: `full` = as much as dnsperf gets answered, `flood` = the same by `many-sources`,
 * which costs less and so keeps every server busy; `half` of the former; or the same rate to every server.
 */
export type Offer = 'full' | 'flood' | 'half' | 'fixed';

export interface Run {
  readonly server: string;
  readonly mix: Mix;
  readonly offer: Offer;
  readonly round: number;
  readonly queriesPerSecond: number;
  /** CPU time of the whole server process, user and system, divided by its answers. */
  readonly cpuMicroseconds: number;
  readonly lostShare: number;
  /** At a rate only. */
  readonly latency: Latency | null;
}

export interface Latency {
  readonly p50Us: number;
  readonly p99Us: number;
  readonly p999Us: number;
}

/** A list update of a running server, at half of its peak. */
export interface ListUpdate {
  readonly server: string;
  readonly round: number;
  /** Until the new name was blocked. */
  readonly seconds: number;
  readonly p99Us: number;
  readonly sent: number;
  readonly lost: number;
}

export interface ServerFacts {
  readonly server: string;
  readonly version: string;
  /** From exec to the first right answer. */
  readonly startMs: number;
  /** After the runs: resident, and what the process has to itself. */
  readonly residentMebibytes: number;
  readonly privateMebibytes: number;
}

export interface Missing {
  readonly server: string;
  readonly reason: string;
}

export interface Comparison {
  readonly nameCount: number;
  readonly fixedQueriesPerSecond: number;
  readonly servers: readonly ServerFacts[];
  readonly missing: readonly Missing[];
  readonly runs: readonly Run[];
  readonly updates: readonly ListUpdate[];
}

/** What our server costs as one thing grows. */
export interface GrowthCurve {
  /** `households`: of a million subscribers, those with names of their own, one in five with a schedule. */
  readonly of: 'names' | 'subscribers' | 'households' | 'workers';
  readonly points: readonly GrowthPoint[];
  readonly missing: readonly Missing[];
}

export interface GrowthPoint {
  readonly size: number;
  /** Of each round. */
  readonly cpuMicroseconds: readonly number[];
  readonly startMs: number;
  readonly residentMebibytes: number;
  readonly privateMebibytes: number;
  /** To read, parse and compile the whole, as the server logs it. */
  readonly compileMs: number;
  readonly blocklistOctets: number;
}

export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly gibibytes: number;
  readonly kernel: string;
  readonly node: string;
  readonly date: string;
  /** What the load came from, and who answered as upstream. */
  readonly load: string;
  readonly upstream: string;
}

/** One whole run of the bench. */
export interface Results {
  readonly machine: Machine;
  readonly rounds: number;
  readonly seconds: number;
  readonly comparison: Comparison;
  readonly growth: readonly GrowthCurve[];
  /** Of the query path, as `bench/resolver` found; null = it was not asked. */
  readonly isAllocationFree: boolean | null;
}
