/**
 * The over-blocking desk's memory: who says that a name is blocked wrongly, and what an editor answered.
 *
 *     open ──▶ accepted | denied    every open appeal about the same name, at once
 *       └────▶ (gone)               all go some days after they were made, or answered
 *
 * Anybody may write here, so all of it is bounded, nothing of it is in the audit log but the answers, and no
 * message or contact is: those can be taken back, an audit log cannot.
 */

import { randomBytes } from 'node:crypto';
import { AppError } from '../lib/errors.ts';
import type { AuditEntry } from './audit.ts';
import type { AppealRow, AppealState, Db } from './schema.ts';
import type { StoreAccess } from './store-access.ts';

/** More than editors read; beyond it new ones are refused until some are answered. */
const OPEN_MAX = 1_000;
/** About one name; more say nothing new. */
const OPEN_OF_NAME_MAX = 20;
const DAY_SECONDS = 86_400;
/** Whoever has the id may read the answer and take the contact back: it must not be guessed. */
const ID_OCTETS = 16;

export const APPEAL_TABLES = [
  `create table appeals (
     id text primary key,
     name text not null,
     category text not null,
     message text not null,
     contact text,
     created_at integer not null,
     state text not null check (state in ('open', 'accepted', 'denied')),
     answer text,
     answered_by text,
     answered_at integer
   ) strict, without rowid`,
  `create index open_appeals_of_name on appeals (name) where state = 'open'`,
];

/** Times are seconds since the Unix epoch. */
export interface StoredAppeal {
  readonly id: string;
  /** Canonical text. */
  readonly name: string;
  /** The one that blocked it. */
  readonly category: string;
  /** As it was written: text, not HTML. */
  readonly message: string;
  readonly contact: string | null;
  readonly createdAt: number;
  readonly state: AppealState;
  readonly answer: string | null;
  readonly answeredBy: string | null;
  readonly answeredAt: number | null;
}

export type NewAppeal = Pick<StoredAppeal, 'name' | 'category' | 'message' | 'contact'>;

export interface AppealAnswer {
  readonly state: 'accepted' | 'denied';
  /** For whoever appealed, in a sentence. */
  readonly answer: string | null;
}

/** Since the start, but for `open`. */
export interface AppealCounts {
  readonly open: number;
  readonly made: number;
  readonly accepted: number;
  readonly denied: number;
  /** Open ones that went without an answer. */
  readonly expired: number;
}

export class Appeals {
  readonly #store: StoreAccess;
  #counts: AppealCounts = { open: 0, made: 0, accepted: 0, denied: 0, expired: 0 };

  constructor(store: StoreAccess) {
    this.#store = store;
  }

  /** To be called once the tables are there. */
  async load(): Promise<void> {
    this.#counts = { ...this.#counts, open: await countOpen(this.#store.db) };
  }

  counts(): AppealCounts {
    return this.#counts;
  }

  /** @throws AppError `DESK_FULL` */
  async make(appeal: NewAppeal): Promise<StoredAppeal> {
    const made = await this.#store.transact(async (tx) => {
      const isFull = (await countOpen(tx)) >= OPEN_MAX;
      if (isFull || (await countOpen(tx, appeal.name)) >= OPEN_OF_NAME_MAX) {
        throw new AppError(
          'DESK_FULL',
          isFull
            ? 'Too many appeals wait for an answer; try again in some days'
            : 'Enough appeals about this name wait for an answer',
        );
      }
      const id = randomBytes(ID_OCTETS).toString('hex');
      const { name, category, message, contact } = appeal;
      const row = { id, name, category, message, contact, state: 'open' } as const;
      const created_at = this.#store.nowSeconds();
      await tx
        .insertInto('appeals')
        .values({ ...row, created_at })
        .execute();
      const unanswered = { answer: null, answeredBy: null, answeredAt: null };
      return { ...row, createdAt: created_at, ...unanswered };
    });
    this.#count({ open: 1, made: 1 });
    return made;
  }

  async find(id: string): Promise<StoredAppeal | null> {
    const row = await this.#store.db
      .selectFrom('appeals')
      .selectAll()
      .where('id', '=', id)
      .executeTakeFirst();
    return row === undefined ? null : toAppeal(row);
  }

  /** Open ones first, those that wait longest at the top; then the others, the newest first. */
  async all(): Promise<StoredAppeal[]> {
    const rows = await this.#store.db.selectFrom('appeals').selectAll().execute();
    const appeals = rows.map(toAppeal);
    const isOpen = ({ state }: StoredAppeal): boolean => state === 'open';
    const byAge = (a: StoredAppeal, b: StoredAppeal): number =>
      a.createdAt - b.createdAt || (a.id < b.id ? -1 : 1);
    return [
      ...appeals.filter(isOpen).sort(byAge),
      ...appeals
        .filter((one) => !isOpen(one))
        .sort(byAge)
        .reverse(),
    ];
  }

  /**
   * Answers an appeal, and with it all open ones about the same name.
   * @returns them, answered
   * @throws AppError `RESOURCE_UNKNOWN`, `APPEAL_ANSWERED`
   */
  async answer(
    id: string,
    { state, answer }: AppealAnswer,
    { actor }: { readonly actor: string },
  ): Promise<readonly StoredAppeal[]> {
    const answered = await this.#store.transact(async (tx) => {
      const row = await tx
        .selectFrom('appeals')
        .selectAll()
        .where('id', '=', id)
        .executeTakeFirst();
      if (row === undefined) throw new AppError('RESOURCE_UNKNOWN', `There is no appeal "${id}"`);
      if (row.state !== 'open') throw isAnswered(row);
      const same = await tx
        .selectFrom('appeals')
        .selectAll()
        .where('name', '=', row.name)
        .where('state', '=', 'open')
        .execute();
      const how = { state, answer, answered_by: actor, answered_at: this.#store.nowSeconds() };
      const ids = same.map((one) => one.id);
      await tx.updateTable('appeals').set(how).where('id', 'in', ids).execute();
      const { name, category } = row;
      const entry: AuditEntry = {
        action: 'update',
        kind: 'appeal',
        resource: id,
        before: { name, category, state: 'open' },
        after: { name, category, state, answer, appeals: ids.length },
      };
      await this.#store.audit(tx, this.#store.revision(), { actor }, [entry]);
      return same.map((one) => toAppeal({ ...one, ...how }));
    });
    this.#count({ open: -answered.length, [state]: answered.length });
    return answered;
  }

  /** @throws AppError `RESOURCE_UNKNOWN` */
  async forgetContact(id: string): Promise<void> {
    const done = await this.#store.transact((tx) =>
      tx.updateTable('appeals').set({ contact: null }).where('id', '=', id).executeTakeFirst(),
    );
    if (done.numUpdatedRows > 0n) return;
    throw new AppError('RESOURCE_UNKNOWN', `There is no appeal "${id}"`);
  }

  /** Takes away what was made, or answered, more than so many days ago. */
  async sweep(days: number): Promise<void> {
    const before = this.#store.nowSeconds() - days * DAY_SECONDS;
    const expired = await this.#store.transact(async (tx) => {
      await tx.deleteFrom('appeals').where('answered_at', '<', before).execute();
      const open = tx.deleteFrom('appeals').where('state', '=', 'open');
      return open.where('created_at', '<', before).executeTakeFirst();
    });
    const count = Number(expired.numDeletedRows);
    this.#count({ open: -count, expired: count });
  }

  #count(changes: Partial<AppealCounts>): void {
    const counts = { ...this.#counts };
    for (const [key, change] of Object.entries(changes))
      counts[key as keyof AppealCounts] += change;
    this.#counts = counts;
  }
}

async function countOpen(db: Db, name?: string): Promise<number> {
  let query = db
    .selectFrom('appeals')
    .select((eb) => eb.fn.countAll<number>().as('rows'))
    .where('state', '=', 'open');
  if (name !== undefined) query = query.where('name', '=', name);
  return (await query.executeTakeFirstOrThrow()).rows;
}

function toAppeal({ created_at, answered_by, answered_at, ...row }: AppealRow): StoredAppeal {
  return { ...row, createdAt: created_at, answeredBy: answered_by, answeredAt: answered_at };
}

function isAnswered({ id, state, answered_by }: AppealRow): AppError {
  const who = answered_by ?? 'somebody';
  return new AppError(
    'APPEAL_ANSWERED',
    `Answering appeal "${id}": ${who} has ${state} it already`,
  );
}
