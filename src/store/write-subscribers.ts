/**
 * Writes subscribers with their profiles, in batches. What the changed ones had is taken away first,
 * so that an address or a device may move from one to another in any order; the rows of subscribers
 * and profiles stay, since their numbers are in the images, the live table and in running grants.
 */

import type { Insertable } from 'kysely';
import { breathe } from './breathe.ts';
import type { ProfileRecord, SubscriberRecord } from './canonical-household.ts';
import { deviceToKey } from './device-key.ts';
import { readMeta, writeMeta } from './meta.ts';
import type { PlannedChanges } from './planned-changes.ts';
import { textToKey } from './prefix-key.ts';
import type { Db, Tables } from './schema.ts';
import {
  batches,
  insertRules,
  removeByIds,
  removeRules,
  ruleRows,
  settingsText,
} from './write-rows.ts';

export interface WriteSubscriberOptions {
  readonly revision: number;
  /** True for the first start: subscribers written now are the seeded catch-alls. */
  readonly isSeeding: boolean;
}

const COUNTER_KEY = 'nextProfileNumber';
/** What has a column or a table of its own; the rest are settings. */
const SUBSCRIBER_FIELDS: readonly string[] = [
  'id',
  'plan',
  'timezone',
  'addresses',
  'cpeIds',
  'allow',
  'deny',
  'profiles',
] satisfies (keyof SubscriberRecord)[];
const PROFILE_FIELDS: readonly string[] = [
  'id',
  'allow',
  'deny',
  'devices',
] satisfies (keyof ProfileRecord)[];

/** Numbers of profiles by subscriber number and id. */
type ProfileNumbers = ReadonlyMap<number, ReadonlyMap<string, number>>;

export async function writeSubscribers(
  tx: Db,
  planned: PlannedChanges,
  options: WriteSubscriberOptions,
): Promise<void> {
  const changed = planned.subscribers.filter((change) => change.action !== 'create');
  const numbers = await numbersOf(
    tx,
    changed.map((change) => change.id),
  );
  const profiles = await profileNumbersOf(tx, [...numbers.values()]);
  await clearSubscribers(tx, [...numbers.values()], profiles);
  const gone = changed.flatMap(({ id, after }) => (after === null ? [id] : []));
  await removeByIds(tx, 'subscribers', gone);
  const plans = await tx.selectFrom('plans').select(['id', 'number']).execute();
  const planNumbers = new Map(plans.map((plan) => [plan.id, plan.number]));
  const records = planned.subscribers.flatMap(({ after }) => (after === null ? [] : [after]));
  for (const batch of batches(records)) {
    await giveNumbers(tx, batch, numbers);
    const rows = batch.map((record) => {
      const isBuiltin = options.isSeeding || planned.yielding.has(record.id);
      return {
        number: numbers.get(record.id) ?? 0,
        id: record.id,
        plan: record.plan === undefined ? null : (planNumbers.get(record.plan) ?? 0),
        timezone: record.timezone,
        settings: settingsText(without(record, SUBSCRIBER_FIELDS)),
        is_builtin: isBuiltin ? 1 : 0,
        revision: options.revision,
      };
    });
    await upsertSubscribers(tx, rows);
    await insertBelongings(tx, batch, numbers);
    await writeProfiles(tx, batch, numbers, profiles);
    await breathe();
  }
}

function without(record: object, fields: readonly string[]): object {
  return Object.fromEntries(Object.entries(record).filter(([field]) => !fields.includes(field)));
}

/** New subscribers get the next numbers; one look at the counter serves the batch. */
async function giveNumbers(
  tx: Db,
  records: readonly SubscriberRecord[],
  numbers: Map<string, number>,
): Promise<void> {
  const fresh = records.filter(({ id }) => !numbers.has(id));
  let next = await takeNumbers(tx, fresh.length);
  for (const { id } of fresh) numbers.set(id, next++);
}

/** The first of `count` numbers that nobody ever had. */
async function takeNumbers(tx: Db, count: number): Promise<number> {
  const next = Number(await readMeta(tx, COUNTER_KEY));
  if (count > 0) await writeMeta(tx, COUNTER_KEY, String(next + count));
  return next;
}

async function numbersOf(tx: Db, ids: readonly string[]): Promise<Map<string, number>> {
  const numbers = new Map<string, number>();
  for (const batch of batches(ids)) {
    const rows = await tx
      .selectFrom('subscribers')
      .select(['id', 'number'])
      .where('id', 'in', batch)
      .execute();
    for (const row of rows) numbers.set(row.id, row.number);
  }
  return numbers;
}

async function profileNumbersOf(tx: Db, subscribers: readonly number[]): Promise<ProfileNumbers> {
  const numbers = new Map<number, Map<string, number>>();
  for (const batch of batches(subscribers)) {
    const rows = await tx
      .selectFrom('profiles')
      .select(['subscriber', 'id', 'number'])
      .where('subscriber', 'in', batch)
      .execute();
    for (const row of rows) {
      const own = numbers.get(row.subscriber) ?? new Map<string, number>();
      numbers.set(row.subscriber, own.set(row.id, row.number));
    }
  }
  return numbers;
}

/** Takes addresses, devices, CPE ids and rules away; the rows themselves stay. */
async function clearSubscribers(
  tx: Db,
  numbers: readonly number[],
  profiles: ProfileNumbers,
): Promise<void> {
  for (const batch of batches(numbers)) {
    for (const table of ['addresses', 'devices', 'cpe_ids'] as const) {
      await tx.deleteFrom(table).where('subscriber', 'in', batch).execute();
    }
    await removeRules(tx, 'subscriber', batch);
    const own = batch.flatMap((number) => [...(profiles.get(number)?.values() ?? [])]);
    await removeRules(tx, 'profile', own);
    await breathe();
  }
}

/** A row replaces the one that has its number. */
async function upsertSubscribers(
  tx: Db,
  rows: readonly Insertable<Tables['subscribers']>[],
): Promise<void> {
  await tx
    .insertInto('subscribers')
    .values(rows)
    .onConflict((conflict) =>
      conflict.column('number').doUpdateSet((eb) => ({
        plan: eb.ref('excluded.plan'),
        timezone: eb.ref('excluded.timezone'),
        settings: eb.ref('excluded.settings'),
        is_builtin: eb.ref('excluded.is_builtin'),
        revision: eb.ref('excluded.revision'),
      })),
    )
    .execute();
}

async function insertBelongings(
  tx: Db,
  records: readonly SubscriberRecord[],
  numbers: ReadonlyMap<string, number>,
): Promise<void> {
  const addresses: Insertable<Tables['addresses']>[] = [];
  const cpeIds: Insertable<Tables['cpe_ids']>[] = [];
  const rules: Insertable<Tables['rules']>[] = [];
  for (const record of records) {
    const subscriber = numbers.get(record.id) ?? 0;
    for (const address of record.addresses) {
      addresses.push({ prefix: textToKey(address), subscriber });
    }
    for (const cpeId of record.cpeIds ?? []) cpeIds.push({ cpe_id: cpeId, subscriber });
    for (const rule of ruleRows('subscriber', subscriber, record)) rules.push(rule);
  }
  for (const batch of batches(addresses)) await tx.insertInto('addresses').values(batch).execute();
  for (const batch of batches(cpeIds)) await tx.insertInto('cpe_ids').values(batch).execute();
  await insertRules(tx, rules);
}

/** Profiles that a document no longer names go, with all that is theirs; the others keep their number. */
async function writeProfiles(
  tx: Db,
  records: readonly SubscriberRecord[],
  numbers: ReadonlyMap<string, number>,
  known: ProfileNumbers,
): Promise<void> {
  const unnamed = records.flatMap((record) => {
    const ids = new Set(record.profiles?.map(({ id }) => id));
    const own = known.get(numbers.get(record.id) ?? 0) ?? new Map<string, number>();
    return [...own].flatMap(([id, number]) => (ids.has(id) ? [] : [number]));
  });
  for (const batch of batches(unnamed)) {
    await tx.deleteFrom('profiles').where('number', 'in', batch).execute();
  }
  const owned = records.flatMap((record) =>
    (record.profiles ?? []).map((profile, place) => {
      const subscriber = numbers.get(record.id) ?? 0;
      const number = known.get(subscriber)?.get(profile.id) ?? null;
      return { subscriber, place, profile, number };
    }),
  );
  if (owned.length === 0) return;
  let next = await takeNumbers(tx, owned.filter(({ number }) => number === null).length);
  const placed = owned.map((one) => ({ ...one, number: one.number ?? next++ }));
  await upsertProfiles(
    tx,
    placed.map(({ number, subscriber, place, profile }) => {
      const settings = JSON.stringify(without(profile, PROFILE_FIELDS));
      return { number, subscriber, id: profile.id, place, settings };
    }),
  );
  const devices = placed.flatMap(({ subscriber, number, profile }) =>
    (profile.devices ?? []).map((device) => {
      return { subscriber, profile: number, ...deviceToKey(device) };
    }),
  );
  for (const batch of batches(devices)) await tx.insertInto('devices').values(batch).execute();
  await insertRules(
    tx,
    placed.flatMap(({ number, profile }) => ruleRows('profile', number, profile)),
  );
}

async function upsertProfiles(
  tx: Db,
  rows: readonly Insertable<Tables['profiles']>[],
): Promise<void> {
  for (const batch of batches(rows)) {
    await tx
      .insertInto('profiles')
      .values(batch)
      .onConflict((conflict) =>
        conflict.column('number').doUpdateSet((eb) => ({
          place: eb.ref('excluded.place'),
          settings: eb.ref('excluded.settings'),
        })),
      )
      .execute();
  }
}
