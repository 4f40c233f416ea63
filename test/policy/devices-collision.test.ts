import { expect, test, vi } from 'vitest';
import { compileDevices } from '../../src/policy/devices.ts';
import type { PolicyDevice } from '../../src/policy/policy-input.ts';
import { SEED } from './policy-input.ts';

// No two keys with one 64-bit hash are known, so the hash is replaced by one that knows a single value.
vi.mock('../../src/lib/half-siphash.ts', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  hashWords: (_seed: unknown, _words: unknown, _at: number, _count: number, out: Uint32Array) => {
    out.fill(7);
  },
}));

const device = (subscriber: number, octet: number): PolicyDevice => ({
  subscriber,
  kind: 'mac',
  key: Uint8Array.of(octet),
  profile: octet,
});

test('two keys of a household that share a hash are refused with the code that asks for a new seed', () => {
  expect(() => compileDevices([device(1, 1), device(1, 2)], [], SEED)).toThrow(
    expect.objectContaining({ code: 'COMPILE_COLLISION' }),
  );
});

test('keys of two households that share a hash stay apart', () => {
  expect(() => compileDevices([device(1, 1), device(2, 2)], [], SEED)).not.toThrow();
});
