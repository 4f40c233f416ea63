/** The audit log, newest first, and whether its chain is whole. */

import { Type } from 'typebox';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { PAGE_ITEMS, pageOf, PageQuerySchema, parseCursor, toPage } from '../paging.ts';

const EntrySchema = Type.Object({
  sequence: Type.Integer(),
  revision: Type.Integer(),
  at: Type.String(),
  actor: Type.String(),
  action: Type.String(),
  kind: Type.String(),
  resource: Type.String(),
  before: Type.Unknown(),
  after: Type.Unknown(),
  previousHash: Type.String(),
  hash: Type.String(),
});

const VerdictSchema = Type.Object({
  isIntact: Type.Boolean(),
  rows: Type.Integer(),
  head: Type.String({ description: 'the newest hash, to be noted elsewhere' }),
  fault: Type.Union([Type.String(), Type.Null()]),
});

const tags = ['audit'];

export function addAuditRoutes(app: ApiInstance, controlPlane: ControlPlane): void {
  const { store } = controlPlane;
  app.get(
    '/api/v1/audit',
    {
      schema: { tags, querystring: PageQuerySchema, response: { 200: pageOf(EntrySchema) } },
      config: { access: 'operator' },
    },
    async (request) => {
      const { limit = PAGE_ITEMS, after } = request.query;
      const before = after === undefined ? null : parseCursor(after);
      const rows = await store.auditPage({ before, limit });
      const items = rows.map(({ previous_hash: previousHash, ...row }) => ({
        ...row,
        before: parseOrNull(row.before),
        after: parseOrNull(row.after),
        previousHash,
      }));
      return toPage(items, limit, (row) => String(row.sequence));
    },
  );
  app.get(
    '/api/v1/audit/verify',
    { schema: { tags, response: { 200: VerdictSchema } }, config: { access: 'operator' } },
    () => store.verifyAudit(),
  );
}

function parseOrNull(text: string | null): unknown {
  return text === null ? null : (JSON.parse(text) as unknown);
}
