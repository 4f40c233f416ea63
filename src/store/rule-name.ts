/**
 * Names in allow and deny rules: from what people write to one canonical text, and on to wire
 * octets. A rule covers its name and everything below it, so `*.` in front says the same.
 */

import { domainToASCII } from 'node:url';
import { getPublicSuffix } from 'tldts';
import { lowerCaseName, NAME_BYTES_MAX, nameToText, writeName } from '../dns/name.ts';

const scratch = new Uint8Array(NAME_BYTES_MAX + 1);

/**
 * What host names are made of, and `\DDD` for any other octet. What filter lists add (`||`, `^`,
 * `*` within) is no part of a name: a rule with it would match nothing, and nobody would know.
 */
const NAME_TEXT = /^(?:[A-Za-z0-9_.-]|\\\d{3}|\\\.)+$/;
const IPV4_TEXT = /^\d+(?:\.\d+)*\.?$/;

/** Lower case, A-labels, no trailing dot; null where the text is no name, or the root. */
export function canonicalName(text: string): string | null {
  // ASCII names skip the IDN mapping.
  const ascii = /^[\x00-\x7f]*$/.test(text) ? text : domainToASCII(text);
  const name = ascii.replace(/^\*\./, '');
  if (!NAME_TEXT.test(name) || IPV4_TEXT.test(name)) return null;
  const length = writeName(name, scratch);
  if (length < 2) return null;
  lowerCaseName(scratch, 0, length);
  return nameToText(scratch);
}

/** Whether anybody may register names below it: `org`, `co.uk`. @param name as `canonicalName` writes it */
export function isPublicSuffix(name: string): boolean {
  return getPublicSuffix(name, { validateHostname: false }) === name;
}

/** The wire octets of a text that `canonicalName` made, as an own copy. */
export function nameToWire(text: string): Uint8Array {
  return scratch.slice(0, writeName(text, scratch));
}
