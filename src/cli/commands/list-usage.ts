/** `stairgate list usage`: names, unique names and hits of each list, and with which it overlaps most. */

import type { Command } from 'commander';
import type { ListUsage } from '../../lists/list-usage.ts';
import { listCommandOf } from '../list-command.ts';
import { addClientOptions, clientOf } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import { formatTable } from '../output.ts';
import type { Output } from '../output.ts';

/** Many millions of names on a small machine. */
const DEADLINE_MS = 600_000;

interface Answer {
  readonly items: readonly ListUsage[];
  readonly askedNames: number;
}

/** Joins the command `list`, which is there already. */
export function addListUsageCommand(program: Command, output: Output): void {
  addClientOptions(listCommandOf(program).command('usage'))
    .description('what each list is good for: its names, those that only it has, and hits')
    .option('--json', 'print the answer of the API')
    .action(async (flags: ServeOptions & { readonly json?: boolean }) => {
      const answer = (await clientOf(flags).request('GET', '/lists/usage', {
        deadlineMs: DEADLINE_MS,
      })) as Answer;
      output.out(flags.json === true ? JSON.stringify(answer, null, 2) : describe(answer));
    });
}

function describe({ items, askedNames }: Answer): string {
  const rows = items.map(({ list, category, sealed, names, unique, hits, overlaps: [most] }) => [
    list,
    category,
    String(names),
    sealed ? '-' : `${unique} (${shareOf(unique, names)})`,
    sealed ? '-' : String(hits),
    most === undefined ? '-' : `${most.list} ${most.names} (${shareOf(most.names, names)})`,
  ]);
  const table = formatTable(
    ['LIST', 'CATEGORY', 'NAMES', 'ONLY HERE', 'HITS', 'SHARES MOST WITH'],
    rows,
  );
  return `${table}\nHits: queries lately for names of the list, about, by samples of ${askedNames} names.`;
}

function shareOf(part: number, whole: number): string {
  return whole === 0 ? '0 %' : `${Math.round((part * 100) / whole)} %`;
}
