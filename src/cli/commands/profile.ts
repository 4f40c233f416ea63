/**
 * `stairgate profile`: the profiles of a household, one at a time. `set` reads what is there, changes
 * what is named and writes it only if nobody wrote in between.
 */

import type { Command } from 'commander';
import type { ProfileDocument, SubscriberDocument } from '../../store/document.ts';
import type { ApplyResult } from '../../store/document-writer.ts';
import { describeChanges } from '../apply-words.ts';
import { parseHousehold, parseProfile } from '../household.ts';
import { addClientOptions, clientOf, collect } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import { formatTable, formatYaml } from '../output.ts';
import type { Output } from '../output.ts';
import { readYamlMapping } from '../policy-document.ts';
import { readPages } from '../read-pages.ts';

const PROFILES_SHOWN = '1000';

interface ShowFlags extends ServeOptions {
  readonly json?: boolean;
}

interface SetFlags extends ServeOptions {
  readonly file?: string;
  readonly name?: string;
  readonly age?: string;
  readonly mac?: readonly string[];
  readonly address?: readonly string[];
  readonly clientId?: readonly string[];
}

type Stored = ProfileDocument & { readonly revision: number };
type StoredHousehold = SubscriberDocument & { readonly revision: number };

export function addProfileCommand(program: Command, output: Output): void {
  const profile = program.command('profile').description('the profiles of a household');
  addClientOptions(profile.command('list'))
    .description('its profiles')
    .argument('<subscriber>', 'such as home-1')
    .option('--json', 'print the answer of the API')
    .action(async (household: string, flags: ShowFlags) => {
      const path = `${parseHousehold(household).path}/profiles`;
      const items = await readPages(clientOf(flags), path, PROFILES_SHOWN);
      output.out(
        flags.json === true
          ? JSON.stringify(items, null, 2)
          : describeProfiles(items as unknown as Stored[]),
      );
    });
  addClientOptions(profile.command('show'))
    .description('one profile in full')
    .argument('<subscriber/profile>', 'such as home-1/anna')
    .option('--json', 'print the answer of the API')
    .action(async (place: string, flags: ShowFlags) => {
      const shown = await clientOf(flags).request('GET', parseProfile(place).profilePath);
      output.out(
        flags.json === true ? JSON.stringify(shown, null, 2) : formatYaml(shown).trimEnd(),
      );
    });
  addChangingCommands(profile, output);
}

function addChangingCommands(profile: Command, output: Output): void {
  addClientOptions(profile.command('set'))
    .description('make a profile or change it; what is not named stays')
    .argument('<subscriber/profile>', 'such as home-1/anna')
    .option('--file <file>', 'the whole profile as a document has it (YAML), in place of what is')
    .option('--name <text>', 'what people call it')
    .option('--age <preset>', '6-9, 10-13, 14-16 or 16-18')
    .option('--mac <mac>', 'add the device with this MAC (repeatable)', collect)
    .option('--address <addr>', 'add the device with this address (repeatable)', collect)
    .option('--client-id <id>', 'add the device with this client id (repeatable)', collect)
    .action(async (place: string, flags: SetFlags) => {
      const { path, profile: id, profilePath } = parseProfile(place);
      const client = clientOf(flags);
      const household = (await client.request('GET', path)) as StoredHousehold;
      const before = household.profiles?.find((one) => one.id === id);
      const base = flags.file === undefined ? before : readYamlMapping(flags.file);
      const body = { ...base, ...namedBy(flags, base ?? {}) };
      const options = { body, ifAt: household.revision };
      const result = await client.request('PUT', `${profilePath}?wait=true`, options);
      output.out(describeWrite(result as ApplyResult));
    });
  addClientOptions(profile.command('delete'))
    .description('remove a profile; its devices get what the household has')
    .argument('<subscriber/profile>', 'such as home-1/anna')
    .action(async (place: string, flags: ServeOptions) => {
      const path = `${parseProfile(place).profilePath}?wait=true`;
      output.out(describeWrite((await clientOf(flags).request('DELETE', path)) as ApplyResult));
    });
}

function namedBy(flags: SetFlags, kept: Partial<ProfileDocument>): Partial<ProfileDocument> {
  const { name, age, mac = [], address = [], clientId = [] } = flags;
  const added = [
    ...mac.map((one) => ({ mac: one })),
    ...address.map((one) => ({ address: one })),
    ...clientId.map((one) => ({ clientId: one })),
  ];
  return {
    ...(name === undefined ? {} : { name }),
    // The API says which are valid.
    ...(age === undefined ? {} : { age: age as NonNullable<ProfileDocument['age']> }),
    ...(added.length === 0 ? {} : { devices: [...(kept.devices ?? []), ...added] }),
  };
}

function describeProfiles(profiles: readonly Stored[]): string {
  return formatTable(
    ['ID', 'NAME', 'AGE', 'DEVICES', 'SCHEDULES', 'BUDGETS', 'LOG'],
    profiles.map((one) => [
      one.id,
      one.name ?? '-',
      one.age ?? '-',
      ...[one.devices, one.schedules, one.budgets].map((list) => String(list?.length ?? 0)),
      one.log ?? '-',
    ]),
  );
}

function describeWrite({ changes, revision }: ApplyResult): string {
  const lines = changes.length === 0 ? ['nothing changed'] : describeChanges(changes);
  return [...lines, `revision ${revision}, in force on all workers`].join('\n');
}
