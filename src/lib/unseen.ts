/**
 * Characters that a screen obeys and nobody sees: control characters (C0, DEL, C1), separators of lines
 * and paragraphs, marks that turn the direction of text around. Refused in what people write
 * (`store/human-text`), made visible where commands print.
 */

/** As a class of a regular expression. The line feed is one of them. */
export const UNSEEN =
  '\\u0000-\\u001f\\u007f-\\u009f\\u061c\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069';

const unseenInLine = new RegExp(`(?!\\n)[${UNSEEN}]`, 'g');

/** Writes each but the line feed as JSON would, such as `\u001b`. */
export function showUnseen(text: string): string {
  return text.replace(
    unseenInLine,
    (unseen) => `\\u${unseen.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
