/**
 * The Fastify instance whose requests are typed by their TypeBox schemas. Answers are not: ours are
 * read-only data, which the types made from schemas do not accept.
 */

import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyTypeProvider,
  RawReplyDefaultExpression,
  RawRequestDefaultExpression,
  RawServerDefault,
} from 'fastify';

type TypeOf<Schema> = (TypeBoxTypeProvider & { readonly schema: Schema })['validator'];

export interface ApiTypeProvider extends FastifyTypeProvider {
  readonly validator: TypeOf<this['schema']>;
  readonly serializer: unknown;
}

export type ApiInstance = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  ApiTypeProvider
>;
