/**
 * Requests are checked by the same schemas and in the same words as documents. Parameters of path and
 * query arrive as text and are converted first; bodies must have the right types.
 */

import { Readable } from 'node:stream';
import type { FastifySchemaCompiler } from 'fastify';
import { type TProperties, type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import { DEPTH_MAX, isTooDeep } from '../lib/depth.ts';
import { ShapeChecker } from '../store/schema-faults.ts';

/** All faults of one request. */
export class RequestInvalid extends Error {
  override readonly name = 'RequestInvalid';
  readonly faults: readonly string[];

  constructor(part: string, faults: readonly string[]) {
    super(`Checking the ${part} of the request: ${faults.join('; ')}`);
    this.faults = faults;
  }
}

export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const shape = new ShapeChecker(schema);
  const part = httpPart === 'querystring' ? 'query' : (httpPart ?? 'body');
  const hasReadOnly = JSON.stringify(schema).includes('"readOnly":true');
  return (value: unknown) => {
    const converted = part === 'body' ? value : Value.Convert(schema, value);
    if (shape.isValid(converted)) {
      if (hasReadOnly) dropReadOnly(schema, converted);
      return { value: converted };
    }
    return { error: new RequestInvalid(part, shape.faultsOf(converted, '')) };
  };
};

/**
 * Fields that answers hold beside the resource, as bodies may hold them: so that what was read can be
 * edited and sent back. They are checked and then taken away.
 * @param fields each with `readOnly: true`
 */
export function asRead<Fields extends TProperties>(fields: Fields) {
  return Type.Partial(Type.Object(fields)).properties;
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode & { readonly readOnly?: boolean }>>;
  readonly items?: SchemaNode;
}

function dropReadOnly({ properties = {}, items }: SchemaNode, value: unknown): void {
  if (Array.isArray(value)) {
    if (items !== undefined) for (const item of value) dropReadOnly(items, item);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  for (const [field, node] of Object.entries(properties)) {
    if (node.readOnly === true) Reflect.deleteProperty(value, field);
    else dropReadOnly(node, (value as Record<string, unknown>)[field]);
  }
}

/**
 * The first look at a body, of a route without a schema too.
 * @throws RequestInvalid
 */
export function checkDepth(body: unknown): void {
  // A content is not parsed here.
  if (body instanceof Readable || !isTooDeep(body)) return;
  throw new RequestInvalid('body', [
    `lists and mappings are nested too deep; valid: up to ${DEPTH_MAX} levels`,
  ]);
}
