/** Reading the catalog is strict: an editor adds a source by its id alone. */

import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { stringify } from 'yaml';
import { readCatalog } from '../../src/lists/read-catalog.ts';
import { PACKAGED_FOLDER } from '../../src/lists/read-policy-data.ts';

const SOURCE = {
  id: 'one',
  name: 'One',
  categories: ['gambling'],
  url: 'https://lists.example.org/one.txt',
  homepage: 'https://lists.example.org/',
  format: 'domains',
  licence: { spdx: 'MIT', url: 'https://lists.example.org/LICENSE' },
  updateSeconds: 86_400,
  typicalNames: 100,
  goodAt: 'Good at what it does.',
  badAt: 'Bad at the rest.',
  verifiedAt: null,
};

function reading(...sources: object[]): () => unknown {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-catalog-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true });
  });
  cpSync(join(PACKAGED_FOLDER, 'categories.yaml'), join(folder, 'categories.yaml'));
  writeFileSync(join(folder, 'catalog.yaml'), stringify({ sources }));
  return () => readCatalog(folder);
}

test('a source that says all it must is read as it stands', () => {
  expect(reading(SOURCE)()).toEqual([SOURCE]);
});

test.each([
  ['a key that there is not', { colour: 'red' }, 'colour'],
  ['an address without https', { url: 'http://lists.example.org/one.txt' }, 'url'],
  ['an address with a user in it', { url: 'https://a:b@lists.example.org/' }, 'url'],
  ['a homepage that is none', { homepage: 'lists.example.org' }, 'homepage'],
  ['a mirror without https', { mirrors: ['ftp://lists.example.org/'] }, 'mirrors[0]'],
  ['the address once more as mirror', { mirrors: [SOURCE.url] }, 'is the url itself'],
  ['a category that there is not', { categories: ['gambling', 'fun'] }, '"fun" is no category'],
  ['no category', { categories: [] }, 'categories'],
  ['a format that there is not', { format: 'tar' }, '"tar" is not valid'],
  ['a licence by another name', { licence: { ...SOURCE.licence, spdx: 'GPL3' } }, '"GPL3"'],
  ['an id with a space', { id: 'one list' }, 'id'],
  ['a fetch every minute', { updateSeconds: 60 }, 'updateSeconds'],
  ['half a sentence', { goodAt: 'good at it' }, 'goodAt'],
  ['no word on what it is bad at', { badAt: undefined }, 'badAt is missing'],
  ['a day that is none', { verifiedAt: 'yesterday' }, 'verifiedAt'],
  ['a language in words', { languages: ['Polish'] }, 'languages[0]'],
  [
    'a licence that forbids commercial use without a word of it',
    { licence: { ...SOURCE.licence, spdx: 'CC-BY-NC-4.0' } },
    'needs nonCommercial: true',
  ],
])('%s is a fault', (_what, change, fault) => {
  expect(reading({ ...SOURCE, ...change })).toThrow(fault);
});

test('two sources share neither id nor address, and all faults are told at once', () => {
  const twice = reading(SOURCE, { ...SOURCE, categories: ['fun'] });
  expect(twice).toThrow('sources[1].id: "one" is there already');
  expect(twice).toThrow('sources[1].url');
  expect(twice).toThrow('"fun" is no category');
});
