/**
 * What the source of a list remembers from one fetch to the next. It decides nothing: writing it
 * makes no revision and no audit entry.
 */

import type { Db } from './schema.ts';

/** Times are seconds since the Unix epoch. */
export interface ListState {
  /**
   * The address or the path that gave the last content, or a later one that has given none yet; of
   * another one the rest says nothing.
   */
  readonly url?: string;
  /** As the server of the list named its last content. */
  readonly etag?: string;
  readonly lastModified?: string;
  /** Of a zone transfer. */
  readonly zone?: ZoneCopyState;
  readonly checkedAt?: number;
  readonly nextAt?: number;
  /** In a row; 0 after a success. */
  readonly failures: number;
  /** Why the last content or fetch came to nothing, for people; null where it did not. */
  readonly lastError: string | null;
}

/** The newest copy of a zone, in force or not, and what its SOA says. */
export interface ZoneCopyState {
  /** Its name: a list may become another zone. */
  readonly zone: string;
  readonly contentSha256: string;
  readonly serial: number;
  readonly refreshSeconds: number;
  readonly retrySeconds: number;
  readonly expireSeconds: number;
  /** When a primary last said that this is its version. */
  readonly reachedAt: number;
}

const NO_STATE: ListState = { failures: 0, lastError: null };

export async function readListState(db: Db, list: string): Promise<ListState> {
  const row = await db
    .selectFrom('list_states')
    .select('state')
    .where('list', '=', list)
    .executeTakeFirst();
  return row === undefined ? NO_STATE : (JSON.parse(row.state) as ListState);
}

/** By list; those without one remember nothing. */
export async function readListStates(db: Db): Promise<(list: string) => ListState> {
  const rows = await db.selectFrom('list_states').selectAll().execute();
  const states = new Map(rows.map(({ list, state }) => [list, JSON.parse(state) as ListState]));
  return (list) => states.get(list) ?? NO_STATE;
}

/** Nothing happens where the list is gone. */
export async function writeListState(tx: Db, list: string, state: ListState): Promise<void> {
  const text = JSON.stringify(state);
  await tx
    .insertInto('list_states')
    .columns(['list', 'state'])
    .expression((eb) =>
      eb
        .selectFrom('lists')
        .select((lists) => ['id', lists.val(text).as('state')])
        .where('id', '=', list),
    )
    .onConflict((conflict) => conflict.column('list').doUpdateSet({ state: text }))
    .execute();
}
