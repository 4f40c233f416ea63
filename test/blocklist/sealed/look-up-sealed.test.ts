import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bitsOf, createMask } from '../../../src/blocklist/category.ts';
import {
  addSealedCategories,
  createSealedLists,
  findSealedRecords,
  type SealedLists,
} from '../../../src/blocklist/sealed/look-up-sealed.ts';
import {
  createSealedSection,
  findSectionFault,
  readSealedSection,
} from '../../../src/blocklist/sealed/sealed-section.ts';
import { createSuffixHashes, hashSuffixes } from '../../../src/dns/suffix-hashes.ts';
import { deriveListKeys } from '../../../src/sealing/list-keys.ts';
import { openSealedLists } from '../../../src/sealing/open-sealed.ts';
import { aSealedFile, aSealedPart, LIST_KEY, type SealedText } from '../../support/sealed.ts';
import { SEED, wireName } from '../helpers.ts';

const COURT = 3;
const POLICE = 40;

function aSection(text: string, options: SealedText = {}): Uint32Array {
  return createSealedSection([aSealedPart(COURT, aSealedFile(text, options))]);
}

function opened(sealed: Uint32Array): SealedLists {
  const lists = openSealedLists({ sealed }, [LIST_KEY]);
  if (lists === null) throw new Error('no lists');
  return lists;
}

/** The category bits of a name; it stands behind other octets, as a target does. */
function categoriesOf(sealed: SealedLists, name: string): number[] {
  const octets = Uint8Array.from([9, 9, 9, ...wireName(name), 9, 9]);
  const hashes = createSuffixHashes();
  hashSuffixes(hashes, SEED, octets, 3);
  const mask = createMask();
  const isAny = addSealedCategories(sealed, octets, 3, hashes, mask);
  expect(isAny).toBe(bitsOf(mask).length > 0);
  const records = findSealedRecords(sealed, octets, 3, hashes);
  expect(records.map(({ categoryBit }) => categoryBit)).toEqual(bitsOf(mask));
  return bitsOf(mask);
}

describe('a sealed list', () => {
  it('holds its names and, as the format says, what is below', () => {
    const lists = opened(aSection('one.example.org\ntwo.example.net\n'));
    for (const name of ['one.example.org', 'two.example.net', 'a.b.two.example.net']) {
      expect(categoriesOf(lists, name), name).toEqual([COURT]);
    }
    for (const name of ['example.org', 'org', '.', 'eone.example.org', 'three.example.org']) {
      expect(categoriesOf(lists, name), name).toEqual([]);
    }
  });

  it('tells the name itself from what is below', () => {
    const text = 'exact.example.org\n*.both.example.org\n';
    const lists = opened(aSection(text, { format: 'wildcard' }));
    expect(categoriesOf(lists, 'exact.example.org')).toEqual([COURT]);
    expect(categoriesOf(lists, 'www.exact.example.org')).toEqual([]);
    expect(categoriesOf(lists, 'both.example.org')).toEqual([COURT]);
    expect(categoriesOf(lists, 'www.both.example.org')).toEqual([COURT]);
    const below = opened(aSection('||*.example.org^\n', { format: 'adblock' }));
    expect(categoriesOf(below, 'example.org')).toEqual([]);
    expect(categoriesOf(below, 'www.example.org')).toEqual([COURT]);
  });

  it('says the same when it is asked again, of listed names and of others', () => {
    const lists = opened(aSection('one.example.org\n'));
    for (let round = 0; round < 3; round++) {
      expect(categoriesOf(lists, 'www.one.example.org')).toEqual([COURT]);
      expect(categoriesOf(lists, 'www.two.example.org')).toEqual([]);
    }
  });

  it('adds to the categories that other lists have found', () => {
    const lists = opened(aSection('one.example.org\n'));
    const hashes = createSuffixHashes();
    const name = wireName('one.example.org');
    hashSuffixes(hashes, SEED, name, 0);
    const mask = createMask();
    mask[2] = 8;
    addSealedCategories(lists, name, 0, hashes, mask);
    expect(bitsOf(mask)).toEqual([COURT, 67]);
  });

  it('computes no digest for what its tags leave out, and none twice for a name that it has not', () => {
    const section = aSection('one.example.org\ntwo.deep.example.org\n');
    let digests = 0;
    const lists = createSealedLists(readSealedSection(section), () => {
      const keys = deriveListKeys(LIST_KEY.key, 'court');
      return {
        ...keys,
        digest: (...args) => {
          digests++;
          keys.digest(...args);
        },
      };
    })!;
    const hashes = createSuffixHashes();
    const ask = (text: string): boolean => {
      const name = wireName(text);
      hashSuffixes(hashes, SEED, name, 0);
      return addSealedCategories(lists, name, 0, hashes, createMask());
    };
    expect(ask('one.example.org')).toBe(true);
    expect(digests).toBe(1);
    const others = Array.from({ length: 5000 }, (_, index) => `n${index}.example.com`);
    for (const name of others) expect(ask(name)).toBe(false);
    const first = digests;
    // Two tags among 4,096, and two suffixes a name that have labels enough.
    expect(first).toBeLessThan(20);
    // Asked again at once: whatever its tag, it is known.
    for (const name of others) {
      ask(name);
      const before = digests;
      ask(name);
      expect(digests).toBe(before);
    }
    // Too few labels to be in it.
    ask('com');
    ask('example');
    expect(ask('one.example.org')).toBe(true);
  });

  it('holds exactly what a set of its names holds', () => {
    const label = fc.constantFrom('a', 'b', 'c', 'dd');
    const name = fc
      .array(label, { minLength: 1, maxLength: 5 })
      .map((labels) => `${labels.join('.')}.example`);
    const names = fc.array(name, { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(names, fc.array(name, { maxLength: 30 }), (listed, asked) => {
        const lists = opened(aSection(listed.join('\n')));
        for (const one of [...asked, ...listed]) {
          const isListed = listed.some((entry) => one === entry || one.endsWith(`.${entry}`));
          expect(categoriesOf(lists, one), one).toEqual(isListed ? [COURT] : []);
        }
      }),
      { numRuns: 60 },
    );
  });
});

describe('the section of sealed lists', () => {
  const files = [
    aSealedPart(COURT, aSealedFile('one.example.org\n', { serial: 2 ** 40 + 5 })),
    aSealedPart(POLICE, aSealedFile('one.example.org\ntwo.example.org\n', { list: 'police' })),
  ];

  it('is empty without lists', () => {
    expect(createSealedSection([])).toHaveLength(0);
    expect(readSealedSection(new Uint32Array(0))).toEqual([]);
    expect(openSealedLists({ sealed: new Uint32Array(0) }, [])).toBeNull();
  });

  it('holds several lists, of which each looks the same name up under keys of its own', () => {
    const section = createSealedSection(files);
    expect(findSectionFault(section)).toBeNull();
    const lists = opened(section);
    expect(categoriesOf(lists, 'one.example.org')).toEqual([COURT, POLICE]);
    expect(categoriesOf(lists, 'two.example.org')).toEqual([POLICE]);
    const [court, police] = readSealedSection(section);
    expect(court).toMatchObject({ list: 'court', keyId: 'key-1', names: 1, serial: 2 ** 40 + 5 });
    expect(court?.sha256).toBe(files[0]?.sha256);
    expect([...police!.entries]).not.toContain(court!.entries[0]);
  });

  it('is refused where it would lead a look-up astray', () => {
    for (const [word, value, fault] of [
      [0, 0, 'are cut'],
      [0, 200, 'are cut'],
      [1, 256, 'category'],
      [4, 31, 'numbers'],
      [5, 0, 'numbers'],
      [5, 900_000, 'is cut'],
      [6, 900_000, 'is cut'],
      [7, 900_000, 'is cut'],
    ] as const) {
      const section = createSealedSection(files);
      section[word] = value;
      expect(findSectionFault(section), `word ${word}`).toContain(fault);
    }
  });
});
