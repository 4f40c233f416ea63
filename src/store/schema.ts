/**
 * The tables as Kysely sees them; `migrations.ts` makes them. Rows are what people set; images are
 * compiled from them and never stored here.
 *
 *     categories 1──n lists          plans 1──n subscribers 1──n addresses
 *          └──n plan_categories n──1 ┘  └──n rules ──n┘      └──n sessions (not policy: no audit)
 *     tokens    audit (hash chain)    idempotency    meta (revision and marks of first start)
 *
 * Numbers (`plans.number`, `subscribers.number`) are internal, stable and never given out twice; a
 * subscriber's number is its profile number in the images. `revision` is that of the last change of
 * a row: its ETag.
 */

import type { ColumnType, Generated, Kysely, Selectable } from 'kysely';

export type VerdictClassName = 'law' | 'operator' | 'policy';
export type Role = 'admin' | 'operator' | 'editor' | 'reader';
export type RuleAction = 'allow' | 'deny';
export type RuleOwnerKind = 'plan' | 'subscriber';

interface MetaTable {
  key: string;
  value: string;
}

interface CategoryTable {
  id: string;
  /** Place in the 256-bit masks. */
  bit: number;
  class: VerdictClassName;
  title: string;
  ede_code: number | null;
  revision: number;
}

interface ListTable {
  id: string;
  category: string;
  format: string;
  /** 1 where the document named the format, 0 where it was detected. */
  is_format_given: number;
  /** Whether entries cover subdomains too; null = as the format does. */
  covers_subdomains: number | null;
  /** Where it came from, for people: a path, `builtin`. */
  origin: string;
  content_sha256: string;
  /** `ListReport` of the content as JSON. */
  report: string;
  revision: number;
}

interface PlanTable {
  number: Generated<number>;
  id: string;
  title: string;
  blocking_mode: string;
  block_address4: string | null;
  block_address6: string | null;
  max_ttl_seconds: number | null;
  revision: number;
}

interface PlanCategoryTable {
  plan: number;
  category: string;
  is_locked: number;
}

interface RuleTable {
  owner_kind: RuleOwnerKind;
  owner: number;
  action: RuleAction;
  /** Canonical text: lower case, A-labels, no trailing dot. */
  name: string;
}

interface SubscriberTable {
  number: Generated<number>;
  id: string;
  plan: number;
  timezone: string;
  /** 1 for the seeded catch-all; its addresses give way to what a document names. */
  is_builtin: number;
  revision: number;
}

interface AddressTable {
  /** 16 octets of the network address in its IPv6 form, then 1 octet of prefix length. */
  prefix: Uint8Array;
  subscriber: number;
}

interface SessionTable {
  prefix: Uint8Array;
  subscriber: number;
  /** Seconds since the Unix epoch. */
  expires_at: number;
}

interface TokenTable {
  id: string;
  role: Role;
  /** SHA-256 of the secret in hexadecimal. */
  hash: string;
  created_at: string;
}

interface AuditTable {
  sequence: Generated<number>;
  revision: number;
  at: string;
  actor: string;
  action: string;
  kind: string;
  resource: string;
  before: string | null;
  after: string | null;
  previous_hash: string;
  hash: string;
}

interface IdempotencyTable {
  key: string;
  /** SHA-256 of what was asked, so that a key cannot be used for something else. */
  digest: string;
  response: string;
  created_at: ColumnType<number, number, never>;
}

export interface Tables {
  meta: MetaTable;
  categories: CategoryTable;
  lists: ListTable;
  plans: PlanTable;
  plan_categories: PlanCategoryTable;
  rules: RuleTable;
  subscribers: SubscriberTable;
  addresses: AddressTable;
  sessions: SessionTable;
  tokens: TokenTable;
  audit: AuditTable;
  idempotency: IdempotencyTable;
}

/** The database or a transaction on it. */
export type Db = Kysely<Tables>;

export type PlanRow = Selectable<PlanTable>;
export type SubscriberRow = Selectable<SubscriberTable>;
export type AuditRow = Selectable<AuditTable>;
