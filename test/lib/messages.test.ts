import { describe, expect, test } from 'vitest';
import {
  EXTRA_TEXT_BYTES_MAX,
  LANGUAGES,
  MESSAGES,
  fillMessage,
  messageBytes,
  type Messages,
} from '../../src/lib/messages.ts';

/** Of twenty letters, as long as what ships with Stairgate is or longer. */
const VALUES = {
  category: 'c'.repeat(20),
  plan: 'p'.repeat(20),
  time: '23:59',
  help: '8 801 100 16 11',
};
const keys = Object.keys(MESSAGES.en) as (keyof Messages)[];

describe.each(LANGUAGES)('the texts in %s', (language) => {
  test.each(keys)('%s fits, and has the same places as in English', (key) => {
    const text = MESSAGES[language][key];
    const filled = fillMessage(text, VALUES);
    expect(filled).not.toMatch(/[{}]/);
    const { length } = new TextEncoder().encode(filled);
    expect(length, filled).toBeLessThanOrEqual(EXTRA_TEXT_BYTES_MAX);
    expect(placesOf(text)).toEqual(placesOf(MESSAGES.en[key]));
  });

  test('of mandatory lists have no place for a category', () => {
    expect(MESSAGES[language].blockedByLaw).not.toContain('{');
  });

  test('have what must not be cut before names that somebody has chosen', () => {
    for (const text of Object.values(MESSAGES[language]) as string[]) {
      const named = /\{(category|plan)\}/.exec(text)?.index ?? text.length;
      expect(text.slice(named)).not.toMatch(/\{(time|help)\}/);
    }
  });
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

function placesOf(text: string): string[] {
  return [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort();
}
