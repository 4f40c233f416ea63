/**
 * Entries of an own list as its content and back. A content is in the format domains; what people
 * noted stands beside each name, so that `explain` shows it with the line:
 *
 *     bad.example # added 2026-11-22T12:00:00Z by anna, until 2027-01-01T00:00:00Z: asked by the school
 *
 * `parseOwnContent(writeOwnContent(entries))` gives the entries, in the order of their names.
 */

import { breathe, isTurn } from './breathe.ts';

export interface ListEntry {
  /** As `canonicalName` writes it; it covers everything below it too. */
  readonly name: string;
  readonly comment: string;
  /** Seconds since the Unix epoch; null: it stays. */
  readonly expiresAt: number | null;
  readonly addedBy: string;
  readonly addedAt: number;
}

const LINE = /^(\S+) # added (\S+) by (.+?)(?:, until (\S+?))?:(?: (.*))?$/;

/** Empty for no entries: such a list has no content. */
export async function writeOwnContent(entries: readonly ListEntry[]): Promise<string> {
  const sorted = entries.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  let text = '';
  for (const [index, entry] of sorted.entries()) {
    if (isTurn(index)) await breathe();
    const { name, comment, expiresAt, addedBy, addedAt } = entry;
    const until = expiresAt === null ? '' : `, until ${timeText(expiresAt)}`;
    const note = comment === '' ? '' : ` ${comment}`;
    text += `${name} # added ${timeText(addedAt)} by ${addedBy}${until}:${note}\n`;
  }
  return text;
}

export async function parseOwnContent(text: string): Promise<ListEntry[]> {
  const entries: ListEntry[] = [];
  for (const [index, line] of text.split('\n').entries()) {
    if (isTurn(index)) await breathe();
    if (line === '') continue;
    const [, name = '', addedAt = '', addedBy = '', until, comment = ''] = LINE.exec(line) ?? [];
    if (name === '') throw new Error(`Invariant broken: line ${index + 1} is no own entry`);
    const expiresAt = until === undefined ? null : timeOf(until);
    entries.push({ name, comment, expiresAt, addedBy, addedAt: timeOf(addedAt) });
  }
  return entries;
}

function timeText(second: number): string {
  return `${new Date(second * 1000).toISOString().slice(0, 19)}Z`;
}

function timeOf(text: string): number {
  return Date.parse(text) / 1000;
}
