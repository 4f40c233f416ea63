/**
 * The whole server beside its peers: all are started once and stay, idle, while one after the other is
 * measured, mix by mix and round by round in alternating order, so that all see the same neighbours.
 */

import { messageOf } from '../../src/lib/errors.ts';
import { compileProgram } from './c-program.ts';
import { lineup, OURS, SERVER_NAMES } from './lineup.ts';
import { privateMebibytes, residentMebibytes } from './processes.ts';
import type { Comparison, ListUpdate, Missing, Run, ServerFacts } from './results.ts';
import { runListUpdateOnce } from './list-update.ts';
import { runLoad } from './run-load.ts';
import { runAtRateOnce, runFloodOnce, runPeakOnce } from './run-once.ts';
import type { BenchServer } from './servers.ts';
import { isCompilerFound } from './sources.ts';
import { medianOf } from './statistics.ts';
import { MIXES, type Mix, type Workload } from './workload.ts';
import { ECHO, startEcho } from './yardsticks.ts';

/** The mix that latency and the fixed rate are measured with. */
const MAIN_MIX: Mix = 'mixed';
/** Below the peak of all but the slowest. */
const FIXED_QUERIES_PER_SECOND = 30_000;

export const COMPARED_NAMES = [...SERVER_NAMES, ECHO];

export interface ComparisonPlan {
  readonly rounds: number;
  readonly seconds: number;
  /** Names of servers. */
  readonly only: readonly string[];
}

/** Runs everything; a server that fails is missing from there on, with the reason. */
export async function compare(
  folder: string,
  workload: Workload,
  upstreamPort: number,
  plan: ComparisonPlan,
): Promise<Comparison> {
  const comparison = new RunningComparison(folder, workload, plan);
  try {
    await comparison.startAll(upstreamPort);
    for (const mix of MIXES) await comparison.runMix(mix);
    comparison.noteFacts();
    await comparison.runListUpdates();
    return comparison.result();
  } finally {
    await comparison.stopAll();
  }
}

class RunningComparison {
  readonly #folder: string;
  readonly #workload: Workload;
  readonly #plan: ComparisonPlan;
  readonly #servers = new Map<string, BenchServer>();
  /** The list, with the names that updates have brought. */
  readonly #names: string[];
  readonly #missing: Missing[] = [];
  readonly #runs: Run[] = [];
  readonly #updates: ListUpdate[] = [];
  #facts: readonly ServerFacts[] = [];

  constructor(folder: string, workload: Workload, plan: ComparisonPlan) {
    this.#folder = folder;
    this.#workload = workload;
    this.#names = [...workload.names];
    this.#plan = plan;
  }

  /** One after the other: the time to the first answer is one of the figures. */
  async startAll(upstreamPort: number): Promise<void> {
    for (const { name, start } of lineup(this.#folder, this.#workload, upstreamPort)) {
      if (!this.#isWanted(name)) continue;
      await this.#orMissing(name, async () => {
        const server = await start();
        this.#servers.set(name, server);
        // Fills the cache.
        await runLoad(server.port, this.#workload.warmUpPath, 'once');
        console.log(`${name} ${server.version} runs`);
      });
    }
  }

  /** The echo answers with as many octets as we do on average, so it is another one in each mix. */
  async runMix(mix: Mix): Promise<void> {
    const path = this.#workload.queryPaths[mix];
    let octets = 0;
    for (const { name, port } of this.#servers.values()) {
      // Each server's code is optimised for the mix, and its predictors know it.
      const report = await runLoad(port, path, this.#plan.seconds / 2);
      if (name === OURS) octets = Math.round(report.responseOctets);
    }
    if (this.#isWanted(ECHO)) await this.#startEcho(octets);
    for (let round = 0; round < this.#plan.rounds; round++) {
      const servers = [...this.#servers.values()];
      for (const server of round % 2 === 0 ? servers : servers.toReversed()) {
        await this.#orMissing(server.name, () => this.#runRound(server, mix, round));
      }
      console.log(`${mix}: round ${round + 1} of ${this.#plan.rounds}`);
    }
    await this.#servers.get(ECHO)?.stop();
    this.#servers.delete(ECHO);
  }

  async #startEcho(octets: number): Promise<void> {
    await this.#orMissing(ECHO, async () => {
      const program = compileProgram('echo', this.#folder);
      this.#servers.set(ECHO, await startEcho(program, octets));
    });
  }

  #isWanted(name: string): boolean {
    return this.#plan.only.includes(name);
  }

  async #runRound(server: BenchServer, mix: Mix, round: number): Promise<void> {
    const path = this.#workload.queryPaths[mix];
    const plan = { mix, path, round, seconds: this.#plan.seconds };
    const peak = await runPeakOnce(server, plan);
    this.#runs.push(peak);
    if (!isCompilerFound) return;
    this.#runs.push(await runFloodOnce(server, plan));
    if (mix !== MAIN_MIX) return;
    const { queriesPerSecond } = peak;
    this.#runs.push(await runAtRateOnce(server, plan, 'half', queriesPerSecond / 2));
    if (queriesPerSecond < FIXED_QUERIES_PER_SECOND) return;
    this.#runs.push(await runAtRateOnce(server, plan, 'fixed', FIXED_QUERIES_PER_SECOND));
  }

  /** Of the servers as the mixes leave them. */
  noteFacts(): void {
    this.#facts = [...this.#servers.values()].map(({ name, version, startMs, pid }) => ({
      ...{ server: name, version, startMs },
      residentMebibytes: residentMebibytes(pid),
      privateMebibytes: privateMebibytes(pid),
    }));
  }

  /** One after the other: the list grows by a name with each. */
  async runListUpdates(): Promise<void> {
    if (!isCompilerFound) return;
    for (let round = 0; round < this.#plan.rounds; round++) {
      for (const server of [...this.#servers.values()]) {
        await this.#orMissing(server.name, () => this.#updateList(server, round));
      }
      console.log(`list updates: round ${round + 1} of ${this.#plan.rounds}`);
    }
  }

  async #updateList(server: BenchServer, round: number): Promise<void> {
    const { prepareListUpdate } = server;
    const peaks = this.#runs.filter(
      (run) => run.server === server.name && run.mix === MAIN_MIX && run.offer === 'full',
    );
    if (prepareListUpdate === null || peaks.length === 0) return;
    const newName = `${server.name}-${round}.updated.example.org`;
    this.#names.push(newName);
    const update = await runListUpdateOnce(server, prepareListUpdate, {
      ...{ round, newName, names: this.#names, queriesPath: this.#workload.queryPaths[MAIN_MIX] },
      queriesPerSecond: Math.round(medianOf(peaks, (run) => run.queriesPerSecond) / 2),
    });
    this.#updates.push(update);
  }

  result(): Comparison {
    return {
      nameCount: this.#workload.names.length,
      fixedQueriesPerSecond: FIXED_QUERIES_PER_SECOND,
      servers: this.#facts,
      missing: this.#missing,
      runs: this.#runs,
      updates: this.#updates,
    };
  }

  async stopAll(): Promise<void> {
    for (const server of this.#servers.values()) await server.stop();
  }

  async #orMissing(server: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const reason = messageOf(error);
      this.#missing.push({ server, reason });
      console.log(`${server} is missing: ${reason}`);
      await this.#servers.get(server)?.stop();
      this.#servers.delete(server);
    }
  }
}
