/** The command line: one program, its commands, and the exit code. */

import { Command, CommanderError } from 'commander';
import { addAppealCommand } from './commands/appeal.ts';
import { addApplyCommand, addExportCommand } from './commands/apply.ts';
import { addAuditCommand } from './commands/audit.ts';
import { addConfigCommand } from './commands/config.ts';
import { addExplainCommand } from './commands/explain.ts';
import { addGrantCommands } from './commands/grant.ts';
import { addHealthCommand } from './commands/health.ts';
import { addListCatalogCommands } from './commands/list-catalog.ts';
import { addListScoreCommand } from './commands/list-score.ts';
import { addListUsageCommand } from './commands/list-usage.ts';
import { addProfileCommand } from './commands/profile.ts';
import { addQueryCommand } from './commands/query.ts';
import { addRecordCommands } from './commands/records.ts';
import { addRequestCommand } from './commands/request.ts';
import { addResourceCommands } from './commands/resources.ts';
import { addScheduleCommand } from './commands/schedule.ts';
import { addServeCommand } from './commands/serve.ts';
import { addTokenCommand } from './commands/token.ts';
import { describeError, processOutput, visible } from './output.ts';
import type { Output } from './output.ts';
import { VERSION } from './version.ts';

/**
 * Runs one command to its end.
 * @param args without the program and the script
 * @returns the exit code: 0, or 1 with one clear sentence on the error output
 */
export async function runCli(
  args: readonly string[],
  anyOutput: Output = processOutput,
): Promise<number> {
  const output = visible(anyOutput);
  const program = createProgram(output);
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    // Commander has said what was wrong with the arguments; help and version are no faults.
    if (error instanceof CommanderError) return error.exitCode;
    output.err(describeError(error));
    return 1;
  }
}

function createProgram(output: Output): Command {
  const program = new Command('stairgate')
    .description('DNS-level parental content-filtering resolver')
    .version(VERSION)
    // `list` has options, and commands below it that have the same ones.
    .enablePositionalOptions()
    .exitOverride()
    // So that options behind a command of a command are its own.
    .enablePositionalOptions()
    .configureOutput({
      writeOut: (text) => {
        output.out(text.trimEnd());
      },
      writeErr: (text) => {
        output.err(text.trimEnd());
      },
    });
  addServeCommand(program);
  addApplyCommand(program, output);
  addExportCommand(program, output);
  addExplainCommand(program, output);
  addResourceCommands(program, output);
  addListCatalogCommands(program, output);
  addListScoreCommand(program, output);
  addAppealCommand(program, output);
  addListUsageCommand(program, output);
  addProfileCommand(program, output);
  addGrantCommands(program, output);
  addRequestCommand(program, output);
  addRecordCommands(program, output);
  addScheduleCommand(program, output);
  addTokenCommand(program, output);
  addAuditCommand(program, output);
  addConfigCommand(program, output);
  addQueryCommand(program, output);
  addHealthCommand(program, output);
  return program;
}
