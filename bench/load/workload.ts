/**
 * What is asked and what is blocked, the same for every server and in every run: names on the list,
 * and a file of queries for each mix, one `name TYPE` a line as dnsperf reads it.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom, listNames } from '../blocklist/names.ts';

export const MIXES = ['blocked', 'cached', 'mixed'] as const;
export type Mix = (typeof MIXES)[number];

/** Names that pass, and as many blocked; each is asked once before the figures are taken. */
const ASKED_MAX = 100_000;
const LINES = 300_000;
/** Of the mix `mixed`. */
const BLOCKED_SHARE = 0.2;
/** What resolvers see: shares of the 1,000, the 10,000 and the 100,000 most asked names. */
const POPULARITY = [
  { names: 1000, share: 0.85 },
  { names: 10_000, share: 0.95 },
  { names: 100_000, share: 0.99 },
];
const SHARE_OF_ALL = 0.99;
/** The caches of all servers are of equal size, in octets or in entries, and hold every name that is asked. */
export const CACHE_MEBIBYTES = 64;
export const CACHE_ENTRIES = 300_000;

export interface Workload {
  readonly names: readonly string[];
  /** The blocklist, one name a line. */
  readonly listPath: string;
  /** Every allowed and every asked name once. */
  readonly warmUpPath: string;
  readonly queryPaths: Readonly<Record<Mix, string>>;
  /** A blocked name that no run asks, another for each number. */
  readonly blockedProbe: (attempt: number) => string;
}

export function writeWorkload(folder: string, nameCount: number, askedMax = ASKED_MAX): Workload {
  const names = listNames(nameCount);
  const random = createRandom(7);
  const allowedCount = Math.min(nameCount, askedMax);
  const step = Math.max(1, Math.floor(nameCount / askedMax));
  const blocked = names.filter((_name, index) => index % step === 0).map((name) => `www.${name}`);
  const allowed = Array.from(
    { length: allowedCount },
    (_, index) => `www.site${index}.example.org`,
  );
  const write = (name: string, lines: readonly string[]): string => {
    const path = join(folder, name);
    writeNames(path, lines);
    return path;
  };
  const queries = (name: string, blockedShare: number): string =>
    write(
      name,
      Array.from({ length: LINES }, () => {
        const from = random() < blockedShare ? blocked : allowed;
        return `${from[pickPopular(random, from.length)] ?? ''} A`;
      }),
    );
  const last = names.at(-1) ?? '';
  return {
    names,
    listPath: write('adult.txt', names),
    warmUpPath: write(
      'warm-up.txt',
      [...allowed, ...blocked].map((name) => `${name} A`),
    ),
    queryPaths: {
      blocked: queries('blocked.txt', 1),
      cached: queries('cached.txt', 0),
      mixed: queries('mixed.txt', BLOCKED_SHARE),
    },
    blockedProbe: (attempt) => `probe${attempt}.${last}`,
  };
}

/** One a line. */
export function writeNames(path: string, names: readonly string[]): void {
  writeFileSync(path, `${names.join('\n')}\n`);
}

/** The rank of a name: first which class of popularity, then any name of that class. */
function pickPopular(random: () => number, count: number): number {
  const at = random() * SHARE_OF_ALL;
  let from = 0;
  for (const { names, share } of POPULARITY) {
    const below = Math.min(names, count);
    if (at < share || below === count) return from + Math.floor(random() * (below - from));
    from = below;
  }
  return count - 1;
}
