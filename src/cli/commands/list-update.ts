/** `stairgate list update [ID]`: fetch now, say how far it is, and what came of it. */

import type { Command } from 'commander';
import { AppError } from '../../lib/errors.ts';
import type { ListUpdateState } from '../../supervisor/control-plane-contract.ts';
import type { ApiClient } from '../api-client.ts';
import { addClientOptions, clientOf } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import type { Output } from '../output.ts';
import { readPages } from '../read-pages.ts';
import { describeProgress, describeUpdate } from '../update-words.ts';

const POLL_MS = 500;
const TELL_MS = 3_000;
/** Of all lists together: two are fetched at a time, each within half an hour an address. */
const DEADLINE_MS = 24 * 3_600_000;
const LISTS_MAX = '10000';

export function addListUpdateCommand(list: Command, output: Output): void {
  addClientOptions(list.command('update'))
    .description('fetch a list now, or all that the server fetches; waits until it is in force')
    .argument('[list]', 'its id')
    .option('--json', 'print the states as the API gives them')
    .action(async (id: string | undefined, flags: ServeOptions & { readonly json?: boolean }) => {
      const client = clientOf(flags);
      const lists = id === undefined ? await fetchedLists(client) : [id];
      const ended = await updateAll(client, lists, output);
      const text = flags.json === true ? JSON.stringify(ended, null, 2) : wordsOf(ended);
      output.out(text);
      throwUnlessTaken(ended);
    });
}

async function fetchedLists(client: ApiClient): Promise<string[]> {
  const items = await readPages(client, '/lists', LISTS_MAX);
  return items
    .filter((item) => ['url', 'file', 'transfer'].some((source) => item[source] !== undefined))
    .map((item) => String(item['id']));
}

/** Starts all, then asks each until it has ended. */
async function updateAll(
  client: ApiClient,
  lists: readonly string[],
  output: Output,
): Promise<ListUpdateState[]> {
  const runs = new Map<string, number>();
  for (const list of lists) {
    const { run } = (await client.request('POST', `${pathOf(list)}/update`)) as ListUpdateState;
    runs.set(list, run);
  }
  const deadline = Date.now() + DEADLINE_MS;
  const ended: ListUpdateState[] = [];
  let toldAt = Date.now();
  for (const [list, run] of runs) {
    for (;;) {
      const state = (await client.request('GET', `${pathOf(list)}/state`)) as ListUpdateState;
      if (state.run >= run) {
        ended.push(state);
        break;
      }
      if (Date.now() > deadline) throw tooLong(list);
      if (Date.now() - toldAt >= TELL_MS) {
        output.err(describeProgress(state));
        toldAt = Date.now();
      }
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
  return ended;
}

function wordsOf(states: readonly ListUpdateState[]): string {
  return states.length === 0
    ? 'no list has an address or a file from which the server fetches it'
    : states.flatMap(describeUpdate).join('\n');
}

/** What is held or failed is no success: the exit code says so. */
function throwUnlessTaken(states: readonly ListUpdateState[]): void {
  const outcomes = states.map(({ last }) => last?.outcome);
  const held = outcomes.filter((outcome) => outcome === 'held').length;
  const failed = outcomes.filter((outcome) => outcome === 'failed').length;
  if (held + failed === 0) return;
  const parts = [
    ...(held === 0 ? [] : [`${held} held; see "stairgate list held"`]),
    ...(failed === 0 ? [] : [`${failed} failed; they keep what they have`]),
  ];
  throw new AppError('LISTS_NOT_UPDATED', `Updating lists: ${parts.join(', ')}`);
}

function pathOf(list: string): string {
  return `/lists/${encodeURIComponent(list)}`;
}

function tooLong(list: string): AppError {
  return new AppError('LISTS_NOT_UPDATED', `Updating lists: "${list}" took longer than a day`);
}
