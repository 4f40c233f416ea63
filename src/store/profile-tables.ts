/**
 * The tables of profiles, devices, services and of what ends by itself: the second step of
 * `migrations.ts`, which is never changed either.
 *
 * `subscribers` is made anew, since a pool has no plan; and with it all that refers to it, because
 * dropping a table takes away the rows that refer to its rows.
 */

export const PROFILE_TABLES = [
  `alter table categories add column is_never_reported integer not null default 0
     check (is_never_reported in (0, 1))`,
  `alter table categories add column has_helpline integer not null default 0
     check (has_helpline in (0, 1))`,
  `alter table plans add column settings text`,
  `create table services (
     category text primary key references categories (id) on delete cascade,
     record text not null,
     revision integer not null
   ) strict, without rowid`,

  `create table subscribers_new (
     number integer primary key,
     id text not null unique,
     plan integer references plans (number),
     timezone text not null,
     settings text,
     is_builtin integer not null check (is_builtin in (0, 1)),
     revision integer not null
   ) strict`,
  `insert into subscribers_new (number, id, plan, timezone, is_builtin, revision)
     select number, id, plan, timezone, is_builtin, revision from subscribers order by number`,
  `create table addresses_new (
     prefix blob primary key check (length(prefix) = 17),
     subscriber integer not null references subscribers_new (number) on delete cascade
   ) strict, without rowid`,
  `insert into addresses_new select prefix, subscriber from addresses order by prefix`,
  `create table sessions_new (
     prefix blob primary key check (length(prefix) = 17),
     subscriber integer not null references subscribers_new (number) on delete cascade,
     expires_at integer not null
   ) strict, without rowid`,
  `insert into sessions_new select prefix, subscriber, expires_at from sessions order by prefix`,
  `insert into meta (key, value) values ('nextProfileNumber', (
     select cast(1 + max(
       coalesce((select max(number) from subscribers), 0),
       coalesce((select seq from sqlite_sequence where name = 'subscribers'), 0)
     ) as text)
   ))`,
  `drop table addresses`,
  `drop table sessions`,
  `drop table subscribers`,
  `alter table subscribers_new rename to subscribers`,
  `alter table addresses_new rename to addresses`,
  `alter table sessions_new rename to sessions`,
  `create index subscribers_of_plan on subscribers (plan)`,
  `create index addresses_of_subscriber on addresses (subscriber)`,
  `create index sessions_of_subscriber on sessions (subscriber)`,
  `create index sessions_by_expiry on sessions (expires_at)`,

  `create table profiles (
     number integer primary key,
     subscriber integer not null references subscribers (number) on delete cascade,
     id text not null,
     place integer not null,
     settings text not null,
     unique (subscriber, id)
   ) strict`,
  `create table devices (
     subscriber integer not null references subscribers (number) on delete cascade,
     kind text not null check (kind in ('mac', 'address', 'clientId')),
     key blob not null,
     profile integer not null references profiles (number) on delete cascade,
     primary key (subscriber, kind, key)
   ) strict, without rowid`,
  `create index devices_of_profile on devices (profile)`,
  `create table cpe_ids (
     cpe_id text primary key,
     subscriber integer not null references subscribers (number) on delete cascade
   ) strict, without rowid`,
  `create index cpe_ids_of_subscriber on cpe_ids (subscriber)`,

  `create table rules_new (
     owner_kind text not null check (owner_kind in ('plan', 'subscriber', 'profile')),
     owner integer not null,
     action text not null check (action in ('allow', 'deny')),
     name text not null,
     is_always integer not null default 0 check (is_always in (0, 1)),
     primary key (owner_kind, owner, action, name)
   ) strict, without rowid`,
  `insert into rules_new (owner_kind, owner, action, name)
     select owner_kind, owner, action, name from rules`,
  `drop table rules`,
  `alter table rules_new rename to rules`,

  `create table grants (
     id text primary key,
     kind text not null check (kind in ('grant', 'pause')),
     subscriber integer not null references subscribers (number) on delete cascade,
     profile integer references profiles (number) on delete cascade,
     target text not null,
     from_second integer not null,
     until_second integer not null check (until_second > from_second),
     why text not null,
     who text not null,
     created_at integer not null
   ) strict, without rowid`,
  `create index grants_of_subscriber on grants (subscriber)`,
  `create index grants_of_profile on grants (profile)`,
  `create index grants_by_end on grants (until_second)`,
  `create table requests (
     id text primary key,
     subscriber integer not null references subscribers (number) on delete cascade,
     profile integer references profiles (number) on delete cascade,
     target text not null,
     message text not null,
     created_at integer not null,
     state text not null check (state in ('open', 'approved', 'denied')),
     answered_by text,
     answered_at integer,
     grant_id text
   ) strict, without rowid`,
  `create index requests_of_subscriber on requests (subscriber)`,
  `create index requests_of_profile on requests (profile)`,
  `create index requests_by_age on requests (created_at)`,
  `create table budget_days (
     profile integer not null references profiles (number) on delete cascade,
     target text not null,
     day integer not null,
     minutes blob not null check (length(minutes) = 180),
     used_up_limit integer,
     primary key (profile, target, day)
   ) strict, without rowid`,
];
