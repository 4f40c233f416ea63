/**
 * What downloads really bring: every format survives it, counts it, and goes on with the next line.
 */

import { describe, expect, test } from 'vitest';
import type { TextFormatName, ListSource } from '../../../src/blocklist/formats/list-format.ts';
import { LIST_FORMAT_NAMES } from '../../../src/blocklist/formats/list-format.ts';
import { LIST_FORMATS } from '../../../src/blocklist/formats/parse-list.ts';
import { inspectContent } from '../../../src/lists/inspect-content.ts';
import { octetsOf, parse } from '../helpers.ts';

const WRITE: Record<TextFormatName, (name: string) => string> = {
  domains: (name) => name,
  hosts: (name) => `0.0.0.0 ${name}`,
  adblock: (name) => `||${name}^`,
  dnsmasq: (name) => `address=/${name}/#`,
  rpz: (name) => `${name} CNAME .`,
  wildcard: (name) => `*.${name}`,
};

/** Text as Latin-1: one octet a character. */
function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function octets(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  return Buffer.concat(parts.map((part) => (typeof part === 'string' ? octetsOf(part) : part)));
}

describe.each(LIST_FORMAT_NAMES)('%s', (format) => {
  const write = WRITE[format];
  const good = write('good.example');
  const last = write('last.example');

  /** The reasons that lines get between two good ones, which are always read. */
  function reasonsOf(between: string | Uint8Array): string[] {
    const { entries, faults, lines } = parse(format, octets(`${good}\n`, between, `\n${last}\n`));
    expect(entries[0]).toContain('good.example');
    expect(entries.at(-1)).toContain(`${lines}:`);
    expect(entries.at(-1)).toContain('last.example');
    return faults;
  }

  test('a NUL in a name or a run of them is refused with its line', () => {
    expect(reasonsOf(write('a\0b.example'))).toEqual(['2:bad-character']);
    expect(reasonsOf('\0'.repeat(3000))).toHaveLength(1);
  });

  test('names in Latin-1 are refused, those beside them are not', () => {
    expect(reasonsOf(latin1(write('b\u00fccher.example')))).toEqual(['2:bad-idn']);
  });

  test('UTF-16 in the middle is refused line by line', () => {
    const wide = Buffer.from(`${write('wide.example')}\r\n`, 'utf16le');
    const faults = reasonsOf(wide);
    expect(faults.length).toBeGreaterThan(0);
    expect(faults.length).toBeLessThan(4);
  });

  test('a byte order mark in the middle, where files were joined, is passed over', () => {
    const joined = `${good}\n\ufeff${write('second.example')}\n`;
    expect(parse(format, joined).faults).toEqual([]);
    expect(parse(format, joined).entries[1]).toContain('second.example');
  });

  test('lines of HTML are refused as markup', () => {
    const page = ['<!DOCTYPE html>', '  <p>gone</p>', '</html>', '<?xml version="1.0"?>'];
    for (const line of page) expect(reasonsOf(line), line).toEqual(['2:markup']);
  });

  test('an asterisk anywhere but in front is refused as what it is', () => {
    for (const name of ['a.*.example', 'a*.example', 'example.*', '*a.example', 'a.example*']) {
      expect(reasonsOf(write(name)), name).toEqual(['2:bad-wildcard']);
    }
  });

  test('addresses are refused as addresses', () => {
    for (const name of ['192.0.2.1', '192.0.2.1.', '1.2.3', '[2001:db8::1]', '2001:db8::1']) {
      expect(reasonsOf(write(name)), name).toEqual(['2:ip-address']);
    }
  });

  test('names in scripts of the world, ideographic dots and trailing dots are read', () => {
    for (const name of [
      'пример.рф',
      'مثال.إختبار',
      '例え。テスト',
      'straße.example.',
      'A.EXAMPLE.',
    ]) {
      const { entries, faults } = parse(format, write(name));
      expect(faults, name).toEqual([]);
      expect(entries, name).toHaveLength(1);
      expect(entries[0], name).toMatch(/^1:[+*.]*[a-z0-9.-]+[a-z0-9]$/);
    }
  });

  test('CR alone ends lines, mixed with every other end', () => {
    const names = ['a', 'b', 'c', 'd', 'e'].map((label) => write(`${label}.example`));
    const text = names
      .map((line, index) => line + ['\r', '\n', '\r\n', '\r\r', ''][index]!)
      .join('');
    expect(parse(format, text).entries).toHaveLength(5);
    expect(parse(format, text).lines).toBe(6);
  });

  test('a line of a megabyte is refused once', () => {
    const text = parse(format, `${good}\n${'x'.repeat(1_048_576)}\n${last}\n`);
    expect(text.faults).toEqual(['2:line-too-long']);
    expect(text.entries).toHaveLength(2);
  });
});

/** Ten million lines that nobody holds in memory. */
class EndlessLines implements ListSource {
  readonly length: number;
  readonly #block: Uint8Array;

  constructor(block: string, lines: number) {
    this.#block = octetsOf(block);
    this.length = this.#block.length * (lines / block.split('\n').slice(1).length);
  }

  read(into: Uint8Array, at: number): number {
    const count = Math.min(into.length, this.length - at);
    for (let done = 0; done < count;) {
      const from = (at + done) % this.#block.length;
      const part = this.#block.subarray(from, from + count - done);
      into.set(part, done);
      done += part.length;
    }
    return count;
  }
}

describe('lines by the million', () => {
  const LINES = 10_000_000;

  test.each(LIST_FORMAT_NAMES)('of %s are read through a small window', (format) => {
    const block = Array.from(
      { length: 100 },
      (_, index) => `${WRITE[format](`n${index}.example`)}\n`,
    );
    let entries = 0;
    const before = process.memoryUsage().arrayBuffers;
    const lines = LIST_FORMATS[format].parse(new EndlessLines(block.join(''), LINES / 10), {
      entry: () => {
        entries++;
      },
      exception: () => undefined,
      reject: () => undefined,
    });
    expect([lines, entries]).toEqual([LINES / 10, LINES / 10]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(4 * 1_048_576);
  });

  test('that say the same all over are counted as duplicates, and faults are counted past the hundredth', () => {
    const block = `a.example.org\nb.example.org\n\n${'# comment\n'.repeat(6)}bad..name\n`;
    const report = inspectContent(new EndlessLines(block, LINES), 'domains');
    expect(report).toMatchObject({ entries: 2_000_000, duplicates: 1_999_998 });
    expect(report.refused).toEqual({ 'bad-name': 1_000_000 });
    expect(report.faults).toHaveLength(100);
    expect(report.faults[99]).toEqual({ line: 1000, reason: 'bad-name', text: 'bad..name' });
  }, 60_000);
});
