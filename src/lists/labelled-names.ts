/**
 * Names with what they are about, to measure a configuration with: `blocklists/labelled.yaml`, or a file
 * of the same shape that an editor keeps.
 */

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { Type } from 'typebox';
import { quote } from '../lib/quote.ts';
import { ID_PATTERN } from '../store/document.ts';
import { canonicalName } from '../store/rule-name.ts';
import { ShapeChecker } from '../store/schema-faults.ts';
import { PACKAGED_FOLDER } from './read-policy-data.ts';
import { readYamlFile, seedsInvalid } from './read-yaml-file.ts';

/** Names by category or by set, in the order of the file. */
export type NameSets = ReadonlyMap<string, readonly string[]>;

export interface LabelledNames {
  /** By category: what a list of it should hold. */
  readonly blocked: NameSets;
  /** By set: what must stay open, whoever filters. */
  readonly open: NameSets;
  /** The same for the same names with the same labels. */
  readonly digest: string;
}

export const LABELLED_FILE = join(PACKAGED_FOLDER, 'labelled.yaml');
/** Of one set. More would measure no better, and take a minute. */
const NAMES_MAX = 50_000;

const sets = Type.Record(
  Type.String({ pattern: ID_PATTERN }),
  Type.Array(Type.String({ maxLength: 1_000 }), { minItems: 1, maxItems: NAMES_MAX }),
);

const labelledShape = new ShapeChecker(
  Type.Object({ blocked: sets, open: sets }, { additionalProperties: false }),
);

/** @throws AppError `SEEDS_MISSING`, `SEEDS_INVALID` with every fault */
export function readLabelledNames(path: string = LABELLED_FILE): LabelledNames {
  const file = readYamlFile(path, labelledShape);
  const faults: string[] = [];
  const placeOf = new Map<string, string>();
  for (const [label, byKey] of Object.entries(file)) {
    for (const [key, names] of Object.entries(byKey)) {
      checkNames(names, `${label}.${key}`, placeOf, faults);
    }
  }
  if (faults.length > 0) throw seedsInvalid(path, faults);
  const blocked = new Map(Object.entries(file.blocked));
  const open = new Map(Object.entries(file.open));
  const text = JSON.stringify([[...blocked], [...open]]);
  return { blocked, open, digest: createHash('sha256').update(text).digest('hex') };
}

/** A name with two labels would count for and against the same list. */
function checkNames(
  names: readonly string[],
  place: string,
  placeOf: Map<string, string>,
  faults: string[],
): void {
  for (const name of names) {
    const canonical = canonicalName(name);
    const earlier = placeOf.get(name);
    if (canonical === null) faults.push(`${place}: ${quote(name)} is no domain name`);
    else if (canonical !== name)
      faults.push(`${place}: ${quote(name)} must be ${quote(canonical)}`);
    if (earlier !== undefined) faults.push(`${place}: ${quote(name)} stands in ${earlier} too`);
    placeOf.set(name, place);
  }
}
