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

interface AnswerFlags extends ServeOptions {
  readonly answer?: string;
  readonly category?: readonly string[];
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
  addClientOptions(appeal.command('accept'))
    .description('make the name an exception of the lists that hold it')
    .argument('<appeal>', 'its id, as list shows it')
    .option('--answer <sentence>', 'for whoever appealed')
    .option('--category <id>', 'correct lists of this category (repeatable)', collect)
    .option('--json', 'print the answer of the API')
    .action(async (id: string, flags: AnswerFlags) => {
      const { answer, category } = flags;
      const body = {
        ...(answer === undefined ? {} : { answer }),
        ...(category === undefined ? {} : { categories: category }),
      };
      const path = `/appeals/${encodeURIComponent(id)}/accept?wait=true`;
      const done = (await clientOf(flags).request('POST', path, { body })) as {
        readonly answered: number;
        readonly lists: readonly string[];
        readonly revision: number;
      };
      if (flags.json === true) output.out(JSON.stringify(done, null, 2));
      else {
        output.out(
          `accepted; corrected ${done.lists.join(', ')}; revision ${done.revision}, in force on all workers; ${answeredText(done.answered)}`,
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
