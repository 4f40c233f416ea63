/** Allow and deny names of plans, subscribers and profiles, one at a time. */

import { Type } from 'typebox';
import { AppError } from '../../lib/errors.ts';
import { ID_PATTERN, SUBSCRIBER_ID_PATTERN } from '../../store/document.ts';
import { canonicalName } from '../../store/rule-name.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { PAGE_ITEMS, pageOf, pageQuery, parseCursor } from '../paging.ts';
import { ReceiptSchema, receiptOf, WaitSchema, writeContextOf } from '../write-request.ts';

const owner = Type.Enum(['plan', 'subscriber', 'profile']);
/** No id holds a slash. */
const OWNER_ID_PATTERN = `${SUBSCRIBER_ID_PATTERN.slice(0, -1)}(/${ID_PATTERN.slice(1, -1)})?$`;
const ownerId = Type.String({
  pattern: OWNER_ID_PATTERN,
  description: 'id of the owner; SUBSCRIBER/PROFILE of a profile, with the slash as %2F in a path',
});
const action = Type.Enum(['allow', 'deny']);
const name = Type.String({ minLength: 1, maxLength: 1_000, description: 'a domain name' });

const RuleSchema = Type.Object({ owner, ownerId, action, name });
const always = Type.Optional(
  Type.Boolean({ description: 'an allowed name holds also while the internet is off' }),
);

const QuerySchema = Type.Object(
  {
    ...pageQuery,
    owner: Type.Optional(owner),
    ownerId: Type.Optional(ownerId),
    name: Type.Optional(name),
  },
  { additionalProperties: false },
);

const PutQuerySchema = Type.Object(
  { ...WaitSchema.properties, always },
  { additionalProperties: false },
);

const tags = ['rules'];
const PATH = '/api/v1/rules';

export function addRuleRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const { store } = controlPlane;
  app.get(
    PATH,
    {
      schema: {
        tags,
        querystring: QuerySchema,
        response: {
          200: pageOf(
            Type.Object({ ...RuleSchema.properties, isAlways: Type.Optional(Type.Literal(true)) }),
          ),
        },
      },
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
  const schema = { tags, params: RuleSchema, response: { 200: ReceiptSchema } };
  const config = { access: 'operator' } as const;
  const url = `${PATH}/:owner/:ownerId/:action/:name`;
  app.put(url, { schema: { ...schema, querystring: PutQuerySchema }, config }, async (request) => {
    const { always: isAlways, wait = false } = request.query;
    const { action } = request.params;
    if (isAlways !== undefined && action === 'deny') {
      throw new AppError('REQUEST_INVALID', 'always: it goes with allow only, this is deny');
    }
    const change = {
      ...request.params,
      isAdding: true,
      ...(isAlways === undefined ? {} : { isAlways }),
    };
    const result = await store.changeRule(change, writeContextOf(request));
    return receiptOf(result, controlPlane, request, wait);
  });
  app.delete(url, { schema: { ...schema, querystring: WaitSchema }, config }, async (request) => {
    const change = { ...request.params, isAdding: false };
    const result = await store.changeRule(change, writeContextOf(request));
    return receiptOf(result, controlPlane, request, request.query.wait === true);
  });
}
