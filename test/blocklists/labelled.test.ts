/** The labelled names measure lists, not our own seeds, and each is where an editor would look for it. */

import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { readLabelledNames } from '../../src/lists/labelled-names.ts';

const FOLDER = new URL('../../blocklists/', import.meta.url);
const { blocked, open } = readLabelledNames();
const all = [...blocked.values(), ...open.values()].flat();

const { categories } = parse(readFileSync(new URL('categories.yaml', FOLDER), 'utf8')) as {
  categories: { id: string; file: string }[];
};
const seeds = new Set(
  categories
    .flatMap(({ file }) => readFileSync(new URL(file, FOLDER), 'utf8').split('\n'))
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== ''),
);

function suffixesOf(name: string): string[] {
  const labels = name.split('.');
  return labels.map((_label, at) => labels.slice(at).join('.'));
}

test('are some hundred, of most categories, and of each set that must stay open', () => {
  expect(all.length).toBeGreaterThan(400);
  expect([...open.keys()]).toEqual(
    expect.arrayContaining(['health', 'sex-education', 'lgbt', 'news', 'help']),
  );
  const small = [...blocked, ...open].filter(([, names]) => names.length < 10);
  expect(small).toEqual([]);
});

test('name categories that there are', () => {
  const ids = categories.map(({ id }) => id);
  expect([...blocked.keys()].filter((id) => !ids.includes(id))).toEqual([]);
});

test('are in no seed list, nor below or above one of its names: else recall would praise ourselves', () => {
  expect(all.filter((name) => suffixesOf(name).some((suffix) => seeds.has(suffix)))).toEqual([]);
  const above = new Set([...seeds].flatMap((seed) => suffixesOf(seed)));
  expect(all.filter((name) => above.has(name))).toEqual([]);
});

test('stand in octet order, and none covers another', () => {
  for (const names of [...blocked.values(), ...open.values()]) {
    expect(names).toEqual([...names].sort());
  }
  const set = new Set(all);
  expect(
    all.filter((name) =>
      suffixesOf(name)
        .slice(1)
        .some((one) => set.has(one)),
    ),
  ).toEqual([]);
});
