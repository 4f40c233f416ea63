/**
 * Files that are not what they should be: damaged images are named and compiled again, a damaged
 * database is named and refused, a disk that is full or read-only costs no query, and the data folder
 * belongs to one process and one user.
 */

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chmod, cp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { createInspector } from '../../src/lists/inspector.ts';
import { Store } from '../../src/store/store.ts';
import { aQuery, askUdp, decodeResponse } from '../support/dns-query.ts';
import { ServerProcess } from './support/server-process.ts';
import { prepareSite } from './support/server-site.ts';

const KIDS = '127.0.0.7';
const SUBSCRIBERS = 300;

const { aFolder, optionsOf, start } = prepareSite();
/** A data folder as a killed server leaves it, with a policy that blocks `listed.example.net`. */
let template: string;

beforeAll(async () => {
  template = await aFolder();
  await using server = await start(template);
  const contentSha256 = await server.upload(Buffer.from('listed.example.net\n'));
  const homes = Array.from({ length: SUBSCRIBERS }, (_, index) => ({
    id: `home-${index}`,
    plan: 'kids',
    addresses: [`10.1.${index >> 8}.${index & 255}`],
  }));
  const applied = await server.apply({
    categories: [{ id: 'listed', class: 'policy' }],
    lists: [{ id: 'listed', category: 'listed', format: 'domains', contentSha256 }],
    plans: [{ id: 'kids', block: ['listed'] }],
    subscribers: [{ id: 'kids', plan: 'kids', addresses: [KIDS] }, ...homes],
  });
  expect(applied.status).toBe(200);
});

async function aCopy(): Promise<string> {
  const folder = await aFolder();
  await cp(template, folder, { recursive: true });
  return folder;
}

async function rcodeOf({ port }: ServerProcess, name: string): Promise<string> {
  const query = aQuery().name(name).build();
  return decodeResponse(await askUdp(port, query, { from: KIDS, timeoutMs: 15_000 })).rcode;
}

async function expectServing(server: ServerProcess, what: string): Promise<void> {
  expect(await rcodeOf(server, 'www.listed.example.net'), what).toBe('NXDOMAIN');
  expect(await rcodeOf(server, 'www.example.org'), what).toBe('NOERROR');
}

describe('images on the disk', () => {
  it('serve the first packet where no compilation can succeed', async () => {
    const dataDir = await aCopy();
    for (const file of await readdir(join(dataDir, 'lists'))) {
      await writeFile(join(dataDir, 'lists', file), 'damaged\n');
    }
    await using server = await start(dataDir);
    await expectServing(server, 'with damaged lists');
    expect(server.log).not.toContain('"msg":"published"');
    // The same folder can indeed not be compiled.
    const contentSha256 = await server.upload(Buffer.from('more.example.net\n'));
    const list = { id: 'more', category: 'listed', format: 'domains', contentSha256 };
    expect((await server.apply({ lists: [list] })).status).toBe(503);
    await expectServing(server, 'after a failed compilation');
  }, 60_000);

  it('that are damaged are named, compiled again and in force', async () => {
    const dataDir = await aCopy();
    const images = join(dataDir, 'images');
    const manifest = join(images, 'current.json');
    const pathOf = async (kind: string): Promise<string> =>
      join(images, (await readdir(images)).find((file) => file.startsWith(kind)) ?? kind);
    const flip = async (kind: string, at: (length: number) => number): Promise<string> => {
      const path = await pathOf(kind);
      const octets = await readFile(path);
      octets[at(octets.length)]! ^= 0x10;
      await writeFile(path, octets);
      return path;
    };
    const damages: Readonly<Record<string, () => Promise<string>>> = {
      'wrong magic': () => flip('blocklist', () => 0),
      'a flipped bit in the header': () => flip('blocklist', () => 13),
      'a flipped bit in the middle': () => flip('blocklist', (length) => length >> 1),
      'a flipped bit in the last octet': () => flip('policy', (length) => length - 1),
      'half of it': async () => {
        const path = await pathOf('blocklist');
        await truncate(path, (await stat(path)).size >> 1);
        return path;
      },
      'an empty file': async () => {
        const path = await pathOf('policy');
        await truncate(path, 0);
        return path;
      },
      'a missing file': async () => {
        const path = await pathOf('blocklist');
        await rm(path);
        return path;
      },
      'a manifest of another shape': async () => {
        await writeFile(manifest, '{"format":1}');
        return manifest;
      },
      'a manifest cut short': async () => {
        await truncate(manifest, 40);
        return manifest;
      },
      'no manifest': async () => {
        await rm(manifest);
        return images;
      },
      'another seed': async () => {
        await rm(join(dataDir, 'hash.seed'));
        return pathOf('blocklist');
      },
    };
    for (const [what, damage] of Object.entries(damages)) {
      const path = await damage();
      await using server = await start(dataDir);
      await expectServing(server, what);
      expect(server.log.slice(0, server.log.indexOf('"serving"')), what).toContain(path);
      const { body } = await server.api('GET', '/status');
      expect(body['revisionInForce'], what).toBe(body['revision']);
    }
  }, 120_000);
});

describe('a damaged database', () => {
  const DATABASE = 'stairgate.db';

  /** A folder whose database is complete in its one file, as after an orderly end. */
  async function checkpointed(): Promise<string> {
    const dataDir = await aCopy();
    const store = await Store.open(dataDir, createInspector(dataDir));
    await store.close();
    expect(existsSync(join(dataDir, `${DATABASE}-wal`))).toBe(false);
    return dataDir;
  }

  it('is refused with one sentence that names it, and left as it is', async () => {
    const path = (dataDir: string): string => join(dataDir, DATABASE);
    const damages: Readonly<Record<string, (dataDir: string) => Promise<void>>> = {
      'a page overwritten': async (dataDir) => {
        const octets = await readFile(path(dataDir));
        octets.fill(0xa5, 3 * 4096, 4 * 4096);
        await writeFile(path(dataDir), octets);
      },
      'half of it': async (dataDir) => {
        await truncate(path(dataDir), (await stat(path(dataDir))).size >> 1);
      },
      'no database': (dataDir) => writeFile(path(dataDir), 'not a database, '.repeat(1000)),
      'an empty file': (dataDir) => truncate(path(dataDir), 0),
    };
    for (const [what, damage] of Object.entries(damages)) {
      const dataDir = await checkpointed();
      await damage(dataDir);
      const before = digestOf(path(dataDir));
      const refusal = await ServerProcess.refused(optionsOf(dataDir));
      expect(refusal.code, what).toBe(1);
      expect(refusal.sentence.split('\n'), what).toHaveLength(1);
      expect(refusal.sentence, what).toContain(path(dataDir));
      expect(refusal.sentence, what).toMatch(/damaged .*restore it from a backup/);
      expect(digestOf(path(dataDir)), what).toBe(before);
    }
  }, 60_000);

  it('is found whichever page is overwritten, or holds all that it held', async () => {
    const dataDir = await checkpointed();
    const path = join(dataDir, DATABASE);
    const octets = await readFile(path);
    const whole = await readAll(dataDir);
    const pages = octets.length / 4096;
    expect(pages).toBeGreaterThan(40);
    let found = 0;
    for (let page = 0; page < pages; page++) {
      const damaged = Buffer.from(octets);
      for (let at = page * 4096; at < (page + 1) * 4096; at++) damaged[at]! ^= 0xff;
      await writeFile(path, damaged);
      const outcome = await readAll(dataDir).catch((error: unknown) => error);
      if (outcome instanceof Error) {
        expect(outcome, `page ${page}`).toMatchObject({ code: 'STORE_DAMAGED' });
        found++;
      } else expect(outcome, `page ${page}`).toBe(whole);
    }
    expect(found).toBeGreaterThan(pages / 2);
    console.log(`${found} of ${pages} overwritten pages found, the others held nothing`);
  }, 60_000);

  async function readAll(dataDir: string): Promise<string> {
    const store = await Store.open(dataDir, createInspector(dataDir));
    try {
      const { isIntact } = await store.verifyAudit();
      return JSON.stringify([isIntact, store.revision, await store.exportDocument()]);
    } finally {
      await store.close();
    }
  }

  it('that lost the log which held all of it is refused, not begun anew', async () => {
    // A killed server leaves most of a small database in the log.
    const dataDir = await aCopy();
    await rm(join(dataDir, `${DATABASE}-wal`));
    const refusal = await ServerProcess.refused(optionsOf(dataDir));
    expect(refusal).toMatchObject({ code: 1 });
    expect(refusal.sentence).toMatch(/stairgate\.db": the file is damaged .*empty/);
  }, 60_000);

  it('that lost its newest changes with the log serves what it holds, and says so', async () => {
    const dataDir = await checkpointed();
    {
      await using server = await start(dataDir);
      expect((await server.apply({ plans: [{ id: 'lost' }] })).status).toBe(200);
    }
    await rm(join(dataDir, `${DATABASE}-wal`));
    await using server = await start(dataDir);
    expect(server.log).toContain('the database is older than the images');
    await expectServing(server, 'without the log');
    await expect
      .poll(async () => (await server.api('GET', '/status')).body['revisionInForce'], {
        timeout: 20_000,
      })
      .toBe((await server.api('GET', '/status')).body['revision']);
    expect((await server.api('GET', '/plans/lost')).status).toBe(404);
    expect((await server.api('GET', '/audit/verify')).body).toMatchObject({ isIntact: true });
  }, 60_000);

  function digestOf(path: string): string {
    return createHash('sha256').update(readFileSync(path)).digest('hex');
  }
});

describe('a disk', () => {
  const mounted: string[] = [];

  afterEach(() => {
    for (const folder of mounted.splice(0)) runTool('umount', ['-l', folder]);
  });

  function runTool(command: string, args: readonly string[]): string {
    return execFileSync(command, args, { stdio: ['ignore', 'pipe', 'ignore'] }).toString();
  }

  /** A data folder on a file system of its own; null where this user may not mount one. */
  async function mountDisk(megabytes: number): Promise<string | null> {
    const folder = await aFolder();
    try {
      const options = ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder];
      runTool('mount', options);
    } catch {
      return null;
    }
    mounted.push(folder);
    await cp(template, join(folder, 'data'), { recursive: true });
    return folder;
  }

  it('that is full costs no query; writes are refused, and taken again when there is room', async (context) => {
    const disk = await mountDisk(8);
    if (disk === null) return context.skip('only a user who may mount can fill a disk');
    const dataDir = join(disk, 'data');
    await using server = await start(dataDir);
    await writeFile(join(disk, 'ballast'), Buffer.alloc(8 << 20)).catch(() => undefined);
    const revision = (await server.api('GET', '/status')).body['revision'];

    const refused = { status: 507, body: { code: 'STORE_UNWRITABLE' } };
    for (const size of [300_000, 300_001, 300_002]) {
      const upload = server.upload(Buffer.alloc(size, 'a.example.org\n'));
      await expect(upload).rejects.toThrow(/507.*STORE_UNWRITABLE/);
    }
    const plan = { plans: [{ id: 'kids', block: ['listed'], deny: ['denied.example.net'] }] };
    expect(await server.apply(plan)).toMatchObject(refused);
    expect(await server.api('POST', '/tokens', { id: 't', role: 'reader' })).toMatchObject(refused);
    const upsert = [{ subscriber: 'kids', address: '10.9.9.9', ttlSeconds: 100 }];
    expect(await server.api('PUT', '/sessions', { upsert })).toMatchObject(refused);
    await expectServing(server, 'with a full disk');
    expect((await server.api('GET', '/status')).body).toMatchObject({ revision, isReady: true });
    // What was refused left nothing behind that takes room.
    const left = await readdir(join(dataDir, 'lists'));
    expect(left.filter((file) => file.endsWith('.tmp'))).toEqual([]);

    await rm(join(disk, 'ballast'));
    expect((await server.apply(plan)).status).toBe(200);
    expect(await rcodeOf(server, 'denied.example.net')).toBe('NXDOMAIN');
    expect((await server.api('GET', '/audit/verify')).body).toMatchObject({ isIntact: true });
    expect(await server.end('SIGTERM')).toMatchObject({ code: 0 });
  }, 60_000);

  it('that has room for the rows but not for the images leaves the old state in force', async (context) => {
    const disk = await mountDisk(24);
    if (disk === null) return context.skip('only a user who may mount can fill a disk');
    const dataDir = join(disk, 'data');
    await using server = await start(dataDir);
    const names = Array.from({ length: 200_000 }, (_, index) => `n${index}.example.com\n`);
    const contentSha256 = await server.upload(Buffer.from(names.join('')));
    const free = Number(runTool('stat', ['-f', '-c', '%a', disk])) * 4096;
    await writeFile(join(disk, 'ballast'), Buffer.alloc(free - (1 << 20)));
    const list = { id: 'large', category: 'listed', format: 'domains', contentSha256 };
    const answer = await server.apply({ lists: [list] });
    expect(answer).toMatchObject({ status: 503, body: { code: 'PUBLISH_FAILED' } });
    expect(answer.body['detail']).toContain('no space left');
    await expectServing(server, 'with old images');
    expect(await rcodeOf(server, 'n1.example.com')).toBe('NOERROR');
    // Killed now, the next start has the old images and no room for the new ones.
    await server.end();
    await using again = await start(dataDir);
    await expectServing(again, 'after a restart without room');
    await rm(join(disk, 'ballast'));
    expect((await again.apply({ plans: [{ id: 'more' }] })).status).toBe(200);
    expect(await rcodeOf(again, 'n1.example.com')).toBe('NXDOMAIN');
  }, 60_000);

  it('that is read-only is refused with one sentence', async (context) => {
    const disk = await mountDisk(8);
    if (disk === null) return context.skip('only a user who may mount can make a disk read-only');
    runTool('mount', ['-o', 'remount,ro', disk]);
    const refusal = await ServerProcess.refused(optionsOf(join(disk, 'data')));
    expect(refusal.code).toBe(1);
    expect(refusal.sentence.split('\n')).toHaveLength(1);
    expect(refusal.sentence).toMatch(/data folder.*read-only/);
  }, 60_000);
});

describe('a data folder', () => {
  it('serves one process: a second is refused, and the first goes on', async () => {
    const dataDir = await aCopy();
    await using server = await start(dataDir);
    const refusal = await ServerProcess.refused(optionsOf(dataDir));
    expect(refusal.code).toBe(1);
    expect(refusal.sentence).toMatch(/another Stairgate process is using it/);
    await expectServing(server, 'beside a second one');
    expect((await server.apply({ plans: [{ id: 'more' }] })).status).toBe(200);
  }, 60_000);

  it('is closed to other users, whatever the umask and the modes it was restored with', async () => {
    const dataDir = await aCopy();
    await chmod(dataDir, 0o755);
    await chmod(join(dataDir, 'stairgate.db'), 0o644);
    await using fresh = await start(join(await aFolder(), 'data'));
    await using restored = await start(dataDir);
    for (const server of [fresh, restored]) {
      const contentSha256 = await server.upload(Buffer.from('more.example.net\n'));
      const list = { id: 'more', category: 'adult', format: 'domains', contentSha256 };
      expect((await server.apply({ lists: [list] })).status).toBe(200);
      const files = await readdir(server.dataDir, { recursive: true });
      expect(files).toEqual(
        expect.arrayContaining(['stairgate.db', 'stairgate.db-wal', 'lock.db', 'hash.seed']),
      );
      for (const file of ['.', ...files]) {
        // SQLite makes these two with the mode of the database; the copy brought its own.
        if (server === restored && /-(wal|shm)$/.test(file)) continue;
        const { mode } = await stat(join(server.dataDir, file));
        expect((mode & 0o777).toString(8), file).toMatch(/^(600|700)$/);
      }
    }
  }, 60_000);
});

describe('a port in use', () => {
  it('ends the start with one sentence that names it', async () => {
    const dataDir = await aCopy();
    const taken = createServer();
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
    const address = taken.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    try {
      for (const where of [{ port }, { adminPort: port }]) {
        const refusal = await ServerProcess.refused(optionsOf(dataDir, where));
        expect(refusal.code).toBe(1);
        expect(refusal.sentence.split('\n')).toHaveLength(1);
        expect(refusal.sentence).toMatch(new RegExp(`127\\.0\\.0\\.1(:| port )${port}`));
        expect(refusal.sentence).toMatch(/in use|EADDRINUSE/);
      }
    } finally {
      taken.close();
    }
  }, 60_000);
});
