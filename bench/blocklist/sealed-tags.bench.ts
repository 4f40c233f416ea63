/**
 * How often a name that no sealed list holds is digested in vain, since one of its suffixes has the tag of
 * a name that is listed, and what that costs. It depends on how many names there are for the bits of a tag,
 * and on how many numbers of labels the names of the list have: each is one suffix more to look at.
 */

import { createMask } from '../../src/blocklist/category.ts';
import {
  addSealedCategories,
  createSealedLists,
  SEEN_SLOTS,
} from '../../src/blocklist/sealed/look-up-sealed.ts';
import {
  createSealedSection,
  readSealedSection,
} from '../../src/blocklist/sealed/sealed-section.ts';
import { createSuffixHashes, hashSuffixes } from '../../src/dns/suffix-hashes.ts';
import type { HashSeed } from '../../src/lib/half-siphash.ts';
import { deriveListKeys } from '../../src/sealing/list-keys.ts';
import { wireName } from '../../test/support/dns-query.ts';
import { aSealedFile, aSealedPart, LIST_KEY } from '../../test/support/sealed.ts';
import { measure, print } from '../measure.ts';
import { listNames } from './names.ts';

const UNLISTED = 500_000;
const SIZES = [20_000, 100_000];
const ROUND = 500;
/** Of those that remember names. */
const SEEN_LAST = SEEN_SLOTS - 1;
const SEED: HashSeed = [1, 2];

const all = listNames(UNLISTED + Math.max(...SIZES));
/** As clients ask: half of them with a label more than a list would have. */
const unlisted = all
  .slice(0, UNLISTED)
  .map((name, index) => wireName(index % 2 === 0 ? name : `www.${name}`));
const mask = createMask();

const hashes = createSuffixHashes();
let digests = 0;

for (const size of SIZES) measureTags(size);

function measureTags(size: number): void {
  const names = all.slice(UNLISTED, UNLISTED + size);
  const section = createSealedSection([aSealedPart(0, aSealedFile(names.join('\n')))]);
  const lists = createSealedLists(readSealedSection(section), ({ list }) => {
    const { tagKey, digest } = deriveListKeys(LIST_KEY.key, list);
    return {
      tagKey,
      digest: (name, at, length, out) => {
        digests++;
        digest(name, at, length, out);
      },
    };
  });
  const record = lists?.lists[0]?.record;
  if (lists === null || record === undefined) throw new Error('there is a list');

  /** As for a name that was never looked for. @returns digests that were computed */
  const lookUp = (name: Uint8Array): number => {
    const before = digests;
    hashSuffixes(hashes, SEED, name, 0);
    const low = hashes.low[hashes.labelCount]!;
    lists.seen[(low & SEEN_LAST) * 2] = low ^ 1;
    if (addSealedCategories(lists, name, 0, hashes, mask)) throw new Error('it is in no list');
    return digests - before;
  };
  const inVain: Uint8Array[] = [];
  const others: Uint8Array[] = [];
  let total = 0;
  for (const name of unlisted) {
    const count = lookUp(name);
    total += count;
    if (count === 0 && others.length < ROUND) others.push(name);
    if (count === 1 && inVain.length < ROUND) inVain.push(name);
  }
  const { tagBits, labelsMin, labelsMax } = record;
  const title = `${size} names of ${labelsMin} to ${labelsMax} labels`;
  print(
    title,
    `1 in ${(unlisted.length / total).toFixed(0)}`,
    `a suffix: 1 in ${(2 ** tagBits / size).toFixed(0)}`,
  );
  for (const [what, asked] of [
    ['no tag', others],
    ['a tag, in vain', inVain],
  ] as const) {
    measure(`  ${what}`, asked.length, () => {
      for (const name of asked) lookUp(name);
    });
  }
}
