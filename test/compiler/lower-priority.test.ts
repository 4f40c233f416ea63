import { expect, test, vi } from 'vitest';
import { lowerThreadPriority } from '../../src/compiler/lower-priority.ts';

const setPriority = vi.hoisted(() => vi.fn());
vi.mock('node:os', async (original) => ({ ...(await original<object>()), setPriority }));

test.runIf(process.platform === 'linux')('asks for the calling thread alone', () => {
  lowerThreadPriority();
  expect(setPriority).toHaveBeenCalledExactlyOnceWith(0, 10);
});

test('goes on at normal priority where a sandbox forbids the call', () => {
  setPriority.mockImplementation(() => {
    throw Object.assign(new Error('operation not permitted'), { code: 'EPERM' });
  });
  expect(lowerThreadPriority).not.toThrow();
});
