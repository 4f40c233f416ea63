/** Tokens of the API. The secret is in the answer to its creation and nowhere else. */

import { Type } from 'typebox';
import { ID_PATTERN } from '../../store/document.ts';
import { ROLES } from '../../store/tokens.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { pageOf, PageQuerySchema, slicePage } from '../paging.ts';
import { checkWriteHeaders } from '../write-request.ts';

const id = Type.String({ pattern: ID_PATTERN, description: 'letters, digits, ".", "_", "-"' });
const role = Type.Enum([...ROLES], { description: 'each may do what those before it may' });

const TokenSchema = Type.Object({ id, role, createdAt: Type.String() });

const tags = ['tokens'];
const PATH = '/api/v1/tokens';

export function addTokenRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const { store } = controlPlane;
  app.get(
    PATH,
    {
      schema: { tags, querystring: PageQuerySchema, response: { 200: pageOf(TokenSchema) } },
      config: { access: 'admin' },
    },
    (request) => slicePage(store.tokens.all(), request.query),
  );
  app.post(
    PATH,
    {
      schema: {
        tags,
        body: Type.Object({ id, role }, { additionalProperties: false }),
        response: { 201: Type.Object({ id, role, secret: Type.String() }) },
      },
      config: { access: 'admin' },
    },
    async (request, reply) => {
      checkWriteHeaders(request);
      const { body, actor } = request;
      const secret = await store.tokens.create(body.id, body.role, { actor });
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({ ...body, secret });
    },
  );
  app.delete(
    `${PATH}/:id`,
    {
      schema: { tags, params: Type.Object({ id }), response: { 204: Type.Null() } },
      config: { access: 'admin' },
    },
    async (request, reply) => {
      checkWriteHeaders(request);
      await store.tokens.remove(request.params.id, { actor: request.actor });
      return reply.code(204).send();
    },
  );
}
