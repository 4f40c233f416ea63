/** What is posted between the main thread and the compile thread. */

import type { ListFormatName } from '../blocklist/formats/list-format.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { AskedName } from '../lists/compare.ts';
import type { LookProgress } from '../lists/look-progress.ts';
import type { AskedTotals, UsageReport } from '../lists/list-usage.ts';
import type { SealingKeys } from '../sealing/sealing-keys.ts';
import type {
  ContentFile,
  GateComparison,
  GateFindings,
  ListReport,
} from '../store/list-report.ts';

/** Compile the newest committed revision, put the images on the disk, hand them over. */
export interface CompileRequest {
  readonly kind: 'compile';
  readonly job: number;
  readonly dataDir: string;
  readonly seed: HashSeed;
  /** Key of the blocklist in force; while it stays the same, none is compiled. */
  readonly blocklistKey: string | null;
  /** Seconds since the Unix epoch: the policy image speaks from here on. */
  readonly nowSeconds: number;
  readonly sealing: SealingKeys;
}

/** What a list gave to the image. */
export interface ListSummary {
  readonly id: string;
  readonly entries: number;
}

export interface CompileDone {
  readonly kind: 'compiled';
  readonly job: number;
  readonly revision: number;
  readonly blocklistKey: string;
  /** Null where the blocklist in force stays. */
  readonly blocklist: SharedArrayBuffer | null;
  readonly policy: SharedArrayBuffer;
  /** Names the state of all subscribers' addresses, sessions left out. */
  readonly addressFingerprint: string;
  /** Of the blocklist that was compiled; empty where it stays. */
  readonly lists: readonly ListSummary[];
  readonly elapsedMs: number;
  /** The most memory that the compilation had: table, image, and the heap of its thread. */
  readonly octetsMax: number;
}

/** Look up which lines of the lists put a name into categories. */
export interface EvidenceRequest {
  readonly kind: 'evidence';
  readonly job: number;
  readonly dataDir: string;
  /** Lower-cased wire octets with the root. */
  readonly name: Uint8Array;
  /** Ids of categories. */
  readonly categories: readonly string[];
}

export interface ListEvidence {
  readonly list: string;
  /** Number of its version in force; null for the names of a service. */
  readonly version: number | null;
  /** When that version came into force, ISO 8601 in UTC. */
  readonly since: string | null;
  /** The beginning of the SHA-256 of its content. */
  readonly content: string;
  /** 0, with no text, for a sealed list. */
  readonly line: number;
  readonly text: string;
}

export interface EvidenceDone {
  readonly kind: 'found';
  readonly job: number;
  readonly places: readonly ListEvidence[];
}

/** Compile the policy of one profile for another time than now. */
export interface ProfileRequest {
  readonly kind: 'profile';
  readonly job: number;
  readonly dataDir: string;
  readonly seed: HashSeed;
  readonly profile: number;
  /** Seconds since the Unix epoch. */
  readonly atSecond: number;
}

/** In the image of a plan by itself the only profile number with a policy. */
export const PLAN_PROFILE = 1;

/** Compile the policy of a plan by itself; answered as a profile's. */
export interface PlanRequest {
  readonly kind: 'plan';
  readonly job: number;
  readonly dataDir: string;
  readonly seed: HashSeed;
  readonly plan: string;
  /** Seconds since the Unix epoch. */
  readonly atSecond: number;
}

export interface ProfileDone {
  readonly kind: 'profile';
  readonly job: number;
  /** A policy image that knows this profile's household, or this plan, and nobody else. */
  readonly policy: SharedArrayBuffer;
}

/** Look at a content before any row names it. */
export interface InspectRequest {
  readonly kind: 'inspect';
  readonly job: number;
  readonly dataDir: string;
  readonly content: Uint8Array | ContentFile;
  /** Null: find it out. */
  readonly format: ListFormatName | null;
  readonly progress: LookProgress;
  readonly sealing: SealingKeys;
}

export interface InspectDone {
  readonly kind: 'inspected';
  readonly job: number;
  readonly report: ListReport;
}

/** Compare a content that was looked at with what is in force. */
export interface CompareRequest {
  readonly kind: 'compare';
  readonly job: number;
  readonly dataDir: string;
  readonly candidate: Uint8Array | ContentFile;
  readonly format: ListFormatName;
  readonly comparison: GateComparison;
  /** The names that are asked for most here, the most asked first. */
  readonly asked: readonly AskedName[];
}

export interface CompareDone {
  readonly kind: 'compared';
  readonly job: number;
  readonly findings: GateFindings;
}

/** Read all lists and say what each is good for. */
export interface UsageRequest {
  readonly kind: 'usage';
  readonly job: number;
  readonly dataDir: string;
  readonly asked: AskedTotals;
}

export interface UsageDone {
  readonly kind: 'used';
  readonly job: number;
  readonly usage: UsageReport;
}

/** Every kind of job can fail. */
export interface CompileFailed {
  readonly kind: 'failed';
  readonly job: number;
  readonly code: string;
  readonly message: string;
  readonly faults: readonly string[];
}

export type CompilerRequest =
  | CompileRequest
  | ProfileRequest
  | PlanRequest
  | EvidenceRequest
  | InspectRequest
  | CompareRequest
  | UsageRequest;
export type CompilerDone =
  CompileDone | ProfileDone | EvidenceDone | InspectDone | CompareDone | UsageDone;
export type CompilerResponse = CompilerDone | CompileFailed;
