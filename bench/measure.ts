/**
 * What every bench prints: CPU time and octets allocated an operation. CPU time of the process, not
 * wall time, since the machine is shared; octets are the growth of the heap, so a run must be short
 * enough that no collection falls into it, and any allocation shows.
 */

/** Operations before the figures are taken: the code is optimised by then. */
const WARM_UP_OPERATIONS = 2_000_000;
const MEASURED_OPERATIONS = 1_000_000;
const RUNS = 5;

/**
 * Prints the median of five runs.
 * @param perRound operations that one call of `round` makes
 */
export function measure(title: string, perRound: number, round: () => void): void {
  for (let done = 0; done < WARM_UP_OPERATIONS; done += perRound) round();
  const nanoseconds: number[] = [];
  const octets: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const heap = process.memoryUsage().heapUsed;
    const start = process.cpuUsage();
    let done = 0;
    for (; done < MEASURED_OPERATIONS; done += perRound) round();
    nanoseconds.push((process.cpuUsage(start).user * 1000) / done);
    octets.push((process.memoryUsage().heapUsed - heap) / done);
  }
  print(title, `${median(nanoseconds).toFixed(0)} ns`, `${median(octets).toFixed(2)} octets`);
}

/** One line of the report, columns aligned. */
export function print(title: string, ...figures: readonly string[]): void {
  console.log(`  ${title.padEnd(46)}${figures.map((figure) => figure.padStart(16)).join('')}`);
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
