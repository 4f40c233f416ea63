/** `stairgate list|service|plan|subscriber [ID]`: what the server holds; `apply` is the way to change it. */

import type { Command } from 'commander';
import { countNames, type ListReport } from '../../store/list-report.ts';
import { ApiClient } from '../api-client.ts';
import { addClientOptions, clientConfigOf } from '../options.ts';
import type { PageFlags } from '../options.ts';
import { formatTable, formatYaml } from '../output.ts';
import type { Output } from '../output.ts';
import { readPages } from '../read-pages.ts';
import type { Item } from '../read-pages.ts';
import { addListCommands } from './list.ts';

/** A kind of resource: where it is and which of its fields a table shows. */
interface ResourceKind {
  readonly command: string;
  readonly path: string;
  readonly description: string;
  readonly columns: readonly (readonly [heading: string, cell: (item: Item) => unknown])[];
  /** Commands below it. */
  readonly addMore?: (command: Command, output: Output) => void;
}

interface ZoneTransfer {
  readonly zone: string;
  readonly primaries: readonly string[];
}

const KINDS: readonly ResourceKind[] = [
  {
    command: 'list',
    path: '/lists',
    description: 'the lists, with what was accepted and refused of each',
    columns: [
      ['ID', (item) => item['id']],
      ['CATEGORY', (item) => item['category']],
      ['FORMAT', (item) => item['detectedFormat']],
      ['NAMES', (item) => namesOf(item['report'] as ListReport | undefined)],
      ['REFUSED', (item) => countRefused(item['report'] as ListReport | undefined)],
      ['VERSION', (item) => item['version']],
      ['HELD', (item) => item['heldVersion']],
      ['SOURCE', (item) => item['url'] ?? item['file'] ?? zoneOf(item) ?? item['origin']],
    ],
    addMore: addListCommands,
  },
  {
    command: 'service',
    path: '/services',
    description: 'the services: products such as TikTok, made of names',
    columns: [
      ['ID', (item) => item['id']],
      ['TITLE', (item) => item['title']],
      ['GROUP', (item) => item['group']],
      ['AGE', (item) => item['age']],
      ['NAMES', (item) => (item['names'] as readonly unknown[] | undefined)?.length],
      ['CHECKED', (item) => item['verifiedAt']],
    ],
  },
  {
    command: 'plan',
    path: '/plans',
    description: 'the plans and what they block',
    columns: [
      ['ID', (item) => item['id']],
      ['MODE', (item) => item['blockingMode']],
      ['BLOCK', (item) => item['block']],
      ['LOCKED', (item) => item['locked']],
    ],
  },
  {
    command: 'subscriber',
    path: '/subscribers',
    description: 'the subscribers, their plans and addresses',
    columns: [
      ['ID', (item) => item['id']],
      ['PLAN', (item) => item['plan']],
      ['TIMEZONE', (item) => item['timezone']],
      ['ADDRESSES', (item) => item['addresses']],
    ],
  },
];

export function addResourceCommands(program: Command, output: Output): void {
  for (const kind of KINDS) {
    const command = addClientOptions(program.command(kind.command))
      .description(kind.description)
      .argument('[id]', 'show this one in full')
      .option('--limit <count>', 'show at most this many', '1000')
      .option('--json', 'print the answer of the API')
      .action(async (id: string | undefined, flags: PageFlags) => {
        const client = new ApiClient(clientConfigOf(flags));
        const shown =
          id === undefined
            ? await readPages(client, kind.path, flags.limit)
            : await client.request('GET', `${kind.path}/${encodeURIComponent(id)}`);
        if (flags.json === true) output.out(JSON.stringify(shown, null, 2));
        else output.out(Array.isArray(shown) ? tableOf(kind, shown) : formatYaml(shown).trimEnd());
      });
    kind.addMore?.(command, output);
  }
}

function tableOf(kind: ResourceKind, items: readonly Item[]): string {
  return formatTable(
    kind.columns.map(([heading]) => heading),
    items.map((item) => kind.columns.map(([, cell]) => cellText(cell(item)))),
  );
}

function cellText(value: unknown): string {
  if (Array.isArray(value)) return value.length === 0 ? '-' : value.join(' ');
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '-';
}

/** As the versions of the list say it. */
function zoneOf(item: Item): string | undefined {
  const transfer = item['transfer'] as ZoneTransfer | undefined;
  return transfer && `zone ${transfer.zone} of ${transfer.primaries.join(', ')}`;
}

function namesOf(report: ListReport | undefined): number | undefined {
  return report && countNames(report);
}

function countRefused(report: ListReport | undefined): number {
  return Object.values(report?.refused ?? {}).reduce((sum, count) => sum + count, 0);
}
