/** The catalog keeps its promises to editors. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readCatalog } from '../../src/lists/read-catalog.ts';
import { DocumentSchema } from '../../src/store/document.ts';
import { ShapeChecker } from '../../src/store/schema-faults.ts';

const sources = readCatalog();
const { categories } = parse(
  readFileSync(new URL('../../blocklists/categories.yaml', import.meta.url), 'utf8'),
) as { categories: { id: string }[] };
const ids = categories.map(({ id }) => id);

test('has at least sixty sources, and one for each category that strangers make lists of', () => {
  expect(sources.length).toBeGreaterThanOrEqual(60);
  // Nobody should hand the names of these around; protected names and health are blocked by nobody.
  const without = ['self-harm', 'protected', 'health'];
  const covered = new Set(sources.flatMap((source) => source.categories));
  expect(ids.filter((id) => !covered.has(id))).toEqual(without);
});

test('is ordered by category, then by id', () => {
  const keys = sources.map(({ id, categories: [first = ''] }) => {
    return `${String(ids.indexOf(first)).padStart(3, '0')} ${id}`;
  });
  expect(keys).toEqual([...keys].sort());
});

test('says of each source once what it is good and bad at, and in whole sentences', () => {
  const texts = sources.map(({ goodAt }) => goodAt);
  expect(texts.filter((text, index) => texts.indexOf(text) !== index)).toEqual([]);
  expect(sources.filter(({ goodAt, badAt }) => goodAt === badAt)).toEqual([]);
});

test('was checked on a day that has been, or not at all', () => {
  const today = new Date().toISOString().slice(0, 10);
  const days = sources.flatMap(({ verifiedAt }) => verifiedAt ?? []);
  expect(days.filter((day) => day > today)).toEqual([]);
  expect(days.length).toBeGreaterThan(sources.length / 2);
});

test('says that a licence forbids commercial use, wherever it does', () => {
  const forbidding = sources.filter(({ licence }) => /-NC-/.test(licence.spdx));
  expect(forbidding.length).toBeGreaterThan(0);
  expect(forbidding.filter(({ licence }) => licence.nonCommercial !== true)).toEqual([]);
});

test('each source makes a list that the document takes', () => {
  const shape = new ShapeChecker(DocumentSchema);
  const lists = sources.map(({ id, categories: [category], format, url }) => {
    return { id, category, format, url };
  });
  expect(shape.faultsOf({ lists }, '')).toEqual([]);
});
