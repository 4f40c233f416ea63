/**
 * Answers of writes that carried an `Idempotency-Key`, kept for a day in the transaction of the
 * write itself: a repeated request gets the first answer and does nothing, also after a crash.
 */

import { AppError } from '../lib/errors.ts';
import type { Db } from './schema.ts';

const KEPT_SECONDS = 86_400;

export interface IdempotencyKey {
  readonly key: string;
  /** SHA-256 of method, path and body, without what does not change the write. */
  readonly digest: string;
}

/** @returns the first answer as JSON, or null where the key is new */
export async function findAnswer(tx: Db, asked: IdempotencyKey): Promise<string | null> {
  const row = await tx
    .selectFrom('idempotency')
    .select(['digest', 'response'])
    .where('key', '=', asked.key)
    .executeTakeFirst();
  if (row === undefined) return null;
  if (row.digest === asked.digest) return row.response;
  throw new AppError(
    'IDEMPOTENCY_KEY_REUSED',
    'The Idempotency-Key was used for another request; take a new one',
  );
}

export async function saveAnswer(
  tx: Db,
  asked: IdempotencyKey,
  response: string,
  nowSeconds: number,
): Promise<void> {
  await tx
    .deleteFrom('idempotency')
    .where('created_at', '<', nowSeconds - KEPT_SECONDS)
    .execute();
  await tx
    .insertInto('idempotency')
    .values({ key: asked.key, digest: asked.digest, response, created_at: nowSeconds })
    .onConflict((conflict) => conflict.column('key').doNothing())
    .execute();
}
