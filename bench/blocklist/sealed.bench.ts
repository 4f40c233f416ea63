/**
 * What a sealed list adds to the look-up of a name that is not in it, as almost all are: names that
 * were asked before, and names that all are new, of which one in some 200 is digested.
 */

import { createMask } from '../../src/blocklist/category.ts';
import { addSealedCategories } from '../../src/blocklist/sealed/look-up-sealed.ts';
import { createSealedSection } from '../../src/blocklist/sealed/sealed-section.ts';
import {
  createSuffixHashes,
  hashSuffixes,
  type SuffixHashes,
} from '../../src/dns/suffix-hashes.ts';
import { openSealedLists } from '../../src/sealing/open-sealed.ts';
import { wireName } from '../../test/support/dns-query.ts';
import { aSealedFile, aSealedPart, LIST_KEY } from '../../test/support/sealed.ts';
import { measure, measureInPlace, print } from '../measure.ts';

const LISTED = 20_000;
const ROUND = 1000;
const NEW_NAMES = 1 << 20;

interface Asked {
  readonly name: Uint8Array;
  readonly hashes: SuffixHashes;
}

const listed = Array.from({ length: LISTED }, (_, index) => `n${index}.sealed.example`).join('\n');
const part = aSealedPart(0, aSealedFile(listed));
const sealed = openSealedLists({ sealed: createSealedSection([part]) }, [LIST_KEY])!;
const mask = createMask();

function asked(text: string): Asked {
  const hashes = createSuffixHashes();
  const name = wireName(text);
  hashSuffixes(hashes, [1, 2], name, 0);
  return { name, hashes };
}

const few = Array.from({ length: ROUND }, (_, index) => asked(`www.host${index}.example.org`));

measureInPlace('a name seen before', ROUND, () => {
  for (let index = 0; index < ROUND; index++) {
    addSealedCategories(sealed, few[index]!.name, 0, few[index]!.hashes, mask);
  }
});

let next = 0;
measure('a name never seen', ROUND, () => {
  // The lanes alone make it another name to those who remember it.
  for (let index = 0; index < ROUND; index++) {
    const { name, hashes } = few[index]!;
    hashes.low[hashes.labelCount] = next++ % NEW_NAMES;
    addSealedCategories(sealed, name, 0, hashes, mask);
  }
});

const one = asked('www.n7.sealed.example');
measure('a listed name', ROUND, () => {
  for (let index = 0; index < ROUND; index++) {
    addSealedCategories(sealed, one.name, 0, one.hashes, mask);
  }
});
print('octets a name', (createSealedSection([part]).byteLength / LISTED).toFixed(1));
