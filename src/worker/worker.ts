/**
 * A worker: one thread of the data plane. It owns its sockets, its cache and its upstream sockets,
 * and knows the rest of the program only by `messages`. Images arrive as shared buffers and are
 * swapped by one assignment between two batches, since handlers and messages take turns on the
 * same event loop.
 */

import { isDeepStrictEqual } from 'node:util';
import { parentPort } from 'node:worker_threads';
import { assert } from '../lib/assert.ts';
import { systemClock } from '../lib/clock.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import { openEventRing } from '../lib/event-ring.ts';
import { contentIdOf } from '../lib/image.ts';
import {
  failForward,
  finishForward,
  giveUpOldest,
  serveStale,
} from '../resolver/finish-forward.ts';
import type { Forwarder, ForwardResult } from '../resolver/forwarder.ts';
import { createCounters } from '../resolver/query-record.ts';
import {
  createResolver,
  emptyCache,
  installReseeded,
  type Resolver,
} from '../resolver/resolver.ts';
import { openSealedLists } from '../sealing/open-sealed.ts';
import { loadLibc, type Libc } from '../transport/libc.ts';
import type { BatchHandler } from '../transport/packet-socket.ts';
import { createForwarder, type UpstreamForwarder } from '../upstream/forwarder.ts';
import { RandomPool } from '../upstream/random-pool.ts';
import { buildAccess, buildLocalNames, openImages } from './build-parts.ts';
import { collectReplaced } from './collect-garbage.ts';
import { Listeners } from './listeners.ts';
import type {
  ConfigureMessage,
  InstallMessage,
  MainMessage,
  StartMessage,
  StopMessage,
  WorkerConfig,
  WorkerMessage,
} from './messages.ts';
import { serveBatch } from './serve-batch.ts';
import { SocketCounters } from './socket-counters.ts';
import { restoreThreadPriority } from './thread-priority.ts';

/** Queries of one client that may wait for an upstream at the same time. */
const WAITERS_PER_CLIENT_MAX = 1000;
/** Longer than any question is under way. */
const RETIREMENT_MS = 6000;
/** How often what the sockets counted is added to the shared counters. */
const SOCKET_COUNTERS_MS = 1000;
/** How often a stop looks whether everything parked is answered. */
const DRAIN_STEP_MS = 20;

assert(parentPort !== null, 'worker.ts runs as a worker thread');
const port = parentPort;

class Worker {
  readonly #resolver: Resolver;
  readonly #listeners: Listeners;
  #forwarder: UpstreamForwarder;
  #config: WorkerConfig;
  readonly #retired = new Set<UpstreamForwarder>();

  constructor(message: StartMessage, libc: Libc | null) {
    const { config, images, counters, events, askedNames } = message;
    const { seed } = config;
    this.#config = config;
    this.#forwarder = this.#createForwarder(config);
    const handler: BatchHandler = (batch, count) => {
      serveBatch(this.#resolver, batch, count, logFault);
    };
    this.#listeners = new Listeners({
      listen: config.listen,
      tcp: config.tcp,
      udp: config.udp,
      libc,
      handler,
      onFault: logFault,
      warn: (message) => {
        post({ kind: 'log', level: 'warn', message });
      },
      onChange: () => {
        post({ kind: 'listening', addresses: this.#listeners.addresses });
      },
    });
    // The forwarder is replaced when upstreams change; the resolver keeps this one hand on it.
    const forwarder: Forwarder = {
      forward: (pending, question) => {
        this.#forwarder.forward(pending, question);
      },
    };
    this.#resolver = createResolver({
      seed,
      access: buildAccess(config, seed),
      local: buildLocalNames(config, seed),
      cache: cacheOptionsOf(config),
      failureSeconds: config.cache.failureTtlSeconds,
      pendingMax: config.pendingMax,
      waitersPerClientMax: WAITERS_PER_CLIENT_MAX,
      forwarder,
      sendLate: this.#listeners.sendLate,
      counters: createCounters(counters),
      events: openEventRing(events),
      askedNames: askedNames === null ? null : openEventRing(askedNames),
    });
    if (images !== null) this.#resolver.images = openImages(images, config, null);
    const socketCounters = new SocketCounters(this.#resolver.counters);
    setInterval(() => {
      socketCounters.add(this.#listeners.counters);
    }, SOCKET_COUNTERS_MS).unref();
  }

  async listen(): Promise<void> {
    await this.#listeners.open();
    post({ kind: 'listening', addresses: this.#listeners.addresses });
  }

  install(message: InstallMessage): void {
    const resolver = this.#resolver;
    const seed = message.seed ?? resolver.seed;
    const { listKeys } = this.#config;
    const images = openImages(message, { seed, listKeys }, resolver.images);
    if (message.seed === null) {
      resolver.images = images;
    } else {
      const local = buildLocalNames(this.#config, seed);
      installReseeded(resolver, seed, images, local, buildAccess(this.#config, seed));
    }
    collectReplaced(message);
    post({
      kind: 'installed',
      installation: message.installation,
      revision: message.revision,
      contentIds: {
        blocklist: contentIdOf(images.blocklist.image),
        policy: images.policies.contentId,
      },
    });
  }

  /** What is under way with the old upstreams may end there. */
  configure({ config, configuration }: ConfigureMessage): void {
    const { seed } = this.#resolver;
    const replaced = this.#forwarder;
    this.#resolver.access = buildAccess(config, seed);
    this.#resolver.local = buildLocalNames(config, seed);
    if (!isDeepStrictEqual(config.upstreamGroups, this.#config.upstreamGroups)) {
      // The cache knows upstream groups by number, and numbers may mean others from now on.
      emptyCache(this.#resolver);
      this.#forwarder = this.#createForwarder(config);
      this.#retire(replaced);
    }
    this.#followListKeys(config);
    this.#config = config;
    post({ kind: 'configured', configuration });
  }

  /** The keys of the lists in force are among the new ones: main has made sure. */
  #followListKeys({ listKeys }: WorkerConfig): void {
    const { images } = this.#resolver;
    if (images === null || isDeepStrictEqual(listKeys, this.#config.listKeys)) return;
    const sealed = openSealedLists(images.blocklist, listKeys);
    this.#resolver.images = { ...images, sealed };
  }

  /**
   * Takes no more queries, waits for what is parked, then lets go of every socket. What is still
   * parked at the deadline gets SERVFAIL, so that its client need not wait for nothing.
   */
  async stop({ deadlineMs }: StopMessage): Promise<void> {
    const deadline = systemClock.monotonicMs() + deadlineMs;
    this.#listeners.stopReceiving();
    while (this.#resolver.pending.waiterCount > 0 && systemClock.monotonicMs() < deadline) {
      await new Promise((resolve) => setTimeout(resolve, DRAIN_STEP_MS));
    }
    while (this.#resolver.pending.pendingCount > 0) giveUpOldest(this.#resolver);
    for (const forwarder of [this.#forwarder, ...this.#retired]) forwarder.close();
    await this.#listeners.close();
    endThread();
  }

  /** An old forwarder is closed when its questions have had their time, or with the worker. */
  #retire(forwarder: UpstreamForwarder): void {
    this.#retired.add(forwarder);
    setTimeout(() => {
      this.#retired.delete(forwarder);
      forwarder.close();
    }, RETIREMENT_MS).unref();
  }

  #createForwarder(config: WorkerConfig): UpstreamForwarder {
    return createForwarder({
      groups: config.upstreamGroups,
      clock: systemClock,
      random: new RandomPool(),
      result: this.#forwardResult(),
      pendingMax: config.pendingMax,
      onFault: logFault,
    });
  }

  #forwardResult(): ForwardResult {
    const nowSeconds = (): number => Math.floor(systemClock.wallMs() / 1000);
    return {
      onResponse: (pending, bytes, length, isUpstreamAuthentic) => {
        const nowMs = systemClock.monotonicMs();
        const resolver = this.#resolver;
        finishForward(resolver, pending, bytes, length, isUpstreamAuthentic, nowMs, nowSeconds());
      },
      onFailure: (pending, cause) => {
        failForward(this.#resolver, pending, cause, systemClock.monotonicMs(), nowSeconds());
      },
      onSlow: (pending) => {
        serveStale(this.#resolver, pending, systemClock.monotonicMs(), nowSeconds());
      },
    };
  }
}

/** Resolves when the worker listens; null before `start`. */
let starting: Promise<Worker> | null = null;

port.on('message', (message: MainMessage) => {
  handle(message).catch((error: unknown) => {
    const code = error instanceof AppError ? error.code : 'UNEXPECTED';
    post({ kind: 'fatal', code, message: messageOf(error) });
    port.close();
    process.exit(1);
  });
});

async function handle(message: MainMessage): Promise<void> {
  if (message.kind === 'start') {
    starting = start(message);
    await starting;
    return;
  }
  // What comes during the start waits for its end; awaiting keeps the order of arrival.
  const worker = await starting;
  if (message.kind === 'stop') {
    if (worker === null) endThread();
    else await worker.stop(message);
    return;
  }
  assert(worker !== null, 'the first message is start');
  switch (message.kind) {
    case 'install':
      worker.install(message);
      return;
    case 'configure':
      worker.configure(message);
      return;
    case 'ping':
      post({ kind: 'pong' });
      return;
  }
}

async function start(message: StartMessage): Promise<Worker> {
  restoreThreadPriority(message.niceness);
  const { libc } = await loadLibc();
  const worker = new Worker(message, libc);
  await worker.listen();
  return worker;
}

function endThread(): void {
  post({ kind: 'stopped' });
  port.close();
}

function cacheOptionsOf({ cache }: WorkerConfig): { bytesMax: number; staleSeconds: number } {
  return { bytesMax: cache.bytesMax, staleSeconds: cache.staleSecondsMax };
}

function logFault(error: unknown): void {
  post({ kind: 'log', level: 'error', message: messageOf(error) });
}

function post(message: WorkerMessage): void {
  port.postMessage(message);
}
