import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hashWords, seedIdOf } from '../../src/lib/half-siphash.ts';
import { writeName } from '../../src/dns/name.ts';
import { createSuffixHashes, hashSuffixes } from '../../src/dns/suffix-hashes.ts';

const SEED = [0x03020100, 0x07060504] as const;

function hashesOf(text: string, seed: readonly [number, number] = SEED): string[] {
  const name = new Uint8Array(255);
  writeName(text, name);
  const hashes = createSuffixHashes();
  hashSuffixes(hashes, seed, name, 0);
  return Array.from(
    { length: hashes.labelCount + 1 },
    (_, index) => `${hashes.high[index]!.toString(16)}:${hashes.low[index]!.toString(16)}`,
  );
}

it('a suffix has the same hash whatever stands before it', () => {
  const long = hashesOf('a.bcd.example.org');
  expect(hashesOf('example.org')).toEqual(long.slice(0, 3));
  expect(hashesOf('bcd.example.org')).toEqual(long.slice(0, 4));
});

it('names that differ in octets or in where their labels end hash apart', () => {
  const label = fc.stringMatching(/^[a-z0-9]{1,12}$/);
  const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((list) => list.join('.'));
  fc.assert(
    fc.property(name, name, (a, b) => {
      fc.pre(a !== b);
      expect(hashesOf(a).at(-1)).not.toBe(hashesOf(b).at(-1));
    }),
  );
  expect(hashesOf('ab.c').at(-1)).not.toBe(hashesOf('a.bc').at(-1));
});

it('another seed gives another hash, and the seed id tells seeds apart', () => {
  expect(hashesOf('example.org', [1, 2]).at(-1)).not.toBe(hashesOf('example.org').at(-1));
  expect(seedIdOf([1, 2])).not.toEqual(seedIdOf([2, 1]));
});

it('one object serves two seeds in turn, the root included', () => {
  const shared = createSuffixHashes();
  const name = Uint8Array.of(3, 0x63, 0x6f, 0x6d, 0);
  for (const seed of [SEED, [1, 2] as const, SEED]) {
    hashSuffixes(shared, seed, name, 0);
    const own = createSuffixHashes();
    hashSuffixes(own, seed, name, 0);
    expect(shared.high).toEqual(own.high);
    expect(shared.low).toEqual(own.low);
  }
});

it('both lanes of 100,000 names spread evenly over 256 buckets', () => {
  const counts = new Uint32Array(256);
  const lowCounts = new Uint32Array(256);
  const hashes = createSuffixHashes();
  const name = new Uint8Array(255);
  for (let index = 0; index < 100_000; index++) {
    writeName(`n${index}.example`, name);
    hashSuffixes(hashes, SEED, name, 0);
    counts[hashes.high[2]! >>> 24]!++;
    lowCounts[hashes.low[2]! >>> 24]!++;
  }
  // Expected 390 a bucket; six standard deviations are about 120.
  for (const bucket of [...counts, ...lowCounts]) expect(Math.abs(bucket - 390)).toBeLessThan(120);
});

/**
 * Reference values of HalfSipHash-1-3 with a 64-bit result, made with an implementation written
 * from the paper with 64-bit integers.
 */
it('agrees with an independent HalfSipHash-1-3 on whole words', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(0xffffffff), { maxLength: 8 }), (words) => {
      const out = new Uint32Array(2);
      hashWords(SEED, words, 0, words.length, out);
      expect([...out]).toEqual(referenceHash(SEED, words));
    }),
  );
});

function referenceHash(seed: readonly [number, number], words: readonly number[]): number[] {
  const M = 0xffffffffn;
  const rotate = (value: bigint, by: bigint): bigint => ((value << by) | (value >> (32n - by))) & M;
  const v = [BigInt(seed[0]), BigInt(seed[1]), 0x6c796765n, 0x74656462n] as [
    bigint,
    bigint,
    bigint,
    bigint,
  ];
  v[2] ^= BigInt(seed[0]);
  v[3] ^= BigInt(seed[1]);
  v[1] ^= 0xeen;
  const round = (): void => {
    v[0] = (v[0] + v[1]) & M;
    v[1] = rotate(v[1], 5n) ^ v[0];
    v[0] = rotate(v[0], 16n);
    v[2] = (v[2] + v[3]) & M;
    v[3] = rotate(v[3], 8n) ^ v[2];
    v[0] = (v[0] + v[3]) & M;
    v[3] = rotate(v[3], 7n) ^ v[0];
    v[2] = (v[2] + v[1]) & M;
    v[1] = rotate(v[1], 13n) ^ v[2];
    v[2] = rotate(v[2], 16n);
  };
  for (const word of [...words.map(BigInt), (BigInt(words.length * 4) << 24n) & M]) {
    v[3] ^= word;
    round();
    v[0] ^= word;
  }
  v[2] ^= 0xeen;
  round();
  round();
  round();
  const first = v[1] ^ v[3];
  v[1] ^= 0xddn;
  round();
  round();
  round();
  return [Number(first), Number(v[1] ^ v[3])];
}
