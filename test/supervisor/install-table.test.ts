import { expect, test } from 'vitest';
import { installTable } from '../../src/supervisor/install-table.ts';

const MEBIBYTE = 1024 * 1024;
const LOG = { info: () => undefined, warn: () => undefined, error: () => undefined };

test('main gives the memory of replaced tables back, as the workers do', async () => {
  const pool = { install: () => Promise.resolve() };
  let written: SharedArrayBuffer | null = null;
  const grow = async (): Promise<void> => {
    const table = new SharedArrayBuffer(20 * MEBIBYTE);
    new Uint8Array(table).fill(1);
    await installTable(pool, 1, table, () => (written = table), LOG);
    expect(written).toBe(table);
  };
  const residentMiB = (): number => process.memoryUsage().rss / MEBIBYTE;
  const before = residentMiB();
  for (let round = 0; round < 40; round++) await grow();
  expect(residentMiB() - before).toBeLessThan(200);
});

test('a table that could not be installed is said, and both are written on', async () => {
  const faults: string[] = [];
  const log = { ...LOG, error: (_details: object, message: string) => faults.push(message) };
  const pool = { install: () => Promise.reject(new Error('a worker is silent')) };
  let isRetired = false;
  await installTable(pool, 1, new SharedArrayBuffer(8), () => (isRetired = true), log);
  expect(faults).toEqual(['installing a subscriber table: a worker is silent']);
  expect(isRetired).toBe(false);
});
