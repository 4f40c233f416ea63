/**
 * What all writing routes share: who writes, under which condition, and when the answer goes out.
 * `?wait=true` answers when the change is in force on all workers; without it, when it is saved.
 */

import { createHash } from 'node:crypto';
import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { AppError, messageOf } from '../lib/errors.ts';
import type { ResourceKind } from '../store/document.ts';
import type { Expectation } from '../store/expectation.ts';
import type { ApplyResult } from '../store/document-writer.ts';
import type { WriteContext } from '../store/write-context.ts';
import type { ControlPlane } from '../supervisor/control-plane-contract.ts';

export const WaitSchema = Type.Object(
  {
    wait: Type.Optional(
      Type.Boolean({ description: 'answer when the change is in force on all workers' }),
    ),
  },
  { additionalProperties: false },
);

const counts = Type.Object({
  create: Type.Integer(),
  update: Type.Integer(),
  delete: Type.Integer(),
});

/** What an answer says of a resource beside it; a body may hold it as it was read. */
export const revisionField = {
  revision: Type.Integer({ readOnly: true, description: 'of its last change; the ETag' }),
};

/** What every answer to a write of policy holds. */
export const written = {
  revision: Type.Integer({ description: 'the revision that holds the change' }),
  isInForce: Type.Boolean({ description: 'true: on all workers; false: saved, being published' }),
};

export const ReceiptSchema = Type.Object({
  ...written,
  counts: Type.Object({
    category: counts,
    list: counts,
    service: counts,
    plan: counts,
    subscriber: counts,
  }),
  changes: Type.Array(
    Type.Object({
      kind: Type.String(),
      id: Type.String(),
      action: Type.Enum(['create', 'update', 'delete']),
      before: Type.Unknown(),
      after: Type.Unknown(),
    }),
    { description: 'the first thousand' },
  ),
  held: Type.Array(
    Type.Object({
      list: Type.String(),
      version: Type.Union([Type.Integer(), Type.Null()], { description: 'null: a dry run' }),
      reasons: Type.Array(Type.String()),
    }),
    { description: 'lists that keep what they have: their new content waits for somebody' },
  ),
});

export interface Receipt extends Pick<ApplyResult, 'revision' | 'counts' | 'changes' | 'held'> {
  readonly isInForce: boolean;
}

const KEY_PATTERN = /^[\x21-\x7e]{1,255}$/;

/**
 * Reads actor, If-Match, If-None-Match and Idempotency-Key.
 * @param resource what a precondition is about; null where the route is not about a single one
 */
export function writeContextOf(
  request: FastifyRequest,
  resource: { readonly kind: ResourceKind; readonly id: string } | null = null,
): WriteContext {
  if (resource === null) refusePreconditions(request);
  return {
    actor: request.actor,
    expectation: resource === null ? undefined : expectationOf(request, resource),
    idempotency: idempotencyOf(request),
  };
}

/**
 * For writes that may be repeated as they are: a key for that is checked and then not needed.
 * @throws AppError `REQUEST_INVALID`
 */
export function checkWriteHeaders(request: FastifyRequest): void {
  refusePreconditions(request);
  keyOf(request);
}

/** Publishes what was written and makes the answer. */
export async function receiptOf(
  result: ApplyResult,
  controlPlane: ControlPlane,
  request: FastifyRequest,
  isWaiting: boolean,
): Promise<Receipt> {
  const { revision, counts, changes, held } = result;
  const isInForce = await publishWritten(revision, controlPlane, request, isWaiting);
  return { revision, counts, changes, held, isInForce };
}

/** @returns whether the revision is in force; false while it is being published */
export async function publishWritten(
  revision: number,
  controlPlane: ControlPlane,
  request: FastifyRequest,
  isWaiting: boolean,
): Promise<boolean> {
  if (controlPlane.status().revisionInForce >= revision) return true;
  const published = controlPlane.publish();
  if (!isWaiting) {
    published.catch((error: unknown) => {
      request.log.error({ err: error, revision }, 'publishing a written revision failed');
    });
    return false;
  }
  try {
    await published;
    return true;
  } catch (error) {
    throw new AppError(
      'PUBLISH_FAILED',
      `Revision ${revision} is saved but not in force, the old state stays: ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** A condition that nobody looks at must not seem to be met. */
function refusePreconditions(request: FastifyRequest): void {
  for (const header of ['If-Match', 'If-None-Match']) {
    if (request.headers[header.toLowerCase()] === undefined) continue;
    throw new AppError('REQUEST_INVALID', `${header} is not for this route`);
  }
}

function expectationOf(
  request: FastifyRequest,
  resource: { readonly kind: ResourceKind; readonly id: string },
): Expectation | undefined {
  const ifMatch = request.headers['if-match'];
  if (request.headers['if-none-match'] === '*') return { ...resource, state: 'absent' };
  if (ifMatch === undefined) return undefined;
  if (ifMatch === '*') return { ...resource, state: 'present' };
  const revision = /^"(\d{1,15})"$/.exec(ifMatch)?.[1];
  if (revision === undefined) {
    throw new AppError(
      'PRECONDITION_FAILED',
      `If-Match: ${ifMatch} is no ETag of this server; valid: such as "12", or *`,
    );
  }
  return { ...resource, state: Number(revision) };
}

/** Of what the write does: not whether the answer waits. */
function idempotencyOf(request: FastifyRequest): WriteContext['idempotency'] {
  const key = keyOf(request);
  if (key === undefined) return undefined;
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  searchParams.delete('wait');
  const write = [request.method, `${pathname}?${searchParams.toString()}`, request.body ?? null];
  const digest = createHash('sha256').update(JSON.stringify(write)).digest('hex');
  return { key: `${request.actor} ${key}`, digest };
}

function keyOf(request: FastifyRequest): string | undefined {
  const key = request.headers['idempotency-key'];
  if (key === undefined || (typeof key === 'string' && KEY_PATTERN.test(key))) return key;
  throw new AppError(
    'REQUEST_INVALID',
    'Idempotency-Key: valid are 1 to 255 printable characters without spaces',
  );
}
