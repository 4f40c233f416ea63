/** `stairgate explain NAME`: what the server would do with a query, of whom and at any time, and why. */

import type { Command } from 'commander';
import type { ListEvidence } from '../../compiler/messages.ts';
import type { ExplainedRow, Explanation } from '../../supervisor/control-plane-contract.ts';
import { ApiClient } from '../api-client.ts';
import { addClientOptions, clientConfigOf } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import type { Output } from '../output.ts';

const CLIENT_DEFAULT = '127.0.0.1';

interface ExplainFlags extends ServeOptions {
  readonly client?: string;
  readonly mac?: string;
  readonly subscriber?: string;
  readonly profile?: string;
  readonly at?: string;
  readonly type: string;
  readonly json?: boolean;
}

export function addExplainCommand(program: Command, output: Output): void {
  addClientOptions(program.command('explain'))
    .description('what the server would do with a query, and why')
    .argument('<name>', 'the name asked')
    .option('--client <addr>', `the address of the client (default: ${CLIENT_DEFAULT})`)
    .option('--mac <mac>', 'the device behind that address')
    .option('--subscriber <id>', 'a household, instead of an address')
    .option('--profile <id>', 'a profile of the household')
    .option('--at <time>', 'another time than now, such as 2026-11-22T21:00+03:00')
    .option('--type <type>', 'the record type', 'A')
    .option('--json', 'print the answer of the API')
    .action(async (name: string, flags: ExplainFlags) => {
      const client = new ApiClient(clientConfigOf(flags));
      const answer = await client.request('GET', `/explain?${queryOf(name, flags)}`);
      output.out(
        flags.json === true
          ? JSON.stringify(answer, null, 2)
          : describeExplanation(answer as Explanation),
      );
    });
}

function queryOf(name: string, flags: ExplainFlags): string {
  const query = new URLSearchParams({ name, type: flags.type });
  for (const key of ['client', 'mac', 'subscriber', 'profile', 'at'] as const) {
    const value = flags[key];
    if (value !== undefined) query.set(key, value);
  }
  if (!query.has('client') && !query.has('subscriber')) query.set('client', CLIENT_DEFAULT);
  return query.toString();
}

function describeExplanation(one: Explanation): string {
  const decided = one.row === 0 ? one.decision : `${one.decision} by row ${one.row}`;
  const form = one.blockingMode === null ? '' : `, answered ${one.blockingMode.toUpperCase()}`;
  const ede = one.edeCode === null ? '' : `, EDE ${one.edeCode}`;
  const { nextChange } = one;
  return [
    `${one.name} ${one.type} for ${whoOf(one)} at ${one.at}: ${decided}${form}${ede}`,
    `  ${one.reason}`,
    nextChange === null
      ? '  the same for the next day'
      : `  from ${nextChange.at}: ${nextChange.decision} by row ${nextChange.row}. ${nextChange.reason}`,
    `  subscriber ${one.subscriber ?? 'nobody'}, profile ${one.profile ?? 'none'}, plan ${one.plan ?? 'none'}, class ${one.verdictClass}`,
    `  categories: ${one.categories.length === 0 ? 'none' : one.categories.join(', ')}`,
    ...one.evidence.map(describeEvidence),
    ...one.rows.map(describeRow),
    `  revision ${one.revision}`,
  ].join('\n');
}

/** The names of a service are no list that somebody updates. */
function describeEvidence({ list, version, since, line, text }: ListEvidence): string {
  const place = version === null ? list : `${list}, version ${version} since ${since ?? '?'}`;
  return line === 0 ? `  list ${place}, sealed` : `  list ${place}, line ${line}: ${text}`;
}

function whoOf({ client, subscriber, profile }: Explanation): string {
  if (client !== null) return client;
  return profile === null ? (subscriber ?? 'nobody') : `${subscriber ?? ''}/${profile}`;
}

function describeRow({ row, rule, state, categories, level }: ExplainedRow): string {
  const found = [...categories, ...(level === null ? [] : [`by the ${level}`])].join(', ');
  const detail = found === '' ? '' : ` (${found})`;
  return `  ${String(row).padStart(2)}  ${state.padEnd(11)}  ${rule}${detail}`;
}
