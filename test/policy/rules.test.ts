import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  RULE_ALLOW,
  RULE_ALWAYS,
  RULE_DENY,
  compileNameTable,
  createNameFilter,
  findTableFault,
  longestSuffix,
  lookUpExact,
  lookUpLongest,
  lookUpSuffix,
  mayHoldSuffix,
} from '../../src/policy/rules.ts';
import { SEED, hashesOf, wire } from './policy-input.ts';

const aName = fc
  .array(fc.constantFrom('a', 'b', 'example'), { minLength: 1, maxLength: 5 })
  .map((labels) => labels.join('.'));
const anEntry = fc.record({
  set: fc.integer({ min: 1, max: 4 }),
  name: aName,
  value: fc.integer({ min: 1, max: 3 }),
});

test('the longest suffix in the set speaks, as a search through all entries says', () => {
  const cases = fc.tuple(
    fc.array(anEntry, { maxLength: 40 }),
    fc.integer({ min: 0, max: 5 }),
    aName,
  );
  fc.assert(
    fc.property(cases, ([entries, set, name]) => {
      const table = compileNameTable(
        entries.map((entry) => ({ ...entry, name: wire(entry.name) })),
        SEED,
      );
      const covering = entries
        .filter((entry) => entry.set === set && `.${name}`.endsWith(`.${entry.name}`))
        .sort((a, b) => b.name.length - a.name.length || b.value - a.value);
      const exact = covering.find((entry) => entry.name === name);
      const labels = covering[0]?.name.split('.').length ?? -1;
      expect(lookUpLongest(table, set, hashesOf(name))).toBe(covering[0]?.value ?? 0);
      expect(longestSuffix(table, set, hashesOf(name))).toBe(labels);
      expect(lookUpExact(table, set, hashesOf(name))).toBe(exact?.value ?? 0);
      const filter = createNameFilter([compileNameTable([], SEED), table]);
      expect(mayHoldSuffix(filter, hashesOf(name)) || labels < 0).toBe(true);
    }),
    { numRuns: 500 },
  );
});

test('deny beats “always”, and that beats allow, where a set holds them for one name', () => {
  const name = wire('shop.example.org');
  const all = [RULE_DENY, RULE_ALLOW, RULE_ALWAYS].map((value) => ({ set: 1, name, value }));
  for (const entries of [all, all.toReversed()]) {
    const table = compileNameTable(entries, SEED);
    expect(lookUpLongest(table, 1, hashesOf('www.shop.example.org'))).toBe(RULE_DENY);
  }
  const allowed = compileNameTable(all.slice(1), SEED);
  expect(lookUpLongest(allowed, 1, hashesOf('shop.example.org'))).toBe(RULE_ALWAYS);
});

test('words in which a probe would not end, or a value is unknown, are no table', () => {
  const entries = ['a.example', 'b.example', 'c.example'].map((name) => ({
    set: 1,
    name: wire(name),
    value: RULE_DENY,
  }));
  const table = compileNameTable(entries, SEED);
  expect(findTableFault(table, RULE_DENY)).toBeNull();
  expect(findTableFault(table, RULE_ALWAYS)).toBe('the value 3 is above 2');
  expect(findTableFault(table.subarray(1), RULE_DENY)).toMatch(/slots do not fill/);
  expect(findTableFault(new Uint32Array(0), RULE_DENY)).toMatch(/0 slots/);
  const odd = table.slice();
  odd[0] = 6;
  expect(findTableFault(odd, RULE_DENY)).toMatch(/slots do not fill/);
  const full = table.map((word, at) => (at > 4 && at % 4 === 3 ? RULE_DENY : word));
  expect(findTableFault(full, RULE_DENY)).toBe('no slot is free');
});

test('the root covers every name', () => {
  const table = compileNameTable([{ set: 7, name: wire('.'), value: 5 }], SEED);
  expect(lookUpLongest(table, 7, hashesOf('a.b.c.example.net'))).toBe(5);
  expect(longestSuffix(table, 7, hashesOf('example.net'))).toBe(0);
  expect(lookUpSuffix(table, 7, hashesOf('example.net'), 0)).toBe(5);
});

test('a name that stands twice in a set is no collision', () => {
  const entries = [1, 2, 3].map((value) => ({ set: 1, name: wire('example.org'), value }));
  expect(lookUpExact(compileNameTable(entries, SEED), 1, hashesOf('example.org'))).toBe(3);
});

test('the filter of a table lets nearly every other name by', () => {
  const entries = Array.from({ length: 1000 }, (_, index) => ({
    set: 1,
    name: wire(`host${index}.example.org`),
    value: 1,
  }));
  const filter = createNameFilter([compileNameTable(entries, SEED)]);
  let held = 0;
  for (let index = 0; index < 1000; index++) {
    if (mayHoldSuffix(filter, hashesOf(`host${index}.example.net`))) held++;
  }
  expect(held).toBeLessThan(100);
  expect(mayHoldSuffix(createNameFilter([compileNameTable([], SEED)]), hashesOf('a.b'))).toBe(
    false,
  );
});
