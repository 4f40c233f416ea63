import { describe, expect, test } from 'vitest';
import { describeChanges } from '../../src/cli/apply-words.ts';
import type { Change } from '../../src/store/changes.ts';

/** The words for a subscriber that goes from one state to another. */
function wordsFor(before: object, after: object): string {
  const home = { id: 'home-1', plan: 'kids', timezone: 'UTC', addresses: [] };
  const change = {
    kind: 'subscriber',
    id: 'home-1',
    action: 'update',
    before: { ...home, ...before },
    after: { ...home, ...after },
  } as Change;
  const [line = ''] = describeChanges([change]);
  return line.replace('~ subscriber home-1: ', '');
}

describe('a change in words', () => {
  test('names what came and what went of a list, and a value before and after', () => {
    expect(wordsFor({ deny: ['a.example'] }, { deny: ['b.example'], plan: 'teens' })).toBe(
      'plan kids → teens; deny +b.example, −a.example',
    );
    expect(wordsFor({ language: 'ru' }, {})).toBe('language ru → nothing');
    const allow = [{ name: 'school.example', always: true }, 'zoo.example'];
    expect(wordsFor({}, { allow })).toBe('allow +school.example (always), +zoo.example');
  });

  test('says of profiles which came, which went and what is different in which', () => {
    const window = { target: 'internet', days: ['mon', 'fri'], from: '21:00', to: '07:00' };
    const anna = { id: 'anna', age: '6-9', schedules: [window] };
    const after = [
      {
        id: 'anna',
        age: '10-13',
        schedules: [{ ...window, from: '22:00' }],
        devices: [{ mac: '02:00:5e:10:00:01' }],
        budgets: [{ target: 'service:tube', minutesPerDay: 60 }],
        safeSearch: { youtube: 'strict', engines: { google: false }, blockUnsafe: true },
      },
      { id: 'cid' },
    ];
    expect(wordsFor({ profiles: [anna, { id: 'ben' }] }, { profiles: after })).toBe(
      [
        'profile anna (age 6-9 → 10-13',
        'schedules +internet mon fri 22:00–07:00, −internet mon fri 21:00–07:00',
        'devices +mac 02:00:5e:10:00:01',
        'budgets +service:tube 60 minutes a day',
        'safeSearch nothing → youtube strict, google off, blockUnsafe on)',
        '+profile cid',
        '−profile ben',
      ].join('; '),
    );
  });

  test('tells windows of names, dates and levels apart', () => {
    const schedules = [
      { target: 'names', names: ['a.example', 'b.example'], from: '00:00', to: '24:00' },
      { target: 'safe-search', safeSearch: { youtube: 'moderate' }, from: '08:00', to: '12:00' },
      { target: 'service:tube', dates: ['2027-01-01/2027-01-08'], from: '08:00', to: '12:00' },
    ];
    expect(wordsFor({}, { schedules })).toBe(
      'schedules +names (a.example b.example) 00:00–24:00, +safe-search (youtube moderate) 08:00–12:00, +service:tube 2027-01-01/2027-01-08 08:00–12:00',
    );
    // None of one's own is something else than what the plan has.
    expect(wordsFor({}, { schedules: [] })).toBe('schedules nothing → none');
    expect(wordsFor({ schedules: [] }, {})).toBe('schedules none → nothing');
  });

  test('another order is a change too, and a long list is counted', () => {
    const profiles = [{ id: 'anna' }, { id: 'ben' }];
    expect(wordsFor({ profiles }, { profiles: [...profiles].reverse() })).toBe(
      'profiles in another order',
    );
    const deny = Array.from({ length: 25 }, (_, index) => `${index}.example`);
    expect(wordsFor({}, { deny })).toMatch(/, \+9\.example, … and 15 more$/);
  });
});
