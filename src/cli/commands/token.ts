/** `stairgate token`: who may use the API. A secret is shown once, when it is made. */

import type { Command } from 'commander';
import { addClientOptions, clientOf } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import { formatTable } from '../output.ts';
import type { Output } from '../output.ts';
import { readPages } from '../read-pages.ts';

const TOKENS_SHOWN = '1000';

export function addTokenCommand(program: Command, output: Output): void {
  const token = program.command('token').description('list, make and remove API tokens');
  addClientOptions(token.command('list', { isDefault: true }))
    .description('the tokens, without their secrets')
    .action(async (options: ServeOptions) => {
      const items = await readPages(clientOf(options), '/tokens', TOKENS_SHOWN);
      const rows = items.map(({ id, role, createdAt }) => [id, role, createdAt].map(String));
      output.out(formatTable(['ID', 'ROLE', 'CREATED'], rows));
    });
  addClientOptions(token.command('create'))
    .description('make a token and print its secret, this once')
    .argument('<id>', 'a name for it')
    .requiredOption('--role <role>', 'reader, editor, operator or admin')
    .action(async (id: string, options: ServeOptions & { readonly role: string }) => {
      const body = { id, role: options.role };
      const answer = await clientOf(options).request('POST', '/tokens', { body });
      output.out((answer as { readonly secret: string }).secret);
    });
  addClientOptions(token.command('remove'))
    .description('remove a token; it is refused from then on')
    .argument('<id>', 'its name')
    .action(async (id: string, options: ServeOptions) => {
      await clientOf(options).request('DELETE', `/tokens/${encodeURIComponent(id)}`);
      output.out(`removed ${id}`);
    });
}
