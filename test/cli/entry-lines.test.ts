import { expect, test } from 'vitest';
import { formatEntryLine, parseEntryLines } from '../../src/cli/entry-lines.ts';

const TEXT = [
  'a.example',
  'b.example # asked by the school',
  'c.example # until 2027-02-28T21:00:00Z: only for the trip',
  'd.example # until 2027-02-28T21:00:00+03:00:',
  'e.example # until we know more',
].join('\n');

test('entries are read as they are written', () => {
  const entries = parseEntryLines(TEXT);
  expect(entries).toEqual([
    { name: 'a.example', comment: '', until: null },
    { name: 'b.example', comment: 'asked by the school', until: null },
    { name: 'c.example', comment: 'only for the trip', until: '2027-02-28T21:00:00Z' },
    { name: 'd.example', comment: '', until: '2027-02-28T21:00:00+03:00' },
    { name: 'e.example', comment: 'until we know more', until: null },
  ]);
  expect(entries.map(formatEntryLine).join('\n')).toBe(TEXT);
});

test('blank lines, comments, a BOM and CRLF are let be', () => {
  expect(parseEntryLines('\uFEFF# ours\r\n\r\n  a.example  #  why \r\n')).toEqual([
    { name: 'a.example', comment: 'why', until: null },
  ]);
});

test('a comment that would steer a terminal is a fault with its number', () => {
  const text = 'a.example # good\nb.example # \u001b[2J\nc.example # \u202eolleh\nd.example # a\tb';
  expect(() => parseEntryLines(text)).toThrow(
    expect.objectContaining({
      code: 'ENTRIES_INVALID',
      faults: [2, 3, 4].map(
        (line) => `line ${line}: the comment has control characters; valid: text`,
      ),
    }),
  );
});

test('every line that is more than a name is a fault with its number', () => {
  expect(() => parseEntryLines('a.example\n0.0.0.0 b.example\nc.example d')).toThrow(
    expect.objectContaining({
      code: 'ENTRIES_INVALID',
      faults: [expect.stringMatching(/^line 2:/), expect.stringMatching(/^line 3:/)],
    }),
  );
});
