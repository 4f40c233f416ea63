/** `stairgate audit`: who changed what, newest first, and whether the chain of hashes is whole. */

import type { Command } from 'commander';
import { AppError } from '../../lib/errors.ts';
import { ApiClient } from '../api-client.ts';
import { addClientOptions, clientConfigOf } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import { formatTable } from '../output.ts';
import type { Output } from '../output.ts';
import { readPages } from '../read-pages.ts';

interface AuditFlags extends ServeOptions {
  readonly limit: string;
  readonly verify?: boolean;
}

interface Verdict {
  readonly isIntact: boolean;
  readonly rows: number;
  readonly head: string;
  readonly fault: string | null;
}

export function addAuditCommand(program: Command, output: Output): void {
  addClientOptions(program.command('audit'))
    .description('who changed what, newest first')
    .option('--limit <count>', 'show at most this many', '50')
    .option('--verify', 'check the chain of hashes instead')
    .action(async (flags: AuditFlags) => {
      const client = new ApiClient(clientConfigOf(flags));
      output.out(
        flags.verify === true
          ? await verify(client)
          : describeEntries(await readPages(client, '/audit', flags.limit)),
      );
    });
}

async function verify(client: ApiClient): Promise<string> {
  const verdict = (await client.request('GET', '/audit/verify')) as Verdict;
  if (verdict.isIntact) return `intact: ${verdict.rows} rows, newest hash ${verdict.head}`;
  throw new AppError('AUDIT_BROKEN', `Checking the audit log: ${verdict.fault ?? 'broken'}`);
}

function describeEntries(items: readonly Readonly<Record<string, unknown>>[]): string {
  const columns = ['sequence', 'at', 'actor', 'action', 'kind', 'resource', 'revision'];
  return formatTable(
    columns.map((column) => column.toUpperCase()),
    items.map((item) => columns.map((column) => String(item[column]))),
  );
}
