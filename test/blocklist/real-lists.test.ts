/**
 * Real lists from ../shared/data/lists, each compiled as a category of its own. What a line holds is
 * read a second time here with plain text functions; the two readings must agree on every name.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { hasBit } from '../../src/blocklist/category.ts';
import type { CompileList } from '../../src/blocklist/compile.ts';
import { detectFormat } from '../../src/blocklist/formats/detect.ts';
import type { ListFormatName } from '../../src/blocklist/formats/list-format.ts';
import { lookUpCategories } from '../../src/blocklist/lookup.ts';
import { createMask } from '../../src/blocklist/category.ts';
import { writeName } from '../../src/dns/name.ts';
import { createSuffixHashes, hashSuffixes } from '../../src/dns/suffix-hashes.ts';
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
