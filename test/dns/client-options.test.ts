import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readMacText, readWholeAddress } from '../../src/dns/client-options.ts';
import { formatIpAddress } from '../../src/lib/ip-address.ts';

/** The address of a client subnet option, read from the middle of some octets. */
function addressOf(data: readonly number[]): string | null {
  const bytes = Uint8Array.from([9, 9, 9, ...data, 9]);
  const words = Uint32Array.of(1, 2, 3, 4);
  if (readWholeAddress(bytes, 3, data.length, words)) return formatIpAddress(words);
  expect([...words]).toEqual([1, 2, 3, 4]);
  return null;
}

function macOf(text: string): string | null {
  const bytes = Uint8Array.from([9, 9, 9, ...Buffer.from(text), 9]);
  const mac = new Uint8Array(6);
  const isMac = readMacText(bytes, 3, bytes.length - 4, mac);
  return isMac ? Buffer.from(mac).toString('hex') : null;
}

describe('a client subnet', () => {
  it('of full length is an address, of either family', () => {
    expect(addressOf([0, 1, 32, 0, 192, 0, 2, 7])).toBe('192.0.2.7');
    expect(addressOf([0, 1, 32, 0, 203, 0, 113, 255])).toBe('203.0.113.255');
    const ipv6 = [0x20, 0x01, 0x0d, 0xb8, 0, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    expect(addressOf([0, 2, 128, 0, ...ipv6])).toBe('2001:db8:7::1');
  });

  it('that is a network, or none at all, names nobody', () => {
    expect(addressOf([0, 1, 24, 0, 192, 0, 2])).toBeNull();
    expect(addressOf([0, 1, 31, 0, 192, 0, 2, 6])).toBeNull();
    expect(addressOf([0, 2, 127, 0, ...new Array<number>(16).fill(0)])).toBeNull();
    expect(addressOf([0, 2, 32, 0, 0x20, 0x01, 0x0d, 0xb8])).toBeNull();
    expect(addressOf([0, 1, 0, 0])).toBeNull();
    expect(addressOf([0, 0, 0, 0])).toBeNull();
    expect(addressOf([])).toBeNull();
  });
});

describe('a MAC as text', () => {
  it('is hexadecimal with colons or dashes, or base64', () => {
    expect(macOf('02:00:5e:10:00:01')).toBe('02005e100001');
    expect(macOf('02-00-5E-10-00-aF')).toBe('02005e1000af');
    expect(macOf('AgBeEAAB')).toBe('02005e100001');
    expect(macOf('////////')).toBe('ffffffffffff');
  });

  it.each([
    '',
    '02:00:5e:10:00:0',
    '02:00:5e:10:00:011',
    '02:00:5e:10:00:0g',
    '02:00:5e:10:00-01',
    '02.00.5e.10.00.01',
    '02005e100001',
    'AgBeEAA',
    'AgBeEAA=',
    'AgBe_AAB',
  ])('says nothing where it is "%s"', (text) => {
    expect(macOf(text)).toBeNull();
  });

  it('is the MAC that was written, whatever it is', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 6, maxLength: 6 }), (mac) => {
        const octets = Buffer.from(mac);
        const hex = octets.toString('hex');
        expect(macOf(octets.toString('base64'))).toBe(hex);
        expect(macOf(hex.replace(/..(?=.)/g, '$&:'))).toBe(hex);
      }),
    );
  });
});
