/**
 * A second reading of list files, a few lines a format, that shares nothing with the parsers of the
 * server: it says which names a person would read off a file, and which categories hold a name.
 */

import { readFileSync } from 'node:fs';
import { domainToASCII } from 'node:url';

export type PlainFormat = 'domains' | 'hosts' | 'adblock' | 'dnsmasq';

export interface PlainEntry {
  /** Counted from 1. */
  readonly line: number;
  /** Lower-cased, A-labels, without the last dot. */
  readonly name: string;
}

export interface PlainList {
  readonly entries: readonly PlainEntry[];
  /** Lines that say something which is no name here. */
  readonly unread: readonly number[];
}

/** Lines of hosts files that name the machine itself. */
const HOSTS_OWN = /^(?:localhost|localhost\.localdomain|local|broadcasthost|ip6-.*|0\.0\.0\.0)$/;

/** What stands on a line as names, or null for a line that cannot be read. */
const READERS: Readonly<Record<PlainFormat, (line: string) => readonly string[] | null>> = {
  domains: (line) => [line.replace(/\s*#.*$/, '')].filter((name) => name !== ''),
  hosts: (line) =>
    line
      .replace(/\s*#.*$/, '')
      .split(/\s+/)
      .slice(1)
      .filter((name) => !HOSTS_OWN.test(name)),
  adblock: (line) =>
    line.startsWith('!') ? [] : (/^\|\|([^\^]+)\^$/.exec(line)?.slice(1) ?? null),
  dnsmasq: (line) =>
    line.startsWith('#') ? [] : (/^server=\/([^/]+)\/$/.exec(line)?.slice(1) ?? null),
};

export function readPlainList(path: string, format: PlainFormat): PlainList {
  const entries: PlainEntry[] = [];
  const unread: number[] = [];
  const read = READERS[format];
  for (const [index, raw] of readFileSync(path, 'utf8').split(/\r?\n/).entries()) {
    const text = raw.trim();
    if (text === '') continue;
    const names = read(text);
    if (names === null) unread.push(index + 1);
    else for (const name of names) entries.push({ line: index + 1, name: plainName(name) });
  }
  return { entries, unread };
}

function plainName(text: string): string {
  const name = text.toLowerCase().replace(/\.$/, '');
  // Only what is not ASCII goes through the mapping, which would refuse underscores and the like.
  return /^[\x20-\x7e]*$/.test(name) ? name : domainToASCII(name) || name;
}

/** Which categories hold a name: the walk over its suffixes, with two maps. */
export class PlainCategories {
  readonly #exact = new Map<string, Set<string>>();
  readonly #below = new Map<string, Set<string>>();

  add(name: string, category: string, coversBelow: boolean): void {
    put(this.#exact, name, category);
    if (coversBelow) put(this.#below, name, category);
  }

  of(name: string): ReadonlySet<string> {
    const found = new Set(this.#exact.get(name));
    for (let at = name.indexOf('.'); at >= 0; at = name.indexOf('.', at + 1)) {
      for (const category of this.#below.get(name.slice(at + 1)) ?? []) found.add(category);
    }
    return found;
  }
}

/** Sets are shared by all names of one category alone: there are half a million. */
const singles = new Map<string, Set<string>>();

function put(map: Map<string, Set<string>>, name: string, category: string): void {
  const before = map.get(name);
  if (before === undefined) {
    const single = singles.get(category) ?? new Set([category]);
    singles.set(category, single);
    map.set(name, single);
  } else if (!before.has(category)) {
    map.set(name, new Set([...before, category]));
  }
}
