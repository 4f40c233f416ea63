/**
 * Load from many addresses of 127.0.0.0/8, at a fixed rate or as fast as answers come: compiles
 * `c/many-sources.c`, which says how it measures, and runs it on the load core.
 */

import { spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compileProgram } from './c-program.ts';
import { LOAD_CORE, start } from './processes.ts';

/** 127.1.0.0, as the program has it: what is below stays free for servers. */
const FIRST_SOURCE = 0x7f010000;

export interface SourcesShape {
  /** `rate`: queries a second, come what may. `window`: so many in flight. `once`: through the file. */
  readonly mode: { readonly rate: number } | { readonly window: number } | 'once';
  readonly sources: number;
  /** How long to send; `stop` may end it before. */
  readonly seconds: number;
  readonly intervalMs?: number;
}

/** Times in microseconds. In the open loop latency counts from the planned time of the query. */
export interface SourcesReport {
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  readonly rcodes: Readonly<Record<number, number>>;
  /** Answers to nothing in flight: late, doubled or wrong. */
  readonly unmatched: number;
  /** Answers that the load had no room for: lost, but not by the server. */
  readonly dropped: number;
  /** Queries that the load came too late to send; not among those sent. */
  readonly skipped: number;
  readonly seconds: number;
  readonly p50us: number;
  readonly p99us: number;
  readonly p999us: number;
  readonly maxus: number;
  /** How late the load itself was, at most. */
  readonly lateus: number;
}

/** Queries by the time for which they were planned. */
export interface SourcesInterval {
  /** Unix time. */
  readonly startMs: number;
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  readonly p99us: number;
  readonly maxus: number;
  readonly lateus: number;
  /** Greatest latency of the bucket, answers in it. */
  readonly buckets: readonly (readonly [number, number])[];
}

export interface SourcesRun {
  readonly report: SourcesReport;
  readonly intervals: readonly SourcesInterval[];
}

export interface RunningSources {
  /** Sends no more; what is in flight may still be answered. */
  stop(): void;
  readonly done: Promise<SourcesRun>;
}

export const isCompilerFound = spawnSync('cc', ['--version']).status === 0;

let program: string | null = null;

/** The source addresses in order, of which a run with `sources: n` uses the first n. */
export function sourceAddress(index: number): string {
  const address = FIRST_SOURCE + index;
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff).join('.');
}

/** Resolves when the first query leaves. */
export async function startSources(
  port: number,
  queriesPath: string,
  shape: SourcesShape,
): Promise<RunningSources> {
  const { mode, sources, seconds, intervalMs } = shape;
  program ??= compile();
  const modeArguments =
    mode === 'once'
      ? ['--once']
      : Object.entries(mode).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = start(LOAD_CORE, [
    ...[program, '--port', String(port), '--queries', queriesPath, ...modeArguments],
    ...['--sources', String(sources), '--seconds', String(seconds)],
    ...(intervalMs === undefined ? [] : ['--interval', String(intervalMs)]),
  ]);
  const done = readRun(child);
  // Who waits for the first query hears of a failure as well.
  done.catch(() => undefined);
  await Promise.race([once(child.stdout ?? child, 'data'), done]);
  return { stop: () => void child.kill('SIGTERM'), done };
}

export async function runSources(
  port: number,
  queriesPath: string,
  shape: SourcesShape,
): Promise<SourcesRun> {
  return (await startSources(port, queriesPath, shape)).done;
}

/** Nearest bucket edge, over several intervals. */
export function percentileUs(intervals: readonly SourcesInterval[], share: number): number {
  const counts = new Map<number, number>();
  let answered = 0;
  for (const interval of intervals) {
    answered += interval.answered;
    for (const [us, count] of interval.buckets) counts.set(us, (counts.get(us) ?? 0) + count);
  }
  let left = answered * share;
  for (const us of [...counts.keys()].toSorted((a, b) => a - b)) {
    left -= counts.get(us) ?? 0;
    if (left <= 0) return us;
  }
  return Number.NaN;
}

function compile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-sources-'));
  process.on('exit', () => {
    rmSync(folder, { recursive: true, force: true });
  });
  return compileProgram('many-sources', folder);
}

async function readRun(child: ChildProcess): Promise<SourcesRun> {
  let output = '';
  child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const [code] = (await once(child, 'close')) as [number | null];
  const [, ...lines] = output.trimEnd().split('\n');
  const last = lines.pop();
  if (code !== 0 || last === undefined)
    throw new Error(`many-sources ended with ${code}:\n${output}`);
  return {
    report: JSON.parse(last) as SourcesReport,
    intervals: lines.map((line) => JSON.parse(line) as SourcesInterval),
  };
}
