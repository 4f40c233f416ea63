/**
 * What queries feel of a change at half of the peak: a list update, an edited plan, all subscribers
 * moved to another plan, the death of a worker. `node dist-bench/bench/load/disturbance.js`, from the
 * root of the project.
 *
 *     --names 1000000   --subscribers 100000   --rounds 5   --cores one,both
 *     --only list,plan,subscribers,kill
 *     --out dist-bench/results/disturbance.json
 *     --smoke           a few seconds: does it work? Its figures mean nothing.
 *
 * The load comes from the address of every subscriber, in an open loop, and does not stop for the
 * change; a query belongs to the phase for which it was planned. Workers are two for the last of the
 * four, else one. The result is a table, and a `DisturbanceResult` in the file.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname } from 'node:path';
import { median } from '../measure.ts';
import { CORES, type Cores } from './controlled-server.ts';
import {
  disturbanceTable,
  DISTURBANCES,
  type Disturbance,
  type DisturbanceResult,
  type DisturbanceRow,
  type Phase,
} from './disturbance-report.ts';
import {
  checkAnswers,
  measurePeak,
  withLoadedServer,
  type LoadedServer,
  type Scene,
} from './loaded-server.ts';
import { BenchOptions, endWithoutResult } from './options.ts';
import { percentileUs, sourceAddress, startSources, type SourcesRun } from './sources.ts';

const INTERVAL_MS = 50;
/** How much of the end of a change is called its swap. */
const SWAP_MS = 200;
/** A run of load is ended when its phases are over; this is for changes that never end. */
const RUN_SECONDS_MAX = 300;
const PEAK_SECONDS = 2;
/** Asked where figures mean nothing: any machine answers so many. */
const SMOKE_RATE = 500;

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

interface MemorySample {
  readonly atMs: number;
  readonly mebibytes: number;
}

type Phases = Pick<DisturbanceRow, 'before' | 'during' | 'swap' | 'after'>;
type Round = Phases & Pick<DisturbanceRow, 'sent' | 'lost' | 'dropped' | 'skipped'>;
type Summary = Round & Pick<DisturbanceRow, 'mebibytesOverRounds'>;

const options = new BenchOptions(
  `npm run bench:load -- disturbance [--names N] [--subscribers N] [--rounds N] [--cores ${CORES.join(',')}] [--only ${DISTURBANCES.join(',')}] [--out FILE] [--smoke]`,
  {
    names: { type: 'string', default: '1000000' },
    subscribers: { type: 'string', default: '100000' },
    rounds: { type: 'string', default: '5' },
    cores: { type: 'string' },
    only: { type: 'string' },
    smoke: { type: 'boolean' },
    out: { type: 'string', default: 'dist-bench/results/disturbance.json' },
  },
);
const isSmoke = options.is('smoke');
const nameCount = isSmoke ? 2000 : options.amount('names');
const subscriberCount = isSmoke ? 100 : options.amount('subscribers');
const rounds = isSmoke ? 1 : options.amount('rounds');
/** Before and after the change. */
const calmMs = isSmoke ? 300 : 3000;
const isAsked = new Set<Disturbance>(options.words('only', DISTURBANCES));

const [loadAverage = 0] = loadavg();
const rows: DisturbanceRow[] = [];
for (const cores of options.words('cores', CORES)) {
  rows.push(...(await measure(cores, 1, ['list', 'plan', 'subscribers'])));
  rows.push(...(await measure(cores, 2, ['kill'])));
}
if (rows.length === 0) endWithoutResult();
const result: DisturbanceResult = {
  at: new Date().toISOString(),
  ...{ nameCount, subscribers: subscriberCount, rounds, loadAverage, rows },
};
const out = options.text('out');
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, `${JSON.stringify(result, null, 2)}\n`);
console.log(disturbanceTable(result));

/** One server for all that are asked of these; they take turns, round by round. */
async function measure(
  cores: Cores,
  workers: number,
  disturbances: readonly Disturbance[],
): Promise<DisturbanceRow[]> {
  const asked = disturbances.filter((one) => isAsked.has(one));
  if (asked.length === 0) return [];
  const document = {
    plans: ['bench', 'other'].map((id) => ({ id, ...plan() })),
    subscribers: subscribersOn('bench'),
  };
  const common = { nameCount, sources: subscriberCount, seconds: PEAK_SECONDS };
  const scene: Scene = { ...common, workers, cores, document };
  return withLoadedServer(scene, async (loaded) => {
    const rate = isSmoke ? SMOKE_RATE : (await measurePeak(scene, loaded)).peak / 2;
    const changes = prepareChanges(loaded);
    const done = new Map(asked.map((one) => [one, [] as Round[]]));
    for (let round = 0; round < rounds; round++) {
      for (const [disturbance, its] of done) {
        its.push(await runRound(loaded, rate, changes[disturbance](round)));
      }
    }
    return [...done].map(([disturbance, its]) => ({
      ...{ disturbance, cores, workers, rate },
      ...summarise(its),
    }));
  });
}

function plan(maxTtlSeconds = 3600): object {
  return { block: ['adult'], maxTtlSeconds };
}

function subscribersOn(planId: string): readonly unknown[] {
  return Array.from({ length: subscriberCount }, (_, index) => ({
    id: `s-${index}`,
    plan: planId,
    addresses: [sourceAddress(index)],
  }));
}

/** By disturbance: makes the change of a round ready to be done. */
function prepareChanges({
  server,
  workload,
}: LoadedServer): Readonly<Record<Disturbance, (round: number) => () => Promise<unknown>>> {
  const content = readFileSync(workload.listPath, 'utf8');
  return {
    // A name more, another one each time: the whole list is compiled anew.
    list: (round) => {
      const changed = Buffer.from(`${content}\nround-${round}.example.net\n`);
      return server.prepareListUpdate('bench', 'adult', changed);
    },
    plan: (round) => () => server.ask('PUT', '/api/v1/plans/bench?wait=true', plan(3000 + round)),
    subscribers: (round) => {
      const subscribers = subscribersOn(round % 2 === 0 ? 'other' : 'bench');
      const body = JSON.stringify({ document: { subscribers } });
      return () => server.ask('POST', '/api/v1/apply?wait=true', body);
    },
    kill: (round) => () => server.killWorker(round % 2),
  };
}

async function runRound(
  loaded: LoadedServer,
  rate: number,
  change: () => Promise<unknown>,
): Promise<Round> {
  const { server, queriesPath } = loaded;
  const memory: MemorySample[] = [];
  const timer = setInterval(() => {
    memory.push({ atMs: Date.now(), mebibytes: server.mebibytes });
  }, INTERVAL_MS);
  const running = await startSources(server.port, queriesPath, {
    ...{ mode: { rate }, sources: subscriberCount },
    ...{ seconds: RUN_SECONDS_MAX, intervalMs: INTERVAL_MS },
  });
  try {
    await pause(calmMs);
    const changedMs = Date.now();
    await change();
    const inForceMs = Date.now();
    await pause(calmMs);
    running.stop();
    const run = await running.done;
    checkAnswers(run.report);
    const spanOf = { fromMs: changedMs, toMs: inForceMs };
    return { ...run.report, ...phasesOf(loaded, run, memory, spanOf) };
  } finally {
    clearInterval(timer);
    running.stop();
  }
}

function phasesOf(
  { server }: LoadedServer,
  run: SourcesRun,
  memory: readonly MemorySample[],
  { fromMs, toMs }: Span,
): Phases {
  const samples = server.threadSamples();
  const phase = (span: Span): Phase => {
    const intervals = run.intervals.filter(
      ({ startMs }) => startMs + INTERVAL_MS > span.fromMs && startMs < span.toMs,
    );
    const isIn = ({ atMs }: { readonly atMs: number }): boolean =>
      atMs >= span.fromMs && atMs < span.toMs + INTERVAL_MS * 2;
    const ofWorkers = samples.filter((one) => one.thread !== 'main' && isIn(one));
    const sum = (figure: 'runMs' | 'waitMs'): number =>
      ofWorkers.reduce((total, one) => total + (one[figure] ?? 0), 0);
    return {
      seconds: (span.toMs - span.fromMs) / 1000,
      p50us: percentileUs(intervals, 0.5),
      p99us: percentileUs(intervals, 0.99),
      usMax: Math.max(...intervals.map(({ maxus }) => maxus)),
      lateUsMax: Math.max(...intervals.map(({ lateus }) => lateus)),
      workerLagMsMax: Math.max(...ofWorkers.map(({ lagMs = 0 }) => lagMs)),
      workerWaitShare: sum('waitMs') / (sum('runMs') + sum('waitMs')),
      mebibytesMax: Math.max(...memory.filter(isIn).map(({ mebibytes }) => mebibytes)),
    };
  };
  const startMs = run.intervals[0]?.startMs ?? fromMs;
  return {
    // Neither the load's own start, nor an interval in which the change begins or ends.
    before: phase({ fromMs: startMs + INTERVAL_MS, toMs: fromMs - INTERVAL_MS }),
    during: phase({ fromMs, toMs }),
    swap: phase({ fromMs: Math.max(fromMs, toMs - SWAP_MS), toMs }),
    after: phase({ fromMs: toMs + INTERVAL_MS, toMs: toMs + calmMs - INTERVAL_MS }),
  };
}

function summarise(done: readonly Round[]): Summary {
  const sum = (figure: 'sent' | 'lost' | 'dropped' | 'skipped'): number =>
    done.reduce((total, round) => total + round[figure], 0);
  const phase = (name: keyof Phases): Phase => phaseOf(done.map((round) => round[name]));
  return {
    ...{ sent: sum('sent'), lost: sum('lost'), dropped: sum('dropped'), skipped: sum('skipped') },
    ...{ before: phase('before'), during: phase('during') },
    ...{ swap: phase('swap'), after: phase('after') },
    mebibytesOverRounds: {
      first: done[0]?.before.mebibytesMax ?? Number.NaN,
      last: done.at(-1)?.after.mebibytesMax ?? Number.NaN,
    },
  };
}

function phaseOf(phases: readonly Phase[]): Phase {
  const of = (figure: keyof Phase): readonly number[] => phases.map((phase) => phase[figure]);
  const worst = (figure: keyof Phase): number => Math.max(...of(figure));
  return {
    seconds: median(of('seconds')),
    p50us: median(of('p50us')),
    p99us: median(of('p99us')),
    usMax: worst('usMax'),
    lateUsMax: worst('lateUsMax'),
    workerLagMsMax: worst('workerLagMsMax'),
    workerWaitShare: median(of('workerWaitShare')),
    mebibytesMax: worst('mebibytesMax'),
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
