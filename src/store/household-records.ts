/** Reads what belongs to subscribers besides their rows: profiles, devices, CPE ids, rules. */

import {
  type DeviceRecord,
  type ProfileRecord,
  type ProfileSettings,
  sortDevices,
} from './canonical-household.ts';
import type { AllowedName, RuleNames } from './canonical-settings.ts';
import { keyToDevice } from './device-key.ts';
import type { Db, RuleOwnerKind } from './schema.ts';

/** In one `in (…)`: a batch of subscribers may have more profiles than SQLite takes parameters. */
const OWNERS_MAX = 5_000;

/** Profiles by the number of their subscriber, in the order of the document. */
export async function readProfiles(
  db: Db,
  subscribers: readonly number[],
): Promise<Map<number, ProfileRecord[]>> {
  const rows = await db
    .selectFrom('profiles')
    .selectAll()
    .where('subscriber', 'in', subscribers)
    .orderBy('subscriber')
    .orderBy('place')
    .execute();
  const profiles = new Map<number, ProfileRecord[]>();
  // A million subscribers without profiles pay for no more than that look.
  if (rows.length === 0) return profiles;
  const rules = await readRulesOf(
    db,
    'profile',
    rows.map((row) => row.number),
  );
  const devices = await readDevices(db, subscribers);
  for (const row of rows) {
    const own = devices.get(row.number);
    const record: ProfileRecord = {
      id: row.id,
      ...rules.get(row.number),
      ...(JSON.parse(row.settings) as ProfileSettings),
      ...(own === undefined ? {} : { devices: sortDevices(own) }),
    };
    append(profiles, row.subscriber, record);
  }
  return profiles;
}

/** CPE ids by the number of their subscriber, sorted. */
export async function readCpeIds(
  db: Db,
  subscribers: readonly number[],
): Promise<Map<number, string[]>> {
  const rows = await db
    .selectFrom('cpe_ids')
    .selectAll()
    .where('subscriber', 'in', subscribers)
    .execute();
  const ids = new Map<number, string[]>();
  for (const row of rows) append(ids, row.subscriber, row.cpe_id);
  for (const own of ids.values()) own.sort();
  return ids;
}

interface RuleLists {
  allow?: AllowedName[];
  deny?: string[];
}

/** @param owners null = all of this kind */
export async function readRulesOf(
  db: Db,
  kind: RuleOwnerKind,
  owners: readonly number[] | null,
): Promise<Map<number, RuleNames>> {
  const rules = new Map<number, RuleLists>();
  for (let at = 0; at < (owners?.length ?? 1); at += OWNERS_MAX) {
    let query = db.selectFrom('rules').selectAll().where('owner_kind', '=', kind);
    if (owners !== null) query = query.where('owner', 'in', owners.slice(at, at + OWNERS_MAX));
    // The key's order gives `allow` before `deny` and sorted names: the canonical form.
    const rows = await query.orderBy('owner').orderBy('action').orderBy('name').execute();
    for (const row of rows) {
      const lists = rules.get(row.owner) ?? {};
      rules.set(row.owner, lists);
      if (row.action === 'deny') (lists.deny ??= []).push(row.name);
      else {
        (lists.allow ??= []).push(
          row.is_always === 1 ? { name: row.name, always: true } : row.name,
        );
      }
    }
  }
  return rules;
}

/** Devices by the number of their profile. */
async function readDevices(
  db: Db,
  subscribers: readonly number[],
): Promise<Map<number, DeviceRecord[]>> {
  const rows = await db
    .selectFrom('devices')
    .selectAll()
    .where('subscriber', 'in', subscribers)
    .execute();
  const devices = new Map<number, DeviceRecord[]>();
  for (const row of rows) append(devices, row.profile, keyToDevice(row.kind, row.key));
  return devices;
}

function append<Key, Value>(lists: Map<Key, Value[]>, key: Key, value: Value): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
