import { expect, test } from 'vitest';
import { createAddressKey, mixWords } from '../../src/lib/address-hash.ts';

const KEY = createAddressKey([0x01234567, 0x89abcdef]);

test('addresses in a row spread evenly, by the upper bits and by the lower ones', () => {
  const upper = new Uint32Array(256);
  const lower = new Uint32Array(256);
  for (let host = 0; host < 100_000; host++) {
    const mixed = mixWords(KEY, 0x0a000000 + host, 2);
    upper[mixed >>> 24]!++;
    lower[mixed & 255]!++;
  }
  // Expected 390 in each; six standard deviations are about 120.
  for (const count of [...upper, ...lower]) expect(Math.abs(count - 390)).toBeLessThan(120);
});

test('each of the words and another seed give another place', () => {
  const place = mixWords(KEY, 1, 2);
  expect(mixWords(KEY, 3, 2)).not.toBe(place);
  expect(mixWords(KEY, 1, 3)).not.toBe(place);
  expect(mixWords(createAddressKey([0x01234567, 1]), 1, 2)).not.toBe(place);
  expect(mixWords(createAddressKey([1, 0x89abcdef]), 1, 2)).not.toBe(place);
});
