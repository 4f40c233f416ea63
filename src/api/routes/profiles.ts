/**
 * Profiles of a household, and the parts of one: devices, schedules, rules, budgets. All of it is the
 * subscriber's record: a write puts one piece into it and applies the whole, so that the same checks
 * hold as for a document, and the ETag is that of the subscriber.
 */

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { AppError } from '../../lib/errors.ts';
import type { ProfileRecord, SubscriberRecord } from '../../store/canonical-household.ts';
import { ProfileSchema, SubscriberSchema } from '../../store/document.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { pageOf, PageQuerySchema, slicePage } from '../paging.ts';
import { asRead } from '../validation.ts';
import { ReceiptSchema, receiptOf, WaitSchema, writeContextOf } from '../write-request.ts';

const {
  id: profileId,
  devices,
  schedules,
  allow,
  deny,
  allowListOnly,
  budgets,
} = ProfileSchema.properties;

const subscriberRevision = {
  revision: Type.Integer({
    readOnly: true,
    description: "of the subscriber's last change; the ETag",
  }),
};

/** A part is replaced as a whole: what its body leaves out is taken away. */
const PARTS = {
  devices: { devices },
  schedules: { schedules },
  rules: { allow, deny, allowListOnly },
  budgets: { budgets },
} as const;

const AnswerSchema = Type.Object({ ...ProfileSchema.properties, ...subscriberRevision });

const BodySchema = Type.Object(
  { ...ProfileSchema.properties, id: Type.Optional(profileId), ...asRead(subscriberRevision) },
  { additionalProperties: false },
);

const HouseholdParams = Type.Object({ id: SubscriberSchema.properties.id });
const ProfileParams = Type.Object({ ...HouseholdParams.properties, profile: profileId });

const tags = ['profiles'];
const PATH = '/api/v1/subscribers/:id/profiles';

export function addProfileRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  addReadingRoutes(app, controlPlane);
  const shared = {
    tags,
    params: ProfileParams,
    querystring: WaitSchema,
    response: { 200: ReceiptSchema },
  };
  const config = { access: 'operator' } as const;
  app.put(`${PATH}/:profile`, { schema: { ...shared, body: BodySchema }, config }, (request) => {
    const id = request.params.profile;
    if (request.body.id !== undefined && request.body.id !== id) {
      throw new AppError(
        'REQUEST_INVALID',
        `The path says "${id}", the body says "${request.body.id}"`,
      );
    }
    return writeHousehold(request, controlPlane, ({ profiles = [] }) =>
      profiles.some((one) => one.id === id)
        ? profiles.map((one) => (one.id === id ? { ...request.body, id } : one))
        : [...profiles, { ...request.body, id }],
    );
  });
  app.delete(`${PATH}/:profile`, { schema: shared, config }, (request) =>
    writeHousehold(request, controlPlane, (record) => {
      const { id } = findProfile(record, request.params.profile);
      return (record.profiles ?? []).filter((one) => one.id !== id);
    }),
  );
  for (const part of Object.keys(PARTS) as (keyof typeof PARTS)[]) {
    addPartRoutes(app, controlPlane, part);
  }
}

function addReadingRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const config = { access: 'reader' } as const;
  app.get(
    PATH,
    {
      schema: {
        tags,
        params: HouseholdParams,
        querystring: PageQuerySchema,
        response: { 200: pageOf(AnswerSchema) },
      },
      config,
    },
    async (request, reply) => {
      const { record, revision } = await readSubscriber(controlPlane, request.params.id);
      const profiles = (record.profiles ?? []).map((one) => ({ ...one, revision }));
      profiles.sort((a, b) => (a.id < b.id ? -1 : 1));
      return reply.header('etag', `"${revision}"`).send(slicePage(profiles, request.query));
    },
  );
  app.get(
    `${PATH}/:profile`,
    { schema: { tags, params: ProfileParams, response: { 200: AnswerSchema } }, config },
    async (request, reply) => {
      const { record, revision } = await readSubscriber(controlPlane, request.params.id);
      const profile = findProfile(record, request.params.profile);
      return reply.header('etag', `"${revision}"`).send({ ...profile, revision });
    },
  );
}

function addPartRoutes(
  app: ApiInstance,
  controlPlane: ControlPlane,
  part: keyof typeof PARTS,
): void {
  const url = `${PATH}/:profile/${part}`;
  const fields = Object.keys(PARTS[part]);
  app.get(
    url,
    {
      schema: {
        tags,
        params: ProfileParams,
        response: { 200: Type.Object({ ...PARTS[part], ...subscriberRevision }) },
      },
      config: { access: 'reader' },
    },
    async (request, reply) => {
      const { record, revision } = await readSubscriber(controlPlane, request.params.id);
      const profile = findProfile(record, request.params.profile);
      const shown = Object.entries(profile).filter(([field]) => fields.includes(field));
      return reply.header('etag', `"${revision}"`).send({ ...Object.fromEntries(shown), revision });
    },
  );
  app.put(
    url,
    {
      schema: {
        tags,
        description: `Replaces ${fields.join(', ')} of the profile; what the body leaves out is taken away.`,
        params: ProfileParams,
        querystring: WaitSchema,
        body: Type.Object(
          { ...PARTS[part], ...asRead(subscriberRevision) },
          { additionalProperties: false },
        ),
        response: { 200: ReceiptSchema },
      },
      config: { access: 'operator' },
    },
    (request) =>
      writeHousehold(request, controlPlane, (record) => {
        const { id } = findProfile(record, request.params.profile);
        return (record.profiles ?? []).map((one) => {
          if (one.id !== id) return one;
          const kept = Object.entries(one).filter(([field]) => !fields.includes(field));
          return { ...Object.fromEntries(kept), ...request.body };
        });
      }),
  );
}

interface HouseholdRequest extends FastifyRequest {
  readonly params: { readonly id: string };
  readonly query: { readonly wait?: boolean };
}

/** @param change the profiles as they shall be, from the record as it is when it is written */
async function writeHousehold(
  request: FastifyRequest,
  controlPlane: ControlPlane,
  change: (record: SubscriberRecord) => readonly object[],
) {
  const { params, query } = request as HouseholdRequest;
  const context = writeContextOf(request, { kind: 'subscriber', id: params.id });
  const result = await controlPlane.store.changeSubscriber(
    params.id,
    (record) => ({ ...record, profiles: change(record) }),
    context,
  );
  return receiptOf(result, controlPlane, request, query.wait === true);
}

/** @throws AppError `RESOURCE_UNKNOWN` */
export async function readSubscriber({ store }: ControlPlane, id: string) {
  const stored = await store.subscriber(id);
  if (stored === null) throw new AppError('RESOURCE_UNKNOWN', `There is no subscriber "${id}"`);
  return stored;
}

/** @throws AppError `RESOURCE_UNKNOWN` */
export function findProfile(
  { id, profiles = [] }: SubscriberRecord,
  profile: string,
): ProfileRecord {
  const found = profiles.find((one) => one.id === profile);
  if (found !== undefined) return found;
  const valid = profiles.map((one) => one.id).join(', ');
  throw new AppError(
    'RESOURCE_UNKNOWN',
    `The subscriber "${id}" has no profile "${profile}"; valid: ${valid === '' ? 'none, it has no profiles' : valid}`,
  );
}
