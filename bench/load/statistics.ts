/** What is made of raw runs: medians over the rounds, and ratios taken round by round. */

import { median } from '../measure.ts';
import type { Comparison, Offer, Run } from './results.ts';
import type { Mix } from './workload.ts';

/** The median over the rounds; NaN = nobody measured it. */
export function medianOf(runs: readonly Run[], figure: (run: Run) => number): number {
  return median(runs.map(figure));
}

export function runsOf(
  { runs }: Comparison,
  server: string,
  mix: Mix,
  offer: Offer = 'full',
): readonly Run[] {
  return runs.filter((run) => run.server === server && run.mix === mix && run.offer === offer);
}

/** The median of the ratios of CPU time a query in the rounds that both took part in. */
export function ratioOf(ours: readonly Run[], theirs: readonly Run[]): number {
  const ratios = ours.flatMap((run) => {
    const other = theirs.find(({ round }) => round === run.round);
    return other === undefined ? [] : [run.cpuMicroseconds / other.cpuMicroseconds];
  });
  return median(ratios);
}

/** The peer with the least CPU time a query; null = there is none. */
export function bestOf(
  comparison: Comparison,
  candidates: readonly string[],
  mix: Mix,
  offer: Offer = 'full',
): string | null {
  const measured = candidates
    .map((name) => ({
      name,
      cpu: medianOf(runsOf(comparison, name, mix, offer), (run) => run.cpuMicroseconds),
    }))
    .filter(({ cpu }) => !Number.isNaN(cpu))
    .toSorted((a, b) => a.cpu - b.cpu);
  return measured[0]?.name ?? null;
}
