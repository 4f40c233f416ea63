/** `stairgate list entry`: the entries of an own list, one by one or as a file. */

import { readFileSync, writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { AppError, messageOf } from '../../lib/errors.ts';
import { type EntryLine, formatEntryLine, parseEntryLines, withLines } from '../entry-lines.ts';
import { addClientOptions, clientOf } from '../options.ts';
import type { PageFlags, ServeOptions } from '../options.ts';
import { formatTable } from '../output.ts';
import type { Output } from '../output.ts';
import { readPages } from '../read-pages.ts';
import type { Item } from '../read-pages.ts';
import { describePopular, heldError, LIST_DEADLINE_MS } from '../list-words.ts';

/** More than any own list holds. */
const SHOWN_MAX = '1000000';

interface AddFlags extends ServeOptions {
  readonly comment?: string;
  readonly until?: string;
}

interface Edited {
  readonly outcome: 'unchanged' | 'in-force' | 'held' | 'refused';
  readonly version: number | null;
  readonly reasons: readonly string[];
  readonly popular: readonly string[];
}

export function addListEntryCommand(list: Command, output: Output): void {
  const entry = list.command('entry').description('the entries of an own list');
  addClientOptions(entry.command('list'))
    .description('the entries, with who added them and why')
    .argument('<list>', 'id of an own list')
    .option('--limit <count>', 'show at most this many', '1000')
    .option('--json', 'print the answer of the API')
    .action(async (id: string, flags: PageFlags) => {
      const items = await readPages(clientOf(flags), pathOf(id), flags.limit);
      output.out(flags.json === true ? JSON.stringify(items, null, 2) : tableOf(items));
    });
  addClientOptions(entry.command('add'))
    .description('add a name, or change what is noted with it')
    .argument('<list>', 'id of an own list')
    .argument('<name>', 'a domain name; it covers everything below it')
    .option('--comment <text>', 'why it stands there')
    .option('--until <time>', 'when it leaves by itself, such as 2027-02-28T21:00:00+03:00')
    .action(async (id: string, name: string, { comment, until, ...flags }: AddFlags) => {
      const added = {
        name,
        ...(comment === undefined ? {} : { comment }),
        ...(until === undefined ? {} : { until }),
      };
      await edit(flags, id, { add: [added] }, output);
    });
  addClientOptions(entry.command('remove'))
    .description('take a name away')
    .argument('<list>', 'id of an own list')
    .argument('<name>', 'as it stands there')
    .action(async (id: string, name: string, flags: ServeOptions) => {
      await edit(flags, id, { remove: [name] }, output);
    });
  addClientOptions(entry.command('import'))
    .description('add the names of a file: a name a line, and after # why, or until when')
    .argument('<list>', 'id of an own list')
    .argument('<file>', 'as export writes it')
    .option('--replace', 'also take away what the file does not name')
    .action(
      async (id: string, file: string, flags: ServeOptions & { readonly replace?: boolean }) => {
        const text = readText(file);
        const add = parseEntryLines(text).map(({ name, comment, until }) => ({
          name,
          comment,
          ...(until === null ? {} : { until }),
        }));
        const body = { add, replace: flags.replace === true };
        await edit(flags, id, body, output).catch((error: unknown) => {
          if (!(error instanceof AppError)) throw error;
          const { code, message, faults } = error;
          throw new AppError(code, message, { faults: withLines(faults, text), cause: error });
        });
      },
    );
  addClientOptions(entry.command('export'))
    .description('write the entries as a file that import reads')
    .argument('<list>', 'id of an own list')
    .option('--output <file>', 'write to a file instead of the standard output')
    .action(async (id: string, flags: ServeOptions & { readonly output?: string }) => {
      const items = await readPages(clientOf(flags), pathOf(id), SHOWN_MAX);
      const text = items.map((item) => formatEntryLine(item as unknown as EntryLine)).join('\n');
      if (flags.output === undefined) output.out(text);
      else writeFileSync(flags.output, `${text}\n`, { mode: 0o600 });
    });
}

async function edit(flags: ServeOptions, id: string, body: object, output: Output): Promise<void> {
  const options = { body, deadlineMs: LIST_DEADLINE_MS };
  const path = `${pathOf(id)}?wait=true`;
  const edited = (await clientOf(flags).request('POST', path, options)) as Edited;
  const { outcome, version, reasons, popular } = edited;
  if (reasons.length > 0) throw heldError([{ list: id, version, reasons }]);
  const came =
    outcome === 'unchanged' ? 'nothing changed' : `version ${version ?? '?'} is in force`;
  output.out([came, ...describePopular(id, popular)].join('\n'));
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const message = `Reading the entries ${path}: ${messageOf(error)}`;
    throw new AppError('ENTRIES_UNREADABLE', message, { cause: error });
  }
}

function pathOf(id: string): string {
  return `/lists/${encodeURIComponent(id)}/entries`;
}

function tableOf(items: readonly Item[]): string {
  const columns = ['name', 'until', 'addedBy', 'addedAt', 'comment'];
  return formatTable(
    ['NAME', 'UNTIL', 'BY', 'ADDED', 'COMMENT'],
    items.map((item) => columns.map((column) => cellOf(item[column]))),
  );
}

function cellOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : '-';
}
