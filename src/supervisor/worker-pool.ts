/**
 * The workers as one: started together, replaced one by one when they die, installed on all at
 * once, stopped within a deadline. It knows messages and threads, nothing of stores or images.
 *
 *     starting ──listening──▶ serving ──exit──▶ restarting ──after a pause──▶ starting
 *                               └─── two pings missed ─▶ silent ─── a message ─▶ serving, or ended
 *         └── fatal in the first start: the pool's `start` fails       stop ▶ stopping, then gone
 *
 * A worker that is started always gets the newest images and configuration, so an install or a
 * change that a dying worker never acknowledged is in force on its successor.
 */

import { isDeepStrictEqual } from 'node:util';
import { Worker } from 'node:worker_threads';
import { threadNiceness } from '../compiler/lower-priority.ts';
import { AppError } from '../lib/errors.ts';
import { createEventRing, type EventRing } from '../lib/event-ring.ts';
import { formatEndpoint, type Endpoint } from '../lib/endpoint.ts';
import { COUNTERS_BYTES } from '../resolver/query-record.ts';
import type {
  ImageSet,
  InstallMessage,
  MainMessage,
  WorkerConfig,
  WorkerMessage,
} from '../worker/messages.ts';
import type { WorkerStatus } from './control-plane-contract.ts';
import type { Log } from './log.ts';

/** How long the first start of all workers may take. */
const START_DEADLINE_MS = 30_000;
const RESTART_PAUSE_MS = 100;
const RESTART_PAUSE_MAX_MS = 30_000;
/** Who served for this long died of something new: its pause begins small again. */
const HEALTHY_MS = 60_000;
const PING_INTERVAL_MS = 1000;
/** Who lets more pings pass does not count as serving: its share of the clients waits. */
const PINGS_SERVING_MAX = 1;
/**
 * An event loop that lets so many pings pass does not come back. Pings are counted, not time: where
 * this thread itself stood still for long, the workers are not to blame.
 */
const PINGS_MISSED_MAX = 10;
/** A worker that starts gets no pings, and has longer. */
const START_ROUNDS_MAX = START_DEADLINE_MS / PING_INTERVAL_MS;
/** Octets of a worker's ring of events: some twenty thousand of them. */
const EVENT_RING_BYTES = 1_048_576;
/** The same of a worker's ring of asked names: a second of them at more queries than a worker answers. */
const ASKED_RING_BYTES = 262_144;
/** An install waits this long for a worker that neither answers nor dies. */
const INSTALL_DEADLINE_MS = 60_000;

export interface PoolOptions {
  readonly entry: URL;
  /** Asked at each start of a worker, so that a restarted one gets what is in force now. */
  readonly configOf: (index: number) => WorkerConfig;
  readonly images: () => ImageSet | null;
  /** Whether workers leave a sample of the asked names behind. */
  readonly isSampling: boolean;
  readonly log: Log;
}

type WorkerState = Exclude<WorkerStatus['state'], 'silent'>;

/** A worker's place in the pool; the threads that fill it come and go. */
interface Seat {
  readonly index: number;
  /** Kept over restarts, so that counters never step back. */
  readonly counters: SharedArrayBuffer;
  /** Kept too: what the dead one left in it is still read. */
  readonly events: EventRing;
  readonly askedNames: EventRing | null;
  /** `silent` is not among them: that is a matter of `silentRounds`. */
  state: WorkerState;
  thread: Worker | null;
  /** What came while the worker was starting. */
  readonly kept: MainMessage[];
  addresses: readonly Endpoint[];
  revision: number;
  contentIds: { readonly blocklist: string; readonly policy: string } | null;
  restarts: number;
  pauseMs: number;
  startedAtMs: number;
  /** Rounds of the watchdog since the last message from it. */
  silentRounds: number;
  restartTimer: NodeJS.Timeout | null;
  fatal: AppError | null;
}

/** Something that all seats must reach; `done` is called once, whatever became of them. */
interface Waiting {
  readonly seats: Set<Seat>;
  readonly isReached: (message: WorkerMessage) => boolean;
  readonly done: (error: AppError | null) => void;
}

export class WorkerPool {
  readonly #options: PoolOptions;
  #seats: readonly Seat[] = [];
  readonly #waiting = new Set<Waiting>();
  /** Of the thread that makes the pool, which may give way to it later. */
  readonly #niceness = threadNiceness();
  #pingTimer: NodeJS.Timeout | null = null;
  #installation = 0;
  #configuration = 0;
  #isStarted = false;
  #isStopping = false;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * Starts that many workers and waits until all listen. Before this, an install reaches nobody.
   * @returns the distinct addresses that are served
   * @throws AppError, the worker's own or `WORKER_START_FAILED`; nothing runs then
   */
  async start(count: number): Promise<readonly Endpoint[]> {
    this.#seats = Array.from({ length: count }, (_, index) =>
      createSeat(index, this.#options.isSampling),
    );
    const listening = this.#await(({ kind }) => kind === 'listening', START_DEADLINE_MS, 'start');
    for (const seat of this.#seats) this.#startThread(seat);
    try {
      await listening;
    } catch (error) {
      await this.stop(0);
      throw error;
    }
    this.#isStarted = true;
    this.#pingTimer = setInterval(() => {
      this.#watch();
    }, PING_INTERVAL_MS);
    return this.addresses();
  }

  /** Posts what changed to every worker and waits until all decide with it. */
  async install(parts: Omit<InstallMessage, 'kind' | 'installation'>): Promise<void> {
    const installation = ++this.#installation;
    const installed = this.#await(
      (message) => message.kind === 'installed' && message.installation === installation,
      INSTALL_DEADLINE_MS,
      'install',
    );
    this.#broadcast({ kind: 'install', installation, ...parts });
    await installed;
  }

  /** Hands every worker its configuration anew and waits until all follow it. */
  async configure(): Promise<void> {
    const configuration = ++this.#configuration;
    const configured = this.#await(
      (message) => message.kind === 'configured' && message.configuration === configuration,
      INSTALL_DEADLINE_MS,
      'configure',
    );
    for (const seat of this.#seats) {
      const config = this.#options.configOf(seat.index);
      this.#post(seat, { kind: 'configure', configuration, config });
    }
    await configured;
  }

  /** Lets every worker finish what is in flight; what still runs after the deadline is ended. */
  async stop(deadlineMs: number): Promise<void> {
    this.#isStopping = true;
    if (this.#pingTimer !== null) clearInterval(this.#pingTimer);
    await Promise.all(this.#seats.map((seat) => this.#stopThread(seat, deadlineMs)));
    for (const waiting of [...this.#waiting]) {
      this.#finish(waiting, new AppError('STOPPING', 'Waiting for the workers: the server stops'));
    }
  }

  addresses(): readonly Endpoint[] {
    const distinct = new Map<string, Endpoint>();
    for (const seat of this.#seats) {
      for (const one of seat.addresses) distinct.set(`${one.address} ${one.port}`, one);
    }
    return [...distinct.values()];
  }

  /** One entry a worker, in order of their index. */
  status(): readonly WorkerStatus[] {
    return this.#seats.map((seat) => {
      const { index, state, revision, restarts } = seat;
      return { index, state: isSilent(seat) ? 'silent' : state, revision, restarts };
    });
  }

  /** What the first serving worker reported to decide with. */
  contentIds(): { readonly blocklist: string; readonly policy: string } | null {
    return this.#seats.find(({ state }) => state === 'serving')?.contentIds ?? null;
  }

  /** The counter buffers, one a worker. */
  counters(): readonly SharedArrayBuffer[] {
    return this.#seats.map(({ counters }) => counters);
  }

  /** The rings of asked names, one a worker; none where they leave none. */
  askedRings(): readonly EventRing[] {
    return this.#seats.map(({ askedNames }) => askedNames).filter((ring) => ring !== null);
  }

  /** The rings of events, one a worker. */
  eventRings(): readonly EventRing[] {
    return this.#seats.map(({ events }) => events);
  }

  #startThread(seat: Seat): void {
    const thread = new Worker(this.#options.entry, { name: `worker-${seat.index}` });
    seat.thread = thread;
    seat.state = 'starting';
    seat.startedAtMs = performance.now();
    seat.silentRounds = 0;
    seat.fatal = null;
    // The successor of a dead worker starts with the newest of everything.
    seat.kept.length = 0;
    let cause = 'it ended by itself';
    thread.on('message', (message: WorkerMessage) => {
      this.#receive(seat, message);
    });
    thread.on('error', (error: Error) => {
      cause = error.stack ?? error.message;
    });
    thread.on('exit', () => {
      if (seat.thread === thread) this.#leave(seat, cause);
    });
    const images = this.#options.images();
    seat.revision = images?.revision ?? 0;
    this.#post(seat, {
      kind: 'start',
      config: this.#options.configOf(seat.index),
      images,
      counters: seat.counters,
      events: seat.events.buffer,
      askedNames: seat.askedNames?.buffer ?? null,
      niceness: this.#niceness,
    });
  }

  #receive(seat: Seat, message: WorkerMessage): void {
    const { log } = this.#options;
    if (isSilent(seat)) log.info({ worker: seat.index }, 'a worker answers again');
    seat.silentRounds = 0;
    if (message.kind === 'listening' && seat.state !== 'starting') {
      this.#listenElsewhere(seat, message.addresses);
    } else if (message.kind === 'listening') {
      seat.state = 'serving';
      seat.addresses = message.addresses;
      for (const kept of seat.kept.splice(0)) this.#post(seat, kept);
    } else if (message.kind === 'installed') {
      seat.revision = message.revision;
      seat.contentIds = message.contentIds;
    } else if (message.kind === 'log') {
      log[message.level]({ worker: seat.index }, message.message);
    } else if (message.kind === 'fatal') {
      seat.fatal = new AppError(message.code, message.message);
    }
    for (const waiting of [...this.#waiting]) {
      if (waiting.isReached(message)) this.#arrive(waiting, seat);
    }
  }

  /** Addresses of this machine came or went under a wildcard. */
  #listenElsewhere(seat: Seat, addresses: readonly Endpoint[]): void {
    if (isDeepStrictEqual(addresses, seat.addresses)) return;
    seat.addresses = addresses;
    const listeners = addresses.map(formatEndpoint);
    this.#options.log.info(
      { worker: seat.index, listeners },
      'a worker listens on other addresses',
    );
  }

  /** A thread is gone: by request, in the first start (which then fails), or unasked. */
  #leave(seat: Seat, cause: string): void {
    seat.thread = null;
    if (this.#isStopping) return;
    const reason = seat.fatal?.message ?? cause;
    if (!this.#isStarted) {
      const message = `Starting worker ${seat.index}: ${reason}`;
      const error = seat.fatal ?? new AppError('WORKER_START_FAILED', message);
      for (const waiting of [...this.#waiting]) this.#finish(waiting, error);
      return;
    }
    if (performance.now() - seat.startedAtMs > HEALTHY_MS) seat.pauseMs = RESTART_PAUSE_MS;
    seat.state = 'restarting';
    seat.restarts++;
    this.#options.log.error(
      { worker: seat.index, pauseMs: seat.pauseMs, reason },
      'a worker died and is restarted',
    );
    seat.restartTimer = setTimeout(() => {
      seat.restartTimer = null;
      this.#startThread(seat);
    }, seat.pauseMs);
    seat.pauseMs = Math.min(seat.pauseMs * 2, RESTART_PAUSE_MAX_MS);
    // Nobody waits for a dead one: what it owes its successor starts with.
    for (const waiting of [...this.#waiting]) this.#arrive(waiting, seat);
  }

  #watch(): void {
    for (const seat of this.#seats) {
      if (seat.thread === null) continue;
      const { index, state } = seat;
      const wasSilent = isSilent(seat);
      const missedMax = state === 'starting' ? START_ROUNDS_MAX : PINGS_MISSED_MAX;
      if (seat.silentRounds++ >= missedMax) {
        this.#options.log.error({ worker: index }, 'a worker stands still and is ended');
        void seat.thread.terminate();
        continue;
      }
      if (!wasSilent && isSilent(seat)) {
        this.#options.log.warn({ worker: index }, 'a worker does not answer');
      }
      if (state === 'serving') this.#post(seat, { kind: 'ping' });
    }
  }

  async #stopThread(seat: Seat, deadlineMs: number): Promise<void> {
    if (seat.restartTimer !== null) clearTimeout(seat.restartTimer);
    const { thread } = seat;
    if (thread === null) return;
    seat.state = 'stopping';
    const isGone = new Promise<void>((resolve) => {
      thread.once('exit', () => {
        resolve();
      });
    });
    this.#post(seat, { kind: 'stop', deadlineMs });
    // The worker has the deadline for itself; the rest is for its own clearing up.
    const timer = setTimeout(() => void thread.terminate(), deadlineMs * 1.2 + 200);
    await isGone;
    clearTimeout(timer);
  }

  /** Resolves when every seat that has a thread has sent a message that counts, or has died. */
  #await(
    isReached: (message: WorkerMessage) => boolean,
    deadlineMs: number,
    what: string,
  ): Promise<void> {
    const seats = new Set(
      this.#isStarted ? this.#seats.filter(({ thread }) => thread !== null) : this.#seats,
    );
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        const late = [...seats].map(({ index }) => index).join(', ');
        const message = `Waiting for the workers (${what}): no answer from ${late} within ${deadlineMs} ms`;
        this.#finish(waiting, new AppError('WORKER_SILENT', message));
      }, deadlineMs);
      const done = (error: AppError | null): void => {
        clearTimeout(timer);
        if (error === null) resolve();
        else reject(error);
      };
      const waiting: Waiting = { seats, isReached, done };
      this.#waiting.add(waiting);
      if (seats.size === 0) this.#finish(waiting, null);
    });
  }

  #arrive(waiting: Waiting, seat: Seat): void {
    waiting.seats.delete(seat);
    if (waiting.seats.size === 0) this.#finish(waiting, null);
  }

  #finish(waiting: Waiting, error: AppError | null): void {
    if (this.#waiting.delete(waiting)) waiting.done(error);
  }

  #broadcast(message: MainMessage): void {
    for (const seat of this.#seats) this.#post(seat, message);
  }

  /** A worker that starts takes `start` alone; the rest is kept until it listens. */
  #post(seat: Seat, message: MainMessage): void {
    const isEarly =
      seat.state === 'starting' && (message.kind === 'install' || message.kind === 'configure');
    if (isEarly) seat.kept.push(message);
    else seat.thread?.postMessage(message);
  }
}

/** The last round has only just asked; those before it have been missed. */
function isSilent({ state, silentRounds }: Seat): boolean {
  return state === 'serving' && silentRounds - 1 > PINGS_SERVING_MAX;
}

function createSeat(index: number, isSampling: boolean): Seat {
  return {
    index,
    counters: new SharedArrayBuffer(COUNTERS_BYTES),
    events: createEventRing(EVENT_RING_BYTES),
    askedNames: isSampling ? createEventRing(ASKED_RING_BYTES) : null,
    state: 'starting',
    thread: null,
    kept: [],
    addresses: [],
    revision: 0,
    contentIds: null,
    restarts: 0,
    pauseMs: RESTART_PAUSE_MS,
    startedAtMs: 0,
    silentRounds: 0,
    restartTimer: null,
    fatal: null,
  };
}
