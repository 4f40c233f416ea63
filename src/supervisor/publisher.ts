/**
 * Publishing: from committed rows to a state that every worker decides with. Calls are gathered:
 * whoever calls while a run waits to begin joins it, so a thousand writes cost few compilations.
 *
 *     publish ─▶ pause ─▶ compile ─▶ subscriber table ─▶ install on all workers ─▶ resolved
 *        └ joins the run that has not begun yet      a fault here leaves the old state in force
 *
 * A run that failed is repeated after a pause, which doubles up to five minutes: the disk may have
 * room again by then. The next call begins one at once.
 */

import { trustBlocklistImage } from '../blocklist/image.ts';
import type { BlocklistImage } from '../blocklist/image.ts';
import { compileNewest } from '../compiler/compile-newest.ts';
import type { Compiler } from '../compiler/compiler.ts';
import type { CompileDone } from '../compiler/messages.ts';
import { AppError } from '../lib/errors.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { SealedLists } from '../blocklist/sealed/look-up-sealed.ts';
import { trustPolicyImage } from '../policy/image.ts';
import type { PolicyImage } from '../policy/image.ts';
import type { Keyring } from '../sealing/keyring.ts';
import type { ListKey } from '../sealing/list-keys.ts';
import { openSealedLists } from '../sealing/open-sealed.ts';
import { collectReplaced } from '../worker/collect-garbage.ts';
import type { ImageSet } from '../worker/messages.ts';
import type { Log } from './log.ts';
import type { SubscriberDirectory } from './subscriber-directory.ts';
import type { WorkerPool } from './worker-pool.ts';

/** Runs begin at most ten times a second (DESIGN: publishing is gathered). */
const PAUSE_MS = 100;
const RETRY_PAUSE_MIN_MS = 1000;
const RETRY_PAUSE_MAX_MS = 300_000;
/** The same lists lead to the same fault: only a change of them helps. */
const LASTING_FAULTS = ['COMPILE_LIMIT', 'LIST_CONTENT_DAMAGED', 'SEALING_KEY_MISSING'];

/** Images as this thread sees them; the buffers go to the workers. */
export interface OpenedImages extends Omit<ImageSet, 'subscribers'> {
  readonly opened: {
    readonly blocklist: BlocklistImage;
    /** Of the same image; null where it has none. */
    readonly sealed: SealedLists | null;
    readonly listKeys: readonly ListKey[];
    readonly policies: PolicyImage;
  };
}

/**
 * @param images checked in full by whoever compiled them or read them from the disk
 * @param before whose sealed lists are taken over where nothing of them has changed: their keys are derived
 *   and their memory is filled once
 * @throws AppError `IMAGE_DAMAGED`, `SEALING_KEY_MISSING`
 */
export function openImages(
  images: Omit<ImageSet, 'subscribers'>,
  listKeys: readonly ListKey[],
  before: OpenedImages | null = null,
): OpenedImages {
  const { revision, blocklist, policy } = images;
  const opened = trustBlocklistImage(blocklist);
  const isSame = blocklist === before?.blocklist && listKeys === before.opened.listKeys;
  const sealed = isSame ? before.opened.sealed : openSealedLists(opened, listKeys);
  const policies = trustPolicyImage(policy);
  return { revision, blocklist, policy, opened: { blocklist: opened, sealed, listKeys, policies } };
}

/** What is in force: what a worker that starts now is started with. */
export interface InForce {
  readonly seed: HashSeed;
  /** Null until something was compiled for the first time; the subscriber table is live and apart. */
  readonly images: OpenedImages | null;
  readonly blocklistKey: string | null;
  /** Null for images that were read from the disk. */
  readonly compiled: Compiled | null;
}

export interface Compiled {
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
  readonly elapsedMs: number;
  /** As in `CompileDone`. */
  readonly octetsMax: number;
}

export interface PublisherOptions {
  readonly dataDir: string;
  readonly keyring: Keyring;
  /** Called when all workers decide with what is in force now. */
  readonly onInstalled: () => void;
  readonly log: Log;
}

export class Publisher {
  readonly #compiler: Pick<Compiler, 'compile'>;
  readonly #subscribers: SubscriberDirectory;
  readonly #pool: Pick<WorkerPool, 'install'>;
  readonly #options: PublisherOptions;
  #inForce: InForce;
  #running: Promise<unknown> = Promise.resolve();
  #next: Promise<{ readonly revision: number }> | null = null;
  #beganAtMs = -PAUSE_MS;
  #retryPauseMs = RETRY_PAUSE_MIN_MS;
  #retryTimer: NodeJS.Timeout | null = null;
  #isClosed = false;
  #lastFailure: { readonly at: string; readonly code: string; readonly message: string } | null =
    null;

  constructor(
    compiler: Pick<Compiler, 'compile'>,
    subscribers: SubscriberDirectory,
    pool: Pick<WorkerPool, 'install'>,
    inForce: InForce,
    options: PublisherOptions,
  ) {
    this.#compiler = compiler;
    this.#subscribers = subscribers;
    this.#pool = pool;
    this.#inForce = inForce;
    this.#options = options;
  }

  get inForce(): InForce {
    return this.#inForce;
  }

  get lastFailure(): {
    readonly at: string;
    readonly code: string;
    readonly message: string;
  } | null {
    return this.#lastFailure;
  }

  /** Resolves when a state at least as new as this call is in force on all workers. */
  publish(): Promise<{ readonly revision: number }> {
    this.#next ??= this.#begin();
    return this.#next;
  }

  /** Nothing is repeated from now on. */
  close(): void {
    this.#isClosed = true;
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
  }

  async #begin(): Promise<{ readonly revision: number }> {
    await this.#running.catch(() => undefined);
    const pauseMs = this.#beganAtMs + PAUSE_MS - performance.now();
    if (pauseMs > 0) await new Promise((resolve) => setTimeout(resolve, pauseMs));
    if (this.#retryTimer !== null) clearTimeout(this.#retryTimer);
    this.#beganAtMs = performance.now();
    this.#next = null;
    const run = this.#run();
    this.#running = run;
    return run;
  }

  async #run(): Promise<{ readonly revision: number }> {
    try {
      const { seed: before, blocklistKey } = this.#inForce;
      const { dataDir } = this.#options;
      const { seed, done } = await compileNewest(this.#compiler, dataDir, before, blocklistKey);
      await this.#install(seed, done);
      this.#lastFailure = null;
      this.#retryPauseMs = RETRY_PAUSE_MIN_MS;
      return { revision: done.revision };
    } catch (error) {
      const code = error instanceof AppError ? error.code : 'UNEXPECTED';
      const message = error instanceof Error ? error.message : String(error);
      this.#lastFailure = { at: new Date().toISOString(), code, message };
      this.#options.log.error({ code }, `publishing failed, the old state stays: ${message}`);
      if (!LASTING_FAULTS.includes(code)) this.#retryLater();
      throw error;
    }
  }

  #retryLater(): void {
    if (this.#isClosed) return;
    this.#retryTimer = setTimeout(() => {
      // A failure is logged, kept for `status`, and leads here again.
      this.publish().catch(() => undefined);
    }, this.#retryPauseMs);
    this.#retryTimer.unref();
    this.#retryPauseMs = Math.min(this.#retryPauseMs * 2, RETRY_PAUSE_MAX_MS);
  }

  async #install(seed: HashSeed, done: CompileDone): Promise<void> {
    const before = this.#inForce;
    const isNewSeed = seed[0] !== before.seed[0] || seed[1] !== before.seed[1];
    const blocklist = done.blocklist ?? before.images?.blocklist;
    if (blocklist === undefined) throw new Error('Invariant broken: no blocklist to keep');
    const { revision, policy } = done;
    const { keyring, onInstalled, log } = this.#options;
    const { keys } = keyring.current;
    const images = openImages({ revision, blocklist, policy }, keys, before.images);
    const { policies } = images.opened;
    const isNewTable = await this.#subscribers.refresh(seed, policies, done.addressFingerprint);
    // Set before the workers are told: one that is restarted meanwhile begins with the new state.
    this.#inForce = {
      seed,
      images,
      blocklistKey: done.blocklistKey,
      compiled: { atMs: Date.now(), elapsedMs: done.elapsedMs, octetsMax: done.octetsMax },
    };
    const parts = {
      revision,
      blocklist: before.images === null ? blocklist : done.blocklist,
      policy,
      subscribers: isNewTable || before.images === null ? this.#subscribers.buffer : null,
      seed: isNewSeed ? seed : null,
    };
    await this.#pool.install(parts);
    this.#subscribers.settle(policies);
    collectReplaced(parts);
    onInstalled();
    log.info(
      {
        revision,
        elapsedMs: Math.round(done.elapsedMs),
        octetsMax: done.octetsMax,
        isBlocklistNew: done.blocklist !== null,
      },
      'published',
    );
  }
}
