/** Every fault of a value against a schema, as sentences: where, what was found, what would be valid. */

import { Settings } from 'typebox/system';
import { Value } from 'typebox/value';
import type { TSchema } from 'typebox';
import { quote } from '../lib/quote.ts';

/** The library stops after eight faults unless told; a reader wants them all, within reason. */
const FAULTS_MAX = 200;

/** The parts of a schema that faults are explained with. */
interface SchemaNode {
  readonly description?: string;
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly required?: readonly string[];
}

/**
 * Checks a value against a schema whose parts carry a `description` of what is valid.
 * @returns sentences such as `cache.bytesMax: 12; valid: a whole number from …`; empty where all is well
 */
export function findFaults(schema: TSchema, value: unknown): string[] {
  Settings.Set({ maxErrors: FAULTS_MAX });
  const faults = new Set<string>();
  for (const error of Value.Errors(schema, value)) {
    const path = error.instancePath.split('/').slice(1).map(unescapePointer);
    if (error.keyword === 'boolean') {
      const keys = Object.keys(nodeAt(schema, path.slice(0, -1)).properties ?? {});
      faults.add(`${pathText(path)}: no such key; valid: ${keys.join(', ')}`);
    } else if (error.keyword === 'required') {
      const { requiredProperties } = error.params;
      for (const key of requiredProperties) {
        faults.add(
          `${pathText([...path, key])}: missing; valid: ${describe(schema, [...path, key])}`,
        );
      }
    } else if (error.keyword !== 'additionalProperties') {
      faults.add(
        `${pathText(path)}: ${quote(valueAt(value, path))}; valid: ${describe(schema, path)}`,
      );
    }
  }
  return [...faults];
}

function describe(schema: TSchema, path: readonly string[]): string {
  return nodeAt(schema, path).description ?? 'see config/default.yaml';
}

function nodeAt(schema: SchemaNode, path: readonly string[]): SchemaNode {
  let node: SchemaNode = schema;
  for (const key of path) node = node.properties?.[key] ?? node.items ?? {};
  return node;
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let part = value;
  for (const key of path) {
    part = typeof part === 'object' && part !== null ? Reflect.get(part, key) : undefined;
  }
  return part;
}

/** `zones[0].name`, and the file itself where the path is empty. */
function pathText(path: readonly string[]): string {
  if (path.length === 0) return 'the configuration';
  return path.reduce(
    (text, key) => (/^\d+$/.test(key) ? `${text}[${key}]` : text === '' ? key : `${text}.${key}`),
    '',
  );
}

function unescapePointer(key: string): string {
  return key.replaceAll('~1', '/').replaceAll('~0', '~');
}
