import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Kysely, Migrator, SqliteDialect } from 'kysely';
import Database from 'better-sqlite3';
import { expect, test } from 'vitest';
import { StoreDialect } from '../../src/store/database.ts';
import { MIGRATIONS } from '../../src/store/migrations.ts';
import { runAll, runMigrations } from '../../src/store/run-migrations.ts';
import { ACTOR, aContent, aDataFolder, aStore } from './support.ts';

const CONTENT = 'ab'.repeat(32);
const REPORT = JSON.stringify({ format: 'hosts', octets: 9, entries: 7, exceptions: 0 });

/** A database as the first release left it, with two subscribers, of three that there were. */
async function anOldDatabase(): Promise<string> {
  const folder = aDataFolder();
  mkdirSync(join(folder, 'lists'));
  chmodSync(folder, 0o700);
  const database = new Database(join(folder, 'stairgate.db'));
  database.pragma('foreign_keys = on');
  const db = new Kysely<unknown>({ dialect: new SqliteDialect({ database }) });
  const [first] = Object.entries(MIGRATIONS);
  const migrations = Object.fromEntries(first === undefined ? [] : [first]);
  const migrator = new Migrator({
    db,
    provider: { getMigrations: () => Promise.resolve(migrations) },
  });
  expect((await migrator.migrateToLatest()).error).toBeUndefined();
  const prefix = '00000000000000000000ffffc000020780';
  database.exec(`
    insert into categories values ('adult', 0, 'policy', 'Adult', null, 1);
    insert into plans (id, title, blocking_mode, revision) values ('kids', '', 'nxdomain', 1);
    insert into plan_categories values (1, 'adult', 0);
    insert into subscribers (id, plan, timezone, is_builtin, revision) values
      ('home-1', 1, 'UTC', 0, 1), ('home-2', 1, 'Europe/Minsk', 1, 2), ('gone', 1, 'UTC', 0, 3);
    delete from subscribers where id = 'gone';
    insert into addresses values (x'${prefix}', 1);
    insert into sessions values (x'${prefix}', 2, 9999999999);
    insert into rules values ('subscriber', 1, 'deny', 'a.example'), ('plan', 1, 'allow', 'b.example');
    insert into lists values ('a', 'adult', 'hosts', 1, 0, 'a.txt', '${CONTENT}', '${REPORT}', 2),
      ('b', 'adult', 'hosts', 1, 0, '', '${CONTENT}', '${REPORT}', 2);
    insert into audit (revision, at, actor, action, kind, resource, previous_hash, hash) values
      (1, '2026-01-01T03:04:05.000Z', 'boris', 'create', 'list', 'a', '', 'f'),
      (2, '2026-01-02T03:04:05.000Z', 'anna', 'update', 'list', 'a', 'f', 'g'),
      (3, '2026-01-03T03:04:05.000Z', 'carla', 'create', 'plan', 'a', 'g', 'h');
    insert or replace into meta values ('auditHead', '3 h'), ('revision', '3'), ('nextCategoryBit', '1');`);
  await db.destroy();
  return folder;
}

test('a database of the first release keeps all that was in it', async () => {
  const store = await aStore(await anOldDatabase());
  const home = { timezone: 'UTC', addresses: ['192.0.2.7/32'], deny: ['a.example'] };
  expect((await store.exportDocument()).subscribers).toEqual([
    { id: 'home-1', plan: 'kids', ...home },
    { id: 'home-2', plan: 'kids', timezone: 'Europe/Minsk', addresses: [] },
  ]);
  expect(await store.sessions.page({ after: '', limit: 9 })).toHaveLength(1);
  expect((await store.plans()).get('kids')?.record.allow).toEqual(['b.example']);
  expect((await store.subscriber('home-2'))?.isBuiltin).toBe(true);
  const tables = await store.db.introspection.getTables();
  expect(tables.filter(({ name }) => name.endsWith('_new'))).toEqual([]);
});

test('numbers go on after the greatest that was ever given, and what is owned still goes along', async () => {
  const store = await aStore(await anOldDatabase());
  const subscribers = [{ id: 'next', plan: 'kids', profiles: [{ id: 'anna' }] }];
  await store.applyDocument({ subscribers }, ACTOR);
  expect((await store.subscriber('next'))?.number).toBe(4);
  const { number } = await store.db
    .selectFrom('profiles')
    .select('number')
    .executeTakeFirstOrThrow();
  expect(number).toBe(5);
  await store.remove('subscriber', 'home-1', ACTOR);
  expect(await store.db.selectFrom('addresses').selectAll().execute()).toEqual([]);
  expect(await store.sessions.page({ after: '', limit: 9 })).toHaveLength(1);
  await store.remove('subscriber', 'home-2', ACTOR);
  expect(await store.sessions.page({ after: '', limit: 9 })).toEqual([]);
});

test('what a list holds becomes its version 1, with who brought it and when', async () => {
  const store = await aStore(await anOldDatabase());
  const at = '2026-01-02T03:04:05.000Z';
  expect((await store.lists()).get('a')).toMatchObject({
    ...{ format: 'hosts', contentSha256: CONTENT, version: 1, installedAt: at },
    record: { format: 'hosts', subdomains: false, contentSha256: CONTENT, origin: 'a.txt' },
  });
  expect(await store.listVersions.versions({})).toMatchObject([
    {
      ...{ list: 'a', version: 1, state: 'in-force', actor: 'anna', createdAt: at },
      ...{ authors: [], reasons: [], findings: null, report: { entries: 7 } },
      scope: { category: 'adult', subdomains: false, except: [] },
    },
    { list: 'b', version: 1, state: 'in-force', actor: 'offline' },
  ]);
});

test('of sealed contents that were in force, the highest serial is known', async () => {
  const folder = aDataFolder();
  const before = await aStore(folder);
  const lists = [{ id: 'a', category: 'adult', contentSha256: aContent(before) }];
  await before.applyDocument({ lists }, ACTOR);
  await before.close();
  const database = new Database(join(folder, 'stairgate.db'));
  database.exec(`
    delete from kysely_migration where name >= '0006';
    alter table lists drop column last_serial;
    alter table list_versions drop column origin;
    insert into list_versions select list, 2, content_sha256, format, '{"sealed":{"serial":9}}', findings, reasons,
      'past', source, actor, approvals, created_at, installed_at, decided_by, decided_at, scope from list_versions;
    insert into list_versions select list, 3, content_sha256, format, '{"sealed":{"serial":12}}', findings, reasons,
      'rejected', source, actor, approvals, created_at, null, decided_by, decided_at, scope from list_versions
      where number = 1;`);
  database.close();
  const store = await aStore(folder);
  expect((await store.lists()).get('a')?.lastSerial).toBe(9);
});

test('texts of before their rule had control characters: they have none, and can be written again', async () => {
  const folder = aDataFolder();
  const first = await aStore(folder);
  const document = {
    categories: [{ id: 'adult', title: 'Adult' }],
    lists: [{ id: 'a', category: 'adult', url: 'https://a.example/list', origin: 'one two' }],
    services: [{ id: 'clips', title: 'Clips', group: 'video', names: ['clips.example'] }],
    plans: [{ id: 'kids', title: 'Kids' }],
    subscribers: [
      {
        id: 'home',
        plan: 'kids',
        profiles: [{ id: 'anna', name: 'Anna', age: '6-9' }, { id: 'ben' }],
      },
    ],
  };
  await first.applyDocument(document, ACTOR);
  const clean = await first.exportDocument();
  await first.close();
  const database = new Database(join(folder, 'stairgate.db'));
  database.exec(`
    delete from kysely_migration where name = '0007-strip-texts';
    update categories set title = title || char(0x202e);
    update lists set origin = 'one' || char(10) || 'two' || char(10);
    update services set record = json_set(record, '$.title', 'Clips' || char(27));
    update plans set title = char(0x85) || 'Kids' where id = 'kids';
    update profiles set settings = json_set(settings, '$.name', 'An' || char(0x200e) || 'na')
      where id = 'anna';
    update profiles set settings = json_set(settings, '$.name', char(0x200e)) where id = 'ben';`);
  database.close();
  const store = await aStore(folder);
  expect(await store.exportDocument()).toEqual(clean);
  expect((await store.applyDocument(clean, ACTOR)).changes).toEqual([]);
});

test('of migrations that break off nothing stays, and the next start makes them', async () => {
  const database = new Database(':memory:');
  const db = new Kysely<unknown>({ dialect: new StoreDialect(database) });
  let isBroken = true;
  const statements = [`alter table a add column b text`, `insert into a values ('x', 'y')`];
  const migrations = {
    '0001-a': { up: (step: Kysely<unknown>) => runAll(step, [`create table a (id text)`]) },
    '0002-b': {
      up: async (step: Kysely<unknown>) => {
        await runAll(step, statements);
        if (isBroken) throw new Error('the power is gone');
      },
    },
  };
  const run = () => runMigrations(db, migrations, (cause) => cause);
  await expect(run()).rejects.toThrow('the power is gone');
  expect((await db.introspection.getTables()).map(({ name }) => name)).toEqual([]);
  isBroken = false;
  await run();
  expect(database.prepare('select * from a').all()).toEqual([{ id: 'x', b: 'y' }]);
  await db.destroy();
});
