import { expect, test, vi } from 'vitest';
import { restoreThreadPriority } from '../../src/worker/thread-priority.ts';

const setPriority = vi.hoisted(() => vi.fn());
vi.mock('node:os', async (original) => ({ ...(await original<object>()), setPriority }));

test.runIf(process.platform === 'linux')('a worker takes back what the process began with', () => {
  restoreThreadPriority(3);
  expect(setPriority).toHaveBeenCalledExactlyOnceWith(0, 3);
});

test('a worker without the privilege serves on', () => {
  setPriority.mockImplementation(() => {
    throw Object.assign(new Error('permission denied'), { code: 'EACCES' });
  });
  expect(() => {
    restoreThreadPriority(3);
  }).not.toThrow();
});
