import { describe, expect, it } from 'vitest';
import { collectReplaced } from '../../src/worker/collect-garbage.ts';

const MEBIBYTE = 1024 * 1024;

/** The buffer is held by nobody when this returns. */
function installAndReplace(octets: number): void {
  const blocklist = new SharedArrayBuffer(octets);
  new Uint8Array(blocklist).fill(1);
  collectReplaced({ blocklist, policy: null, subscribers: null });
}

describe('collecting what was replaced', () => {
  it.each([20, 5])('gives the memory of buffers of %d MiB back', (mebibytes) => {
    const residentMiB = (): number => process.memoryUsage().rss / MEBIBYTE;
    const before = residentMiB();
    for (let done = 0; done < 800; done += mebibytes) installAndReplace(mebibytes * MEBIBYTE);
    expect(residentMiB() - before).toBeLessThan(200);
  });
});
