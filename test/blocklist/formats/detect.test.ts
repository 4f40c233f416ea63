import { describe, expect, test } from 'vitest';
import { detectFormat } from '../../../src/blocklist/formats/detect.ts';
import { octetsOf } from '../helpers.ts';

function detect(text: string): string | null {
  return detectFormat(octetsOf(text));
}

describe('the format is told by the lines', () => {
  test.each([
    ['domains', '# title\na.example\nb.example.org # why\nxn--bcher-kva.example'],
    ['domains', 'localhost'],
    ['domains', 'bücher.example\n例え.テスト'],
    ['domains', '.a.example\n.b.example'],
    ['domains', '192.0.2.1\na.example\nb.example'],
    ['hosts', '127.0.0.1 localhost\n0.0.0.0 a.example\n:: b.example'],
    ['hosts', '\ufeff0.0.0.0\ta.example\r\n0.0.0.0\tb.example\r\n'],
    ['adblock', '[Adblock Plus 2.0]\n||a.example^'],
    ['adblock', '! title\n||a.example^\n@@||b.example^\na.example##.ad'],
    ['dnsmasq', '# title\naddress=/a.example/0.0.0.0'],
    ['dnsmasq', 'server=/a.example/\nlocal=/b.example/'],
    ['rpz', '$TTL 60\n@ SOA a. b. 1 2 3 4 5\na.example CNAME .'],
    ['rpz', 'a.example CNAME .\n*.a.example CNAME .'],
    ['wildcard', '*.a.example\n*.b.example\nc.example'],
  ])('%s: %j', (format, text) => {
    expect(detect(text)).toBe(format);
  });
});

describe('what is no list has no format', () => {
  test.each([
    ['nothing', ''],
    ['white space', ' \r\n\n\t'],
    ['comments only', '# one\n! two\n'],
    ['a web page', '<!DOCTYPE html>\n<html><body>404</body></html>'],
    ['a web page after blanks', '\n\n  <html lang="en">\na.example\nb.example\nc.example'],
    ['an XML error', '<?xml version="1.0"?>\n<Error>denied</Error>'],
    ['prose', 'We are sorry.\nThe list has moved elsewhere, please read on.'],
    [
      'prose with a name in it',
      'Moved, see here:\nlists.example.org\nor write, kindly, to us\nand wait.',
    ],
    ['JSON', '{\n"message": "not found",\n"status": 404\n}'],
    ['a NUL octet', 'a.example\n\0'],
    ['gzip', '\u001f\u008b\u0008\u0000abc'],
  ])('%s', (_what, text) => {
    expect(detect(text)).toBeNull();
  });
});

test('a look at a hostile content takes no longer than at any other', () => {
  const hostile = ['a'.repeat(250_000), ' '.repeat(250_000), `*.${'a.'.repeat(120_000)}`];
  const start = performance.now();
  for (const text of hostile) detect(text);
  expect(performance.now() - start).toBeLessThan(2000);
});
