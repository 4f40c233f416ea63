/**
 * Names as lists write them: dotted text in any case, perhaps with a trailing dot, perhaps in
 * Unicode. Read straight from the octets of the list into wire form. Letters, digits, hyphen and
 * underscore may stand in a name; anything else is a mistake of the list or no name at all.
 */

import { LABEL_BYTES_MAX, NAME_BYTES_MAX } from '../../dns/name.ts';
import type { ListLine } from './lines.ts';
import { reject, textOf } from './lines.ts';
import type { FaultReason, ListSink } from './list-format.ts';

const DOT = 0x2e;

const FORBIDDEN = 0;
const UNICODE = 1;
/** What an octet becomes in a name: itself in lower case, or not allowed, or part of Unicode text. */
const OCTET_MAP = createOctetMap();

const FAULTS: readonly FaultReason[] = [
  'bad-name',
  'bad-character',
  'label-too-long',
  'name-too-long',
  'ip-address',
  'bad-idn',
  'bad-wildcard',
];
const BAD_NAME = -1;
const BAD_CHARACTER = -2;
const LABEL_TOO_LONG = -3;
const NAME_TOO_LONG = -4;
const IP_ADDRESS = -5;
const BAD_IDN = -6;
const BAD_WILDCARD = -7;

/** Reads the name in [start, end) and hands it to the sink, or refuses it. */
export function emitEntry(
  line: ListLine,
  sink: ListSink,
  start: number,
  end: number,
  coverage: number,
): void {
  const length = readListName(line.content, start, end, line.name);
  if (length > 0) sink.entry(line.name, length, coverage, line.number);
  else reject(line, sink, faultReason(length), start, end);
}

/** The same for a name that the list takes out again. */
export function emitException(
  line: ListLine,
  sink: ListSink,
  start: number,
  end: number,
  coverage: number,
): void {
  const length = readListName(line.content, start, end, line.name);
  if (length > 0) sink.exception(line.name, length, coverage, line.number);
  else reject(line, sink, faultReason(length), start, end);
}

/**
 * @param out at least 256 octets; receives the lower-cased wire name with its root
 * @returns octets written, or a negative fault for `faultReason`
 */
export function readListName(
  content: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
): number {
  let labelAt = 0;
  let at = 1;
  let isNumeric = true;
  for (let index = start; index < end; index++) {
    const octet = content[index]!;
    if (octet === DOT) {
      if (at - labelAt === 1) return BAD_NAME;
      out[labelAt] = at - labelAt - 1;
      if (index === end - 1) break;
      labelAt = at++;
      isNumeric = true;
      continue;
    }
    const mapped = OCTET_MAP[octet]!;
    if (mapped <= UNICODE) return readUnusualName(content, start, end, out, mapped === UNICODE);
    if (mapped < 0x30 || mapped > 0x39) isNumeric = false;
    if (at - labelAt > LABEL_BYTES_MAX) return LABEL_TOO_LONG;
    if (at >= NAME_BYTES_MAX - 1) return NAME_TOO_LONG;
    out[at++] = mapped;
  }
  if (at - labelAt === 1) return BAD_NAME;
  // No top-level domain is a number: what ends in one is an IPv4 address or means to be.
  if (isNumeric) return IP_ADDRESS;
  out[labelAt] = at - labelAt - 1;
  out[at] = 0;
  return at + 1;
}

export function faultReason(fault: number): FaultReason {
  return FAULTS[-fault - 1]!;
}

/** Unicode text, or octets that no name has; `isUnicode` tells what the first unusual octet was. */
function readUnusualName(
  content: Uint8Array,
  start: number,
  end: number,
  out: Uint8Array,
  isUnicode: boolean,
): number {
  const text = textOf(content, start, end);
  if (/^[0-9a-f.:/%[\]]+$/i.test(text) && /:.*:|\//.test(text)) return IP_ADDRESS;
  // What a format allows in front of a name, `*.`, it has passed over: an asterisk elsewhere means many names.
  if (text.includes('*')) return BAD_WILDCARD;
  if (!isUnicode) return BAD_CHARACTER;
  if (end - start > 4 * NAME_BYTES_MAX) return NAME_TOO_LONG;
  const ascii = toAscii(content.subarray(start, end));
  if (ascii === null) return BAD_IDN;
  const octets = new TextEncoder().encode(ascii);
  return readListName(octets, 0, octets.length, out);
}

/** Unicode labels as A-labels by the URL standard's mapping (UTS #46); null where they are none. */
function toAscii(octets: Uint8Array): string | null {
  try {
    // A copy, since TextDecoder does not take memory that threads share.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(octets.slice());
    if (/[^\p{L}\p{M}\p{N}\p{S}\p{P}.]|[!-,/:-@[-^`{-~]/u.test(text)) return null;
    const ascii = new URL(`http://${text}/`).hostname;
    return /^[a-z0-9_.-]+$/.test(ascii) ? ascii : null;
  } catch {
    return null;
  }
}

function createOctetMap(): Uint8Array {
  const map = new Uint8Array(256).fill(FORBIDDEN).fill(UNICODE, 0x80);
  for (const character of 'abcdefghijklmnopqrstuvwxyz0123456789-_') {
    const octet = character.charCodeAt(0);
    map[octet] = octet;
    map[character.toUpperCase().charCodeAt(0)] = octet;
  }
  return map;
}
