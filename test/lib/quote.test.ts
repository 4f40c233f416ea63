import { describe, expect, it } from 'vitest';
import { quote } from '../../src/lib/quote.ts';

function nested(levels: number): unknown {
  let value: unknown = 'x';
  for (let level = 0; level < levels; level++) value = level % 2 === 0 ? [value] : { a: value };
  return value;
}

describe('a quoted value', () => {
  it('is JSON where it is short', () => {
    for (const value of [null, true, -1.5, '', 'a"b', [], {}, [1, 'x', null], { a: [{ b: 2 }] }]) {
      expect(quote(value)).toBe(JSON.stringify(value));
    }
    expect(quote(undefined)).toBe('nothing');
  });

  it('is named where JSON has no word for it', () => {
    expect([NaN, Infinity, -Infinity].map(quote)).toEqual(['NaN', 'Infinity', '-Infinity']);
  });

  it('is cut after 80 characters', () => {
    const whole = [{ name: 'a"b', list: [1, 2, 3] }, ...Array.from({ length: 50 }, String)];
    expect(quote(whole)).toBe(`${JSON.stringify(whole).slice(0, 80)}…`);
    expect(quote('x'.repeat(100))).toBe(`"${'x'.repeat(79)}…`);
    expect(quote('x'.repeat(78))).toBe(`"${'x'.repeat(78)}"`);
  });

  it('is bounded however deep it is', () => {
    expect(quote(nested(100_000))).toHaveLength(81);
  });
});
