/**
 * Prints CPU time and octets allocated an operation, and registers the same run with vitest's bench.
 * vitest reaches every import through an object, so small functions take two to three times as long
 * here as in the built server: compare figures, do not quote them.
 */

import { bench } from 'vitest';

const ROUNDS = 200;

/** @param all runs the operation `count` times */
export function measure(title: string, count: number, all: () => void): void {
  for (let round = 0; round < ROUNDS; round++) all();
  const heap = process.memoryUsage().heapUsed;
  const start = process.cpuUsage();
  for (let round = 0; round < ROUNDS; round++) all();
  const ns = (process.cpuUsage(start).user * 1000) / (ROUNDS * count);
  const octets = (process.memoryUsage().heapUsed - heap) / (ROUNDS * count);
  console.log(`${title}: ${ns.toFixed(0)} ns of CPU, ${octets.toFixed(2)} octets an operation`);
  bench(title, all);
}
