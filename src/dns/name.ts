/**
 * Domain names as wire octets: length-prefixed labels that end with the empty root label, at most
 * 255 octets (RFC 1035, section 3.1). Any octet may stand in a label (RFC 2181, section 11), so
 * names are compared and hashed as octets; text is for people and for files.
 */

import { lowerCaseOctet } from '../lib/bytes.ts';

export const NAME_BYTES_MAX = 255;
export const LABEL_BYTES_MAX = 63;

const BACKSLASH = 0x5c;
const DOT = 0x2e;
/** A name of 255 octets can hold at most this many pointers that each yield a label. */
const POINTERS_MAX = 127;

/**
 * Reads a possibly compressed name of a message and writes it uncompressed, in its own case.
 * Pointers must go strictly backwards (RFC 9267), so a loop cannot be written.
 *
 * @param message the octets; the message begins at `messageAt` and ends before `end`
 * @param at where the name begins
 * @param out at least 255 octets; receives the name with its root
 * @returns the offset after the name in the message, or −1 where the name is malformed
 */
export function readName(
  message: Uint8Array,
  messageAt: number,
  end: number,
  at: number,
  out: Uint8Array,
): number {
  let next = -1;
  let length = 0;
  let limit = at;
  let pointers = 0;
  for (let offset = at; offset < end;) {
    const octet = message[offset]!;
    if (octet === 0) {
      out[length] = 0;
      return next < 0 ? offset + 1 : next;
    }
    if (octet <= LABEL_BYTES_MAX) {
      if (length + octet + 2 > NAME_BYTES_MAX || offset + octet >= end) return -1;
      for (let index = 0; index <= octet; index++) out[length + index] = message[offset + index]!;
      length += octet + 1;
      offset += octet + 1;
      continue;
    }
    if (octet < 0xc0 || offset + 1 >= end) return -1;
    const target = messageAt + (((octet & 0x3f) << 8) | message[offset + 1]!);
    if (target >= limit || ++pointers > POINTERS_MAX) return -1;
    if (next < 0) next = offset + 2;
    limit = target;
    offset = target;
  }
  return -1;
}

/** The octets of an uncompressed, valid name, its root included. */
export function nameLength(name: Uint8Array, at = 0): number {
  let offset = at;
  while (name[offset] !== 0) offset += name[offset]! + 1;
  return offset + 1 - at;
}

/** Lower-cases the ASCII letters of a valid name in place (RFC 4343); length octets are below 64 and stay. */
export function lowerCaseName(name: Uint8Array, at: number, length: number): void {
  for (let offset = at; offset < at + length; offset++)
    name[offset] = lowerCaseOctet(name[offset]!);
}

/**
 * Writes the presentation form (`www.example.org`, `\.` and `\DDD` escapes, trailing dot optional)
 * as wire octets, case kept.
 * @param out at least 255 octets
 * @returns octets written, or 0 where the text is no name; the root is `.`
 */
export function writeName(text: string, out: Uint8Array): number {
  if (text === '.') {
    out[0] = 0;
    return 1;
  }
  let labelAt = 0;
  let at = 1;
  for (let index = 0; index < text.length; index++) {
    let octet = text.charCodeAt(index);
    // A character beyond ASCII is no octet: `\DDD` is one, and people's scripts go into A-labels.
    let octetMax = 0x7f;
    if (octet === DOT) {
      const labelLength = at - labelAt - 1;
      if (labelLength === 0) return 0;
      out[labelAt] = labelLength;
      labelAt = at++;
      if (index === text.length - 1) {
        out[labelAt] = 0;
        return at;
      }
      continue;
    }
    if (octet === BACKSLASH) {
      const decimal = /^\d{3}/.exec(text.slice(index + 1, index + 4));
      octet = decimal === null ? text.charCodeAt(index + 1) : Number(decimal[0]);
      if (decimal !== null) octetMax = 0xff;
      index += decimal === null ? 1 : 3;
    }
    // NaN (a lone backslash at the end) fails this comparison too.
    if (!(octet <= octetMax) || at - labelAt > LABEL_BYTES_MAX || at >= NAME_BYTES_MAX - 1)
      return 0;
    out[at++] = octet;
  }
  if (at - labelAt === 1) return 0;
  out[labelAt] = at - labelAt - 1;
  out[at] = 0;
  return at + 1;
}

/** The presentation form without trailing dot; `.` for the root. Octets outside printable ASCII become `\DDD`. */
export function nameToText(name: Uint8Array, at = 0): string {
  return name[at] === 0 ? '.' : labelsToText(name, at, at + nameLength(name, at) - 1);
}

/** The presentation form of the labels in [at, end) of a valid name, without dots around them. */
export function labelsToText(name: Uint8Array, at: number, end: number): string {
  let text = '';
  for (let offset = at; offset < end; offset += name[offset]! + 1) {
    if (offset !== at) text += '.';
    for (let index = 1; index <= name[offset]!; index++) text += escapeOctet(name[offset + index]!);
  }
  return text;
}

/**
 * True where two valid names are equal but for ASCII case. Equal octets have equal length octets among
 * them, so the length of one name is enough: where the other is shorter, its root differs.
 */
export function namesEqual(a: Uint8Array, aAt: number, b: Uint8Array, bAt: number): boolean {
  const length = nameLength(a, aAt);
  for (let index = 0; index < length; index++) {
    if (lowerCaseOctet(a[aAt + index]!) !== lowerCaseOctet(b[bAt + index]!)) return false;
  }
  return true;
}

function escapeOctet(octet: number): string {
  if (octet <= 0x20 || octet >= 0x7f) return `\\${String(octet).padStart(3, '0')}`;
  const character = String.fromCharCode(octet);
  return '."();@$\\'.includes(character) ? `\\${character}` : character;
}
