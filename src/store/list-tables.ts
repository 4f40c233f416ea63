/**
 * The tables of versions, states and entries of lists: the third step of `migrations.ts`, which is
 * never changed either. What a list holds already becomes its version 1.
 *
 * `list_states` is what a source remembers from one fetch to the next: no policy, no audit.
 */

export const LIST_TABLES = [
  `alter table lists add column settings text`,
  `create table list_versions (
     list text not null references lists (id) on delete cascade,
     number integer not null check (number > 0),
     content_sha256 text not null,
     format text not null,
     report text not null,
     findings text,
     reasons text not null,
     state text not null check (state in ('in-force', 'held', 'rejected', 'past', 'replaced')),
     source text not null,
     actor text not null,
     approvals text not null,
     created_at text not null,
     installed_at text,
     decided_by text,
     decided_at text,
     primary key (list, number)
   ) strict, without rowid`,
  `create unique index list_version_in_force on list_versions (list) where state = 'in-force'`,
  `create unique index list_version_held on list_versions (list) where state = 'held'`,
  `insert into list_versions (list, number, content_sha256, format, report, reasons, state, source,
       actor, approvals, created_at, installed_at)
     select id, 1, content_sha256, format, report, '[]', 'in-force', 'apply',
       coalesce(actor, 'offline'), '{"authors":[],"approvers":[]}', moment, moment
     from (
       select lists.*, audit.actor,
         coalesce(audit.at, strftime('%Y-%m-%dT%H:%M:%fZ', 'now')) as moment
       from lists
       left join (
         select resource as list, max(sequence) as newest from audit where kind = 'list' group by resource
       ) on list = lists.id
       left join audit on audit.sequence = newest
     )`,
  `create table list_states (
     list text primary key references lists (id) on delete cascade,
     state text not null
   ) strict, without rowid`,
  `create table list_entries (
     list text not null references lists (id) on delete cascade,
     name text not null,
     comment text not null,
     expires_at integer,
     added_by text not null,
     added_at integer not null,
     primary key (list, name)
   ) strict, without rowid`,
  `create index list_entries_by_expiry on list_entries (expires_at) where expires_at is not null`,
  `create table approved_names (
     list text not null references lists (id) on delete cascade,
     name text not null,
     actor text not null,
     at text not null,
     primary key (list, name)
   ) strict, without rowid`,
];

/** The fifth step: versions that were there already have the scope of their list. */
export const LIST_SCOPES = [
  `alter table list_versions add column scope text not null default ''`,
  `update list_versions set scope = (
     select json_object(
       'category', category,
       'subdomains', json(case covers_subdomains when 1 then 'true' when 0 then 'false' else 'null' end),
       'except', json(coalesce(json_extract(settings, '$.except'), '[]'))
     ) from lists where id = list
   )`,
];

/** The sixth step: what a sealed list had in force already, and where an uploaded content came from. */
export const LIST_MEMORY = [
  `alter table lists add column last_serial integer`,
  `update lists set last_serial = (
     select max(json_extract(report, '$.sealed.serial')) from list_versions
     where list = id and installed_at is not null
   )`,
  `alter table list_versions add column origin text not null default ''`,
  `update list_versions set origin = (select origin from lists where id = list)`,
];
