/** Subscribers, of which there may be a million: pages by id, and writing in bulk. */

import { Type } from 'typebox';
import { AppError } from '../../lib/errors.ts';
import { SubscriberSchema } from '../../store/document.ts';
import type { StoredSubscriber } from '../../store/records.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { PAGE_ITEMS, pageOf, pageQuery, toPage } from '../paging.ts';
import { asRead } from '../validation.ts';
import {
  ReceiptSchema,
  receiptOf,
  revisionField,
  WaitSchema,
  writeContextOf,
} from '../write-request.ts';
import { documentOf } from './resources.ts';

const AnswerSchema = Type.Object({ ...SubscriberSchema.properties, ...revisionField });

const fields = { ...SubscriberSchema.properties, ...asRead(revisionField) };
const BodySchema = Type.Object(
  { ...fields, id: Type.Optional(fields.id) },
  { additionalProperties: false },
);

const BulkSchema = Type.Object(
  { subscribers: Type.Array(Type.Object(fields, { additionalProperties: false })) },
  { additionalProperties: false },
);

const IdParams = Type.Object({ id: SubscriberSchema.properties.id });

const QuerySchema = Type.Object(
  { ...pageQuery, plan: Type.Optional(Type.String({ maxLength: 64 })) },
  { additionalProperties: false },
);

const tags = ['subscribers'];
const PATH = '/api/v1/subscribers';

export function addSubscriberRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const { store } = controlPlane;
  app.get(
    PATH,
    {
      schema: { tags, querystring: QuerySchema, response: { 200: pageOf(AnswerSchema) } },
      config: { access: 'reader' },
    },
    async (request) => {
      const { limit = PAGE_ITEMS, after = '', plan = null } = request.query;
      const stored = await store.subscriberPage({ limit, after, plan });
      return toPage(stored.map(toAnswer), limit, (one) => one.id);
    },
  );
  app.get(
    `${PATH}/:id`,
    {
      schema: { tags, params: IdParams, response: { 200: AnswerSchema } },
      config: { access: 'reader' },
    },
    async (request, reply) => {
      const { id } = request.params;
      const stored = await store.subscriber(id);
      if (stored === null) {
        throw new AppError('RESOURCE_UNKNOWN', `There is no subscriber "${id}"`);
      }
      return reply.header('etag', `"${stored.revision}"`).send(toAnswer(stored));
    },
  );
  addWritingRoutes(app, controlPlane);
}

function addWritingRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const { store } = controlPlane;
  const one = { tags, params: IdParams, querystring: WaitSchema, response: { 200: ReceiptSchema } };
  app.put(
    PATH,
    {
      schema: {
        tags,
        description:
          'Creates and updates many at once, all or nothing; the others stay. A body takes 1 MiB, some 10,000 subscribers: send a million in a hundred requests, the last with ?wait=true. If-Match is not for it, since it is not about a single subscriber.',
        querystring: WaitSchema,
        body: BulkSchema,
        response: { 200: ReceiptSchema },
      },
      config: { access: 'operator' },
    },
    async (request) => {
      const result = await store.applyDocument(request.body, writeContextOf(request));
      return receiptOf(result, controlPlane, request, request.query.wait === true);
    },
  );
  app.put(
    `${PATH}/:id`,
    { schema: { ...one, body: BodySchema }, config: { access: 'operator' } },
    async (request) => {
      const { id } = request.params;
      const document = documentOf('subscriber', id, request.body);
      const context = writeContextOf(request, { kind: 'subscriber', id });
      const result = await store.applyDocument(document, context);
      return receiptOf(result, controlPlane, request, request.query.wait === true);
    },
  );
  app.delete(`${PATH}/:id`, { schema: one, config: { access: 'operator' } }, async (request) => {
    const { id } = request.params;
    const context = writeContextOf(request, { kind: 'subscriber', id });
    const result = await store.remove('subscriber', id, context);
    return receiptOf(result, controlPlane, request, request.query.wait === true);
  });
}

function toAnswer(stored: StoredSubscriber) {
  const { addresses, allow, deny, ...rest } = stored.record;
  return {
    ...rest,
    addresses: [...addresses],
    ...(allow === undefined ? {} : { allow: [...allow] }),
    ...(deny === undefined ? {} : { deny: [...deny] }),
    revision: stored.revision,
  };
}
