import { expect, test } from 'vitest';
import { lowerCaseOctet } from '../../src/lib/bytes.ts';

test('lower case changes the 26 capitals of ASCII and no other octet', () => {
  for (let octet = 0; octet < 256; octet++) {
    const isCapital = octet >= 0x41 && octet <= 0x5a;
    expect(lowerCaseOctet(octet)).toBe(isCapital ? octet + 0x20 : octet);
  }
});
