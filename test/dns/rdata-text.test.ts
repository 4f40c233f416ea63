import { describe, expect, test } from 'vitest';
import { rdataFromText, rdataToText } from '../../src/dns/rdata-text.ts';
import { typeNumber } from '../support/dns-query.ts';

const valid: [string, string, string][] = [
  ['A', '192.0.2.7', 'c0000207'],
  ['AAAA', '2001:db8::7', '20010db8000000000000000000000007'],
  ['CNAME', 'www.example.org', '03777777076578616d706c65036f726700'],
  ['PTR', '.', '00'],
  ['MX', '10 mail.example.org', '000a046d61696c076578616d706c65036f726700'],
  ['SRV', '0 5 5060 sip.example.org', '0000000513c403736970076578616d706c65036f726700'],
  ['TXT', '"one" "t\\"wo\\000"', '036f6e650574 22776f00'.replace(' ', '')],
];

describe('data of local records', () => {
  test.each(valid)('%s %s becomes octets and text again', (type, text, hex) => {
    const data = rdataFromText(typeNumber(type), text);
    expect(Buffer.from(data).toString('hex')).toBe(hex);
    expect(rdataToText(typeNumber(type), data)).toBe(text);
  });

  test('names in it are lower-cased, and a trailing dot may stand', () => {
    expect(rdataToText(5, rdataFromText(5, 'WWW.Example.ORG.'))).toBe('www.example.org');
  });

  test('a text without quotes is one text, cut at 255 octets', () => {
    const data = rdataFromText(16, `v=spf1 ${'x'.repeat(300)}`);
    expect([data[0], data[256], data.length]).toEqual([255, 52, 309]);
    expect(Buffer.from(rdataFromText(16, 'ä')).toString('hex')).toBe('02c3a4');
    expect([...rdataFromText(16, '')]).toEqual([0]);
  });

  test.each([
    ['A', '192.0.2.256'],
    ['A', '2001:db8::1'],
    ['A', '::ffff:192.0.2.1'],
    ['AAAA', '192.0.2.1'],
    ['AAAA', '::ffff:192.0.2.1'],
    ['CNAME', 'two names.example.org'],
    ['CNAME', ''],
    ['CNAME', `${'a'.repeat(64)}.example.org`],
    ['MX', 'mail.example.org'],
    ['MX', '65536 mail.example.org'],
    ['MX', '-1 mail.example.org'],
    ['SRV', '0 5 sip.example.org'],
    ['TXT', '"open'],
    ['TXT', '"one" two'],
    ['TXT', '"\\256"'],
    ['TXT', `"${'x'.repeat(256)}"`],
    ['TXT', 'x'.repeat(5000)],
    ['NS', 'ns.example.org'],
  ])('%s "%s" is refused with what was wrong', (type, text) => {
    expect(() => rdataFromText(typeNumber(type), text)).toThrow(/does not fit type/);
  });
});
