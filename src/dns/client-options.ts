/**
 * What the EDNS options of a forwarder say about its client, read where `query-view` has noted them:
 * an address (RFC 7871), a MAC, raw or as text. Conventions of others, so nothing here is an error:
 * what has not the expected form says nothing.
 */

import { readUint16, readUint32 } from '../lib/bytes.ts';

export const MAC_BYTES = 6;
/** `00:00:5e:00:53:01` */
const MAC_TEXT_BYTES = 17;
/** Six octets are eight characters, without padding (RFC 4648, section 4). */
const MAC_BASE64_BYTES = 8;
const COLON = 0x3a;
const DASH = 0x2d;

const ECS_HEADER_BYTES = 4;
const FAMILY_IPV4 = 1;
const FAMILY_IPV6 = 2;
const IPV4_MAPPED_WORD = 0xffff;

const NO_DIGIT = 0xff;
/** By octet: the value of a digit, `NO_DIGIT` for what is none. */
const HEX_DIGITS = digitValues('0123456789abcdef', '0123456789ABCDEF');
const BASE64_DIGITS = digitValues(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
);

/**
 * Reads the address of a client subnet that names one address and not a network: /32 or /128. A
 * network is what resolvers send for the sake of geography, and says nothing about who asks.
 *
 * @param at data of a valid option 8, as the query parser accepts it
 * @param words receives four words, IPv4 as ::ffff:a.b.c.d; unchanged where the result is false
 */
export function readWholeAddress(
  bytes: Uint8Array,
  at: number,
  length: number,
  words: Uint32Array,
): boolean {
  const addressAt = at + ECS_HEADER_BYTES;
  const family = length === 0 ? 0 : readUint16(bytes, at);
  if (family === FAMILY_IPV4 && length === ECS_HEADER_BYTES + 4) {
    if (bytes[at + 2] !== 32) return false;
    words[0] = 0;
    words[1] = 0;
    words[2] = IPV4_MAPPED_WORD;
    words[3] = readUint32(bytes, addressAt);
    return true;
  }
  if (family !== FAMILY_IPV6 || length !== ECS_HEADER_BYTES + 16 || bytes[at + 2] !== 128) {
    return false;
  }
  for (let word = 0; word < 4; word++) words[word] = readUint32(bytes, addressAt + word * 4);
  return true;
}

/**
 * Reads a MAC written as text: hexadecimal with colons or dashes, or base64.
 * @param mac receives six octets; of no use where the result is false
 */
export function readMacText(
  bytes: Uint8Array,
  at: number,
  length: number,
  mac: Uint8Array,
): boolean {
  if (length === MAC_TEXT_BYTES) return readMacHex(bytes, at, mac);
  return length === MAC_BASE64_BYTES && readMacBase64(bytes, at, mac);
}

function readMacHex(bytes: Uint8Array, at: number, mac: Uint8Array): boolean {
  const separator = bytes[at + 2]!;
  if (separator !== COLON && separator !== DASH) return false;
  for (let octet = 0; octet < MAC_BYTES; octet++) {
    const digitsAt = at + octet * 3;
    const high = HEX_DIGITS[bytes[digitsAt]!]!;
    const low = HEX_DIGITS[bytes[digitsAt + 1]!]!;
    if (high === NO_DIGIT || low === NO_DIGIT) return false;
    if (octet < MAC_BYTES - 1 && bytes[digitsAt + 2] !== separator) return false;
    mac[octet] = (high << 4) | low;
  }
  return true;
}

function readMacBase64(bytes: Uint8Array, at: number, mac: Uint8Array): boolean {
  for (let half = 0; half < 2; half++) {
    let bits = 0;
    for (let digit = 0; digit < 4; digit++) {
      const value = BASE64_DIGITS[bytes[at + half * 4 + digit]!]!;
      if (value === NO_DIGIT) return false;
      bits = (bits << 6) | value;
    }
    mac[half * 3] = bits >>> 16;
    mac[half * 3 + 1] = bits >>> 8;
    mac[half * 3 + 2] = bits;
  }
  return true;
}

function digitValues(...alphabets: readonly string[]): Uint8Array {
  const values = new Uint8Array(256).fill(NO_DIGIT);
  for (const alphabet of alphabets) {
    for (let value = 0; value < alphabet.length; value++) {
      values[alphabet.charCodeAt(value)] = value;
    }
  }
  return values;
}
