/**
 * Looking names up in an image of a million names: names of the list, names below them, names that
 * are on no list. Hashing is a bench of its own, since the query path hashes once for all tables.
 * Printed first: octets allocated by a look-up, which must be 0.
 */

import { createMask } from '../../src/blocklist/category.ts';
import { compileBlocklist } from '../../src/blocklist/compile.ts';
import { lookUpCategories } from '../../src/blocklist/lookup.ts';
import { writeName } from '../../src/dns/name.ts';
import type { SuffixHashes } from '../../src/dns/suffix-hashes.ts';
import { createSuffixHashes, hashSuffixes } from '../../src/dns/suffix-hashes.ts';
import { measure } from '../measure.ts';
import { createRandom, listContent, listNames, NAME_COUNT } from './names.ts';

const SEED = [1, 2] as const;
const ASKED = 10_000;

const names = listNames(NAME_COUNT);
const list = {
  id: 'a',
  categoryBit: 1,
  format: 'domains',
  content: listContent('domains', names),
} as const;
const { blocklist } = compileBlocklist([list], SEED, { isRefused: () => null });
const mask = createMask();
const random = createRandom(2);
const listed = Array.from({ length: ASKED }, () => names[Math.floor(random() * NAME_COUNT)]!);

run('listed', listed);
run(
  'below a listed name',
  listed.map((name) => `www.${name}`),
);
run(
  'on no list',
  listed.map((name) => `www.x${name}`),
);

function run(title: string, asked: readonly string[]): void {
  const hashes = asked.map(hashesOf);
  measure(title, ASKED, () => {
    for (const one of hashes) lookUpCategories(blocklist, one, mask);
  });
}

/** A copy of the hashes that is no larger than the name needs, as 10,000 full ones would fill the cache. */
function hashesOf(name: string): SuffixHashes {
  const wire = new Uint8Array(255);
  writeName(name, wire);
  const full = createSuffixHashes();
  hashSuffixes(full, SEED, wire, 0);
  const count = full.labelCount + 1;
  return { ...full, high: full.high.slice(0, count), low: full.low.slice(0, count) };
}
