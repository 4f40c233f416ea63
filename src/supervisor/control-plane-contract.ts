/**
 * What the API needs from the running server, and nothing more. The supervisor implements it; the
 * types stand here so that imports go down only (api → supervisor → store).
 */

import type { ListEvidence } from '../compiler/messages.ts';
import type { UsageReport } from '../lists/list-usage.ts';
import type { Attestation } from '../sealing/attestation.ts';
import type { QueryLog } from '../query-log/query-log.ts';
import type { LogLevelName, YoutubeLevel } from '../store/document.ts';
import type { Store } from '../store/store.ts';
import type { AddressChange } from '../store/sessions.ts';

export interface PublishResult {
  /** The revision that every worker now decides with. */
  readonly revision: number;
}

export interface WorkerStatus {
  readonly index: number;
  /** `silent`: it listens, but has missed two pings. */
  readonly state: 'starting' | 'serving' | 'silent' | 'stopping' | 'restarting';
  /** The revision that this worker reported as installed; 0 = none yet. */
  readonly revision: number;
  readonly restarts: number;
}

/** A sealed list as every worker decides with it. */
export interface SealedListStatus {
  readonly list: string;
  readonly serial: number;
  /** ISO 8601 in UTC, as is `inForceSince`: when the last worker began to decide with it. */
  readonly sealedAt: string;
  readonly sha256: string;
  readonly names: number;
  readonly inForceSince: string;
  /** Since it was sealed. */
  readonly ageSeconds: number;
  readonly freshness: 'fresh' | 'ageing' | 'overdue';
}

export interface Status {
  readonly version: string;
  /** False while `/readyz` says 503. */
  readonly isReady: boolean;
  /** Why not ready, one sentence; null when ready. */
  readonly notReadyReason: string | null;
  /** The newest revision in the store. */
  readonly revision: number;
  /** The oldest revision that any serving or silent worker decides with; 0 = none. */
  readonly revisionInForce: number;
  readonly startedAt: string;
  /** `192.0.2.1:53`, `[2001:db8::1]:53`. */
  readonly listeners: readonly string[];
  readonly upstreams: readonly string[];
  readonly workers: readonly WorkerStatus[];
  readonly images: {
    readonly blocklistContentId: string | null;
    readonly policyContentId: string | null;
    readonly blocklistOctets: number;
    readonly names: number;
    /** Null, like the two below, for images that were read from the disk. */
    readonly compiledAt: string | null;
    /** How long the last compilation took, and the most memory it had. */
    readonly compileMs: number | null;
    readonly compileOctetsMax: number | null;
  };
  readonly sealedLists: readonly SealedListStatus[];
  /** Ids of those of the policy that have no version in force: nothing of them is blocked. */
  readonly missingSealedLists: readonly string[];
  /** The last compile or publish that failed while the old state stayed in force. */
  readonly lastFailure: {
    readonly at: string;
    readonly code: string;
    readonly message: string;
  } | null;
}

/** Who asks is said by an address, or by the ids of a subscriber and perhaps a profile. */
export interface ExplainQuestion {
  readonly name: string;
  /** `A`, `AAAA`, `HTTPS`, `TYPE65280`; default `A`. */
  readonly type: string;
  readonly client: string | null;
  /** Of the device, as a forwarder that is believed would send it. */
  readonly mac: string | null;
  readonly subscriber: string | null;
  readonly profile: string | null;
  /** A time such as `2026-11-22T21:00:00+03:00`; null = now. */
  readonly at: string | null;
}

/** One row of the order of decision. */
export interface ExplainedRow {
  readonly row: number;
  readonly rule: string;
  /** `silent`: it was asked and had nothing to say; `not reached`: another had decided before. */
  readonly state: 'spoke' | 'silent' | 'not reached';
  /** Those of the name's categories that this row looks at. */
  readonly categories: readonly string[];
  /** Whose names spoke; null where none did. */
  readonly level: 'profile' | 'household' | 'plan' | 'grant' | null;
}

/** What will be decided, and why. */
export interface ExplainedChange {
  /** ISO 8601 in UTC. */
  readonly at: string;
  readonly decision: Explanation['decision'];
  readonly row: number;
  readonly reason: string;
}

export interface Explanation {
  readonly name: string;
  /** Null where the question named a subscriber. */
  readonly client: string | null;
  readonly type: string;
  /** The time it speaks of, ISO 8601 in UTC. */
  readonly at: string;
  /** Null where the client is unknown. */
  readonly subscriber: string | null;
  /** Null: the household's own settings. */
  readonly profile: string | null;
  readonly plan: string | null;
  readonly decision: 'pass' | 'block' | 'local' | 'safe-search' | 'refuse';
  /** Row of the order of decision, 1 to 12; 0 where admission already refused. */
  readonly row: number;
  readonly verdictClass: 'law' | 'operator' | 'policy' | 'none';
  readonly category: string | null;
  readonly blockingMode: string | null;
  readonly edeCode: number | null;
  /** What safe search answers with: a name or an address. */
  readonly safeSearchTarget: string | null;
  /** One sentence for people. */
  readonly reason: string;
  /** All categories that hold the name, blocked or not. */
  readonly categories: readonly string[];
  /** All twelve, in order; empty where admission already refused. */
  readonly rows: readonly ExplainedRow[];
  /** When the answer will next be another one, within a day; null: not in that time. */
  readonly nextChange: ExplainedChange | null;
  /** Where the name stands; empty where no list did it. */
  readonly evidence: readonly ListEvidence[];
  readonly revision: number;
}

/** What is decided on many names for one plan, household or profile. */
export interface DecisionsQuestion {
  readonly names: readonly string[];
  /** One of plan and subscriber says whose policy. */
  readonly plan: string | null;
  readonly subscriber: string | null;
  /** Of the subscriber; null: the household's own. */
  readonly profile: string | null;
  /** A time such as `2026-11-22T21:00:00+03:00`; null = now. */
  readonly at: string | null;
}

/** In short what an explanation says at length. */
export type DecisionOnName = Pick<
  Explanation,
  'name' | 'decision' | 'row' | 'verdictClass' | 'category' | 'categories'
>;

export interface Decisions {
  readonly revision: number;
  /** In the order of the names. */
  readonly items: readonly DecisionOnName[];
}

/** What holds for a profile until a time. */
export interface PolicyState {
  /** ISO 8601 in UTC; null where no change is foreseen within a day. */
  readonly until: string | null;
  readonly isInternetOff: boolean;
  readonly isAllowListOnly: boolean;
  /** Ids of categories, and of services as `service:ID`; mandatory lists hold besides. */
  readonly blocked: readonly string[];
  readonly safeSearch: {
    readonly isOn: boolean;
    readonly youtube: YoutubeLevel;
    readonly isBlockingUnsafe: boolean;
  };
  readonly log: LogLevelName;
}

export interface PolicyInForce {
  readonly revision: number;
  /** Now, then what is foreseen, in order. Empty: no policy is in force for it yet. */
  readonly states: readonly PolicyState[];
  /** How long names and counts are kept at most. */
  readonly retentionDays: number;
  readonly statisticsDays: number;
}

/** One number of the metrics page. Label values come from small fixed sets, never from packets. */
export interface MetricSample {
  /** Such as `stairgate_queries_total`. */
  readonly name: string;
  readonly help: string;
  readonly kind: 'counter' | 'gauge';
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** How a list stands that comes from an address or a file of this machine. Times are ISO 8601 in UTC. */
export interface ListUpdateState {
  readonly list: string;
  /** An address without its query, or a path. */
  readonly source: string;
  readonly phase: 'idle' | 'waiting' | 'fetching' | 'looking' | 'publishing';
  /** Updates that have ended since the server started. */
  readonly run: number;
  /** Of the update under way. */
  readonly progress: {
    readonly startedAt: string;
    /** As they come over the network, and how many the server has announced. */
    readonly octets: number;
    readonly octetsTotal: number | null;
    readonly unpackedOctets: number;
    readonly lines: number;
    /** Accepted so far; null before the look. */
    readonly names: number | null;
    readonly secondsLeft: number | null;
  } | null;
  /** When the source last had what the list has, or gave what was taken over or held. */
  readonly checkedAt: string | null;
  readonly nextAt: string | null;
  /** In a row. */
  readonly failures: number;
  readonly lastError: string | null;
  /** What came of the last update since the server started. */
  readonly last: {
    readonly at: string;
    readonly outcome: 'unchanged' | 'in-force' | 'held' | 'failed';
    readonly version: number | null;
    readonly entries: number | null;
    /** Of the gate, or of each address that failed. */
    readonly reasons: readonly string[];
    /** Well-known names that what came into force newly blocks. */
    readonly popular?: readonly string[];
  } | null;
}

export interface ListUpdates {
  /**
   * Looks for a new content now, or soon where others come first.
   * @returns the state, its `run` being what it will be when this update has ended
   * @throws AppError `LIST_WITHOUT_SOURCE`, `STOPPING`
   */
  update(list: string, actor: string): Promise<ListUpdateState>;
  /** @throws AppError `LIST_WITHOUT_SOURCE` */
  state(list: string): Promise<ListUpdateState>;
}

export interface ControlPlane {
  readonly store: Store;
  readonly listUpdates: ListUpdates;
  /** What is written down of households, and its deletion. */
  readonly queryLog: Pick<
    QueryLog,
    'readLog' | 'readStatistics' | 'readRadar' | 'usage' | 'deleteProfileData'
  >;
  /**
   * Compiles the newest revision and installs it on all workers. Calls are gathered; the promise
   * resolves when a state at least as new as the call is in force everywhere.
   * @throws AppError, when the old state stays in force
   */
  publish(): Promise<PublishResult>;
  /** The same as SIGHUP: reads the configuration again, then publishes. */
  reload(): Promise<PublishResult>;
  status(): Status;
  /** @throws AppError `EXPLAIN_INVALID` where the name, the client or the type is none */
  explain(question: ExplainQuestion): Promise<Explanation>;
  /**
   * The same for many names at a time, and for a plan by itself; of type A.
   * @throws AppError `EXPLAIN_INVALID` with every fault, `RESOURCE_UNKNOWN`, `NOT_READY`
   */
  decideNames(question: DecisionsQuestion): Promise<Decisions>;
  /** What puts a name into these categories: lists, and services as `service:ID`, each with the line. */
  findLists(name: string, categories: readonly string[]): Promise<readonly ListEvidence[]>;
  /**
   * What the workers decide with for a profile.
   * @throws AppError `NOT_READY` before the first images
   */
  policyInForce(subscriber: string, profile: string): Promise<PolicyInForce>;
  /**
   * What each list is good for; all lists are read for it.
   * @throws AppError as `readUsage`, or `COMPILE_FAILED`
   */
  listUsage(): Promise<UsageReport>;
  /**
   * Which version of a sealed list is in force everywhere, signed by this server.
   * @throws AppError `RESOURCE_UNKNOWN`
   */
  attest(list: string): Attestation;
  /** Puts saved session changes into the live subscriber table; no compile, no revision. */
  sessionsChanged(changes: readonly AddressChange[]): void;
  metricSamples(): readonly MetricSample[];
}
