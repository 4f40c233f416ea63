/**
 * Contents of lists, named by their SHA-256. An upload streams to the disk and is checked against
 * its name, so repeating it is harmless and a cut one is never taken; a list comes to be only when a
 * document names the content, and only then the content is given out again.
 */

import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import { Type } from 'typebox';
import { SHA256_PATTERN } from '../../store/document.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';

const ParamsSchema = Type.Object({
  sha256: Type.String({ pattern: SHA256_PATTERN, description: '64 hexadecimal digits' }),
});

const tags = ['lists'];
const PATH = '/api/v1/list-contents/:sha256';

/** Registered in a scope of its own: here, and only here, bodies are streams of any type. */
export function addListContentRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const { contents, listVersions } = controlPlane.store;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, payload, done) => {
    done(null, payload);
  });
  app.put(
    PATH,
    {
      schema: {
        tags,
        consumes: ['application/octet-stream'],
        params: ParamsSchema,
        response: { 200: Type.Object({ sha256: Type.String(), octets: Type.Integer() }) },
      },
      config: { access: 'editor' },
    },
    // A request without a body has no stream.
    async ({ params, body }) =>
      contents.receive(params.sha256, body instanceof Readable ? body : Readable.from([])),
  );
  app.get(
    PATH,
    { schema: { tags, params: ParamsSchema }, config: { access: 'reader' } },
    async (request, reply) => {
      const { sha256 } = request.params;
      await listVersions.requireReadable(sha256);
      return reply
        .header('content-type', 'application/octet-stream')
        .header('content-disposition', `attachment; filename="${sha256}.txt"`)
        .send(createReadStream(contents.pathOf(sha256)));
    },
  );
}
