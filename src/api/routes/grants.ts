/**
 * Grants (something opened until a time) and pauses (the internet off until a time) of a household. They
 * end by themselves; who made one is the token's id.
 */

import { Type } from 'typebox';
import { AppError } from '../../lib/errors.ts';
import { ID_PATTERN, SubscriberSchema } from '../../store/document.ts';
import type { StoredGrant } from '../../store/grants.ts';
import { humanText } from '../../store/human-text.ts';
import { targetFields } from '../../store/targets.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { pageOf, PageQuerySchema, sliceAfter } from '../paging.ts';
import { parseSecond, secondText } from '../timestamp.ts';
import { publishWritten, WaitSchema, writeContextOf, written } from '../write-request.ts';
import { readSubscriber } from './profiles.ts';

/** A month, which is the most that the store takes; beyond it is a setting. */
const MINUTES_MAX = 31 * 24 * 60;

const profile = Type.Optional(
  Type.String({ pattern: ID_PATTERN, description: 'left out: the whole household' }),
);
const why = Type.Optional(humanText({ maxLength: 200, description: 'such as homework done' }));

/** One of the two. */
export const end = {
  minutes: Type.Optional(Type.Integer({ minimum: 1, maximum: MINUTES_MAX })),
  until: Type.Optional(Type.String({ maxLength: 40, description: 'RFC 3339' })),
};

const grantFields = {
  id: Type.String(),
  profile: Type.Union([Type.String(), Type.Null()], { description: 'null: the whole household' }),
  from: Type.String({ description: 'RFC 3339, as the others' }),
  until: Type.String(),
  why: Type.String(),
  who: Type.String({ description: 'id of the token' }),
  createdAt: Type.String(),
};

/** What a pause says of the grants of the profiles that it covers. */
const pausedFields = {
  grantsEnded: Type.Integer({ description: 'of the internet; one of the household ends for all' }),
  grantsGoingOn: Type.Integer({ description: 'of something else: they hold during the pause' }),
};

/** The two kinds; a pause is always about the internet. */
const KINDS = {
  grant: {
    path: 'grants',
    body: Type.Object({ profile, ...targetFields, ...end, why }, { additionalProperties: false }),
    answer: Type.Object({ ...grantFields, ...targetFields }),
  },
  pause: {
    path: 'pauses',
    body: Type.Object({ profile, ...end, why }, { additionalProperties: false }),
    answer: Type.Object(grantFields),
  },
} as const;

type Kind = keyof typeof KINDS;

const HouseholdParams = Type.Object({ id: SubscriberSchema.properties.id });
const OneParams = Type.Object({
  ...HouseholdParams.properties,
  grant: Type.String({ pattern: ID_PATTERN }),
});

export function addGrantRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  addReadingRoute(app, controlPlane, 'grant');
  addReadingRoute(app, controlPlane, 'pause');
  const { store } = controlPlane;
  const config = { access: 'operator' } as const;
  app.post(
    urlOf('grant'),
    { schema: { ...creating('grant'), body: KINDS.grant.body }, config },
    async (request, reply) => {
      const { until, ...body } = request.body;
      const document = { ...body, subscriber: request.params.id, ...endOf(until) };
      const { grant, revision } = await store.households.grant(document, writeContextOf(request));
      const isWaiting = request.query.wait === true;
      const isInForce = await publishWritten(revision, controlPlane, request, isWaiting);
      return reply.code(201).send({ ...toAnswer(grant), revision, isInForce });
    },
  );
  app.post(
    urlOf('pause'),
    {
      schema: {
        ...creating('pause'),
        description:
          'The newest word counts: it ends running grants of the internet; one that is made later goes through it.',
        body: KINDS.pause.body,
        response: { 201: Type.Object({ ...grantFields, ...pausedFields, ...written }) },
      },
      config,
    },
    async (request, reply) => {
      const { until, ...body } = request.body;
      const document = { ...body, subscriber: request.params.id, ...endOf(until) };
      const { grant, ended, goingOn, revision } = await store.households.pause(
        document,
        writeContextOf(request),
      );
      const isWaiting = request.query.wait === true;
      const isInForce = await publishWritten(revision, controlPlane, request, isWaiting);
      const counts = { grantsEnded: ended.length, grantsGoingOn: goingOn };
      return reply.code(201).send({ ...toAnswer(grant), ...counts, revision, isInForce });
    },
  );
  addEndingRoute(app, controlPlane, 'grant');
  addEndingRoute(app, controlPlane, 'pause');
}

function creating(kind: Kind) {
  return {
    tags: [KINDS[kind].path],
    params: HouseholdParams,
    querystring: WaitSchema,
    response: { 201: Type.Object({ ...KINDS[kind].answer.properties, ...written }) },
  };
}

function addReadingRoute(app: ApiInstance, controlPlane: ControlPlane, kind: Kind): void {
  app.get(
    urlOf(kind),
    {
      schema: {
        tags: [KINDS[kind].path],
        description: 'Those that have not ended; what ends first comes first.',
        params: HouseholdParams,
        querystring: PageQuerySchema,
        response: { 200: pageOf(KINDS[kind].answer) },
      },
      config: { access: 'reader' },
    },
    async (request) => {
      const { record } = await readSubscriber(controlPlane, request.params.id);
      const all = await controlPlane.store.households.grants({ subscriber: record.id });
      const items = all.filter((one) => one.kind === kind).map(toAnswer);
      return sliceAfter(items, request.query);
    },
  );
}

function addEndingRoute(app: ApiInstance, controlPlane: ControlPlane, kind: Kind): void {
  app.delete(
    `${urlOf(kind)}/:grant`,
    {
      schema: {
        tags: [KINDS[kind].path],
        description: 'Ends it now.',
        params: OneParams,
        querystring: WaitSchema,
        response: { 200: Type.Object(written) },
      },
      config: { access: 'operator' },
    },
    async (request) => {
      const { id, grant } = request.params;
      const [found] = await controlPlane.store.households.grants({ id: grant });
      // One that is gone may have been ended by this very request, which is repeated.
      if (found !== undefined && (found.subscriber !== id || found.kind !== kind)) {
        throw new AppError('RESOURCE_UNKNOWN', `The subscriber "${id}" has no ${kind} "${grant}"`);
      }
      const { revision } = await controlPlane.store.households.endGrant(
        grant,
        writeContextOf(request),
      );
      const isWaiting = request.query.wait === true;
      const isInForce = await publishWritten(revision, controlPlane, request, isWaiting);
      return { revision, isInForce };
    },
  );
}

function urlOf(kind: Kind): string {
  return `/api/v1/subscribers/:id/${KINDS[kind].path}`;
}

/** @throws AppError `REQUEST_INVALID` */
export function endOf(until: string | undefined): { readonly until?: number } {
  return until === undefined ? {} : { until: parseSecond('until', until) };
}

function toAnswer({ kind, target, names, ...grant }: StoredGrant) {
  return {
    id: grant.id,
    profile: grant.profile,
    ...(kind === 'grant' ? { target, ...(names === undefined ? {} : { names }) } : {}),
    from: secondText(grant.from),
    until: secondText(grant.until),
    why: grant.why,
    who: grant.who,
    createdAt: secondText(grant.createdAt),
  };
}
