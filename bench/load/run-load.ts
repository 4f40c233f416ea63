/** One run of load against one port: by dnsperf where it is installed, else by our own generator. */

import { spawnSync } from 'node:child_process';
import { LOAD_CORE, start, startScript } from './processes.ts';

const WINDOW = 64;
const RCODES: Readonly<Record<string, number>> = { NOERROR: 0, SERVFAIL: 2, NXDOMAIN: 3 };

export interface LoadReport {
  readonly sent: number;
  readonly answered: number;
  readonly lost: number;
  /** Answers by rcode. */
  readonly rcodes: Readonly<Record<number, number>>;
  readonly seconds: number;
}

export const generatorName = spawnSync('dnsperf', ['-h']).error === undefined ? 'dnsperf' : 'own';

/**
 * @param path a file of queries, gone through again and again
 * @param length seconds, or `once`: through the file and no further
 */
export async function runLoad(
  port: number,
  path: string,
  length: number | 'once',
): Promise<LoadReport> {
  if (generatorName === 'dnsperf') return runDnsperf(port, path, length);
  const args = [String(port), path, String(length)];
  return (await startScript(LOAD_CORE, 'generator.js', ...args)).message as LoadReport;
}

async function runDnsperf(
  port: number,
  path: string,
  length: number | 'once',
): Promise<LoadReport> {
  const until = length === 'once' ? ['-n', '1'] : ['-l', String(length)];
  const where = ['-s', '127.0.0.1', '-p', String(port), '-d', path];
  const shape = ['-e', '-c', '1', '-T', '1', '-q', String(WINDOW), '-t', '1'];
  const child = start(LOAD_CORE, ['dnsperf', ...where, ...shape, ...until]);
  let output = '';
  for await (const chunk of child.stdout ?? []) output += String(chunk);
  return readReport(output);
}

function readReport(output: string): LoadReport {
  const figure = (label: string): number => {
    const [, text] = new RegExp(`${label}:\\s+([\\d.]+)`).exec(output) ?? [];
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
  };
}
