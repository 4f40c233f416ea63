/** Short forms for the blocklist tests: texts in, category bits and found names out. */

import { bitsOf, createMask } from '../../src/blocklist/category.ts';
import type { CompiledBlocklist, CompileList } from '../../src/blocklist/compile.ts';
import { compileBlocklist } from '../../src/blocklist/compile.ts';
import type { ListFormatName } from '../../src/blocklist/formats/list-format.ts';
import { COVER_BELOW, COVER_BOTH } from '../../src/blocklist/formats/list-format.ts';
import { LIST_FORMATS } from '../../src/blocklist/formats/parse-list.ts';
import type { BlocklistImage } from '../../src/blocklist/image.ts';
import { lookUpCategories } from '../../src/blocklist/lookup.ts';
import { nameToText, writeName } from '../../src/dns/name.ts';
import { createSuffixHashes, hashSuffixes } from '../../src/dns/suffix-hashes.ts';
import type { HashSeed } from '../../src/lib/half-siphash.ts';

export const SEED: HashSeed = [1, 2];

export function octetsOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

export function wireName(text: string): Uint8Array {
  const out = new Uint8Array(255);
  const length = writeName(text, out);
  if (length === 0) throw new Error(`"${text}" is no name`);
  return out.slice(0, length);
}

export function aList(
  format: ListFormatName,
  categoryBit: number,
  text: string,
  more: Partial<CompileList> = {},
): CompileList {
  return { id: `${format}-${categoryBit}`, categoryBit, format, content: octetsOf(text), ...more };
}

/** Compiles with a gate that only refuses single labels. */
export function compile(...lists: CompileList[]): CompiledBlocklist {
  return compileBlocklist(lists, SEED, {
    isRefused: (_name, _length, labelCount) => (labelCount < 2 ? 'single-label' : null),
  });
}

/** The category bits of a name in rising order. */
export function categoriesOf(blocklist: BlocklistImage, name: string): number[] {
  const hashes = createSuffixHashes();
  const mask = createMask().fill(0xffffffff);
  hashSuffixes(hashes, SEED, wireName(name), 0);
  const isAny = lookUpCategories(blocklist, hashes, mask);
  const bits = bitsOf(mask);
  if (isAny !== bits.length > 0) throw new Error(`the result ${isAny} belies the mask`);
  return bits;
}

export interface Finds {
  /** `example.org` the name only, `*.example.org` below only, `+example.org` both; with the line. */
  readonly entries: string[];
  readonly exceptions: string[];
  readonly faults: string[];
  readonly lines: number;
}

/** Parses a text and collects all that the sink is told, as `line:name` and `line:reason`. */
export function parse(format: ListFormatName, content: string | Uint8Array): Finds {
  const finds = { entries: [] as string[], exceptions: [] as string[], faults: [] as string[] };
  const octets = typeof content === 'string' ? octetsOf(content) : content;
  const lines = LIST_FORMATS[format].parse(octets, {
    entry: (name, _length, coverage, line) => finds.entries.push(find(name, coverage, line)),
    exception: (name, _length, coverage, line) => finds.exceptions.push(find(name, coverage, line)),
    reject: (line, reason) => finds.faults.push(`${line}:${reason}`),
  });
  return { ...finds, lines };
}

function find(name: Uint8Array, coverage: number, line: number): string {
  const mark = coverage === COVER_BOTH ? '+' : coverage === COVER_BELOW ? '*.' : '';
  return `${line}:${mark}${nameToText(name)}`;
}
