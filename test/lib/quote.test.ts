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

  it('shows what a terminal would obey, or nobody would see, as its number', () => {
    expect(quote('\u009b2J')).toBe('"\\u009b2J"');
    expect(quote('a\u202eb\u007f')).toBe('"a\\u202eb\\u007f"');
    expect(quote({ 'a\u200b': '\u{e0001}' })).toBe('{"a\\u200b":"\\udb40\\udc01"}');
    expect(quote('\u202e'.repeat(100))).toHaveLength(81);
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
