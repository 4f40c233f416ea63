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
import { compare, COMPARED_NAMES } from './comparison.ts';
import { measureGrowth } from './growth.ts';
import { readMachine } from './machine.ts';
import { BenchOptions, endWithoutResult } from './options.ts';
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
const HOUSEHOLD_COUNTS = [1, 100_000];

const PARTS = ['comparison', 'growth', 'allocation'] as const;

const options = new BenchOptions(
  `npm run bench:load -- [--names N] [--rounds N] [--seconds S] [--only SERVER,…] [--parts ${PARTS.join(',')}] [--write] [--page] [--smoke]; other benches: npm run bench:load -- disturbance | overload | sessions`,
  {
    names: { type: 'string', default: '1000000' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '1.5' },
    only: { type: 'string' },
    parts: { type: 'string' },
    write: { type: 'boolean' },
    page: { type: 'boolean' },
    smoke: { type: 'boolean' },
  },
);
const isSmoke = options.is('smoke');
const parts = isSmoke ? ['comparison', 'growth'] : options.words('parts', PARTS);
const rounds = isSmoke ? 1 : options.amount('rounds');
const seconds = isSmoke ? 0.1 : options.amount('seconds');
const nameCount = isSmoke ? 2000 : options.amount('names');
const servers = options.words('only', COMPARED_NAMES);

if (options.is('page')) {
  await writePage(loadResults() ?? options.fail('There are no results yet'));
} else {
  const results = await measureAll();
  console.log(`\n${tablesOf(results)}`);
  if (!isAnythingMeasured(results)) endWithoutResult();
  if (!isSmoke) saveResults(results);
  if (options.is('write')) await writePage(results);
}

function isAnythingMeasured({ comparison, growth, isAllocationFree }: Results): boolean {
  const hasPoints = growth.some(({ points }) => points.length > 0);
  return comparison.runs.length > 0 || hasPoints || isAllocationFree !== null;
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
  const workload = writeWorkload(folder, nameCount);
  const only = parts.includes('comparison') ? servers : [];
  return compare(folder, workload, upstreamPort, { rounds, seconds, only });
}

async function measureCurves(folder: string, upstreamPort: number): Promise<GrowthCurve[]> {
  if (!parts.includes('growth') || !isCompilerFound) return [];
  const sizes = isSmoke
    ? {
        names: 2000,
        nameCounts: [],
        subscriberCounts: [1000],
        householdCounts: [100],
        workerCounts: [],
      }
    : {
        names: GROWTH_NAMES,
        nameCounts: NAME_COUNTS,
        subscriberCounts: SUBSCRIBER_COUNTS,
        householdCounts: HOUSEHOLD_COUNTS,
        workerCounts: cpus().map((_core, index) => index + 1),
      };
  return measureGrowth(folder, upstreamPort, { ...sizes, rounds, seconds });
}

/** The bench of the query path fails where a query that needs no upstream allocates. */
function checkAllocation(): boolean | null {
  if (!parts.includes('allocation')) return null;
  return spawnSync(process.execPath, [ALLOCATION_BENCH], { stdio: 'ignore' }).status === 0;
}
