import { expect, test } from 'vitest';
import { LANGUAGES } from '../../src/lib/messages.ts';
import { PARENT_MESSAGES } from '../../src/lib/parent-messages.ts';

test('every sentence has the places of the English one, in every language', () => {
  const places = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([place]) => place).sort();
  for (const language of LANGUAGES) {
    const texts = Object.values(PARENT_MESSAGES[language]) as string[];
    const english = Object.values(PARENT_MESSAGES.en) as string[];
    expect(texts.map(places), language).toEqual(english.map(places));
  }
});

test('every text is one calm sentence', () => {
  for (const language of LANGUAGES) {
    for (const text of Object.values(PARENT_MESSAGES[language]) as string[]) {
      expect(text).toMatch(/^[^.!?]+\.$/);
    }
  }
});
