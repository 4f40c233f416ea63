import { expect, test } from 'vitest';
import type { TextFormatName, ListSource } from '../../../src/blocklist/formats/list-format.ts';
import { LIST_FORMAT_NAMES } from '../../../src/blocklist/formats/list-format.ts';
import { LIST_FORMATS } from '../../../src/blocklist/formats/parse-list.ts';
import { SeededRandom } from '../../fuzz/random.ts';
import { octetsOf } from '../helpers.ts';

const WINDOW_OCTETS = 256 * 1024;

/** As a file is read; remembers how much was asked for at a time. */
function aSource(octets: Uint8Array): ListSource & { readonly asked: number[] } {
  const asked: number[] = [];
  return {
    length: octets.length,
    asked,
    read(into, at) {
      asked.push(into.length);
      const part = octets.subarray(at, at + into.length);
      into.set(part);
      return part.length;
    },
  };
}

/** Everything that a parser says, in order. */
function finds(format: TextFormatName, content: Uint8Array | ListSource): string[] {
  const found: string[] = [];
  const nameOf = (name: Uint8Array, length: number): string =>
    new TextDecoder().decode(name.subarray(0, length));
  const lines = LIST_FORMATS[format].parse(content, {
    entry: (name, length, coverage, line) =>
      found.push(`${line} ${coverage} ${nameOf(name, length)}`),
    exception: (name, length, coverage, line) =>
      found.push(`${line} except ${coverage} ${nameOf(name, length)}`),
    reject: (line, reason, text) => found.push(`${line} ${reason} ${text}`),
  });
  return [...found, `${lines} lines`];
}

/** Lines of every kind and length, three windows of them, with all line ends. */
function someList(format: TextFormatName, seed: number): Uint8Array {
  const random = new SeededRandom(seed);
  const texts: Record<TextFormatName, readonly string[]> = {
    domains: ['NAME', '*.NAME', '# comment', 'NAME # why', '', 'a b'],
    hosts: ['0.0.0.0 NAME', '::1 NAME b.NAME', '# comment', '', 'NAME'],
    adblock: ['||NAME^', '@@||NAME^', '! comment', '', '/banner/', '||NAME^$popup'],
    dnsmasq: ['address=/NAME/#', 'server=/NAME/', 'server=/NAME/#', '# comment', '', 'port=5'],
    rpz: ['NAME CNAME .', '    CNAME rpz-passthru.', 'NAME. IN CNAME .', '', '; comment'],
    wildcard: ['*.NAME', 'NAME', '# comment', '', 'a b'],
  };
  const parts: string[] = [];
  for (let octets = 0, line = 0; octets < 3 * WINDOW_OCTETS; line++) {
    const filler = random.below(1000) === 0 ? ' '.repeat(5000) : '';
    const name = `n${line}.${random.pick(['a', 'bc'])}.example`;
    const text = random.pick(texts[format]).replace(/NAME/g, name);
    const repeated = random.below(500) === 0 ? text.repeat(300) : text;
    parts.push(`${filler}${repeated}${random.pick(['\n', '\r\n', '\r'])}`);
    octets += parts.at(-1)!.length;
  }
  return octetsOf(parts.join(''));
}

test.each(LIST_FORMAT_NAMES)('%s read in windows says what it says in memory', (format) => {
  const list = someList(format, 7);
  const inMemory = finds(format, list);
  expect(inMemory.length).toBeGreaterThan(5_000);
  // Each cut moves every later border of the windows by an octet.
  for (let cut = 0; cut < 4; cut++) {
    const part = list.subarray(cut);
    const source = aSource(part);
    expect(finds(format, source), `from octet ${cut}`).toEqual(finds(format, part));
    expect(Math.max(...source.asked)).toBeLessThanOrEqual(WINDOW_OCTETS);
  }
});

test.each(['\n', '\r\n', '\r'])(
  'a line longer than the window is refused once, ended by %j',
  (end) => {
    for (const length of [-2, -1, 0, 1, 2, WINDOW_OCTETS]) {
      const long = 'x'.repeat(WINDOW_OCTETS + length);
      const list = octetsOf(`first.example${end}${long}${end}${end}last.example${end}`);
      const found = finds('domains', aSource(list));
      expect(found, `${length}`).toEqual(finds('domains', list));
      expect(found.at(-1)).toBe('4 lines');
      const alone = octetsOf(`${long}${end}last.example`);
      expect(finds('domains', aSource(alone)), `${length}`).toEqual(finds('domains', alone));
    }
  },
);

const SPACES = ' '.repeat(WINDOW_OCTETS);

test.each(LIST_FORMAT_NAMES)('%s refuses a line longer than the window whole', (format) => {
  const good = {
    ...{ domains: 'good.example', hosts: '0.0.0.0 good.example', wildcard: '*.good.example' },
    ...{
      adblock: '||good.example^',
      dnsmasq: 'address=/good.example/#',
      rpz: 'good.example CNAME .',
    },
  }[format];
  const longLines = [
    `${SPACES}${good}`,
    `${good}${SPACES}`,
    `${good}${SPACES}other.example`,
    `${' '.repeat(5000)}${good}`,
    SPACES + SPACES,
  ];
  for (const long of longLines) {
    const list = octetsOf(`${good}\n${long}\n${good}\n`);
    for (const content of [list, aSource(list)]) {
      const found = finds(format, content);
      const places = found.map((find) => find.split(' ').slice(0, 2).join(' '));
      const [entry = ''] = places;
      expect(places).toEqual([entry, '2 line-too-long', entry.replace('1', '3'), '3 lines']);
    }
  }
});

test('a file that became shorter ends where it ends', () => {
  const list = octetsOf('a.example\nb.example\n');
  const source = { ...aSource(list), length: 1000 };
  expect(finds('domains', source)).toEqual(finds('domains', list));
});

test.each([
  ['adblock', '@@||good.example^'],
  ['dnsmasq', 'server=/good.example/#'],
  ['rpz', 'good.example CNAME rpz-passthru.'],
] as const)('exceptions of %s are found behind the first window', (format, line) => {
  const comment = { adblock: '! c\n', dnsmasq: '# c\n', rpz: '; c\n' }[format];
  const filler = comment.repeat(WINDOW_OCTETS / 4);
  const { mayHaveExceptions } = LIST_FORMATS[format];
  expect(mayHaveExceptions(aSource(octetsOf(`${filler}${line}\n`)))).toBe(true);
  expect(mayHaveExceptions(aSource(octetsOf(filler)))).toBe(false);
});

test.each([-2, -1, 0, 1])(
  'a CRLF %d octets from the border of two windows ends one line',
  (shift) => {
    const first = `${'x'.repeat(60)}.example`;
    const filler = '#'.repeat(WINDOW_OCTETS - first.length - 3 + shift);
    const list = octetsOf(`${first}\n${filler}\r\nb.example\r\nc.example\r\n`);
    const found = finds('domains', aSource(list));
    expect(found).toEqual(finds('domains', list));
    expect(found.at(-1)).toBe('4 lines');
  },
);

test('an owner of RPZ is repeated from a window that is gone', () => {
  const list = octetsOf(`bad.example CNAME .\n${'; c\n'.repeat(WINDOW_OCTETS / 2)} CNAME .\n`);
  const found = finds('rpz', aSource(list));
  expect(found).toEqual(finds('rpz', list));
  expect(found.filter((find) => find.includes('bad'))).toHaveLength(2);
});
