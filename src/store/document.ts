/**
 * The one document of `apply` and `export`, and with it the shape of every resource in the API: the
 * TypeBox schemas are the types, the validation and the OpenAPI text.
 */

import { type Static, Type } from 'typebox';
import { LIST_FORMAT_NAMES } from '../blocklist/formats/list-format.ts';
import { LANGUAGES } from '../lib/messages.ts';
import { humanText } from './human-text.ts';

export const BLOCKING_MODES = ['nxdomain', 'nodata', 'zero', 'address', 'refused'] as const;
export type BlockingModeName = (typeof BLOCKING_MODES)[number];

export const VERDICT_CLASSES = ['law', 'operator', 'policy'] as const;

/** An hour is plenty for a cap; a day is what caches keep at most. */
const TTL_SECONDS_MAX = 86_400;
/** Rules are for a household's own exceptions; longer lists belong into `lists`. */
const RULES_MAX = 10_000;
const ADDRESSES_MAX = 1_000;
const SCHEDULES_MAX = 100;
export const SCHEDULE_DATES_MAX = 400;
/** Of one profile, plan or household in all: each state of the day holds those that are blocked in it. */
export const SCHEDULE_NAMES_MAX = 1_000;

export const ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$';
export const SUBSCRIBER_ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._:@+=-]{0,127}$';
export const SHA256_PATTERN = '^[0-9a-f]{64}$';

const id = Type.String({
  pattern: ID_PATTERN,
  description: 'letters, digits, ".", "_", "-"; 64 characters at most',
});

const nameText = Type.String({ minLength: 1, maxLength: 1_000 });

const names = Type.Array(nameText, {
  maxItems: RULES_MAX,
  description: 'domain names; each covers everything below it',
});

const allowedNames = Type.Array(
  Type.Union([
    nameText,
    Type.Object({ name: nameText, always: Type.Boolean() }, { additionalProperties: false }),
  ]),
  {
    maxItems: RULES_MAX,
    description: 'domain names; "{ name, always: true }" also while the internet is off',
  },
);

const categoryIds = Type.Array(
  Type.String({ pattern: '^(service:)?[A-Za-z0-9][A-Za-z0-9._-]{0,63}$' }),
  { maxItems: 256, description: 'ids of categories, and of services as service:ID' },
);

/** From the least to the most. */
export const LOG_LEVELS = ['nothing', 'counts', 'blocked', 'all'] as const;
export type LogLevelName = (typeof LOG_LEVELS)[number];
export const AGE_PRESETS = ['6-9', '10-13', '14-16', '16-18'] as const;
export type AgePreset = (typeof AGE_PRESETS)[number];
export const WEEKDAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'] as const;
/** From the least to the most. */
export const YOUTUBE_LEVELS = ['off', 'moderate', 'strict'] as const;
export type YoutubeLevel = (typeof YOUTUBE_LEVELS)[number];
/** What a plan may leave to the household. */
export const HOUSEHOLD_SETTINGS = [
  'profiles',
  'categories',
  'names',
  'schedules',
  'safeSearch',
  'budgets',
  'grants',
  'log',
] as const;
export type HouseholdSetting = (typeof HOUSEHOLD_SETTINGS)[number];

const logLevel = Type.Enum([...LOG_LEVELS]);

export const SafeSearchSchema = Type.Object(
  {
    all: Type.Optional(Type.Boolean({ description: 'every engine that has a safe mode' })),
    engines: Type.Optional(
      Type.Record(id, Type.Boolean(), { description: 'engines by id, such as google: false' }),
    ),
    youtube: Type.Optional(Type.Enum([...YOUTUBE_LEVELS])),
    blockUnsafe: Type.Optional(
      Type.Boolean({ description: 'block engines that cannot be made safe' }),
    ),
  },
  { additionalProperties: false },
);

const target = Type.String({
  maxLength: 80,
  description: 'internet, category:ID, service:ID, names or safe-search',
});

const date = '[0-9]{4}-[0-9]{2}-[0-9]{2}';

export const ScheduleSchema = Type.Object(
  {
    target,
    days: Type.Optional(Type.Array(Type.Enum([...WEEKDAYS]), { minItems: 1, maxItems: 7 })),
    dates: Type.Optional(
      Type.Array(
        Type.String({
          pattern: `^${date}(/${date})?$`,
          description: 'a date, or first/last date with both included',
        }),
        { minItems: 1, maxItems: SCHEDULE_DATES_MAX },
      ),
    ),
    from: Type.String({ pattern: '^[0-9]{2}:[0-9]{2}$', description: 'HH:MM' }),
    to: Type.String({ pattern: '^[0-9]{2}:[0-9]{2}$', description: 'HH:MM; may be 24:00' }),
    names: Type.Optional(names),
    safeSearch: Type.Optional(SafeSearchSchema),
  },
  { additionalProperties: false },
);

export const BudgetSchema = Type.Object(
  {
    target: Type.String({ maxLength: 80, description: 'internet, category:ID or service:ID' }),
    minutesPerDay: Type.Integer({ minimum: 1, maximum: 1439 }),
  },
  { additionalProperties: false },
);

const schedules = Type.Array(ScheduleSchema, { maxItems: SCHEDULES_MAX });
const budgets = Type.Array(BudgetSchema, { maxItems: 50 });

/** What a household or one of its profiles may set. */
const settings = {
  block: Type.Optional(categoryIds),
  open: Type.Optional(categoryIds),
  allow: Type.Optional(allowedNames),
  deny: Type.Optional(names),
  allowListOnly: Type.Optional(Type.Boolean()),
  safeSearch: Type.Optional(SafeSearchSchema),
  schedules: Type.Optional(schedules),
  log: Type.Optional(logLevel),
};

export const DeviceSchema = Type.Object(
  {
    mac: Type.Optional(Type.String({ maxLength: 17 })),
    address: Type.Optional(Type.String({ maxLength: 45 })),
    clientId: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$' })),
  },
  {
    additionalProperties: false,
    minProperties: 1,
    maxProperties: 1,
    description: 'one of mac, address, clientId',
  },
);

export const ProfileSchema = Type.Object(
  {
    id,
    name: Type.Optional(humanText({ minLength: 1, maxLength: 100 })),
    age: Type.Optional(Type.Enum([...AGE_PRESETS])),
    devices: Type.Optional(Type.Array(DeviceSchema, { maxItems: 100 })),
    ...settings,
    budgets: Type.Optional(budgets),
  },
  { additionalProperties: false },
);

export const CategorySchema = Type.Object(
  {
    id,
    class: Type.Optional(Type.Enum([...VERDICT_CLASSES])),
    title: Type.Optional(humanText({ maxLength: 60 })),
    edeCode: Type.Optional(
      Type.Enum([15, 16], { description: 'Extended DNS Error of a law category; default 16' }),
    ),
    neverReport: Type.Optional(
      Type.Boolean({ description: 'no log and no statistic shows its names' }),
    ),
    helpline: Type.Optional(
      Type.Boolean({ description: 'a block carries the local helpline: self-harm, abuse' }),
    ),
  },
  { additionalProperties: false },
);

const address = Type.String({ minLength: 1, maxLength: 2_000, description: 'an https:// address' });
const percent = Type.Integer({ minimum: 0, maximum: 100 });

const ListGateSchema = Type.Object(
  {
    shrinkPercentMax: Type.Optional(percent),
    growthPercentMax: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000 })),
    badPercentMax: Type.Optional(percent),
    urgent: Type.Optional(
      Type.Boolean({
        description: 'of a mandatory list: neither growth nor popular names hold an update back',
      }),
    ),
  },
  { additionalProperties: false, description: 'what holds an update back' },
);

const ListTransferSchema = Type.Object(
  {
    zone: nameText,
    primaries: Type.Array(Type.String({ maxLength: 53 }), {
      minItems: 1,
      maxItems: 8,
      description: 'addresses such as 192.0.2.1 or 192.0.2.1:5353',
    }),
    tsigKey: Type.Optional(
      Type.String({ pattern: ID_PATTERN, description: 'its id in the configuration' }),
    ),
  },
  { additionalProperties: false, description: 'an RPZ zone, taken by AXFR and IXFR' },
);

/** Longer lists belong into files. */
const LIST_EXCEPT_MAX = 10_000;
/** With fewer there is nothing to go back to. */
const VERSIONS_KEPT_MIN = 2;
const VERSIONS_KEPT_MAX = 100;
const UPDATE_SECONDS_MIN = 300;
const UPDATE_SECONDS_MAX = 31 * 86_400;

export const ListSchema = Type.Object(
  {
    id,
    category: id,
    contentSha256: Type.Optional(
      Type.String({ pattern: SHA256_PATTERN, description: 'SHA-256 of an uploaded content' }),
    ),
    path: Type.Optional(Type.String({ description: 'only for the CLI, which uploads the file' })),
    url: Type.Optional(address),
    mirrors: Type.Optional(
      Type.Array(address, { maxItems: 8, description: 'asked in order where url fails' }),
    ),
    allowHttp: Type.Optional(Type.Boolean({ description: 'http:// is taken too' })),
    updateSeconds: Type.Optional(
      Type.Integer({
        minimum: UPDATE_SECONDS_MIN,
        maximum: UPDATE_SECONDS_MAX,
        description: 'how often url is asked; default a day',
      }),
    ),
    file: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 1_000,
        description: 'a file of the server, below a folder of its configuration; watched',
      }),
    ),
    transfer: Type.Optional(ListTransferSchema),
    own: Type.Optional(Type.Boolean({ description: 'its entries are kept by API and CLI' })),
    sealed: Type.Optional(
      Type.Boolean({ description: 'a sealed file: digests of names in place of names' }),
    ),
    gate: Type.Optional(ListGateSchema),
    versionsKept: Type.Optional(
      Type.Integer({
        minimum: VERSIONS_KEPT_MIN,
        maximum: VERSIONS_KEPT_MAX,
        description: 'to go back to; default 5',
      }),
    ),
    approvals: Type.Optional(
      Type.Enum([1, 2], { description: '2: two people for each change of its content' }),
    ),
    except: Type.Optional(
      Type.Array(nameText, {
        maxItems: LIST_EXCEPT_MAX,
        description: 'corrections: names that are taken out of this list, and all below them',
      }),
    ),
    format: Type.Optional(Type.Enum([...LIST_FORMAT_NAMES])),
    subdomains: Type.Optional(
      Type.Boolean({ description: 'entries of a domains or hosts list cover subdomains too' }),
    ),
    origin: Type.Optional(humanText({ maxLength: 500, description: 'where it came from' })),
  },
  { additionalProperties: false },
);

export const PlanSchema = Type.Object(
  {
    id,
    title: Type.Optional(humanText({ maxLength: 200 })),
    block: Type.Optional(categoryIds),
    locked: Type.Optional(categoryIds),
    lockedOpen: Type.Optional(categoryIds),
    allow: Type.Optional(allowedNames),
    deny: Type.Optional(names),
    blockingMode: Type.Optional(Type.Enum([...BLOCKING_MODES])),
    blockAddress4: Type.Optional(Type.String({ description: 'for blockingMode address' })),
    blockAddress6: Type.Optional(Type.String({ description: 'for blockingMode address' })),
    maxTtlSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: TTL_SECONDS_MAX })),
    safeSearch: Type.Optional(SafeSearchSchema),
    schedules: Type.Optional(schedules),
    mayChange: Type.Optional(
      Type.Array(Type.Enum([...HOUSEHOLD_SETTINGS]), {
        description: 'what the household may change; default: everything',
      }),
    ),
    quotas: Type.Optional(
      Type.Object(
        {
          profiles: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000 })),
          rules: Type.Optional(Type.Integer({ minimum: 0, maximum: RULES_MAX })),
          schedules: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000 })),
        },
        { additionalProperties: false, description: 'of one household in all' },
      ),
    ),
    minor: Type.Optional(Type.Boolean({ description: 'made for children' })),
    failMode: Type.Optional(
      Type.Enum(['open', 'closed'], {
        description:
          'what holds where policies could not be renewed in time: closed, the last state; open, the plan without its schedules; default closed',
      }),
    ),
    log: Type.Optional(logLevel),
    logMax: Type.Optional(logLevel),
  },
  { additionalProperties: false },
);

export const SubscriberSchema = Type.Object(
  {
    id: Type.String({
      pattern: SUBSCRIBER_ID_PATTERN,
      description: 'letters, digits, "._:@+=-"; 128 characters at most',
    }),
    plan: Type.Optional(id),
    minor: Type.Optional(
      Type.Boolean({ description: 'a pool of unknown clients of a child tariff: the safest plan' }),
    ),
    timezone: Type.Optional(Type.String({ maxLength: 64, description: 'IANA zone; default UTC' })),
    language: Type.Optional(Type.Enum([...LANGUAGES], { description: 'of texts; default en' })),
    addresses: Type.Optional(
      Type.Array(Type.String({ maxLength: 49 }), {
        maxItems: ADDRESSES_MAX,
        description: 'IPv4 and IPv6 addresses or prefixes',
      }),
    ),
    cpeIds: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 128 }), { maxItems: 10 }),
    ),
    ...settings,
    profiles: Type.Optional(Type.Array(ProfileSchema, { maxItems: 1_000 })),
    defaultProfile: Type.Optional(
      Type.String({
        pattern: ID_PATTERN,
        description: 'of unknown devices; default: the household',
      }),
    ),
  },
  { additionalProperties: false },
);

export const ServiceSchema = Type.Object(
  {
    id,
    title: humanText({ minLength: 1, maxLength: 60 }),
    group: id,
    names: Type.Array(nameText, { minItems: 1, maxItems: 2_000 }),
    /** From which age people commonly let a child use it. */
    age: Type.Optional(Type.Integer({ minimum: 0, maximum: 21 })),
    cannotBlock: Type.Optional(humanText({ maxLength: 500 })),
    alsoBreaks: Type.Optional(humanText({ maxLength: 500 })),
    sources: Type.Optional(Type.Array(humanText({ maxLength: 500 }), { maxItems: 20 })),
    verifiedAt: Type.Optional(Type.Union([Type.Null(), Type.String({ pattern: `^${date}$` })])),
  },
  { additionalProperties: false },
);

export const DocumentSchema = Type.Object(
  {
    categories: Type.Optional(Type.Array(CategorySchema)),
    lists: Type.Optional(Type.Array(ListSchema)),
    services: Type.Optional(Type.Array(ServiceSchema)),
    plans: Type.Optional(Type.Array(PlanSchema)),
    subscribers: Type.Optional(Type.Array(SubscriberSchema)),
  },
  { additionalProperties: false },
);

export type CategoryDocument = Static<typeof CategorySchema>;
export type ListDocument = Static<typeof ListSchema>;
export type PlanDocument = Static<typeof PlanSchema>;
export type ServiceDocument = Static<typeof ServiceSchema>;
export type DeviceDocument = Static<typeof DeviceSchema>;
export type ProfileDocument = Static<typeof ProfileSchema>;
export type ScheduleDocument = Static<typeof ScheduleSchema>;
export type SafeSearchDocument = Static<typeof SafeSearchSchema>;
export type SubscriberDocument = Static<typeof SubscriberSchema>;
export type PolicyDocument = Static<typeof DocumentSchema>;

/** The sections of a document, in the order in which they refer to each other. */
export const RESOURCE_KINDS = ['category', 'list', 'service', 'plan', 'subscriber'] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

export const SECTION_OF = {
  category: 'categories',
  list: 'lists',
  service: 'services',
  plan: 'plans',
  subscriber: 'subscribers',
} as const satisfies Record<ResourceKind, keyof PolicyDocument>;
