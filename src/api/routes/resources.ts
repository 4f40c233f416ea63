/**
 * Categories, lists, services and plans: few enough to be read whole. Writing one is applying a
 * document that names only it, so that the API and `stairgate apply` cannot differ.
 */

import { Type } from 'typebox';
import { AppError } from '../../lib/errors.ts';
import {
  CategorySchema,
  ListSchema,
  PlanSchema,
  type ResourceKind,
  SECTION_OF,
  ServiceSchema,
} from '../../store/document.ts';
import type { Stored } from '../../store/records.ts';
import type { Role } from '../../store/schema.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import { checkListSettings } from '../list-role.ts';
import { pageOf, PageQuerySchema, slicePage } from '../paging.ts';
import { asRead } from '../validation.ts';
import {
  ReceiptSchema,
  receiptOf,
  revisionField,
  WaitSchema,
  writeContextOf,
} from '../write-request.ts';
import type { ApiInstance } from '../api-instance.ts';

const readOnly = true;

/** What answers hold beside the resource. */
const ofCategory = { ...revisionField, bit: Type.Integer({ readOnly }) };

const ofList = {
  ...revisionField,
  version: Type.Union([Type.Integer(), Type.Null()], {
    readOnly,
    description: 'in force; null: none yet',
  }),
  installedAt: Type.Union([Type.String(), Type.Null()], {
    readOnly,
    description: 'when that came',
  }),
  heldVersion: Type.Union([Type.Integer(), Type.Null()], {
    readOnly,
    description: 'that waits to be approved; null: none does',
  }),
  detectedFormat: Type.String({ readOnly }),
  report: Type.Object(
    {
      octets: Type.Integer(),
      entries: Type.Integer(),
      exceptions: Type.Integer(),
      refused: Type.Record(Type.String(), Type.Integer()),
      faults: Type.Array(
        Type.Object({ line: Type.Integer(), reason: Type.String(), text: Type.String() }),
      ),
    },
    { readOnly, description: 'what was found when the content was taken over' },
  ),
};

const KINDS = {
  category: {
    body: Type.Object(
      {
        ...CategorySchema.properties,
        id: Type.Optional(CategorySchema.properties.id),
        ...asRead(ofCategory),
      },
      { additionalProperties: false },
    ),
    answer: Type.Object({ ...CategorySchema.properties, ...ofCategory }),
    role: 'operator',
    rule: 'Needs the role operator: the class of a category decides who may overrule it.',
  },
  list: {
    body: Type.Object(
      { ...ListSchema.properties, id: Type.Optional(ListSchema.properties.id), ...asRead(ofList) },
      { additionalProperties: false },
    ),
    answer: Type.Object({ ...ListSchema.properties, ...ofList }),
    role: 'editor',
    rule: 'Lists of `protected`, of categories of class law and with `approvals: 2` need the role operator, others editor.',
  },
  service: {
    body: Type.Object(
      {
        ...ServiceSchema.properties,
        id: Type.Optional(ServiceSchema.properties.id),
        ...asRead(ofCategory),
      },
      { additionalProperties: false },
    ),
    answer: Type.Object({ ...ServiceSchema.properties, ...ofCategory }),
    role: 'operator',
    rule: 'Needs the role operator. A service that ships with Stairgate and is changed or removed here stays so; updates leave it alone.',
  },
  plan: {
    body: Type.Object(
      {
        ...PlanSchema.properties,
        id: Type.Optional(PlanSchema.properties.id),
        ...asRead(revisionField),
      },
      { additionalProperties: false },
    ),
    answer: Type.Object({ ...PlanSchema.properties, ...revisionField }),
    role: 'operator',
    rule: 'Needs the role operator.',
  },
} as const;

type SmallKind = keyof typeof KINDS;

const IdParams = Type.Object({ id: CategorySchema.properties.id });

export function addResourceRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  for (const kind of ['category', 'list', 'service', 'plan'] as const) {
    addReadingRoutes(app, controlPlane, kind);
    addWritingRoutes(app, controlPlane, kind);
  }
}

function addReadingRoutes(app: ApiInstance, controlPlane: ControlPlane, kind: SmallKind): void {
  const path = `/api/v1/${SECTION_OF[kind]}`;
  const schema = {
    tags: [SECTION_OF[kind]],
    querystring: PageQuerySchema,
    response: { 200: pageOf(KINDS[kind].answer) },
  };
  app.get(path, { schema, config: { access: 'reader' } }, async (request) =>
    slicePage(await readItems(controlPlane, kind), request.query),
  );
  const oneSchema = {
    tags: [SECTION_OF[kind]],
    params: IdParams,
    response: { 200: KINDS[kind].answer },
  };
  app.get(
    `${path}/:id`,
    { schema: oneSchema, config: { access: 'reader' } },
    async (request, reply) => {
      const { id } = request.params;
      const item = (await readItems(controlPlane, kind)).find((candidate) => candidate.id === id);
      if (item === undefined) throw new AppError('RESOURCE_UNKNOWN', `There is no ${kind} "${id}"`);
      return reply.header('etag', `"${item.revision}"`).send(item);
    },
  );
}

function addWritingRoutes(app: ApiInstance, controlPlane: ControlPlane, kind: SmallKind): void {
  const path = `/api/v1/${SECTION_OF[kind]}/:id`;
  const access: Role = KINDS[kind].role;
  const shared = {
    tags: [SECTION_OF[kind]],
    description: KINDS[kind].rule,
    params: IdParams,
    querystring: WaitSchema,
  };
  const response = { 200: ReceiptSchema };
  app.put(
    path,
    { schema: { ...shared, body: KINDS[kind].body, response }, config: { access } },
    async (request) => {
      const { id } = request.params;
      const document = documentOf(kind, id, request.body);
      const category = 'category' in request.body ? request.body.category : null;
      if (kind === 'list') await checkListSettings(request, controlPlane, id, category);
      const context = writeContextOf(request, { kind, id });
      const result = await controlPlane.store.applyDocument(document, context);
      return receiptOf(result, controlPlane, request, request.query.wait === true);
    },
  );
  app.delete(path, { schema: { ...shared, response }, config: { access } }, async (request) => {
    const { id } = request.params;
    if (kind === 'list') await checkListSettings(request, controlPlane, id, null);
    const context = writeContextOf(request, { kind, id });
    const result = await controlPlane.store.remove(kind, id, context);
    return receiptOf(result, controlPlane, request, request.query.wait === true);
  });
}

/** @throws AppError `REQUEST_INVALID` where the body names another resource than the path */
export function documentOf(
  kind: ResourceKind,
  id: string,
  body: { readonly id?: string },
): Record<string, unknown> {
  if (body.id !== undefined && body.id !== id) {
    throw new AppError('REQUEST_INVALID', `The path says "${id}", the body says "${body.id}"`);
  }
  return { [SECTION_OF[kind]]: [{ ...body, id }] };
}

interface Item {
  readonly id: string;
  readonly revision: number;
}

/** Resources as the API shows them; the schema of the kind describes them. */
async function readItems(controlPlane: ControlPlane, kind: SmallKind): Promise<Item[]> {
  const { store } = controlPlane;
  if (kind === 'category') {
    return [...(await store.categories()).values()].map((one) => ({ ...flat(one), bit: one.bit }));
  }
  if (kind === 'service') {
    return [...(await store.services()).values()].map((one) => ({ ...flat(one), bit: one.bit }));
  }
  if (kind === 'plan') return [...(await store.plans()).values()].map(flat);
  return [...(await store.lists()).values()].map((one) => ({
    ...flat(one),
    version: one.version,
    installedAt: one.installedAt,
    heldVersion: one.heldVersion,
    detectedFormat: one.format,
    report: one.report,
  }));
}

function flat<Resource extends object>(stored: Stored<Resource>): Resource & { revision: number } {
  return { ...stored.record, revision: stored.revision };
}
