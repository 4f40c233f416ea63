/** The one table of the load bench: medians over the rounds, and how the two servers compare. */

import { median } from '../measure.ts';
import { MIXES, type Mix } from './workload.ts';

export interface Run {
  readonly server: string;
  readonly mix: Mix;
  readonly queriesPerSecond: number;
  /** CPU time of the whole server process, user and system, divided by its answers. */
  readonly cpuMicroseconds: number;
  readonly mebibytes: number;
}

type Figure = 'queriesPerSecond' | 'cpuMicroseconds' | 'mebibytes';

const WIDTHS = [12, 10, 12, 14, 18, 12];

export function printHead(): void {
  printRow('names', 'mix', 'server', 'queries/s', 'CPU µs a query', 'RSS MiB');
}

export function printRows(nameCount: number, runs: readonly Run[]): void {
  const names = nameCount.toLocaleString('en');
  for (const mix of MIXES) {
    const ofMix = runs.filter((run) => run.mix === mix);
    const servers = [...new Set(ofMix.map((run) => run.server))].toSorted().toReversed();
    const [ours, baseline] = servers.map((server) => {
      const figures = figuresOf(ofMix.filter((run) => run.server === server));
      const [rate, cpu, memory] = figures;
      printRow(names, mix, server, rate.toFixed(0), cpu.toFixed(1), memory.toFixed(0));
      return figures;
    });
    if (ours === undefined || baseline === undefined) continue;
    const [rate = '', cpu = '', memory = ''] = ours.map((figure, index) =>
      ratio(figure, baseline[index] ?? Number.NaN),
    );
    printRow(names, mix, 'ratio', rate, cpu, memory);
  }
}

function figuresOf(runs: readonly Run[]): [number, number, number] {
  const of = (figure: Figure): number => median(runs.map((run) => run[figure]));
  return [of('queriesPerSecond'), of('cpuMicroseconds'), of('mebibytes')];
}

function ratio(a: number, b: number): string {
  return `${(a / b).toFixed(2)} ×`;
}

function printRow(...cells: readonly string[]): void {
  const padded = cells.map((cell, index) => {
    const width = WIDTHS[index] ?? 0;
    return index < 3 ? cell.padEnd(width) : cell.padStart(width);
  });
  console.log(padded.join('').trimEnd());
}
