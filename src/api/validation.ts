/**
 * Requests are checked by the same schemas and in the same words as documents. Parameters of path and
 * query arrive as text and are converted first; bodies must have the right types.
 */

import { Readable } from 'node:stream';
import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
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
  return (value: unknown) => {
    const converted = part === 'body' ? value : Value.Convert(schema, value);
    if (shape.isValid(converted)) return { value: converted };
    return { error: new RequestInvalid(part, shape.faultsOf(converted, '')) };
  };
};

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
