import { expect, test } from 'vitest';
import { emptyBlocklistImage } from '../../src/blocklist/image.ts';
import { aList, categoriesOf, compile, SEED } from './helpers.ts';

test('a domains entry covers the name and everything below, and nothing beside it', () => {
  const { blocklist } = compile(aList('domains', 7, 'bad.example.org'));
  expect(categoriesOf(blocklist, 'bad.example.org')).toEqual([7]);
  expect(categoriesOf(blocklist, 'a.b.bad.example.org')).toEqual([7]);
  expect(categoriesOf(blocklist, 'example.org')).toEqual([]);
  expect(categoriesOf(blocklist, 'notbad.example.org')).toEqual([]);
  expect(categoriesOf(blocklist, 'bad.example.net')).toEqual([]);
});

test('a hosts entry covers the name only, unless the list says otherwise', () => {
  const text = '0.0.0.0 bad.example.org';
  const exact = compile(aList('hosts', 7, text)).blocklist;
  expect(categoriesOf(exact, 'bad.example.org')).toEqual([7]);
  expect(categoriesOf(exact, 'www.bad.example.org')).toEqual([]);
  const below = compile(aList('hosts', 7, text, { coversSubdomains: true })).blocklist;
  expect(categoriesOf(below, 'www.bad.example.org')).toEqual([7]);
});

test('an RPZ wildcard covers names below but not the name', () => {
  const { blocklist } = compile(aList('rpz', 7, '*.bad.example.org CNAME .'));
  expect(categoriesOf(blocklist, 'bad.example.org')).toEqual([]);
  expect(categoriesOf(blocklist, 'www.bad.example.org')).toEqual([7]);
});

test('a name collects the categories of all its ancestors', () => {
  const { blocklist } = compile(
    aList('domains', 0, 'example.org'),
    aList('domains', 31, 'a.example.org'),
    aList('domains', 32, 'b.a.example.org'),
    aList('domains', 255, 'b.a.example.org'),
  );
  expect(categoriesOf(blocklist, 'x.b.a.example.org')).toEqual([0, 31, 32, 255]);
  expect(categoriesOf(blocklist, 'a.example.org')).toEqual([0, 31]);
});

test('a name with the most labels possible is looked up', () => {
  const { blocklist } = compile(aList('domains', 1, `${'a.'.repeat(126)}b`));
  expect(categoriesOf(blocklist, `${'a.'.repeat(126)}b`)).toEqual([1]);
  expect(categoriesOf(blocklist, `${'a.'.repeat(125)}b`)).toEqual([]);
});

test('an empty image puts no name in a category', () => {
  expect(categoriesOf(emptyBlocklistImage(SEED), 'www.example.org')).toEqual([]);
  expect(categoriesOf(emptyBlocklistImage(SEED), '.')).toEqual([]);
  expect(categoriesOf(compile().blocklist, 'www.example.org')).toEqual([]);
});

test('an exception opens the name and below within its own list', () => {
  const { blocklist } = compile(
    aList('adblock', 1, '||example.org^\n@@||good.example.org^\n||bad.good.example.org^'),
  );
  expect(categoriesOf(blocklist, 'www.example.org')).toEqual([1]);
  expect(categoriesOf(blocklist, 'good.example.org')).toEqual([]);
  expect(categoriesOf(blocklist, 'bad.good.example.org')).toEqual([]);
});

test('an exception of one list does not open what another list of the category covers', () => {
  const { blocklist } = compile(
    aList('adblock', 1, '||example.org^\n@@||good.example.org^'),
    aList('domains', 1, 'example.org'),
  );
  expect(categoriesOf(blocklist, 'www.good.example.org')).toEqual([1]);
});

test('a name is open once every list of the category has taken it out, each at its own height', () => {
  const { blocklist } = compile(
    aList('adblock', 1, '||example.org^\n@@||a.example.org^'),
    aList('adblock', 1, '||example.org^\n@@||b.a.example.org^'),
  );
  expect(categoriesOf(blocklist, 'a.example.org')).toEqual([1]);
  expect(categoriesOf(blocklist, 'b.a.example.org')).toEqual([]);
  expect(categoriesOf(blocklist, 'c.b.a.example.org')).toEqual([]);
});

test('thousands of exceptions are kept apart', () => {
  const opened = Array.from({ length: 3000 }, (_, index) => `n${index}.example.org`);
  const lines = opened.map((name) => `@@||${name}^\n||www.${name}^`);
  const { blocklist } = compile(aList('adblock', 1, ['||example.org^', ...lines].join('\n')));
  expect(opened.filter((name) => categoriesOf(blocklist, `www.${name}`).length > 0)).toEqual([]);
  expect(categoriesOf(blocklist, 'n3000.example.org')).toEqual([1]);
});

test('an exception does not reach another category', () => {
  const { blocklist } = compile(
    aList('adblock', 1, '||example.org^\n@@||good.example.org^'),
    aList('domains', 2, 'example.org'),
  );
  expect(categoriesOf(blocklist, 'www.good.example.org')).toEqual([2]);
});

test('an RPZ passthru for a name alone leaves the names below it blocked', () => {
  const { blocklist } = compile(
    aList('rpz', 1, '*.example.org CNAME .\ngood.example.org CNAME rpz-passthru.'),
  );
  expect(categoriesOf(blocklist, 'good.example.org')).toEqual([]);
  expect(categoriesOf(blocklist, 'www.good.example.org')).toEqual([1]);
});
