import { describe, expect, test } from 'vitest';
import { nameToText } from '../../src/dns/name.ts';
import type { PolicyImage } from '../../src/policy/image.ts';
import {
  SAFE_SEARCH_BLOCK,
  SAFE_SEARCH_NONE,
  isTargetAddress,
  lookUpSafeSearch,
  mostSafe,
  safeSearchWord,
  targetAddress4,
  targetNameAt,
  targetNameLength,
} from '../../src/policy/safe-search.ts';
import type { SafeSearchSettings } from '../../src/policy/policy-input.ts';
import { NO_SAFE_SEARCH } from '../../src/policy/policy-input.ts';
import { SAFE_SEARCH, aPlan, anInput, compile, hashesOf, wire } from './policy-input.ts';

const policies = compile(anInput(aPlan()));

describe('a name under safe search', () => {
  test('leads to the target of its engine, where the setting has the engine', () => {
    expect(find('seek.example', { engines: 1 })).toBe('safe.seek.example');
    expect(find('www.seek.example', { engines: 3 })).toBe('safe.seek.example');
    expect(find('www.seek.example', { engines: 2 })).toBe(SAFE_SEARCH_NONE);
    expect(find('look.example', { engines: 2 })).toBe(0xc0000238);
  });

  test('is the whole name: what is below it or above it is another service', () => {
    expect(find('images.seek.example', { engines: 3 })).toBe(SAFE_SEARCH_NONE);
    expect(find('example', { engines: 3 })).toBe(SAFE_SEARCH_NONE);
  });

  test('of YouTube leads where the level says', () => {
    const targets = [0, 1, 2].map((youtube) => find('www.tube.example', { youtube }));
    expect(targets).toEqual([SAFE_SEARCH_NONE, 'moderate.tube.example', 'strict.tube.example']);
  });

  test('of an engine without safe mode is blocked, with what is below it, where that is set', () => {
    expect(find('dark.example', {})).toBe(SAFE_SEARCH_NONE);
    for (const name of ['dark.example', 'www.dark.example']) {
      expect(find(name, { isBlockingUnsafe: true })).toBe(SAFE_SEARCH_BLOCK);
    }
    expect(find('example.org', { isBlockingUnsafe: true })).toBe(SAFE_SEARCH_NONE);
  });

  test('an engine that has a safe mode is not blocked for what stands above it', () => {
    const unsafe = ['example'].map(wire);
    const both = compile(anInput(aPlan(), undefined, { safeSearch: { ...SAFE_SEARCH, unsafe } }));
    expect(find('seek.example', { isBlockingUnsafe: true }, both)).toBe(SAFE_SEARCH_NONE);
    expect(find('other.example', { isBlockingUnsafe: true }, both)).toBe(SAFE_SEARCH_BLOCK);
  });
});

test('the most of two settings has what either has', () => {
  const a = { engines: 1, youtube: 2, isBlockingUnsafe: false };
  const b = { engines: 4, youtube: 1, isBlockingUnsafe: true };
  expect(mostSafe(a, b)).toEqual({ engines: 5, youtube: 2, isBlockingUnsafe: true });
  expect(mostSafe(b, a)).toEqual(mostSafe(a, b));
  expect(mostSafe(a, NO_SAFE_SEARCH)).toEqual(a);
});

function find(
  name: string,
  overrides: Partial<SafeSearchSettings>,
  image: PolicyImage = policies,
): string | number {
  const setting = safeSearchWord({ ...NO_SAFE_SEARCH, ...overrides });
  const target = lookUpSafeSearch(image, setting, hashesOf(name));
  if (target < 0) return target;
  if (isTargetAddress(image, target)) return targetAddress4(image, target);
  const at = targetNameAt(image, target);
  return nameToText(image.targetNames.slice(at, at + targetNameLength(image, target)));
}
