import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Value } from 'typebox/value';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { parse } from 'yaml';
import { runCli } from '../../src/cli/program.ts';
import { ScheduleSchema } from '../../src/store/document.ts';

const SCHOOL_YEAR = fileURLToPath(new URL('../fixtures/school-year.ics', import.meta.url));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'stairgate-ics-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true });
});

async function run(...args: string[]) {
  const lines = { out: [] as string[], err: [] as string[] };
  const code = await runCli(['schedule', 'import', ...args], {
    out: (text) => void lines.out.push(text),
    err: (text) => void lines.err.push(text),
  });
  return { code, out: lines.out.join('\n'), err: lines.err.join('\n') };
}

test('an import prints a schedule as it stands in the document, and what it left out', async () => {
  const { code, out, err } = await run(SCHOOL_YEAR);
  expect([code, err]).toEqual([0, '8 events; 2 cancelled, left out']);
  expect(out).toMatch(
    /^target: "internet"\nfrom: "00:00"\nto: "24:00"\ndates:\n {2}- "2026-11-01\//,
  );
  expect([...Value.Errors(ScheduleSchema, parse(out))]).toEqual([]);
  expect(parse(out, { version: '1.1' })).toEqual(parse(out));
});

test('the target and the window are those of the options', async () => {
  const flags = ['--target', 'service:tiktok', '--from', '20:00', '--to', '08:00'];
  const { out } = await run(SCHOOL_YEAR, ...flags);
  expect(parse(out)).toMatchObject({ target: 'service:tiktok', from: '20:00', to: '08:00' });
  expect([...Value.Errors(ScheduleSchema, parse(out))]).toEqual([]);
});

test('options that do not fit are refused together', async () => {
  const wrong = ['--target', 'names', '--from', '24:00', '--to', '00:00'];
  const { code, out, err } = await run(SCHOOL_YEAR, ...wrong);
  expect([code, out]).toEqual([1, '']);
  expect(err.split('\n').slice(1)).toEqual([
    '  --target "names"; valid: internet, category:ID, service:ID',
    '  --from "24:00"; valid: 00:00 to 23:59',
    '  --to "00:00"; valid: 00:01 to 24:00',
  ]);
  expect((await run(SCHOOL_YEAR, '--from', '21:00', '--to', '21:00')).err).toContain('is --from');
});

test('a calendar with faults prints nothing but the faults, each with its line', async () => {
  const path = join(folder, 'bad.ics');
  const events = ['DTSTART:20270230', 'DTSTART;VALUE=DATE:20270228', 'DTSTART:20270301T080000Z'];
  const body = events.map((line) => `BEGIN:VEVENT\r\n${line}\r\nEND:VEVENT\r\n`).join('');
  writeFileSync(path, `BEGIN:VCALENDAR\r\n${body}END:VCALENDAR\r\n`);
  const { code, out, err } = await run(path);
  expect([code, out]).toEqual([1, '']);
  expect(err.split('\n')).toEqual([
    `stairgate: Reading the calendar ${path}: 2 faults`,
    '  line 3: an event has DTSTART 20270230, which is no date from 1970 to 2199; valid: such as 20270228',
    '  line 9: an event has a time of day, DTSTART 20270301T080000Z; valid: whole days, such as DTSTART;VALUE=DATE:20270301',
  ]);
  expect(readdirSync(folder)).toEqual(['bad.ics']);
});

test('a file that is not there, a folder, and one without end are refused', async () => {
  expect((await run(join(folder, 'no.ics'))).err).toMatch(
    /^stairgate: Reading the calendar .*ENOENT/,
  );
  expect((await run(folder)).err).toMatch(/EISDIR/);
  if (existsSync('/dev/zero')) {
    expect((await run('/dev/zero')).err).toContain('it is longer than 1048576 octets');
  }
});
