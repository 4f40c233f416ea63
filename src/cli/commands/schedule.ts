/** `stairgate schedule import FILE.ics`: school holidays and exams as the dates of a schedule. */

import { closeSync, openSync, readSync } from 'node:fs';
import type { Command } from 'commander';
import { stringify } from 'yaml';
import { MINUTES_OF_DAY, parseMinute } from '../../lib/calendar.ts';
import { AppError, messageOf } from '../../lib/errors.ts';
import type { ScheduleDocument } from '../../store/document.ts';
import { FILE_OCTETS_MAX, readCalendarDates } from '../ics/calendar-dates.ts';
import type { Output } from '../output.ts';

/** Names and safe search need more than a target; whoever wants them has an editor open already. */
const TARGET = /^(internet|(category|service):[A-Za-z0-9][A-Za-z0-9._-]{0,63})$/;

interface ImportFlags {
  readonly target: string;
  readonly from: string;
  readonly to: string;
}

export function addScheduleCommand(program: Command, output: Output): void {
  const schedule = program.command('schedule').description('make schedules');
  schedule
    .command('import')
    .description('print a schedule for the all-day events of an iCalendar file')
    .argument('<file>', 'the calendar (.ics)')
    .option('--target <target>', 'internet, category:ID or service:ID', 'internet')
    .option('--from <HH:MM>', 'when it begins on each of the days', '00:00')
    .option('--to <HH:MM>', 'when it ends; before --from, it ends on the next day', '24:00')
    .action((file: string, flags: ImportFlags) => {
      checkFlags(flags);
      const { dates, events, cancelled } = readCalendarDates(readCalendar(file), file);
      const { target, from, to } = flags;
      const imported: ScheduleDocument = { target, from, to, dates: [...dates] };
      // Readers of older YAML take a bare 21:00 for a number and a bare date for a time.
      const options = { defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' } as const;
      output.out(stringify(imported, options).trimEnd());
      const left = cancelled === 0 ? '' : `; ${cancelled} cancelled, left out`;
      output.err(`${events === 1 ? '1 event' : `${events} events`}${left}`);
    });
}

function checkFlags({ target, from, to }: ImportFlags): void {
  const faults: string[] = [];
  if (!TARGET.test(target)) {
    faults.push(`--target "${target}"; valid: internet, category:ID, service:ID`);
  }
  const [fromMinute, toMinute] = [parseMinute(from), parseMinute(to)];
  if (fromMinute === null || fromMinute === MINUTES_OF_DAY) {
    faults.push(`--from "${from}"; valid: 00:00 to 23:59`);
  }
  if (toMinute === null || toMinute === 0) faults.push(`--to "${to}"; valid: 00:01 to 24:00`);
  if (fromMinute !== null && fromMinute === toMinute) {
    faults.push(`--to "${to}" is --from as well; valid: another time, or 00:00 and 24:00`);
  }
  if (faults.length === 0) return;
  throw new AppError('OPTION_INVALID', 'Reading the options: they do not fit', { faults });
}

/** One octet more than may be, so that a longer file is seen and no file fills the memory. */
function readCalendar(path: string): Uint8Array {
  const content = new Uint8Array(FILE_OCTETS_MAX + 1);
  try {
    const file = openSync(path, 'r');
    try {
      let length = 0;
      for (let got = -1; got !== 0 && length < content.length; length += got) {
        got = readSync(file, content, length, content.length - length, null);
      }
      return content.subarray(0, length);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const message = `Reading the calendar ${path}: ${messageOf(error)}`;
    throw new AppError('CALENDAR_UNREADABLE', message, { cause: error });
  }
}
