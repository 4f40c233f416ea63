/** The table of docs/schedules.md is true, row by row, and its examples are schedules. */

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Value } from 'typebox/value';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { intervalsOf } from '../../src/policy/schedule.ts';
import { openZone } from '../../src/policy/time-zone.ts';
import { ScheduleSchema } from '../../src/store/document.ts';
import { dayOf, scheduleOf } from '../support/naive-schedule.ts';

const text = readFileSync(
  fileURLToPath(new URL('../../docs/schedules.md', import.meta.url)),
  'utf8',
);
const ROW = /^\| (\S+), (\d{4}-\d\d-\d\d) +\| (\d\d:\d\d) to (\d\d:\d\d) \| (.+?) +\|/gm;

test.each(
  [...text.matchAll(ROW)].map(
    (match) => match.slice(1) as [string, string, string, string, string],
  ),
)('%s, %s, %s to %s: %s', (zone, date, from, to, stated) => {
  const schedule = scheduleOf({ dates: [date], from, to });
  const noon = dayOf(date) * 86_400 + 43_200;
  const runs = intervalsOf(schedule, openZone(zone), noon - 3 * 86_400, noon + 3 * 86_400).map(
    ({ fromSecond, untilSecond }) => `${utc(fromSecond)} to ${utc(untilSecond)}`,
  );
  expect(runs.join(', ') || 'never').toBe(stated);
});

test('there are rows, and as many as the table has', () => {
  const lines = text.split('\n').filter((line) => /^\| \w+\//.test(line));
  expect(lines.length).toBeGreaterThan(10);
  expect([...text.matchAll(ROW)]).toHaveLength(lines.length);
});

test('the examples are valid', () => {
  const examples = [...text.matchAll(/```yaml\n([^`]+)```/g)].map((match) => match[1]!);
  const schedules = examples.flatMap((example) => parse(example) as unknown[]);
  expect(schedules.length).toBeGreaterThan(0);
  for (const schedule of schedules) {
    expect([...Value.Errors(ScheduleSchema, schedule)]).toEqual([]);
  }
});

function utc(second: number): string {
  return new Date(second * 1000).toISOString().slice(5, 16).replace('T', ' ');
}
