/**
 * What the API needs from the running server, and nothing more. The supervisor implements it; the
 * types stand here so that imports go down only (api → supervisor → store).
 */

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
  /** The last compile or publish that failed while the old state stayed in force. */
  readonly lastFailure: {
    readonly at: string;
    readonly code: string;
    readonly message: string;
  } | null;
}

export interface ExplainQuestion {
  readonly name: string;
  /** Address of the client as text. */
  readonly client: string;
  /** `A`, `AAAA`, `HTTPS`, `TYPE65280`; default `A`. */
  readonly type: string;
}

export interface ListEvidence {
  readonly list: string;
  readonly line: number;
  readonly text: string;
}

export interface Explanation {
  readonly name: string;
  readonly client: string;
  readonly type: string;
  /** Null where the client is unknown. */
  readonly subscriber: string | null;
  readonly plan: string | null;
  readonly decision: 'pass' | 'block' | 'local' | 'refuse';
  /** Row of the order of decision, 1 to 12; 0 where admission already refused. */
  readonly row: number;
  readonly verdictClass: 'law' | 'operator' | 'policy' | 'none';
  readonly category: string | null;
  readonly blockingMode: string | null;
  readonly edeCode: number | null;
  /** One sentence for people. */
  readonly reason: string;
  /** All categories that hold the name, blocked or not. */
  readonly categories: readonly string[];
  /** Where the name stands; empty where no list did it. */
  readonly evidence: readonly ListEvidence[];
  readonly revision: number;
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

export interface ControlPlane {
  readonly store: Store;
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
  /** Puts saved session changes into the live subscriber table; no compile, no revision. */
  sessionsChanged(changes: readonly AddressChange[]): void;
  metricSamples(): readonly MetricSample[];
}
