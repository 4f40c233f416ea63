/**
 * The compile thread as the main thread sees it: jobs go in, results come back. The thread is
 * started for the first job and ended after a quiet while, which gives all its memory back.
 *
 *     asked ─▶ waiting: compilations first, then first come ─▶ running: at most one ─▶ done, or failed
 *
 * The thread has one job at a time, so whatever happens to it happens to that job alone: where it
 * dies or is stuck, the job fails and the next one gets a new thread.
 */

import { Worker } from 'node:worker_threads';
import { assert } from '../lib/assert.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import { AppError } from '../lib/errors.ts';
import type { ListFormatName } from '../blocklist/formats/list-format.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { AskedName } from '../lists/compare.ts';
import {
  createLookProgress,
  LOOK_NAMES,
  LOOK_OCTETS,
  type LookProgress,
} from '../lists/look-progress.ts';
import type { UsageReport } from '../lists/list-usage.ts';
import { NO_SEALING_KEYS, type SealingKeys } from '../sealing/sealing-keys.ts';
import type {
  ContentFile,
  ContentInspector,
  GateComparison,
  GateFindings,
  ListReport,
} from '../store/list-report.ts';
import type {
  CompileDone,
  CompilerDone,
  CompilerRequest,
  CompilerResponse,
  ListEvidence,
} from './messages.ts';

const IDLE_MS = 10_000;
/**
 * From the moment when a job has the thread. Twenty million names take less than a minute; a thread
 * that needs longer is stuck.
 */
const JOB_DEADLINE_MS = 600_000;

const BUILT_ENTRY = new URL('compile-thread.js', import.meta.url);

export interface CompilerOptions {
  readonly dataDir: string;
  /** What the thread runs; left out: the built one. */
  readonly entry?: URL;
  /** Says from when on policy images speak; left out: the system's. */
  readonly clock?: Clock;
  /** Asked for each job, since a reload may change them; left out: there are none. */
  readonly sealing?: () => SealingKeys;
}

interface Job {
  readonly request: CompilerRequest;
  readonly resolve: (done: CompilerDone) => void;
  readonly reject: (error: AppError) => void;
}

export class Compiler implements ContentInspector {
  /** The names that are asked for most, the most asked first; whoever knows them says how to ask. */
  askedNames: () => readonly AskedName[] = () => [];
  /** Those of them that an update of a list must not block unseen. */
  popularNames: () => readonly AskedName[] = () => [];
  readonly #options: CompilerOptions;
  readonly #clock: Clock;
  readonly #sealing: () => SealingKeys;
  #waiting: Job[] = [];
  #running: Job | null = null;
  #deadline: NodeJS.Timeout | null = null;
  #thread: Worker | null = null;
  #jobNumber = 0;
  /** By SHA-256 of the content. */
  readonly #looks = new Map<string, LookProgress>();
  #idleTimer: NodeJS.Timeout | null = null;
  #lastSearch: Promise<unknown> = Promise.resolve();
  #usage: Promise<UsageReport> | null = null;
  #isClosed = false;

  constructor(options: CompilerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#sealing = options.sealing ?? (() => NO_SEALING_KEYS);
  }

  /**
   * Compiles the newest revision and makes it the current set on the disk.
   * @param blocklistKey names the blocklist that need not be compiled again, or null
   * @throws AppError of the compilation (`COMPILE_COLLISION`: draw a new seed), or `COMPILE_FAILED`
   */
  async compile(seed: HashSeed, blocklistKey: string | null): Promise<CompileDone> {
    const { dataDir } = this.#options;
    const job = ++this.#jobNumber;
    const nowSeconds = Math.floor(this.#clock.wallMs() / 1000);
    const done = await this.#run({
      kind: 'compile',
      job,
      dataDir,
      seed,
      blocklistKey,
      nowSeconds,
      sealing: this.#sealing(),
    });
    assert(done.kind === 'compiled', 'a compilation ends compiled or failed');
    return done;
  }

  /** The policy of one profile, and of no other, at another time than now: an image for `explain`. */
  async compileProfile(
    seed: HashSeed,
    profile: number,
    atSecond: number,
  ): Promise<SharedArrayBuffer> {
    const { dataDir } = this.#options;
    const job = ++this.#jobNumber;
    const done = await this.#run({ kind: 'profile', job, dataDir, seed, profile, atSecond });
    assert(done.kind === 'profile', 'a compilation of a profile ends so or failed');
    return done.policy;
  }

  /** The policy of a plan by itself, of profile number `PLAN_PROFILE`. */
  async compilePlan(seed: HashSeed, plan: string, atSecond: number): Promise<SharedArrayBuffer> {
    const { dataDir } = this.#options;
    const job = ++this.#jobNumber;
    const done = await this.#run({ kind: 'plan', job, dataDir, seed, plan, atSecond });
    assert(done.kind === 'profile', 'a compilation of a plan ends as that of a profile or failed');
    return done.policy;
  }

  /**
   * Finds the lines that put a name into categories, in the contents of the newest revision. Many may
   * be asked for at a time, and each reads whole lists: so one of them at most stands before a compilation.
   * @param name lower-cased wire octets with the root
   */
  async findEvidence(
    name: Uint8Array,
    categories: readonly string[],
  ): Promise<readonly ListEvidence[]> {
    const { dataDir } = this.#options;
    const job = ++this.#jobNumber;
    const search = this.#lastSearch.then(() =>
      this.#run({ kind: 'evidence', job, dataDir, name, categories }),
    );
    this.#lastSearch = search.catch(() => undefined);
    const done = await search;
    assert(done.kind === 'found', 'a search ends found or failed');
    return done.places;
  }

  /** As `ContentInspector`; `STOPPING` and `COMPILE_FAILED` say nothing about the content. */
  async inspect(
    content: Uint8Array | ContentFile,
    format: ListFormatName | null,
  ): Promise<ListReport> {
    const { dataDir } = this.#options;
    const job = ++this.#jobNumber;
    const sha256 = content instanceof Uint8Array ? null : content.sha256;
    const progress = createLookProgress();
    if (sha256 !== null) this.#looks.set(sha256, progress);
    try {
      const sealing = this.#sealing();
      const request = { job, dataDir, content, format, sealing, progress };
      const done = await this.#run({ kind: 'inspect', ...request });
      assert(done.kind === 'inspected', 'a look ends inspected or failed');
      return done.report;
    } finally {
      if (sha256 !== null) this.#looks.delete(sha256);
    }
  }

  /** How far the look at a content is; null where nobody looks at it. */
  lookProgress(sha256: string): { readonly octets: number; readonly names: number } | null {
    const progress = this.#looks.get(sha256);
    if (progress === undefined) return null;
    return { octets: progress[LOOK_OCTETS] ?? 0, names: progress[LOOK_NAMES] ?? 0 };
  }

  /** As `ContentInspector`; `STOPPING` and `COMPILE_FAILED` say nothing about the content. */
  async compare(
    candidate: Uint8Array | ContentFile,
    format: ListFormatName,
    comparison: GateComparison,
  ): Promise<GateFindings> {
    const { dataDir } = this.#options;
    const job = ++this.#jobNumber;
    const asked = this.popularNames();
    const done = await this.#run({
      kind: 'compare',
      job,
      dataDir,
      candidate,
      format,
      comparison,
      asked,
    });
    assert(done.kind === 'compared', 'a comparison ends compared or failed');
    return done.findings;
  }

  /** What each list is good for. All lists are read; who asks meanwhile gets the same answer. */
  usage(): Promise<UsageReport> {
    this.#usage ??= this.#readUsage().finally(() => {
      this.#usage = null;
    });
    return this.#usage;
  }

  async #readUsage(): Promise<UsageReport> {
    const { dataDir } = this.#options;
    const job = ++this.#jobNumber;
    const done = await this.#run({ kind: 'usage', job, dataDir, asked: this.askedNames() });
    assert(done.kind === 'used', 'a reading of usage ends so or failed');
    return done.usage;
  }

  /**
   * Ends the thread for good; a job that runs is given up, and the set on the disk stays what it
   * was. Later jobs are refused: a thread that started now would keep the process from ending.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    const given = this.#waiting;
    this.#waiting = [];
    this.#takeRunning()?.reject(stopping());
    for (const { reject } of given) reject(stopping());
    await this.#endThread();
  }

  async #endThread(): Promise<void> {
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    const thread = this.#thread;
    this.#thread = null;
    await thread?.terminate();
  }

  #run(request: CompilerRequest): Promise<CompilerDone> {
    if (this.#isClosed) return Promise.reject(stopping());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      this.#startNext();
    });
  }

  #startNext(): void {
    if (this.#running !== null) return;
    const job = this.#takeWaiting();
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    if (job === undefined) {
      this.#idleTimer = setTimeout(() => void this.#endThread(), IDLE_MS);
      this.#idleTimer.unref();
      return;
    }
    this.#running = job;
    this.#deadline = setTimeout(() => {
      void this.#endThread();
      this.#failRunning(`it took longer than ${JOB_DEADLINE_MS} ms`);
    }, JOB_DEADLINE_MS);
    this.#thread ??= this.#startThread();
    this.#thread.postMessage(job.request);
  }

  /** A child's bedtime does not wait for an editor who asks what lists are good for. */
  #takeWaiting(): Job | undefined {
    const compilation = this.#waiting.findIndex(({ request }) => request.kind === 'compile');
    return this.#waiting.splice(Math.max(0, compilation), 1)[0];
  }

  #startThread(): Worker {
    const thread = new Worker(this.#options.entry ?? BUILT_ENTRY, { name: 'compiler' });
    let cause = 'the compile thread ended';
    thread.on('message', (response: CompilerResponse) => {
      // A thread that was given up may have had its answer under way.
      if (this.#thread === thread) this.#receive(response);
    });
    thread.on('error', (error: Error) => {
      cause = error.message;
    });
    thread.on('exit', () => {
      if (this.#thread !== thread) return;
      this.#thread = null;
      this.#failRunning(cause);
    });
    return thread;
  }

  #receive(response: CompilerResponse): void {
    const job = this.#takeRunning();
    assert(job?.request.job === response.job, 'the thread answers the one job that it has');
    if (response.kind === 'failed') {
      const { code, message, faults } = response;
      job.reject(new AppError(code, message, { faults }));
    } else {
      job.resolve(response);
    }
    this.#startNext();
  }

  /** Those that wait go on, with a new thread. */
  #failRunning(cause: string): void {
    const job = this.#takeRunning();
    if (job === null) return;
    job.reject(failed(cause));
    this.#startNext();
  }

  #takeRunning(): Job | null {
    if (this.#deadline !== null) clearTimeout(this.#deadline);
    const job = this.#running;
    this.#running = null;
    return job;
  }
}

function failed(cause: string): AppError {
  return new AppError('COMPILE_FAILED', `Working on the compile thread: ${cause}`);
}

function stopping(): AppError {
  return new AppError('STOPPING', 'Working on the compile thread: the server is stopping');
}
