/**
 * The tables as Kysely sees them; `migrations.ts` makes them. Rows are what people set; images are
 * compiled from them and never stored here.
 *
 *     categories 1──n lists          plans 1──n subscribers 1──n addresses, cpe_ids
 *      │   └──n plan_categories n──1 ┘  └──n rules ──n┘ │     └──n sessions (not policy: no audit)
 *      └─1 services                                     └──n profiles 1──n rules, devices
 *     grants, requests, budget_days (of a household or profile; they end by themselves)
 *     appeals (of the over-blocking desk; about names, of nobody)
 *     list_versions, list_entries, approved_names, list_states (of a list; a state is no policy)
 *     tokens    audit (hash chain)    idempotency    meta (revision, numbers, marks of first start)
 *
 * Numbers (`plans.number`, `subscribers.number`, `profiles.number`) are internal, stable and never
 * given out twice. Subscribers and profiles take theirs from one counter: both are profile numbers in
 * the images, a subscriber's being that of the household itself. `settings` is canonical JSON, null
 * where nothing is set. `revision` is that of the last change of a row: its ETag.
 */

import type { ColumnType, Generated, Kysely, Selectable } from 'kysely';

export type VerdictClassName = 'law' | 'operator' | 'policy';
export type Role = 'admin' | 'operator' | 'editor' | 'reader';
export type RuleAction = 'allow' | 'deny';
export type RuleOwnerKind = 'plan' | 'subscriber' | 'profile';
export type DeviceKind = 'mac' | 'address' | 'clientId';
export type RequestState = 'open' | 'approved' | 'denied';
export type AppealState = 'open' | 'accepted' | 'denied';
/** `replaced`: it was held until a newer one came. */
export type ListVersionState = 'in-force' | 'held' | 'rejected' | 'past' | 'replaced';

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
  is_never_reported: number;
  has_helpline: number;
  revision: number;
}

interface ServiceTable {
  /** `service:ID`, the category that the service is to the engine. */
  category: string;
  /** `ServiceRecord` as JSON. */
  record: string;
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
  /** Of the version in force; empty while there is none. */
  content_sha256: string;
  /** `ListReport` of the content as JSON. */
  report: string;
  /** The highest of a sealed content that was ever in force; its version may be kept no longer. */
  last_serial: number | null;
  /** `ListSettings`. */
  settings: string | null;
  revision: number;
}

interface ListVersionTable {
  list: string;
  /** From 1, never given out twice. */
  number: number;
  /** Empty: an own list without entries. */
  content_sha256: string;
  format: string;
  /** `ListReport`, `GateFindings` or null, and words of the gate, as JSON. */
  report: string;
  findings: string | null;
  reasons: string;
  state: ListVersionState;
  /** Where it came from, for people. */
  source: string;
  /** As of its list. */
  origin: string;
  actor: string;
  /** `Approvals`. */
  approvals: string;
  created_at: string;
  /** When it last came into force; null = never. */
  installed_at: string | null;
  /** Who approved it last, rejected it or went back to it. */
  decided_by: string | null;
  decided_at: string | null;
  /** `ListScope` as JSON. */
  scope: string;
}

interface ListStateTable {
  list: string;
  /** `ListState` as JSON. */
  state: string;
}

interface ListEntryTable {
  list: string;
  /** Canonical text, as of rules. */
  name: string;
  comment: string;
  /** Seconds since the Unix epoch; null = it stays. */
  expires_at: number | null;
  added_by: string;
  added_at: number;
}

interface ApprovedNameTable {
  list: string;
  name: string;
  actor: string;
  at: string;
}

interface PlanTable {
  number: Generated<number>;
  id: string;
  title: string;
  blocking_mode: string;
  block_address4: string | null;
  block_address6: string | null;
  max_ttl_seconds: number | null;
  /** `PlanSettings`. */
  settings: string | null;
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
  /** 1 where it holds while the internet is off; only of `allow`. */
  is_always: number;
}

interface SubscriberTable {
  number: number;
  id: string;
  /** Null for a pool: it gets the safest plan. */
  plan: number | null;
  timezone: string;
  /** `HouseholdSettings`. */
  settings: string | null;
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

interface ProfileTable {
  number: number;
  subscriber: number;
  id: string;
  /** In the order of the document. */
  place: number;
  /** `ProfileSettings`. */
  settings: string;
}

interface DeviceTable {
  subscriber: number;
  kind: DeviceKind;
  /** 6 octets of a MAC; 16 of an address; UTF-8 of a client id. */
  key: Uint8Array;
  profile: number;
}

interface CpeIdTable {
  cpe_id: string;
  subscriber: number;
}

interface GrantTable {
  id: string;
  kind: 'grant' | 'pause';
  subscriber: number;
  /** Null = the whole household. */
  profile: number | null;
  /** `TargetRecord` as JSON. */
  target: string;
  /** Seconds since the Unix epoch, as all that follow. */
  from_second: number;
  until_second: number;
  why: string;
  who: string;
  created_at: number;
}

interface RequestTable {
  id: string;
  subscriber: number;
  /** Null = the household. */
  profile: number | null;
  /** `TargetRecord` as JSON. */
  target: string;
  message: string;
  created_at: number;
  state: RequestState;
  answered_by: string | null;
  answered_at: number | null;
  grant_id: string | null;
}

/** Of the over-blocking desk; strangers write here. */
interface AppealTable {
  id: string;
  name: string;
  category: string;
  message: string;
  contact: string | null;
  /** Seconds since the Unix epoch. */
  created_at: number;
  state: AppealState;
  answer: string | null;
  answered_by: string | null;
  answered_at: number | null;
}

interface BudgetDayTable {
  profile: number;
  target: string;
  /** Days since 1970-01-01, of the household's zone. */
  day: number;
  /** 1,440 bits, the minutes of the day by wall clock. */
  minutes: Uint8Array;
  /** The limit that was noted as used up; null while it is not. */
  used_up_limit: number | null;
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
  list_versions: ListVersionTable;
  list_states: ListStateTable;
  list_entries: ListEntryTable;
  approved_names: ApprovedNameTable;
  plans: PlanTable;
  plan_categories: PlanCategoryTable;
  rules: RuleTable;
  subscribers: SubscriberTable;
  addresses: AddressTable;
  sessions: SessionTable;
  services: ServiceTable;
  profiles: ProfileTable;
  devices: DeviceTable;
  cpe_ids: CpeIdTable;
  grants: GrantTable;
  requests: RequestTable;
  appeals: AppealTable;
  budget_days: BudgetDayTable;
  tokens: TokenTable;
  audit: AuditTable;
  idempotency: IdempotencyTable;
}

/** The database or a transaction on it. */
export type Db = Kysely<Tables>;

export type ListVersionRow = Selectable<ListVersionTable>;
export type ListEntryRow = Selectable<ListEntryTable>;
export type PlanRow = Selectable<PlanTable>;
export type SubscriberRow = Selectable<SubscriberTable>;
export type AppealRow = Selectable<AppealTable>;
export type AuditRow = Selectable<AuditTable>;
