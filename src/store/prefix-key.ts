/**
 * The database key of an IP prefix: 16 octets of the network address in its IPv6 form (IPv4 is
 * ::ffff:a.b.c.d), then one octet of prefix length in the 128-bit form.
 */

import { readUint32, writeUint32 } from '../lib/bytes.ts';
import { formatIpPrefix, type IpPrefix, parseIpPrefix } from '../lib/ip-address.ts';

export const PREFIX_KEY_BYTES = 17;

export function prefixToKey(prefix: IpPrefix): Uint8Array {
  const key = Buffer.alloc(PREFIX_KEY_BYTES);
  for (const [word, value] of prefix.words.entries()) writeUint32(key, word * 4, value);
  key[16] = prefix.length;
  return key;
}

export function keyToPrefix(key: Uint8Array): IpPrefix {
  return {
    words: [readUint32(key, 0), readUint32(key, 4), readUint32(key, 8), readUint32(key, 12)],
    length: key[16] ?? 0,
  };
}

/** Canonical text of a prefix (RFC 5952), or null where the text is none. */
export function canonicalPrefix(text: string): string | null {
  const prefix = parseIpPrefix(text);
  return prefix === null ? null : formatIpPrefix(prefix);
}

/** The key of a text that `canonicalPrefix` made. */
export function textToKey(text: string): Uint8Array {
  const prefix = parseIpPrefix(text);
  if (prefix === null) throw new Error(`Invariant broken: "${text}" is no prefix`);
  return prefixToKey(prefix);
}

export function keyToText(key: Uint8Array): string {
  return formatIpPrefix(keyToPrefix(key));
}
