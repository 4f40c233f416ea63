/**
 * A Stairgate under load that a bench changes, asks and disturbs meanwhile: its API, its memory, the
 * delays of its threads (`thread-probe`), and the end of a worker (`thread-control` of the tests, so
 * that the product needs no door for it).
 */

import { spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { orderThread } from '../../test/integration/support/thread-orders.ts';
import {
  hasEnded,
  isPinned,
  LOAD_CORE,
  residentMebibytes,
  SERVER_CORE,
  start,
  stop,
} from './processes.ts';
import { planServe, type ServePlan } from './servers.ts';
import { CACHE_MEBIBYTES } from './workload.ts';

const PROBE = 'bench/load/thread-probe.mjs';
/** How long a killed worker's successor may take. */
const SUCCESSOR_WAIT_MS = 30_000;
/** How often it is asked whether a worker is back. */
const STATUS_PAUSE_MS = 20;
const CONTROL = 'test/integration/support/thread-control.mjs';

/**
 * `one`: all its threads share one core, as in the comparison with other servers; main and compile
 * thread then take their time from the worker. `both`: they may run beside the load as well.
 */
export const CORES = ['one', 'both'] as const;
export type Cores = (typeof CORES)[number];

export interface ControlledOptions {
  /** Empty; taken down by the caller. */
  readonly folder: string;
  readonly upstreamPort: number;
  readonly workers: number;
  readonly cores: Cores;
}

/** What a thread of the server felt in the tenth of a second before. */
export interface ThreadSample {
  /** Unix time. */
  readonly atMs: number;
  readonly thread: string;
  /** How late its timers ran, at most. */
  readonly lagMs?: number;
  /** How long it ran, and how long it was ready to run while another thread had its core. */
  readonly runMs?: number;
  readonly waitMs?: number;
  /** How long a control message and its answer took. */
  readonly pongMs?: number;
}

export class ControlledServer {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #api: string;
  #log = '';
  #token = '';

  private constructor(child: ChildProcess, folder: string, { port, admin }: ServePlan) {
    this.port = port;
    this.#child = child;
    this.#folder = folder;
    this.#api = `http://${admin}`;
    child.stdout?.on('data', (chunk: Buffer) => (this.#log += chunk.toString()));
  }

  /** Resolves when it serves, with the seeds of a first start. */
  static async start(options: ControlledOptions): Promise<ControlledServer> {
    const { folder, upstreamPort, workers, cores } = options;
    const plan = await planServe(folder, upstreamPort, {
      workers,
      cacheMebibytes: CACHE_MEBIBYTES * workers,
    });
    const preload = (path: string, query: string): string[] => [
      '--import',
      `${pathToFileURL(resolve(path)).href}?${query}`,
    ];
    const child = start(SERVER_CORE, [
      process.execPath,
      ...preload(PROBE, `file=${join(folder, 'probe')}`),
      ...preload(CONTROL, `socket=${join(folder, 'control')}`),
      ...plan.args,
    ]);
    const server = new ControlledServer(child, folder, plan);
    await server.#logged('"msg":"serving"');
    server.#token = readFileSync(join(plan.dataDir, 'admin.token'), 'utf8').trim();
    if (cores === 'both') unpin(server.pid);
    return server;
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  get mebibytes(): number {
    return residentMebibytes(this.pid);
  }

  /** Queries over UDP that the workers have resolved since the start. */
  async queryCount(): Promise<number> {
    const text = await (await fetch(`${this.#api}/metrics`)).text();
    return Number(/^stairgate_queries_udp_total (\d+)/m.exec(text)?.[1]);
  }

  /** @throws Error where the answer is no success */
  async ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const isContent = body instanceof Uint8Array;
    const headers: Record<string, string> = { authorization: `Bearer ${this.#token}` };
    if (body !== undefined) {
      headers['content-type'] = isContent ? 'application/octet-stream' : 'application/json';
    }
    const response = await fetch(`${this.#api}${path}`, {
      method,
      headers,
      ...(body === undefined
        ? {}
        : {
            body: isContent
              ? new Uint8Array(body)
              : typeof body === 'string'
                ? body
                : JSON.stringify(body),
          }),
    });
    const text = await response.text();
    if (!response.ok)
      throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`);
    return text.startsWith('{') ? JSON.parse(text) : text;
  }

  /** Resolves when all workers decide with the document. */
  async apply(document: unknown): Promise<void> {
    await this.ask('POST', '/api/v1/apply?wait=true', { document });
  }

  /**
   * Makes ready what gives a list a new content; all that can be done before is done here.
   * @returns does it; resolves when all workers decide with it
   */
  prepareListUpdate(id: string, category: string, content: Uint8Array): () => Promise<void> {
    const contentSha256 = createHash('sha256').update(content).digest('hex');
    const list = JSON.stringify({ category, format: 'domains', contentSha256 });
    return async () => {
      await this.ask('PUT', `/api/v1/list-contents/${contentSha256}`, content);
      await this.ask('PUT', `/api/v1/lists/${id}?wait=true`, list);
    };
  }

  /** Ends a worker, as a crash does; resolves when its successor serves. */
  async killWorker(index: number): Promise<void> {
    const before = (await this.#workers())[index]?.restarts ?? 0;
    await orderThread(join(this.#folder, 'control'), `die worker-${index}`);
    const deadline = Date.now() + SUCCESSOR_WAIT_MS;
    while (Date.now() < deadline) {
      const worker = (await this.#workers())[index];
      if (worker?.state === 'serving' && worker.restarts > before) return;
      if (hasEnded(this.#child)) throw new Error(`The server ended:\n${this.#log}`);
      await new Promise((done) => setTimeout(done, STATUS_PAUSE_MS));
    }
    throw new Error(`Worker ${index} has no successor:\n${this.#log}`);
  }

  threadSamples(): readonly ThreadSample[] {
    const lines = readFileSync(join(this.#folder, 'probe'), 'utf8').trimEnd().split('\n');
    return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as ThreadSample);
  }

  stop(): Promise<void> {
    return stop(this.#child);
  }

  async #workers(): Promise<readonly { readonly state: string; readonly restarts: number }[]> {
    const status = await this.ask('GET', '/api/v1/status');
    return (status as { workers: { state: string; restarts: number }[] }).workers;
  }

  async #logged(text: string): Promise<void> {
    while (!this.#log.includes(text)) {
      if (hasEnded(this.#child)) throw new Error(`The server did not start:\n${this.#log}`);
      await Promise.race([
        once(this.#child.stdout ?? this.#child, 'data'),
        once(this.#child, 'exit'),
      ]);
    }
  }
}

/** Every thread of a process may run where it likes. */
function unpin(pid: number): void {
  if (isPinned)
    spawnSync('taskset', ['-a', '-c', '-p', `${SERVER_CORE},${LOAD_CORE}`, String(pid)]);
}
