import { expect, it } from 'vitest';
import { canonicalName } from '../../src/store/rule-name.ts';

it.each([
  ['Example.ORG.', 'example.org'],
  ['*.example.org', 'example.org'],
  ['müller.example', 'xn--mller-kva.example'],
  ['_dmarc.example.org', '_dmarc.example.org'],
  ['a\\046b.example.org', 'a\\.b.example.org'],
])('%s is the name %s', (text, name) => {
  expect(canonicalName(text)).toBe(name);
});

it.each([
  '',
  '.',
  '*',
  '||example.org^',
  'example.org^',
  'x*.example.org',
  'a.*.example.org',
  '*.*.example.org',
  '"example.org"',
  'a,b.example.org',
  '(example.org)',
  '192.0.2.1',
  'a b.example.org',
  'https://example.org/',
])('%j is no name that a rule could match', (text) => {
  expect(canonicalName(text)).toBeNull();
});
