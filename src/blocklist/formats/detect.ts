/**
 * Which format a list is in, by its first lines. What is no list at all (a web page, an archive, an
 * empty answer) has none, so that such a thing never takes the place of a good list.
 */

import { isSealed } from '../sealed/sealed-file.ts';
import type { ListFormatName } from './list-format.ts';

/** As much as is looked at. */
export const DETECT_OCTETS = 256 * 1024;
const SAMPLE_LINES = 2000;
/** At least this part of the lines must agree on the format. */
const AGREEMENT = 0.5;

const NAME = String.raw`[\p{L}\p{N}_](?:[\p{L}\p{M}\p{N}_-]|\.(?!\.)){1,252}`;
/** Each line counts for the first pattern that fits. None of them backtracks over more than a line. */
const PATTERNS: readonly (readonly [ListFormatName, RegExp])[] = [
  ['adblock', /^(?:\[adblock|(?:@@)?\|\||@@)/i],
  ['adblock', /#@?\??#|\$(?:third-party|domain=|important)/],
  ['dnsmasq', /^(?:address|server|local)\s*=\s*\//i],
  ['rpz', /^\$(?:ttl|origin)\s|\s(?:in\s+)?(?:soa|cname)\s+\S/i],
  ['hosts', /^(?:\d{1,3}(?:\.\d{1,3}){3}|[0-9a-f]*:[0-9a-f:.]*(?:%\w+)?)[\t ]+\S/i],
  ['wildcard', new RegExp(String.raw`^\*\.${NAME}\s*(?:[#;].*)?$`, 'u')],
  ['domains', new RegExp(String.raw`^\.?${NAME}\s*(?:[#;].*)?$`, 'u')],
];

/** The format of a content, or null where it is in none. */
export function detectFormat(content: Uint8Array): ListFormatName | null {
  if (isSealed(content)) return 'sealed';
  // A copy, since TextDecoder does not take memory that threads share.
  const sample = content.slice(0, DETECT_OCTETS);
  if (isBinary(sample)) return null;
  const text = new TextDecoder().decode(sample);
  if (/^\s*<|<html|<!doctype/i.test(text.slice(0, 2048))) return null;
  return vote(linesOf(text));
}

/** Archives, images and UTF-16 text all have octets that no list line has. */
function isBinary(sample: Uint8Array): boolean {
  return sample.some((octet) => octet < 0x09 || (octet > 0x0d && octet < 0x20) || octet === 0x7f);
}

/** The lines that say something: no blanks, no comments. */
function linesOf(text: string): string[] {
  const lines = text.split(/\r\n|\n|\r/, SAMPLE_LINES);
  return lines.map((line) => line.trim()).filter((line) => line !== '' && !isComment(line));
}

function isComment(line: string): boolean {
  return /^[!;]|^#(?!#)/.test(line);
}

function vote(lines: readonly string[]): ListFormatName | null {
  const votes = new Map<ListFormatName, number>();
  for (const line of lines) {
    const format = PATTERNS.find(([, pattern]) => pattern.test(line))?.[0];
    if (format !== undefined) votes.set(format, (votes.get(format) ?? 0) + 1);
  }
  const [best] = [...votes].sort(([, a], [, b]) => b - a);
  return best !== undefined && best[1] >= lines.length * AGREEMENT ? best[0] : null;
}
