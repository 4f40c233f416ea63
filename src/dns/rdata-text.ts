/**
 * The data of local records: presentation form ↔ wire octets, for the types that people write in a
 * configuration (RFC 1035, section 5.1; MX and SRV by RFC 2782). Cold: the octets are made once, at
 * start-up or reload. Names in the data are written uncompressed and lower-cased.
 */

import { lowerCaseOctet, readUint16, readUint32, writeUint16 } from '../lib/bytes.ts';
import { AppError } from '../lib/errors.ts';
import { formatIpAddress, isIpv4Words, parseIpAddress } from '../lib/ip-address.ts';
import {
  TYPE_A,
  TYPE_AAAA,
  TYPE_CNAME,
  TYPE_MX,
  TYPE_PTR,
  TYPE_SRV,
  TYPE_TXT,
} from './constants.ts';
import { NAME_BYTES_MAX, nameToText, writeName } from './name.ts';

const CHARACTER_STRING_BYTES_MAX = 255;
/** Enough for SPF and DKIM; a longer text is an accident. */
const TXT_BYTES_MAX = 4096;

/**
 * The wire form of `text` for a type:
 *
 *     A      192.0.2.7                 CNAME, PTR   www.example.org
 *     AAAA   2001:db8::7               MX           10 mail.example.org
 *     TXT    any text, or "one" "two"  SRV          0 5 5060 sip.example.org
 *
 * A TXT value without quotes is one text, cut into strings of 255 octets. In quotes, `\"`, `\\` and
 * `\DDD` are escapes.
 *
 * @throws AppError `RDATA_INVALID` where the text does not fit the type or the type has no text form here
 */
export function rdataFromText(type: number, text: string): Uint8Array {
  const data = parseRdata(type, text);
  if (data !== null) return data;
  throw new AppError(
    'RDATA_INVALID',
    `Reading the data of a record: "${text}" does not fit type ${type}`,
  );
}

/** The presentation form of data that `rdataFromText` wrote. */
export function rdataToText(type: number, data: Uint8Array): string {
  switch (type) {
    case TYPE_A:
      return data.join('.');
    case TYPE_AAAA:
      return formatIpAddress([0, 4, 8, 12].map((at) => readUint32(data, at)));
    case TYPE_CNAME:
    case TYPE_PTR:
      return nameToText(data);
    case TYPE_TXT:
      return textOf(data);
    case TYPE_MX:
      return `${readUint16(data, 0)} ${nameToText(data, 2)}`;
    case TYPE_SRV: {
      const numbers = [0, 2, 4].map((at) => readUint16(data, at));
      return `${numbers.join(' ')} ${nameToText(data, 6)}`;
    }
    default:
      throw new AppError('RDATA_INVALID', `Writing the data of a record: type ${type} has no text`);
  }
}

function parseRdata(type: number, text: string): Uint8Array | null {
  switch (type) {
    case TYPE_A:
    case TYPE_AAAA:
      return addressData(type, text);
    case TYPE_CNAME:
    case TYPE_PTR:
      return nameData([], text);
    case TYPE_TXT:
      return textData(text);
    case TYPE_MX:
      return numbersAndName(text, 1);
    case TYPE_SRV:
      return numbersAndName(text, 3);
    default:
      return null;
  }
}

function addressData(type: number, text: string): Uint8Array | null {
  const words = parseIpAddress(text);
  const isIpv4 = type === TYPE_A;
  // ::ffff:192.0.2.1 is written as IPv6, but means IPv4 everywhere in this server.
  if (words === null || isIpv4Words(words) !== isIpv4 || text.includes(':') === isIpv4) return null;
  const octets = words.flatMap((word) => [24, 16, 8, 0].map((shift) => (word >>> shift) & 0xff));
  return Uint8Array.from(isIpv4 ? octets.slice(12) : octets);
}

function numbersAndName(text: string, count: number): Uint8Array | null {
  const parts = text.trim().split(/\s+/);
  const name = parts.pop();
  if (name === undefined || parts.length !== count) return null;
  if (!parts.every((part) => /^\d{1,5}$/.test(part) && Number(part) <= 0xffff)) return null;
  return nameData(parts.map(Number), name);
}

/** 16-bit numbers, then a name. */
function nameData(numbers: readonly number[], text: string): Uint8Array | null {
  if (/\s/.test(text)) return null;
  const name = new Uint8Array(NAME_BYTES_MAX);
  const length = writeName(text, name);
  if (length === 0) return null;
  const data = new Uint8Array(numbers.length * 2 + length);
  for (const [index, number] of numbers.entries()) writeUint16(data, index * 2, number);
  data.set(name.subarray(0, length).map(lowerCaseOctet), numbers.length * 2);
  return data;
}

function textData(text: string): Uint8Array | null {
  const strings = text.trimStart().startsWith('"') ? quotedStrings(text) : plainStrings(text);
  if (strings === null || strings.some(({ length }) => length > CHARACTER_STRING_BYTES_MAX)) {
    return null;
  }
  const octets = strings.flatMap((string) => [string.length, ...string]);
  return octets.length <= TXT_BYTES_MAX ? Uint8Array.from(octets) : null;
}

function plainStrings(text: string): Uint8Array[] {
  const octets = new TextEncoder().encode(text);
  const strings: Uint8Array[] = [];
  for (let at = 0; at === 0 || at < octets.length; at += CHARACTER_STRING_BYTES_MAX) {
    strings.push(octets.subarray(at, at + CHARACTER_STRING_BYTES_MAX));
  }
  return strings;
}

/** `"one" "two"`; null where a quote or an escape is left open, or something stands outside. */
function quotedStrings(text: string): Uint8Array[] | null {
  const strings: Uint8Array[] = [];
  let at = 0;
  for (;;) {
    while (text[at] === ' ' || text[at] === '\t') at++;
    if (at === text.length) return strings;
    if (text[at] !== '"') return null;
    const end = closingQuote(text, at + 1);
    const octets = end < 0 ? null : unescaped(text.slice(at + 1, end));
    if (octets === null) return null;
    strings.push(octets);
    at = end + 1;
  }
}

function closingQuote(text: string, from: number): number {
  for (let at = from; at < text.length; at++) {
    if (text[at] === '\\') at++;
    else if (text[at] === '"') return at;
  }
  return -1;
}

function unescaped(text: string): Uint8Array | null {
  const octets: number[] = [];
  let at = 0;
  while (at < text.length) {
    const backslash = text.indexOf('\\', at);
    const plainEnd = backslash < 0 ? text.length : backslash;
    octets.push(...new TextEncoder().encode(text.slice(at, plainEnd)));
    if (backslash < 0) break;
    const decimal = /^\d{3}/.exec(text.slice(backslash + 1, backslash + 4));
    const octet = decimal === null ? text.charCodeAt(backslash + 1) : Number(decimal[0]);
    if (octet > 0xff) return null;
    octets.push(octet);
    at = backslash + (decimal === null ? 2 : 4);
  }
  return Uint8Array.from(octets);
}

function textOf(data: Uint8Array): string {
  const strings: string[] = [];
  for (let at = 0; at < data.length; at += data[at]! + 1) {
    const string = data.subarray(at + 1, at + 1 + data[at]!);
    strings.push(`"${Array.from(string, escapeOctet).join('')}"`);
  }
  return strings.join(' ');
}

function escapeOctet(octet: number): string {
  if (octet < 0x20 || octet >= 0x7f) return `\\${String(octet).padStart(3, '0')}`;
  const character = String.fromCharCode(octet);
  return character === '"' || character === '\\' ? `\\${character}` : character;
}
