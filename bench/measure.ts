/**
 * What every bench prints: CPU time and octets allocated an operation. CPU time of the process, not
 * wall time, since the machine is shared. Octets are the growth of the heap plus what collections
 * took back meanwhile: growth alone says 0 for anything that makes short-lived garbage, once a
 * collection falls into the run.
 */

import { GCProfiler } from 'node:v8';

/** Enough to see what allocates; its times mean nothing. */
const isSmoke = process.argv.includes('--smoke');
/** Operations before the figures are taken: the code is optimised by then. */
const WARM_UP_OPERATIONS = isSmoke ? 300_000 : 2_000_000;
const MEASURED_OPERATIONS = isSmoke ? 300_000 : 1_000_000;
const RUNS = isSmoke ? 1 : 5;
/**
 * A boxed number is 16 octets: one in a hundred operations already shows. In a short run what the engine itself
 * allocates once weighs more, so there it is one in ten.
 */
const OCTETS_NOTICED = isSmoke ? 1 : 0.1;

/**
 * Prints the median CPU time of five runs, and the octets of all of them together.
 * @param perRound operations that one call of `round` makes
 * @returns octets allocated an operation
 */
export function measure(title: string, perRound: number, round: () => void): number {
  for (let done = 0; done < WARM_UP_OPERATIONS; done += perRound) round();
  const nanoseconds: number[] = [];
  let operations = 0;
  const countOctets = startCountingOctets();
  for (let run = 0; run < RUNS; run++) {
    nanoseconds.push(nanosecondsOf(perRound, round));
    operations += MEASURED_OPERATIONS;
  }
  const octets = countOctets() / operations;
  print(title, `${median(nanoseconds).toFixed(0)} ns`, `${octets.toFixed(2)} octets`);
  return octets;
}

/** The same for code that may not allocate: where it does, the bench fails in the end. */
export function measureInPlace(title: string, perRound: number, round: () => void): void {
  failWhereNoticed(title, measure(title, perRound, round));
}

/**
 * For batches in place: `fill` prepares `perRound` operations and `work` makes them. Prints what `work`
 * costs, which is both together less `fill` alone; neither may allocate.
 * @param octetsMax an operation, where some may for once
 */
export function measureBatch(
  title: string,
  perRound: number,
  fill: () => void,
  work: () => void,
  octetsMax = OCTETS_NOTICED,
): void {
  const round = (): void => {
    fill();
    work();
  };
  for (let done = 0; done < WARM_UP_OPERATIONS; done += perRound) round();
  const nanoseconds: number[] = [];
  const countOctets = startCountingOctets();
  let operations = 0;
  for (let run = 0; run < RUNS; run++) {
    const both = nanosecondsOf(perRound, round);
    nanoseconds.push(both - nanosecondsOf(perRound, fill));
    operations += MEASURED_OPERATIONS;
  }
  const octets = countOctets() / operations;
  print(title, `${median(nanoseconds).toFixed(0)} ns`, `${octets.toFixed(2)} octets`);
  failWhereNoticed(title, octets, octetsMax);
}

/** One line of the report, columns aligned. */
export function print(title: string, ...figures: readonly string[]): void {
  console.log(`  ${title.padEnd(46)}${figures.map((figure) => figure.padStart(16)).join('')}`);
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** CPU time of one operation. */
function nanosecondsOf(perRound: number, round: () => void): number {
  const start = process.cpuUsage();
  let done = 0;
  for (; done < MEASURED_OPERATIONS; done += perRound) round();
  return (process.cpuUsage(start).user * 1000) / done;
}

function failWhereNoticed(title: string, octets: number, octetsMax = OCTETS_NOTICED): void {
  if (octets < octetsMax) return;
  console.log(`  ^ ${title}: must not allocate`);
  process.exitCode = 1;
}

/** From now on; the function returned says how many octets were allocated since. */
function startCountingOctets(): () => number {
  const profiler = new GCProfiler();
  profiler.start();
  const before = process.memoryUsage().heapUsed;
  return () => {
    let octets = process.memoryUsage().heapUsed - before;
    for (const { beforeGC, afterGC } of profiler.stop().statistics) {
      octets += beforeGC.heapStatistics.usedHeapSize - afterGC.heapStatistics.usedHeapSize;
    }
    return octets;
  };
}
