import { expect, it } from 'vitest';
import { compareSealed } from '../../src/lists/compare-sealed.ts';
import { aSealedFile } from '../support/sealed.ts';

const of = (...names: string[]): Uint8Array => aSealedFile(names.join('\n'));

it('counts what a sealed version adds and takes away, and tells no name', () => {
  const before = of('a.example.org', 'b.example.org', 'c.example.org');
  const after = of('b.example.org', 'c.example.org', 'd.example.org', 'e.example.org');
  expect(compareSealed(after, before, false)).toEqual({
    entriesBefore: 3,
    entries: 4,
    newlyBlocked: { count: 2, names: [] },
    newlyOpened: { count: 1, names: [] },
    popular: [],
    neverListable: [],
  });
});

it('counts everything as new where nothing or a text was before', () => {
  const after = of('b.example.org');
  for (const before of [null, Buffer.from('b.example.org\n')]) {
    expect(compareSealed(after, before, false)).toMatchObject({ newlyBlocked: { count: 1 } });
  }
});

it('counts by the number of names under another key, where nobody can compare them', () => {
  const other = aSealedFile('a.example.org\nb.example.org\nc.example.org\n', {
    key: { id: 'key-2', key: new Uint8Array(32).fill(3) },
  });
  const two = of('a.example.org', 'b.example.org');
  expect(compareSealed(two, other, false)).toMatchObject({
    ...{ newlyBlocked: { count: 0 }, newlyOpened: { count: 1 } },
  });
  expect(compareSealed(other, two, false)).toMatchObject({
    ...{ newlyBlocked: { count: 1 }, newlyOpened: { count: 0 } },
  });
  expect(compareSealed(other, two, true).newlyOpened.count).toBe(2);
});
