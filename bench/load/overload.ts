/**
 * More queries than can be answered: what becomes of the answers, of the control plane, of memory,
 * and of the latency afterwards. `node dist-bench/bench/load/overload.js`, from the root of the project.
 *
 *     --names 1000000   --rounds 5   --seconds 3   of each run   --cores one,both
 *     --out dist-bench/results/overload.json
 *     --smoke           a few seconds: does it work? Its figures mean nothing.
 *
 * It finds the peak in a closed loop, then offers multiples of it in an open loop, which sends at its
 * rate whatever comes back. Meanwhile the API is asked every 100 ms and written to every second,
 * and control messages are timed.
 * The result is a table, and an `OverloadResult` in the file.
 */

import { mkdirSync, writeFileSync } from 'node:fs';
import { loadavg } from 'node:os';
import { dirname } from 'node:path';
import { median } from '../measure.ts';
import { CORES, type ControlledServer, type Cores } from './controlled-server.ts';
import {
  checkAnswers,
  measurePeak,
  withLoadedServer,
  type LoadedServer,
  type Scene,
} from './loaded-server.ts';
import {
  overloadTable,
  type CalmRow,
  type Delays,
  type OverloadResult,
  type OverloadRow,
  type OverloadSetting,
} from './overload-report.ts';
import { BenchOptions } from './options.ts';
import { runSources, type SourcesReport } from './sources.ts';

const FACTORS = [1, 1.5, 2, 3];
const SOURCES = 10_000;
const PROBE_EVERY_MS = 100;
/** A write compiles and publishes: ten a second would be a load of their own. */
const WRITE_EVERY_MS = 1000;

type Round = Pick<OverloadSetting, 'before' | 'rows' | 'after'>;

const options = new BenchOptions(
  `npm run bench:load -- overload [--names N] [--rounds N] [--seconds S] [--cores ${CORES.join(',')}] [--out FILE] [--smoke]`,
  {
    names: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '3' },
    cores: { type: 'string' },
    smoke: { type: 'boolean' },
    out: { type: 'string', default: 'dist-bench/results/overload.json' },
  },
);
const isSmoke = options.is('smoke');
const nameCount = isSmoke ? 2000 : options.amount('names');
const rounds = isSmoke ? 1 : options.amount('rounds');
const seconds = isSmoke ? 0.5 : options.amount('seconds');
const workers = 1;

const [loadAverage = 0] = loadavg();
const settings: OverloadSetting[] = [];
for (const cores of options.words('cores', CORES)) settings.push(await measure(cores));
const result: OverloadResult = {
  at: new Date().toISOString(),
  ...{ nameCount, sources: SOURCES, workers, rounds, loadAverage, settings },
};
const out = options.text('out');
mkdirSync(dirname(out), { recursive: true });
writeFileSync(out, `${JSON.stringify(result, null, 2)}\n`);
console.log(overloadTable(result));

async function measure(cores: Cores): Promise<OverloadSetting> {
  const subscriber = { id: 'bench', plan: 'bench', addresses: ['127.0.0.0/9'] };
  const document = { plans: [{ id: 'bench', block: ['adult'] }], subscribers: [subscriber] };
  const scene = { nameCount, sources: SOURCES, workers, cores, seconds, document };
  return withLoadedServer(scene, async (loaded) => {
    const { peak, cpuMicroseconds } = await measurePeak(scene, loaded);
    const done: Round[] = [];
    for (let round = 0; round < rounds; round++) done.push(await runRound(scene, loaded, peak));
    return { cores, peak, cpuMicroseconds, ...summarise(done) };
  });
}

async function runRound(scene: Scene, loaded: LoadedServer, peak: number): Promise<Round> {
  const before = await runCalm(scene, loaded, peak);
  const rows: OverloadRow[] = [];
  for (const factor of FACTORS) rows.push(await runOverloaded(scene, loaded, peak, factor));
  return { before, rows, after: await runCalm(scene, loaded, peak) };
}

async function runCalm(scene: Scene, loaded: LoadedServer, peak: number): Promise<CalmRow> {
  const { p50us, p99us, lost } = await runAt(peak / 2, scene, loaded);
  return { p50us, p99us, lost, mebibytes: loaded.server.mebibytes };
}

async function runOverloaded(
  scene: Scene,
  loaded: LoadedServer,
  peak: number,
  factor: number,
): Promise<OverloadRow> {
  const { server } = loaded;
  const startMs = Date.now();
  const before = await server.queryCount();
  const probes = startProbes(server);
  const report = await runAt(peak * factor, scene, loaded);
  const served = (await server.queryCount()) - before;
  const { mebibytesMax, health, status, write } = await probes.stop();
  const samples = server.threadSamples().filter(({ atMs }) => atMs >= startMs);
  const ofWorker = samples.filter(({ thread }) => thread === 'worker-0');
  const run = ofWorker.reduce((sum, { runMs = 0 }) => sum + runMs, 0);
  return {
    factor,
    offered: report.sent / report.seconds,
    served: served / report.seconds,
    goodput: report.answered / report.seconds,
    workerMicroseconds: (run * 1000) / served,
    p50us: report.p50us,
    p99us: report.p99us,
    ...{ mebibytesMax, health, status, write },
    pong: delaysOf(ofWorker.flatMap(({ pongMs }) => (pongMs === undefined ? [] : [pongMs]))),
    workerLagMsMax: Math.max(...ofWorker.map(({ lagMs = 0 }) => lagMs)),
  };
}

async function runAt(rate: number, scene: Scene, loaded: LoadedServer): Promise<SourcesReport> {
  const shape = { mode: { rate }, sources: scene.sources, seconds: scene.seconds };
  const { report } = await runSources(loaded.server.port, loaded.queriesPath, shape);
  checkAnswers(report);
  return report;
}

/** Asks the control plane again and again, each thing once at a time, until it is stopped. */
function startProbes(server: ControlledServer): {
  stop(): Promise<Pick<OverloadRow, 'mebibytesMax' | 'health' | 'status' | 'write'>>;
} {
  let mebibytesMax = 0;
  let writes = 0;
  const health = repeat(PROBE_EVERY_MS, () => server.ask('GET', '/healthz'));
  const status = repeat(PROBE_EVERY_MS, () => {
    mebibytesMax = Math.max(mebibytesMax, server.mebibytes);
    return server.ask('GET', '/api/v1/status');
  });
  const write = repeat(WRITE_EVERY_MS, () => {
    const plan = { block: ['adult'], title: `Write ${++writes}` };
    return server.ask('PUT', '/api/v1/plans/bench?wait=true', plan);
  });
  return {
    stop: async () => ({
      health: await health(),
      status: await status(),
      write: await write(),
      mebibytesMax,
    }),
  };
}

/** @returns ends it after what is under way, and says how long all took */
function repeat(everyMs: number, work: () => Promise<unknown>): () => Promise<Delays> {
  const delays: number[] = [];
  let failed = 0;
  let running: Promise<void> | null = null;
  const timer = setInterval(begin, everyMs);
  begin();
  return async () => {
    clearInterval(timer);
    await running;
    return delaysOf(delays, failed);
  };

  function begin(): void {
    if (running !== null) return;
    const startMs = performance.now();
    running = work()
      .then(
        () => void delays.push(performance.now() - startMs),
        () => {
          failed++;
        },
      )
      .then(() => {
        running = null;
      });
  }
}

function delaysOf(delays: readonly number[], failed = 0): Delays {
  const count = delays.length;
  return { count, failed, medianMs: median(delays), maxMs: Math.max(...delays) };
}

function summarise(done: readonly Round[]): Round {
  const rowsAt = (index: number): OverloadRow[] => done.flatMap(({ rows }) => rows[index] ?? []);
  return {
    before: calmOf(done.map(({ before }) => before)),
    rows: FACTORS.map((factor, index) => overloadedOf(factor, rowsAt(index))),
    after: calmOf(done.map(({ after }) => after)),
  };
}

function calmOf(rows: readonly CalmRow[]): CalmRow {
  return {
    p50us: median(rows.map(({ p50us }) => p50us)),
    p99us: median(rows.map(({ p99us }) => p99us)),
    lost: median(rows.map(({ lost }) => lost)),
    mebibytes: median(rows.map(({ mebibytes }) => mebibytes)),
  };
}

function overloadedOf(factor: number, rows: readonly OverloadRow[]): OverloadRow {
  const of = (
    figure: 'offered' | 'served' | 'goodput' | 'workerMicroseconds' | 'p50us' | 'p99us',
  ): number => median(rows.map((row) => row[figure]));
  const together = (what: 'health' | 'status' | 'write' | 'pong'): Delays => ({
    count: rows.reduce((sum, row) => sum + row[what].count, 0),
    failed: rows.reduce((sum, row) => sum + row[what].failed, 0),
    medianMs: median(rows.map((row) => row[what].medianMs)),
    maxMs: Math.max(...rows.map((row) => row[what].maxMs)),
  });
  return {
    factor,
    ...{
      offered: of('offered'),
      served: of('served'),
      goodput: of('goodput'),
      workerMicroseconds: of('workerMicroseconds'),
    },
    ...{ p50us: of('p50us'), p99us: of('p99us') },
    mebibytesMax: Math.max(...rows.map(({ mebibytesMax }) => mebibytesMax)),
    ...{ health: together('health'), status: together('status'), write: together('write') },
    pong: together('pong'),
    workerLagMsMax: Math.max(...rows.map(({ workerLagMsMax }) => workerLagMsMax)),
  };
}
