/**
 * Errors as `application/problem+json` (RFC 9457): a stable `code` to program against, a `detail` for
 * people, and all single faults of a validation. What we did not foresee says no more than that.
 */

import { STATUS_CODES } from 'node:http';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { AppError } from '../lib/errors.ts';
import { RequestInvalid } from './validation.ts';

export const ProblemSchema = Type.Object(
  {
    type: Type.String(),
    title: Type.String(),
    status: Type.Integer(),
    code: Type.String({ description: 'stable; program against this one' }),
    detail: Type.String(),
    faults: Type.Optional(Type.Array(Type.String())),
  },
  { $id: 'Problem' },
);

/** Codes that are not the caller's bad input (422). */
const STATUS_OF: Readonly<Record<string, number>> = {
  UNAUTHENTICATED: 401,
  FORBIDDEN: 403,
  HOST_REFUSED: 421,
  TOO_MANY_FAILURES: 429,
  ROUTE_UNKNOWN: 404,
  RESOURCE_UNKNOWN: 404,
  TOKEN_UNKNOWN: 404,
  CONTENT_UNKNOWN: 404,
  APPEAL_ANSWERED: 409,
  APPEAL_HELD: 409,
  APPEAL_IMPOSSIBLE: 409,
  DESK_FULL: 429,
  DESK_LIMITED: 429,
  DESK_UNAVAILABLE: 503,
  CONTENT_SEALED: 403,
  RESOURCE_EXISTS: 409,
  RESOURCE_IN_USE: 409,
  VERSION_STATE: 409,
  APPROVAL_NEEDS_ANOTHER: 409,
  LIST_NOT_OWN: 409,
  LISTS_CHANGED: 409,
  REQUEST_ANSWERED: 409,
  TOKEN_EXISTS: 409,
  TOKEN_LAST_ADMIN: 409,
  TOKEN_LIMIT: 409,
  PRECONDITION_FAILED: 412,
  CONTENT_TOO_LARGE: 413,
  CONTENT_MISMATCH: 422,
  REQUEST_INVALID: 400,
  EXPLAIN_INVALID: 400,
  QUERY_LOG_RANGE: 400,
  QUERY_LOG_UNAVAILABLE: 503,
  COMPILE_FAILED: 503,
  NOT_READY: 503,
  PUBLISH_FAILED: 503,
  STOPPING: 503,
  STORE_DAMAGED: 503,
  STORE_UNWRITABLE: 507,
};

export function sendError(
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  if (error instanceof RequestInvalid) {
    return sendProblem(reply, 400, 'REQUEST_INVALID', error.message, error.faults);
  }
  if (error instanceof AppError) {
    const status = STATUS_OF[error.code] ?? 422;
    if (error.code === 'COMPILE_FAILED') request.log.error({ err: error }, 'a request failed');
    return sendProblem(reply, status, error.code, error.message, error.faults);
  }
  const status = 'statusCode' in error ? (error.statusCode ?? 500) : 500;
  if (status < 500) {
    const code = 'code' in error ? error.code.replace(/^FST_(ERR_)?/, '') : 'REQUEST_INVALID';
    return sendProblem(reply, status, code, error.message, []);
  }
  request.log.error({ err: error }, 'a request failed unexpectedly');
  const detail = 'Something went wrong here; the log says what';
  return sendProblem(reply, 500, 'UNEXPECTED', detail, []);
}

export function sendProblem(
  reply: FastifyReply,
  status: number,
  code: string,
  detail: string,
  faults: readonly string[],
): FastifyReply {
  return reply
    .code(status)
    .header('content-type', 'application/problem+json; charset=utf-8')
    .send({
      type: 'about:blank',
      title: STATUS_CODES[status] ?? 'Error',
      status,
      code,
      detail,
      ...(faults.length === 0 ? {} : { faults }),
    });
}
