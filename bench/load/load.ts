/**
 * `npm run bench:load`: the whole server beside a resolver made of dns2, on one machine, with the same
 * names, the same upstream and the same queries. The servers take turns, mix by mix and round by
 * round, so that both see the same neighbours; CPU time and the ratio are what to look at.
 *
 *     --names 100000,1000000   list lengths    --rounds 3    --seconds 4   of each run
 *     --smoke                  a few seconds: does it work? Its figures mean nothing.
 */

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuMs, isPinned, LOAD_CORE, residentMebibytes, startScript, stop } from './processes.ts';
import { generatorName, runLoad, type LoadReport } from './run-load.ts';
import { startBaseline, startStairgate, type BenchServer } from './servers.ts';
import { printHead, printRows, type Run } from './table.ts';
import { MIXES, writeWorkload, type Mix, type Workload } from './workload.ts';

interface Length {
  readonly nameCounts: readonly number[];
  readonly rounds: number;
  readonly seconds: number;
}

const SMOKE: Length = { nameCounts: [2000], rounds: 1, seconds: 0.5 };
/** What the mix must be answered with: all NXDOMAIN, all NOERROR, or both. */
const NXDOMAIN_SHARE: Readonly<Record<Mix, number>> = { blocked: 1, cached: 0, mixed: 0.2 };

const length = readLength();
const pinning = isPinned ? 'server and load each on a core of its own' : 'not pinned';
console.log(`load: ${generatorName === 'own' ? 'own generator' : generatorName}; ${pinning}`);
printHead();
for (const nameCount of length.nameCounts) printRows(nameCount, await compare(nameCount));

/** All rounds with one list. */
async function compare(nameCount: number): Promise<Run[]> {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-bench-'));
  const workload = writeWorkload(folder, nameCount);
  const upstream = await startScript(LOAD_CORE, 'upstream.js');
  const { port } = upstream.message as { readonly port: number };
  const servers: BenchServer[] = [];
  try {
    servers.push(await startStairgate(folder, workload.listPath, port));
    servers.push(await startBaseline(workload.listPath, port));
    for (const server of servers) await warmUp(server, workload);
    return await runRounds(servers, workload);
  } finally {
    for (const server of servers) await server.stop();
    await stop(upstream.child);
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Fills the caches, then lets both servers' code be optimised for each mix. */
async function warmUp(server: BenchServer, workload: Workload): Promise<void> {
  await runLoad(server.port, workload.warmUpPath, 'once');
  for (const mix of MIXES) await runLoad(server.port, workload.queryPaths[mix], length.seconds / 2);
}

async function runRounds(servers: readonly BenchServer[], workload: Workload): Promise<Run[]> {
  const runs: Run[] = [];
  for (let round = 0; round < length.rounds; round++) {
    for (const mix of MIXES) {
      for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
        runs.push(await runOnce(server, mix, workload.queryPaths[mix]));
      }
    }
  }
  return runs;
}

async function runOnce(server: BenchServer, mix: Mix, path: string): Promise<Run> {
  const before = cpuMs(server.pid);
  const report = await runLoad(server.port, path, length.seconds);
  const cpu = cpuMs(server.pid) - before;
  checkAnswers(server, mix, report);
  return {
    server: server.name,
    mix,
    queriesPerSecond: report.answered / report.seconds,
    cpuMicroseconds: (cpu * 1000) / report.answered,
    mebibytes: residentMebibytes(server.pid),
  };
}

/** A figure for wrong answers means nothing. */
function checkAnswers(server: BenchServer, mix: Mix, { answered, lost, rcodes }: LoadReport): void {
  const { 0: passed = 0, 3: blocked = 0 } = rcodes;
  const share = blocked / answered;
  const isRight = passed + blocked === answered && Math.abs(share - NXDOMAIN_SHARE[mix]) < 0.02;
  if (answered > 0 && isRight && lost <= answered / 100) return;
  const what = `${answered} answers, ${lost} lost, rcodes ${JSON.stringify(rcodes)}`;
  throw new Error(`${server.name}, ${mix}: not what was to be answered: ${what}`);
}

function readLength(): Length {
  const { values } = parseArgs({
    options: {
      names: { type: 'string', default: '100000,1000000' },
      rounds: { type: 'string', default: '3' },
      seconds: { type: 'string', default: '4' },
      smoke: { type: 'boolean', default: false },
    },
  });
  if (values.smoke) return SMOKE;
  return {
    nameCounts: values.names.split(',').map(Number),
    rounds: Number(values.rounds),
    seconds: Number(values.seconds),
  };
}
