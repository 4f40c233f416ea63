/**
 * What is written down of a household: query log, statistics, signs of ways round the filter, minutes of
 * budgets, requests; and its deletion, which is proven by counting before and after. Names are the most private
 * thing there is here, so reading any of it needs the role operator, as writing does.
 */

import { Type } from 'typebox';
import { formatDate, parseDate } from '../../lib/calendar.ts';
import { AppError } from '../../lib/errors.ts';
import { LANGUAGES } from '../../lib/messages.ts';
import { localOf, openZone } from '../../policy/time-zone.ts';
import { DEFAULT_LANGUAGE } from '../../store/canonical-household.ts';
import { ProfileSchema, SubscriberSchema } from '../../store/document.ts';
import type { StoredSubscriber } from '../../store/records.ts';
import type { ControlPlane } from '../../supervisor/control-plane-contract.ts';
import type { ApiInstance } from '../api-instance.ts';
import { invalidCursor, PAGE_ITEMS, pageOf, pageQuery, toPage } from '../paging.ts';
import { findProfile, readSubscriber } from './profiles.ts';

const DAYS_SHOWN = 7;

const profileOrNull = Type.Union([Type.String(), Type.Null()], {
  description: "null: the household's own",
});

const EntrySchema = Type.Object({
  id: Type.String(),
  at: Type.String({ description: 'RFC 3339' }),
  profile: profileOrNull,
  name: Type.String(),
  type: Type.String(),
  outcome: Type.Enum(['passed', 'blocked']),
  row: Type.Integer({ description: 'of the order of decision' }),
  verdictClass: Type.Enum(['none', 'law', 'operator', 'policy']),
  category: Type.Union([Type.String(), Type.Null()]),
  client: Type.Union([Type.String(), Type.Null()], { description: 'a keyed hash' }),
});

const day = Type.String({ description: "a date of the household's zone" });

const StatisticsSchema = Type.Object({
  day,
  profile: profileOrNull,
  passed: Type.Integer(),
  blocked: Type.Integer(),
  firstMinute: Type.Integer({ description: 'since midnight' }),
  lastMinute: Type.Integer({ description: 'since midnight' }),
  blockedByCategory: Type.Record(Type.String(), Type.Integer()),
  topBlocked: Type.Array(Type.Object({ name: Type.String(), count: Type.Integer() })),
});

const SignSchema = Type.Object({
  day,
  profile: profileOrNull,
  bypass: Type.Integer({ description: 'queries for names of category bypass' }),
  canaries: Type.Integer(),
  tunnelMinutes: Type.Integer(),
  silence: Type.Union([
    Type.Object({ fromHour: Type.Integer(), untilHour: Type.Integer() }),
    Type.Null(),
  ]),
  sentence: Type.Union([Type.String(), Type.Null()], { description: 'for the parent' }),
});

const UsageSchema = Type.Object({
  day,
  budgets: Type.Array(
    Type.Object({
      target: Type.String(),
      minutes: Type.Integer(),
      minutesPerDay: Type.Integer(),
      isEstimate: Type.Literal(true, { description: 'estimated from DNS queries' }),
    }),
  ),
});

const rows = Type.Object({
  log: Type.Integer(),
  statistics: Type.Integer(),
  radar: Type.Integer(),
  budgets: Type.Integer(),
  requests: Type.Integer({ description: 'what was asked for, open or answered' }),
});

const HouseholdParams = Type.Object({ id: SubscriberSchema.properties.id });
const ofProfile = {
  profile: Type.Optional(
    Type.String({
      pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$',
      description: 'only of this profile; left out: of the whole household',
    }),
  ),
};

const LogQuerySchema = Type.Object({ ...pageQuery, ...ofProfile }, { additionalProperties: false });

const date = Type.String({ description: `YYYY-MM-DD; default: the last ${DAYS_SHOWN} days` });
const DaysQuerySchema = Type.Object(
  { ...ofProfile, from: Type.Optional(date), to: Type.Optional(date) },
  { additionalProperties: false },
);

const RadarQuerySchema = Type.Object(
  {
    ...DaysQuerySchema.properties,
    language: Type.Optional(Type.Enum([...LANGUAGES], { description: "default: the household's" })),
  },
  { additionalProperties: false },
);

const tags = ['records'];
const HOUSEHOLD = '/api/v1/subscribers/:id';
const config = { access: 'operator' } as const;

export function addRecordRoutes(
  app: ApiInstance,
  controlPlane: ControlPlane,
  wallMs: () => number,
): void {
  app.get(
    `${HOUSEHOLD}/log`,
    {
      schema: {
        tags,
        description: 'Newest first: only what the log levels of the profiles let be kept.',
        params: HouseholdParams,
        querystring: LogQuerySchema,
        response: { 200: pageOf(EntrySchema) },
      },
      config,
    },
    async (request) => {
      const { limit = PAGE_ITEMS, after = '', profile } = request.query;
      if (after !== '' && !/^\d{1,15}-\d{1,15}$/.test(after)) throw invalidCursor(after);
      const { record } = await readSubscriber(controlPlane, request.params.id);
      const whose = whoseOf(record, profile);
      const entries = await controlPlane.queryLog.readLog({ ...whose, after, limit });
      const items = entries.map((one) => ({ ...one, at: new Date(one.at * 1000).toISOString() }));
      return toPage(items, limit, (one) => one.id);
    },
  );
  addDayRoutes(app, controlPlane, wallMs);
  app.delete(
    `${HOUSEHOLD}/records`,
    {
      schema: {
        tags,
        description:
          'Deletes all that is written down of the household or of one profile, from the file of the log too, and counts the rows that were there and that are left. A budget that is used up stays so for the day.',
        params: HouseholdParams,
        querystring: Type.Object(ofProfile, { additionalProperties: false }),
        response: { 200: Type.Object({ before: rows, after: rows }) },
      },
      config,
    },
    async (request) => {
      const { record } = await readSubscriber(controlPlane, request.params.id);
      const { subscriber, profile } = whoseOf(record, request.query.profile);
      const { store, queryLog } = controlPlane;
      const { actor } = request;
      const deletion = { subscriber, profile: profile ?? null };
      const numbers = await numbersOf(controlPlane, subscriber, profile);
      await store.households.beginDeletion(deletion, { actor });
      const counts = await queryLog.deleteProfileData(numbers);
      return store.households.finishDeletion(deletion, counts, { actor });
    },
  );
}

function addDayRoutes(app: ApiInstance, controlPlane: ControlPlane, wallMs: () => number): void {
  app.get(
    `${HOUSEHOLD}/statistics`,
    {
      schema: {
        tags,
        params: HouseholdParams,
        querystring: DaysQuerySchema,
        response: { 200: Type.Object({ items: Type.Array(StatisticsSchema) }) },
      },
      config,
    },
    async (request) => {
      const stored = await readSubscriber(controlPlane, request.params.id);
      const whose = whoseOf(stored.record, request.query.profile);
      const days = daysOf(request.query, todayOf(stored, wallMs()));
      const statistics = await controlPlane.queryLog.readStatistics({ ...whose, ...days });
      return { items: statistics.map((one) => ({ ...one, day: formatDate(one.day) })) };
    },
  );
  app.get(
    `${HOUSEHOLD}/radar`,
    {
      schema: {
        tags,
        description: 'Signs of ways round the filter. Nothing follows from them but a sentence.',
        params: HouseholdParams,
        querystring: RadarQuerySchema,
        response: { 200: Type.Object({ items: Type.Array(SignSchema) }) },
      },
      config,
    },
    async (request) => {
      const stored = await readSubscriber(controlPlane, request.params.id);
      const { profile, language = stored.record.language ?? DEFAULT_LANGUAGE } = request.query;
      const whose = whoseOf(stored.record, profile);
      const days = daysOf(request.query, todayOf(stored, wallMs()));
      const signs = await controlPlane.queryLog.readRadar({ ...whose, ...days, language });
      return { items: signs.map((one) => ({ ...one, day: formatDate(one.day) })) };
    },
  );
  app.get(
    `${HOUSEHOLD}/profiles/:profile/usage`,
    {
      schema: {
        tags,
        description: 'Minutes of its budgets used today.',
        params: Type.Object({
          ...HouseholdParams.properties,
          profile: ProfileSchema.properties.id,
        }),
        response: { 200: UsageSchema },
      },
      config,
    },
    async (request) => {
      const { id, profile } = request.params;
      const stored = await readSubscriber(controlPlane, id);
      findProfile(stored.record, profile);
      const today = todayOf(stored, wallMs());
      const [number = -1] = await numbersOf(controlPlane, id, profile);
      return { day: formatDate(today), budgets: await controlPlane.queryLog.usage(number, today) };
    },
  );
}

/** @throws AppError `RESOURCE_UNKNOWN` */
function whoseOf(record: StoredSubscriber['record'], profile: string | undefined) {
  if (profile === undefined) return { subscriber: record.id };
  return { subscriber: record.id, profile: findProfile(record, profile).id };
}

async function numbersOf(
  { store }: ControlPlane,
  subscriber: string,
  profile: string | undefined,
): Promise<number[]> {
  const numbers = await store.profileNumbers(subscriber);
  if (profile === undefined) return [...numbers.values()];
  const number = numbers.get(profile);
  return number === undefined ? [] : [number];
}

/** Days since 1970-01-01 in the household's zone. */
function todayOf({ record }: StoredSubscriber, wallMs: number): number {
  return localOf(openZone(record.timezone), Math.floor(wallMs / 1000)).day;
}

/** @throws AppError `REQUEST_INVALID` */
function daysOf(
  query: { readonly from?: string; readonly to?: string },
  today: number,
): { from: number; to: number } {
  const to = query.to === undefined ? today : dayOf('to', query.to);
  const from = query.from === undefined ? to - DAYS_SHOWN + 1 : dayOf('from', query.from);
  if (from <= to) return { from, to };
  throw new AppError(
    'REQUEST_INVALID',
    `from: ${formatDate(from)} is after to, ${formatDate(to)}; valid: the same day or one before`,
  );
}

function dayOf(field: string, text: string): number {
  const parsed = parseDate(text);
  if (parsed !== null) return parsed;
  throw new AppError(
    'REQUEST_INVALID',
    `${field}: there is no date ${JSON.stringify(text)}; valid: such as 2027-02-28`,
  );
}
