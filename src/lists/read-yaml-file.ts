/** A YAML file of `blocklists/` as a value of the right shape, or every fault in it. */

import { readFileSync } from 'node:fs';
import type { Static, TSchema } from 'typebox';
import { parse } from 'yaml';
import { AppError, messageOf } from '../lib/errors.ts';
import type { ShapeChecker } from '../store/schema-faults.ts';

/** @throws AppError `SEEDS_MISSING`, `SEEDS_INVALID` */
export function readYamlFile<Shape extends TSchema>(
  path: string,
  shape: ShapeChecker<Shape>,
): Static<Shape> {
  let text;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const message = `Reading "${path}": ${messageOf(error)}; the folder blocklists/ belongs beside dist/, install Stairgate again`;
    throw new AppError('SEEDS_MISSING', message, { cause: error });
  }
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new AppError('SEEDS_INVALID', `Reading "${path}": ${messageOf(error)}`, { cause: error });
  }
  if (shape.isValid(value)) return value;
  throw seedsInvalid(path, shape.faultsOf(value, ''));
}

export function seedsInvalid(path: string, faults: readonly string[]): AppError {
  return new AppError('SEEDS_INVALID', `Reading "${path}": ${faults.join('; ')}`, { faults });
}
