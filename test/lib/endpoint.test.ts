import { describe, expect, it } from 'vitest';
import { formatEndpoint, parseEndpoint } from '../../src/lib/endpoint.ts';

describe('an endpoint', () => {
  it('is an address and a port, IPv6 in brackets', () => {
    expect(parseEndpoint('192.0.2.1:53', null)).toEqual({ address: '192.0.2.1', port: 53 });
    expect(parseEndpoint('[2001:DB8::1]:53', null)).toEqual({ address: '2001:db8::1', port: 53 });
  });

  it('may be a bare address only where there is a default port', () => {
    for (const text of ['192.0.2.1', '2001:db8::1', '[2001:db8::1]']) {
      expect(parseEndpoint(text, null), text).toBeNull();
      expect(parseEndpoint(text, 53)?.port, text).toBe(53);
    }
  });

  it('is nothing else', () => {
    for (const text of [
      '',
      ':53',
      'localhost:53',
      '192.0.2.1:',
      '192.0.2.1:65536',
      '[192.0.2.1',
      'x',
    ]) {
      expect(parseEndpoint(text, 53), text).toBeNull();
    }
  });

  it('is written as it is read', () => {
    for (const text of ['192.0.2.1:0', '[2001:db8::1]:65535', '[::]:53']) {
      const endpoint = parseEndpoint(text, null);
      expect(endpoint === null ? null : formatEndpoint(endpoint)).toBe(text);
    }
  });
});
