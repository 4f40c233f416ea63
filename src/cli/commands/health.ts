/** `stairgate health`: exit code 0 where the server is ready, for containers and monitors. */

import type { Command } from 'commander';
import { AppError } from '../../lib/errors.ts';
import { ApiClient } from '../api-client.ts';
import { addClientOptions, clientConfigOf } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import type { Output } from '../output.ts';

export function addHealthCommand(program: Command, output: Output): void {
  addClientOptions(program.command('health'))
    .description('ask a running server whether it is ready')
    .action(async (options: ServeOptions) => {
      const client = new ApiClient(clientConfigOf(options));
      const { status, text } = await client.probe('/readyz');
      if (status !== 200) throw new AppError('NOT_READY', `Asking ${client.base}: ${text.trim()}`);
      output.out('ready');
    });
}
