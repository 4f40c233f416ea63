/**
 * The names that everybody knows, as they ship in `blocklists/popular-names.txt`: what an update of a
 * list must not block newly without somebody having looked.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDomains } from '../blocklist/formats/domains.ts';
import { nameToText } from '../dns/name.ts';
import { AppError, messageOf } from '../lib/errors.ts';
import { PACKAGED_FOLDER } from './read-policy-data.ts';

export const POPULAR_NAMES_FILE = 'popular-names.txt';

/** @throws AppError `SEEDS_MISSING` */
export function readPopularNames(folder: string = PACKAGED_FOLDER): readonly string[] {
  let content;
  try {
    content = readFileSync(join(folder, POPULAR_NAMES_FILE));
  } catch (error) {
    throw new AppError('SEEDS_MISSING', `Reading the popular names: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const names: string[] = [];
  parseDomains(new Uint8Array(content), {
    entry: (name) => names.push(nameToText(name)),
    exception: () => undefined,
    reject: () => undefined,
  });
  return names;
}
