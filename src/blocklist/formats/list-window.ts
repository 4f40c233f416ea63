/**
 * A list seen through a window that holds whole lines, so that a list of any size is parsed in a
 * quarter of a megabyte. A list in memory is its own window.
 *
 *     octets   │ lines of before │ whole lines │ begin of a line │      │
 *              0               start          end             filled
 *
 * `advance` moves the begun line to the front and fills up behind it. A line that is longer than the
 * window is shown as far as it fits, once; the rest of it is passed over. The window is so much longer
 * than a line may be that the reader refuses such a line by the part that it sees.
 */

import type { ListContent } from './list-format.ts';

const WINDOW_OCTETS = 256 * 1024;

const LF = 0x0a;
const CR = 0x0d;

export interface ListWindow {
  readonly content: ListContent;
  /** The same array from the first window to the last. */
  readonly octets: Uint8Array;
  /** The lines to be read now. */
  start: number;
  end: number;
  filled: number;
  /** How much of the content was read. */
  readAt: number;
  /** The line that fills the window goes on behind it. */
  isLineCut: boolean;
}

/** Shows nothing yet; the first `advance` shows the first lines. */
export function openWindow(content: ListContent): ListWindow {
  const octets =
    content instanceof Uint8Array
      ? content
      : new Uint8Array(Math.min(WINDOW_OCTETS, content.length));
  return { content, octets, start: 0, end: 0, filled: 0, readAt: 0, isLineCut: false };
}

/** Shows the lines that follow; false at the end of the list. */
export function advance(window: ListWindow): boolean {
  const { content, octets } = window;
  if (content instanceof Uint8Array) {
    window.start = window.end;
    window.end = content.length;
    return window.start < window.end;
  }
  do {
    octets.copyWithin(0, window.end, window.filled);
    window.filled -= window.end;
    const count = content.read(octets.subarray(window.filled), window.readAt);
    window.filled += count;
    window.readAt += count;
    // A file may have become shorter than it was said to be.
    const isLast = count === 0 || window.readAt >= content.length;
    window.start = window.isLineCut ? passCutLine(window, isLast) : 0;
    window.end = isLast ? window.filled : endOfLines(window);
  } while (window.start === window.end && window.filled > 0);
  return window.start < window.end;
}

/**
 * All of a content that is no text, in memory.
 * @param octetsMax a content with more is read only so far
 */
export function readWhole(content: ListContent, octetsMax: number): Uint8Array {
  if (content instanceof Uint8Array) return content;
  const octets = new Uint8Array(Math.min(octetsMax, content.length));
  return octets.subarray(0, content.read(octets, 0));
}

/** Where the line after the cut one begins; the end of what was read where it is not there yet. */
function passCutLine(window: ListWindow, isLast: boolean): number {
  const { octets, filled } = window;
  let at = 0;
  while (at < filled && octets[at] !== LF && octets[at] !== CR) at++;
  // Whether a LF belongs to the CR is seen in the next window.
  if (at === filled || (octets[at] === CR && at + 1 === filled && !isLast)) return at;
  window.isLineCut = false;
  return at + (octets[at] === CR && octets[at + 1] === LF && at + 1 < filled ? 2 : 1);
}

/** Behind the last whole line; where even the first one has no end, all of it. */
function endOfLines(window: ListWindow): number {
  const { octets, start, filled } = window;
  if (window.isLineCut) return start;
  // A CR at the very end may be the first half of a line end.
  const whole = octets[filled - 1] === CR ? filled - 1 : filled;
  let end = whole;
  while (end > start && octets[end - 1] !== LF && octets[end - 1] !== CR) end--;
  if (end > start || start > 0) return end;
  window.isLineCut = true;
  return whole;
}
