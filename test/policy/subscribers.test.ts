import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  parseIpAddress,
  parseIpPrefix,
  prefixWordMask,
  type IpPrefix,
} from '../../src/lib/ip-address.ts';
import {
  PROFILE_NUMBER_MAX,
  createSubscriberTable,
  erasePrefix,
  lookUpAddress,
  lookUpPrefix,
  openSubscriberTable,
  writePrefix,
} from '../../src/policy/subscribers.ts';
import { SubscriberWriter } from '../../src/policy/subscriber-writer.ts';
import { SEED } from './policy-input.ts';

test('the longest prefix wins', () => {
  const writer = new SubscriberWriter(SEED);
  writer.insert(prefix('192.0.2.0/24'), 1);
  writer.insert(prefix('192.0.2.64/26'), 2);
  writer.insert(prefix('192.0.2.65/32'), 3);
  writer.insert(prefix('2001:db8::/32'), 4);
  writer.insert(prefix('2001:db8:7::/56'), 5);
  expect(profileOf(writer, '192.0.2.1')).toBe(1);
  expect(profileOf(writer, '192.0.2.64')).toBe(2);
  expect(profileOf(writer, '192.0.2.65')).toBe(3);
  expect(profileOf(writer, '2001:db8:7:ff::1')).toBe(5);
  expect(profileOf(writer, '2001:db8:7:100::1')).toBe(4);
  expect(profileOf(writer, '198.51.100.1')).toBe(-1);
});

test('an IPv4 client is the same in its IPv6-mapped form, and ::/0 is no IPv4 prefix', () => {
  const writer = new SubscriberWriter(SEED);
  writer.insert(prefix('::/0'), 0);
  writer.insert(prefix('192.0.2.7/32'), 1);
  expect(profileOf(writer, '::ffff:192.0.2.7')).toBe(1);
  expect(profileOf(writer, '192.0.2.8')).toBe(-1);
  expect(profileOf(writer, '2001:db8::1')).toBe(0);
});

test('a prefix of length 0, the first and the last profile number are held', () => {
  const writer = new SubscriberWriter(SEED);
  writer.insert(prefix('0.0.0.0/0'), 0);
  writer.insert(prefix('255.255.255.255/32'), PROFILE_NUMBER_MAX);
  expect(profileOf(writer, '203.0.113.9')).toBe(0);
  expect(profileOf(writer, '255.255.255.255')).toBe(PROFILE_NUMBER_MAX);
  expect(() => {
    writer.insert(prefix('192.0.2.1/32'), PROFILE_NUMBER_MAX + 1);
  }).toThrow('24 bits');
});

test('a deleted prefix uncovers the shorter one, and may come again', () => {
  const writer = new SubscriberWriter(SEED);
  writer.insert(prefix('192.0.2.0/24'), 1);
  writer.insert(prefix('192.0.2.9/32'), 2);
  expect(writer.delete(prefix('192.0.2.9/32'))).toBe(true);
  expect(writer.delete(prefix('192.0.2.9/32'))).toBe(false);
  expect(profileOf(writer, '192.0.2.9')).toBe(1);
  writer.insert(prefix('192.0.2.9/32'), 3);
  expect(profileOf(writer, '192.0.2.9')).toBe(3);
  expect(writer.entryCount).toBe(2);
});

test('prefixes of one network address and different lengths are told apart in a crowded table', () => {
  const table = createSubscriberTable(34, SEED);
  const network = parseIpAddress('128.0.0.0')!;
  const lengths = Array.from({ length: 32 }, (_, index) => 97 + index);
  for (const length of lengths) writePrefix(table, { words: network, length }, length);
  for (const length of lengths) {
    expect(lookUpPrefix(table, network, 0, length)).toBe(length);
    erasePrefix(table, { words: network, length });
    expect(lookUpPrefix(table, network, 0, length)).toBe(-1);
  }
});

test('any run of inserts and deletes leaves what a map of prefixes says', () => {
  const anAddress = fc.tuple(
    fc.boolean(),
    fc.integer({ min: 0, max: 15 }),
    fc.integer({ min: 0, max: 32 }),
  );
  const aPrefix = anAddress.map(([isIpv4, bits, length]) => prefixFrom(isIpv4, bits, length));
  const aStep = fc.record({
    prefix: aPrefix,
    profile: fc.integer({ min: 0, max: 5 }),
    isInsert: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(aStep, { maxLength: 60 }), (steps) => {
      const writer = new SubscriberWriter(SEED);
      const naive = new Map<string, { prefix: IpPrefix; profile: number }>();
      for (const { prefix: its, profile, isInsert } of steps) {
        const key = JSON.stringify(its);
        if (isInsert) {
          writer.insert(its, profile);
          naive.set(key, { prefix: its, profile });
        } else expect(writer.delete(its)).toBe(naive.delete(key));
      }
      expect(writer.entryCount).toBe(naive.size);
      for (const { prefix: its } of steps) {
        const address = Uint32Array.from(its.words);
        const table = openSubscriberTable(writer.buffer, SEED);
        expect(lookUpAddress(table, address, 0)).toBe(naiveLookUp([...naive.values()], its));
      }
    }),
    { numRuns: 300 },
  );
});

test('at 70 % used a new buffer is filled, a little with each write, and both are written until it is retired', () => {
  const published: number[] = [];
  const writer = new SubscriberWriter(SEED, {
    onBuffer: (_, generation) => published.push(generation),
  });
  const first = openSubscriberTable(writer.buffer, SEED);
  for (let host = 0; published.length === 0; host++) writer.insert(ipv4(host), host);
  const count = writer.entryCount;
  expect(count / 1024).toBeGreaterThan(0.7);
  expect(count / 1024, 'long before the old buffer is full').toBeLessThan(0.75);
  expect(published).toEqual([2]);

  writer.insert(ipv4(100_000), 7);
  expect(lookUpAddress(first, addressOf(100_000), 0), 'the old buffer is still written').toBe(7);
  expect(profileAt(writer, 100_000)).toBe(7);
  for (let host = 0; host < count; host++) expect(profileAt(writer, host)).toBe(host);

  writer.retire(2);
  writer.insert(ipv4(100_001), 8);
  expect(lookUpAddress(first, addressOf(100_001), 0), 'nobody reads it any more').toBe(-1);
  expect(profileAt(writer, 100_001)).toBe(8);
});

test('whatever is written while a new buffer is filled is in it when it is published', () => {
  const aWrite = fc.record({
    // Half of the hosts are there before, so that they are changed before and after they are moved.
    host: fc.integer({ min: 0, max: 1400 }),
    profile: fc.integer({ min: 0, max: 5 }),
    isInsert: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(aWrite, { minLength: 20, maxLength: 40 }), (writes) => {
      let buffers = 0;
      const writer = new SubscriberWriter(SEED, { onBuffer: () => buffers++ });
      const naive = new Map<number, number>();
      const write = (host: number, profile: number): void => {
        naive.set(host, profile);
        writer.insert(ipv4or6(host), profile);
      };
      for (let host = 0; host < 716; host++) write(host, 9);
      expect(buffers).toBe(0);
      for (const { host, profile, isInsert } of writes) {
        if (isInsert) write(host, profile);
        else expect(writer.delete(ipv4or6(host))).toBe(naive.delete(host));
      }
      for (let host = 2000; buffers === 0; host++) write(host, 1);
      expect(writer.entryCount).toBe(naive.size);
      const table = openSubscriberTable(writer.buffer, SEED);
      for (let host = 0; host < 1500; host++) {
        const found = lookUpAddress(table, Uint32Array.from(ipv4or6(host).words), 0);
        expect(found, String(host)).toBe(naive.get(host) ?? -1);
      }
    }),
    { numRuns: 12 },
  );
});

test('a buffer on its way out that is full takes no new prefix, but still follows what it holds', () => {
  const writer = new SubscriberWriter(SEED);
  const first = openSubscriberTable(writer.buffer, SEED);
  for (let host = 0; host < 1500; host++) writer.insert(ipv4(host), host);
  expect(lookUpAddress(first, addressOf(1499), 0)).toBe(-1);
  writer.insert(ipv4(7), 70);
  writer.delete(ipv4(8));
  expect(lookUpAddress(first, addressOf(7), 0)).toBe(70);
  expect(lookUpAddress(first, addressOf(8), 0)).toBe(-1);
});

test('a new buffer costs no write more than a bounded number of slots', () => {
  const entries = 200_000;
  let buffers = 0;
  const writer = new SubscriberWriter(SEED, {
    expectedEntries: entries,
    onBuffer: () => buffers++,
  });
  let writes = 0;
  while (buffers === 0) writer.insert(ipv4(writes), writes++);
  const slots = entries / 0.52;
  expect(writes - slots * 0.7).toBeGreaterThan(slots / 40);
  expect(writes).toBeLessThan(slots * 0.8);
});

test('a table whose sessions have nearly all ended takes others while its new buffer is filled', () => {
  const writer = new SubscriberWriter(SEED, { expectedEntries: 18_000 });
  const host = (index: number) =>
    ({ words: [0, 0, 0xffff, 0x0a000000 + index], length: 128 }) as const;
  const generation = writer.generation;
  for (let index = 0; index < 24_200; index++) writer.insert(host(index), 1);
  for (let index = 0; index < 24_200; index++) writer.delete(host(index));
  for (let index = 0; index < 5000; index++) writer.insert(host(100_000 + index), 2);
  expect(writer.generation).toBeGreaterThan(generation);
  expect(writer.entryCount).toBe(5000);
});

test('sessions that come and go over one pool of addresses need no new buffer', () => {
  let buffers = 0;
  const writer = new SubscriberWriter(SEED, { onBuffer: () => buffers++ });
  for (let round = 0; round < 50; round++) {
    for (let host = 0; host < 500; host++) writer.insert(ipv4(host), round);
    for (let host = 0; host < 500; host++) writer.delete(ipv4(host));
  }
  expect(buffers).toBe(0);
  expect(writer.entryCount).toBe(0);
});

test('an entry takes at most 32 octets, after a new buffer too', () => {
  const expectedEntries = 200_000;
  const writer = new SubscriberWriter(SEED, { expectedEntries });
  const octets = (): number => writer.buffer.byteLength / writer.entryCount;
  for (let host = 0; host < expectedEntries; host++) writer.insert(ipv4(host), host);
  expect(writer.generation).toBe(1);
  expect(octets()).toBeLessThanOrEqual(32);
  for (let host = expectedEntries; writer.generation === 1; host++) writer.insert(ipv4(host), host);
  expect(octets()).toBeLessThanOrEqual(32);
});

test('prefixes of all lengths whose addresses differ in one bit are told apart', () => {
  const lengths = [16, 29, 48, 56, 64, 65, 80, 127, 128];
  const writer = new SubscriberWriter(SEED);
  const base = [0x20010db8, 0x12345678, 0x9abcdef0, 0x0fedcba8] as const;
  const flipped = (length: number, bit: number): IpPrefix['words'] => {
    const words = base.map((word, index) => (word & prefixWordMask(length, index)) >>> 0);
    words[bit >>> 5] = (words[bit >>> 5]! ^ (0x80000000 >>> (bit & 31))) >>> 0;
    return words as unknown as IpPrefix['words'];
  };
  const entries = lengths.flatMap((length) =>
    Array.from({ length }, (_, bit) => ({ length, words: flipped(length, bit) })),
  );
  for (const [profile, entry] of entries.entries()) writer.insert(entry, profile);
  const table = openSubscriberTable(writer.buffer, SEED);
  for (const [profile, { words, length }] of entries.entries()) {
    expect(lookUpPrefix(table, words, 0, length)).toBe(profile);
    expect(lookUpPrefix(table, base, 0, length)).toBe(-1);
  }
});

test('a buffer that is no subscriber table is refused', () => {
  const { buffer } = createSubscriberTable(10, SEED);
  for (const wrong of [new SharedArrayBuffer(64), buffer.slice(0, 100)]) {
    expect(() => openSubscriberTable(wrong, SEED)).toThrow(
      expect.objectContaining({ code: 'IMAGE_DAMAGED' }),
    );
  }
});

function prefix(text: string): IpPrefix {
  const parsed = parseIpPrefix(text);
  expect(parsed, text).not.toBeNull();
  return parsed!;
}

function profileOf(writer: SubscriberWriter, address: string): number {
  const words = Uint32Array.from([9, ...parseIpAddress(address)!]);
  return lookUpAddress(openSubscriberTable(writer.buffer, SEED), words, 1);
}

function ipv4(host: number): IpPrefix {
  return { words: [0, 0, 0xffff, (0x0a000000 + host) >>> 0], length: 128 };
}

/** All three forms of keys: IPv4, IPv6 of up to 64 bits, longer. */
function ipv4or6(host: number): IpPrefix {
  if (host % 3 === 0) return ipv4(host);
  if (host % 3 === 1) return { words: [0x20010db8, host << 8, 0, 0], length: 56 };
  return { words: [0x20010db8, 0, host, 1], length: 128 };
}

function addressOf(host: number): Uint32Array {
  return Uint32Array.from(ipv4(host).words);
}

function profileAt(writer: SubscriberWriter, host: number): number {
  return lookUpAddress(openSubscriberTable(writer.buffer, SEED), addressOf(host), 0);
}

/** Prefixes that nest often: four bits at the top of the host part, at any length. */
function prefixFrom(isIpv4: boolean, bits: number, length: number): IpPrefix {
  const word = length === 0 ? 0 : ((bits << 28) & (0xffffffff << (32 - length))) >>> 0;
  return isIpv4
    ? { words: [0, 0, 0xffff, word], length: 96 + length }
    : { words: [word, 0, 0, 0], length };
}

function naiveLookUp(
  entries: readonly { prefix: IpPrefix; profile: number }[],
  address: IpPrefix,
): number {
  const text = bitsOf(address.words);
  const holding = entries.filter(
    (entry) =>
      text.startsWith(bitsOf(entry.prefix.words).slice(0, entry.prefix.length)) &&
      // An IPv6 prefix is none of IPv4 addresses, however short.
      isIpv4(entry.prefix) === isIpv4(address),
  );
  const longest = holding.sort((a, b) => b.prefix.length - a.prefix.length)[0];
  return longest?.profile ?? -1;
}

function bitsOf(words: IpPrefix['words']): string {
  return words.map((word) => word.toString(2).padStart(32, '0')).join('');
}

function isIpv4(its: IpPrefix): boolean {
  return its.length >= 96 && its.words[2] === 0xffff;
}
