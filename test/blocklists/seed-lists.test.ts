/**
 * The seed lists keep their promises: valid, sorted, one file a name, nothing that a gate would
 * refuse, and `categories.yaml` that agrees with the files beside it.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { getPublicSuffix } from 'tldts';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { detectFormat } from '../../src/blocklist/formats/detect.ts';
import { parseDomains } from '../../src/blocklist/formats/domains.ts';
import { nameToText } from '../../src/dns/name.ts';

interface SeedCategory {
  readonly id: string;
  readonly title: string;
  readonly class: string;
  readonly role?: string;
  readonly file: string;
  readonly family: string;
}

interface SeedFile {
  readonly categories: readonly SeedCategory[];
  readonly plans: readonly { readonly id: string; readonly block: readonly string[] }[];
}

const FOLDER = new URL('../../blocklists/', import.meta.url);
const LABEL = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/;
const REQUIRED =
  'adult gambling dating social video games messengers drugs violence self-harm hate malware phishing ads piracy bypass protected';

/** No list: what updates of lists must not block unseen. */
const POPULAR = 'popular-names.txt';

const textFiles = readdirSync(FOLDER).filter((name) => name.endsWith('.txt'));
const fileNames = textFiles.filter((name) => name !== POPULAR);
const seeds = parse(read('categories.yaml')) as SeedFile;
const protectedNames = new Set(namesOf('protected.txt'));

describe.each(textFiles)('%s', (fileName) => {
  const names = namesOf(fileName);

  test('says at its head what belongs in it and where it comes from', () => {
    expect(read(fileName)).toMatch(/^# [^\n]+\n(#[^\n]*\n)*# Origin: [^\n]+\n/);
  });

  test('holds valid lower-case host names of two labels and more', () => {
    expect(names.filter((name) => !isHostName(name))).toEqual([]);
  });

  test('is in octet order, each name once', () => {
    expect(names).toEqual([...new Set(names)].sort(compareOctets));
  });

  test('is taken for what it is and read without a fault', () => {
    expect(detectFormat(octetsOf(fileName))).toBe('domains');
    expect(parsedNamesOf(fileName)).toEqual(names);
  });

  test('names no ICANN public suffix', () => {
    const isSuffix = (name: string): boolean =>
      getPublicSuffix(name, { allowPrivateDomains: false }) === name;
    expect(names.filter(isSuffix)).toEqual([]);
  });

  // Popular names are known by themselves, and so are some below them.
  test.skipIf(fileName === POPULAR)('repeats no name that a name above it covers already', () => {
    const all = new Set(names);
    expect(names.filter((name) => ancestorsOf(name).some((above) => all.has(above)))).toEqual([]);
  });
});

test('no list names a protected name, or one below it', () => {
  const isProtected = (name: string): boolean =>
    [name, ...ancestorsOf(name)].some((suffix) => protectedNames.has(suffix));
  const others = textFiles.filter((fileName) => fileName !== 'protected.txt');
  expect(others.flatMap(namesOf).filter(isProtected)).toEqual([]);
});

test('no name stands in two files', () => {
  const all = fileNames.flatMap(namesOf);
  const seen = new Set<string>();
  expect(all.filter((name) => seen.size === seen.add(name).size)).toEqual([]);
});

describe('categories.yaml', () => {
  const ids = seeds.categories.map((category) => category.id);

  test('names each file once, and every file beside it', () => {
    const files = seeds.categories.map((category) => category.file);
    expect(files.sort()).toEqual([...fileNames].sort());
  });

  test('has every required category, each id once', () => {
    expect(ids).toEqual([...new Set(ids)]);
    expect(ids).toEqual(expect.arrayContaining(REQUIRED.split(' ')));
  });

  test('gives the security categories class operator and all others class policy', () => {
    const operator = seeds.categories.filter((category) => category.class === 'operator');
    expect(operator.map((category) => category.id).sort()).toEqual(['malware', 'phishing']);
    const rest = seeds.categories.filter((category) => category.class !== 'operator');
    expect(new Set(rest.map((category) => category.class))).toEqual(new Set(['policy']));
  });

  test('gives the role protected to the protected names alone, and nobody blocks them', () => {
    const withRole = seeds.categories.filter((category) => category.role !== undefined);
    expect(withRole).toEqual([
      expect.objectContaining({ id: 'protected', role: 'protected', family: 'never' }),
    ]);
  });

  test('lists in the plan family exactly the categories marked block', () => {
    const marked = seeds.categories.filter((category) => category.family === 'block');
    const family = seeds.plans.find((plan) => plan.id === 'family');
    expect(family?.block).toEqual(marked.map((category) => category.id));
    for (const { family: mark } of seeds.categories)
      expect(['block', 'open', 'never']).toContain(mark);
  });
});

test('the README has a line of origin for each file', () => {
  const origin = read('README.md').split('## Origin')[1] ?? '';
  const rows = [...origin.matchAll(/^\| `([a-z*/-]+\.(?:txt|yaml))` +\| \S/gm)];
  const yaml = readdirSync(FOLDER).filter((name) => name.endsWith('.yaml'));
  const files = [...textFiles, ...yaml, 'services/*.yaml'];
  expect(rows.map((row) => row[1]).sort()).toEqual(files.sort());
});

function read(fileName: string): string {
  return readFileSync(new URL(fileName, FOLDER), 'utf8');
}

function namesOf(fileName: string): string[] {
  return read(fileName)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
}

function octetsOf(fileName: string): Uint8Array {
  return new Uint8Array(readFileSync(new URL(fileName, FOLDER)));
}

/** The entries that our own parser finds, and a text for each line that it rejects. */
function parsedNamesOf(fileName: string): string[] {
  const names: string[] = [];
  parseDomains(octetsOf(fileName), {
    entry: (name) => names.push(nameToText(name)),
    exception: (name) => names.push(`exception ${nameToText(name)}`),
    reject: (line, reason) => names.push(`line ${line}: ${reason}`),
  });
  return names;
}

function isHostName(name: string): boolean {
  const labels = name.split('.');
  return labels.length > 1 && labels.every((label) => LABEL.test(label));
}

/** `b.c` and `c` of `a.b.c`. */
function ancestorsOf(name: string): string[] {
  const labels = name.split('.');
  return labels.slice(1).map((_, index) => labels.slice(index + 1).join('.'));
}

function compareOctets(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}
