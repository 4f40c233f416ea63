import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nameLength, namesEqual, nameToText, readName, writeName } from '../../src/dns/name.ts';

/** Names as arrays of labels, any octet, at most 255 octets in wire form. */
const labels = fc
  .array(fc.uint8Array({ minLength: 1, maxLength: 63 }), { maxLength: 12 })
  .filter((list) => list.reduce((sum, label) => sum + label.length + 1, 1) <= 255);

function wireOf(list: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from([...list.flatMap((label) => [label.length, ...label]), 0]);
}

describe('presentation form', () => {
  it('is read back as the same octets, whatever they are', () => {
    fc.assert(
      fc.property(labels, (list) => {
        const wire = wireOf(list);
        const out = new Uint8Array(255);
        const length = writeName(nameToText(wire), out);
        expect(out.subarray(0, length)).toEqual(wire);
        expect(nameLength(wire)).toBe(wire.length);
      }),
    );
  });

  it.each([
    '',
    '..',
    '.a',
    'a..b',
    'a\\',
    '\\256',
    `${'a'.repeat(64)}.org`,
    'ż.example',
    `${'a.'.repeat(127)}b`,
  ])('refuses %j', (text) => {
    expect(writeName(text, new Uint8Array(300))).toBe(0);
  });

  it.each(['müller.example', 'a\\é.example', 'пример.example'])(
    'refuses %j: a character beyond ASCII is no octet, the name has A-labels',
    (text) => {
      expect(writeName(text, new Uint8Array(300))).toBe(0);
    },
  );

  it('tells a dot inside a label from the dot between two', () => {
    const dotInside = new Uint8Array(255);
    const two = new Uint8Array(255);
    writeName('a\\.b', dotInside);
    writeName('a.b', two);
    expect(namesEqual(dotInside, 0, two, 0)).toBe(false);
  });

  it('compares past octets of zero inside a label, and ends with the shorter name', () => {
    const names = ['\\000.a', '\\000.A', '\\000.b', '\\000', '\\000.a.b'].map((text) => {
      const name = new Uint8Array(255);
      writeName(text, name);
      return name;
    });
    expect(names.map((name) => namesEqual(names[0]!, 0, name, 0))).toEqual([
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});

describe('reading from a message', () => {
  const out = new Uint8Array(255);

  it('follows pointers backwards and returns the offset behind the first', () => {
    const message = Uint8Array.from([3, 111, 114, 103, 0, 1, 97, 0xc0, 0, 1, 98, 0xc0, 5]);
    expect(readName(message, 0, message.length, 9, out)).toBe(13);
    expect(nameToText(out)).toBe('b.a.org');
  });

  it.each([
    ['a pointer to itself', [0xc0, 0]],
    ['a pointer forwards', [0xc0, 2, 0]],
    ['two pointers that point at each other', [0xc0, 2, 0xc0, 0]],
    ['a label past the end', [5, 97]],
    ['a cut pointer', [0xc0]],
    ['a reserved label type', [0x40, 0, 0]],
    ['no root', [1, 97]],
  ])('refuses %s', (_what, octets) => {
    expect(readName(Uint8Array.from(octets), 0, octets.length, 0, out)).toBe(-1);
  });

  it('refuses a label that a pointer makes loop through itself', () => {
    expect(readName(Uint8Array.from([1, 97, 0xc0, 0]), 0, 4, 0, out)).toBe(-1);
  });

  it('refuses what would be longer than 255 octets uncompressed', () => {
    const label = [63, ...new Array<number>(63).fill(97)];
    const message = Uint8Array.from([...label, ...label, ...label, 0, ...label, 0xc0, 0]);
    expect(readName(message, 0, message.length, 193, out)).toBe(-1);
  });
});
