/**
 * Real lists from ../shared/data/lists, each compiled as a category of its own. What a line holds is
 * read a second time here with plain text functions; the two readings must agree on every name.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getPublicSuffix } from 'tldts';
import { describe, expect, test } from 'vitest';
import { bitsOf, createMask, hasBit } from '../../src/blocklist/category.ts';
import { type CompileList, compileBlocklist } from '../../src/blocklist/compile.ts';
import { detectFormat } from '../../src/blocklist/formats/detect.ts';
import type { ListFormatName } from '../../src/blocklist/formats/list-format.ts';
import type { BlocklistImage } from '../../src/blocklist/image.ts';
import { lookUpCategories } from '../../src/blocklist/lookup.ts';
import { writeName } from '../../src/dns/name.ts';
import { createSuffixHashes, hashSuffixes } from '../../src/dns/suffix-hashes.ts';
import { createProtectingGate } from '../../src/lists/gate.ts';
import {
  PlainCategories,
  type PlainFormat,
  readPlainList,
} from '../integration/support/plain-lists.ts';
import { compile, SEED } from './helpers.ts';

const FOLDER = join(import.meta.dirname, '../../../shared/data/lists');
const FORMATS_BY_END: Record<string, ListFormatName> = {
  adblock: 'adblock',
  dnsmasq: 'dnsmasq',
  hosts: 'hosts',
  domains: 'domains',
  txt: 'domains',
};

describe.skipIf(!existsSync(FOLDER))('real lists (skipped where ../shared/data is absent)', () => {
  const files = existsSync(FOLDER) ? readdirSync(FOLDER).sort() : [];
  const lists = files.map((file, categoryBit) => readList(file, categoryBit));

  test.each(lists.map(({ id, format }) => [id, format]))('%s is detected as %s', (id, format) => {
    expect(format).toBe(FORMATS_BY_END[id.split('.').at(-1)!]);
  });

  test('every name that a plain reading finds is in its category, and every refused line is counted', () => {
    const { blocklist, report } = compile(...lists);
    const hashes = createSuffixHashes();
    const mask = createMask();
    const wire = new Uint8Array(255);
    for (const [index, list] of lists.entries()) {
      const plain = plainNames(list);
      const missing = plain.filter((name) => {
        writeName(name, wire);
        hashSuffixes(hashes, SEED, wire, 0);
        return !lookUpCategories(blocklist, hashes, mask) || !hasBit(mask, list.categoryBit);
      });
      expect(missing, list.id).toEqual([]);
      const { entries, refused } = report.lists[index]!;
      // What the plain reading leaves out (addresses, single labels, Unicode) is little in all of them.
      const refusedCount = Object.values(refused).reduce((sum, count) => sum + count, 0);
      expect(entries - plain.length, list.id).toBeGreaterThanOrEqual(0);
      expect(entries - plain.length, list.id).toBeLessThanOrEqual(1);
      if (list.id !== 'ut1-drogue.domains') expect(refusedCount).toBeLessThan(entries / 100 + 3);
    }
    expect(report.imageOctets / report.nameCount).toBeLessThanOrEqual(12);
  });
});

describe.skipIf(!existsSync(FOLDER))('all real lists in one image', () => {
  const files = existsSync(FOLDER) ? readdirSync(FOLDER).sort() : [];
  const protectedFile = join(import.meta.dirname, '../../blocklists/protected.txt');
  const PROTECTED_BIT = 255;

  test('decide of every name as plain maps do, which were filled without our parsers', () => {
    const lists = files.map((file, categoryBit) => readList(file, categoryBit));
    const protectedList: CompileList = {
      ...{ id: 'protected', categoryBit: PROTECTED_BIT, format: 'domains' },
      content: new Uint8Array(readFileSync(protectedFile)),
    };
    const isRefused = createProtectingGate([protectedList], SEED);
    const before = process.cpuUsage();
    const { blocklist, report } = compileBlocklist(lists, SEED, { isRefused });
    const { user, system } = process.cpuUsage(before);

    const plain = new PlainCategories();
    const protectedNames = readPlainList(protectedFile, 'domains').entries.map(({ name }) => name);
    const isProtected = suffixTest(new Set(protectedNames));
    const asked = new Set<string>();
    for (const [index, list] of lists.entries()) {
      const { entries } = readPlainList(join(FOLDER, list.id), list.format as PlainFormat);
      const names = entries.map(({ name }) => name);
      const good = names.filter((name) => isListable(name) && !isProtected(name));
      for (const [place, name] of good.entries()) {
        plain.add(name, list.id, list.format !== 'hosts');
        asked.add(name).add(name.slice(name.indexOf('.') + 1));
        if (place % 4 === 0) asked.add(`www.${name}`).add(`x${name}`);
      }
      const found = report.lists[index]!;
      expect([found.id, found.entries]).toEqual([list.id, good.length]);
      expect([found.id, found.duplicates]).toEqual([list.id, good.length - new Set(good).size]);
    }
    const queries = join(FOLDER, '../queries');
    for (const file of readdirSync(queries)) {
      for (const name of readFileSync(join(queries, file), 'utf8').split('\n')) asked.add(name);
    }
    const wrong = [...asked].filter((name) => {
      const categories = categoriesFound(blocklist, name).map((bit) => lists[bit]!.id);
      return categories.join() !== [...plain.of(name)].sort().join();
    });
    expect(wrong.slice(0, 10)).toEqual([]);
    expect(asked.size).toBeGreaterThan(900_000);

    const { nameCount, imageOctets } = report;
    expect(imageOctets / nameCount).toBeLessThanOrEqual(12);
    console.log(
      [
        ...report.lists.map(
          ({ id, lines, entries, duplicates, refused }) =>
            `${id}: ${lines} lines, ${entries} names, ${duplicates} duplicates, refused ${JSON.stringify(refused)}`,
        ),
        `${nameCount} names, ${(imageOctets / nameCount).toFixed(2)} octets a name, ` +
          `compiled in ${((user + system) / 1000).toFixed(0)} ms of CPU; ${asked.size} names asked`,
      ].join('\n'),
    );
  }, 120_000);
});

/** What a gate and a parser leave of plain names, by rules written down a second time. */
function isListable(name: string): boolean {
  const labels = name.split('.');
  if (labels.length < 2 || name.length > 253 || /^\d+$/.test(labels.at(-1)!)) return false;
  if (labels.some((label) => !/^[a-z0-9_-]{1,63}$/.test(label))) return false;
  return getPublicSuffix(name, { allowPrivateDomains: false }) !== name;
}

function suffixTest(names: ReadonlySet<string>): (name: string) => boolean {
  return (name) => {
    const labels = name.split('.');
    return labels.some((_, index) => names.has(labels.slice(index).join('.')));
  };
}

const found = { hashes: createSuffixHashes(), mask: createMask(), wire: new Uint8Array(255) };

/** Category bits in rising order, which is the order of the files. */
function categoriesFound(blocklist: BlocklistImage, name: string): number[] {
  if (writeName(name, found.wire) === 0) return [];
  hashSuffixes(found.hashes, SEED, found.wire, 0);
  return lookUpCategories(blocklist, found.hashes, found.mask) ? bitsOf(found.mask) : [];
}

/** A list in memory. */
type ReadList = CompileList & { readonly content: Uint8Array };

function readList(file: string, categoryBit: number): ReadList {
  const content = new Uint8Array(readFileSync(join(FOLDER, file)));
  const format = detectFormat(content);
  if (format === null) throw new Error(`${file} has no format`);
  return { id: file, categoryBit, format, content };
}

/** The names of a list as a person would read them off, lower-cased. */
function plainNames(list: ReadList): string[] {
  const names: string[] = [];
  for (const line of new TextDecoder().decode(list.content).split('\n')) {
    const text = line.replace(/#.*/, '').trim().toLowerCase();
    if (text === '' || text.startsWith('!')) continue;
    const bare = text.replace(/^(?:\|\||server=\/|[\d.]+\s)/, '').replace(/[/^]$/, '');
    for (const word of bare.trim().split(/\s+/)) {
      const name = word.replace(/\.$/, '');
      if (/^[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.[a-z0-9_-]*[a-z_-][a-z0-9_-]*$/.test(name))
        names.push(name);
    }
  }
  return names.filter((name) => name !== 'localhost.localdomain');
}
