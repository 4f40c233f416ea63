/** On what machine the figures were taken: without it they say nothing. */

import { arch, cpus, release, totalmem, type } from 'node:os';
import type { Machine } from './results.ts';
import { generatorName } from './run-load.ts';

export function readMachine(upstream: string): Machine {
  return {
    processor: cpus()[0]?.model.trim() ?? 'unknown',
    cores: cpus().length,
    gibibytes: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()} ${arch()}`,
    node: process.version,
    date: new Date().toISOString().slice(0, 10),
    load: generatorName,
    upstream,
  };
}
