/** `stairgate log` and `forget`: what is written down of a household, and the end of it. */

import type { Command } from 'commander';
import { parseHousehold } from '../household.ts';
import { addClientOptions, clientOf } from '../options.ts';
import type { PageFlags, ServeOptions } from '../options.ts';
import { formatTable } from '../output.ts';
import type { Output } from '../output.ts';
import { readPages } from '../read-pages.ts';
import type { Item } from '../read-pages.ts';

const FORGET_DEADLINE_MS = 600_000;

interface Deletion {
  readonly before: Readonly<Record<string, number>>;
  readonly after: Readonly<Record<string, number>>;
}

export function addRecordCommands(program: Command, output: Output): void {
  addClientOptions(program.command('log'))
    .description('queries that were written down, newest first; levels of profiles decide which')
    .argument('<household>', 'such as home-1, or home-1/anna for one profile')
    .option('--limit <count>', 'show at most this many', '50')
    .option('--json', 'print the answer of the API')
    .action(async (place: string, flags: PageFlags) => {
      const client = clientOf(flags);
      const items = await readPages(client, urlOf(place, 'log'), flags.limit);
      output.out(flags.json === true ? JSON.stringify(items, null, 2) : tableOf(items));
    });
  addClientOptions(program.command('forget'))
    .description('delete all that is written down: log, statistics, minutes of budgets')
    .argument('<household>', 'such as home-1, or home-1/anna for one profile')
    .action(async (place: string, flags: ServeOptions) => {
      const client = clientOf(flags);
      const options = { deadlineMs: FORGET_DEADLINE_MS };
      const deletion = await client.request('DELETE', urlOf(place, 'records'), options);
      output.out(describeDeletion(deletion as Deletion));
    });
}

function urlOf(place: string, collection: string): string {
  const { path, profile } = parseHousehold(place);
  const query = profile === null ? '' : `?${new URLSearchParams({ profile }).toString()}`;
  return `${path}/${collection}${query}`;
}

/** Names come from the network in printable form (`\DDD`); the API makes them so. */
function tableOf(items: readonly Item[]): string {
  return formatTable(
    ['AT', 'PROFILE', 'OUTCOME', 'TYPE', 'NAME', 'CATEGORY'],
    items.map((item) =>
      ['at', 'profile', 'outcome', 'type', 'name', 'category'].map((field) => {
        const value = item[field];
        return typeof value === 'string' ? value : '-';
      }),
    ),
  );
}

function describeDeletion({ before, after }: Deletion): string {
  return formatTable(
    ['ROWS', 'BEFORE', 'AFTER'],
    Object.keys(before).map((kind) => [kind, String(before[kind]), String(after[kind])]),
  );
}
