import { expect, test } from 'vitest';
import { bitsOf, createMask, hasBit, orMask, setBit } from '../../src/blocklist/category.ts';

test('every one of the 256 bits can be set and found alone', () => {
  for (let bit = 0; bit < 256; bit++) {
    const mask = createMask();
    setBit(mask, bit);
    expect(bitsOf(mask)).toEqual([bit]);
    expect(hasBit(mask, bit)).toBe(true);
  }
});

test('masks inside a larger array are reached by their offset', () => {
  const masks = new Uint32Array(24);
  setBit(masks, 77, 8);
  orMask(masks, masks, 16, 8);
  expect(bitsOf(masks, 0)).toEqual([]);
  expect(bitsOf(masks, 8)).toEqual([77]);
  expect(bitsOf(masks, 16)).toEqual([77]);
});
