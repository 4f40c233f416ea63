import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIpAddress, parseIpAddress } from '../../src/lib/ip-address.ts';
import { writeAddressWords, zoneOf } from '../../src/transport/address-text.ts';

function wordsOf(text: string): number[] | null {
  const words = new Uint32Array(6).fill(0xdeadbeef);
  return writeAddressWords(text, words, 1) ? [...words.subarray(1, 5)] : null;
}

const word = fc.oneof(fc.constant(0), fc.constant(0xffff), fc.integer({ min: 0, max: 0xffffffff }));

describe('the fast parser of peer addresses', () => {
  test('agrees with the careful one on every address', () => {
    fc.assert(
      fc.property(fc.tuple(word, word, word, word), (words) => {
        expect(wordsOf(formatIpAddress(words))).toEqual(words);
      }),
    );
  });

  test('agrees with the careful one on IPv4 addresses', () => {
    fc.assert(
      fc.property(fc.ipV4(), (text) => {
        expect(wordsOf(text)).toEqual([...parseIpAddress(text)!]);
      }),
    );
  });

  test('agrees with the careful one on every spelling of an IPv6 address', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        expect(wordsOf(text)).toEqual([...parseIpAddress(text)!]);
      }),
    );
  });

  test('writes its four words and no others', () => {
    const words = new Uint32Array(6).fill(7);
    writeAddressWords('192.0.2.1', words, 1);
    expect([...words]).toEqual([7, 0, 0, 0xffff, 0xc0000201, 7]);
  });

  test('reads past a zone, and tells it', () => {
    expect(wordsOf('fe80::1%eth0')).toEqual([0xfe800000, 0, 0, 1]);
    expect(zoneOf('fe80::1%eth0')).toBe('eth0');
    expect(zoneOf('2001:db8::1')).toBe('');
    expect(zoneOf('feed::1')).toBe('');
  });

  test.each([
    '',
    '1',
    '1.2.3',
    '1.2.3.4.5',
    '256.1.1.1',
    '1..2.3',
    '::g',
    '1:2',
    ':1::',
    '1::2::3',
    '1:2:3:4:5:6:7:8:9',
    '1:2:3:4:5:6:7:8::9',
    '12345::',
  ])('refuses "%s"', (text) => {
    expect(wordsOf(text)).toBeNull();
  });

  test('never throws, and accepts nothing that the careful one refuses but leading zeros', () => {
    const octets = fc.string({
      unit: fc.constantFrom(...Array.from('0123456789abcdef:.%')),
      maxLength: 40,
    });
    fc.assert(
      fc.property(octets, (text) => {
        const careful = parseIpAddress(text.split('%')[0]!.replace(/\b0+(?=\d+(\.|$))/g, ''));
        if (careful === null) expect(wordsOf(text)).toBeNull();
      }),
      { numRuns: 2000 },
    );
  });
});
