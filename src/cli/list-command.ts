/** The command `list`, which shows lists, for those that join it with commands of their own. */

import type { Command } from 'commander';

export function listCommandOf(program: Command): Command {
  const list = program.commands.find((command) => command.name() === 'list');
  if (list === undefined) throw new Error('Invariant broken: there is no command "list"');
  return list;
}
