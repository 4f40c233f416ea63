/**
 * Grants and pauses: openings, and hours without internet, that end by themselves. They are no part of
 * the document of `apply`; each is audited and makes a revision, so that the policies are compiled with
 * it. The compiled policy ends it on time, whatever happens to its row.
 */

import { randomBytes } from 'node:crypto';
import { type Static, Type } from 'typebox';
import { AppError } from '../lib/errors.ts';
import { categoriesOfServices } from './category-uses.ts';
import { throwFaults } from './changes.ts';
import { ID_PATTERN, SUBSCRIBER_ID_PATTERN } from './document.ts';
import { categoryOfTarget } from './canonical-settings.ts';
import type { SubscriberRecord } from './canonical-household.ts';
import { categoryFault, type HouseholdLimits, notLeftFault } from './household-checks.ts';
import { humanText } from './human-text.ts';
import { readCategories, readPlans, readServices, readSubscribers } from './records.ts';
import { safestPlan } from './safest-plan.ts';
import { quote } from '../lib/quote.ts';
import type { Db } from './schema.ts';
import { canonicalTargetRecord, targetFields, type TargetRecord } from './targets.ts';

/** Longer than that is a setting. */
const LAST_SECONDS_MAX = 31 * 86_400;
/** Of one household at a time, grants and pauses each: no number of grants keeps a pause away. */
const RUNNING_MAX = 100;

export const ownerFields = {
  subscriber: Type.String({ pattern: SUBSCRIBER_ID_PATTERN, description: 'id of the household' }),
  profile: Type.Optional(
    Type.String({ pattern: ID_PATTERN, description: 'id; left out: the whole household' }),
  ),
};

/** One of the two. */
export const endFields = {
  until: Type.Optional(Type.Integer({ description: 'seconds since the Unix epoch' })),
  minutes: Type.Optional(Type.Integer({ minimum: 1, description: 'from now' })),
};

const why = Type.Optional(humanText({ maxLength: 200, description: 'such as homework done' }));

export const GrantSchema = Type.Object(
  { ...ownerFields, ...targetFields, ...endFields, why },
  { additionalProperties: false },
);

export const PauseSchema = Type.Object(
  { ...ownerFields, ...endFields, why },
  { additionalProperties: false },
);

export type GrantDocument = Static<typeof GrantSchema>;
export type PauseDocument = Static<typeof PauseSchema>;
export type OwnerDocument = Pick<GrantDocument, 'subscriber' | 'profile'>;
export type EndDocument = Pick<GrantDocument, 'until' | 'minutes'>;

/** As it is shown and audited; times are seconds since the Unix epoch. */
export interface StoredGrant extends TargetRecord {
  readonly id: string;
  readonly kind: 'grant' | 'pause';
  readonly subscriber: string;
  /** Null = the whole household. */
  readonly profile: string | null;
  readonly from: number;
  readonly until: number;
  readonly why: string;
  readonly who: string;
  readonly createdAt: number;
}

/** A pause, and what became of the grants of the profiles that it covers. */
export interface NewPause {
  readonly grant: StoredGrant;
  /** Grants of the internet, which a pause ends: it is the newest word. */
  readonly ended: readonly StoredGrant[];
  /** How many grants of something else go on through it. */
  readonly goingOn: number;
}

/** Who does it and when. */
export interface Moment {
  readonly who: string;
  readonly nowSeconds: number;
}

/** @throws AppError `RESOURCE_UNKNOWN`, `DOCUMENT_INVALID` with every fault */
export async function insertGrant(
  tx: Db,
  document: GrantDocument,
  moment: Moment,
): Promise<StoredGrant> {
  const owner = await findOwner(tx, document);
  const faults: string[] = [];
  const target = canonicalTargetRecord(document, faults);
  checkTarget(target, owner, faults);
  const until = endOf(document, moment.nowSeconds, moment.nowSeconds, faults);
  throwFaults(faults);
  const { why: reason = '' } = document;
  return insert(
    tx,
    owner,
    { kind: 'grant', target, until, from: moment.nowSeconds, reason },
    moment,
  );
}

/**
 * Ends the grants of the internet that hold for the profiles of the pause; one of the whole household
 * ends for all of it. A grant that is made later goes through the pause.
 * @throws as `insertGrant`
 */
export async function insertPause(
  tx: Db,
  document: PauseDocument,
  moment: Moment,
): Promise<NewPause> {
  const owner = await findOwner(tx, document);
  const faults: string[] = [];
  const from = moment.nowSeconds;
  checkLeft(owner, faults);
  const until = endOf(document, from, from, faults);
  throwFaults(faults);
  const { why: reason = '' } = document;
  const target = { target: 'internet' };
  const grant = await insert(tx, owner, { kind: 'pause', target, until, from, reason }, moment);
  const running = await readGrants(tx, { subscriber: owner.record.id, nowSeconds: from });
  const covered = running.filter(({ kind, profile }) => {
    const isCovered = owner.profile === null || profile === null || profile === owner.profile;
    return kind === 'grant' && isCovered;
  });
  const ended = covered.filter((one) => one.target === 'internet');
  const ids = ended.map(({ id }) => id);
  await tx.deleteFrom('grants').where('id', 'in', ids).execute();
  return { grant, ended, goingOn: covered.length - ended.length };
}

/** @throws AppError `RESOURCE_UNKNOWN` where it has ended already */
export async function removeGrant(tx: Db, id: string, nowSeconds: number): Promise<StoredGrant> {
  const [grant] = await readGrants(tx, { id, nowSeconds });
  if (grant === undefined) {
    throw new AppError('RESOURCE_UNKNOWN', `There is no grant or pause "${id}"; it may have ended`);
  }
  await tx.deleteFrom('grants').where('id', '=', id).execute();
  return grant;
}

export interface GrantFilter {
  readonly id?: string;
  readonly subscriber?: string;
  /** Only what has not ended then. */
  readonly nowSeconds?: number;
}

/** Those that end first come first. */
export async function readGrants(db: Db, filter: GrantFilter): Promise<StoredGrant[]> {
  let query = db
    .selectFrom('grants')
    .innerJoin('subscribers', 'subscribers.number', 'grants.subscriber')
    .leftJoin('profiles', 'profiles.number', 'grants.profile')
    .selectAll('grants')
    .select(['subscribers.id as subscriberId', 'profiles.id as profileId'])
    .orderBy('grants.until_second')
    .orderBy('grants.id');
  if (filter.id !== undefined) query = query.where('grants.id', '=', filter.id);
  if (filter.subscriber !== undefined)
    query = query.where('subscribers.id', '=', filter.subscriber);
  if (filter.nowSeconds !== undefined) {
    query = query.where('grants.until_second', '>', filter.nowSeconds);
  }
  const rows = await query.execute();
  return rows.map((row) => ({
    id: row.id,
    kind: row.kind,
    subscriber: row.subscriberId,
    profile: row.profileId,
    ...(JSON.parse(row.target) as TargetRecord),
    from: row.from_second,
    until: row.until_second,
    why: row.why,
    who: row.who,
    createdAt: row.created_at,
  }));
}

/** Whose grant, pause or request it is, and what the plan leaves to them. */
export interface Owner {
  readonly number: number;
  readonly profileNumber: number | null;
  readonly record: SubscriberRecord;
  readonly profile: string | null;
  readonly limits: HouseholdLimits;
}

/** @throws AppError `RESOURCE_UNKNOWN` */
export async function findOwner(tx: Db, document: OwnerDocument): Promise<Owner> {
  const { subscriber, profile = null } = document;
  const stored = (await readSubscribers(tx, [subscriber])).get(subscriber);
  if (stored === undefined) {
    throw new AppError('RESOURCE_UNKNOWN', `There is no subscriber "${subscriber}"`);
  }
  const profileNumber = profile === null ? null : await findProfile(tx, stored.number, profile);
  if (profileNumber === undefined) {
    const valid = (stored.record.profiles ?? []).map(({ id }) => id).join(', ');
    throw new AppError(
      'RESOURCE_UNKNOWN',
      `There is no profile ${quote(profile)} of subscriber "${subscriber}"; valid: ${valid === '' ? 'none, it has no profiles' : valid}`,
    );
  }
  const { number, record } = stored;
  return { number, profileNumber, record, profile, limits: await readLimits(tx, record) };
}

/** A target that the plan locks, or that does not exist, is refused. */
export function checkTarget(target: TargetRecord, owner: Owner, faults: string[]): void {
  checkLeft(owner, faults);
  const id = categoryOfTarget(target.target);
  if (id === null) return;
  const { plan, known, law } = owner.limits;
  const fault = categoryFault({ field: 'target', id }, known);
  if (fault !== null) faults.push(fault);
  else if (plan.locked?.includes(id) === true) {
    faults.push(
      `target: plan ${quote(plan.id)} keeps ${quote(id)} blocked for good; valid: what it does not lock`,
    );
  } else if (law.has(id)) {
    faults.push(`target: ${quote(id)} is blocked by law; valid: categories of other classes`);
  }
}

/** The end of a time that begins at `from`. */
export function endOf(
  { until, minutes }: EndDocument,
  from: number,
  nowSeconds: number,
  faults: string[],
): number {
  if ((until === undefined) === (minutes === undefined)) {
    faults.push('until: valid: one of until (seconds since the Unix epoch) and minutes');
    return from;
  }
  const end = until ?? from + (minutes ?? 0) * 60;
  if (end <= from || end > nowSeconds + LAST_SECONDS_MAX) {
    const field = until === undefined ? 'minutes' : 'until';
    faults.push(
      `${field}: ${quote(until ?? minutes)} gives an end at ${end}; valid: after ${from}, and within 31 days`,
    );
  }
  return end;
}

export function drawId(): string {
  return randomBytes(8).toString('hex');
}

function checkLeft({ limits }: Owner, faults: string[]): void {
  const fault = notLeftFault('grants', limits.plan);
  if (fault !== null) faults.push(fault);
}

async function findProfile(tx: Db, subscriber: number, id: string): Promise<number | undefined> {
  const row = await tx
    .selectFrom('profiles')
    .select('number')
    .where('subscriber', '=', subscriber)
    .where('id', '=', id)
    .executeTakeFirst();
  return row?.number;
}

async function readLimits(tx: Db, record: SubscriberRecord): Promise<HouseholdLimits> {
  const plans = await readPlans(tx);
  const plan =
    record.plan === undefined
      ? safestPlan([...plans.values()].map((stored) => stored.record))
      : plans.get(record.plan)?.record;
  if (plan === undefined || plan === null) {
    throw new Error(`Invariant broken: subscriber ${record.id} has no plan`);
  }
  const categories = await readCategories(tx);
  const services = [...(await readServices(tx)).values()].map((stored) => stored.record);
  const categoryOf = categoriesOfServices(services);
  const law = [...categories.values()].filter((stored) => stored.record.class === 'law');
  return {
    plan,
    known: new Set([...categories.keys(), ...categoryOf.keys()]),
    law: new Set(law.map((stored) => stored.record.id)),
    categoryOf,
  };
}

async function insert(
  tx: Db,
  owner: Owner,
  { kind, target, from, until, reason }: Opening,
  { who, nowSeconds }: Moment,
): Promise<StoredGrant> {
  const { running } = await tx
    .selectFrom('grants')
    .select((eb) => eb.fn.countAll<number>().as('running'))
    .where('subscriber', '=', owner.number)
    .where('kind', '=', kind)
    .where('until_second', '>', nowSeconds)
    .executeTakeFirstOrThrow();
  if (running >= RUNNING_MAX) {
    throwFaults([`subscriber: ${RUNNING_MAX} ${kind}s are running; valid: once some have ended`]);
  }
  const id = drawId();
  await tx
    .insertInto('grants')
    .values({
      id,
      kind,
      subscriber: owner.number,
      profile: owner.profileNumber,
      target: JSON.stringify(target),
      from_second: from,
      until_second: until,
      why: reason,
      who,
      created_at: nowSeconds,
    })
    .execute();
  const { record, profile } = owner;
  return {
    id,
    kind,
    subscriber: record.id,
    profile,
    ...target,
    from,
    until,
    why: reason,
    who,
    createdAt: nowSeconds,
  };
}

interface Opening {
  readonly kind: 'grant' | 'pause';
  readonly target: TargetRecord;
  readonly from: number;
  readonly until: number;
  readonly reason: string;
}
