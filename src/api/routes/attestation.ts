/** What a regulator reads: which version of a sealed list is in force since when, signed, and no name. */

import { Type } from 'typebox';
import { ID_PATTERN } from '../../store/document.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';

export function addAttestationRoute(app: ApiInstance, controlPlane: ControlPlane): void {
  app.get(
    '/api/v1/lists/:id/attestation',
    {
      schema: {
        tags: ['lists'],
        description:
          'Which version of a sealed list is in force on all workers since when: a statement, signed by this server.',
        params: Type.Object({ id: Type.String({ pattern: ID_PATTERN }) }),
        response: {
          200: Type.Object({
            statement: Type.String({ description: 'lines of text; these octets are signed' }),
            signature: Type.String({ description: 'Ed25519, base64' }),
            publicKey: Type.String({ description: 'PEM; compare it with the one you were given' }),
          }),
        },
      },
      config: { access: 'reader' },
    },
    ({ params }) => controlPlane.attest(params.id),
  );
}
