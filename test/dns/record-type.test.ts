import { describe, expect, it } from 'vitest';
import { formatRecordType, parseRecordType } from '../../src/dns/record-type.ts';

describe('the name of a record type', () => {
  it('stands for its number in any case, and unknown ones are TYPEn', () => {
    expect(parseRecordType('aaaa')).toBe(28);
    expect(parseRecordType('HTTPS')).toBe(65);
    expect(parseRecordType('TYPE65280')).toBe(65_280);
    expect(formatRecordType(28)).toBe('AAAA');
    expect(formatRecordType(65_280)).toBe('TYPE65280');
  });

  it('is nothing else', () => {
    for (const text of ['', 'B', 'TYPE', 'TYPE65536', 'TYPE-1', 'toString', '1']) {
      expect(parseRecordType(text), text).toBe(-1);
    }
  });
});
