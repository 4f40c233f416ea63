/** `stairgate explain NAME --client ADDR`: what the server would do with a query, and why. */

import type { Command } from 'commander';
import type { Explanation } from '../../supervisor/control-plane-contract.ts';
import { ApiClient } from '../api-client.ts';
import { addClientOptions, clientConfigOf } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import type { Output } from '../output.ts';

interface ExplainFlags extends ServeOptions {
  readonly client: string;
  readonly type: string;
  readonly json?: boolean;
}

export function addExplainCommand(program: Command, output: Output): void {
  addClientOptions(program.command('explain'))
    .description('what the server would do with a query, and why')
    .argument('<name>', 'the name asked')
    .option('--client <addr>', 'the address of the client', '127.0.0.1')
    .option('--type <type>', 'the record type', 'A')
    .option('--json', 'print the answer of the API')
    .action(async (name: string, flags: ExplainFlags) => {
      const client = new ApiClient(clientConfigOf(flags));
      const query = new URLSearchParams({ name, client: flags.client, type: flags.type });
      const answer = await client.request('GET', `/explain?${query.toString()}`);
      output.out(
        flags.json === true
          ? JSON.stringify(answer, null, 2)
          : describeExplanation(answer as Explanation),
      );
    });
}

function describeExplanation(one: Explanation): string {
  const decided = one.row === 0 ? one.decision : `${one.decision} by row ${one.row}`;
  const form = one.blockingMode === null ? '' : `, answered ${one.blockingMode.toUpperCase()}`;
  const ede = one.edeCode === null ? '' : `, EDE ${one.edeCode}`;
  const whose = one.subscriber === null ? 'nobody' : one.subscriber;
  return [
    `${one.name} ${one.type} for ${one.client}: ${decided}${form}${ede}`,
    `  ${one.reason}`,
    `  subscriber ${whose}, plan ${one.plan ?? 'none'}, class ${one.verdictClass}`,
    `  categories: ${one.categories.length === 0 ? 'none' : one.categories.join(', ')}`,
    ...one.evidence.map(({ list, line, text }) => `  list ${list}, line ${line}: ${text}`),
    `  revision ${one.revision}`,
  ].join('\n');
}
