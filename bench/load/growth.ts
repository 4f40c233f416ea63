/**
 * What our server costs as lists, subscribers and workers become more. The servers of one curve run
 * side by side and take turns. The load comes from `many-sources`: as many addresses as subscribers.
 */

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../../src/lib/errors.ts';
import { blocklistOctets, compileMs, putSubscribers } from './control.ts';
import { privateMebibytes, residentMebibytes, startCpuMeter } from './processes.ts';
import type { GrowthCurve, GrowthPoint, Missing } from './results.ts';
import { restartStairgate, type StairgateOptions, type StairgateServer } from './servers.ts';
import { runSources } from './sources.ts';
import { writeWorkload } from './workload.ts';

/** The same number of names is asked for at every size, so that only the size differs. */
const ASKED_NAMES = 10_000;
const WINDOW = 128;
/** The kernel spreads clients over workers by address and port. */
const SPREADING_SOURCES = 1000;

export interface GrowthPlan {
  readonly nameCounts: readonly number[];
  readonly subscriberCounts: readonly number[];
  /** Of the most subscribers, how many have policies of their own. */
  readonly householdCounts: readonly number[];
  readonly workerCounts: readonly number[];
  /** Of the list, where something else grows. */
  readonly names: number;
  readonly rounds: number;
  readonly seconds: number;
}

/** One point of a curve. */
interface Step {
  readonly size: number;
  readonly names: number;
  readonly subscribers: number;
  readonly households: number;
  readonly sources: number;
  readonly options: StairgateOptions;
}

interface RunningStep {
  readonly step: Step;
  readonly server: StairgateServer;
  readonly queriesPath: string;
  readonly compileMs: number;
  readonly cpuMicroseconds: number[];
}

export async function measureGrowth(
  folder: string,
  upstreamPort: number,
  plan: GrowthPlan,
): Promise<GrowthCurve[]> {
  const { names, nameCounts, subscriberCounts, householdCounts, workerCounts } = plan;
  const base = { names, subscribers: 0, households: 0, sources: 1, options: {} };
  const most = Math.max(...subscriberCounts);
  const steps: Record<GrowthCurve['of'], readonly Step[]> = {
    names: nameCounts.map((size) => ({ ...base, size, names: size })),
    subscribers: subscriberCounts.map((size) => ({
      ...base,
      size,
      subscribers: size,
      // The same load at every size: who sends from no address of a subscriber is in the prefix of one.
      sources: most,
    })),
    households: householdCounts.map((size) => ({
      ...base,
      size,
      subscribers: most,
      households: size,
      sources: most,
    })),
    workers: workerCounts.map((size) => ({
      ...base,
      size,
      sources: SPREADING_SOURCES,
      options: { workers: size, cores: size === 1 ? '0' : `0-${size - 1}` },
    })),
  };
  const curves: GrowthCurve[] = [];
  for (const of of ['names', 'subscribers', 'households', 'workers'] as const) {
    const own = join(folder, `growth-${of}`);
    mkdirSync(own);
    curves.push(await measureCurve(of, steps[of], own, upstreamPort, plan));
  }
  return curves;
}

async function measureCurve(
  of: GrowthCurve['of'],
  steps: readonly Step[],
  folder: string,
  upstreamPort: number,
  { rounds, seconds }: GrowthPlan,
): Promise<GrowthCurve> {
  const running: RunningStep[] = [];
  const missing: Missing[] = [];
  try {
    for (const step of steps) {
      try {
        running.push(await startStep(step, folder, upstreamPort));
        console.log(`${of}: ${step.size} run`);
      } catch (error) {
        missing.push({ server: `${of} ${step.size}`, reason: messageOf(error) });
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const one of round % 2 === 0 ? running : running.toReversed()) {
        one.cpuMicroseconds.push(await runStep(one, seconds));
      }
    }
    const points = [];
    for (const one of running) points.push(await pointOf(one));
    return { of, points, missing };
  } finally {
    for (const { server } of running) await server.stop();
  }
}

async function startStep(step: Step, folder: string, upstreamPort: number): Promise<RunningStep> {
  const own = join(folder, String(step.size));
  mkdirSync(own);
  const workload = writeWorkload(own, step.names, ASKED_NAMES);
  let compiledMs = Number.NaN;
  const prepare = async (server: StairgateServer): Promise<void> => {
    compiledMs = compileMs(server);
    await putSubscribers(server, step.subscribers, step.households);
  };
  const server = await restartStairgate(own, workload, upstreamPort, step.options, prepare);
  const queriesPath = workload.queryPaths.mixed;
  const { warmUpPath } = workload;
  await runSources(server.port, warmUpPath, { mode: 'once', sources: step.sources, seconds: 1 });
  return { step, server, queriesPath, compileMs: compiledMs, cpuMicroseconds: [] };
}

/** CPU time a query in microseconds. */
async function runStep(
  { step, server, queriesPath }: RunningStep,
  seconds: number,
): Promise<number> {
  const cpuMs = startCpuMeter(server.pid);
  const shape = { mode: { window: WINDOW }, sources: step.sources, seconds };
  const { report } = await runSources(server.port, queriesPath, shape);
  return (cpuMs() * 1000) / report.answered;
}

async function pointOf(one: RunningStep): Promise<GrowthPoint> {
  const { pid, startMs } = one.server;
  return {
    size: one.step.size,
    cpuMicroseconds: one.cpuMicroseconds,
    startMs,
    residentMebibytes: residentMebibytes(pid),
    privateMebibytes: privateMebibytes(pid),
    compileMs: one.compileMs,
    blocklistOctets: await blocklistOctets(one.server),
  };
}
