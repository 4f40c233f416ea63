/**
 * The one document of `apply` and `export`, and with it the shape of every resource in the API: the
 * TypeBox schemas are the types, the validation and the OpenAPI text.
 */

import { type Static, Type } from 'typebox';
import { LIST_FORMAT_NAMES } from '../blocklist/formats/list-format.ts';

export const BLOCKING_MODES = ['nxdomain', 'nodata', 'zero', 'address', 'refused'] as const;
export type BlockingModeName = (typeof BLOCKING_MODES)[number];

export const VERDICT_CLASSES = ['law', 'operator', 'policy'] as const;

/** An hour is plenty for a cap; a day is what caches keep at most. */
const TTL_SECONDS_MAX = 86_400;
/** Rules are for a household's own exceptions; longer lists belong into `lists`. */
const RULES_MAX = 10_000;
const ADDRESSES_MAX = 1_000;

export const ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$';
export const SUBSCRIBER_ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9._:@+=-]{0,127}$';
export const SHA256_PATTERN = '^[0-9a-f]{64}$';

const id = Type.String({
  pattern: ID_PATTERN,
  description: 'letters, digits, ".", "_", "-"; 64 characters at most',
});

const names = Type.Array(Type.String({ minLength: 1, maxLength: 1_000 }), {
  maxItems: RULES_MAX,
  description: 'domain names; each covers everything below it',
});

const categoryIds = Type.Array(id, { maxItems: 256, description: 'ids of categories' });

export const CategorySchema = Type.Object(
  {
    id,
    class: Type.Optional(Type.Enum([...VERDICT_CLASSES])),
    title: Type.Optional(Type.String({ maxLength: 60 })),
    edeCode: Type.Optional(
      Type.Enum([15, 16], { description: 'Extended DNS Error of a law category; default 16' }),
    ),
  },
  { additionalProperties: false },
);

export const ListSchema = Type.Object(
  {
    id,
    category: id,
    contentSha256: Type.Optional(
      Type.String({ pattern: SHA256_PATTERN, description: 'SHA-256 of an uploaded content' }),
    ),
    path: Type.Optional(Type.String({ description: 'only for the CLI, which uploads the file' })),
    url: Type.Optional(Type.String({ description: 'not yet supported' })),
    format: Type.Optional(Type.Enum([...LIST_FORMAT_NAMES])),
    subdomains: Type.Optional(
      Type.Boolean({ description: 'entries of a domains or hosts list cover subdomains too' }),
    ),
    origin: Type.Optional(Type.String({ maxLength: 500, description: 'where it came from' })),
  },
  { additionalProperties: false },
);

export const PlanSchema = Type.Object(
  {
    id,
    title: Type.Optional(Type.String({ maxLength: 200 })),
    block: Type.Optional(categoryIds),
    locked: Type.Optional(categoryIds),
    allow: Type.Optional(names),
    deny: Type.Optional(names),
    blockingMode: Type.Optional(Type.Enum([...BLOCKING_MODES])),
    blockAddress4: Type.Optional(Type.String({ description: 'for blockingMode address' })),
    blockAddress6: Type.Optional(Type.String({ description: 'for blockingMode address' })),
    maxTtlSeconds: Type.Optional(Type.Integer({ minimum: 1, maximum: TTL_SECONDS_MAX })),
  },
  { additionalProperties: false },
);

export const SubscriberSchema = Type.Object(
  {
    id: Type.String({
      pattern: SUBSCRIBER_ID_PATTERN,
      description: 'letters, digits, "._:@+=-"; 128 characters at most',
    }),
    plan: id,
    timezone: Type.Optional(Type.String({ maxLength: 64, description: 'IANA zone; default UTC' })),
    addresses: Type.Optional(
      Type.Array(Type.String({ maxLength: 49 }), {
        maxItems: ADDRESSES_MAX,
        description: 'IPv4 and IPv6 addresses or prefixes',
      }),
    ),
    allow: Type.Optional(names),
    deny: Type.Optional(names),
  },
  { additionalProperties: false },
);

export const DocumentSchema = Type.Object(
  {
    categories: Type.Optional(Type.Array(CategorySchema)),
    lists: Type.Optional(Type.Array(ListSchema)),
    plans: Type.Optional(Type.Array(PlanSchema)),
    subscribers: Type.Optional(Type.Array(SubscriberSchema)),
  },
  { additionalProperties: false },
);

export type CategoryDocument = Static<typeof CategorySchema>;
export type ListDocument = Static<typeof ListSchema>;
export type PlanDocument = Static<typeof PlanSchema>;
export type SubscriberDocument = Static<typeof SubscriberSchema>;
export type PolicyDocument = Static<typeof DocumentSchema>;

/** The sections of a document, in the order in which they refer to each other. */
export const RESOURCE_KINDS = ['category', 'list', 'plan', 'subscriber'] as const;
export type ResourceKind = (typeof RESOURCE_KINDS)[number];

export const SECTION_OF = {
  category: 'categories',
  list: 'lists',
  plan: 'plans',
  subscriber: 'subscribers',
} as const satisfies Record<ResourceKind, keyof PolicyDocument>;
