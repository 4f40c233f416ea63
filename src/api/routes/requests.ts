/**
 * "The child asks, a parent answers": requests of a household, and their one answer. A new request comes
 * with two links for whoever sends the parent a message (`answer-page.ts`).
 */

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { AppError } from '../../lib/errors.ts';
import type { AnswerLinks } from '../../store/answer-link.ts';
import { ID_PATTERN, SubscriberSchema } from '../../store/document.ts';
import { humanLines, humanText } from '../../store/human-text.ts';
import type { AnswerDocument, StoredRequest } from '../../store/requests.ts';
import { targetFields } from '../../store/targets.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { pageOf, PageQuerySchema, sliceAfter } from '../paging.ts';
import { secondText } from '../timestamp.ts';
import { publishWritten, WaitSchema, writeContextOf, written } from '../write-request.ts';
import { end, endOf } from './grants.ts';
import { readSubscriber } from './profiles.ts';

/** What a tap on "approve" gives where the request does not say. */
const LINK_MINUTES = 60;

const textOrNull = Type.Union([Type.String(), Type.Null()]);

const requestFields = {
  id: Type.String(),
  profile: Type.Union([Type.String(), Type.Null()], { description: 'null: the household' }),
  ...targetFields,
  message: Type.String(),
  createdAt: Type.String({ description: 'RFC 3339' }),
  state: Type.Enum(['open', 'approved', 'denied']),
  answeredBy: textOrNull,
  answeredAt: textOrNull,
  grant: Type.Union([Type.String(), Type.Null()], { description: 'of an approval for a time' }),
};

const BodySchema = Type.Object(
  {
    profile: Type.Optional(Type.String({ pattern: ID_PATTERN })),
    target: Type.Optional(targetFields.target),
    names: targetFields.names,
    name: Type.Optional(
      Type.String({ minLength: 1, maxLength: 1_000, description: 'in place of target and names' }),
    ),
    message: Type.Optional(
      humanLines({ maxLength: 500, description: 'in the words of the child' }),
    ),
    minutes: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_440,
        description: `what a tap on the link "approve" gives; default ${LINK_MINUTES}`,
      }),
    ),
  },
  { additionalProperties: false },
);

const links = Type.Object(
  { approve: Type.String(), deny: Type.String() },
  { description: 'paths of pages for the parent; whoever has one may give that answer, for a day' },
);

const ApprovalSchema = Type.Object(
  {
    ...end,
    always: Type.Optional(
      Type.Literal(true, {
        description:
          'for good: it becomes a setting of the profile; refused where a schedule or a budget of it would go on blocking',
      }),
    ),
    why: Type.Optional(humanText({ maxLength: 200 })),
  },
  { additionalProperties: false, description: 'one of minutes, until and always' },
);

const HouseholdParams = Type.Object({ id: SubscriberSchema.properties.id });
const OneParams = Type.Object({
  ...HouseholdParams.properties,
  request: Type.String({ pattern: ID_PATTERN }),
});

const tags = ['requests'];
const PATH = '/api/v1/subscribers/:id/requests';
const config = { access: 'operator' } as const;

export function addRequestRoutes(
  app: ApiInstance,
  controlPlane: ControlPlane,
  answerLinks: AnswerLinks,
  wallMs: () => number,
): void {
  const { store } = controlPlane;
  app.get(
    PATH,
    {
      schema: {
        tags,
        description: 'Open ones first, the newest first.',
        params: HouseholdParams,
        querystring: PageQuerySchema,
        response: { 200: pageOf(Type.Object(requestFields)) },
      },
      config,
    },
    async (request) => {
      const { record } = await readSubscriber(controlPlane, request.params.id);
      const all = (await store.households.requests({ subscriber: record.id })).map(toAnswer);
      const isOpen = (one: { readonly state: string }): boolean => one.state === 'open';
      const items = [...all.filter(isOpen), ...all.filter((one) => !isOpen(one))];
      return sliceAfter(items, request.query);
    },
  );
  app.post(
    PATH,
    {
      schema: {
        tags,
        description: 'Asking again for what is asked already gives the request that is open.',
        params: HouseholdParams,
        querystring: WaitSchema,
        body: BodySchema,
        response: { 201: Type.Object({ ...requestFields, links, ...written }) },
      },
      config,
    },
    async (request, reply) => {
      const { minutes = LINK_MINUTES, name, target, names, ...body } = request.body;
      const document = {
        ...body,
        ...targetOf(name, target, names),
        subscriber: request.params.id,
      };
      const result = await store.households.request(document, writeContextOf(request));
      const { id } = result.request;
      const nowSeconds = Math.floor(wallMs() / 1000);
      return reply
        .code(201)
        .header('cache-control', 'no-store')
        .send({
          ...toAnswer(result.request),
          links: {
            approve: `/answer/${answerLinks.sign(id, 'approve', minutes, nowSeconds)}`,
            deny: `/answer/${answerLinks.sign(id, 'deny', 0, nowSeconds)}`,
          },
          ...(await publishedBy(result, controlPlane, request)),
        });
    },
  );
  addAnswerRoutes(app, controlPlane);
}

function addAnswerRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const schema = {
    tags,
    params: OneParams,
    querystring: WaitSchema,
    response: { 200: Type.Object({ ...requestFields, ...written }) },
  };
  app.post(
    `${PATH}/:request/approve`,
    { schema: { ...schema, body: ApprovalSchema }, config },
    async (request) => {
      const { always = false, until, ...body } = request.body;
      if (always && (until !== undefined || body.minutes !== undefined)) {
        throw new AppError(
          'REQUEST_INVALID',
          'always: it goes with neither minutes nor until; valid: one of the three',
        );
      }
      const answer = always ? 'always' : 'approve';
      return answerRequest({ answer, ...body, ...endOf(until) }, controlPlane, request);
    },
  );
  app.post(`${PATH}/:request/deny`, { schema, config }, (request) =>
    answerRequest({ answer: 'deny' }, controlPlane, request),
  );
}

interface AnsweringRequest extends FastifyRequest {
  readonly params: { readonly id: string; readonly request: string };
}

async function answerRequest(
  answer: AnswerDocument,
  controlPlane: ControlPlane,
  request: FastifyRequest,
) {
  const { store } = controlPlane;
  const { id, request: asked } = (request as AnsweringRequest).params;
  const [found] = await store.households.requests({ id: asked });
  if (found?.subscriber !== id) {
    throw new AppError('RESOURCE_UNKNOWN', `The subscriber "${id}" has no request "${asked}"`);
  }
  const result = await store.households.answerRequest(asked, answer, writeContextOf(request));
  return { ...toAnswer(result.request), ...(await publishedBy(result, controlPlane, request)) };
}

interface WaitingRequest extends FastifyRequest {
  readonly query: { readonly wait?: boolean };
}

async function publishedBy(
  { revision }: { readonly revision: number },
  controlPlane: ControlPlane,
  request: FastifyRequest,
) {
  const isWaiting = (request as WaitingRequest).query.wait === true;
  return {
    revision,
    isInForce: await publishWritten(revision, controlPlane, request, isWaiting),
  };
}

/** @throws AppError `REQUEST_INVALID` where it is not one of the two */
function targetOf(name?: string, target?: string, names?: string[]) {
  if (name !== undefined && target === undefined && names === undefined) {
    return { target: 'names', names: [name] };
  }
  if (name === undefined && target !== undefined) {
    return { target, ...(names === undefined ? {} : { names }) };
  }
  throw new AppError('REQUEST_INVALID', 'target: valid: one of name and target');
}

function toAnswer(request: StoredRequest) {
  const { id, profile, target, names, message, state, answeredBy, answeredAt, grant } = request;
  return {
    id,
    profile,
    target,
    ...(names === undefined ? {} : { names }),
    message,
    createdAt: secondText(request.createdAt),
    state,
    answeredBy,
    answeredAt: answeredAt === null ? null : secondText(answeredAt),
    grant,
  };
}
