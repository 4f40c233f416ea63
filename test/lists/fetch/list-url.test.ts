import { describe, expect, it } from 'vitest';
import { describeUrl, describeUrlText, parseListUrl } from '../../../src/lists/fetch/list-url.ts';

const STRICT = { isHttpAllowed: false, isPrivateAllowed: false };

describe('the address of a list', () => {
  it('is https with a name, a port and a query of its own', () => {
    const url = parseListUrl('https://Lists.Example.org:8443/a/b.txt?key=secret#top', STRICT);
    expect(url.href).toBe('https://lists.example.org:8443/a/b.txt?key=secret');
  });

  it.each([
    ['http://lists.example.org/a.txt', 'not encrypted'],
    ['ftp://lists.example.org/a.txt', 'ftp:'],
    ['file:///etc/passwd', 'file:'],
    ['data:text/plain,example.org', 'data:'],
    ['https://user:pass@lists.example.org/', 'a user name or a password'],
    ['https://user@lists.example.org/', 'a user name or a password'],
    ['https://192.0.2.1/a.txt', 'names an address'],
    ['https://[2001:db8::1]/a.txt', 'names an address'],
    ['https://2130706433/', 'names an address'],
    ['https://0177.0.0.1/', 'names an address'],
    ['https://0x7f000001/', 'names an address'],
    ['https://127.1/', 'names an address'],
    ['https://127.0.0.1./', 'names an address'],
    ['https://①②⑦.0.0.1/', 'names an address'],
    ['https://[::ffff:127.0.0.1]/', 'names an address'],
    ['lists.example.org/a.txt', 'no valid address'],
    ['', 'no valid address'],
    [`https://lists.example.org/${'a'.repeat(2_048)}`, 'longer than 2048'],
  ])('%s is refused: %s', (text, why) => {
    expect(() => parseListUrl(text, STRICT)).toThrow(
      expect.objectContaining({
        code: 'LIST_URL_REFUSED',
        message: expect.stringContaining(why) as string,
      }) as Error,
    );
  });

  it('may be http, or an address, where that is allowed', () => {
    expect(
      parseListUrl('http://lists.example.org/', { ...STRICT, isHttpAllowed: true }).protocol,
    ).toBe('http:');
    expect(parseListUrl('https://0x7f.1/', { ...STRICT, isPrivateAllowed: true }).hostname).toBe(
      '127.0.0.1',
    );
  });

  it('shows neither its query nor a password', () => {
    expect(describeUrl(new URL('https://lists.example.org/a.txt?key=secret'))).toBe(
      'https://lists.example.org/a.txt',
    );
    expect(describeUrlText('https://lists.example.org/?key=secret')).not.toContain('secret');
    expect(describeUrlText('//secret')).not.toContain('secret');
    const faultOf = (text: string): string => {
      try {
        parseListUrl(text, STRICT);
      } catch (error) {
        return (error as Error).message;
      }
      throw new Error('it was taken');
    };
    for (const text of [
      'http://lists.example.org/?key=secret',
      'https://secret:secret@lists.example.org/',
      'https://lists.example.org:secret/?secret',
    ]) {
      expect(faultOf(text)).not.toContain('secret');
    }
  });
});
