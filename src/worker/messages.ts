/**
 * The only contract between the main thread and the workers: what is posted in each direction, as
 * plain data and shared buffers. This module holds types and no code that acts on them.
 *
 *     main                                     worker
 *     start (config, images, counters)    ──▶  opens the images, then binds the sockets
 *                                         ◀──  listening            … or fatal, then it ends
 *     install (what changed)              ──▶  swaps between two batches
 *                                         ◀──  installed            it holds the replaced buffers no more
 *     configure (new config)              ──▶  swaps access, zones, records, upstreams and list keys
 *                                         ◀──  configured
 *     ping                                ──▶
 *                                         ◀──  pong                 its event loop turns
 *     stop (deadline)                     ──▶  stops receiving, finishes what is parked
 *                                         ◀──  stopped, then it ends
 *
 * Main sends `start` once and first. Every `install` is answered by one `installed` with the same
 * number, every `configure` by one `configured` with its; the worker handles them in order of arrival.
 */

import type { Endpoint } from '../lib/endpoint.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { ListKey } from '../sealing/list-keys.ts';

/** Resolvers that stand in for each other; a cache group of its own. */
export interface UpstreamGroup {
  /** The forward zone as text (`lan`), or `.` for the default group. */
  readonly name: string;
  readonly upstreams: readonly Endpoint[];
}

/** A record that this resolver answers itself. */
export interface LocalRecord {
  /** Absolute name as text, without the last dot. */
  readonly name: string;
  /** `A`, `AAAA`, `CNAME`, `PTR`, `TXT`, `MX` or `SRV`. */
  readonly type: string;
  readonly ttlSeconds: number;
  /** RDATA in presentation format (RFC 1035, section 5.1). */
  readonly value: string;
}

export interface WorkerAccess {
  /** Prefixes of known clients as text; clients in the subscriber table are known besides. */
  readonly prefixes: readonly string[];
  /** Prefixes of forwarders as text: what their queries say of the client is believed. */
  readonly forwarders: readonly string[];
  /** Of one forwarder, over all workers; its clients are limited besides. */
  readonly forwarderRatePerSecond: number;
  /** For one IPv4 /32 or IPv6 /56, over all workers; each worker takes its share. */
  readonly ratePerSecond: number;
  readonly burst: number;
  /** `REFUSED` to strangers for one IPv4 /24 or IPv6 /48, over all workers. */
  readonly strangerRatePerSecond: number;
}

/** How UDP is served: `transport/udp-batch` or `transport/udp-dgram`. */
export type UdpMode = 'batch' | 'dgram';

export interface WorkerTcp {
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  readonly idleTimeoutMs: number;
}

export interface WorkerCache {
  /** Octets of this one worker's cache. */
  readonly bytesMax: number;
  readonly staleSecondsMax: number;
  readonly failureTtlSeconds: number;
}

/** All that a worker needs to know besides the images; complete, checked, never changed. */
export interface WorkerConfig {
  /** 0 to `workerCount` - 1; a restarted worker keeps the index of the dead one. */
  readonly workerIndex: number;
  readonly workerCount: number;
  /** Keys all hashing; equal to the seed that the images were compiled with. */
  readonly seed: HashSeed;
  /** UDP and TCP are served on each; wildcards (`0.0.0.0`, `::`) are expanded by the worker. */
  readonly listen: readonly Endpoint[];
  /** Group 0 is the default; every other belongs to the zone of its name and all below. */
  readonly upstreamGroups: readonly UpstreamGroup[];
  readonly records: readonly LocalRecord[];
  readonly udp: UdpMode;
  readonly access: WorkerAccess;
  readonly tcp: WorkerTcp;
  readonly cache: WorkerCache;
  /** Questions that wait for an upstream at the same time, at most. */
  readonly pendingMax: number;
  /** Of the sealed lists; no image holds a key. */
  readonly listKeys: readonly ListKey[];
}

/** The three images that make a decision, compiled from one revision with one seed. */
export interface ImageSet {
  readonly revision: number;
  readonly blocklist: SharedArrayBuffer;
  readonly policy: SharedArrayBuffer;
  /** The live subscriber table: main goes on writing to it (DESIGN: one writer, many readers). */
  readonly subscribers: SharedArrayBuffer;
}

export interface StartMessage {
  readonly kind: 'start';
  readonly config: WorkerConfig;
  /** Null where no image was ever compiled: answer SERVFAIL + EDE 14 until the first install. */
  readonly images: ImageSet | null;
  /** `COUNTERS_BYTES` long, laid out as `resolver/query-record` says; kept over restarts. */
  readonly counters: SharedArrayBuffer;
  /** The ring of this worker's events (`lib/event-ring`); kept over restarts. */
  readonly events: SharedArrayBuffer;
  /** The same for names that are asked for; null where nobody wants to know them. */
  readonly askedNames: SharedArrayBuffer | null;
  /** Nice value of the process before its main thread gave way. */
  readonly niceness: number;
}

/** Null keeps what is installed. The first install after `images: null` names all three. */
export interface InstallMessage {
  readonly kind: 'install';
  /** Counts up from 1; names this install in the reply. */
  readonly installation: number;
  readonly revision: number;
  readonly blocklist: SharedArrayBuffer | null;
  readonly policy: SharedArrayBuffer | null;
  readonly subscribers: SharedArrayBuffer | null;
  /** Set where the images were compiled with a new seed: all hashing changes with this install. */
  readonly seed: HashSeed | null;
}

/** Only access, zones, records, upstreams and list keys may differ from what the worker was started with. */
export interface ConfigureMessage {
  readonly kind: 'configure';
  /** Counts up from 1; names this change in the reply. */
  readonly configuration: number;
  readonly config: WorkerConfig;
}

export interface PingMessage {
  readonly kind: 'ping';
}

export interface StopMessage {
  readonly kind: 'stop';
  /** How long parked questions may still be waited for. */
  readonly deadlineMs: number;
}

export type MainMessage =
  StartMessage | InstallMessage | ConfigureMessage | PingMessage | StopMessage;

/** Answers `start`, and comes again where the addresses of this machine have changed. */
export interface ListeningMessage {
  readonly kind: 'listening';
  /** What was bound, wildcards expanded, ports as the kernel gave them. */
  readonly addresses: readonly Endpoint[];
}

export interface InstalledMessage {
  readonly kind: 'installed';
  readonly installation: number;
  readonly revision: number;
  /** Content ids (`contentIdOf`) of what the worker now decides with. */
  readonly contentIds: { readonly blocklist: string; readonly policy: string };
}

export interface ConfiguredMessage {
  readonly kind: 'configured';
  readonly configuration: number;
}

export interface PongMessage {
  readonly kind: 'pong';
}

/** For main's log; a worker sends few of them, and never one for each packet. */
export interface LogMessage {
  readonly kind: 'log';
  readonly level: 'info' | 'warn' | 'error';
  readonly message: string;
}

export interface StoppedMessage {
  readonly kind: 'stopped';
}

/** The worker cannot serve (a port in use, a damaged image); it ends after this. */
export interface FatalMessage {
  readonly kind: 'fatal';
  /** The `AppError` code, or `UNEXPECTED`. */
  readonly code: string;
  readonly message: string;
}

export type WorkerMessage =
  | ListeningMessage
  | InstalledMessage
  | ConfiguredMessage
  | PongMessage
  | LogMessage
  | StoppedMessage
  | FatalMessage;
