import fc from 'fast-check';
import { decode } from 'dns-packet';
import { describe, expect, test } from 'vitest';
import { mixCase, QUERY_BYTES_MAX, questionEndOf, writeQuery } from '../../src/dns/message.ts';
import { nameToText, writeName } from '../../src/dns/name.ts';
import { wireName } from '../support/dns-query.ts';

const plain = {
  isDnssecOk: false,
  isCheckingDisabled: false,
  wantsAuthenticData: false,
  hasOpt: true,
};

function query(name: string, type = 1, shape: Partial<typeof plain> = {}): Buffer {
  const wire = wireName(name);
  const out = new Uint8Array(QUERY_BYTES_MAX);
  const length = writeQuery(out, 0xabcd, {
    name: wire,
    nameLength: wire.length,
    type,
    ...plain,
    ...shape,
  });
  return Buffer.from(out.subarray(0, length));
}

describe('writeQuery', () => {
  test('an independent decoder reads what was meant', () => {
    const decoded = decode(query('www.example.org', 28, { isDnssecOk: true }));
    expect(decoded).toMatchObject({
      id: 0xabcd,
      type: 'query',
      opcode: 'QUERY',
      flag_rd: true,
      flag_cd: false,
      flag_ad: false,
      questions: [{ name: 'www.example.org', type: 'AAAA', class: 'IN' }],
      additionals: [{ type: 'OPT', udpPayloadSize: 1232, flag_do: true, ednsVersion: 0 }],
    });
  });

  test('CD and AD are set only where asked', () => {
    const decoded = decode(
      query('example.org', 1, { isCheckingDisabled: true, wantsAuthenticData: true }),
    );
    expect(decoded).toMatchObject({ flag_cd: true, flag_ad: true });
  });

  test('without OPT it ends with the question', () => {
    const octets = query('example.org', 1, { hasOpt: false, isDnssecOk: true });
    expect(octets).toHaveLength(questionEndOf(wireName('example.org').length));
    expect(decode(octets).additionals).toEqual([]);
  });

  test('the longest name fits', () => {
    const label = 'a'.repeat(63);
    const longest = `${label}.${label}.${label}.${'b'.repeat(61)}`;
    expect(query(longest)).toHaveLength(QUERY_BYTES_MAX);
  });
});

describe('mixCase', () => {
  test('letters take the case that their bit says, all other octets stay', () => {
    const name = wireName('a1-z\\200@[`{.Org');
    const upper = name.slice();
    mixCase(upper, 0, upper.length, new Uint8Array(32).fill(0xff), 0);
    expect(nameToText(upper)).toBe(nameToText(wireName('A1-Z\\200@[`{.ORG')));
    const lower = upper.slice();
    mixCase(lower, 0, lower.length, new Uint8Array(32), 0);
    expect(nameToText(lower)).toBe(nameToText(wireName('a1-z\\200@[`{.org')));
  });

  test('any octets and any bits: equal but for case, and again a valid name', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 40 }), { maxLength: 6 }),
        fc.uint8Array({ minLength: 40, maxLength: 40 }),
        (labels, random) => {
          const name = Uint8Array.from([...labels.flatMap((label) => [label.length, ...label]), 0]);
          const mixed = name.slice();
          mixCase(mixed, 0, mixed.length, random, 3);
          const lower = (octets: Uint8Array): string =>
            Buffer.from(octets)
              .toString('latin1')
              .replace(/[A-Z]/g, (letter) => letter.toLowerCase());
          expect(lower(mixed)).toBe(lower(name));
          expect(writeName(nameToText(mixed), new Uint8Array(255))).toBe(name.length);
        },
      ),
    );
  });
});
