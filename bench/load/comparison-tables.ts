/** The tables of the comparison, in Markdown. */

import { OURS, PEER_NAMES } from './lineup.ts';
import { number, table } from './markdown.ts';
import { median } from '../measure.ts';
import type { Comparison, ListUpdate, Missing, Offer, Run } from './results.ts';
import { bestOf, medianOf, ratioOf, runsOf } from './statistics.ts';
import { MIXES, type Mix } from './workload.ts';
import { ECHO } from './yardsticks.ts';

const cpuOf = (run: Run): number => run.cpuMicroseconds;

/** CPU time and queries a second of every server in each mix. */
export function mixTable(comparison: Comparison, offer: Offer): string {
  const rows = serversOf(comparison).map((server) => [
    server,
    ...MIXES.flatMap((mix) => {
      const runs = runsOf(comparison, server, mix, offer);
      return [
        number(medianOf(runs, cpuOf), 2),
        number(
          medianOf(runs, (run) => run.queriesPerSecond),
          0,
        ),
      ];
    }),
  ]);
  const head = MIXES.flatMap((mix) => [`${mix}: CPU µs`, 'queries/s']);
  return table(['server', ...head], rows);
}

/** Us by the echo and by the best peer. */
export function ratioTable(comparison: Comparison): string {
  const row = (mix: Mix, offer: Offer, title: string): string[] => {
    const ours = runsOf(comparison, OURS, mix, offer);
    const best = bestOf(comparison, PEER_NAMES, mix, offer);
    return [
      title,
      number(ratioOf(ours, runsOf(comparison, ECHO, mix, offer)), 2),
      best ?? '–',
      best === null ? '–' : number(ratioOf(ours, runsOf(comparison, best, mix, offer)), 2),
    ];
  };
  const fixed = `mixed, ${number(comparison.fixedQueriesPerSecond, 0)} queries/s`;
  return table(
    ['mix', 'by the echo', 'best peer', 'by the best peer'],
    [
      ...MIXES.map((mix) => row(mix, 'full', mix)),
      ...MIXES.map((mix) => row(mix, 'flood', `${mix}, flood`)),
      row('mixed', 'fixed', fixed),
    ],
  );
}

/** Latency at half of each server's own peak, memory and start. */
export function serverTable(comparison: Comparison): string {
  const rows = serversOf(comparison).map((server) => {
    const half = runsOf(comparison, server, 'mixed', 'half');
    const fixed = runsOf(comparison, server, 'mixed', 'fixed');
    const facts = comparison.servers.find((one) => one.server === server);
    return [
      server,
      facts?.version ?? '',
      number(
        medianOf(half, (run) => run.latency?.p50Us ?? Number.NaN),
        0,
      ),
      number(
        medianOf(half, (run) => run.latency?.p99Us ?? Number.NaN),
        0,
      ),
      number(
        medianOf(half, (run) => run.latency?.p999Us ?? Number.NaN),
        0,
      ),
      number(
        medianOf(half, (run) => run.lostShare * 100),
        1,
      ),
      number(medianOf(fixed, cpuOf), 2),
      number(facts?.residentMebibytes ?? Number.NaN, 0),
      number(facts?.privateMebibytes ?? Number.NaN, 0),
      number((facts?.startMs ?? Number.NaN) / 1000, 2),
      ...updateCells(comparison.updates.filter((one) => one.server === server)),
    ];
  });
  const fixed = `CPU µs at ${number(comparison.fixedQueriesPerSecond, 0)}/s`;
  const latency = ['p50 µs', 'p99 µs', 'p99.9 µs', 'lost %'];
  const memory = ['RSS MiB', 'private MiB', 'start s'];
  const update = ['update s', 'p99 µs in it', 'lost in it %'];
  return table(['server', 'version', ...latency, fixed, ...memory, ...update], rows);
}

function updateCells(updates: readonly ListUpdate[]): string[] {
  return [
    number(median(updates.map((one) => one.seconds)), 1),
    number(median(updates.map((one) => one.p99Us)), 0),
    number(median(updates.map(({ lost, sent }) => (lost / sent) * 100)), 1),
  ];
}

export function missingLines(missing: readonly Missing[]): string {
  if (missing.length === 0) return 'Nothing: all was there and did what it was asked for.\n';
  return missing.map(({ server, reason }) => `- ${server}: ${reason.trim()}\n`).join('');
}

function serversOf({ runs }: Comparison): string[] {
  return [...new Set(runs.map(({ server }) => server))];
}
