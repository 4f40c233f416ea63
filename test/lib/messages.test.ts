import { expect, test } from 'vitest';
import {
  EXTRA_TEXT_BYTES_MAX,
  MESSAGES,
  fillMessage,
  messageBytes,
} from '../../src/lib/messages.ts';

test('every text of the catalogue fits with ids of twenty characters', () => {
  const values = { category: 'c'.repeat(20), plan: 'p'.repeat(20) };
  for (const text of Object.values(MESSAGES.en)) {
    const filled = fillMessage(text, values);
    expect(filled).not.toMatch(/[{}]/);
    expect(filled.length, filled).toBeLessThanOrEqual(EXTRA_TEXT_BYTES_MAX);
  }
});

test('the text of a law list has no place for a category', () => {
  expect(MESSAGES.en.blockedByLaw).not.toContain('{');
});

test('a value is put in as it is, however it looks', () => {
  expect(fillMessage('a {plan} b', { plan: '$& {category}' })).toBe('a $& {category} b');
});

test('a long text is cut to 80 octets between characters', () => {
  expect(messageBytes('x'.repeat(200)).length).toBe(80);
  expect(new TextDecoder('utf-8', { fatal: true }).decode(messageBytes(`x${'é'.repeat(60)}`))).toBe(
    `x${'é'.repeat(39)}`,
  );
});
