/** Whether the process lives, whether it may be given queries, and its figures. */

import { Type } from 'typebox';
import { AppError } from '../../lib/errors.ts';
import type { MetricsPage } from '../../metrics/metrics-page.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';

const StateSchema = Type.Object({ status: Type.String() });

export function addHealthRoutes(
  app: ApiInstance,
  controlPlane: ControlPlane,
  metrics: MetricsPage,
): void {
  const schema = { tags: ['health'], response: { 200: StateSchema } };
  app.get('/healthz', { schema, config: { access: 'public' } }, () => ({ status: 'ok' }));
  app.get('/readyz', { schema, config: { access: 'public' } }, () => {
    const { isReady, notReadyReason } = controlPlane.status();
    if (isReady) return { status: 'ready' };
    throw new AppError('NOT_READY', notReadyReason ?? 'The server is not ready.');
  });
  app.get(
    '/metrics',
    { schema: { tags: ['health'] }, config: { access: 'loopback' } },
    async (_request, reply) => {
      const page = await metrics.render(controlPlane.metricSamples());
      return reply.header('content-type', metrics.contentType).send(page);
    },
  );
}
