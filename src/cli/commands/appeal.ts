/** `stairgate appeal`: who says that a name is blocked wrongly, and the editor's answer. */

import type { Command } from 'commander';
import { addClientOptions, clientOf, collect } from '../options.ts';
import type { PageFlags, ServeOptions } from '../options.ts';
import { formatTable } from '../output.ts';
import type { Output } from '../output.ts';
import { readPages } from '../read-pages.ts';
import type { Item } from '../read-pages.ts';

interface ListFlags extends PageFlags {
  readonly all?: boolean;
}

/** A line of a list. */
interface Entry {
  readonly list: string;
  readonly line: number;
  readonly text: string;
}

interface AnswerFlags extends ServeOptions {
  readonly answer?: string;
  readonly category?: readonly string[];
  readonly name?: string;
  readonly json?: boolean;
}

export function addAppealCommand(program: Command, output: Output): void {
  const appeal = program
    .command('appeal')
    .description('names that somebody says are blocked wrongly');
  addClientOptions(appeal.command('list'))
    .description('the open appeals, those that wait longest at the top')
    .option('--all', 'answered ones too')
    .option('--limit <count>', 'show at most this many', '100')
    .option('--json', 'print the answer of the API')
    .action(async (flags: ListFlags) => {
      const path = flags.all === true ? '/appeals' : '/appeals?state=open';
      const items = await readPages(clientOf(flags), path, flags.limit);
      output.out(flags.json === true ? JSON.stringify(items, null, 2) : tableOf(items));
    });
  addClientOptions(appeal.command('show'))
    .description('one appeal, and the entries of lists that block the name')
    .argument('<appeal>', 'its id, as list shows it')
    .option('--json', 'print the answer of the API')
    .action(async (id: string, flags: ListFlags) => {
      const found = (await clientOf(flags).request(
        'GET',
        `/appeals/${encodeURIComponent(id)}`,
      )) as Item & { readonly entries: readonly Entry[] };
      output.out(
        flags.json === true
          ? JSON.stringify(found, null, 2)
          : [tableOf([found]), '', entriesText(found.entries)].join('\n'),
      );
    });
  addClientOptions(appeal.command('accept'))
    .description('make the name an exception of the lists that hold it')
    .argument('<appeal>', 'its id, as list shows it')
    .option('--answer <sentence>', 'for whoever appealed')
    .option('--category <id>', 'correct lists of this category (repeatable)', collect)
    .option('--name <name>', 'except this name above it instead, with all below')
    .option('--json', 'print the answer of the API')
    .action(async (id: string, flags: AnswerFlags) => {
      const { answer, category, name } = flags;
      const body = {
        ...(answer === undefined ? {} : { answer }),
        ...(category === undefined ? {} : { categories: category }),
        ...(name === undefined ? {} : { name }),
      };
      const path = `/appeals/${encodeURIComponent(id)}/accept?wait=true`;
      const done = (await clientOf(flags).request('POST', path, { body })) as {
        readonly answered: number;
        readonly name: string;
        readonly lists: readonly string[];
        readonly entries: readonly Entry[];
        readonly revision: number;
      };
      if (flags.json === true) output.out(JSON.stringify(done, null, 2));
      else {
        output.out(
          `accepted; ${correctedText(done)}; revision ${done.revision}, in force on all workers; ${answeredText(done.answered)}`,
        );
      }
    });
  addClientOptions(appeal.command('deny'))
    .description('leave the name blocked, and say why')
    .argument('<appeal>', 'its id, as list shows it')
    .requiredOption('--answer <sentence>', 'for whoever appealed')
    .option('--json', 'print the answer of the API')
    .action(async (id: string, flags: AnswerFlags) => {
      const path = `/appeals/${encodeURIComponent(id)}/deny`;
      const body = { answer: flags.answer };
      const done = (await clientOf(flags).request('POST', path, { body })) as {
        readonly answered: number;
      };
      output.out(
        flags.json === true
          ? JSON.stringify(done, null, 2)
          : `denied; ${answeredText(done.answered)}`,
      );
    });
  addClientOptions(appeal.command('forget'))
    .description('delete the contact of an appeal')
    .argument('<appeal>', 'its id, as list shows it')
    .action(async (id: string, flags: ServeOptions) => {
      const path = `/appeals/${encodeURIComponent(id)}/contact`;
      await clientOf(flags).request('DELETE', path);
      output.out(`forgot the contact of ${id}`);
    });
}

function correctedText({
  name,
  lists,
  entries,
}: {
  readonly name: string;
  readonly lists: readonly string[];
  readonly entries: readonly Entry[];
}): string {
  if (lists.length === 0) return 'the lists except it already';
  return `${lists.join(', ')} now except ${name}; it was blocked by ${entriesText(entries, '; ')}`;
}

function entriesText(entries: readonly Entry[], separator = '\n'): string {
  if (entries.length === 0) return 'no list of its category blocks it';
  return entries.map(({ list, line, text }) => `${list}, line ${line}: ${text}`).join(separator);
}

function answeredText(count: number): string {
  return count === 1 ? '1 appeal answered' : `${count} appeals about the name answered`;
}

function tableOf(items: readonly Item[]): string {
  return formatTable(
    ['ID', 'STATE', 'NAME', 'CATEGORY', 'MADE', 'CONTACT', 'MESSAGE'],
    items.map((item) =>
      ['id', 'state', 'name', 'category', 'createdAt', 'contact', 'message'].map((key) =>
        textOf(item[key]),
      ),
    ),
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : '-';
}
