/**
 * `stairgate list …`: the work of an editor. What waits and why, what a version would change, letting it
 * through or not, going back.
 */

import type { Command } from 'commander';
import type { GateFindings } from '../../store/list-report.ts';
import type { HeldList } from '../../store/list-changes.ts';
import type { ApiClient } from '../api-client.ts';
import { describeDifference, LIST_DEADLINE_MS } from '../list-words.ts';
import { addClientOptions, clientOf, collect } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import { formatTable } from '../output.ts';
import type { Output } from '../output.ts';
import { readPages } from '../read-pages.ts';
import type { Item } from '../read-pages.ts';
import { addListEntryCommand } from './list-entry.ts';
import { addListUpdateCommand } from './list-update.ts';
import { addSealedListCommands } from './sealed-list.ts';

const NAMES_SHOWN_MAX = 1_000;

interface JsonFlags extends ServeOptions {
  readonly json?: boolean;
}

interface Decided {
  readonly version: number;
  readonly state: string;
}

interface FullVersion extends HeldList {
  readonly findings: GateFindings | null;
}

export function addListCommands(list: Command, output: Output): void {
  // Options after a command are its own.
  list.enablePositionalOptions();
  addReadingCommands(list, output);
  addDecidingCommands(list, output);
  addListEntryCommand(list, output);
  addListUpdateCommand(list, output);
  addSealedListCommands(list, output);
}

function addReadingCommands(list: Command, output: Output): void {
  addClientOptions(list.command('versions'))
    .description('the versions of a list that are kept, the newest first')
    .argument('<list>', 'its id')
    .option('--json', 'print the answer of the API')
    .action(async (id: string, flags: JsonFlags) => {
      const items = await readPages(clientOf(flags), `${pathOf(id)}/versions`, '1000');
      output.out(flags.json === true ? JSON.stringify(items, null, 2) : tableOf(items));
    });
  addClientOptions(list.command('held'))
    .description('what waits to be approved, and why')
    .option('--json', 'print the answer of the API')
    .action(async (flags: JsonFlags) => {
      const client = clientOf(flags);
      const items = await readPages(client, '/list-versions?state=held', '1000');
      if (flags.json === true) output.out(JSON.stringify(items, null, 2));
      else output.out(items.length === 0 ? 'nothing waits' : await describeAll(client, items));
    });
  addClientOptions(list.command('diff'))
    .description('what one version of a list blocks and another does not')
    .argument('<list>', 'its id')
    .argument('[from]', 'number of a version (default: the one in force)')
    .argument('[to]', 'number of a version (default: the one that is held)')
    .option('--json', 'print the answer of the API')
    .action(
      async (id: string, from: string | undefined, to: string | undefined, flags: JsonFlags) => {
        const client = clientOf(flags);
        const stored = (await client.request('GET', pathOf(id))) as Item;
        const query = new URLSearchParams({
          from: from ?? textOf(stored['version']),
          to: to ?? textOf(stored['heldVersion'] ?? stored['version']),
        });
        const path = `${pathOf(id)}/diff?${query.toString()}`;
        const found = await client.request('GET', path, { deadlineMs: LIST_DEADLINE_MS });
        output.out(
          flags.json === true
            ? JSON.stringify(found, null, 2)
            : describeDifference(found as GateFindings, NAMES_SHOWN_MAX).join('\n'),
        );
      },
    );
}

function addDecidingCommands(list: Command, output: Output): void {
  addClientOptions(list.command('approve'))
    .description('let a held version through')
    .argument('<list>', 'its id')
    .argument('<version>', 'its number, as held shows it')
    .option(
      '--always <name>',
      'a well-known name that shall hold no later update (repeatable)',
      collect,
    )
    .action(
      async (
        id: string,
        version: string,
        flags: ServeOptions & { readonly always?: readonly string[] },
      ) => {
        const body = { always: flags.always ?? [] };
        const decided = await decide(flags, `${versionPath(id, version)}/approve`, body);
        output.out(
          decided.state === 'held'
            ? `version ${decided.version} still waits: another person has to approve it too`
            : `version ${decided.version} is in force`,
        );
      },
    );
  addClientOptions(list.command('reject'))
    .description('keep what the list has; the same content is not proposed again')
    .argument('<list>', 'its id')
    .argument('<version>', 'its number, as held shows it')
    .action(async (id: string, version: string, flags: ServeOptions) => {
      const decided = await decide(flags, `${versionPath(id, version)}/reject`);
      output.out(`version ${decided.version} is rejected`);
    });
  addClientOptions(list.command('rollback'))
    .description('go back to a version that was in force')
    .argument('<list>', 'its id')
    .argument('[version]', 'its number (default: the one before)')
    .action(async (id: string, version: string | undefined, flags: ServeOptions) => {
      const body = version === undefined ? {} : { version: Number(version) };
      const decided = await decide(flags, `${pathOf(id)}/rollback`, body);
      output.out(`version ${decided.version} is in force again`);
    });
}

async function decide(flags: ServeOptions, path: string, body?: object): Promise<Decided> {
  const options = { ...(body === undefined ? {} : { body }), deadlineMs: LIST_DEADLINE_MS };
  return (await clientOf(flags).request('POST', `${path}?wait=true`, options)) as Decided;
}

/** Each with its reasons, what it would change, and how to decide. */
async function describeAll(client: ApiClient, items: readonly Item[]): Promise<string> {
  const parts: string[] = [];
  for (const item of items) {
    const [id, number] = [textOf(item['list']), textOf(item['version'])];
    const full = (await client.request('GET', versionPath(id, number))) as FullVersion;
    parts.push(
      [
        `${id}, version ${number}, from ${textOf(item['source'])} at ${textOf(item['createdAt'])}`,
        ...full.reasons.map((reason) => `  ! ${reason}`),
        ...(full.findings === null ? [] : describeDifference(full.findings)).map(
          (line) => `  ${line}`,
        ),
        `  stairgate list approve ${id} ${number} · stairgate list reject ${id} ${number}`,
      ].join('\n'),
    );
  }
  return parts.join('\n');
}

function pathOf(id: string): string {
  return `/lists/${encodeURIComponent(id)}`;
}

function versionPath(id: string, version: string): string {
  return `${pathOf(id)}/versions/${encodeURIComponent(version)}`;
}

function tableOf(items: readonly Item[]): string {
  const columns = ['version', 'state', 'entries', 'source', 'actor', 'createdAt', 'installedAt'];
  return formatTable(
    ['VERSION', 'STATE', 'NAMES', 'SOURCE', 'BY', 'CAME', 'IN FORCE FROM'],
    items.map((item) => columns.map((column) => textOf(item[column]))),
  );
}

function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '-';
}
