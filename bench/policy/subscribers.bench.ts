/**
 * Identifying and admitting clients: a million subscribers on distinct addresses, and the default
 * home with private prefixes of several lengths. Octets must be 0.
 */

import { parseIpPrefix } from '../../src/lib/ip-address.ts';
import { admit, createAccess } from '../../src/policy/access.ts';
import { SubscriberWriter } from '../../src/policy/subscriber-writer.ts';
import { lookUpAddress, openSubscriberTable } from '../../src/policy/subscribers.ts';
import { measure, print } from '../measure.ts';

const SEED = [1, 2] as const;
const ASKED = 10_000;
const SUBSCRIBERS = 1_000_000;
const FIRST = 0x0a000000;
const HOME = ['127.0.0.0/8', '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16'];

const operator = new SubscriberWriter(SEED, { expectedEntries: SUBSCRIBERS });
const started = performance.now();
for (let host = 0; host < SUBSCRIBERS; host++) {
  operator.insert({ words: [0, 0, 0xffff, FIRST + host], length: 128 }, host);
}
const insertNs = ((performance.now() - started) * 1e6) / SUBSCRIBERS;
const octets = operator.buffer.byteLength / SUBSCRIBERS;
print('insert', `${insertNs.toFixed(0)} ns`, `${octets.toFixed(1)} octets an entry`);

const home = new SubscriberWriter(SEED);
for (const text of HOME) home.insert(parseIpPrefix(text)!, 0);

const addresses = new Uint32Array(ASKED * 4);
for (let index = 0; index < ASKED; index++) {
  const host = Math.floor((index * SUBSCRIBERS) / ASKED);
  addresses.set([0, 0, 0xffff, FIRST + host], index * 4);
}
const access = createAccess({ prefixes: [], ratePerSecond: 1e6, burst: 1e6 }, 1, SEED);

const ofOperator = openSubscriberTable(operator.buffer, SEED);
const ofHome = openSubscriberTable(home.buffer, SEED);
measure('look up among a million', ASKED, () => {
  for (let at = 0; at < addresses.length; at += 4) lookUpAddress(ofOperator, addresses, at);
});
measure('look up among the prefixes of a home', ASKED, () => {
  for (let at = 0; at < addresses.length; at += 4) lookUpAddress(ofHome, addresses, at);
});
measure('admit', ASKED, () => {
  access.nowMs[0] = access.nowMs[0]! + 1;
  for (let at = 0; at < addresses.length; at += 4) admit(access, addresses, at, true);
});
