/**
 * `stairgate list score`: measures what the running server decides against labelled names, and says what
 * has changed since the last time.
 */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { AppError } from '../../lib/errors.ts';
import { LABELLED_FILE, readLabelledNames } from '../../lists/labelled-names.ts';
import { type DecidedName, type Score, scoreNames } from '../../lists/score.ts';
import {
  appendScore,
  lastMeasurement,
  type Measurement,
  readScoreHistory,
  SCORE_HISTORY_FILE,
  toMeasurement,
} from '../../lists/score-history.ts';
import { ApiClient } from '../api-client.ts';
import { parseHousehold } from '../household.ts';
import { listCommandOf } from '../list-command.ts';
import { addClientOptions, clientConfigOf } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import { formatTable } from '../output.ts';
import type { Output } from '../output.ts';

/** What one request of the API takes. */
const NAMES_PER_REQUEST = 1_000;
/** Of a set, unless all are wanted. */
const NAMES_SHOWN_MAX = 8;

interface ScoreFlags extends ServeOptions {
  readonly plan?: string;
  readonly for?: string;
  readonly at?: string;
  readonly names?: string;
  readonly history?: string;
  readonly missing?: boolean;
  readonly json?: boolean;
}

/** Whose policy is measured: what the API is asked, and what the history calls it. */
interface Subject {
  readonly asked: object;
  readonly name: string;
}

export function addListScoreCommand(program: Command, output: Output): void {
  const list = listCommandOf(program);
  addClientOptions(list.command('score'))
    .description('measure recall and over-blocking with labelled names')
    .option('--plan <id>', 'of the households that set nothing themselves (default: family)')
    .option('--for <household>', 'a household or a profile instead, such as home-1/anna')
    .option('--at <time>', 'at this time, such as 2026-11-22T21:00:00+03:00 (default: now)')
    .option('--names <file>', 'other labelled names, shaped as blocklists/labelled.yaml')
    .option('--history <file>', `where it is kept (default: DATA_DIR/${SCORE_HISTORY_FILE})`)
    .option('--missing', 'name all names that no list of their category holds')
    .option('--json', 'print the result as JSON')
    .action(async (flags: ScoreFlags) => {
      const config = clientConfigOf(flags);
      const labelled = readLabelledNames(flags.names ?? LABELLED_FILE);
      const subject = subjectOf(flags);
      const names = [...labelled.blocked.values(), ...labelled.open.values()].flat();
      const client = new ApiClient(config);
      const { decided, revision } = await askAll(client, names, subject, flags.at);
      const score = scoreNames(labelled, decided);
      const path = flags.history ?? join(config.dataDir, SCORE_HISTORY_FILE);
      const about = { subject: subject.name, revision, digest: labelled.digest };
      const measured = toMeasurement(score, { at: new Date().toISOString(), ...about });
      const before = lastMeasurement(readScoreHistory(path), measured);
      if (flags.json === true) {
        output.out(JSON.stringify({ ...about, ...score, before }, null, 2));
      } else {
        for (const text of textsOf(score, measured, before, flags.missing === true)) {
          output.out(text);
        }
      }
      keep(path, measured, flags, output);
    });
}

/** @throws AppError `OPTION_INVALID` */
function subjectOf(flags: ScoreFlags): Subject {
  if (flags.for === undefined) {
    const { plan = 'family' } = flags;
    return { asked: { plan }, name: `plan ${plan}` };
  }
  if (flags.plan !== undefined) {
    throw new AppError('OPTION_INVALID', 'Scoring: say either --plan or --for');
  }
  const { subscriber, profile } = parseHousehold(flags.for);
  return { asked: { subscriber, ...(profile === null ? {} : { profile }) }, name: flags.for };
}

async function askAll(
  client: ApiClient,
  names: readonly string[],
  { asked }: Subject,
  at: string | undefined,
): Promise<{ decided: Map<string, DecidedName>; revision: number }> {
  const decided = new Map<string, DecidedName>();
  let revision = 0;
  for (let from = 0; from < names.length; from += NAMES_PER_REQUEST) {
    const body = {
      ...asked,
      names: names.slice(from, from + NAMES_PER_REQUEST),
      ...(at === undefined ? {} : { at }),
    };
    const answer = (await client.request('POST', '/decisions', { body })) as {
      readonly revision: number;
      readonly items: readonly DecidedName[];
    };
    for (const item of answer.items) decided.set(item.name, item);
    revision = answer.revision;
  }
  return { decided, revision };
}

/** The data folder of a server elsewhere is not ours to make. */
function keep(path: string, measured: Measurement, flags: ScoreFlags, output: Output): void {
  if (flags.history === undefined && !existsSync(join(path, '..'))) {
    output.err('not kept for the next time: there is no data folder here; --history names a file');
    return;
  }
  appendScore(path, measured);
}

function textsOf(
  score: Score,
  { subject, revision }: Measurement,
  before: Measurement | null,
  isWhole: boolean,
): string[] {
  const missing = isWhole ? score.categories.filter((one) => one.missing.length > 0) : [];
  return [
    `${subject}, revision ${revision}; ${sinceText(before)}`,
    '',
    recallTable(score, before),
    '',
    openTable(score, before, isWhole),
    ...missing.map((one) => `\nin no list of ${one.category}: ${one.missing.join(' ')}`),
  ];
}

function sinceText(before: Measurement | null): string {
  if (before === null) return 'nothing measured before with these names';
  return `changes since ${before.at} (revision ${before.revision})`;
}

function recallTable({ categories }: Score, before: Measurement | null): string {
  return formatTable(
    ['CATEGORY', 'NAMES', 'LISTED', 'BLOCKED'],
    categories.map(({ category, names, listed, blocked }) => {
      const last = before?.categories[category];
      return [
        category,
        String(names),
        shareText(listed, names, last?.listed),
        shareText(blocked, names, last?.blocked),
      ];
    }),
  );
}

function openTable({ open }: Score, before: Measurement | null, isWhole: boolean): string {
  return formatTable(
    ['MUST STAY OPEN', 'NAMES', 'BLOCKED', 'WHICH'],
    open.map(({ set, names, blocked, overBlocked }) => [
      set,
      String(names),
      shareText(blocked, names, before?.open[set]?.blocked),
      whichText(overBlocked, isWhole),
    ]),
  );
}

function whichText(names: Score['open'][number]['overBlocked'], isWhole: boolean): string {
  const shown = isWhole ? names : names.slice(0, NAMES_SHOWN_MAX);
  const text = shown.map(({ name, by }) => `${name} (${by})`).join(' ');
  const more = names.length - shown.length;
  return more === 0 ? text : `${text} and ${more} more`;
}

/** `30 (88 %) +2`: how many, of all, and how many more than the last time. */
function shareText(count: number, all: number, last: number | undefined): string {
  const share = `${count} (${all === 0 ? 0 : Math.round((100 * count) / all)} %)`;
  const change = last === undefined ? 0 : count - last;
  if (change === 0) return share;
  return `${share} ${change > 0 ? '+' : '−'}${Math.abs(change)}`;
}
