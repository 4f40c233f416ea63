import { expect, test } from 'vitest';
import {
  bitsOf,
  createMask,
  firstCommonBit,
  hasBit,
  orMask,
  setBit,
} from '../../src/blocklist/category.ts';

test('every one of the 256 bits can be set and found alone', () => {
  for (let bit = 0; bit < 256; bit++) {
    const mask = createMask();
    setBit(mask, bit);
    expect(bitsOf(mask)).toEqual([bit]);
    expect(hasBit(mask, bit)).toBe(true);
  }
});

test('the first common bit is the lowest that both masks have', () => {
  const a = createMask();
  const b = createMask();
  expect(firstCommonBit(a, b)).toBe(-1);
  for (const bit of [3, 255, 63, 40]) {
    setBit(a, bit);
    expect(firstCommonBit(a, b)).toBe(-1);
  }
  setBit(b, 4);
  expect(firstCommonBit(a, b)).toBe(-1);
  for (const bit of [255, 63, 40]) {
    setBit(b, bit);
    expect(firstCommonBit(a, b)).toBe(bit);
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
