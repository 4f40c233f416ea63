/** One run against one server: what it answered, what that cost it, and whether it was right. */

import { startCpuMeter } from './processes.ts';
import type { Latency, Offer, Run } from './results.ts';
import { runAtRate, runFlood, runLoad, type LoadReport } from './run-load.ts';
import type { BenchServer } from './servers.ts';
import type { Mix } from './workload.ts';
import { ECHO } from './yardsticks.ts';

/** What the mix must be answered with: all NXDOMAIN, all NOERROR, or both. */
const NXDOMAIN_SHARE: Readonly<Record<Mix, number>> = { blocked: 1, cached: 0, mixed: 0.2 };
/** Of the share, beside what chance does to a short run. */
const SHARE_TOLERANCE = 0.02;

export interface RunPlan {
  readonly mix: Mix;
  readonly path: string;
  readonly round: number;
  readonly seconds: number;
}

/** As much as is answered. @throws as `runAtRateOnce` */
export function runPeakOnce(server: BenchServer, plan: RunPlan): Promise<Run> {
  return measure(server, plan, 'full', async () => {
    const report = await runLoad(server.port, plan.path, plan.seconds);
    return { ...report, latency: null };
  });
}

/** The same, from a load that never is the slower one. @throws as `runAtRateOnce` */
export function runFloodOnce(server: BenchServer, plan: RunPlan): Promise<Run> {
  return measure(server, plan, 'flood', async () => {
    const report = await runFlood(server.port, plan.path, plan.seconds);
    return { ...report, latency: null };
  });
}

/** @throws where the answers are not what was to be answered: a figure for them means nothing */
export function runAtRateOnce(
  server: BenchServer,
  plan: RunPlan,
  offer: Offer,
  queriesPerSecond: number,
): Promise<Run> {
  return measure(server, plan, offer, () =>
    runAtRate(server.port, plan.path, plan.seconds, queriesPerSecond),
  );
}

async function measure(
  server: BenchServer,
  { mix, round }: RunPlan,
  offer: Offer,
  load: () => Promise<LoadReport & { readonly latency: Latency | null }>,
): Promise<Run> {
  const cpuMs = startCpuMeter(server.pid);
  const report = await load();
  const cpu = cpuMs();
  if (report.answered === 0) throw new Error(`mix ${mix} was not answered`);
  if (server.name !== ECHO) checkAnswers(mix, report);
  return {
    server: server.name,
    mix,
    offer,
    round,
    queriesPerSecond: report.answered / report.seconds,
    cpuMicroseconds: (cpu * 1000) / report.answered,
    lostShare: report.lost / report.sent,
    latency: report.latency,
  };
}

function checkAnswers(mix: Mix, { answered, rcodes }: LoadReport): void {
  const { 0: passed = 0, 3: blocked = 0 } = rcodes;
  const share = blocked / answered;
  const tolerance = SHARE_TOLERANCE + 1 / Math.sqrt(answered);
  const isRight = Math.abs(share - NXDOMAIN_SHARE[mix]) < tolerance;
  if (passed + blocked === answered && isRight) return;
  const what = `${answered} answers, rcodes ${JSON.stringify(rcodes)}`;
  throw new Error(`mix ${mix} was not answered rightly: ${what}`);
}
