/**
 * The one line reader of all formats, over octets: LF, CRLF and CR end a line, a UTF-8 byte order
 * mark is skipped (at any line, as lists are put together from files), white space around a line is
 * trimmed, blank lines are passed over. A line of HTML is a line of no list and is refused as what it is.
 */

import type { FaultReason, ListContent, ListSink } from './list-format.ts';
import { FAULT_TEXT_MAX } from './list-format.ts';
import { advance, openWindow } from './list-window.ts';

/** White space included. Longer lines are no list lines and are refused unread, once each. */
export const LINE_OCTETS_MAX = 4096;

const LF = 0x0a;
const CR = 0x0d;
const LESS_THAN = 0x3c;
const BANG = 0x21;
const SLASH = 0x2f;
const QUESTION = 0x3f;
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf] as const;

/** The line at hand; one object is reused for all lines of a list. */
export interface ListLine {
  /** Holds this line; what else it holds changes from line to line. */
  readonly content: Uint8Array;
  /** First octet, and the octet after the last, without white space around. */
  start: number;
  end: number;
  /** Counted from 1. */
  number: number;
  /** Scratch space for the name that is being read. */
  readonly name: Uint8Array;
}

/**
 * Calls `parseLine` for every line that is not blank.
 * @param letGo called when the octets of the lines so far are about to be overwritten
 * @param afterTooLong called when a line was refused unread, for formats whose records span lines
 * @returns the number of lines, blank ones included
 */
export function forEachLine(
  content: ListContent,
  sink: ListSink,
  parseLine: (line: ListLine, sink: ListSink) => void,
  letGo: () => void = () => undefined,
  afterTooLong: () => void = () => undefined,
): number {
  const window = openWindow(content);
  const { octets } = window;
  const name = new Uint8Array(256);
  const line: ListLine = { content: octets, start: 0, end: 0, number: 0, name };
  while (advance(window)) {
    const { end: windowEnd } = window;
    let at = window.start;
    while (at < windowEnd) {
      const end = findLineEnd(octets, at, windowEnd);
      line.number++;
      // Before white space is trimmed: of a cut line, the window shows no end.
      if (end - at > LINE_OCTETS_MAX) {
        reject(line, sink, 'line-too-long', at, end);
        afterTooLong();
      } else {
        line.start = skipSpace(octets, skipByteOrderMark(octets, at, end), end);
        line.end = trimSpace(octets, line.start, end);
        if (line.end > line.start) {
          if (isMarkup(octets, line.start)) reject(line, sink, 'markup');
          else parseLine(line, sink);
        }
      }
      at = end + (octets[end] === CR && octets[end + 1] === LF ? 2 : 1);
    }
    letGo();
  }
  return line.number;
}

/** Refuses the line, or the part of it that is given. */
export function reject(
  line: ListLine,
  sink: ListSink,
  reason: FaultReason,
  start = line.start,
  end = line.end,
): void {
  sink.reject(line.number, reason, textOf(line.content, start, end));
}

/** The octets as text, cut to a length that can be shown. */
export function textOf(content: Uint8Array, start: number, end: number): string {
  // A copy, since TextDecoder does not take memory that threads share.
  const octets = content.slice(start, Math.min(end, start + 4 * FAULT_TEXT_MAX));
  return new TextDecoder().decode(octets).slice(0, FAULT_TEXT_MAX);
}

/** The first octet at or after `at` that is no space or tab, `end` where there is none. */
export function skipSpace(content: Uint8Array, at: number, end: number): number {
  while (at < end && isSpace(content[at]!)) at++;
  return at;
}

/** The first space or tab at or after `at`, `end` where there is none. */
export function findSpace(content: Uint8Array, at: number, end: number): number {
  while (at < end && !isSpace(content[at]!)) at++;
  return at;
}

/** The first `octet` in [at, end), `end` where there is none. */
export function findOctet(content: Uint8Array, octet: number, at: number, end: number): number {
  while (at < end && content[at] !== octet) at++;
  return at;
}

/** The new end of [start, end) without the white space before it. */
export function trimSpace(content: Uint8Array, start: number, end: number): number {
  while (end > start && isSpace(content[end - 1]!)) end--;
  return end;
}

/** True where the octets at `at` are the ASCII text, letters in any case; `text` is lower-case. */
export function startsWith(content: Uint8Array, at: number, end: number, text: string): boolean {
  if (end - at < text.length) return false;
  for (let index = 0; index < text.length; index++) {
    const octet = content[at + index]!;
    const lower = octet >= 0x41 && octet <= 0x5a ? octet + 0x20 : octet;
    if (lower !== text.charCodeAt(index)) return false;
  }
  return true;
}

/** True where some lines of the content together fulfil the condition. */
export function someWindow(
  content: ListContent,
  isFound: (octets: Uint8Array) => boolean,
): boolean {
  const window = openWindow(content);
  while (advance(window)) {
    if (isFound(window.octets.subarray(window.start, window.end))) return true;
  }
  return false;
}

/**
 * True where the octets hold the ASCII text in any case; `text` is lower-case.
 * @param anchor index of a character of the text that is no letter or is rare in names: it is looked for
 */
export function containsText(content: Uint8Array, text: string, anchor: number): boolean {
  const lower = text.charCodeAt(anchor);
  const upper = text.toUpperCase().charCodeAt(anchor);
  return [lower, upper].some((octet) => containsAnchored(content, text, anchor, octet));
}

function containsAnchored(
  content: Uint8Array,
  text: string,
  anchor: number,
  octet: number,
): boolean {
  for (let at = content.indexOf(octet); at >= 0; at = content.indexOf(octet, at + 1)) {
    if (at >= anchor && startsWith(content, at - anchor, content.length, text)) return true;
  }
  return false;
}

/** Space, tab, vertical tab, form feed. */
export function isSpace(octet: number): boolean {
  return octet === 0x20 || octet === 0x09 || octet === 0x0b || octet === 0x0c;
}

function findLineEnd(octets: Uint8Array, at: number, windowEnd: number): number {
  while (at < windowEnd) {
    const octet = octets[at]!;
    if (octet === LF || octet === CR) break;
    at++;
  }
  return at;
}

function skipByteOrderMark(octets: Uint8Array, at: number, end: number): number {
  const [first, second, third] = BYTE_ORDER_MARK;
  if (octets[at] !== first) return at;
  return at + 3 <= end && octets[at + 1] === second && octets[at + 2] === third ? at + 3 : at;
}

/** `<html`, `</p`, `<!-- `, `<?xml`: no format has a line that begins so. */
function isMarkup(octets: Uint8Array, at: number): boolean {
  if (octets[at] !== LESS_THAN) return false;
  const next = octets[at + 1]!;
  const lower = next | 0x20;
  if (lower >= 0x61 && lower <= 0x7a) return true;
  return next === BANG || next === SLASH || next === QUESTION;
}
