import { expect, test } from 'vitest';
import { TYPE_A } from '../../src/dns/constants.ts';
import {
  SPECIAL_CANARY,
  SPECIAL_LOCALHOST,
  SPECIAL_NODATA,
  SPECIAL_NONE,
  SPECIAL_NXDOMAIN,
  compileSpecialNames,
  lookUpSpecial,
} from '../../src/policy/special-names.ts';
import { SEED, hashesOf } from './policy-input.ts';

const TYPE_DS = 43;
const table = compileSpecialNames(SEED);
const kindOf = (name: string, qtype = TYPE_A): number =>
  lookUpSpecial(table, hashesOf(name), qtype);

test.each([
  ['localhost', SPECIAL_LOCALHOST],
  ['printer.localhost', SPECIAL_LOCALHOST],
  ['server.test', SPECIAL_NXDOMAIN],
  ['a.invalid', SPECIAL_NXDOMAIN],
  ['printer.local', SPECIAL_NXDOMAIN],
  ['abcdef.onion', SPECIAL_NXDOMAIN],
  ['name.alt', SPECIAL_NXDOMAIN],
  ['resolver.arpa', SPECIAL_NODATA],
  ['_dns.resolver.arpa', SPECIAL_NODATA],
  ['use-application-dns.net', SPECIAL_CANARY],
  ['mask.icloud.com', SPECIAL_CANARY],
  ['mask-h2.icloud.com', SPECIAL_CANARY],
  ['dns-tunnel-check.googlezip.net', SPECIAL_CANARY],
])('%s is special', (name, kind) => {
  expect(kindOf(name)).toBe(kind);
});

test.each([
  'example.org',
  'localhost.example.org',
  'icloud.com',
  'www.icloud.com',
  'arpa',
  'in-addr.arpa',
  '15.172.in-addr.arpa',
  '32.172.in-addr.arpa',
  '63.100.in-addr.arpa',
  '128.100.in-addr.arpa',
  'ipv4only.arpa',
  'e.f.ip6.arpa',
])('%s is not special', (name) => {
  expect(kindOf(name)).toBe(SPECIAL_NONE);
});

test.each([
  'home.arpa',
  '10.in-addr.arpa',
  '16.172.in-addr.arpa',
  '31.172.in-addr.arpa',
  '168.192.in-addr.arpa',
  '64.100.in-addr.arpa',
  '127.100.in-addr.arpa',
  '254.169.in-addr.arpa',
  '0.in-addr.arpa',
  '127.in-addr.arpa',
  '2.0.192.in-addr.arpa',
  '100.51.198.in-addr.arpa',
  '113.0.203.in-addr.arpa',
  '255.255.255.255.in-addr.arpa',
  'd.f.ip6.arpa',
  '8.b.d.0.1.0.0.2.ip6.arpa',
  '8.e.f.ip6.arpa',
  '9.e.f.ip6.arpa',
  'a.e.f.ip6.arpa',
  'b.e.f.ip6.arpa',
  `${'0.'.repeat(32)}ip6.arpa`,
  `1.${'0.'.repeat(31)}ip6.arpa`,
])('%s is an empty zone: it exists, nothing below it does', (zone) => {
  expect(kindOf(zone)).toBe(SPECIAL_NODATA);
  expect(kindOf(`1.${zone}`)).toBe(SPECIAL_NXDOMAIN);
});

test('delegation signers of an empty zone are asked upstream, so that validators behind us go on', () => {
  expect(kindOf('home.arpa', TYPE_DS)).toBe(SPECIAL_NONE);
  expect(kindOf('printer.home.arpa', TYPE_DS)).toBe(SPECIAL_NXDOMAIN);
});
