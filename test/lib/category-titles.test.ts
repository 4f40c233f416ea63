import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CATEGORY_TITLES, categoryTitle } from '../../src/lib/category-titles.ts';
import { EXTRA_TEXT_BYTES_MAX, fillMessage, LANGUAGES, MESSAGES } from '../../src/lib/messages.ts';
import { PACKAGED_FOLDER } from '../../src/lists/read-policy-data.ts';
import { readFileSync } from 'node:fs';
import { parse } from 'yaml';

interface Shipped {
  readonly categories: readonly {
    readonly id: string;
    readonly title: string;
    readonly class: 'policy' | 'operator';
    readonly role?: string;
    readonly helpline?: boolean;
  }[];
}

const { categories } = parse(
  readFileSync(join(PACKAGED_FOLDER, 'categories.yaml'), 'utf8'),
) as Shipped;

test('every category that ships has its title in every language', () => {
  const shipped = Object.fromEntries(categories.map(({ id, title }) => [id, title]));
  const english = Object.entries(CATEGORY_TITLES).map(([id, { en }]) => [id, en]);
  expect(Object.fromEntries(english)).toEqual(shipped);
});

describe.each(LANGUAGES)('the titles in %s', (language) => {
  const message = MESSAGES[language];
  const values = { plan: 'family', help: '8 801 100 16 11' };
  const blocked = categories.filter(({ role }) => role === undefined);

  test.each(blocked)('$id fits into every text that names it', (category) => {
    const { blockedByPlan, blockedByHousehold, usedUpForToday, blockedBySchedule } = message;
    const clocked = [blockedByPlan, blockedByHousehold, usedUpForToday, blockedBySchedule];
    const ofPolicy = category.helpline === true ? [message.blockedWithHelp] : clocked;
    const texts = category.class === 'operator' ? [message.blockedForSecurity] : ofPolicy;
    for (const text of texts) {
      const title = categoryTitle(category.id, category.title, language);
      const filled = fillMessage(text, { ...values, category: title });
      expect(new TextEncoder().encode(filled).length, filled).toBeLessThanOrEqual(
        EXTRA_TEXT_BYTES_MAX,
      );
    }
  });
});

test('a title that somebody has changed, and one of their own, stay', () => {
  expect(categoryTitle('games', 'Games', 'pl')).toBe('Gry');
  expect(categoryTitle('games', 'All games', 'pl')).toBe('All games');
  expect(categoryTitle('own', 'Own', 'pl')).toBe('Own');
  expect(categoryTitle('constructor', 'Own', 'pl')).toBe('Own');
});
