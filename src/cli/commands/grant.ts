/**
 * `stairgate grant` and `grants`: something opened until a time; `pause` and `pauses`: the internet off
 * until a time. Both end by themselves, and sooner by `end`.
 */

import type { Command } from 'commander';
import { parseMinutes } from '../duration.ts';
import { parseHousehold } from '../household.ts';
import { addClientOptions, clientOf } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import { formatTable } from '../output.ts';
import type { Output } from '../output.ts';
import { readPages } from '../read-pages.ts';
import type { Item } from '../read-pages.ts';

const SHOWN = '1000';

interface OpenFlags extends ServeOptions {
  readonly for: string;
  readonly why?: string;
}

interface Opened {
  readonly id: string;
  readonly until: string;
}

interface Paused extends Opened {
  readonly grantsEnded: number;
  readonly grantsGoingOn: number;
}

export function addGrantCommands(program: Command, output: Output): void {
  addClientOptions(program.command('grant'))
    .description('open something until a time; only what the plan does not lock')
    .argument('<household>', 'such as home-1, or home-1/anna for one profile')
    .argument('<target>', 'internet, category:ID, service:ID or a domain name')
    .requiredOption('--for <time>', 'how long, such as 1h or 30m')
    .option('--why <text>', 'the reason, for the record')
    .action(async (place: string, target: string, flags: OpenFlags) => {
      const { path, ...body } = bodyOf(place, flags);
      const asked = { ...body, ...targetOf(target) };
      const opened = await open(flags, `${path}/grants`, asked);
      output.out(`${target} is open for ${place} until ${opened.until}; grant ${opened.id}`);
    });
  addClientOptions(program.command('pause'))
    .description('switch the internet off until a time')
    .argument('<household>', 'such as home-1, or home-1/anna for one profile')
    .requiredOption('--for <time>', 'how long, such as 1h or 30m')
    .option('--why <text>', 'the reason, for the record')
    .action(async (place: string, flags: OpenFlags) => {
      const { path, ...body } = bodyOf(place, flags);
      const paused = (await open(flags, `${path}/pauses`, body)) as Paused;
      const { id, until, grantsEnded, grantsGoingOn } = paused;
      output.out(`the internet is off for ${place} until ${until}; pause ${id}`);
      if (grantsEnded > 0) output.out(`ended grants of the internet: ${grantsEnded}`);
      if (grantsGoingOn > 0) output.out(`grants of something else that go on: ${grantsGoingOn}`);
    });
  addCollection(program, output, 'grants', 'grant', 'what is open until a time');
  addCollection(program, output, 'pauses', 'pause', 'where the internet is off until a time');
}

function addCollection(
  program: Command,
  output: Output,
  collection: 'grants' | 'pauses',
  one: string,
  description: string,
): void {
  const command = program.command(collection).description(description);
  addClientOptions(command.command('list'))
    .description(`the running ${collection} of a household`)
    .argument('<subscriber>', 'such as home-1')
    .option('--json', 'print the answer of the API')
    .action(async (place: string, flags: ServeOptions & { readonly json?: boolean }) => {
      const { path } = parseHousehold(place);
      const items = await readPages(clientOf(flags), `${path}/${collection}`, SHOWN);
      output.out(flags.json === true ? JSON.stringify(items, null, 2) : tableOf(items));
    });
  addClientOptions(command.command('end'))
    .description(`end a ${one} now`)
    .argument('<subscriber>', 'such as home-1')
    .argument(`<${one}>`, 'its id, as list shows it')
    .action(async (place: string, id: string, flags: ServeOptions) => {
      const { path } = parseHousehold(place);
      const url = `${path}/${collection}/${encodeURIComponent(id)}?wait=true`;
      await clientOf(flags).request('DELETE', url);
      output.out(`ended ${id}`);
    });
}

/** What is no target by its form is a name. */
export function targetOf(text: string): { target: string; names?: string[] } {
  const isTarget = text === 'internet' || /^(category|service):/.test(text);
  return isTarget ? { target: text } : { target: 'names', names: [text] };
}

function bodyOf(place: string, flags: OpenFlags) {
  const { path, profile } = parseHousehold(place);
  return {
    path,
    ...(profile === null ? {} : { profile }),
    minutes: parseMinutes(flags.for),
    ...(flags.why === undefined ? {} : { why: flags.why }),
  };
}

async function open(flags: ServeOptions, path: string, body: object): Promise<Opened> {
  return (await clientOf(flags).request('POST', `${path}?wait=true`, { body })) as Opened;
}

function tableOf(items: readonly Item[]): string {
  return formatTable(
    ['ID', 'PROFILE', 'TARGET', 'UNTIL', 'WHO', 'WHY'],
    items.map((item) => [
      String(item['id']),
      textOf(item['profile']),
      Array.isArray(item['names']) ? item['names'].join(' ') : textOf(item['target']),
      String(item['until']),
      textOf(item['who']),
      textOf(item['why']),
    ]),
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' && value !== '' ? value : '-';
}
