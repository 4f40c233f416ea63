/**
 * One run of load against one port. As much as is answered comes from dnsperf where it is installed,
 * else from our own generator; a given rate comes from `many-sources`, which knows percentiles.
 */

import { once } from 'node:events';
import { collectOutput, findProgram, LOAD_CORE, start, startScript } from './processes.ts';
import type { Latency } from './results.ts';
import { runSources } from './sources.ts';

/** Of the server's one receive buffer: more than about 270 packets would not fit into it. */
const WINDOW = 128;
/** Three whole batches. */
const FLOOD_WINDOW = 192;
/** Sockets that share the window, so that packets come in bunches as they do in real life. */
const SOCKETS = 8;
const RCODES: Readonly<Record<string, number>> = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3 };

export interface LoadReport {
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  /** Answers by rcode. */
  readonly rcodes: Readonly<Record<number, number>>;
  readonly seconds: number;
}

/** Of what is offered as fast as it is answered. */
export interface PeakReport extends LoadReport {
  /** The mean of the answers. */
  readonly responseOctets: number;
}

/** Of what is offered at a rate. */
export interface RateReport extends LoadReport {
  readonly latency: Latency;
}

export const generatorName = findProgram('dnsperf') === null ? 'own generator' : 'dnsperf';

/**
 * @param path a file of queries, gone through again and again
 * @param length seconds, or `once`: through the file and no further
 */
export async function runLoad(
  port: number,
  path: string,
  length: number | 'once',
): Promise<PeakReport> {
  if (generatorName === 'dnsperf') return runDnsperf(port, path, length);
  const args = [String(port), path, String(length)];
  return (await startScript(LOAD_CORE, 'generator.js', ...args)).message as PeakReport;
}

/** As much as is answered, by a load that takes and sends as many packets a system call as we do. */
export async function runFlood(port: number, path: string, seconds: number): Promise<LoadReport> {
  const shape = { mode: { window: FLOOD_WINDOW }, sources: 1, seconds };
  return (await runSources(port, path, shape)).report;
}

/** An open loop: each query leaves at its time, answered or not. */
export async function runAtRate(
  port: number,
  path: string,
  seconds: number,
  queriesPerSecond: number,
): Promise<RateReport> {
  const shape = { mode: { rate: queriesPerSecond }, sources: 1, seconds };
  const { report } = await runSources(port, path, shape);
  const { p50us, p99us, p999us } = report;
  return { ...report, latency: { p50Us: p50us, p99Us: p99us, p999Us: p999us } };
}

async function runDnsperf(
  port: number,
  path: string,
  length: number | 'once',
): Promise<PeakReport> {
  const until = length === 'once' ? ['-n', '1'] : ['-l', String(length)];
  const where = ['-s', '127.0.0.1', '-p', String(port), '-d', path];
  const shape = ['-e', '-c', String(SOCKETS), '-T', '1', '-q', String(WINDOW), '-t', '1'];
  const child = start(LOAD_CORE, ['dnsperf', ...where, ...shape, ...until], 'pipe');
  const output = collectOutput(child);
  await once(child, 'close');
  return readReport(output());
}

function readReport(output: string): PeakReport {
  const figure = (label: string): number => {
    const [, text] = new RegExp(`${label}:?\\s+([\\d.]+)`).exec(output) ?? [];
    if (text === undefined) throw new Error(`dnsperf said no "${label}":\n${output}`);
    return Number(text);
  };
  const [, codes = ''] = /Response codes:(.*)/.exec(output) ?? [];
  const rcodes = [...codes.matchAll(/([A-Z]+) (\d+)/g)].map(([, name = '', count]) => [
    RCODES[name] ?? name,
    Number(count),
  ]);
  return {
    sent: figure('Queries sent'),
    answered: figure('Queries completed'),
    lost: figure('Queries lost'),
    rcodes: Object.fromEntries(rcodes) as Record<number, number>,
    seconds: figure('Run time \\(s\\)'),
    responseOctets: figure('request \\d+, response'),
  };
}
