/**
 * The document of the first start: our own categories, lists and services from `blocklists/`, the plan
 * `family`, and one subscriber for loopback and private addresses, so that a household is protected
 * by the first packet and a stranger is nobody.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Type } from 'typebox';
import { AppError, messageOf } from '../lib/errors.ts';
import { VERDICT_CLASSES } from '../store/document.ts';
import type { PolicyDocument } from '../store/document.ts';
import type { ListContents } from '../store/list-contents.ts';
import { ShapeChecker } from '../store/schema-faults.ts';
import { PACKAGED_FOLDER, readPolicyData } from './read-policy-data.ts';
import { readYamlFile } from './read-yaml-file.ts';

const CATALOG_FILE = 'categories.yaml';
/** What the plan for everybody at home may still cache after its rules have changed. */
const FAMILY_TTL_SECONDS_MAX = 60;

const HOME_ADDRESSES = [
  '127.0.0.0/8',
  '::1/128',
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '169.254.0.0/16',
  'fe80::/10',
  'fc00::/7',
];

const catalogShape = new ShapeChecker(
  Type.Object({
    categories: Type.Array(
      Type.Object({
        id: Type.String(),
        title: Type.String(),
        class: Type.Enum([...VERDICT_CLASSES]),
        file: Type.String({ pattern: '^[a-z0-9-]+\\.txt$' }),
        neverReport: Type.Optional(Type.Boolean()),
        helpline: Type.Optional(Type.Boolean()),
      }),
    ),
    plans: Type.Array(
      Type.Object({ id: Type.String(), title: Type.String(), block: Type.Array(Type.String()) }),
    ),
  }),
);

/**
 * Reads the seeds and saves their contents.
 * @param folder where `categories.yaml` and the lists are
 * @throws AppError `SEEDS_MISSING`, `SEEDS_INVALID`
 */
export function readSeedDocument(
  contents: ListContents,
  folder: string = PACKAGED_FOLDER,
): PolicyDocument {
  const catalog = readYamlFile(join(folder, CATALOG_FILE), catalogShape);
  return {
    categories: catalog.categories.map(({ id, title, class: verdictClass, ...category }) => ({
      id,
      title,
      class: verdictClass,
      ...(category.neverReport === true && { neverReport: true }),
      ...(category.helpline === true && { helpline: true }),
    })),
    lists: catalog.categories.map(({ id, file }) => ({
      id: `builtin-${id}`,
      category: id,
      format: 'domains' as const,
      contentSha256: contents.save(readSeed(join(folder, file))).sha256,
      origin: 'builtin',
    })),
    services: [...readPolicyData(folder).services],
    plans: catalog.plans.map((plan) => ({ ...plan, maxTtlSeconds: FAMILY_TTL_SECONDS_MAX })),
    subscribers: [{ id: 'home', plan: 'family', addresses: HOME_ADDRESSES }],
  };
}

function readSeed(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new AppError('SEEDS_MISSING', `Reading a seed list: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
