/**
 * The catalog of public blocklists (`blocklists/catalog.yaml`): where they are, what they are good and
 * bad at, and under which licence. Facts and links; no name of any list, and nothing is fetched here.
 *
 * Strict, because an editor adds a source by its id alone: a wrong address, format or category here
 * would be a wrong list in force there. What only an editor must mind is checked by `test/blocklists`.
 */

import { join } from 'node:path';
import { type Static, Type } from 'typebox';
import { LIST_FORMAT_NAMES } from '../blocklist/formats/list-format.ts';
import { quote } from '../lib/quote.ts';
import { ID_PATTERN, ServiceSchema } from '../store/document.ts';
import { ShapeChecker } from '../store/schema-faults.ts';
import { PACKAGED_FOLDER } from './read-policy-data.ts';
import { readYamlFile, seedsInvalid } from './read-yaml-file.ts';

export type CatalogSource = Static<typeof SourceSchema>;

const CATALOG_FILE = 'catalog.yaml';
const CATEGORIES_FILE = 'categories.yaml';

/** An hour: public hosts block whoever asks more often. */
const UPDATE_SECONDS_MIN = 3_600;
const UPDATE_SECONDS_MAX = 31 * 86_400;
const MIRRORS_MAX = 8;

/**
 * As in the SPDX licence list; a `LicenseRef-…` stands for terms that are not in it, and
 * `NOASSERTION` for a source that states none, which permits nothing.
 */
const LICENCES = [
  'AGPL-3.0-only',
  'Apache-2.0',
  'BSD-3-Clause',
  'CC-BY-3.0',
  'CC-BY-4.0',
  'CC-BY-NC-4.0',
  'CC-BY-NC-SA-4.0',
  'CC-BY-SA-4.0',
  'CC0-1.0',
  'GPL-3.0-only',
  'GPL-3.0-or-later',
  'LicenseRef-Dandelicence',
  'LicenseRef-McRae-GPL-4.r53',
  'LicenseRef-own-terms',
  'MIT',
  'MPL-2.0',
  'NOASSERTION',
  'Unlicense',
] as const;

const closed = { additionalProperties: false };
const address = Type.String({
  pattern: '^https://[a-z0-9.-]+/[A-Za-z0-9._~/%+?=&@-]*$',
  maxLength: 300,
  description: 'an https:// address',
});
const sentence = Type.String({
  minLength: 10,
  maxLength: 200,
  pattern: '^\\p{Lu}.*\\.$',
  description: 'a sentence',
});

const SourceSchema = Type.Object(
  {
    id: Type.String({ pattern: ID_PATTERN }),
    name: Type.String({ minLength: 1, maxLength: 80 }),
    /** The first is the one that `list add` takes. */
    categories: Type.Array(Type.String(), { minItems: 1, maxItems: 4, uniqueItems: true }),
    url: address,
    mirrors: Type.Optional(Type.Array(address, { minItems: 1, maxItems: MIRRORS_MAX })),
    /** Where the source speaks for itself, and is told of its faults. */
    homepage: address,
    format: Type.Enum([...LIST_FORMAT_NAMES]),
    licence: Type.Object(
      {
        spdx: Type.Enum([...LICENCES]),
        url: address,
        /** Left out: it may be used commercially. */
        nonCommercial: Type.Optional(Type.Literal(true)),
        note: Type.Optional(sentence),
      },
      closed,
    ),
    /** ISO 639-1; left out: of no language in particular. */
    languages: Type.Optional(Type.Array(Type.String({ pattern: '^[a-z]{2}$' }), { minItems: 1 })),
    updateSeconds: Type.Integer({ minimum: UPDATE_SECONDS_MIN, maximum: UPDATE_SECONDS_MAX }),
    /** How many names it has, roughly; null: not known to us. */
    typicalNames: Type.Union([Type.Integer({ minimum: 1 }), Type.Null()]),
    goodAt: sentence,
    badAt: sentence,
    /** The day on which address, format and licence were read at the source; null: they were not. */
    verifiedAt: ServiceSchema.properties.verifiedAt,
  },
  closed,
);

const catalogShape = new ShapeChecker(
  Type.Object({ sources: Type.Array(SourceSchema, { minItems: 1 }) }, closed),
);

const categoriesShape = new ShapeChecker(
  Type.Object({ categories: Type.Array(Type.Object({ id: Type.String() })) }),
);

/** @throws AppError `SEEDS_MISSING`, `SEEDS_INVALID` with every fault */
export function readCatalog(folder: string = PACKAGED_FOLDER): readonly CatalogSource[] {
  const path = join(folder, CATALOG_FILE);
  const { sources } = readYamlFile(path, catalogShape);
  const { categories } = readYamlFile(join(folder, CATEGORIES_FILE), categoriesShape);
  const known = new Set(categories.map(({ id }) => id));
  const faults = sources.flatMap((source, index) => faultsOf(source, index, sources, known));
  if (faults.length > 0) throw seedsInvalid(path, faults);
  return sources;
}

function faultsOf(
  { id, categories, url, mirrors = [], licence }: CatalogSource,
  index: number,
  sources: readonly CatalogSource[],
  known: ReadonlySet<string>,
): string[] {
  const at = `sources[${index}]`;
  const isSecond = sources.findIndex((one) => one.id === id) !== index;
  const isAddedTwice = sources.findIndex((one) => one.url === url) !== index;
  const isUnsaid = licence.spdx.includes('-NC-') && licence.nonCommercial !== true;
  const unknown = categories.filter((category) => !known.has(category));
  return [
    ...(isSecond ? [`${at}.id: ${quote(id)} is there already`] : []),
    ...(isAddedTwice ? [`${at}.url: ${quote(url)} is there already`] : []),
    ...(mirrors.includes(url) ? [`${at}.mirrors: ${quote(url)} is the url itself`] : []),
    ...(isUnsaid ? [`${at}.licence: ${licence.spdx} needs nonCommercial: true`] : []),
    ...unknown.map((one) => `${at}.categories: ${quote(one)} is no category`),
  ];
}
