/**
 * The documents say what is there: paths and links lead somewhere, bounds are those of the sources,
 * commands and flags are those of the program, and the example document is one.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Value } from 'typebox/value';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../../src/cli/program.ts';
import { DocumentSchema } from '../../src/store/document.ts';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const DOCUMENTS = [
  ...markdownIn('.'),
  ...markdownIn('docs').map((name) => `docs/${name}`),
  ...markdownIn('docs/adr').map((name) => `docs/adr/${name}`),
  'blocklists/README.md',
];
const REPOSITORY_PATH = /`((?:src|test|bench|blocklists|config|docs|scripts)\/[\w./-]*)`/g;
const BOUND = /^\| ([^|]+?) +\| ([^|]+?) +\| `(src\/[\w./-]+)` `(\w+)` +\|$/gm;
const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

const readme = read('README.md');

describe.each(DOCUMENTS)('%s', (document) => {
  const text = read(document);

  test('names only paths that exist', () => {
    const paths = [...text.matchAll(REPOSITORY_PATH)].map((match) => match[1]!);
    expect(paths.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  test('links only to files and headings that exist', () => {
    const links = [...text.matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map((match) => match[1]!);
    expect(links.filter((link) => !leadsSomewhere(document, link))).toEqual([]);
  });
});

test('ARCHITECTURE.md stays under 200 lines and names every folder of src', () => {
  const text = read('ARCHITECTURE.md');
  expect(text.split('\n').length).toBeLessThan(200);
  const folders = readdirSync(join(ROOT, 'src'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && readdirSync(join(ROOT, 'src', entry.name)).length > 0)
    .map((entry) => entry.name);
  expect(folders.filter((folder) => !text.includes(`src/${folder}`))).toEqual([]);
});

test('the bounds in the README are those of the sources', () => {
  const rows = [...readme.matchAll(BOUND)];
  expect(rows.length).toBeGreaterThan(20);
  const wrong = rows
    .map(([, what, stated, path, name]) => ({
      what,
      stated: octetsOrMs(stated!),
      actual: constantIn(read(path!), name!),
    }))
    .filter(({ stated, actual }) => stated !== actual);
  expect(wrong).toEqual([]);
});

test('the example documents in the README are valid', () => {
  const examples = [...readme.matchAll(/```yaml\n([^`]+)```/g)].map((match) => match[1]!);
  const documents = examples.filter((text) => text.includes('subscribers:'));
  expect(documents.length).toBeGreaterThan(0);
  for (const text of documents) {
    expect([...Value.Errors(DocumentSchema, parse(text))]).toEqual([]);
  }
});

test('the table of commands in the README is that of the program', async () => {
  const stated = [...readme.matchAll(/^\| `stairgate ([a-z]+)[^`]*` /gm)].map((match) => match[1]!);
  const actual = [...(await helpOf([])).matchAll(/^ {2}([a-z]+)(?:\s|$)/gm)].map(
    (match) => match[1]!,
  );
  expect([...new Set(stated)].sort()).toEqual(actual.filter((name) => name !== 'help').sort());
});

test.each(['README.md', 'Dockerfile', 'config/stairgate.service'])(
  'every serve line in %s uses flags that serve has',
  async (path) => {
    const help = await helpOf(['serve']);
    const flags = [...read(path).matchAll(/\bserve\b.*/g)].flatMap(([line]) => flagsIn(line));
    expect(flags.filter((flag) => !help.includes(`${flag} `))).toEqual([]);
    expect(flags.length).toBeGreaterThan(0);
  },
);

function markdownIn(folder: string): string[] {
  return readdirSync(join(ROOT, folder)).filter((name) => name.endsWith('.md'));
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

function leadsSomewhere(document: string, link: string): boolean {
  const [path, heading] = link.split('#') as [string, string | undefined];
  const target = path === '' ? document : join(dirname(document), path);
  if (!existsSync(join(ROOT, target))) return false;
  return heading === undefined || headingsOf(read(target)).includes(heading);
}

/** As web views make anchors of them. */
function headingsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map((match) =>
    match[1]!
      .toLowerCase()
      .replace(/[^\w\s-]/g, '')
      .replace(/\s/g, '-'),
  );
}

/** `65,535`, `5 s` or `512 MiB` as a plain number of things, milliseconds or octets. */
function octetsOrMs(stated: string): number {
  const [number = '', unit] = stated.split(' ');
  return Number(number.replaceAll(',', '')) * (unit === undefined ? 1 : (UNITS[unit] ?? 1));
}

/** The value of `NAME = 1_000 * 2` or `name: 1_000` in a source; NaN where it does not stand there. */
function constantIn(source: string, name: string): number {
  const match = new RegExp(`\\b${name}(?:: number)?(?: =|:) ([\\d_* ]+)[;,}\n]`).exec(source);
  if (match === null) return Number.NaN;
  const factors = match[1]!.split('*');
  if (factors.length === 3 && factors[1] === '') return Number(factors[0]) ** Number(factors[2]);
  return factors.reduce((product, factor) => product * Number(factor.replaceAll('_', '')), 1);
}

async function helpOf(command: readonly string[]): Promise<string> {
  let text = '';
  const output = { out: (line: string) => void (text += `${line}\n`), err: () => undefined };
  await runCli([...command, '--help'], output);
  return text;
}

function flagsIn(line: string): string[] {
  return [...line.matchAll(/--[a-z-]+/g)].map(([flag]) => flag);
}
