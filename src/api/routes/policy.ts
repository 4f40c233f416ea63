/** The whole policy as one document, why a name is blocked, and how the server is. */

import { Type } from 'typebox';
import { DocumentSchema, ID_PATTERN, SUBSCRIBER_ID_PATTERN } from '../../store/document.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { ReceiptSchema, receiptOf, WaitSchema, writeContextOf } from '../write-request.ts';

/** A document with a million subscribers has about a hundred million octets. */
const DOCUMENT_BYTES_MAX = 256 * 1024 * 1024;

/** The document itself is checked by the store, which finds the faults of all its parts. */
const ApplySchema = Type.Object(
  {
    document: Type.Unknown({ description: 'as GET /api/v1/export gives it' }),
    dryRun: Type.Optional(Type.Boolean({ description: 'only say what would change' })),
    prune: Type.Optional(
      Type.Boolean({ description: 'also remove what the sections of the document do not name' }),
    ),
  },
  { additionalProperties: false },
);

const ApplyAnswerSchema = Type.Object({
  ...ReceiptSchema.properties,
  isDryRun: Type.Boolean(),
  listReports: Type.Record(Type.String(), Type.Unknown(), {
    description: 'what was found in the contents of lists, by id of the list',
  }),
});

const ExplainQuerySchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 1_000 }),
    type: Type.Optional(Type.String({ maxLength: 16, description: 'default A' })),
    client: Type.Optional(
      Type.String({ minLength: 2, maxLength: 45, description: 'IPv4 or IPv6 address' }),
    ),
    mac: Type.Optional(
      Type.String({ maxLength: 17, description: 'as a forwarder would send it beside the client' }),
    ),
    subscriber: Type.Optional(
      Type.String({ pattern: SUBSCRIBER_ID_PATTERN, description: 'instead of a client' }),
    ),
    profile: Type.Optional(Type.String({ pattern: ID_PATTERN, description: 'of the subscriber' })),
    at: Type.Optional(
      Type.String({
        maxLength: 32,
        description: 'a time such as 2026-11-22T21:00:00+03:00; default now',
      }),
    ),
  },
  { additionalProperties: false },
);

/** Some milliseconds of the main thread. */
const NAMES_MAX = 1_000;

const DecisionsSchema = Type.Object(
  {
    names: Type.Array(Type.String({ minLength: 1, maxLength: 1_000 }), {
      minItems: 1,
      maxItems: NAMES_MAX,
    }),
    plan: Type.Optional(
      Type.String({ pattern: ID_PATTERN, description: 'of a household that has set nothing' }),
    ),
    subscriber: Type.Optional(
      Type.String({ pattern: SUBSCRIBER_ID_PATTERN, description: 'instead of a plan' }),
    ),
    profile: Type.Optional(Type.String({ pattern: ID_PATTERN, description: 'of the subscriber' })),
    at: ExplainQuerySchema.properties.at,
  },
  { additionalProperties: false },
);

const DecisionsAnswerSchema = Type.Object({
  revision: Type.Integer(),
  items: Type.Array(
    Type.Object({
      name: Type.String(),
      decision: Type.Enum(['pass', 'block', 'local', 'safe-search', 'refuse']),
      row: Type.Integer({ description: 'of the order of decision, 1 to 12' }),
      verdictClass: Type.Enum(['law', 'operator', 'policy', 'none']),
      category: Type.Union([Type.String(), Type.Null()], { description: 'that decided' }),
      categories: Type.Array(Type.String(), { description: 'all that hold the name' }),
    }),
    { description: 'in the order of the names' },
  ),
});

/** What a question leaves out. */
const NOBODY = {
  type: 'A',
  client: null,
  mac: null,
  subscriber: null,
  profile: null,
  at: null,
};

export function addPolicyRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const { store } = controlPlane;
  app.post(
    '/api/v1/apply',
    {
      bodyLimit: DOCUMENT_BYTES_MAX,
      schema: {
        tags: ['policy'],
        querystring: WaitSchema,
        body: ApplySchema,
        response: { 200: ApplyAnswerSchema },
      },
      config: { access: 'operator' },
    },
    async (request) => {
      const { document, dryRun = false, prune = false } = request.body;
      const options = { isDryRun: dryRun, isPruning: prune };
      const result = await store.applyDocument(document, writeContextOf(request), options);
      const { isDryRun, listReports } = result;
      if (isDryRun) return { ...result, isInForce: false };
      const receipt = await receiptOf(result, controlPlane, request, request.query.wait === true);
      return { ...receipt, isDryRun, listReports };
    },
  );
  app.get(
    '/api/v1/export',
    {
      schema: { tags: ['policy'], response: { 200: DocumentSchema } },
      config: { access: 'operator' },
    },
    () => store.exportDocument(),
  );
  addServerRoutes(app, controlPlane);
}

function addServerRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  app.get(
    '/api/v1/explain',
    {
      schema: { tags: ['server'], querystring: ExplainQuerySchema },
      config: { access: 'reader' },
    },
    (request) => controlPlane.explain({ ...NOBODY, ...request.query }),
  );
  app.post(
    '/api/v1/decisions',
    {
      schema: {
        tags: ['server'],
        description: 'In short what explain says at length, for many names; changes nothing.',
        body: DecisionsSchema,
        response: { 200: DecisionsAnswerSchema },
      },
      config: { access: 'reader' },
    },
    ({ body: { names, plan = null, subscriber = null, profile = null, at = null } }) =>
      controlPlane.decideNames({ names, plan, subscriber, profile, at }),
  );
  app.get(
    '/api/v1/status',
    { schema: { tags: ['server'] }, config: { access: 'reader' } },
    async () => ({
      ...controlPlane.status(),
      revision: controlPlane.store.revision,
      counts: await controlPlane.store.counts(),
    }),
  );
  app.post(
    '/api/v1/reload',
    {
      schema: {
        tags: ['server'],
        description: 'Reads the configuration again and publishes; as SIGHUP does.',
        response: { 200: Type.Object({ revision: Type.Integer() }) },
      },
      config: { access: 'operator' },
    },
    () => controlPlane.reload(),
  );
}
