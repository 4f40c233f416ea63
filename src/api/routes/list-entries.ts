/** Entries of own lists: each edit is a new version, which the gate may hold as any other. */

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { CategorySchema } from '../../store/document.ts';
import { type EntryEdit, EntrySchema, LIST_ENTRIES_MAX } from '../../store/list-entries.ts';
import type { ListEntry } from '../../store/own-content.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { checkListRole } from '../list-role.ts';
import { PAGE_ITEMS, pageOf, PageQuerySchema, toPage } from '../paging.ts';
import { parseSecond, secondText } from '../timestamp.ts';
import { publishWritten, WaitSchema, writeContextOf, written } from '../write-request.ts';

/** As many entries as a list may have, with a comment of a hundred characters each. */
const EDIT_BYTES_MAX = 16 * 1024 * 1024;

const { name, comment } = EntrySchema.properties;

const ItemSchema = Type.Object({
  name: Type.String(),
  comment: Type.String(),
  until: Type.Union([Type.String(), Type.Null()], { description: 'RFC 3339; null: it stays' }),
  addedBy: Type.String(),
  addedAt: Type.String(),
});

const EditSchema = Type.Object(
  {
    add: Type.Optional(
      Type.Array(
        Type.Object(
          {
            name,
            comment,
            until: Type.Optional(
              Type.String({ maxLength: 40, description: 'RFC 3339; it leaves the list by itself' }),
            ),
          },
          { additionalProperties: false },
        ),
        {
          maxItems: LIST_ENTRIES_MAX,
          description: 'those that are there already become as they are here',
        },
      ),
    ),
    remove: Type.Optional(
      Type.Array(name, { maxItems: LIST_ENTRIES_MAX, description: 'names that are there' }),
    ),
    replace: Type.Optional(Type.Boolean({ description: 'also remove what "add" does not name' })),
  },
  { additionalProperties: false },
);

const EditedSchema = Type.Object({
  outcome: Type.Enum(['unchanged', 'in-force', 'held', 'refused']),
  version: Type.Union([Type.Integer(), Type.Null()]),
  reasons: Type.Array(Type.String(), { description: 'why it is held, or left out' }),
  popular: Type.Array(Type.String(), {
    description: 'well-known names that what came into force newly blocks',
  }),
  ...written,
});

const ListParams = Type.Object({ id: CategorySchema.properties.id });
const EntryParams = Type.Object({ ...ListParams.properties, name });

const tags = ['lists'];
const PATH = '/api/v1/lists/:id/entries';
const config = { access: 'editor' } as const;

export function addListEntryRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const { ownLists } = controlPlane.store;
  app.get(
    PATH,
    {
      schema: {
        tags,
        description: 'Of the newest version that nobody rejected, ordered by name.',
        params: ListParams,
        querystring: PageQuerySchema,
        response: { 200: pageOf(ItemSchema) },
      },
      config: { access: 'reader' },
    },
    async ({ params, query: { limit = PAGE_ITEMS, after = '' } }) => {
      const items = await ownLists.entryPage({ list: params.id, after, limit });
      return toPage(items.map(toAnswer), limit, (item) => item.name);
    },
  );
  app.post(
    PATH,
    {
      bodyLimit: EDIT_BYTES_MAX,
      schema: {
        tags,
        description: 'Adds and removes entries at once: all of them, or none.',
        params: ListParams,
        querystring: WaitSchema,
        body: EditSchema,
        response: { 200: EditedSchema },
      },
      config,
    },
    (request) => {
      const { add = [], remove = [], replace = false } = request.body;
      const edit = {
        add: add.map(({ until, ...entry }, index) => ({
          ...entry,
          ...(until === undefined ? {} : { expiresAt: parseSecond(`add[${index}].until`, until) }),
        })),
        remove,
        isReplacing: replace,
      };
      return editEntries(controlPlane, request, request.params.id, edit, request.query.wait);
    },
  );
  app.delete(
    `${PATH}/:name`,
    {
      schema: {
        tags,
        params: EntryParams,
        querystring: WaitSchema,
        response: { 200: EditedSchema },
      },
      config,
    },
    (request) => {
      const { id, name: removed } = request.params;
      return editEntries(controlPlane, request, id, { remove: [removed] }, request.query.wait);
    },
  );
}

async function editEntries(
  controlPlane: ControlPlane,
  request: FastifyRequest,
  id: string,
  edit: EntryEdit,
  isWaiting = false,
) {
  await checkListRole(request, controlPlane, id);
  const context = writeContextOf(request, { kind: 'list', id });
  const proposal = await controlPlane.store.ownLists.editEntries(context, id, edit);
  const { outcome, version, reasons, popular, revision } = proposal;
  const isInForce = await publishWritten(revision, controlPlane, request, isWaiting);
  return { outcome, version, reasons, popular, revision, isInForce };
}

function toAnswer({ expiresAt, addedAt, ...entry }: ListEntry) {
  return {
    ...entry,
    until: expiresAt === null ? null : secondText(expiresAt),
    addedAt: secondText(addedAt),
  };
}
