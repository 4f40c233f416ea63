/** Whose profile numbers are: for explanations, one at a time, and for the log, many at a time. */

import type { Language } from '../lib/messages.ts';
import {
  type BudgetRecord,
  DEFAULT_LANGUAGE,
  type HouseholdSettings,
  type ProfileSettings,
} from './canonical-household.ts';
import type { Db } from './schema.ts';

export interface ProfileOwner {
  /** Id of the subscriber. */
  readonly id: string;
  /** Null for a pool. */
  readonly plan: string | null;
  /** Id of the profile; null where the number is the household's own. */
  readonly profile: string | null;
  /** The number that counts: of a household with a default profile, that profile's. */
  readonly number: number;
  /** IANA name. */
  readonly timezone: string;
  readonly language: Language;
  readonly budgets: readonly BudgetRecord[];
}

/** By number; numbers that are nobody's are left out. At most 10,000 at a time. */
export async function readProfileOwners(
  db: Db,
  numbers: readonly number[],
): Promise<Map<number, ProfileOwner>> {
  const profiles = await db
    .selectFrom('profiles')
    .select(['number', 'id', 'subscriber', 'settings'])
    .where('number', 'in', numbers)
    .execute();
  const households = await db
    .selectFrom('subscribers')
    .leftJoin('plans', 'plans.number', 'subscribers.plan')
    .select([
      'subscribers.number as number',
      'subscribers.id as id',
      'plans.id as plan',
      'subscribers.timezone as timezone',
      'subscribers.settings as settings',
    ])
    .where('subscribers.number', 'in', [...numbers, ...profiles.map((row) => row.subscriber)])
    .execute();
  const owners = new Map<number, ProfileOwner>();
  const settingsOf = new Map<number, HouseholdSettings>();
  for (const { number, settings, ...household } of households) {
    const own = settings === null ? {} : (JSON.parse(settings) as HouseholdSettings);
    settingsOf.set(number, own);
    const language = own.language ?? DEFAULT_LANGUAGE;
    owners.set(number, { ...household, profile: null, number, language, budgets: [] });
  }
  for (const row of profiles) owners.set(row.number, ofProfile(row, owners));
  await resolveDefaults(db, owners, settingsOf);
  const asked = new Set(numbers);
  return new Map([...owners].filter(([number]) => asked.has(number)));
}

/** By id of the profile; null = the household's own. Empty where there is no such subscriber. */
export async function readProfileNumbers(
  db: Db,
  subscriber: string,
): Promise<Map<string | null, number>> {
  const numbers = new Map<string | null, number>();
  const household = await db
    .selectFrom('subscribers')
    .select('number')
    .where('id', '=', subscriber)
    .executeTakeFirst();
  if (household === undefined) return numbers;
  numbers.set(null, household.number);
  const profiles = await db
    .selectFrom('profiles')
    .select(['id', 'number'])
    .where('subscriber', '=', household.number)
    .orderBy('place')
    .execute();
  for (const { id, number } of profiles) numbers.set(id, number);
  return numbers;
}

interface ProfileRowPart {
  readonly number: number;
  readonly id: string;
  readonly subscriber: number;
  readonly settings: string;
}

function ofProfile(
  { number, id, subscriber, settings }: ProfileRowPart,
  owners: ReadonlyMap<number, ProfileOwner>,
): ProfileOwner {
  const household = owners.get(subscriber);
  if (household === undefined) throw new Error('Invariant broken: a profile has a household');
  const budgets = (JSON.parse(settings) as ProfileSettings).budgets ?? [];
  return { ...household, profile: id, number, budgets };
}

/** What unknown devices do counts for the profile that they are taken for. */
async function resolveDefaults(
  db: Db,
  owners: Map<number, ProfileOwner>,
  settingsOf: ReadonlyMap<number, HouseholdSettings>,
): Promise<void> {
  const wanted = [...settingsOf].filter(([, own]) => own.defaultProfile !== undefined);
  if (wanted.length === 0) return;
  const rows = await db
    .selectFrom('profiles')
    .select(['number', 'id', 'subscriber', 'settings'])
    .where(
      'subscriber',
      'in',
      wanted.map(([number]) => number),
    )
    .execute();
  for (const row of rows) {
    if (settingsOf.get(row.subscriber)?.defaultProfile !== row.id) continue;
    owners.set(row.subscriber, ofProfile(row, owners));
  }
}
