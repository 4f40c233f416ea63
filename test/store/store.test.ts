import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AppError } from '../../src/lib/errors.ts';
import { createInspector } from '../../src/lists/inspector.ts';
import { NO_PLAN } from '../../src/policy/policy-input.ts';
import { readCompileInputFrom } from '../../src/store/compile-input.ts';
import type { AddressChange } from '../../src/store/sessions.ts';
import { Store } from '../../src/store/store.ts';
import { hashSecret } from '../../src/store/tokens.ts';
import { aContent, ACTOR, aDataFolder, aDocument, aStore } from './support.ts';

async function faultOf(work: Promise<unknown>): Promise<AppError> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(AppError);
  return error as AppError;
}

describe('the data folder', () => {
  test('is closed to others, and so is the token of the first start', async () => {
    const store = await aStore();
    expect(statSync(store.dataDir).mode & 0o777).toBe(0o700);
    expect(statSync(join(store.dataDir, 'admin.token')).mode & 0o777).toBe(0o600);
  });

  test.runIf(process.platform === 'linux')(
    'is refused with one sentence where the file system takes no folder',
    () => {
      const dataDir = '/proc/stairgate/data';
      // In a process of its own: what is tried for ever could not be ended here.
      const url = new URL('../../dist/store/data-folder.js', import.meta.url).href;
      const script = `import(${JSON.stringify(url)}).then(({ prepareDataFolder }) => prepareDataFolder(${JSON.stringify(dataDir)}))`;
      const result = spawnSync(process.execPath, ['-e', script], { timeout: 15_000 });
      expect(result.status).toBe(1);
      expect(result.stderr.toString()).toMatch(
        /Preparing the data folder "\/proc\/stairgate\/data": ENOENT: .*; name a folder that this user may write/,
      );
    },
  );

  test('is made with all folders above it', async () => {
    const dataDir = join(aDataFolder(), 'a/b');
    await expect(aStore(dataDir)).resolves.toBeDefined();
    expect(statSync(join(dataDir, '..')).mode & 0o777).toBe(0o700);
  });

  test('is left alone where it is open to others and holds what is not ours', async () => {
    const dataDir = aDataFolder();
    writeFileSync(join(dataDir, 'passwd'), '');
    chmodSync(dataDir, 0o755);
    const error = await faultOf(aStore(dataDir));
    expect(error.code).toBe('DATA_DIR_UNUSABLE');
    expect(error.message).toContain('holds "passwd"');
    expect(statSync(dataDir).mode & 0o777).toBe(0o755);
    expect(readdirSync(dataDir)).toEqual(['passwd']);
    rmSync(join(dataDir, 'passwd'));
    mkdirSync(join(dataDir, 'lost+found'));
    await expect(aStore(dataDir)).resolves.toBeDefined();
  });

  test.skipIf(process.getuid?.() !== 0)("is refused where it is another user's", async () => {
    const dataDir = aDataFolder();
    chownSync(dataDir, 12_345, 12_345);
    const error = await faultOf(aStore(dataDir));
    expect([error.code, error.message]).toEqual([
      'DATA_DIR_UNUSABLE',
      expect.stringContaining('belongs to uid 12345, this process runs as uid 0'),
    ]);
    expect(readdirSync(dataDir)).toEqual([]);
  });

  test('has no token of its own where the operator brings one, or where nobody will serve', async () => {
    const tokenFile = join(aDataFolder(), 'secret');
    writeFileSync(tokenFile, 'a-secret-of-the-operator\n');
    for (const options of [{ adminTokenFile: tokenFile }, { isOffline: true }]) {
      const dataDir = aDataFolder();
      const store = await Store.open(dataDir, createInspector(dataDir), options);
      onTestFinished(() => store.close());
      expect(existsSync(join(store.dataDir, 'admin.token'))).toBe(false);
      const ids = 'isOffline' in options ? [] : ['admin-token-file'];
      expect(store.tokens.all().map(({ id }) => id)).toEqual(ids);
    }
  });

  test('is used by one process at a time, and the second is told why', async () => {
    const store = await aStore();
    const error = await faultOf(aStore(store.dataDir));
    expect(error.code).toBe('DATA_DIR_LOCKED');
    expect(error.message).toContain(store.dataDir);
    await store.close();
    await expect(aStore(store.dataDir)).resolves.toBeDefined();
  });

  test('is free again as soon as the process that held it is killed', async () => {
    const dataDir = aDataFolder();
    const lock = join(dataDir, 'lock.db');
    const script = `
      const lock = new (require('better-sqlite3'))(${JSON.stringify(lock)});
      lock.pragma('locking_mode = exclusive');
      lock.exec('begin exclusive');
      console.log('held');
      setInterval(() => {}, 1000);`;
    const cwd = fileURLToPath(new URL('../..', import.meta.url));
    const holder = spawn(process.execPath, ['-e', script], { cwd });
    await once(holder.stdout, 'data');
    expect((await faultOf(aStore(dataDir))).code).toBe('DATA_DIR_LOCKED');
    holder.kill('SIGKILL');
    await once(holder, 'exit');
    await expect(aStore(dataDir)).resolves.toBeDefined();
  });

  test('a database that is none is named, not overwritten', async () => {
    const store = await aStore();
    await store.close();
    const path = join(store.dataDir, 'stairgate.db');
    writeFileSync(path, 'this is not a database, whatever its name says\n'.repeat(200));
    const error = await faultOf(aStore(store.dataDir));
    expect(error.code).toBe('STORE_DAMAGED');
    expect(error.message).toContain(path);
    expect(readFileSync(path, 'utf8')).toContain('not a database');
  });

  test('a database whose pages are damaged or cut is named', async () => {
    for (const damage of [
      (path: string) => {
        truncateSync(path, Math.floor(statSync(path).size / 2));
      },
      (path: string) => {
        const bytes = readFileSync(path);
        bytes.fill(0x5a, 4096, bytes.length - 4096);
        writeFileSync(path, bytes);
      },
      // One page of subscribers, which opening would not read by itself.
      (path: string) => {
        const bytes = readFileSync(path);
        const at = Math.floor(bytes.lastIndexOf('subscriber-1500') / 4096) * 4096;
        bytes.fill(0, at, at + 4096);
        writeFileSync(path, bytes);
      },
    ]) {
      const store = await aStore();
      const subscribers = Array.from({ length: 2_000 }, (_, index) => ({
        id: `subscriber-${index}`,
        plan: 'open',
      }));
      await store.applyDocument({ plans: [{ id: 'open' }], subscribers }, ACTOR);
      await store.close();
      damage(join(store.dataDir, 'stairgate.db'));
      expect((await faultOf(aStore(store.dataDir))).code).toBe('STORE_DAMAGED');
    }
  });

  test('a database of a newer version is refused', async () => {
    const store = await aStore();
    await store.close();
    const database = new Database(join(store.dataDir, 'stairgate.db'));
    database.exec(`insert into kysely_migration values ('0999-later', '2030-01-01')`);
    database.close();
    expect((await faultOf(aStore(store.dataDir))).code).toBe('STORE_TOO_NEW');
  });
});

describe('applying a document', () => {
  test('twice changes nothing the second time', async () => {
    const store = await aStore();
    const document = aDocument(store);
    const first = await store.applyDocument(document, ACTOR);
    expect(first.revision).toBe(1);
    expect(first.counts.subscriber.create).toBe(2);
    const second = await store.applyDocument(document, ACTOR);
    expect(second.revision).toBe(1);
    expect(second.changes).toEqual([]);
  });

  test('apply(export()) changes nothing, and the export is canonical', async () => {
    const store = await aStore();
    await store.applyDocument(aDocument(store), ACTOR);
    const exported = await store.exportDocument();
    expect(exported.subscribers[0]).toEqual({
      id: 'home-1',
      plan: 'kids',
      timezone: 'Europe/Minsk',
      addresses: ['192.0.2.7/32', '2001:db8:7::/56'],
      deny: ['xn--bcher-kva.example'],
    });
    expect(exported.plans[0]?.allow).toEqual(['museum.example', 'zoo.example']);
    const again = await store.applyDocument(exported, ACTOR, { isPruning: true });
    expect(again.changes).toEqual([]);
  });

  test('finds every fault at once, names field, bad value and valid values, and writes nothing', async () => {
    const store = await aStore();
    const error = await faultOf(
      store.applyDocument(
        {
          plan: [],
          categories: [{ id: 'ok', class: 'police' }],
          lists: [
            { id: 'far', category: 'ok', url: 'http://lists.example.org/a' },
            { id: 'gone', category: 'ok', contentSha256: 'a'.repeat(64) },
          ],
          plans: [
            { id: 'kids', block: ['adlt'], blockingMode: 'nxdomian' },
            { id: 'teens', block: ['adlt'], allow: ['a..b'], colour: 'red' },
            { id: 'paged', blockingMode: 'address' },
          ],
          subscribers: [
            { id: 'home', plan: 'kidz', addresses: ['192.0.2.300', '192.0.2.7/24'] },
            { id: 'home', plan: 'kids' },
            { id: 7, plan: 'kids' },
            { id: 'mars', plan: 'paged', timezone: 'Mars/Olympus', addresses: ['192.0.2.1'] },
            { id: 'venus', plan: 'paged', addresses: ['192.0.2.1/32'] },
          ],
        },
        ACTOR,
      ),
    );
    expect(error.code).toBe('DOCUMENT_INVALID');
    const said = error.faults.join('\n');
    for (const part of [
      'unknown plan; valid: categories, lists, services, plans, subscribers',
      'categories[0].class: "police" is not valid; valid: law, operator, policy',
      'lists[0].url: "http://lists.example.org/a" is not encrypted',
      'lists[1].contentSha256: there is no content "aaaa',
      'plans[0].blockingMode: "nxdomian" is not valid; valid: nxdomain, nodata, zero, address, refused',
      'plans[1]: unknown colour; valid: id, title',
      'plans[2].blockingMode: "address" needs blockAddress4',
      'subscribers[0].plan: there is no plan "kidz"; valid: paged',
      'subscribers[0].addresses[0]: "192.0.2.300"',
      'subscribers[0].addresses[1]: "192.0.2.7/24"',
      'subscribers[1].id: "home" is already the id of subscribers[0]',
      'subscribers[2].id: 7 is not valid',
      'subscribers[3].timezone: "Mars/Olympus"',
      'subscribers[4].addresses: "192.0.2.1/32" belongs to subscriber "mars" too',
    ]) {
      expect(said).toContain(part);
    }
    expect(store.revision).toBe(0);
    expect(await store.exportDocument()).toEqual({
      categories: [],
      lists: [],
      services: [],
      plans: [],
      subscribers: [],
    });
  });

  test('a category that nobody declared is made by a list, and is a fault in a plan', async () => {
    const store = await aStore();
    const lists = [{ id: 'a', category: 'news', contentSha256: aContent(store) }];
    await store.applyDocument({ lists, plans: [{ id: 'p', block: ['news'] }] }, ACTOR);
    expect((await store.categories()).get('news')?.record.class).toBe('policy');
    const error = await faultOf(
      store.applyDocument({ plans: [{ id: 'p', block: ['nwes'] }] }, ACTOR),
    );
    expect(error.faults).toEqual(['plans[0].block: there is no category "nwes"; valid: news']);
  });

  test('a list that is a web page is refused, and the good one stays', async () => {
    const store = await aStore();
    await store.applyDocument(aDocument(store), ACTOR);
    const page = aContent(store, '<!DOCTYPE html><html><body>502 Bad Gateway</body></html>');
    const lists = [{ id: 'adult-a', category: 'adult', contentSha256: page }];
    const error = await faultOf(store.applyDocument({ lists }, ACTOR));
    expect(error.faults[0]).toContain('lists[0]: Reading the list: it is a web page');
    expect((await store.lists()).get('adult-a')?.report.entries).toBe(2);
  });

  test('a dry run says what would change and changes nothing', async () => {
    const store = await aStore();
    const result = await store.applyDocument(aDocument(store), ACTOR, { isDryRun: true });
    expect(result.counts.plan.create).toBe(2);
    expect(result.revision).toBe(0);
    expect((await store.plans()).size).toBe(0);
  });

  test('an address moves between subscribers that the document names, else it is a fault', async () => {
    const store = await aStore();
    await store.applyDocument(aDocument(store), ACTOR);
    const taking = { id: 'home-3', plan: 'open', addresses: ['192.0.2.7/32'] };
    const error = await faultOf(store.applyDocument({ subscribers: [taking] }, ACTOR));
    expect(error.faults[0]).toContain('belongs to subscriber "home-1"');
    const giving = { id: 'home-1', plan: 'kids' };
    await store.applyDocument({ subscribers: [taking, giving] }, ACTOR);
    expect((await store.subscriber('home-3'))?.record.addresses).toEqual(['192.0.2.7/32']);
    expect((await store.subscriber('home-1'))?.record.addresses).toEqual([]);
  });

  test('the seeded catch-all gives its addresses up, as long as nobody has edited it', async () => {
    const store = await aStore();
    const home = { id: 'home', plan: 'open', addresses: ['127.0.0.0/8', '192.0.2.0/24'] };
    await store.seed(() => ({ plans: [{ id: 'open' }], subscribers: [home] }));
    const guest = { id: 'guest', plan: 'open', addresses: ['127.0.0.0/8'] };
    const result = await store.applyDocument({ subscribers: [guest] }, ACTOR);
    expect(result.counts.subscriber).toEqual({ create: 1, update: 1, delete: 0 });
    expect((await store.subscriber('home'))?.record.addresses).toEqual(['192.0.2.0/24']);
    await store.applyDocument({ subscribers: [{ ...home, addresses: ['192.0.2.0/25'] }] }, ACTOR);
    const again = { ...guest, addresses: ['192.0.2.0/25'] };
    const error = await faultOf(store.applyDocument({ subscribers: [again] }, ACTOR));
    expect(error.faults[0]).toContain('belongs to subscriber "home"');
  });

  test('prune removes what the sections at hand do not name, and nothing of other sections', async () => {
    const store = await aStore();
    await store.applyDocument(aDocument(store), ACTOR);
    const [kids] = aDocument(store).plans;
    const blocked = await faultOf(
      store.applyDocument({ plans: [kids] }, ACTOR, { isPruning: true }),
    );
    expect(blocked.faults).toEqual([
      'plans "open": subscriber "home-2" has it; give that another plan first',
    ]);
    const [home] = aDocument(store).subscribers;
    await store.applyDocument({ plans: [kids], subscribers: [home] }, ACTOR, { isPruning: true });
    expect([...(await store.plans()).keys()]).toEqual(['kids']);
    expect(await store.subscriber('home-2')).toBeNull();
    expect([...(await store.categories()).keys()]).toEqual(['adult', 'court']);
  });

  test('prune leaves the seeded lists of lasting categories; by name nobody removes them', async () => {
    const store = await aStore();
    const lists = ['builtin-protected', 'builtin-bypass', 'builtin-ads', 'own-bypass'].map(
      (id) => ({
        id,
        category: id.replace(/^[a-z]+-/, ''),
        contentSha256: aContent(store),
      }),
    );
    await store.applyDocument({ lists }, ACTOR);
    await store.applyDocument({ categories: [], lists: [] }, ACTOR, { isPruning: true });
    expect([...(await store.lists()).keys()]).toEqual(['builtin-bypass', 'builtin-protected']);
    for (const id of ['builtin-protected', 'builtin-bypass']) {
      const error = await faultOf(store.remove('list', id, ACTOR));
      expect([error.code, error.message]).toEqual([
        'RESOURCE_IN_USE',
        `Removing a list: lists "${id}": it ships with Stairgate and its category needs it; valid: other contents or "except", which pass the gate`,
      ]);
    }
    expect([...(await store.lists()).keys()]).toEqual(['builtin-bypass', 'builtin-protected']);
  });

  test('prune frees the addresses of whom it removes, the seeded catch-all included', async () => {
    const store = await aStore();
    const home = { id: 'home', plan: 'family', addresses: ['10.0.0.0/8', '192.168.0.0/16'] };
    await store.seed(() => ({ plans: [{ id: 'family' }], subscribers: [home] }));
    const old = { id: 'old', plan: 'family', addresses: ['192.0.2.7'] };
    await store.applyDocument({ subscribers: [old] }, ACTOR);
    const document = {
      plans: [{ id: 'kids' }],
      subscribers: [{ id: 'new', plan: 'kids', addresses: ['192.168.0.0/16', '192.0.2.7'] }],
    };
    const { counts } = await store.applyDocument(document, ACTOR, { isPruning: true });
    expect(counts.subscriber).toEqual({ create: 1, update: 0, delete: 2 });
    const left = await store.subscriberPage({ after: '', limit: 10, plan: null });
    expect(left.map(({ record }) => record.id)).toEqual(['new']);
    expect([...(await store.plans()).keys()]).toEqual(['kids']);
  });

  test('numbers of subscribers and bits of categories are never given out twice', async () => {
    const store = await aStore();
    await store.applyDocument(aDocument(store), ACTOR);
    const gone = (await store.subscriber('home-2'))?.number ?? 0;
    await store.remove('subscriber', 'home-2', ACTOR);
    const bit = (await store.categories()).get('court')?.bit ?? 0;
    await store.remove('category', 'court', ACTOR);
    const subscribers = [{ id: 'home-9', plan: 'open' }];
    await store.applyDocument({ categories: [{ id: 'later' }], subscribers }, ACTOR);
    expect((await store.subscriber('home-9'))?.number).toBeGreaterThan(gone);
    expect((await store.categories()).get('later')?.bit).toBeGreaterThan(bit);
  });

  test('an update keeps the number, so the live table stays right', async () => {
    const store = await aStore();
    await store.applyDocument(aDocument(store), ACTOR);
    const before = (await store.subscriber('home-1'))?.number;
    await store.applyDocument({ subscribers: [{ id: 'home-1', plan: 'open' }] }, ACTOR);
    expect((await store.subscriber('home-1'))?.number).toBe(before);
  });

  test('what is in use cannot be removed', async () => {
    const store = await aStore();
    await store.applyDocument(aDocument(store), ACTOR);
    expect((await faultOf(store.remove('plan', 'kids', ACTOR))).code).toBe('RESOURCE_IN_USE');
    expect((await faultOf(store.remove('category', 'adult', ACTOR))).code).toBe('RESOURCE_IN_USE');
    expect((await faultOf(store.remove('plan', 'none', ACTOR))).code).toBe('RESOURCE_UNKNOWN');
  });

  test('thousands of subscribers go in and out whole', async () => {
    const store = await aStore();
    const subscribers = Array.from({ length: 12_000 }, (_, index) => ({
      id: `s-${index}`,
      plan: 'open',
      addresses: [`2001:db8:${(index >>> 8).toString(16)}:${(index & 255).toString(16)}::/64`],
    }));
    const document = { plans: [{ id: 'open' }], subscribers };
    let turns = 0;
    const timer = setInterval(() => turns++, 1);
    await store.applyDocument(document, ACTOR);
    clearInterval(timer);
    // The thread that does this also answers health checks.
    expect(turns).toBeGreaterThan(5);
    expect((await store.applyDocument(document, ACTOR)).changes).toEqual([]);
    expect((await store.counts()).subscribers).toBe(12_000);
    expect((await store.verifyAudit()).isIntact).toBe(true);
    const pruned = { subscribers: subscribers.slice(0, 1) };
    await store.applyDocument(pruned, ACTOR, { isPruning: true });
    expect((await store.counts()).subscribers).toBe(1);
  });
});

describe('writing', () => {
  test('an expectation that no longer holds refuses the write', async () => {
    const store = await aStore();
    const plans = [{ id: 'open' }];
    const absent = {
      ...ACTOR,
      expectation: { kind: 'plan', id: 'open', state: 'absent' },
    } as const;
    await store.applyDocument({ plans }, absent);
    expect((await faultOf(store.applyDocument({ plans }, absent))).code).toBe(
      'PRECONDITION_FAILED',
    );
    const old = { ...ACTOR, expectation: { kind: 'plan', id: 'open', state: 99 } } as const;
    expect((await faultOf(store.remove('plan', 'open', old))).message).toContain('revision 1');
  });

  test('the same Idempotency-Key gives the first answer again, also after a restart', async () => {
    const store = await aStore();
    const context = { ...ACTOR, idempotency: { key: 'k', digest: 'd' } };
    const first = await store.applyDocument({ plans: [{ id: 'open' }] }, context);
    await store.remove('plan', 'open', ACTOR);
    await store.close();
    const reopened = await aStore(store.dataDir);
    const second = await reopened.applyDocument({ plans: [{ id: 'open' }] }, context);
    expect(second).toEqual(first);
    expect((await reopened.plans()).size).toBe(0);
    const other = { ...ACTOR, idempotency: { key: 'k', digest: 'e' } };
    const error = await faultOf(reopened.applyDocument({ plans: [] }, other));
    expect(error.code).toBe('IDEMPOTENCY_KEY_REUSED');
  });

  test('writes at the same time follow one another, each with a revision of its own', async () => {
    const store = await aStore();
    const results = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        store.applyDocument({ plans: [{ id: `plan-${index}` }] }, ACTOR),
      ),
    );
    expect(results.map((result) => result.revision)).toEqual(
      Array.from({ length: 20 }, (_, index) => index + 1),
    );
  });

  test('a rule is added and taken away in any spelling', async () => {
    const store = await aStore();
    await store.applyDocument(aDocument(store), ACTOR);
    const rule = { owner: 'subscriber', ownerId: 'home-1', action: 'allow' } as const;
    await store.changeRule({ ...rule, name: 'Bank.Example', isAdding: true }, ACTOR);
    const page = { owner: null, ownerId: null, name: null, offset: 0, limit: 10 };
    expect(await store.rulePage(page)).toContainEqual({ ...rule, name: 'bank.example' });
    await store.changeRule({ ...rule, name: 'bank.example.', isAdding: false }, ACTOR);
    expect(await store.rulePage({ ...page, name: 'bank.example' })).toEqual([]);
    const bad = store.changeRule({ ...rule, name: 'a..b', isAdding: true }, ACTOR);
    expect((await faultOf(bad)).code).toBe('DOCUMENT_INVALID');
  });
});

describe('the audit log', () => {
  test('holds who, what, before and after, and its chain is whole', async () => {
    const store = await aStore();
    await store.applyDocument({ plans: [{ id: 'open' }] }, ACTOR);
    await store.applyDocument({ plans: [{ id: 'open', maxTtlSeconds: 60 }] }, ACTOR);
    await store.tokens.create('console', 'reader', ACTOR);
    const [token, update] = await store.auditPage({ before: null, limit: 10 });
    expect(token).toMatchObject({ kind: 'token', resource: 'console', actor: 'tester' });
    expect(JSON.parse(update?.before ?? '')).not.toHaveProperty('maxTtlSeconds');
    expect(JSON.parse(update?.after ?? '')).toHaveProperty('maxTtlSeconds', 60);
    expect(await store.verifyAudit()).toMatchObject({ isIntact: true, rows: 3 });
  });

  test.each([
    [
      'an altered row',
      `update audit set actor = 'somebody' where sequence = 2`,
      'row 2 was altered',
    ],
    ['a removed row', `delete from audit where sequence = 2`, 'row 2 is missing'],
    ['rows cut off at the end', `delete from audit where sequence = 3`, 'at the end'],
  ])('shows %s', async (_what, statement, words) => {
    const store = await aStore();
    for (const id of ['a', 'b', 'c']) await store.applyDocument({ plans: [{ id }] }, ACTOR);
    await store.close();
    const database = new Database(join(store.dataDir, 'stairgate.db'));
    database.exec(statement);
    database.close();
    const verdict = await (await aStore(store.dataDir)).verifyAudit();
    expect(verdict.isIntact).toBe(false);
    expect(verdict.fault).toContain(words);
  });
});

describe('tokens', () => {
  test('the token of the first start works, survives a restart, and only its hash is stored', async () => {
    const store = await aStore();
    const secret = readFileSync(join(store.dataDir, 'admin.token'), 'utf8').trim();
    expect(store.tokens.authenticate(secret)?.role).toBe('admin');
    expect(store.tokens.authenticate(`${secret}x`)).toBeNull();
    await store.close();
    const bytes = readFileSync(join(store.dataDir, 'stairgate.db'), 'latin1');
    expect(bytes).toContain(hashSecret(secret));
    expect(bytes).not.toContain(secret);
    expect((await aStore(store.dataDir)).tokens.authenticate(secret)?.role).toBe('admin');
  });

  test('a removed first token does not come back, and the last admin token cannot be removed', async () => {
    const store = await aStore();
    const secret = readFileSync(join(store.dataDir, 'admin.token'), 'utf8').trim();
    expect((await faultOf(store.tokens.remove('first-admin', ACTOR))).code).toBe(
      'TOKEN_LAST_ADMIN',
    );
    await store.tokens.create('other', 'admin', ACTOR);
    await store.tokens.remove('first-admin', ACTOR);
    await store.close();
    expect((await aStore(store.dataDir)).tokens.authenticate(secret)).toBeNull();
  });
});

describe('contents of lists', () => {
  test('a file that is not what its name says is named', async () => {
    const store = await aStore();
    const sha256 = aContent(store);
    appendFileSync(store.contents.pathOf(sha256), 'evil.example.org\n');
    const lists = [{ id: 'a', category: 'news', contentSha256: sha256 }];
    const error = await faultOf(store.applyDocument({ lists }, ACTOR));
    expect(error.faults[0]).toContain('the file is damaged');
  });
});

describe('what a compile reads', () => {
  test('is one revision: categories, plans, rules, lists and the plan of each profile', async () => {
    const store = await aStore();
    await store.applyDocument(aDocument(store), ACTOR);
    const input = await readCompileInputFrom(store.dataDir);
    expect(input.revision).toBe(1);
    expect(input.categories.map(({ id, bit }) => [id, bit])).toEqual([
      ['adult', 0],
      ['court', 1],
    ]);
    expect(input.categories[1]).toMatchObject({ class: 'law', edeCode: 15 });
    expect(input.lists[0]).toMatchObject({ categoryBit: 0, format: 'domains' });
    expect(readFileSync(input.lists[0]?.contentPath ?? '', 'utf8')).toContain('one.example.org');
    const kids = input.plans.findIndex(({ id }) => id === 'kids');
    expect(input.plans[kids]?.block).toEqual(['adult']);
    expect(input.plans[kids]?.allow).toEqual(['museum.example', 'zoo.example']);
    const home = (await store.subscriber('home-1'))?.number ?? 0;
    expect(input.households.planOf[home]).toBe(kids);
    expect(input.households.planOf[0]).toBe(NO_PLAN);
    expect(input.households.rulesOf.get(home)?.deny).toHaveLength(1);
  });

  test('addresses come as words with the profile number, running sessions after them', async () => {
    let nowMs = 1_000_000;
    const store = await aStore(undefined, { monotonicMs: () => nowMs, wallMs: () => nowMs });
    await store.applyDocument(aDocument(store), ACTOR);
    const [one, two] = [await store.subscriber('home-1'), await store.subscriber('home-2')];
    const session = { address: '192.0.2.7', subscriber: 'home-2', expiresAt: 1_060 };
    const changes = await store.sessions.put({ upsert: [session], remove: [] });
    expect(changes).toEqual([
      { prefix: { words: [0, 0, 0xffff, 0xc0000207], length: 128 }, profile: two?.number },
    ]);
    const entries: [number, number, number][] = [];
    for await (const page of store.addressPages()) {
      for (let index = 0; index < page.count; index++) {
        entries.push([
          page.words[index * 4 + 3] ?? 0,
          page.lengths[index] ?? 0,
          page.profiles[index] ?? 0,
        ]);
      }
    }
    expect(entries).toHaveLength(4);
    expect(entries).toContainEqual([0xc0000207, 128, one?.number]);
    expect(entries.at(-1)).toEqual([0xc0000207, 128, two?.number]);
    nowMs += 61_000;
    const ended: AddressChange[] = [];
    for await (const changes of store.sessions.expire()) ended.push(...changes);
    expect(ended.map(({ profile }) => profile)).toEqual([one?.number]);
    expect(await store.sessions.page({ after: '', limit: 10 })).toEqual([]);
    expect(store.revision).toBe(1);
  });

  test('all sessions whose time is over end at once, however many they are', async () => {
    let nowMs = 1_000_000;
    const store = await aStore(undefined, { monotonicMs: () => nowMs, wallMs: () => nowMs });
    await store.applyDocument(aDocument(store), ACTOR);
    const upsert = Array.from({ length: 6_000 }, (_, index) => ({
      address: `2001:db8:1::${index.toString(16)}`,
      subscriber: 'home-2',
      expiresAt: 1_060,
    }));
    await store.sessions.put({ upsert, remove: [] });
    nowMs += 61_000;
    let ended = 0;
    for await (const changes of store.sessions.expire()) ended += changes.length;
    expect(ended).toBe(6_000);
    expect((await store.counts()).sessions).toBe(0);
  });

  test('a session for half of the world is refused, one for a network is not', async () => {
    const store = await aStore();
    await store.applyDocument(aDocument(store), ACTOR);
    const sessionOn = (address: string) => ({ address, subscriber: 'home-1', expiresAt: 9e9 });
    const wide = ['0.0.0.0/0', '128.0.0.0/7', '::/0', '2002::/15'].map(sessionOn);
    const error = await faultOf(store.sessions.put({ upsert: wide, remove: [] }));
    expect(error.faults).toEqual(
      wide.map(
        ({ address }, index) =>
          expect.stringMatching(
            new RegExp(
              `^upsert\\[${index}\\]\\.address: "${address}" .*valid: IPv4 from /8, IPv6 from /16`,
            ),
          ) as unknown,
      ),
    );
    const networks = ['10.0.0.0/8', '2001::/16'].map(sessionOn);
    await store.sessions.put({ upsert: networks, remove: ['0.0.0.0/0'] });
    expect((await store.counts()).sessions).toBe(2);
  });

  test('sessions of unknown subscribers or on bad addresses change nothing', async () => {
    const store = await aStore();
    await store.applyDocument(aDocument(store), ACTOR);
    const good = { address: '192.0.2.9', subscriber: 'home-1', expiresAt: 9_999_999_999 };
    const error = await faultOf(
      store.sessions.put({
        upsert: [good, { ...good, subscriber: 'nobody' }, { ...good, address: '192.0.2' }],
        remove: ['x'],
      }),
    );
    expect(error.faults).toHaveLength(3);
    expect((await store.counts()).sessions).toBe(0);
  });
});

test.each([0x00, 0x1b, 0x0a, 0x7f, 0x9b, 0x202e, 0x2066])(
  'what people read holds no control character: %i',
  async (code) => {
    const store = await aStore();
    const text = `a${String.fromCodePoint(code)}b`;
    const service = { id: 's', title: text, group: 'own', names: ['s.example'] };
    const document = {
      categories: [{ id: 'c', title: text }],
      lists: [{ id: 'l', category: 'c', own: true, origin: text }],
      services: [{ ...service, cannotBlock: text, alsoBreaks: text, sources: [text] }],
      plans: [{ id: 'p', title: text }],
      subscribers: [{ id: 'h', plan: 'p', profiles: [{ id: 'anna', name: text }] }],
    };
    const { faults } = await faultOf(store.applyDocument(document, ACTOR));
    expect(faults).toHaveLength(8);
    for (const fault of faults) expect(fault).toContain('without control characters');
  },
);
