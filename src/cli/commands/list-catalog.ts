/**
 * `stairgate list catalog` and `list add`: public sources of lists that the catalog knows, and one of
 * them made a list of this server, which then fetches it by itself.
 */

import type { Command } from 'commander';
import { AppError } from '../../lib/errors.ts';
import { type CatalogSource, readCatalog } from '../../lists/read-catalog.ts';
import type { ApiClient } from '../api-client.ts';
import { listCommandOf } from '../list-command.ts';
import { addClientOptions, clientOf } from '../options.ts';
import type { ServeOptions } from '../options.ts';
import { formatTable } from '../output.ts';
import type { Output } from '../output.ts';

const DAY_SECONDS = 86_400;
/** Of what is worth asking oftener than daily: feeds, whose names come and go. */
const FEED_LIMITS = { shrinkPercentMax: 60, growthPercentMax: 100 };

interface CatalogFlags {
  readonly category?: string;
  readonly json?: boolean;
}

interface AddFlags extends ServeOptions, CatalogFlags {
  readonly id?: string;
}

export function addListCatalogCommands(program: Command, output: Output): void {
  const list = listCommandOf(program);
  list
    .command('catalog')
    .description('public sources of lists: what they are good and bad at, and their licences')
    .argument('[source]', 'show this one in full')
    .option('--category <id>', 'only those with names of this category')
    .option('--json', 'print them as JSON')
    .action((id: string | undefined, flags: CatalogFlags) => {
      const all = id === undefined ? readCatalog() : [findSource(id)];
      const { category } = flags;
      const sources =
        category === undefined
          ? all
          : all.filter(({ categories }) => categories.includes(category));
      if (flags.json === true) output.out(JSON.stringify(sources, null, 2));
      else if (id !== undefined) output.out(sources.map(describe).join('\n\n'));
      else output.out(tableOf(sources));
    });
  addClientOptions(list.command('add'))
    .description('make a source of the catalog a list of this server, which fetches it')
    .argument('<source>', 'its id in the catalog, such as ut1-gambling')
    .option('--id <id>', 'of the new list (default: that of the source)')
    .option('--category <id>', 'of the new list (default: the first of the source)')
    .option('--json', 'print the answer of the API')
    .action(async (sourceId: string, flags: AddFlags) => {
      const source = findSource(sourceId);
      const { id = source.id, category = source.categories[0] } = flags;
      const path = `/lists/${encodeURIComponent(id)}?wait=true`;
      const receipt = await create(clientOf(flags), path, listOf(source, category), id);
      for (const remark of remarksOf(source)) output.err(remark);
      if (flags.json === true) output.out(JSON.stringify(receipt, null, 2));
      else {
        output.out(`added ${id} (${category ?? ''}): the server fetches ${source.url}`);
      }
    });
}

/** What is there under this id stays: it may be somebody's own. */
async function create(client: ApiClient, path: string, body: object, id: string): Promise<unknown> {
  try {
    return await client.request('PUT', path, { body, ifAt: 'absent' });
  } catch (error) {
    if (!(error instanceof AppError) || error.code !== 'PRECONDITION_FAILED') throw error;
    const message = `There is a list "${id}" already; give the new one another id with --id`;
    throw new AppError('RESOURCE_EXISTS', message, { cause: error });
  }
}

/** The document of a list that is fetched from the source. */
function listOf(source: CatalogSource, category: string | undefined): object {
  const { url, mirrors, format, updateSeconds } = source;
  return {
    ...{ category, format, url, updateSeconds },
    ...(mirrors === undefined ? {} : { mirrors }),
    ...(updateSeconds < DAY_SECONDS ? { gate: FEED_LIMITS } : {}),
  };
}

/** @throws AppError `SOURCE_UNKNOWN` */
function findSource(id: string): CatalogSource {
  const sources = readCatalog();
  const source = sources.find((one) => one.id === id);
  if (source !== undefined) return source;
  const beginning = id.split('-')[0] ?? id;
  const alike = sources.filter((one) => one.id.startsWith(beginning)).map((one) => one.id);
  const hint = alike.length === 0 ? '' : `; there are ${alike.join(', ')}`;
  throw new AppError(
    'SOURCE_UNKNOWN',
    `There is no source "${id}" in the catalog${hint}; "stairgate list catalog" shows all`,
  );
}

/** What whoever adds it should know before it counts. */
function remarksOf({ id, licence, verifiedAt }: CatalogSource): string[] {
  return [
    ...(licence.nonCommercial === true
      ? [`${id}: its licence (${licence.spdx}) does not allow commercial use, see ${licence.url}`]
      : []),
    ...(licence.spdx === 'NOASSERTION'
      ? [`${id}: it states no licence, so it permits nothing; ask its author first`]
      : []),
    ...(verifiedAt === null
      ? [`${id}: address, format and licence were not confirmed at the source`]
      : []),
  ];
}

function tableOf(sources: readonly CatalogSource[]): string {
  return formatTable(
    ['ID', 'CATEGORIES', 'NAMES', 'FORMAT', 'LICENCE', 'LANGUAGES', 'CHECKED', 'GOOD AT'],
    sources.map((source) => [
      source.id,
      source.categories.join(' '),
      countText(source.typicalNames),
      source.format,
      licenceText(source),
      source.languages?.join(' ') ?? '-',
      source.verifiedAt ?? '-',
      source.goodAt,
    ]),
  );
}

function describe(source: CatalogSource): string {
  const { licence } = source;
  const rows: (readonly [string, string])[] = [
    ['id', source.id],
    ['name', source.name],
    ['categories', source.categories.join(' ')],
    ['url', source.url],
    ...(source.mirrors ?? []).map((mirror) => ['mirror', mirror] as const),
    ['homepage', source.homepage],
    ['format', source.format],
    ['licence', `${licenceText(source)}, ${licence.url}`],
    ...(licence.note === undefined ? [] : [['', licence.note] as const]),
    ['languages', source.languages?.join(' ') ?? '-'],
    ['names', countText(source.typicalNames)],
    ['updated', `every ${source.updateSeconds / 3600} h`],
    ['good at', source.goodAt],
    ['bad at', source.badAt],
    ['checked', source.verifiedAt ?? 'not at the source'],
  ];
  return rows.map(([key, value]) => `${key.padEnd(10)}  ${value}`).join('\n');
}

function licenceText({ licence }: CatalogSource): string {
  return licence.nonCommercial === true ? `${licence.spdx} (not commercial)` : licence.spdx;
}

function countText(names: number | null): string {
  return names === null ? '-' : names.toLocaleString('en');
}
