/**
 * The editor's side of the over-blocking desk. Accepting an appeal corrects the lists that hold the name: it
 * becomes an exception of each of them (`except`), as a write of policy like any other. First the lists,
 * which go into force whatever comes then, and then the appeal: what breaks off between the two is
 * accepted again and changes nothing twice. So it needs no key against being repeated.
 */

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { AppError } from '../../lib/errors.ts';
import type { StoredAppeal } from '../../store/appeals.ts';
import { SERVICE_PREFIX } from '../../store/canonical.ts';
import { ID_PATTERN } from '../../store/document.ts';
import { humanText } from '../../store/human-text.ts';
import type { StoredList } from '../../store/records.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { checkListSettings } from '../list-role.ts';
import { pageOf, pageQuery, sliceAfter } from '../paging.ts';
import { secondText } from '../timestamp.ts';
import { checkWriteHeaders, publishWritten, WaitSchema, written } from '../write-request.ts';

const textOrNull = Type.Union([Type.String(), Type.Null()]);

const AppealSchema = Type.Object({
  id: Type.String(),
  name: Type.String(),
  category: Type.String({ description: 'that blocked it when the appeal was made' }),
  message: Type.String({ description: 'of a stranger: show it as text only' }),
  contact: textOrNull,
  createdAt: Type.String(),
  state: Type.Enum(['open', 'accepted', 'denied']),
  answer: textOrNull,
  answeredBy: textOrNull,
  answeredAt: textOrNull,
});

const answer = humanText({
  minLength: 1,
  maxLength: 500,
  description: 'for whoever appealed, in a sentence',
});

const AcceptSchema = Type.Object(
  {
    answer: Type.Optional(answer),
    categories: Type.Optional(
      Type.Array(Type.String({ pattern: ID_PATTERN }), {
        minItems: 1,
        maxItems: 16,
        description: 'whose lists are corrected; default that of the appeal',
      }),
    ),
  },
  { additionalProperties: false },
);

const AcceptedSchema = Type.Object({
  answered: Type.Integer({ description: 'appeals about the name, this one with them' }),
  lists: Type.Array(Type.String(), { description: 'that have the name as an exception now' }),
  ...written,
});

const IdParams = Type.Object({ id: Type.String({ pattern: '^[0-9a-f]{32}$' }) });

const tags = ['desk'];
const PATH = '/api/v1/appeals';
const config = { access: 'editor' } as const;

export function addAppealRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const { store } = controlPlane;
  app.get(
    PATH,
    {
      schema: {
        tags,
        description: 'Open ones first, those that wait longest at the top.',
        querystring: Type.Object(
          { ...pageQuery, state: Type.Optional(AppealSchema.properties.state) },
          { additionalProperties: false },
        ),
        response: { 200: pageOf(AppealSchema) },
      },
      config,
    },
    async ({ query }) => {
      const all = await store.appeals.all();
      const wanted = all.filter(({ state }) => query.state === undefined || state === query.state);
      return sliceAfter(wanted.map(toAnswer), query);
    },
  );
  app.post(
    `${PATH}/:id/accept`,
    {
      schema: {
        tags,
        description: 'Makes the name an exception of the lists that hold it, and answers.',
        params: IdParams,
        querystring: WaitSchema,
        body: AcceptSchema,
        response: { 200: AcceptedSchema },
      },
      config,
    },
    async (request) => {
      const { answer: sentence = null, categories } = request.body;
      checkWriteHeaders(request);
      const appeal = await findOpen(request.params.id, controlPlane);
      const wanted = categories ?? [appeal.category];
      const holding = await findHolding(appeal.name, wanted, controlPlane, request);
      const revision = await correct(appeal.name, holding, controlPlane, request);
      const isWaiting = request.query.wait === true;
      const isInForce = await publishWritten(revision, controlPlane, request, isWaiting);
      const how = { state: 'accepted', answer: sentence } as const;
      const answered = await store.appeals.answer(appeal.id, how, { actor: request.actor });
      const lists = holding.map(({ record }) => record.id);
      return { answered: answered.length, lists, revision, isInForce };
    },
  );
  app.post(
    `${PATH}/:id/deny`,
    {
      schema: {
        tags,
        params: IdParams,
        body: Type.Object({ answer }, { additionalProperties: false }),
        response: { 200: Type.Object({ answered: Type.Integer() }) },
      },
      config,
    },
    async (request) => {
      const how = { state: 'denied', answer: request.body.answer } as const;
      const context = { actor: request.actor };
      const answered = await store.appeals.answer(request.params.id, how, context);
      return { answered: answered.length };
    },
  );
  app.delete(
    `${PATH}/:id/contact`,
    {
      schema: { tags, params: IdParams, response: { 204: Type.Null() } },
      config,
    },
    async (request, reply) => {
      await store.appeals.forgetContact(request.params.id);
      return reply.code(204).send();
    },
  );
}

/** @throws AppError `RESOURCE_UNKNOWN`, `APPEAL_ANSWERED` */
async function findOpen(id: string, { store }: ControlPlane): Promise<StoredAppeal> {
  const appeal = await store.appeals.find(id);
  if (appeal === null) throw new AppError('RESOURCE_UNKNOWN', `There is no appeal "${id}"`);
  if (appeal.state === 'open') return appeal;
  throw new AppError('APPEAL_ANSWERED', `Appeal "${id}" is ${appeal.state} already`);
}

/** @throws AppError `APPEAL_IMPOSSIBLE` where no list of the categories holds the name; `FORBIDDEN` */
async function findHolding(
  name: string,
  categories: readonly string[],
  controlPlane: ControlPlane,
  request: FastifyRequest,
): Promise<readonly StoredList[]> {
  const found = await controlPlane.findLists(name, categories);
  const stored = await controlPlane.store.lists();
  const holding = [...new Set(found)].flatMap((id) => stored.get(id) ?? []);
  if (holding.length === 0) {
    const services = found.filter((id) => id.startsWith(SERVICE_PREFIX));
    const where = services.length === 0 ? '' : `, but ${services.join(', ')} does`;
    throw new AppError(
      'APPEAL_IMPOSSIBLE',
      `Correcting "${name}": no list of ${categories.join(', ')} holds it${where}; deny the appeal, or change what blocks it`,
    );
  }
  for (const { record } of holding) await checkListSettings(request, controlPlane, record.id, null);
  return holding;
}

/**
 * A write for each list, so that none takes back what the list has become since it was read.
 * @returns the revision that holds them all
 * @throws AppError `PRECONDITION_FAILED` where one has changed: to be accepted again
 */
async function correct(
  name: string,
  holding: readonly StoredList[],
  controlPlane: ControlPlane,
  request: FastifyRequest,
): Promise<number> {
  let newest = 0;
  try {
    for (const { record, revision } of holding) {
      const expectation = { kind: 'list', id: record.id, state: revision } as const;
      const context = { actor: request.actor, expectation };
      const document = { lists: [withException(record, name)] };
      newest = (await controlPlane.store.applyDocument(document, context)).revision;
    }
  } catch (error) {
    // Those before it are written, and nobody else would publish them.
    if (newest > 0) await publishWritten(newest, controlPlane, request, false);
    throw error;
  }
  return newest;
}

function withException(record: StoredList['record'], name: string): object {
  return { ...record, except: [...(record.except ?? []), name] };
}

function toAnswer({ createdAt, answeredAt, ...appeal }: StoredAppeal) {
  return {
    ...appeal,
    createdAt: secondText(createdAt),
    answeredAt: answeredAt === null ? null : secondText(answeredAt),
  };
}
