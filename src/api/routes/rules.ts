/** Allow and deny names of plans and subscribers, one at a time. */

import { Type } from 'typebox';
import { SUBSCRIBER_ID_PATTERN } from '../../store/document.ts';
import { canonicalName } from '../../store/rule-name.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { PAGE_ITEMS, pageOf, pageQuery, parseCursor } from '../paging.ts';
import { ReceiptSchema, receiptOf, WaitSchema, writeContextOf } from '../write-request.ts';

const owner = Type.Enum(['plan', 'subscriber']);
const ownerId = Type.String({ pattern: SUBSCRIBER_ID_PATTERN, description: 'id of the owner' });
const action = Type.Enum(['allow', 'deny']);
const name = Type.String({ minLength: 1, maxLength: 1_000, description: 'a domain name' });

const RuleSchema = Type.Object({ owner, ownerId, action, name });

const QuerySchema = Type.Object(
  {
    ...pageQuery,
    owner: Type.Optional(owner),
    ownerId: Type.Optional(ownerId),
    name: Type.Optional(name),
  },
  { additionalProperties: false },
);

const tags = ['rules'];
const PATH = '/api/v1/rules';

export function addRuleRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const { store } = controlPlane;
  app.get(
    PATH,
    {
      schema: { tags, querystring: QuerySchema, response: { 200: pageOf(RuleSchema) } },
      config: { access: 'reader' },
    },
    async (request) => {
      const { limit = PAGE_ITEMS, after = '0', ...query } = request.query;
      const offset = parseCursor(after);
      const items = await store.rulePage({
        owner: query.owner ?? null,
        ownerId: query.ownerId ?? null,
        name: query.name === undefined ? null : (canonicalName(query.name) ?? query.name),
        offset,
        limit,
      });
      return { items, next: items.length === limit ? String(offset + limit) : null };
    },
  );
  const schema = {
    tags,
    params: RuleSchema,
    querystring: WaitSchema,
    response: { 200: ReceiptSchema },
  };
  for (const method of ['PUT', 'DELETE'] as const) {
    app.route({
      method,
      url: `${PATH}/:owner/:ownerId/:action/:name`,
      schema,
      config: { access: 'operator' },
      handler: async (request) => {
        const change = { ...request.params, isAdding: method === 'PUT' };
        const result = await store.changeRule(change, writeContextOf(request));
        return receiptOf(result, controlPlane, request, request.query.wait === true);
      },
    });
  }
}
