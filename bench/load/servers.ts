/** Our own server, as built: one installation in a folder of its own, started and brought to a list. */

import type { ChildProcess } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { messageOf } from '../../src/lib/errors.ts';
import { freePort } from '../../test/support/server.ts';
import {
  collectOutput,
  hasEnded,
  LOAD_CORE,
  runCommand,
  SERVER_CORE,
  start,
  stop,
} from './processes.ts';
import { awaitAnswer } from './query.ts';
import { CACHE_MEBIBYTES, writeNames, type Workload } from './workload.ts';

const MAIN = 'dist/main.js';
const RCODE_NOERROR = 0;
const RCODE_NXDOMAIN = 3;
const START_WAIT_MS = 60_000;
const API_PAUSE_MS = 20;

export interface BenchServer {
  readonly name: string;
  readonly version: string;
  readonly pid: number;
  readonly port: number;
  /** From exec to the first right answer. */
  readonly startMs: number;
  /**
   * Writes the list anew, with these names, for the server that runs; null = it must be started again.
   * @returns tells it to read the list; may resolve before the list is in force
   */
  readonly prepareListUpdate: ((names: readonly string[]) => () => Promise<void>) | null;
  stop(): Promise<void>;
}

export interface StairgateServer extends BenchServer {
  /** Address and port of the API. */
  readonly admin: string;
  readonly dataDir: string;
  /** The end of its log. */
  log(): string;
}

export interface StairgateOptions {
  readonly name?: string;
  /** Lines of the configuration file. */
  readonly config?: string;
  readonly workers?: number;
  /** One, or several as `taskset -c` takes them. */
  readonly cores?: number | string;
}

/** The built server, one worker, the list as category `adult` of the only plan that is asked. */
export async function startStairgate(
  folder: string,
  listPath: string,
  upstreamPort: number,
  options: StairgateOptions = {},
): Promise<StairgateServer> {
  const server = await serve(folder, upstreamPort, options, () => 'localhost', RCODE_NOERROR);
  writeFileSync(
    documentPath(folder),
    `lists: [{ id: bench, category: adult, format: domains, path: ${JSON.stringify(listPath)} }]
plans: [{ id: bench, block: [adult] }]
subscribers: [{ id: bench, plan: bench, addresses: [127.0.0.0/9] }]
`,
  );
  await awaitApi(server.admin);
  try {
    await applyDocument(folder, server, SERVER_CORE);
    return server;
  } catch (error) {
    await server.stop();
    throw error;
  }
}

function documentPath(folder: string): string {
  return join(folder, 'document.yaml');
}

async function applyDocument(folder: string, server: StairgateServer, core: number): Promise<void> {
  const where = ['--data-dir', server.dataDir, '--admin', server.admin];
  await runCommand(core, [process.execPath, MAIN, 'apply', documentPath(folder), ...where]);
}

/** The API comes after the first answers. */
async function awaitApi(admin: string): Promise<void> {
  const deadlineMs = performance.now() + START_WAIT_MS;
  for (;;) {
    try {
      await fetch(`http://${admin}/healthz`);
      return;
    } catch (error) {
      if (performance.now() > deadlineMs) throw error;
    }
    await setTimeout(API_PAUSE_MS);
  }
}

/**
 * The same, stopped and started again: its start is the one from the image on the disk, and its
 * memory that of a server that has loaded its list once, as the peers have.
 * @param prepare what else to do before the stop
 */
export async function restartStairgate(
  folder: string,
  workload: Workload,
  upstreamPort: number,
  options: StairgateOptions = {},
  prepare: (server: StairgateServer) => Promise<void> = () => Promise.resolve(),
): Promise<StairgateServer> {
  const first = await startStairgate(folder, workload.listPath, upstreamPort, options);
  try {
    await prepare(first);
  } finally {
    await first.stop();
  }
  const server = await serve(folder, upstreamPort, options, workload.blockedProbe, RCODE_NXDOMAIN);
  return {
    ...server,
    prepareListUpdate: (names) => {
      writeNames(workload.listPath, names);
      return () => applyDocument(folder, server, LOAD_CORE);
    },
  };
}

/** Started when it answers a name with the rcode. */
async function serve(
  folder: string,
  upstreamPort: number,
  options: StairgateOptions,
  nameOf: (attempt: number) => string,
  rcode: number,
): Promise<StairgateServer> {
  const { name = 'stairgate', config = '', workers = 1, cores = SERVER_CORE } = options;
  const plan = { config, workers, cacheMebibytes: CACHE_MEBIBYTES };
  const { port, admin, dataDir, args } = await planServe(folder, upstreamPort, plan);
  const startedMs = performance.now();
  const child = start(cores, [process.execPath, ...args], 'pipe');
  const log = collectOutput(child);
  try {
    await awaitAnswer(port, nameOf, rcode, isOverFor(child));
  } catch (error) {
    await stop(child);
    throw new Error(`did not start: ${messageOf(error)}; ${log()}`, { cause: error });
  }
  return { ...running(name, versionIn('.'), child, port, startedMs), admin, dataDir, log };
}

export interface ServePlan {
  readonly port: number;
  /** Address and port of the API. */
  readonly admin: string;
  readonly dataDir: string;
  /** Of Node. */
  readonly args: readonly string[];
}

/** Makes a folder ready to serve from, on ports that are free. */
export async function planServe(
  folder: string,
  upstreamPort: number,
  options: {
    readonly workers: number;
    readonly cacheMebibytes: number;
    /** More lines of the configuration file. */
    readonly config?: string;
  },
): Promise<ServePlan> {
  const { workers, cacheMebibytes, config = '' } = options;
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir, { recursive: true });
  const configPath = join(folder, 'config.yaml');
  writeFileSync(configPath, `cache: { bytesMax: ${cacheMebibytes * 2 ** 20} }\n${config}`);
  const port = await freePort();
  const admin = `127.0.0.1:${await freePort()}`;
  const args = [
    ...[
      '--single-threaded-gc',
      MAIN,
      'serve',
      '--config',
      configPath,
      '--workers',
      String(workers),
    ],
    ...['--listen', `127.0.0.1:${port}`, '--upstream', `127.0.0.1:${upstreamPort}`],
    ...['--data-dir', dataDir, '--admin', admin],
  ];
  return { port, admin, dataDir, args };
}

export function isOverFor(child: ChildProcess): () => boolean {
  const deadlineMs = performance.now() + START_WAIT_MS;
  return () => hasEnded(child) || performance.now() > deadlineMs;
}

/** A process that just gave its first right answer. */
export function running(
  name: string,
  version: string,
  child: ChildProcess,
  port: number,
  startedMs: number,
): BenchServer {
  const startMs = performance.now() - startedMs;
  return {
    name,
    version,
    pid: child.pid ?? 0,
    port,
    startMs,
    prepareListUpdate: null,
    stop: async () => {
      await stop(child);
    },
  };
}

export function versionIn(folder: string): string {
  const text = readFileSync(join(folder, 'package.json'), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
}
