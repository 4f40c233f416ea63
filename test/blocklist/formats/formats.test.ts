import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TextFormatName } from '../../../src/blocklist/formats/list-format.ts';
import { FAULT_TEXT_MAX, LIST_FORMAT_NAMES } from '../../../src/blocklist/formats/list-format.ts';
import { LIST_FORMATS } from '../../../src/blocklist/formats/parse-list.ts';
import { nameLength, NAME_BYTES_MAX } from '../../../src/dns/name.ts';
import { octetsOf, parse } from '../helpers.ts';

/** One name as each format writes it, and the mark that `parse` gives its coverage. */
const LINES: Record<TextFormatName, readonly [(name: string) => string, string]> = {
  domains: [(name) => name, '+'],
  hosts: [(name) => `0.0.0.0 ${name}`, ''],
  adblock: [(name) => `||${name}^`, '+'],
  dnsmasq: [(name) => `address=/${name}/0.0.0.0`, '+'],
  rpz: [(name) => `${name} CNAME .`, ''],
  wildcard: [(name) => `*.${name}`, '+'],
};

describe.each(LIST_FORMAT_NAMES)('every format keeps the contract: %s', (format) => {
  const [write, mark] = LINES[format];
  const long = 'x'.repeat(64);

  test('a name is read in lower case, without its trailing dot', () => {
    expect(parse(format, write('WWW.Example.ORG')).entries).toEqual([`1:${mark}www.example.org`]);
    expect(parse(format, write('www.example.org.')).entries).toEqual([`1:${mark}www.example.org`]);
  });

  test('LF, CRLF and CR end lines, a byte order mark and blank lines are passed over', () => {
    const text = `\ufeff${write('a.example')}\r\n\r\n${write('b.example')}\n${write('c.example')}\r${write('d.example')}`;
    const { entries, faults, lines } = parse(format, text);
    expect(entries).toEqual(
      ['a', 'b', 'c', 'd'].map((label, index) => `${[1, 3, 4, 5][index]!}:${mark}${label}.example`),
    );
    expect(faults).toEqual([]);
    expect(lines).toBe(5);
  });

  test('names in Unicode become A-labels', () => {
    const { entries } = parse(format, write('Bücher.example'));
    expect(entries).toEqual([`1:${mark}xn--bcher-kva.example`]);
    expect(parse(format, write('例え.テスト')).entries).toEqual([
      `1:${mark}xn--r8jz45g.xn--zckzah`,
    ]);
  });

  test('what is no name is refused with its line and reason', () => {
    const faulty: [string, string][] = [
      ['a..example', 'bad-name'],
      ['a!b.example', 'bad-character'],
      [`${long}.example`, 'label-too-long'],
      [`${'abcdefg.'.repeat(32)}example`, 'name-too-long'],
      ['192.0.2.1', 'ip-address'],
      ['\u00ad.example', 'bad-idn'],
    ];
    for (const [name, reason] of faulty) {
      const { entries, faults } = parse(format, `${write('ok.example')}\n${write(name)}`);
      expect(faults, name).toEqual([`2:${reason}`]);
      expect(entries).toHaveLength(1);
    }
  });

  test('labels of 63 and names of 255 octets are the longest', () => {
    const label = 'x'.repeat(63);
    const name = `${label}.${label}.${label}.${'y'.repeat(61)}`;
    expect(parse(format, write(name)).entries).toEqual([`1:${mark}${name}`]);
    expect(parse(format, write(`${name}y`)).faults).toEqual(['1:name-too-long']);
  });

  test('a line past 4,096 octets is refused unread and the next line is read', () => {
    const text = `${write('a'.repeat(4100))}\n${write('b.example')}`;
    expect(parse(format, text)).toMatchObject({
      entries: [`2:${mark}b.example`],
      faults: ['1:line-too-long'],
    });
  });

  test('an empty content has no lines', () => {
    expect(parse(format, '')).toEqual({ entries: [], exceptions: [], faults: [], lines: 0 });
  });

  test('arbitrary octets never crash it and never yield a name that is none', () => {
    const alphabet = fc.constantFrom(
      ...octetsOf('a1.-_*|@^$/#=! \t\r\n;()"%:\\,'),
      0,
      0xc3,
      0xbc,
      0xff,
    );
    const content = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.array(alphabet, { maxLength: 200 }).map((octets) => Uint8Array.from(octets)),
      fc
        .array(fc.constantFrom(write('a.example'), 'server=/', '@@||', '$ORIGIN ', ' ', 'ü', '\n'))
        .map((parts) => octetsOf(parts.join(''))),
    );
    fc.assert(
      fc.property(content, (octets) => {
        LIST_FORMATS[format].parse(octets, {
          entry: expectName,
          exception: expectName,
          reject: (line, _reason, text) => {
            expect(line).toBeGreaterThan(0);
            expect(text.length).toBeLessThanOrEqual(FAULT_TEXT_MAX);
          },
        });
      }),
      { numRuns: 1000 },
    );
  });
});

function expectName(name: Uint8Array, length: number, coverage: number): void {
  expect(nameLength(name)).toBe(length);
  expect(length).toBeLessThanOrEqual(NAME_BYTES_MAX);
  expect([1, 2, 3]).toContain(coverage);
}

describe('domains', () => {
  test('comments, inline comments and leading wildcards', () => {
    const text = '# one\n; two\n! three\na.example # four\n*.b.example\n.c.example\nd.example#five';
    const { entries, faults } = parse('domains', text);
    expect(entries).toEqual(['4:+a.example', '5:+b.example', '6:+c.example', '7:+d.example']);
    expect(faults).toEqual([]);
  });

  test('more than one word, addresses and URLs are refused', () => {
    const text = 'a.example b.example\n2001:db8::1\n192.0.2.0/24\nhttps://a.example/';
    expect(parse('domains', text)).toMatchObject({
      entries: [],
      faults: ['1:bad-syntax', '2:ip-address', '3:ip-address', '4:bad-character'],
    });
  });
});

describe('wildcard', () => {
  test('a name without wildcard covers itself only', () => {
    const { entries } = parse('wildcard', 'a.example\n*.b.example # why');
    expect(entries).toEqual(['1:a.example', '2:+b.example']);
  });
});

describe('hosts', () => {
  test('several names a line, tabs, IPv6 and comments', () => {
    const text = '127.0.0.1\ta.example  b.example # c.example\n:: d.example\nfe80::1%lo0 e.example';
    const { entries, faults } = parse('hosts', text);
    expect(entries).toEqual(['1:a.example', '1:b.example', '2:d.example', '3:e.example']);
    expect(faults).toEqual([]);
  });

  test("the machine's own names are ignored, not refused", () => {
    const text =
      '127.0.0.1 localhost LOCALHOST.localdomain\n255.255.255.255 broadcasthost\n::1 ip6-loopback\n0.0.0.0 0.0.0.0\n0.0.0.0 localhost.example';
    expect(parse('hosts', text)).toMatchObject({ entries: ['5:localhost.example'], faults: [] });
  });

  test('a line without address or without name is refused', () => {
    const text = 'a.example\n0.0.0.0\n1.2.3 a.example\nab.cd.ef.aa a.example';
    expect(parse('hosts', text).faults).toEqual([1, 2, 3, 4].map((line) => `${line}:bad-syntax`));
  });
});

describe('adblock', () => {
  test('headers and comments are no rules', () => {
    const text = '[Adblock Plus 2.0]\n! Title: x\n# comment\n#\n####\n#comment';
    expect(parse('adblock', text)).toMatchObject({ entries: [], faults: [] });
  });

  test('blocks, exceptions and modifiers that change nothing about a domain', () => {
    const text =
      '||a.example^\n@@||b.example^\n||c.example^$important\n||d.example^|\n||*.e.example^\n@@||f.example^$document,important\n||g.example^$ALL';
    expect(parse('adblock', text)).toMatchObject({
      entries: ['1:+a.example', '3:+c.example', '4:+d.example', '5:*.e.example', '7:+g.example'],
      exceptions: ['2:+b.example', '6:+f.example'],
      faults: [],
    });
  });

  test('what DNS cannot express is refused as what it is', () => {
    const text = [
      '||a.example^$third-party',
      '||a.example^$important,domain=b.example',
      '||a.example/path^',
      '||a.example^path',
      '||a.example',
      '|https://a.example^',
      '/banner/',
      'a.example##.ad',
      '##.ad',
      '#@#.ad',
      'a.example',
      '@@/x/',
    ].join('\n');
    expect(parse('adblock', text)).toMatchObject({
      entries: [],
      exceptions: [],
      faults: [
        '1:unsupported-modifier',
        '2:unsupported-modifier',
        '3:bad-character',
        ...[4, 5, 6, 7, 8, 9, 10, 11, 12].map((line) => `${line}:unsupported-rule`),
      ],
    });
  });
});

describe('dnsmasq', () => {
  test('address, server and local with one name or several', () => {
    const text =
      'address=/a.example/b.example/0.0.0.0\nserver=/c.example/\nlocal=/d.example/\naddress=/e.example/#\naddress=/f.example/::\naddress=/g.example/ # see /why/\naddress = /*.h.example/';
    expect(parse('dnsmasq', text)).toMatchObject({
      entries: [
        '1:+a.example',
        '1:+b.example',
        '2:+c.example',
        '3:+d.example',
        '4:+e.example',
        '5:+f.example',
        '6:+g.example',
        '7:+h.example',
      ],
      faults: [],
    });
  });

  test('a server that is # hands the name back: an exception', () => {
    expect(parse('dnsmasq', 'server=/a.example/b.example/#').exceptions).toEqual([
      '1:+a.example',
      '1:+b.example',
    ]);
  });

  test('forward zones and other directives are refused as unsupported', () => {
    const text =
      'server=/lan.example/192.0.2.1\nbogus-nxdomain=192.0.2.1\nno-resolv\naddress=/#/0.0.0.0\naddress=0.0.0.0';
    expect(parse('dnsmasq', text).faults).toEqual([
      '1:unsupported-directive',
      '2:unsupported-directive',
      '3:bad-syntax',
      '4:bad-character',
      '5:bad-syntax',
    ]);
  });
});

describe('rpz', () => {
  test('a zone with SOA, relative and absolute names, TTLs and classes in either order', () => {
    const text = `$TTL 300
$ORIGIN rpz.example.
@ IN SOA ns.example. host.example. (
    1 3600   ; serial, refresh
    600 86400 60 )
  NS ns.example.
a.example CNAME .
b.example 60 IN CNAME *. ; why
c.example IN 60 cname rpz-drop.
d.example.rpz.example. CNAME .
*.e.example CNAME .
$ORIGIN org.rpz.example.
f CNAME .
@ CNAME .`;
    expect(parse('rpz', text)).toMatchObject({
      entries: [
        '7:a.example',
        '8:b.example',
        '9:c.example',
        '10:d.example',
        '11:*.e.example',
        '13:f.org',
        '14:org',
      ],
      faults: [],
      lines: 14,
    });
  });

  describe('an SOA in parentheses', () => {
    const long = 'x'.repeat(5000);

    test('whose end may stand on a line that is too long is refused, and what follows is read', () => {
      for (const end of [`1 ; ${long}`, `1 ) ; ${long}`]) {
        const text = `a.example CNAME .\n@ SOA ns. host. (\n${end}\n  2 3 )\n3600\nb.example CNAME .\nc.example CNAME .`;
        expect(parse('rpz', text)).toMatchObject({
          entries: ['1:a.example', '6:b.example', '7:c.example'],
          faults: ['3:line-too-long', '2:bad-syntax', '4:bad-syntax', '5:bad-syntax'],
          lines: 7,
        });
      }
    });

    test('that never ends is refused, and takes no more than its share of lines along', () => {
      const names = Array.from({ length: 100 }, (_, index) => `n${index}.example CNAME .`);
      const { entries, faults } = parse('rpz', ['@ SOA ns. host. (', ...names].join('\n'));
      expect(faults).toEqual(['1:bad-syntax']);
      expect(entries).toEqual(
        names.slice(32).map((_, index) => `${index + 34}:n${index + 32}.example`),
      );
      expect(parse('rpz', 'a.example CNAME .\n@ SOA ns. host. (\nb.example CNAME .')).toMatchObject(
        {
          entries: ['1:a.example'],
          faults: ['2:bad-syntax'],
        },
      );
    });
  });

  test('a dumped zone tells its apex by the SOA alone', () => {
    const text =
      'rpz.example. 60 IN SOA a. b. 1 2 3 4 5\nbad.test.rpz.example. 60 IN CNAME .\n*.bad.test.rpz.example. 60 IN CNAME .';
    expect(parse('rpz', text).entries).toEqual(['2:bad.test', '3:*.bad.test']);
  });

  test('passthru is an exception, for the name or below it', () => {
    const text = 'a.example CNAME rpz-passthru.\n*.a.example CNAME rpz-passthru.';
    expect(parse('rpz', text).exceptions).toEqual(['1:a.example', '2:*.a.example']);
  });

  test('a line that begins with space has the owner of the line before', () => {
    const text = 'a.example A 192.0.2.1\n  CNAME .';
    expect(parse('rpz', text)).toMatchObject({
      entries: ['2:a.example'],
      faults: ['1:unsupported-action'],
    });
  });

  test('what stands at the apex is of the zone and no rule', () => {
    const text =
      '$ORIGIN rpz.example.\n@ TXT "version 7"\n  A 192.0.2.1\n@ ZONEMD 1 1 1 00\n@ CNAME .\na.example CNAME .';
    expect(parse('rpz', text)).toMatchObject({
      entries: ['6:a.example'],
      faults: ['5:bad-syntax'],
    });
    expect(parse('rpz', '@ TXT "of no zone"').faults).toEqual(['1:bad-syntax']);
  });

  test('an escaped sign begins no comment, ends no text and opens no parenthesis', () => {
    const text = [
      'a\\(b.example CNAME .',
      'c\\;d.example CNAME .',
      'e.example TXT "f\\" ( g"',
      'h\\',
      'i.example CNAME .',
    ].join('\n');
    expect(parse('rpz', text)).toMatchObject({
      entries: ['5:i.example'],
      faults: ['1:bad-character', '2:bad-character', '3:unsupported-action', '4:bad-syntax'],
    });
  });

  test('other triggers, other actions and broken lines are refused as what they are', () => {
    const text = [
      '24.0.2.0.192.rpz-ip CNAME .',
      '32.1.2.0.192.rpz-client-ip CNAME .',
      'ns.example.rpz-nsdname CNAME .',
      '32.1.2.0.192.rpz-nsip CNAME rpz-passthru.',
      'a.example CNAME rpz-tcp-only.',
      'a.example CNAME garden.example.',
      'a.example TXT "a ; quoted"',
      'a.example CNAME',
      '$INCLUDE other',
    ].join('\n');
    expect(parse('rpz', text)).toMatchObject({
      entries: [],
      exceptions: [],
      faults: [
        ...[1, 2, 3, 4].map((line) => `${line}:unsupported-trigger`),
        ...[5, 6, 7].map((line) => `${line}:unsupported-action`),
        '8:bad-syntax',
        '9:unsupported-directive',
      ],
    });
  });
});
