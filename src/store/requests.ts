/**
 * "The child asks, a parent answers": a request for a name, a category, a service or the internet, and
 * its one answer: for a time (a grant), always (a setting of the profile), or no.
 */

import { sql } from 'kysely';
import { type Static, Type } from 'typebox';
import { AppError } from '../lib/errors.ts';
import { throwFaults } from './changes.ts';
import { checkTarget, drawId, endFields, findOwner, type Moment, ownerFields } from './grants.ts';
import { humanLines, humanText } from './human-text.ts';
import { readProfileNumbers } from './profile-owners.ts';
import { quote } from '../lib/quote.ts';
import type { Db, RequestState } from './schema.ts';
import { canonicalTargetRecord, targetFields, type TargetRecord } from './targets.ts';

/** Of one household: more than a parent reads. */
const OPEN_MAX = 50;
/** Of one profile, so that the other children can ask too; of those that name none, the same. */
const OPEN_PER_PROFILE_MAX = 20;

export const RequestSchema = Type.Object(
  {
    ...ownerFields,
    ...targetFields,
    message: Type.Optional(humanLines({ maxLength: 500, description: 'in the child’s words' })),
  },
  { additionalProperties: false },
);

export const REQUEST_ANSWERS = ['approve', 'always', 'deny'] as const;

export const AnswerSchema = Type.Object(
  {
    answer: Type.Enum([...REQUEST_ANSWERS]),
    ...endFields,
    why: Type.Optional(humanText({ maxLength: 200 })),
  },
  { additionalProperties: false, description: 'approve needs an end' },
);

export type RequestDocument = Static<typeof RequestSchema>;
export type AnswerDocument = Static<typeof AnswerSchema>;

/** Times are seconds since the Unix epoch. */
export interface StoredRequest extends TargetRecord {
  readonly id: string;
  readonly subscriber: string;
  readonly profile: string | null;
  readonly message: string;
  readonly createdAt: number;
  readonly state: RequestState;
  readonly answeredBy: string | null;
  readonly answeredAt: number | null;
  /** Of an approval for a time. */
  readonly grant: string | null;
}

/**
 * Asking again for what is asked already gives the request that is open.
 * @throws AppError `RESOURCE_UNKNOWN`, `DOCUMENT_INVALID` with every fault
 */
export async function insertRequest(
  tx: Db,
  document: RequestDocument,
  nowSeconds: number,
): Promise<{ readonly request: StoredRequest; readonly isNew: boolean }> {
  const owner = await findOwner(tx, document);
  const faults: string[] = [];
  const target = canonicalTargetRecord(document, faults);
  checkTarget(target, owner, faults);
  throwFaults(faults);
  const open = await readRequests(tx, { subscriber: owner.record.id, state: 'open' });
  const same = open.find((request) => {
    const isSameTarget = request.target === target.target;
    const isSameNames = JSON.stringify(request.names) === JSON.stringify(target.names);
    return request.profile === owner.profile && isSameTarget && isSameNames;
  });
  if (same !== undefined) return { request: same, isNew: false };
  const own = open.filter((request) => request.profile === owner.profile);
  if (own.length >= OPEN_PER_PROFILE_MAX) {
    const whose = owner.profile === null ? 'of no profile' : `of profile ${quote(owner.profile)}`;
    throwFaults([
      `profile: ${OPEN_PER_PROFILE_MAX} requests ${whose} are open; valid: once some are answered`,
    ]);
  }
  if (open.length >= OPEN_MAX) {
    throwFaults([
      `subscriber: ${OPEN_MAX} requests of the household are open; valid: once some are answered`,
    ]);
  }
  const { number, profileNumber, record, profile } = owner;
  const [id, message] = [drawId(), document.message ?? ''];
  await tx
    .insertInto('requests')
    .values({
      id,
      subscriber: number,
      profile: profileNumber,
      target: JSON.stringify(target),
      message,
      created_at: nowSeconds,
      state: 'open',
    })
    .execute();
  const unanswered = { state: 'open', answeredBy: null, answeredAt: null, grant: null } as const;
  const asked = { id, subscriber: record.id, profile, ...target, message, createdAt: nowSeconds };
  return { request: { ...asked, ...unanswered }, isNew: true };
}

export interface RequestFilter {
  readonly id?: string;
  readonly subscriber?: string;
  readonly state?: RequestState;
}

/** The newest first. */
export async function readRequests(db: Db, filter: RequestFilter): Promise<StoredRequest[]> {
  let query = db
    .selectFrom('requests')
    .innerJoin('subscribers', 'subscribers.number', 'requests.subscriber')
    .leftJoin('profiles', 'profiles.number', 'requests.profile')
    .selectAll('requests')
    .select(['subscribers.id as subscriberId', 'profiles.id as profileId'])
    .orderBy('requests.created_at', 'desc')
    .orderBy('requests.id');
  if (filter.id !== undefined) query = query.where('requests.id', '=', filter.id);
  if (filter.subscriber !== undefined)
    query = query.where('subscribers.id', '=', filter.subscriber);
  if (filter.state !== undefined) query = query.where('requests.state', '=', filter.state);
  const rows = await query.execute();
  return rows.map((row) => ({
    id: row.id,
    subscriber: row.subscriberId,
    profile: row.profileId,
    ...(JSON.parse(row.target) as TargetRecord),
    message: row.message,
    createdAt: row.created_at,
    state: row.state,
    answeredBy: row.answered_by,
    answeredAt: row.answered_at,
    grant: row.grant_id,
  }));
}

/** @throws AppError `RESOURCE_UNKNOWN`, `REQUEST_ANSWERED` */
export async function findOpenRequest(tx: Db, id: string): Promise<StoredRequest> {
  const [request] = await readRequests(tx, { id });
  if (request === undefined) throw new AppError('RESOURCE_UNKNOWN', `There is no request "${id}"`);
  if (request.state !== 'open') {
    throw new AppError(
      'REQUEST_ANSWERED',
      `Answering request "${id}": ${request.answeredBy ?? 'somebody'} has ${request.state} it already`,
    );
  }
  return request;
}

export interface RemovedRows {
  readonly before: number;
  readonly after: number;
}

/** Of a household, or of one of its profiles alone. The audit log keeps that something was asked for. */
export async function removeRequests(
  tx: Db,
  subscriber: string,
  profile: string | null,
): Promise<RemovedRows> {
  const numbers = await readProfileNumbers(tx, subscriber);
  const [column, number] =
    profile === null
      ? (['subscriber', numbers.get(null)] as const)
      : (['profile', numbers.get(profile)] as const);
  const count = async (): Promise<number> => {
    const { rows } = await tx
      .selectFrom('requests')
      .select((eb) => eb.fn.countAll<number>().as('rows'))
      .where(column, '=', number ?? -1)
      .executeTakeFirstOrThrow();
    return rows;
  };
  const before = await count();
  // The first answer, kept for whoever repeats a request, holds the words of the child as well.
  await tx
    .deleteFrom('idempotency')
    .where((where) =>
      where.exists(
        where
          .selectFrom('requests')
          .select('requests.id')
          .where(`requests.${column}`, '=', number ?? -1)
          .where(sql<boolean>`instr(idempotency.response, requests.id) > 0`),
      ),
    )
    .execute();
  await tx
    .deleteFrom('requests')
    .where(column, '=', number ?? -1)
    .execute();
  return { before, after: await count() };
}

/** As it is audited: what a child wrote can be deleted, a row of the audit log cannot. */
export function auditedRequest(request: StoredRequest): Omit<StoredRequest, 'message'> {
  return { ...request, message: undefined } as Omit<StoredRequest, 'message'>;
}

export async function closeRequest(
  tx: Db,
  request: StoredRequest,
  state: 'approved' | 'denied',
  grant: string | null,
  { who, nowSeconds }: Moment,
): Promise<StoredRequest> {
  await tx
    .updateTable('requests')
    .set({ state, answered_by: who, answered_at: nowSeconds, grant_id: grant })
    .where('id', '=', request.id)
    .execute();
  return { ...request, state, answeredBy: who, answeredAt: nowSeconds, grant };
}
