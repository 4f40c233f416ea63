import { expect, test } from 'vitest';
import {
  bitsOf,
  clearBit,
  clearMask,
  createMask,
  firstBit,
  firstCommonBit,
  hasBit,
  isMaskEmpty,
  orMask,
  setBit,
} from '../../src/blocklist/category.ts';

test('every one of the 256 bits can be set, found and cleared alone', () => {
  for (let bit = 0; bit < 256; bit++) {
    const mask = createMask();
    setBit(mask, bit);
    expect(bitsOf(mask)).toEqual([bit]);
    expect(firstBit(mask)).toBe(bit);
    expect(hasBit(mask, bit)).toBe(true);
    clearBit(mask, bit);
    expect(isMaskEmpty(mask)).toBe(true);
  }
});

test('an empty mask has no first bit', () => {
  expect(firstBit(createMask())).toBe(-1);
});

test('the first common bit is the lowest that both masks have', () => {
  const a = createMask();
  const b = createMask();
  for (const bit of [3, 40, 63, 255]) setBit(a, bit);
  for (const bit of [4, 40, 63, 255]) setBit(b, bit);
  expect(firstCommonBit(a, b)).toBe(40);
  clearBit(b, 40);
  expect(firstCommonBit(a, b)).toBe(63);
  clearBit(b, 63);
  expect(firstCommonBit(a, b)).toBe(255);
  clearMask(b);
  expect(firstCommonBit(a, b)).toBe(-1);
});

test('masks inside a larger array are reached by their offset', () => {
  const masks = new Uint32Array(24);
  setBit(masks, 77, 8);
  orMask(masks, masks, 16, 8);
  expect(bitsOf(masks, 0)).toEqual([]);
  expect(bitsOf(masks, 8)).toEqual([77]);
  expect(bitsOf(masks, 16)).toEqual([77]);
});
