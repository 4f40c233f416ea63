import { describe, expect, it } from 'vitest';
import { collectGarbage } from '../../src/worker/collect-garbage.ts';

const MEBIBYTE = 1024 * 1024;

describe('collecting garbage', () => {
  it('gives the memory of shared buffers back that nobody holds', () => {
    const residentMiB = (): number => process.memoryUsage().rss / MEBIBYTE;
    const before = residentMiB();
    for (let round = 0; round < 40; round++) {
      new Uint8Array(new SharedArrayBuffer(20 * MEBIBYTE)).fill(1);
      collectGarbage();
    }
    expect(residentMiB() - before).toBeLessThan(200);
  });
});
