/** What each list is good for: an editor who knows drops the one that only costs memory and mistakes. */

import { Type } from 'typebox';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';

const UsageSchema = Type.Object({
  list: Type.String(),
  category: Type.String(),
  sealed: Type.Boolean({ description: 'true: unique, hits and overlaps say nothing' }),
  names: Type.Integer({ description: 'distinct names; those that except takes out left out' }),
  unique: Type.Integer({ description: 'of these: in no other list of the category' }),
  hits: Type.Integer({
    description:
      'about how often names that the list covers were asked for lately, blocked or not, by samples; 0: hardly ever',
  }),
  overlaps: Type.Array(Type.Object({ list: Type.String(), names: Type.Integer() }), {
    description: 'lists that write the same names, the one with the most first',
  }),
});

export function addListUsageRoute(app: ApiInstance, controlPlane: ControlPlane): void {
  app.get(
    '/api/v1/lists/usage',
    {
      schema: {
        tags: ['lists'],
        description:
          'Reads all lists, which takes some seconds for each million names; the answer is kept for a minute.',
        response: {
          200: Type.Object({
            items: Type.Array(UsageSchema),
            askedNames: Type.Integer({
              description: 'from how many names the hits were counted',
            }),
          }),
        },
      },
      config: { access: 'reader' },
    },
    async () => {
      const { lists, askedNames } = await controlPlane.listUsage();
      return { items: lists, askedNames };
    },
  );
}
