/**
 * Updates of lists that the server fetches: how they stand, and one now. An update takes as long as its
 * source likes, so nobody waits for it on a connection: asking starts it, and the state says when it ended.
 */

import { Type } from 'typebox';
import { CategorySchema } from '../../store/document.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { checkListRole } from '../list-role.ts';
import { checkWriteHeaders } from '../write-request.ts';

const textOrNull = Type.Union([Type.String(), Type.Null()]);
const countOrNull = Type.Union([Type.Integer(), Type.Null()]);

const StateSchema = Type.Object({
  list: Type.String(),
  source: Type.String({ description: 'address without its query, or path' }),
  phase: Type.Enum(['idle', 'waiting', 'fetching', 'looking', 'publishing']),
  run: Type.Integer({ description: 'updates that have ended since the server started' }),
  progress: Type.Union([
    Type.Object({
      startedAt: Type.String({ description: 'RFC 3339, as the others' }),
      octets: Type.Integer({ description: 'as they come over the network' }),
      octetsTotal: countOrNull,
      unpackedOctets: Type.Integer(),
      lines: Type.Integer(),
      names: countOrNull,
      secondsLeft: countOrNull,
    }),
    Type.Null(),
  ]),
  checkedAt: Type.Union([Type.String(), Type.Null()], {
    description: 'when the source last had what the list has, or gave what was taken over or held',
  }),
  nextAt: textOrNull,
  failures: Type.Integer({ description: 'in a row' }),
  lastError: textOrNull,
  last: Type.Union(
    [
      Type.Object({
        at: Type.String(),
        outcome: Type.Enum(['unchanged', 'in-force', 'held', 'failed']),
        version: countOrNull,
        entries: countOrNull,
        reasons: Type.Array(Type.String()),
        popular: Type.Optional(
          Type.Array(Type.String(), {
            description: 'well-known names that what came into force newly blocks',
          }),
        ),
      }),
      Type.Null(),
    ],
    { description: 'what came of the last update; null: there was none since the server started' },
  ),
});

const ListParams = Type.Object({ id: CategorySchema.properties.id });
const tags = ['lists'];
const PATH = '/api/v1/lists/:id';

export function addListUpdateRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const { listUpdates } = controlPlane;
  app.get(
    `${PATH}/state`,
    {
      schema: { tags, params: ListParams, response: { 200: StateSchema } },
      config: { access: 'reader' },
    },
    async ({ params }) => listUpdates.state(params.id),
  );
  app.post(
    `${PATH}/update`,
    {
      schema: {
        tags,
        description:
          'Looks for a new content now. The update has ended when `run` of the state is at least that of this answer; `last` then says what came of it.',
        params: ListParams,
        response: { 202: StateSchema },
      },
      config: { access: 'editor' },
    },
    async (request, reply) => {
      const { id } = request.params;
      checkWriteHeaders(request);
      await checkListRole(request, controlPlane, id);
      return reply.code(202).send(await listUpdates.update(id, request.actor));
    },
  );
}
