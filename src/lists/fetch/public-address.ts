/**
 * Which addresses a list may be fetched from. A list is named by whoever may edit lists; were every
 * address allowed, they could make this machine ask the services that only it reaches (its own API, a
 * router, the metadata of a cloud) and read the answer in the report of a list.
 *
 * So what is not public unicast is refused, and of IPv6 also what carries an IPv4 address inside, unless
 * that one is public. Source: the IANA special-purpose address registries (RFC 6890).
 */

import { networkInterfaces } from 'node:os';
import {
  type AddressWords,
  formatIpAddress,
  type IpPrefix,
  isIpv4Words,
  parseIpAddress,
  parseIpPrefix,
  prefixWordMask,
} from '../../lib/ip-address.ts';

const SPECIAL: readonly (readonly [prefix: string, what: string])[] = [
  ['0.0.0.0/8', 'an address of this network'],
  ['10.0.0.0/8', 'a private address'],
  ['100.64.0.0/10', 'a shared address of an access network'],
  ['127.0.0.0/8', 'a loopback address'],
  ['169.254.0.0/16', 'a link-local address'],
  ['172.16.0.0/12', 'a private address'],
  ['192.0.0.0/24', 'a special address'],
  ['192.0.2.0/24', 'an address for documentation'],
  ['192.88.99.0/24', 'a special address'],
  ['192.168.0.0/16', 'a private address'],
  ['198.18.0.0/15', 'an address for measurements'],
  ['198.51.100.0/24', 'an address for documentation'],
  ['203.0.113.0/24', 'an address for documentation'],
  ['224.0.0.0/4', 'a multicast address'],
  ['240.0.0.0/4', 'a reserved address'],
  ['::/128', 'the unspecified address'],
  ['::1/128', 'a loopback address'],
  ['fc00::/7', 'a private address'],
  ['fe80::/10', 'a link-local address'],
  ['fec0::/10', 'a private address'],
  ['ff00::/8', 'a multicast address'],
  // Teredo, ORCHID and others; 6to4 leads to whatever IPv4 address stands inside.
  ['2001::/23', 'a special address'],
  ['2001:db8::/32', 'an address for documentation'],
  ['2002::/16', 'a tunnel address'],
  ['3fff::/20', 'an address for documentation'],
];

/** All that is given out of IPv6 (RFC 4291, section 2.4). */
const GLOBAL_UNICAST = prefixOf('2000::/3');
/** What DNS64 makes of an IPv4 address; the last word is that address (RFC 6052). */
const NAT64 = prefixOf('64:ff9b::/96');

const PREFIXES = SPECIAL.map(([text, what]) => ({ prefix: prefixOf(text), what }));

/**
 * Why a list is not fetched from an address, such as "10.0.0.1 is a private address"; null where it is
 * public and not this machine's own.
 * @param text IPv4, or IPv6 with or without a zone index
 */
export function findAddressFault(text: string): string | null {
  const words = parseIpAddress(text.replace(/%.*$/, ''));
  if (words === null) return `${text} is no address`;
  const what = specialUseOf(words);
  if (what !== null) return `${text} is ${what}`;
  return isOwn(words) ? `${text} is an address of this machine` : null;
}

function specialUseOf(words: AddressWords): string | null {
  const special = PREFIXES.find(({ prefix }) => covers(prefix, words));
  if (special !== undefined) return special.what;
  if (isIpv4Words(words)) return null;
  // An IPv4 address in its IPv6 form is one, so that `::ffff:127.0.0.1` has ended above.
  if (covers(NAT64, words)) return specialUseOf([0, 0, 0xffff, words[3]]);
  return covers(GLOBAL_UNICAST, words) ? null : 'not in use';
}

/** Interfaces come and go; this is asked a few times an hour. */
function isOwn(words: AddressWords): boolean {
  const text = formatIpAddress(words);
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => {
      const own = parseIpAddress(address.replace(/%.*$/, ''));
      return own !== null && formatIpAddress(own) === text;
    }),
  );
}

function covers({ words: network, length }: IpPrefix, words: AddressWords): boolean {
  return network.every(
    (word, index) => ((words[index] ?? 0) & prefixWordMask(length, index)) >>> 0 === word >>> 0,
  );
}

function prefixOf(text: string): IpPrefix {
  const prefix = parseIpPrefix(text);
  if (prefix === null) throw new Error(`Invariant broken: ${text} is no prefix`);
  return prefix;
}
