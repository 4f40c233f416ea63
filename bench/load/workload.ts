/**
 * What is asked and what is blocked, the same for every server and in every run: names on the list,
 * and a file of queries for each mix, one `name TYPE` a line as dnsperf reads it.
 */

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createRandom, listNames } from '../blocklist/names.ts';

export const MIXES = ['blocked', 'cached', 'mixed'] as const;
export type Mix = (typeof MIXES)[number];

/** Names that pass; each is asked once before the figures are taken, so that it is cached. */
const ALLOWED_MAX = 10_000;
const BLOCKED_MAX = 10_000;
const LINES = 100_000;
/** Of the mix `mixed`. */
const BLOCKED_SHARE = 0.2;
/** What resolvers see: the 1,000 most asked names are nine tenths of the queries to the first 10,000. */
const TOP = 1000;
const TOP_SHARE = 0.9;

export interface Workload {
  /** The blocklist, one name a line. */
  readonly listPath: string;
  /** Every allowed and every asked name once. */
  readonly warmUpPath: string;
  readonly queryPaths: Readonly<Record<Mix, string>>;
}

export function writeWorkload(folder: string, nameCount: number): Workload {
  const listed = listNames(nameCount);
  const random = createRandom(7);
  const allowedCount = Math.min(nameCount, ALLOWED_MAX);
  const step = Math.max(1, Math.floor(nameCount / BLOCKED_MAX));
  const blocked = listed.filter((_name, index) => index % step === 0).map((name) => `www.${name}`);
  const allowed = Array.from(
    { length: allowedCount },
    (_, index) => `www.site${index}.example.org`,
  );
  const pick = (from: readonly string[], below: number): string =>
    from[Math.floor(random() * below)] ?? '';
  const aBlocked = (): string => pick(blocked, blocked.length);
  const aCached = (): string => pick(allowed, random() < TOP_SHARE ? TOP : allowedCount);
  const write = (name: string, lines: readonly string[]): string => {
    const path = join(folder, name);
    writeFileSync(path, `${lines.join('\n')}\n`);
    return path;
  };
  const queries = (name: string, next: () => string): string =>
    write(
      name,
      Array.from({ length: LINES }, () => `${next()} A`),
    );
  return {
    listPath: write('adult.txt', listed),
    warmUpPath: write(
      'warm-up.txt',
      [...allowed, ...blocked].map((name) => `${name} A`),
    ),
    queryPaths: {
      blocked: queries('blocked.txt', aBlocked),
      cached: queries('cached.txt', aCached),
      mixed: queries('mixed.txt', () => (random() < BLOCKED_SHARE ? aBlocked() : aCached())),
    },
  };
}
