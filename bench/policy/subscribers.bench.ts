/**
 * Identifying and admitting clients: tables of 1 to a million subscribers on distinct prefixes of the
 * lengths that operators hand out, beside the private prefixes of a home. Octets must be 0.
 */

import type { IpPrefix } from '../../src/lib/ip-address.ts';
import { parseIpPrefix } from '../../src/lib/ip-address.ts';
import { admit, createAccess } from '../../src/policy/access.ts';
import { SubscriberWriter } from '../../src/policy/subscriber-writer.ts';
import type { SubscriberTable } from '../../src/policy/subscribers.ts';
import { lookUpAddress, openSubscriberTable } from '../../src/policy/subscribers.ts';
import { createRandom } from '../blocklist/names.ts';
import { measureInPlace, print } from '../measure.ts';

const SEED = [1, 2] as const;
const ASKED = 100_000;
const COUNTS = [1, 10_000, 100_000, 1_000_000];
const HOME = ['127.0.0.0/8', '::1/128', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16'];
const HOME_IPV6 = ['fe80::/10', 'fc00::/7'];

for (const count of COUNTS) {
  const label = count.toLocaleString('en');
  const table = fillTable(count, label);
  const own = addressesOf((random) => prefixOf(Math.floor(random() * count)).words);
  measureInPlace(`look up, all lengths mixed, ${label}`, ASKED, () => {
    lookUpAll(table, own);
  });
  // One of the longest to look for: it is in none of the longer lengths.
  const larger = addressesOf(
    (random) => prefixOf(Math.floor((random() * count) / 100) * 100).words,
  );
  measureInPlace(`look up, IPv6 /29, ${label}`, ASKED, () => {
    lookUpAll(table, larger);
  });
  const strangers = addressesOf((random) => [0x2a000000 + random() * 65_536, 5, 6, 7]);
  measureInPlace(`look up, an IPv6 stranger, ${label}`, ASKED, () => {
    lookUpAll(table, strangers);
  });
}

const access = createAccess({ prefixes: [], ratePerSecond: 1e6, burst: 1e6 }, 1, SEED);
const clients = addressesOf((random) => [0, 0, 0xffff, 0x64000000 + random() * 1_000_000]);
measureInPlace('admit', ASKED, () => {
  access.nowMs[0] = access.nowMs[0]! + 1;
  for (let at = 0; at < clients.length; at += 4) admit(access, clients, at, true);
});

function fillTable(count: number, label: string): SubscriberTable {
  const writer = new SubscriberWriter(SEED, { expectedEntries: count });
  for (const text of [...HOME, ...HOME_IPV6]) writer.insert(parseIpPrefix(text)!, 0);
  const started = process.cpuUsage();
  for (let index = 0; index < count; index++) writer.insert(prefixOf(index), index);
  const insertNs = (process.cpuUsage(started).user * 1000) / count;
  const octets = writer.buffer.byteLength / writer.entryCount;
  print(`insert, ${label}`, `${insertNs.toFixed(0)} ns`, `${octets.toFixed(1)} octets an entry`);
  return openSubscriberTable(writer.buffer, SEED);
}

/** Of a hundred: one IPv6 /29, sixty IPv4 /32, nineteen each IPv6 /56 and /64, and one /48. */
function prefixOf(index: number): IpPrefix {
  const kind = index % 100;
  const place = Math.floor(index / 100);
  if (kind === 0) return { words: [0x30000000 + place * 8, 0, 0, 0], length: 29 };
  if (kind <= 60) return { words: [0, 0, 0xffff, 0x64000000 + index], length: 128 };
  if (kind <= 79) return { words: [0x20010db8, index << 8, 0, 0], length: 56 };
  if (kind <= 98) return { words: [0x20010db9, index, 0, 0], length: 64 };
  return { words: [0x20020000 + (place >> 8), (place & 255) << 16, 0, 0], length: 48 };
}

function addressesOf(wordsOf: (random: () => number) => readonly number[]): Uint32Array {
  const random = createRandom(7);
  const addresses = new Uint32Array(ASKED * 4);
  for (let at = 0; at < addresses.length; at += 4) addresses.set(wordsOf(random), at);
  return addresses;
}

function lookUpAll(table: SubscriberTable, addresses: Uint32Array): void {
  for (let at = 0; at < addresses.length; at += 4) lookUpAddress(table, addresses, at);
}
