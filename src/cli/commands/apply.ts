/** `stairgate apply FILE`: bring the server to what a document says; `stairgate export`: the way back. */

import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { ApplyResult } from '../../store/document-writer.ts';
import { addClientOptions, clientConfigOf } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import { formatYaml } from '../output.ts';
import type { Output } from '../output.ts';
import { heldError } from '../list-words.ts';
import { loadPolicyDocument } from '../policy-document.ts';
import { openPolicyTarget } from '../policy-target.ts';
import type { PolicyTarget, PolicyUse } from '../policy-target.ts';
import { describeChanges, describeCounts, describeReports } from '../apply-words.ts';

interface ApplyFlags extends ServeOptions {
  readonly dryRun?: boolean;
  readonly prune?: boolean;
}

export function addApplyCommand(program: Command, output: Output): void {
  addClientOptions(program.command('apply'))
    .description('bring the server to what a document says; what it does not name stays')
    .argument('<file>', 'the document (YAML)')
    .option('--dry-run', 'only show what would change')
    .option('--prune', 'also remove what the sections of the document do not name')
    .action(async (file: string, flags: ApplyFlags) => {
      const loaded = loadPolicyDocument(file);
      const use = flags.dryRun === true ? 'dry-run' : 'apply';
      await withTarget(flags, use, async (target) => {
        const isPruning = flags.prune === true;
        if (isPruning || flags.dryRun === true) {
          // Counts come before anything is removed.
          const planned = await target.apply(loaded, { isDryRun: true, isPruning });
          output.out(describePlan(planned));
          if (flags.dryRun === true) {
            throwHeld(planned);
            return;
          }
        }
        const result = await target.apply(loaded, { isDryRun: false, isPruning });
        output.out(describeResult(result, target.effect));
        throwHeld(result);
      });
    });
}

export function addExportCommand(program: Command, output: Output): void {
  addClientOptions(program.command('export'))
    .description('write everything as one document; applying it changes nothing')
    .option('--output <file>', 'write to a file instead of the standard output')
    .action(async (flags: ServeOptions & { readonly output?: string }) => {
      await withTarget(flags, 'export', async (target) => {
        const text = formatYaml(await target.exportDocument());
        if (flags.output === undefined) output.out(text.trimEnd());
        else writeFileSync(flags.output, text, { mode: 0o600 });
      });
    });
}

async function withTarget(
  flags: ServeOptions,
  use: PolicyUse,
  work: (target: PolicyTarget) => Promise<void>,
): Promise<void> {
  const target = await openPolicyTarget(clientConfigOf(flags), use);
  try {
    await work(target);
  } finally {
    await target.close();
  }
}

/** All else is applied, but not what was asked for: the exit code says so. */
function throwHeld({ held }: ApplyResult): void {
  if (held.length > 0) throw heldError(held);
}

function describePlan(result: ApplyResult): string {
  return [
    ...describeChanges(result.changes),
    ...describeReports(result),
    `would change: ${describeCounts(result.counts)}`,
  ].join('\n');
}

function describeResult(result: ApplyResult, effect: string): string {
  return [
    ...describeChanges(result.changes),
    ...describeReports(result),
    `changed: ${describeCounts(result.counts)}`,
    `revision ${result.revision}, ${effect}`,
  ].join('\n');
}
