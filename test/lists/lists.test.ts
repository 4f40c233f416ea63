import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { NAME_BYTES_MAX, writeName } from '../../src/dns/name.ts';
import { createSuffixHashes, hashSuffixes } from '../../src/dns/suffix-hashes.ts';
import { AppError } from '../../src/lib/errors.ts';
import { createGate, createProtectingGate } from '../../src/lists/gate.ts';
import { inspectContent } from '../../src/lists/inspect-content.ts';
import { openStore } from '../../src/lists/open-store.ts';
import { readSeedDocument } from '../../src/lists/seed-document.ts';
import { aList, SEED, wireName } from '../blocklist/helpers.ts';
import { aStore } from '../store/support.ts';

function gateOf(text: string): string | null {
  const name = new Uint8Array(NAME_BYTES_MAX);
  const length = writeName(text, name);
  return createGate()(name, length, text.split('.').length);
}

describe('the gate', () => {
  test.each([
    ['com', 'single-label'],
    ['localhost', 'single-label'],
    ['co.uk', 'public-suffix'],
    ['anything.ck', 'public-suffix'],
    ['xn--55qx5d.cn', 'public-suffix'],
    ['blogspot.com', null],
    ['github.io', null],
    ['www.ck', null],
    ['example.co.uk', null],
    ['city.kawasaki.jp', null],
    ['example.com', null],
    ['a.b.c.d.e.co.uk', null],
    ['gate.lan', null],
  ])('judges %s as %s', (name, expected) => {
    expect(gateOf(name)).toBe(expected);
  });
});

test('the gate with protected names refuses them and what is below, but in their own category', () => {
  const gate = createProtectingGate([aList('domains', 7, 'help.example.org')], SEED);
  const judge = (text: string, categoryBit: number): string | null => {
    const name = wireName(text);
    const hashes = createSuffixHashes();
    hashSuffixes(hashes, SEED, name, 0);
    return gate(name, name.length, hashes.labelCount, hashes, categoryBit);
  };
  expect(judge('help.example.org', 1)).toBe('protected');
  expect(judge('www.help.example.org', 1)).toBe('protected');
  expect(judge('example.org', 1)).toBeNull();
  expect(judge('help.example.org', 7)).toBeNull();
  expect(judge('co.uk', 7)).toBe('public-suffix');
});

describe('looking at a content', () => {
  const inspect = (text: string): ReturnType<typeof inspectContent> =>
    inspectContent(Buffer.from(text), null);

  test('counts what passes and what does not, with the line', () => {
    const report = inspect('# comment\none.example.org\ncom\nco.uk\ntwo.example.org\n');
    expect(report).toMatchObject({
      format: 'domains',
      entries: 2,
      refused: { 'single-label': 1, 'public-suffix': 1 },
    });
    expect(report.faults[0]).toEqual({ line: 3, reason: 'single-label', text: 'com' });
  });

  test('counts names that come again, and does not count them as more', () => {
    const report = inspect('A.example.org\nb.example.org\na.example.org.\na.example.org\n');
    expect(report).toMatchObject({ entries: 4, duplicates: 2 });
  });

  test('a page in the middle of a list refuses it, with its line; a lone line of markup is counted', () => {
    const names = Array.from({ length: 200 }, (_, index) => `n${index}.example.org\n`).join('');
    const page = `${names}<html>\n<p>502</p>\n</html>\n${names}`;
    expect(() => inspect(page)).toThrow('line 201 begins a web page');
    const line = inspect('one.example.org\n<b>\ntwo.example.org\n');
    expect(line).toMatchObject({ entries: 2, refused: { markup: 1 } });
  });

  test.each(['utf16le', 'utf-16be'])('text in %s is told to be saved anew', (encoding) => {
    const wide = Buffer.from('\ufeffone.example.org\n', 'utf16le');
    if (encoding === 'utf-16be') wide.swap16();
    expect(() => inspectContent(wide, null)).toThrow('it is text in UTF-16; save it as UTF-8');
  });

  test.each([
    ['an empty file', ''],
    ['blank lines', '\n \r\n\n'],
    ['a web page', '<!DOCTYPE html>\n<html><head><title>Error</title></head></html>'],
    ['a web page after a byte order mark', '\uFEFF  <html>\n</html>'],
    ['an archive', '\u001f\u008b\u0008\u0000\u0000\u0000'],
    ['comments only', '# nothing\n# here\n'],
    ['nothing but suffixes', 'com\norg\nco.uk\n'],
  ])('%s is refused', (_what, text) => {
    expect(() => inspect(text)).toThrow(AppError);
    expect(() => inspectContent(Buffer.from(text), 'domains')).toThrow(/^Reading the list: /);
  });
});

test('a web page is refused even where the format is given and a line of it would pass', () => {
  for (const start of ['<html>', '<!-- portal -->\n<html>', '<div>', '<?xml version="1.0"?>']) {
    const page = Buffer.from(`${start}\nwww.example.org\n</html>\n`);
    expect(() => inspectContent(page, 'domains'), start).toThrow('it is a web page');
  }
});

describe('the first start', () => {
  test('seeds categories, lists, the plan family and a subscriber for private addresses', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'stairgate-seeds-'));
    onTestFinished(() => {
      rmSync(folder, { recursive: true, force: true });
    });
    const store = await openStore(folder);
    onTestFinished(() => store.close());
    const lists = await store.lists();
    for (const id of ['adult', 'bypass', 'malware', 'protected']) {
      expect(lists.get(`builtin-${id}`)?.report.entries).toBeGreaterThan(0);
    }
    for (const [id, { report }] of lists) expect([id, report.faults]).toEqual([id, []]);
    const family = (await store.plans()).get('family')?.record;
    expect(family?.block).toContain('adult');
    expect(family?.block).not.toContain('protected');
    expect((await store.subscriber('home'))?.record.addresses).toContain('127.0.0.0/8');
    const { revision } = store;
    await store.remove('list', 'builtin-ads', { actor: 'tester' });
    await store.close();
    const reopened = await openStore(folder);
    onTestFinished(() => reopened.close());
    expect(reopened.revision).toBe(revision + 1);
    expect((await reopened.lists()).has('builtin-ads')).toBe(false);
  });

  test('without the seeds says where they belong', async () => {
    const store = await aStore();
    expect(() => readSeedDocument(store.contents, '/nowhere')).toThrow(/blocklists\/ belongs/);
  });
});
