/**
 * Sessions: which address a subscriber has at the moment, told by the operator's access network
 * thousands of times a second. They are no policy: no audit row, no revision; they change the live
 * subscriber table and are kept so that a restart knows them. While a session runs it hides an
 * address of the same prefix.
 */

import type { IpPrefix } from '../lib/ip-address.ts';
import { quote } from '../lib/quote.ts';
import { breathe } from './breathe.ts';
import { throwFaults } from './changes.ts';
import { canonicalPrefix, keyToPrefix, keyToText, textToKey } from './prefix-key.ts';
import { BATCH_ROWS } from './records.ts';
import type { Db } from './schema.ts';
import type { StoreAccess } from './store-access.ts';

/** A change of the live subscriber table. */
export interface AddressChange {
  readonly prefix: IpPrefix;
  /** Profile number, or −1 where the prefix leads nowhere any more. */
  readonly profile: number;
}

export interface Session {
  /** Address or prefix as text. */
  readonly address: string;
  /** External id of the subscriber. */
  readonly subscriber: string;
  /** Seconds since the Unix epoch. */
  readonly expiresAt: number;
}

export interface SessionChanges {
  readonly upsert: readonly Session[];
  /** Addresses or prefixes as text; one without a session is no fault. */
  readonly remove: readonly string[];
}

export interface SessionPageOptions {
  /** Only sessions after this address; empty = from the first. */
  readonly after: string;
  readonly limit: number;
}

const INSERT_ROWS = 2_000;
/** No subscriber has more; a slip such as 0.0.0.0/0 would open the resolver to everybody. */
const IPV4_LENGTH_MIN = 8;
const IPV6_LENGTH_MIN = 16;
/** Ended in one transaction: some milliseconds, then others have their turn. */
const EXPIRED_ROWS = 500;

export class Sessions {
  readonly #store: StoreAccess;

  constructor(store: StoreAccess) {
    this.#store = store;
  }

  /**
   * Saved when this returns; the changes go on into the live subscriber table.
   * @throws AppError `DOCUMENT_INVALID` with all faults; nothing is changed then
   */
  put(changes: SessionChanges): Promise<readonly AddressChange[]> {
    return this.#store.transact((tx) => writeSessions(tx, changes, this.#store.nowSeconds()));
  }

  /**
   * Ends all sessions whose time is over; called every few seconds. Yields where the prefixes of one
   * saved batch lead now.
   */
  async *expire(): AsyncGenerator<readonly AddressChange[]> {
    for (;;) {
      const changes = await this.#store.transact((tx) => removeEnded(tx, this.#store.nowSeconds()));
      if (changes.length === 0) return;
      yield changes;
      await breathe();
    }
  }

  page(options: SessionPageOptions): Promise<Session[]> {
    return this.#store.read((tx) => readPage(tx, options));
  }
}

async function writeSessions(
  tx: Db,
  changes: SessionChanges,
  nowSeconds: number,
): Promise<readonly AddressChange[]> {
  const faults: string[] = [];
  const numbers = await subscriberNumbers(
    tx,
    changes.upsert.map((session) => session.subscriber),
  );
  const rows = new Map<string, { prefix: Uint8Array; subscriber: number; expires_at: number }>();
  for (const [index, session] of changes.upsert.entries()) {
    const text = readPrefix(session.address, `upsert[${index}].address`, faults);
    const subscriber = numbers.get(session.subscriber);
    if (subscriber === undefined) {
      faults.push(
        `upsert[${index}].subscriber: there is no subscriber ${quote(session.subscriber)}`,
      );
    } else if (text !== null && isTooWide(text)) {
      faults.push(
        `upsert[${index}].address: ${quote(session.address)} would make clients of half the world; valid: IPv4 from /${IPV4_LENGTH_MIN}, IPv6 from /${IPV6_LENGTH_MIN} on`,
      );
    } else if (text !== null) {
      rows.set(text, { prefix: textToKey(text), subscriber, expires_at: session.expiresAt });
    }
  }
  const removed = changes.remove.flatMap((address, index) => {
    const text = readPrefix(address, `delete[${index}]`, faults);
    return text === null ? [] : [textToKey(text)];
  });
  throwFaults(faults);
  await removeSessions(tx, removed);
  await upsertSessions(tx, [...rows.values()]);
  const touched = [...removed, ...[...rows.values()].map((row) => row.prefix)];
  return resolveAddresses(tx, touched, nowSeconds);
}

/** Removes a batch of what has ended; says where those prefixes lead now. */
async function removeEnded(tx: Db, nowSeconds: number): Promise<readonly AddressChange[]> {
  const rows = await tx
    .selectFrom('sessions')
    .select('prefix')
    .where('expires_at', '<=', nowSeconds)
    .limit(EXPIRED_ROWS)
    .execute();
  const keys = rows.map((row) => row.prefix);
  await removeSessions(tx, keys);
  return resolveAddresses(tx, keys, nowSeconds);
}

async function readPage(db: Db, options: SessionPageOptions): Promise<Session[]> {
  const after = canonicalPrefix(options.after);
  const rows = await db
    .selectFrom('sessions')
    .innerJoin('subscribers', 'subscribers.number', 'sessions.subscriber')
    .select(['sessions.prefix', 'subscribers.id', 'sessions.expires_at'])
    .where('sessions.prefix', '>', after === null ? Buffer.alloc(0) : textToKey(after))
    .orderBy('sessions.prefix')
    .limit(options.limit)
    .execute();
  return rows.map((row) => ({
    address: keyToText(row.prefix),
    subscriber: row.id,
    expiresAt: row.expires_at,
  }));
}

/** Where prefixes lead by what is stored now: a running session, else an address, else nowhere. */
async function resolveAddresses(
  db: Db,
  keys: readonly Uint8Array[],
  nowSeconds: number,
): Promise<readonly AddressChange[]> {
  const profileOf = new Map<string, number>();
  for (let at = 0; at < keys.length; at += BATCH_ROWS) {
    const batch = keys.slice(at, at + BATCH_ROWS);
    for (const key of batch) profileOf.set(keyToText(key), -1);
    const addresses = await db
      .selectFrom('addresses')
      .selectAll()
      .where('prefix', 'in', batch)
      .execute();
    const sessions = await db
      .selectFrom('sessions')
      .select(['prefix', 'subscriber'])
      .where('prefix', 'in', batch)
      .where('expires_at', '>', nowSeconds)
      .execute();
    for (const row of [...addresses, ...sessions]) {
      profileOf.set(keyToText(row.prefix), row.subscriber);
    }
  }
  return [...profileOf].map(([text, profile]) => ({
    prefix: keyToPrefix(textToKey(text)),
    profile,
  }));
}

function readPrefix(text: string, path: string, faults: string[]): string | null {
  const prefix = canonicalPrefix(text);
  if (prefix === null) {
    faults.push(`${path}: ${quote(text)} is no address or prefix; valid: such as 192.0.2.7/32`);
  }
  return prefix;
}

/** @param prefix canonical */
function isTooWide(prefix: string): boolean {
  const length = Number(prefix.split('/')[1]);
  return length < (prefix.includes(':') ? IPV6_LENGTH_MIN : IPV4_LENGTH_MIN);
}

async function subscriberNumbers(tx: Db, ids: readonly string[]): Promise<Map<string, number>> {
  const numbers = new Map<string, number>();
  for (let at = 0; at < ids.length; at += BATCH_ROWS) {
    const rows = await tx
      .selectFrom('subscribers')
      .select(['id', 'number'])
      .where('id', 'in', ids.slice(at, at + BATCH_ROWS))
      .execute();
    for (const row of rows) numbers.set(row.id, row.number);
  }
  return numbers;
}

async function removeSessions(tx: Db, keys: readonly Uint8Array[]): Promise<void> {
  for (let at = 0; at < keys.length; at += BATCH_ROWS) {
    await tx
      .deleteFrom('sessions')
      .where('prefix', 'in', keys.slice(at, at + BATCH_ROWS))
      .execute();
  }
}

async function upsertSessions(
  tx: Db,
  rows: readonly { prefix: Uint8Array; subscriber: number; expires_at: number }[],
): Promise<void> {
  for (let at = 0; at < rows.length; at += INSERT_ROWS) {
    await tx
      .insertInto('sessions')
      .values(rows.slice(at, at + INSERT_ROWS))
      .onConflict((conflict) =>
        conflict.column('prefix').doUpdateSet((eb) => ({
          subscriber: eb.ref('excluded.subscriber'),
          expires_at: eb.ref('excluded.expires_at'),
        })),
      )
      .execute();
  }
}
