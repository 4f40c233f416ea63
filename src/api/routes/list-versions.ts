/**
 * Versions of lists: what each brought, what waits and why, and the decisions of an editor: approve,
 * reject, go back.
 */

import { Type } from 'typebox';
import { CategorySchema, SHA256_PATTERN } from '../../store/document.ts';
import { countNames } from '../../store/list-report.ts';
import type { ListVersion } from '../../store/list-version-rows.ts';
import type { VersionPlace, VersionResult } from '../../store/list-versions.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { checkListRole } from '../list-role.ts';
import { pageOf, PageQuerySchema, sliceAfter } from '../paging.ts';
import { publishWritten, WaitSchema, writeContextOf, written } from '../write-request.ts';

const textOrNull = Type.Union([Type.String(), Type.Null()]);
const version = Type.Integer({ minimum: 1, maximum: 1_000_000_000 });
const people = Type.Array(Type.String({ description: 'id of a token' }));
const count = Type.Integer();

const versionFields = {
  list: Type.String(),
  version,
  state: Type.Enum(['in-force', 'held', 'rejected', 'past', 'replaced']),
  contentSha256: Type.String({ pattern: `${SHA256_PATTERN}|^$`, description: 'empty: no entries' }),
  format: Type.String(),
  entries: Type.Integer({ description: 'distinct names' }),
  scope: Type.Object(
    {
      category: Type.String(),
      subdomains: Type.Union([Type.Boolean(), Type.Null()], {
        description: 'null: as the format does',
      }),
      except: Type.Array(Type.String()),
    },
    { description: 'what the list is, or becomes, with it' },
  ),
  source: Type.String({ description: 'where it came from' }),
  actor: Type.String(),
  authors: people,
  approvers: people,
  reasons: Type.Array(Type.String(), { description: 'why the gate holds it, or held it' }),
  createdAt: Type.String({ description: 'RFC 3339, as the others' }),
  installedAt: Type.Union([Type.String(), Type.Null()], {
    description: 'when it last came into force; null: never',
  }),
  decidedBy: textOrNull,
  decidedAt: textOrNull,
};

const VersionSchema = Type.Object(versionFields);

const sample = Type.Object(
  { count, names: Type.Array(Type.String()) },
  { description: 'how many, and the first thousand' },
);

const FullVersionSchema = Type.Object({
  ...versionFields,
  report: Type.Unknown({ description: 'what was found in the content' }),
  findings: Type.Union(
    [
      Type.Object({
        entriesBefore: count,
        entries: count,
        newlyBlocked: sample,
        newlyOpened: sample,
        popular: Type.Array(Type.Unknown()),
        neverListable: Type.Array(Type.Unknown()),
      }),
      Type.Null(),
    ],
    {
      description:
        'against the version that was in force then, of a first one against nothing; null: not compared',
    },
  ),
});

const DecidedSchema = Type.Object({ ...versionFields, ...written });

const ListParams = Type.Object({ id: CategorySchema.properties.id });
const VersionParams = Type.Object({ ...ListParams.properties, version });

const VersionsQuerySchema = Type.Object(
  { ...PageQuerySchema.properties, state: Type.Optional(versionFields.state) },
  { additionalProperties: false },
);

const ApprovalSchema = Type.Object(
  {
    always: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 1_000 }), {
        maxItems: 1_000,
        description: 'well-known names of it that shall hold no later update of this list',
      }),
    ),
  },
  { additionalProperties: false },
);

const RollbackSchema = Type.Object(
  { version: Type.Optional({ ...version, description: 'left out: the one before' }) },
  { additionalProperties: false },
);

const DiffQuerySchema = Type.Object(
  { from: version, to: version },
  { additionalProperties: false },
);

const DiffSchema = Type.Object({
  from: version,
  to: version,
  entriesBefore: count,
  entries: count,
  newlyBlocked: sample,
  newlyOpened: sample,
});

const ApprovedNameSchema = Type.Object({
  name: Type.String(),
  actor: Type.String(),
  at: Type.String(),
});

const tags = ['lists'];
const PATH = '/api/v1/lists/:id';

export function addListVersionRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  addReadingRoutes(app, controlPlane);
  addDecidingRoutes(app, controlPlane);
  addApprovedNameRoutes(app, controlPlane);
}

function addReadingRoutes(app: ApiInstance, { store }: ControlPlane): void {
  const { listVersions } = store;
  const config = { access: 'reader' } as const;
  app.get(
    '/api/v1/list-versions',
    {
      schema: {
        tags,
        description: 'Versions of all lists; ?state=held gives what waits for somebody.',
        querystring: VersionsQuerySchema,
        response: { 200: pageOf(VersionSchema) },
      },
      config,
    },
    async ({ query: { state, ...page } }) =>
      pageOfVersions(await listVersions.versions(state === undefined ? {} : { state }), page),
  );
  app.get(
    `${PATH}/versions`,
    {
      schema: {
        tags,
        description: 'The versions that are kept, the newest first.',
        params: ListParams,
        querystring: VersionsQuerySchema,
        response: { 200: pageOf(VersionSchema) },
      },
      config,
    },
    async ({ params: { id }, query: { state, ...page } }) => {
      const filter = { list: id, ...(state === undefined ? {} : { state }) };
      await listVersions.requireList(id);
      return pageOfVersions(await listVersions.versions(filter), page);
    },
  );
  app.get(
    `${PATH}/versions/:version`,
    {
      schema: { tags, params: VersionParams, response: { 200: FullVersionSchema } },
      config,
    },
    async ({ params }) => {
      const found = await listVersions.version({ list: params.id, version: params.version });
      return { ...toAnswer(found), report: found.report, findings: found.findings };
    },
  );
  app.get(
    `${PATH}/diff`,
    {
      schema: {
        tags,
        description: 'What version "to" blocks and "from" does not, and the other way round.',
        params: ListParams,
        querystring: DiffQuerySchema,
        response: { 200: DiffSchema },
      },
      config,
    },
    ({ params, query }) => listVersions.diff(params.id, query.from, query.to),
  );
}

/** Lists of `protected` and of categories of class law need the role operator. */
function addDecidingRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const { listVersions } = controlPlane.store;
  const config = { access: 'editor' } as const;
  const shared = { tags, querystring: WaitSchema, response: { 200: DecidedSchema } };
  const categoryOf = async (place: VersionPlace): Promise<string> =>
    (await listVersions.version(place)).scope.category;
  const answer = async (
    { version: decided, revision }: VersionResult,
    request: Parameters<typeof publishWritten>[2],
    isWaiting: boolean,
  ) => ({
    ...toAnswer(decided),
    revision,
    isInForce: await publishWritten(revision, controlPlane, request, isWaiting),
  });
  app.post(
    `${PATH}/versions/:version/approve`,
    {
      schema: {
        ...shared,
        description:
          'Lets a held or rejected version through. It stays held where another person has to approve it too.',
        params: VersionParams,
        body: ApprovalSchema,
      },
      config,
    },
    async (request) => {
      const { id, version: number } = request.params;
      const place = { list: id, version: number };
      await checkListRole(request, controlPlane, id, await categoryOf(place));
      const context = writeContextOf(request, { kind: 'list', id });
      const result = await listVersions.approve(context, place, request.body.always ?? []);
      return answer(result, request, request.query.wait === true);
    },
  );
  app.post(
    `${PATH}/versions/:version/reject`,
    {
      schema: {
        ...shared,
        description: 'The list keeps what it has; the same content is not proposed again.',
        params: VersionParams,
      },
      config,
    },
    async (request) => {
      const { id, version: number } = request.params;
      await checkListRole(request, controlPlane, id);
      const context = writeContextOf(request, { kind: 'list', id });
      const result = await listVersions.reject(context, { list: id, version: number });
      return answer(result, request, request.query.wait === true);
    },
  );
  app.post(
    `${PATH}/rollback`,
    {
      schema: {
        ...shared,
        description:
          'Puts a version that was in force back into force. The one that it replaces counts as rejected, so that its source does not bring it back.',
        params: ListParams,
        body: RollbackSchema,
      },
      config,
    },
    async (request) => {
      const { id } = request.params;
      const past = await listVersions.versions({ list: id });
      for (const one of past.filter(({ installedAt }) => installedAt !== null)) {
        await checkListRole(request, controlPlane, id, one.scope.category);
      }
      const context = writeContextOf(request, { kind: 'list', id });
      const target = { list: id, version: request.body.version ?? null };
      const result = await listVersions.rollback(context, target);
      return answer(result, request, request.query.wait === true);
    },
  );
}

function addApprovedNameRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const { listVersions } = controlPlane.store;
  app.get(
    `${PATH}/approved-names`,
    {
      schema: {
        tags,
        description: 'Well-known names that somebody has approved for good for this list.',
        params: ListParams,
        querystring: PageQuerySchema,
        response: { 200: pageOf(ApprovedNameSchema) },
      },
      config: { access: 'reader' },
    },
    async ({ params: { id }, query }) => {
      await listVersions.requireList(id);
      const names = await listVersions.approvedNames(id);
      const page = sliceAfter(
        names.map((one) => ({ id: one.name, one })),
        query,
      );
      return { ...page, items: page.items.map(({ one }) => one) };
    },
  );
  app.delete(
    `${PATH}/approved-names/:name`,
    {
      schema: {
        tags,
        description: 'The gate holds updates for the name again.',
        params: Type.Object({ ...ListParams.properties, name: Type.String({ maxLength: 1_000 }) }),
        response: { 200: Type.Object({ revision: Type.Integer() }) },
      },
      config: { access: 'editor' },
    },
    async (request) => {
      const { id, name } = request.params;
      await checkListRole(request, controlPlane, id);
      const context = writeContextOf(request, { kind: 'list', id });
      return listVersions.forgetApprovedName(context, id, name);
    },
  );
}

function pageOfVersions(
  versions: readonly ListVersion[],
  query: { readonly limit?: number; readonly after?: string },
) {
  const items = versions.map((one) => ({ id: `${one.list}/${one.version}`, one }));
  const page = sliceAfter(items, query);
  return { ...page, items: page.items.map(({ one }) => toAnswer(one)) };
}

/** Without the names, of which there may be thousands. */
function toAnswer(one: ListVersion) {
  return {
    list: one.list,
    version: one.version,
    state: one.state,
    contentSha256: one.contentSha256,
    format: one.format,
    entries: countNames(one.report),
    scope: one.scope,
    source: one.source,
    actor: one.actor,
    authors: one.authors,
    approvers: one.approvers,
    reasons: one.reasons,
    createdAt: one.createdAt,
    installedAt: one.installedAt,
    decidedBy: one.decidedBy,
    decidedAt: one.decidedAt,
  };
}
