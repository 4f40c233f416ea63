/**
 * The compile thread as the main thread sees it (`job-thread`). A child's bedtime does not wait for an
 * editor who looks at a list: while the thread reads lists for somebody, a second one compiles. Nor does a
 * look, which somebody waits for, wait for whoever asks what all lists are good for: that has a third one.
 *
 * Large contents are looked at one after the other, as they come. Nothing small or urgent waits for them:
 *
 *     the thread is free            ─▶ it looks
 *     else an urgent or sealed list ─▶ a thread for such lists
 *     else a small content          ─▶ a thread for those
 *     else                          ─▶ it waits; only compilations go before it, so its turn comes
 *
 * All of them end after a quiet while, so this costs memory only where it is needed.
 */

import { statSync } from 'node:fs';
import { assert } from '../lib/assert.ts';
import { type Clock, systemClock } from '../lib/clock.ts';
import type { ListFormatName } from '../blocklist/formats/list-format.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { AskedName } from '../lists/compare.ts';
import {
  createLookProgress,
  LOOK_NAMES,
  LOOK_OCTETS,
  type LookProgress,
} from '../lists/look-progress.ts';
import { type AskedTotals, NOTHING_ASKED, type UsageReport } from '../lists/list-usage.ts';
import { NO_SEALING_KEYS, type SealingKeys } from '../sealing/sealing-keys.ts';
import type {
  ContentFile,
  ContentInspector,
  GateComparison,
  GateFindings,
  ListReport,
} from '../store/list-report.ts';
import { JobThread } from './job-thread.ts';
import type { CompileDone, CompilerDone, CompilerRequest, ListEvidence } from './messages.ts';

/** Reading all lists takes minutes where they are large; an answer as old as that is as good. */
const USAGE_KEPT_MS = 60_000;
/** Some 160,000 names of ordinary length. Of more, one content at a time is looked at, but for urgent lists. */
const SMALL_OCTETS = 4 * 1024 * 1024;
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

export class Compiler implements ContentInspector {
  /** What is asked for; whoever knows it says how to ask. */
  askedNames: () => AskedTotals = () => NOTHING_ASKED;
  /** The names that an update of a list must not block unseen, the most asked first. */
  popularNames: () => readonly AskedName[] = () => [];
  readonly #options: CompilerOptions;
  readonly #clock: Clock;
  readonly #sealing: () => SealingKeys;
  readonly #thread: JobThread;
  /** For compilations only, where the other one reads lists; the memory of both is needed then. */
  readonly #secondThread: JobThread;
  readonly #usageThread: JobThread;
  readonly #urgentThread: JobThread;
  readonly #smallThread: JobThread;
  #jobNumber = 0;
  /** By SHA-256 of the content. */
  readonly #looks = new Map<string, LookProgress>();
  #lastSearch: Promise<unknown> = Promise.resolve();
  #usage: Promise<UsageReport> | null = null;
  /** When that was there; null: it is being read. */
  #usageReadMs: number | null = null;

  constructor(options: CompilerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#sealing = options.sealing ?? (() => NO_SEALING_KEYS);
    const { entry = BUILT_ENTRY } = options;
    this.#thread = new JobThread(entry);
    this.#secondThread = new JobThread(entry);
    this.#usageThread = new JobThread(entry);
    this.#urgentThread = new JobThread(entry);
    this.#smallThread = new JobThread(entry);
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
    const isTaken = this.#thread.isReadingLists || this.#secondThread.isBusy;
    const thread = isTaken ? this.#secondThread : this.#thread;
    const done = await thread.run({
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
   * be asked for at a time, and each reads whole lists: so one of them at most stands before another job.
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
    isUrgent = false,
  ): Promise<ListReport> {
    const { dataDir } = this.#options;
    const job = ++this.#jobNumber;
    const sha256 = content instanceof Uint8Array ? null : content.sha256;
    const progress = createLookProgress();
    if (sha256 !== null) this.#looks.set(sha256, progress);
    try {
      const sealing = this.#sealing();
      const request = { job, dataDir, content, format, sealing, progress };
      const thread = this.#threadForLook([content], isUrgent || format === 'sealed');
      const done = await thread.run({ kind: 'inspect', ...request });
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
    isUrgent = false,
  ): Promise<GateFindings> {
    const { dataDir } = this.#options;
    const job = ++this.#jobNumber;
    const asked = this.popularNames();
    const { before } = comparison;
    const contents = before === null ? [candidate] : [candidate, before.content];
    const thread = this.#threadForLook(contents, isUrgent || format === 'sealed');
    const done = await thread.run({
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

  /**
   * What each list is good for. All lists are read; who asks meanwhile, or within a minute after, gets the
   * same answer.
   */
  usage(): Promise<UsageReport> {
    const readMs = this.#usageReadMs;
    const isOld = readMs !== null && this.#clock.monotonicMs() - readMs >= USAGE_KEPT_MS;
    if (this.#usage !== null && !isOld) return this.#usage;
    this.#usageReadMs = null;
    const usage = this.#readUsage();
    usage.then(
      () => {
        this.#usageReadMs = this.#clock.monotonicMs();
      },
      () => {
        this.#usage = null;
      },
    );
    this.#usage = usage;
    return usage;
  }

  async #readUsage(): Promise<UsageReport> {
    const { dataDir } = this.#options;
    const job = ++this.#jobNumber;
    const asked = this.askedNames();
    const done = await this.#usageThread.run({ kind: 'usage', job, dataDir, asked });
    assert(done.kind === 'used', 'a reading of usage ends so or failed');
    return done.usage;
  }

  /**
   * Ends the threads for good; a job that runs is given up, and the set on the disk stays what it
   * was. Later jobs are refused: a thread that started now would keep the process from ending.
   */
  async close(): Promise<void> {
    const threads = [
      this.#thread,
      this.#secondThread,
      this.#usageThread,
      this.#urgentThread,
      this.#smallThread,
    ];
    await Promise.all(threads.map((thread) => thread.close()));
  }

  #threadForLook(contents: readonly (Uint8Array | ContentFile)[], isUrgent: boolean): JobThread {
    if (!this.#thread.isBusy) return this.#thread;
    if (isUrgent) return this.#urgentThread;
    const octets = contents.reduce((sum, content) => sum + octetsOf(content), 0);
    return octets > SMALL_OCTETS ? this.#thread : this.#smallThread;
  }

  #run(request: CompilerRequest): Promise<CompilerDone> {
    return this.#thread.run(request);
  }
}

/** Of a file that is not there 0: whoever looks at it finds that out. */
function octetsOf(content: Uint8Array | ContentFile): number {
  if (content instanceof Uint8Array) return content.length;
  return statSync(content.path, { throwIfNoEntry: false })?.size ?? 0;
}
