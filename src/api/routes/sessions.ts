/**
 * Sessions: the operator's access network says which address a subscriber has just now. In force
 * when the answer goes out; no revision, no audit row.
 */

import { Type } from 'typebox';
import { SubscriberSchema } from '../../store/document.ts';
import { canonicalPrefix } from '../../store/prefix-key.ts';
import type { Session } from '../../store/sessions.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { invalidCursor, PAGE_ITEMS, pageOf, PageQuerySchema, toPage } from '../paging.ts';
import { checkWriteHeaders } from '../write-request.ts';

/** A lost "session ended" must not leave an address with the wrong household for ever. */
const TTL_SECONDS_MAX = 31 * 86_400;
const SESSIONS_MAX = 10_000;

const address = Type.String({ maxLength: 49, description: 'IPv4 or IPv6 address or prefix' });

const BodySchema = Type.Object(
  {
    upsert: Type.Optional(
      Type.Array(
        Type.Object(
          {
            address,
            subscriber: SubscriberSchema.properties.id,
            ttlSeconds: Type.Integer({
              minimum: 1,
              maximum: TTL_SECONDS_MAX,
              description: 'the session ends by itself after this time',
            }),
          },
          { additionalProperties: false },
        ),
        { maxItems: SESSIONS_MAX },
      ),
    ),
    delete: Type.Optional(Type.Array(address, { maxItems: SESSIONS_MAX })),
  },
  { additionalProperties: false },
);

const SessionSchema = Type.Object({
  address,
  subscriber: Type.String(),
  expiresAt: Type.String({ description: 'RFC 3339' }),
});

const tags = ['sessions'];
const PATH = '/api/v1/sessions';

export function addSessionRoutes(
  app: ApiInstance,
  controlPlane: ControlPlane,
  wallMs: () => number,
): void {
  const { store } = controlPlane;
  app.get(
    PATH,
    {
      schema: { tags, querystring: PageQuerySchema, response: { 200: pageOf(SessionSchema) } },
      config: { access: 'operator' },
    },
    async (request) => {
      const { limit = PAGE_ITEMS, after = '' } = request.query;
      if (after !== '' && canonicalPrefix(after) === null) throw invalidCursor(after);
      const sessions = await store.sessions.page({ limit, after });
      return toPage(sessions.map(toAnswer), limit, (one) => one.address);
    },
  );
  app.put(
    PATH,
    {
      schema: {
        tags,
        description:
          'Creates, prolongs and ends sessions, all or nothing. A request may be repeated as it is: it needs no Idempotency-Key, and If-Match is not for it.',
        body: BodySchema,
        response: { 200: Type.Object({ upserted: Type.Integer(), deleted: Type.Integer() }) },
      },
      config: { access: 'operator' },
    },
    async (request) => {
      checkWriteHeaders(request);
      const { upsert = [], delete: remove = [] } = request.body;
      // The next whole second: no session ends before its time.
      const nowSeconds = Math.ceil(wallMs() / 1000);
      const sessions = upsert.map(({ ttlSeconds, ...session }) => ({
        ...session,
        expiresAt: nowSeconds + ttlSeconds,
      }));
      const changes = await store.sessions.put({ upsert: sessions, remove });
      controlPlane.sessionsChanged(changes);
      return { upserted: upsert.length, deleted: remove.length };
    },
  );
}

function toAnswer(session: Session) {
  return { ...session, expiresAt: new Date(session.expiresAt * 1000).toISOString() };
}
