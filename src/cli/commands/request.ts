/** `stairgate request`: what children have asked for, and the answer. */

import type { Command } from 'commander';
import { AppError } from '../../lib/errors.ts';
import { parseMinutes } from '../duration.ts';
import { parseHousehold } from '../household.ts';
import { addClientOptions, clientOf } from '../options.ts';
import type { PageFlags, ServeOptions } from '../options.ts';
import { formatTable } from '../output.ts';
import type { Output } from '../output.ts';
import { readPages } from '../read-pages.ts';
import type { Item } from '../read-pages.ts';

interface ApproveFlags extends ServeOptions {
  readonly for?: string;
  readonly always?: boolean;
}

export function addRequestCommand(program: Command, output: Output): void {
  const request = program.command('request').description('what children have asked for');
  addClientOptions(request.command('list'))
    .description('the requests of a household, open ones first')
    .argument('<subscriber>', 'such as home-1')
    .option('--limit <count>', 'show at most this many', '50')
    .option('--json', 'print the answer of the API')
    .action(async (place: string, flags: PageFlags) => {
      const path = `${parseHousehold(place).path}/requests`;
      const items = await readPages(clientOf(flags), path, flags.limit);
      output.out(flags.json === true ? JSON.stringify(items, null, 2) : tableOf(items));
    });
  addClientOptions(request.command('approve'))
    .description('open what was asked for')
    .argument('<subscriber>', 'such as home-1')
    .argument('<request>', 'its id, as list shows it')
    .option('--for <time>', 'for how long, such as 1h or 30m')
    .option('--always', 'for good: it becomes part of the profile')
    .action(async (place: string, id: string, flags: ApproveFlags) => {
      if ((flags.for === undefined) === (flags.always !== true)) {
        throw new AppError('OPTION_INVALID', 'Approving: say either --for TIME or --always');
      }
      const body =
        flags.for === undefined ? { always: true } : { minutes: parseMinutes(flags.for) };
      await answer(place, id, 'approve', flags, body);
      output.out(`approved ${id}`);
    });
  addClientOptions(request.command('deny'))
    .description('leave it closed')
    .argument('<subscriber>', 'such as home-1')
    .argument('<request>', 'its id, as list shows it')
    .action(async (place: string, id: string, flags: ServeOptions) => {
      await answer(place, id, 'deny', flags);
      output.out(`denied ${id}`);
    });
}

async function answer(
  place: string,
  id: string,
  action: 'approve' | 'deny',
  flags: ServeOptions,
  body?: object,
): Promise<void> {
  const { path } = parseHousehold(place);
  const url = `${path}/requests/${encodeURIComponent(id)}/${action}?wait=true`;
  await clientOf(flags).request('POST', url, body === undefined ? {} : { body });
}

function tableOf(items: readonly Item[]): string {
  return formatTable(
    ['ID', 'STATE', 'PROFILE', 'WANTS', 'ASKED', 'MESSAGE'],
    items.map((item) => [
      String(item['id']),
      String(item['state']),
      textOf(item['profile']),
      Array.isArray(item['names']) ? item['names'].join(' ') : textOf(item['target']),
      String(item['createdAt']),
      textOf(item['message']),
    ]),
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : '-';
}
