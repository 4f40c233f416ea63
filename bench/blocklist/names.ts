/** Seeded names for the benches of this folder: the same in every run. */

import type { TextFormatName } from '../../src/blocklist/formats/list-format.ts';

export const NAME_COUNT = 1_000_000;

const TOPS = ['com', 'net', 'org', 'de', 'co.uk', 'info', 'xyz', 'com.br'];
const LETTERS = 'etaoinshrdlucmfwypvbgkjqxz0123456789-';

/** Distinct names of two to four labels, about 18 octets each, as lists have them. */
export function listNames(count: number): string[] {
  const random = createRandom(1);
  return Array.from({ length: count }, (_, index) => {
    const host = random() < 0.35 ? `${word(random, 3)}.` : '';
    return `${host}${word(random, 6)}${index.toString(36)}.${TOPS[Math.floor(random() * 8)]!}`;
  });
}

export function listContent(format: TextFormatName, names: readonly string[]): Uint8Array {
  const write: Record<TextFormatName, (name: string) => string> = {
    domains: (name) => name,
    hosts: (name) => `0.0.0.0 ${name}`,
    adblock: (name) => `||${name}^`,
    dnsmasq: (name) => `address=/${name}/#`,
    rpz: (name) => `${name} CNAME .`,
    wildcard: (name) => `*.${name}`,
  };
  return new TextEncoder().encode(names.map(write[format]).join('\n'));
}

/** Mulberry32: good enough to spread names, and seeded. */
export function createRandom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function word(random: () => number, length: number): string {
  let text = '';
  for (let index = 0; index < length; index++) {
    text += LETTERS[Math.floor(random() * random() * 36)]!;
  }
  return text;
}
