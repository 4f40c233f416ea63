import { expect, test, vi } from 'vitest';
import { BACKGROUND_NICENESS, lowerThreadPriority } from '../../src/compiler/lower-priority.ts';

const getPriority = vi.hoisted(() => vi.fn(() => 0));
const setPriority = vi.hoisted(() => vi.fn());
vi.mock('node:os', async (original) => ({
  ...(await original<object>()),
  ...{ getPriority, setPriority },
}));

test.runIf(process.platform === 'linux')('asks for the calling thread alone', () => {
  lowerThreadPriority(BACKGROUND_NICENESS);
  expect(setPriority).toHaveBeenCalledExactlyOnceWith(0, 10);
});

test.runIf(process.platform === 'linux')('never raises what an operator put lower', () => {
  getPriority.mockReturnValueOnce(15);
  setPriority.mockClear();
  lowerThreadPriority(BACKGROUND_NICENESS);
  expect(setPriority).toHaveBeenCalledExactlyOnceWith(0, 15);
});

test('goes on at normal priority where a sandbox forbids the call', () => {
  setPriority.mockImplementation(() => {
    throw Object.assign(new Error('operation not permitted'), { code: 'EPERM' });
  });
  expect(() => {
    lowerThreadPriority(BACKGROUND_NICENESS);
  }).not.toThrow();
});
