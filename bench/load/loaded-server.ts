/**
 * The scene of `overload` and `disturbance`: names, an upstream, a warm Stairgate whose policy the
 * sources of the load have, and what it answers at most.
 */

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { median } from '../measure.ts';
import { ControlledServer, type Cores } from './controlled-server.ts';
import { LOAD_CORE, pinSelf, startCpuMeter } from './processes.ts';
import { runSources, type SourcesReport } from './sources.ts';
import { startUpstream, type Upstream } from './upstream-server.ts';
import { writeWorkload, type Workload } from './workload.ts';

/** In flight when the peak is looked for: more than the server takes in one turn. */
const PEAK_WINDOW = 256;
const PEAK_RUNS = 3;
/** Every worker has a cache of its own, and a name asked once fills only one of them. */
const FILLS_PER_WORKER = 2;
/** Of the mix. */
const BLOCKED_SHARE = 0.2;
/** Of the share, beside what chance does to a short run. */
const SHARE_TOLERANCE = 0.02;

export interface Scene {
  readonly nameCount: number;
  readonly sources: number;
  readonly workers: number;
  readonly cores: Cores;
  /** Of each run of load. */
  readonly seconds: number;
  /** The rest of the document: plan `bench` and its subscribers, by whom all sources are known. */
  readonly document: Readonly<Record<string, unknown>>;
}

export interface LoadedServer {
  readonly server: ControlledServer;
  readonly workload: Workload;
  /** The file of queries that all runs ask: a fifth blocked, the rest cached. */
  readonly queriesPath: string;
}

/** Sets the scene, does the work, and takes all down again. */
export async function withLoadedServer<Result>(
  scene: Scene,
  work: (loaded: LoadedServer) => Promise<Result>,
): Promise<Result> {
  const { nameCount, sources, workers, cores, document } = scene;
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-bench-'));
  // The bench itself must not take from the server.
  pinSelf(LOAD_CORE);
  let upstream: Upstream | null = null;
  let server: ControlledServer | null = null;
  try {
    upstream = await startUpstream(folder);
    const workload = writeWorkload(folder, nameCount);
    server = await ControlledServer.start({ folder, upstreamPort: upstream.port, workers, cores });
    await server.prepareListUpdate('bench', 'adult', readFileSync(workload.listPath))();
    await server.apply(document);
    for (let fill = 0; fill < workers * FILLS_PER_WORKER; fill++) {
      await runSources(server.port, workload.warmUpPath, { mode: 'once', sources, seconds: 1 });
    }
    return await work({ server, workload, queriesPath: workload.queryPaths.mixed });
  } finally {
    await server?.stop();
    await upstream?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Answers a second, as fast as they come, and what each cost: medians, after a run that warms up. */
export async function measurePeak(
  scene: Scene,
  loaded: LoadedServer,
): Promise<{ readonly peak: number; readonly cpuMicroseconds: number }> {
  const { sources, seconds } = scene;
  const { server, queriesPath } = loaded;
  const rates: number[] = [];
  const costs: number[] = [];
  for (let run = 0; run <= PEAK_RUNS; run++) {
    const cpuMs = startCpuMeter(server.pid);
    const shape = { mode: { window: PEAK_WINDOW }, sources, seconds };
    const { report } = await runSources(server.port, queriesPath, shape);
    const cpu = cpuMs();
    checkAnswers(report);
    if (run === 0) continue;
    rates.push(report.answered / report.seconds);
    costs.push((cpu * 1000) / report.answered);
  }
  return { peak: median(rates), cpuMicroseconds: median(costs) };
}

/** A figure for wrong answers means nothing. */
export function checkAnswers(report: SourcesReport): void {
  const { answered, rcodes } = report;
  const { 0: passed = 0, 3: blocked = 0 } = rcodes;
  const tolerance = SHARE_TOLERANCE + 1 / Math.sqrt(answered);
  const isRight = Math.abs(blocked / answered - BLOCKED_SHARE) < tolerance;
  if (answered === 0 || passed + blocked !== answered || !isRight)
    throw new Error(`not what was to be answered: ${JSON.stringify(report)}`);
}
