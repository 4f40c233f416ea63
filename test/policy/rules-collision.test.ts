import { expect, test, vi } from 'vitest';
import type { SuffixHashes } from '../../src/dns/suffix-hashes.ts';
import { compileNameTable } from '../../src/policy/rules.ts';
import { SEED, wire } from './policy-input.ts';

// No two names with one 64-bit hash are known, so the hash is replaced by one that knows a single value.
vi.mock('../../src/dns/suffix-hashes.ts', async (importOriginal) => ({
  ...(await importOriginal<object>()),
  hashSuffixes: (hashes: SuffixHashes) => {
    hashes.labelCount = 1;
    hashes.high[1] = hashes.low[1] = 7;
  },
}));

test('two names that share a hash are refused with the code that asks for a new seed', () => {
  const entries = ['one.example', 'two.example'].map((name) => ({
    set: 1,
    name: wire(name),
    value: 1,
  }));
  expect(() => compileNameTable(entries, SEED)).toThrow(
    expect.objectContaining({ code: 'COMPILE_COLLISION' }),
  );
});
