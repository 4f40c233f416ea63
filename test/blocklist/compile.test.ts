import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { CompileList } from '../../src/blocklist/compile.ts';
import { compileBlocklist } from '../../src/blocklist/compile.ts';
import type { TextFormatName, ListSource } from '../../src/blocklist/formats/list-format.ts';
import { COVER_BELOW, COVER_BOTH, COVER_EXACT } from '../../src/blocklist/formats/list-format.ts';
import { mayHold } from '../../src/blocklist/image.ts';
import { findInList } from '../../src/blocklist/provenance.ts';
import { writeName } from '../../src/dns/name.ts';
import { createSuffixHashes, hashSuffixes } from '../../src/dns/suffix-hashes.ts';
import { AppError } from '../../src/lib/errors.ts';
import { contentIdOf } from '../../src/lib/image.ts';
import type { NaiveList, NaiveName } from '../support/naive-blocklist.ts';
import { covers, naiveCategories } from '../support/naive-blocklist.ts';
import { aList, categoriesOf, compile, octetsOf, SEED, wireName } from './helpers.ts';

/** How each format writes a list down; formats without exceptions leave those out. */
const WRITERS: Record<TextFormatName, (list: NaiveList) => string[]> = {
  domains: ({ entries }) => entries.map(({ name }) => name),
  hosts: ({ entries }) => entries.map(({ name }) => `0.0.0.0 ${name}`),
  wildcard: ({ entries }) =>
    entries.map(({ name, coverage }) => (coverage === COVER_BOTH ? `*.${name}` : name)),
  adblock: ({ entries, exceptions }) => [
    ...entries.map((entry) => `||${star(entry)}^`),
    ...exceptions.map((exception) => `@@||${star(exception)}^`),
  ],
  dnsmasq: ({ entries, exceptions }) => [
    ...entries.map(({ name }) => `address=/${name}/#`),
    ...exceptions.map(({ name }) => `server=/${name}/#`),
  ],
  rpz: ({ entries, exceptions }) => [
    ...entries.map((entry) => `${star(entry)} CNAME .`),
    ...exceptions.map((exception) => `${star(exception)} CNAME rpz-passthru.`),
  ],
};

const COVERAGES: Record<TextFormatName, readonly number[]> = {
  domains: [COVER_BOTH],
  hosts: [COVER_EXACT],
  wildcard: [COVER_EXACT, COVER_BOTH],
  adblock: [COVER_BELOW, COVER_BOTH],
  dnsmasq: [COVER_BOTH],
  rpz: [COVER_EXACT, COVER_BELOW],
};

function star({ name, coverage }: NaiveName): string {
  return coverage === COVER_BELOW ? `*.${name}` : name;
}

/** Few labels, so that names lie above, below and upon each other. */
const names = fc
  .array(fc.constantFrom('a', 'b'), { minLength: 1, maxLength: 5 })
  .map((labels) => [...labels, 'c'].join('.'));

function listsOf(format: TextFormatName): fc.Arbitrary<{ list: CompileList; naive: NaiveList }> {
  const name = fc.record({ name: names, coverage: fc.constantFrom(...COVERAGES[format]) });
  const hasExceptions = ['adblock', 'dnsmasq', 'rpz'].includes(format);
  return fc
    .record({
      categoryBit: fc.constantFrom(3, 200),
      entries: fc.array(name, { maxLength: 8 }),
      exceptions: fc.array(name, { maxLength: hasExceptions ? 5 : 0 }),
      corrections: fc.array(names, { maxLength: 2 }),
    })
    .map((parts) => {
      const exceptionRule = format === 'adblock' ? 'all' : 'longest';
      const naive: NaiveList = { ...parts, exceptionRule };
      const text = WRITERS[format](naive).join('\n');
      return { naive, list: aList(format, parts.categoryBit, text, { except: parts.corrections }) };
    });
}

const someLists = fc.array(
  fc.constantFrom(...(Object.keys(WRITERS) as TextFormatName[])).chain(listsOf),
  { maxLength: 5 },
);

describe('the compiled image', () => {
  test('says of every name what the lists say: exceptions, corrections and overlaps of all formats', () => {
    fc.assert(
      fc.property(someLists, fc.array(names, { maxLength: 30 }), (lists, asked) => {
        const { blocklist } = compile(...lists.map(({ list }) => list));
        const naive = lists.map((list) => list.naive);
        for (const name of asked) {
          expect(categoriesOf(blocklist, name)).toEqual(naiveCategories(naive, name));
        }
      }),
      { numRuns: 1000 },
    );
  });

  test('agrees with findInList about which lists cover a name', () => {
    fc.assert(
      fc.property(someLists, names, (lists, name) => {
        const wire = wireName(name);
        for (const { list, naive } of lists) {
          const place = findInList(list, wire, wire.length);
          expect(place !== null).toBe(covers(naive, name));
        }
      }),
      { numRuns: 500 },
    );
  });

  test('is the same octet for octet when the same lists are compiled again', () => {
    const list = aList('domains', 1, 'a.example.org\nb.example.org');
    expect(contentIdOf(compile(list).image)).toBe(contentIdOf(compile(list).image));
    const other = compile(aList('domains', 2, 'a.example.org\nb.example.org'));
    expect(contentIdOf(other.image)).not.toBe(contentIdOf(compile(list).image));
  });

  // The second is the worst count for a filter whose size is a power of two.
  test.each([50_000, 87_382])(
    'of %d names needs at most 12 octets a name and keeps every name while the table grows',
    (count) => {
      const lines = Array.from({ length: count }, (_, index) => `n${index}.ex`);
      const { blocklist, report } = compile(aList('domains', 1, lines.join('\n')));
      expect(report.nameCount).toBe(count);
      expect(report.imageOctets / report.nameCount).toBeLessThanOrEqual(12);
      const missing = lines.filter((name) => categoriesOf(blocklist, name).length !== 1);
      expect(missing).toEqual([]);
      expect(categoriesOf(blocklist, `n${count}.ex`)).toEqual([]);
    },
  );

  test('has a filter that lets nearly all other names by without a probe', () => {
    const lines = Array.from({ length: 87_382 }, (_, index) => `n${index}.ex`);
    const { blocklist } = compile(aList('domains', 1, lines.join('\n')));
    const hashes = createSuffixHashes();
    const name = new Uint8Array(255);
    let held = 0;
    for (let index = 0; index < 10_000; index++) {
      writeName(`other${index}.ex`, name);
      hashSuffixes(hashes, SEED, name, 0);
      if (mayHold(blocklist, hashes.low[2]!)) held++;
    }
    expect(held).toBeGreaterThan(0);
    expect(held).toBeLessThan(1500);
  });
});

describe('the memory of a compilation', () => {
  /** `count` names that begin with `head`, made while they are read. */
  function aSource(head: string, count: number): ListSource {
    const line = octetsOf(`${head}-0000000.example\n`);
    const digitAt = head.length + 7;
    return {
      length: count * line.length,
      read(into, at) {
        const length = Math.min(into.length, count * line.length - at);
        for (let index = 0; index < length; index++) {
          const column = (at + index) % line.length;
          const isDigit = column > head.length && column <= digitAt;
          const number = Math.trunc((at + index) / line.length);
          into[index] = isDigit
            ? 0x30 + (Math.trunc(number / 10 ** (digitAt - column)) % 10)
            : line[column]!;
        }
        return length;
      },
    };
  }

  test.each([
    [1_000_000, 1, 50],
    [2_400_000, 8, 62],
  ])(
    'for %d names in %d lists has at most so many octets a name: %d',
    (names, lists, octets) => {
      const parts = Array.from({ length: lists }, (_, list) => {
        const content = aSource(String.fromCharCode(0x61 + list), names / lists);
        return aList('domains', list, '', { content });
      });
      const { report } = compile(...parts);
      expect(report.nameCount).toBe(names);
      expect(report.octetsMax).toBeGreaterThan(names * (16 + report.imageOctets / names));
      expect(report.octetsMax).toBeLessThanOrEqual(names * octets);
    },
    60_000,
  );
});

describe('the report', () => {
  test('counts lines, entries, repeated names and names that the category held already', () => {
    const { report } = compile(
      aList('domains', 1, '# a comment\na.example.org\nb.example.org\nA.example.org.\n'),
      aList('domains', 1, 'b.example.org\nc.example.org'),
      aList('domains', 2, 'b.example.org'),
    );
    expect(report.nameCount).toBe(3);
    expect(report.lists[0]).toMatchObject({ lines: 4, entries: 3, duplicates: 1, overlaps: 0 });
    expect(report.lists[1]).toMatchObject({ lines: 2, entries: 2, duplicates: 0, overlaps: 1 });
    expect(report.lists[2]).toMatchObject({ entries: 1, duplicates: 0, overlaps: 0 });
  });

  test('counts refused lines by reason and shows the first hundred with line and text', () => {
    const bad = Array.from({ length: 150 }, (_, index) => `a..b${index}`);
    const { report } = compile(aList('domains', 1, ['single', ...bad].join('\n')));
    const [list] = report.lists;
    expect(list?.refused).toEqual({ 'single-label': 1, 'bad-name': 150 });
    expect(list?.faults).toHaveLength(100);
    expect(list?.faults[0]).toEqual({ line: 1, reason: 'single-label', text: 'single' });
    expect(list?.faults[1]).toEqual({ line: 2, reason: 'bad-name', text: 'a..b0' });
  });

  test('counts exceptions and the entries that they take out', () => {
    const { report } = compile(
      aList('adblock', 1, '||a.example.org^\n||b.a.example.org^\n@@||a.example.org^\n@@||org^'),
    );
    expect(report.lists[0]).toMatchObject({ entries: 2, excepted: 2, exceptions: 1 });
    expect(report.lists[0]?.refused).toEqual({ 'single-label': 1 });
    expect(report.nameCount).toBe(0);
  });
});

describe('the gate', () => {
  test('keeps refused names out of the image', () => {
    const { blocklist } = compileBlocklist(
      [aList('domains', 1, 'co.example\nbad.co.example')],
      SEED,
      { isRefused: (_name, _length, labels) => (labels === 2 ? 'public-suffix' : null) },
    );
    expect(categoriesOf(blocklist, 'co.example')).toEqual([]);
    expect(categoriesOf(blocklist, 'bad.co.example')).toEqual([1]);
  });

  test('is told hashes and category, and lets a list take out what it may not hold', () => {
    const lists = [
      aList('adblock', 1, '||a.example^\n@@||a.example^'),
      aList('domains', 2, 'a.example'),
    ];
    const { blocklist, report } = compileBlocklist(lists, SEED, {
      isRefused: (_name, _length, labels, hashes, bit) =>
        hashes.labelCount === labels && bit === 1 ? 'protected' : null,
    });
    expect(report.lists.map(({ refused }) => refused)).toEqual([{ protected: 1 }, {}]);
    expect(categoriesOf(blocklist, 'a.example')).toEqual([2]);
  });
});

describe('a correction', () => {
  test('takes a name and all below it out of its own list, and is counted', () => {
    const { blocklist, report } = compile(
      aList('rpz', 1, '*.example.org CNAME .\nbad.a.example.org CNAME .', {
        except: ['a.example.org'],
      }),
      aList('domains', 1, 'b.a.example.org'),
    );
    expect(categoriesOf(blocklist, 'x.example.org')).toEqual([1]);
    expect(categoriesOf(blocklist, 'a.example.org')).toEqual([]);
    expect(categoriesOf(blocklist, 'bad.a.example.org')).toEqual([]);
    expect(categoriesOf(blocklist, 'b.a.example.org')).toEqual([1]);
    expect(report.lists[0]).toMatchObject({ entries: 2, excepted: 1, exceptions: 0 });
  });
});

describe('limits', () => {
  test('a category past the 256 of an image is refused', () => {
    expect(codeOf(() => compile(aList('domains', 256, 'a.example.org')))).toBe('COMPILE_LIMIT');
  });

  test('more than 65,535 sets are refused, 65,535 are not', () => {
    const lists = Array.from({ length: 17 }, (_, bit) => {
      const lines: string[] = [];
      for (let set = 1; set <= 65_536; set++) if ((set >> bit) & 1) lines.push(`n${set}.example`);
      return aList('domains', bit, lines.join('\n'));
    });
    // Only set 65,536 has bit 16: without that list the image is exactly full.
    const full = compile(...lists.slice(0, 16));
    expect(full.report.setCount).toBe(65_536);
    expect(categoriesOf(full.blocklist, 'n65535.example')).toHaveLength(16);
    expect(codeOf(() => compile(...lists))).toBe('COMPILE_LIMIT');
  });
});

describe('a collision of tags', () => {
  // Found by trying forty million names under this seed: the 48 bits of the tag agree.
  const pair = ['neq0lc.example.org', 'nf4p5g.example.org'];

  test('is refused where a look-up could take one name for the other', () => {
    expect(codeOf(() => compile(aList('domains', 1, pair.join('\n'))))).toBe('COMPILE_COLLISION');
  });

  test('is none of a name with itself, and another seed has another pair', () => {
    expect(compile(aList('domains', 1, `${pair[0]!}\n${pair[0]!}`)).report.nameCount).toBe(1);
    const list = aList('domains', 1, pair.join('\n'));
    const { report } = compileBlocklist([list], [3, 4], { isRefused: () => null });
    expect(report.nameCount).toBe(2);
  });
});

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof AppError) return error.code;
    throw error;
  }
  return 'no error';
}
