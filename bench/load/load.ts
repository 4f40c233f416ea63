/**
 * `npm run bench:load`: the whole server beside its peers, on one machine, with the same names, the
 * same upstream and the same queries. CPU time and the ratios are what to look at.
 *
 *     --names 1000000    length of the list    --rounds 5    --seconds 1.5   of each run
 *     --only a,b         servers by name: stairgate, stairgate-dgram, unbound-local, …, dns2, echo
 *     --parts comparison,growth,allocation    what to measure
 *     --write            docs/performance.md and its plot, too
 *     --page             only that, from the results of the last run
 *     --smoke            a few seconds: does it work? Its figures mean nothing.
 */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { compare } from './comparison.ts';
import { measureGrowth } from './growth.ts';
import { readMachine } from './machine.ts';
import { isPinned, LOAD_CORE, pinSelf } from './processes.ts';
import { loadResults, saveResults, tablesOf, writePage } from './report.ts';
import type { Comparison, GrowthCurve, Results } from './results.ts';
import { generatorName } from './run-load.ts';
import { isCompilerFound } from './sources.ts';
import { startUpstream } from './upstream-server.ts';
import { writeWorkload } from './workload.ts';

const ALLOCATION_BENCH = 'dist-bench/bench/resolver/resolve-query.bench.js';
const GROWTH_NAMES = 100_000;
const NAME_COUNTS = [10_000, 100_000, 1_000_000, 5_000_000];
const SUBSCRIBER_COUNTS = [1, 10_000, 100_000, 1_000_000];

const { values: flags } = parseArgs({
  options: {
    names: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
    only: { type: 'string' },
    parts: { type: 'string', default: 'comparison,growth,allocation' },
    write: { type: 'boolean', default: false },
    page: { type: 'boolean', default: false },
    smoke: { type: 'boolean', default: false },
  },
});
const parts = flags.smoke ? ['comparison', 'growth'] : flags.parts.split(',');
const rounds = flags.smoke ? 1 : Number(flags.rounds);
const seconds = flags.smoke ? 0.1 : Number(flags.seconds);

if (flags.page) {
  await writePage(loadResults());
} else {
  const results = await measureAll();
  console.log(`\n${tablesOf(results)}`);
  if (!flags.smoke) saveResults(results);
  if (flags.write) await writePage(results);
}

async function measureAll(): Promise<Results> {
  const pinning = isPinned ? 'server and load each on a core of its own' : 'not pinned';
  console.log(`load: ${generatorName}; ${pinning}`);
  // The bench itself must not take from the server.
  pinSelf(LOAD_CORE);
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-bench-'));
  process.on('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  const upstream = await startUpstream(folder);
  try {
    return {
      machine: readMachine(upstream.name),
      rounds,
      seconds,
      comparison: await measureComparison(folder, upstream.port),
      growth: await measureCurves(folder, upstream.port),
      isAllocationFree: checkAllocation(),
    };
  } finally {
    await upstream.stop();
  }
}

async function measureComparison(folder: string, upstreamPort: number): Promise<Comparison> {
  const workload = writeWorkload(folder, flags.smoke ? 2000 : Number(flags.names));
  const only = parts.includes('comparison') ? (flags.only?.split(',') ?? null) : [];
  return compare(folder, workload, upstreamPort, { rounds, seconds, only });
}

async function measureCurves(folder: string, upstreamPort: number): Promise<GrowthCurve[]> {
  if (!parts.includes('growth') || !isCompilerFound) return [];
  const sizes = flags.smoke
    ? { names: 2000, nameCounts: [], subscriberCounts: [1000], workerCounts: [] }
    : {
        names: GROWTH_NAMES,
        nameCounts: NAME_COUNTS,
        subscriberCounts: SUBSCRIBER_COUNTS,
        workerCounts: cpus().map((_core, index) => index + 1),
      };
  return measureGrowth(folder, upstreamPort, { ...sizes, rounds, seconds });
}

/** The bench of the query path fails where a query that needs no upstream allocates. */
function checkAllocation(): boolean | null {
  if (!parts.includes('allocation')) return null;
  return spawnSync(process.execPath, [ALLOCATION_BENCH], { stdio: 'ignore' }).status === 0;
}
