/**
 * Checks a value against a TypeBox schema and says every fault in words: the field, the bad value
 * and what would be valid. Used for documents and for API bodies alike.
 */

import type { Static, TProperties, TSchema } from 'typebox';
import { Compile, type Validator } from 'typebox/compile';
import { quote } from '../lib/quote.ts';

/** The part of a JSON schema that words are made from. */
interface SchemaNode {
  readonly [keyword: string]: unknown;
}

export class ShapeChecker<Shape extends TSchema> {
  readonly #schema: Shape;
  readonly #validator: Validator<TProperties, Shape>;

  constructor(schema: Shape) {
    this.#schema = schema;
    this.#validator = Compile(schema) as unknown as Validator<TProperties, Shape>;
  }

  isValid(value: unknown): value is Static<Shape> {
    return this.#validator.Check(value);
  }

  /** @param path what the value is called, such as `plans[3]`; empty for a whole body */
  faultsOf(value: unknown, path: string): string[] {
    const said = new Map<string, string>();
    for (const error of this.#validator.Errors(value)) {
      // The branches of a union and the inside of `additionalProperties: false` repeat their parent.
      if (error.keyword === 'boolean' || /\/anyOf\/\d+$/.test(error.schemaPath)) continue;
      const node = schemaAt(this.#schema as unknown as SchemaNode, error.schemaPath);
      const at = fieldPath(path, error.instancePath);
      const words = describe(error, node, valueAt(value, error.instancePath), at);
      said.set(`${at} ${error.keyword}`, words);
    }
    return [...said.values()];
  }
}

interface ShapeError {
  readonly keyword: string;
  readonly params: object;
  readonly message: string;
}

function describe(error: ShapeError, node: SchemaNode, value: unknown, at: string): string {
  const params = error.params as Record<string, unknown>;
  const field = at === '' ? 'the document' : at;
  switch (error.keyword) {
    case 'additionalProperties':
      return `${field}: unknown ${listOf(params['additionalProperties'])}; valid: ${Object.keys(
        node['properties'] ?? {},
      ).join(', ')}`;
    case 'required':
      return `${field}: ${listOf(params['requiredProperties'])} is missing`;
    case 'enum':
      return `${field}: ${quote(value)} is not valid; valid: ${listOf(params['allowedValues'])}`;
    case 'anyOf':
      return `${field}: ${quote(value)} is not valid; valid: ${valuesOfUnion(node)}`;
    case 'pattern':
      return `${field}: ${quote(value)} is not valid; valid: ${describedBy(node, `text like ${String(params['pattern'])}`)}`;
    case 'type':
      return `${field}: ${quote(value)} is not valid; valid: ${describedBy(node, '')} (${listOf(params['type'])})`.replace(
        'valid:  (',
        'valid: (',
      );
    default:
      return `${field}: ${quote(value)} ${error.message}`;
  }
}

function describedBy(node: SchemaNode, otherwise: string): string {
  return typeof node['description'] === 'string' ? node['description'] : otherwise;
}

function valuesOfUnion(node: SchemaNode): string {
  const branches = (node['anyOf'] ?? []) as SchemaNode[];
  return branches.map((branch) => String(branch['const'] ?? branch['type'])).join(', ');
}

function listOf(value: unknown): string {
  return (Array.isArray(value) ? value : [value]).map(String).join(', ');
}

function segmentsOf(pointer: string): string[] {
  return pointer
    .replace(/^#/, '')
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));
}

function fieldPath(path: string, pointer: string): string {
  let field = path;
  for (const segment of segmentsOf(pointer)) {
    if (/^\d+$/.test(segment)) field += `[${segment}]`;
    else field += field === '' ? segment : `.${segment}`;
  }
  return field;
}

function valueAt(value: unknown, pointer: string): unknown {
  let current = value;
  for (const segment of segmentsOf(pointer)) {
    if (typeof current !== 'object' || current === null) return undefined;
    current = (current as Record<string, unknown>)[segment];
  }
  return current;
}

function schemaAt(schema: SchemaNode, pointer: string): SchemaNode {
  const node = valueAt(schema, pointer);
  return typeof node === 'object' && node !== null ? (node as SchemaNode) : {};
}
