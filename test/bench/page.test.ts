/** What the page about performance says of raw runs: ratios, targets, and that nothing is made up. */

import { describe, expect, test } from 'vitest';
import type { DisturbanceResult } from '../../bench/load/disturbance-report.ts';
import { figuresTable } from '../../bench/load/figures.ts';
import { plot } from '../../bench/load/plot.ts';
import type { GrowthPoint, Results, Run } from '../../bench/load/results.ts';
import { bestOf, ratioOf } from '../../bench/load/statistics.ts';

const NOTHING: Results = {
  machine: {
    processor: 'a processor',
    cores: 2,
    gibibytes: 4,
    kernel: 'Linux',
    node: 'v20',
    date: '2026-01-01',
    load: 'dnsperf',
    upstream: 'NSD',
  },
  rounds: 3,
  seconds: 1,
  comparison: {
    nameCount: 1_000_000,
    fixedQueriesPerSecond: 30_000,
    servers: [],
    missing: [],
    runs: [],
    updates: [],
  },
  growth: [],
  isAllocationFree: null,
};

/** Runs of one server in the mix `mixed`, one a round. */
function runsWith(server: string, ...cpuMicroseconds: readonly number[]): Run[] {
  return cpuMicroseconds.map((cpu, round) => ({
    server,
    mix: 'mixed',
    offer: 'full',
    round,
    queriesPerSecond: 1e6 / cpu,
    cpuMicroseconds: cpu,
    lostShare: 0,
    latency: null,
  }));
}

function resultsWith(...runs: readonly Run[][]): Results {
  return { ...NOTHING, comparison: { ...NOTHING.comparison, runs: runs.flat() } };
}

function point(size: number, ...cpuMicroseconds: readonly number[]): GrowthPoint {
  return {
    size,
    cpuMicroseconds,
    startMs: 500,
    residentMebibytes: 100,
    privateMebibytes: 50,
    compileMs: 800,
    blocklistOctets: size * 11,
  };
}

describe('ratios', () => {
  test('are taken round by round, so that a neighbour who slows a round down does no harm', () => {
    // The medians alone, 4 and 8, would say 0.5.
    const ours = runsWith('stairgate', 4, 3, 20);
    const theirs = runsWith('unbound-rpz', 8, 4, 25);
    expect(ratioOf(ours, theirs)).toBe(0.75);
  });

  test('leave out rounds that one of the two took no part in', () => {
    expect(ratioOf(runsWith('stairgate', 4, 3, 20), runsWith('bind', 8))).toBe(0.5);
  });

  test('are against the peer with the least CPU time, never against the echo', () => {
    const { comparison } = resultsWith(
      runsWith('echo', 1),
      runsWith('unbound-rpz', 6),
      runsWith('dnsdist', 5),
    );
    expect(bestOf(comparison, ['unbound-rpz', 'dnsdist', 'bind'], 'mixed')).toBe('dnsdist');
    expect(bestOf(comparison, ['bind'], 'mixed')).toBeNull();
  });
});

describe('the table of figures', () => {
  test('says of each whether it is reached', () => {
    const results = resultsWith(
      runsWith('stairgate', 4),
      runsWith('echo', 3),
      runsWith('dnsdist', 5),
    );
    const rows = rowsOf(figuresTable(results, null, null));
    expect(rows.get('CPU a query by that of the echo in C, mixed')).toEqual([
      '≤ 1.4',
      '1.33',
      'reached',
    ]);
    expect(rows.get('CPU a query by that of the best peer, mixed')).toEqual([
      '≤ 0.75',
      '0.80',
      '**not reached**',
    ]);
  });

  test('says so where nothing was measured', () => {
    const rows = rowsOf(figuresTable(NOTHING, null, null));
    expect([...rows.values()].map(([, measured, word]) => [measured, word])).toEqual(
      [...rows.values()].map(() => ['–', 'not measured']),
    );
  });

  test('compares five million names with one million', () => {
    const points = [point(1_000_000, 4, 5), point(5_000_000, 5, 6)];
    const results = { ...NOTHING, growth: [{ of: 'names' as const, points, missing: [] }] };
    const rows = rowsOf(figuresTable(results, null, null));
    const [, ratio, word] = rows.get('CPU a query with 5,000,000 names by that with 1,000,000')!;
    expect([ratio, word]).toEqual(['1.25', '**not reached**']);
    expect(rows.get('octets of the image a name')).toEqual(['≤ 12', '11.0', 'reached']);
  });
});

test('memory after a change is shown with that before it', () => {
  const phase = {
    ...{ seconds: 3, p50us: 60, p99us: 1000, usMax: 2000, lateUsMax: 10 },
    ...{ workerLagMsMax: 1, workerWaitShare: 0, mebibytesMax: 1755 },
  };
  const disturbance: DisturbanceResult = {
    ...{ at: '2026-01-01', nameCount: 1000, subscribers: 1, rounds: 5, loadAverage: 0 },
    rows: [
      {
        ...{ disturbance: 'list', cores: 'both', workers: 1, rate: 1000 },
        ...{ sent: 9000, lost: 0, dropped: 0, skipped: 0 },
        ...{ before: phase, during: phase, swap: phase, after: { ...phase, mebibytesMax: 1930.5 } },
        mebibytesOverRounds: { first: 1000, last: 1930.5 },
      },
    ],
  };
  const rows = rowsOf(figuresTable(NOTHING, disturbance, null));
  const what = 'list update at half of the peak, two cores';
  expect(rows.get(`${what}: MiB after by MiB before`)).toEqual([
    '≤ 1.1',
    '1,931 / 1,755 = 1.10',
    'reached',
  ]);
  // Each round left something: the maxima of the rounds hide it.
  expect(rows.get(`${what}: MiB after the last round by MiB before the first`)).toEqual([
    '≤ 1.1',
    '1,931 / 1,000 = 1.93',
    '**not reached**',
  ]);
});

test('the plot has a bar for each server in each mix that it was measured in', () => {
  const svg = plot(resultsWith(runsWith('stairgate', 4), runsWith('dnsmasq', 40)));
  expect(svg.match(/<rect [^>]*class="mixed"/g)).toHaveLength(3);
  expect(svg).toContain('>4.00<');
  expect(svg).toContain('>… 40.00<');
  expect(svg).not.toContain('NaN');
});

function rowsOf(table: string): Map<string, string[]> {
  const lines = table.trimEnd().split('\n').slice(2);
  return new Map(
    lines.map((line) => {
      const [what = '', ...cells] = line.split('|').slice(1, -1);
      return [what.trim(), cells.map((cell) => cell.trim())];
    }),
  );
}
