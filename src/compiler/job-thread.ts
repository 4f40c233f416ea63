/**
 * One thread for jobs: they go in, results come back. The thread is started for the first job and ended
 * after a quiet while, which gives all its memory back.
 *
 *     asked ─▶ waiting: compilations first, then first come ─▶ running: at most one ─▶ done, or failed
 *
 * The thread has one job at a time, so whatever happens to it happens to that job alone: where it
 * dies or is stuck, the job fails and the next one gets a new thread.
 */

import { Worker } from 'node:worker_threads';
import { assert } from '../lib/assert.ts';
import { AppError } from '../lib/errors.ts';
import type { CompilerDone, CompilerRequest, CompilerResponse } from './messages.ts';

const IDLE_MS = 10_000;
/**
 * From the moment when a job has the thread. Twenty million names take less than a minute; a thread
 * that needs longer is stuck.
 */
const JOB_DEADLINE_MS = 600_000;
/** They may read every line of every list. */
const READING_KINDS: readonly CompilerRequest['kind'][] = [
  'inspect',
  'compare',
  'usage',
  'evidence',
];

interface Job {
  readonly request: CompilerRequest;
  readonly resolve: (done: CompilerDone) => void;
  readonly reject: (error: AppError) => void;
}

export class JobThread {
  readonly #entry: URL;
  #waiting: Job[] = [];
  #running: Job | null = null;
  #deadline: NodeJS.Timeout | null = null;
  #thread: Worker | null = null;
  #idleTimer: NodeJS.Timeout | null = null;
  #isClosed = false;

  /** @param entry what the thread runs */
  constructor(entry: URL) {
    this.#entry = entry;
  }

  /** Whether a job runs that another one may have to wait long for. */
  get isReadingLists(): boolean {
    return this.#running !== null && READING_KINDS.includes(this.#running.request.kind);
  }

  get isBusy(): boolean {
    return this.#running !== null;
  }

  /** @throws AppError of the job, `COMPILE_FAILED`, `STOPPING` */
  run(request: CompilerRequest): Promise<CompilerDone> {
    if (this.#isClosed) return Promise.reject(stopping());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ request, resolve, reject });
      this.#startNext();
    });
  }

  /** Ends the thread for good; a job that runs is given up, and later ones are refused. */
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
    const thread = new Worker(this.#entry, { name: 'compiler' });
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
