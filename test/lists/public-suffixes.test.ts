import { getPublicSuffix } from 'tldts';
import {
  edgeChild,
  edgeLength,
  edgeStart,
  exceptionsRoot,
  labelText,
  rulesRoot,
} from 'tldts/dist/cjs/src/data/trie.js';
import { expect, test } from 'vitest';
import { NAME_BYTES_MAX, writeName } from '../../src/dns/name.ts';
import { PublicSuffixes } from '../../src/lists/public-suffixes.ts';

const ICANN_ONLY = {
  allowPrivateDomains: false,
  detectIp: false,
  extractHostname: false,
  validateHostname: false,
};

/** The names of all rules and of what lies on the way to them, private ones too. */
function ruleNames(): string[] {
  const offsets: number[] = [];
  for (const length of edgeLength) offsets.push((offsets.at(-1) ?? 0) + length);
  const names: string[] = [];
  const gather = (node: number, suffix: string): void => {
    for (let edge = edgeStart[node]!; edge < edgeStart[node + 1]!; edge++) {
      const label = labelText.slice(offsets[edge]! - edgeLength[edge]!, offsets[edge]);
      const name = `${label === '*' ? 'any' : label}${suffix}`;
      names.push(name);
      gather(edgeChild[edge]!, `.${name}`);
    }
  };
  gather(rulesRoot, '');
  gather(exceptionsRoot, '');
  return names.filter((name) => /^[\x21-\x7e]+$/.test(name));
}

test('agrees with tldts about every rule, the names around it, and names far from any', () => {
  const suffixes = new PublicSuffixes();
  const rules = ruleNames();
  const around = rules.flatMap((name) => [
    name,
    `x.${name}`,
    // As long as a label can be.
    `${'l'.repeat(63)}.${name}`,
    `a.x.${name}`,
    `${name}.x`,
    name.slice(1),
    name.replace('.', ''),
    name.slice(name.indexOf('.') + 1),
  ]);
  const names = [...new Set(around)].filter((name) => /^[^.]+(?:\.[^.]+)+$/.test(name));
  const wire = new Uint8Array(NAME_BYTES_MAX);
  const isSuffix = (name: string): boolean => suffixes.has(wire, writeName(name, wire));
  const wrong = names.filter(
    (name) => isSuffix(name) !== (getPublicSuffix(name, ICANN_ONLY) === name),
  );
  expect(wrong).toEqual([]);
  expect(names.filter(isSuffix).length).toBeGreaterThan(5000);
  expect(names.length).toBeGreaterThan(40_000);
});
