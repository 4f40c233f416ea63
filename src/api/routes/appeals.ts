/**
 * The editor's side of the over-blocking desk. Accepting an appeal corrects the lists that hold the name: it
 * becomes an exception of each of them (`except`), as a write of policy like any other. First the lists,
 * which go into force whatever comes then, and then the appeal: what breaks off between the two is
 * accepted again and changes nothing twice. So it needs no key against being repeated.
 */

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import type { ListEvidence } from '../../compiler/messages.ts';
import { AppError } from '../../lib/errors.ts';
import { quote } from '../../lib/quote.ts';
import type { StoredAppeal } from '../../store/appeals.ts';
import { SERVICE_PREFIX } from '../../store/canonical.ts';
import type { HeldList } from '../../store/list-changes.ts';
import { SETTINGS_SOURCE } from '../../store/list-scope.ts';
import { canonicalName, isPublicSuffix } from '../../store/rule-name.ts';
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
    name: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1_000,
        description:
          'that the lists except, with all below it: that of the appeal (default) or one above it, but no public suffix',
      }),
    ),
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

const entries = Type.Array(
  Type.Object({ list: Type.String(), line: Type.Integer(), text: Type.String() }),
  { description: 'what blocks the name: it, or a name above it' },
);

const AcceptedSchema = Type.Object({
  answered: Type.Integer({ description: 'appeals about the name, this one with them' }),
  name: Type.String({ description: 'that is excepted' }),
  lists: Type.Array(Type.String(), { description: 'that have the name as an exception now' }),
  entries,
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
  app.get(
    `${PATH}/:id`,
    {
      schema: {
        tags,
        description: 'One appeal, and what in the lists of its category blocks the name.',
        params: IdParams,
        response: { 200: Type.Object({ ...AppealSchema.properties, entries }) },
      },
      config,
    },
    async (request) => {
      const appeal = await find(request.params.id, controlPlane);
      const places = await controlPlane.findLists(appeal.name, [appeal.category]);
      return { ...toAnswer(appeal), entries: places.map(toEntry) };
    },
  );
  app.post(
    `${PATH}/:id/accept`,
    {
      schema: {
        tags,
        description:
          'Makes the name, or one above it, an exception of the lists that hold it, and answers. Where the gate holds that back, the appeal stays open until a version is approved and it is accepted again.',
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
      const name = readName(request.body.name ?? appeal.name, appeal.name);
      const places = await controlPlane.findLists(appeal.name, wanted);
      const holding = await findHolding(appeal.name, wanted, places, controlPlane, request);
      const revision = await correct(name, holding, controlPlane, request);
      const isWaiting = request.query.wait === true;
      const isInForce = await publishWritten(revision, controlPlane, request, isWaiting);
      const how = { state: 'accepted', answer: sentence } as const;
      const answered = await store.appeals.answer(appeal.id, how, { actor: request.actor });
      const lists = holding.map(({ record }) => record.id);
      const entries = places.map(toEntry);
      return { answered: answered.length, name, lists, entries, revision, isInForce };
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

/** @throws AppError `RESOURCE_UNKNOWN` */
async function find(id: string, { store }: ControlPlane): Promise<StoredAppeal> {
  const appeal = await store.appeals.find(id);
  if (appeal === null) throw new AppError('RESOURCE_UNKNOWN', `There is no appeal "${id}"`);
  return appeal;
}

/** @throws AppError `RESOURCE_UNKNOWN`, `APPEAL_ANSWERED` */
async function findOpen(id: string, controlPlane: ControlPlane): Promise<StoredAppeal> {
  const appeal = await find(id, controlPlane);
  if (appeal.state === 'open') return appeal;
  throw new AppError('APPEAL_ANSWERED', `Appeal "${id}" is ${appeal.state} already`);
}

/**
 * @throws AppError `REQUEST_INVALID` where it is neither the name of the appeal nor one above it, or is one
 *   below which anybody may register names: `org`, `co.uk`
 */
function readName(text: string, asked: string): string {
  const name = canonicalName(text);
  if (name !== null && !isPublicSuffix(name) && isAtOrBelow(asked, name)) return name;
  throw new AppError(
    'REQUEST_INVALID',
    `Accepting: name ${quote(text)} is not valid; valid, but for a public suffix such as co.uk: ${asked} or a name above it`,
  );
}

function isAtOrBelow(name: string, above: string): boolean {
  return name === above || name.endsWith(`.${above}`);
}

/**
 * The lists to be corrected; none where that was done before and only the answer is missing.
 * @throws AppError `APPEAL_IMPOSSIBLE` where no list of the categories holds the name; `FORBIDDEN`
 */
async function findHolding(
  name: string,
  categories: readonly string[],
  places: readonly ListEvidence[],
  controlPlane: ControlPlane,
  request: FastifyRequest,
): Promise<readonly StoredList[]> {
  const found = places.map(({ list }) => list);
  const stored = await controlPlane.store.lists();
  const holding = [...new Set(found)].flatMap((id) => stored.get(id) ?? []);
  const isCorrected = [...stored.values()].some(
    ({ record: { category, except = [] } }) =>
      categories.includes(category) && except.some((one) => isAtOrBelow(name, one)),
  );
  if (found.length === 0 && isCorrected) return [];
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
 * @throws AppError `PRECONDITION_FAILED` where one has changed, `APPEAL_HELD` where the gate holds one:
 *   to be accepted again
 */
async function correct(
  name: string,
  holding: readonly StoredList[],
  controlPlane: ControlPlane,
  request: FastifyRequest,
): Promise<number> {
  let newest = 0;
  const held: HeldList[] = [];
  try {
    for (const { record, revision } of holding) {
      const expectation = { kind: 'list', id: record.id, state: revision } as const;
      const context = { actor: request.actor, expectation };
      const waiting = await exceptionsThatWait(record.id, controlPlane);
      const document = { lists: [withExceptions(record, [...waiting, name])] };
      const result = await controlPlane.store.applyDocument(document, context);
      newest = result.revision;
      held.push(...result.held);
    }
    if (held.length > 0) throw isHeld(name, held);
  } catch (error) {
    // Those before it are written, and nobody else would publish them.
    if (newest > 0) await publishWritten(newest, controlPlane, request, false);
    throw error;
  }
  return holding.length === 0 ? controlPlane.store.revision : newest;
}

function isHeld(name: string, held: readonly HeldList[]): AppError {
  const which = held.map(({ list, version }) => `version ${version ?? '?'} of list "${list}"`);
  // Each correction takes up those that wait, or it would take their place.
  const others =
    'as long as it waits, other corrections of the list wait with it, and rejecting it lets them through on their own';
  return new AppError(
    'APPEAL_HELD',
    `Correcting "${name}": the gate holds it back; approve ${which.join(', ')}, then accept the appeal again; ${others}`,
    { faults: held.flatMap(({ list, reasons }) => reasons.map((reason) => `${list}: ${reason}`)) },
  );
}

function toEntry({ list, line, text }: ListEvidence) {
  return { list, line, text };
}

/** What is held of the list would be lost where this takes its place without them. */
async function exceptionsThatWait(
  list: string,
  { store }: ControlPlane,
): Promise<readonly string[]> {
  const [held] = await store.listVersions.versions({ list, state: 'held' });
  return held?.source === SETTINGS_SOURCE ? held.scope.except : [];
}

function withExceptions(record: StoredList['record'], names: readonly string[]): object {
  return { ...record, except: [...new Set([...(record.except ?? []), ...names])] };
}

function toAnswer({ createdAt, answeredAt, ...appeal }: StoredAppeal) {
  return {
    ...appeal,
    createdAt: secondText(createdAt),
    answeredAt: answeredAt === null ? null : secondText(answeredAt),
  };
}
