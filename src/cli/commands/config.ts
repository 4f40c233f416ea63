/** `stairgate config check [FILE]`: whether a server would start with this configuration. */

import type { Command } from 'commander';
import { loadConfig } from '../../config/config.ts';
import { formatEndpoint } from '../../lib/endpoint.ts';
import { readSealingKeys } from '../../sealing/sealing-keys.ts';
import { addServeOptions, flagsOf } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import type { Output } from '../output.ts';

export function addConfigCommand(program: Command, output: Output): void {
  const config = program.command('config').description('look at the configuration');
  addServeOptions(config.command('check'))
    .description('check a configuration file and flags, and name every fault at once')
    .argument('[file]', 'the file; the same as --config')
    .action((file: string | undefined, options: ServeOptions) => {
      const path = file ?? options.config ?? null;
      const checked = loadConfig({ path, flags: flagsOf(options) });
      readSealingKeys(checked.sealing);
      output.out(
        [
          `${path ?? 'The default configuration'} is valid.`,
          `listen     ${checked.listen.map(formatEndpoint).join(', ')}`,
          `upstreams  ${checked.upstreams.map(formatEndpoint).join(', ')}`,
          `admin      ${formatEndpoint(checked.admin.listen)}`,
          `workers    ${checked.workers}`,
        ].join('\n'),
      );
    });
}
