/**
 * The first minute: a data folder that does not exist yet, no configuration, and a server that
 * already filters, says why, and shows in its API which plan did it.
 */

import { execFile, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aQuery, askTcp, askUdp, decodeResponse, edesOf } from '../support/dns-query.ts';
import { addressAnswer, startFakeUpstream, type FakeUpstream } from '../support/fake-upstream.ts';
import { makeFolder, TestServer } from '../support/server.ts';
import { apiGet, explain } from './support/api.ts';

const SEEDS = join(import.meta.dirname, '../../blocklists');
const WHY = 'Filtered: Adult content (plan family)';
const hasKdig = spawnSync('kdig', ['-V']).status === 0;

const TRANSPORTS = [
  { transport: 'UDP', address: '127.0.0.1', ask: askUdp },
  { transport: 'UDP', address: '::1', ask: askUdp },
  { transport: 'TCP', address: '127.0.0.1', ask: askTcp },
  { transport: 'TCP', address: '::1', ask: askTcp },
];

interface Page<Item> {
  readonly items: readonly Item[];
}

test('a token file of the operator is the only admin token, and others that may read it are named', async () => {
  const folder = await makeFolder();
  const tokenFile = join(folder, 'secret');
  writeFileSync(tokenFile, 'a-secret-of-the-operator\n', { mode: 0o644 });
  const dataDir = join(folder, 'data');
  const options = { upstream: '192.0.2.53', dataDir, arguments: ['--admin-token-file', tokenFile] };
  await using server = await TestServer.start(options);
  expect(server.log).toContain('others may read the admin token');
  expect(existsSync(join(dataDir, 'admin.token'))).toBe(false);
  const { stdout } = await server.run('token', 'list', '--admin-token-file', tokenFile);
  expect(stdout).toContain('admin-token-file');
  expect(stdout).not.toContain('first-admin');
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('the first start in an empty folder', () => {
  const seeded = firstSeed('adult');
  let upstream: FakeUpstream;
  let server: TestServer;
  let folder: string;

  beforeAll(async () => {
    upstream = await startFakeUpstream((query) => addressAnswer(query, '192.0.2.1'));
    folder = await makeFolder();
    server = await TestServer.start({
      upstream: `${upstream.address}:${upstream.port}`,
      hosts: ['127.0.0.1', '[::1]'],
      // A folder that the server has to make.
      dataDir: join(folder, 'data'),
    });
  });

  afterAll(async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
    await upstream.close();
  });

  test.each(TRANSPORTS)(
    'a seeded adult name is blocked with the reason over $transport to $address',
    async ({ address, ask }) => {
      for (const type of ['A', 'AAAA', 'HTTPS', 'TXT']) {
        for (const name of [seeded, `www.${seeded}`]) {
          const query = aQuery().name(name).type(type).edns().build();
          const response = decodeResponse(await ask(server.port, query, { address }));
          expect(response.rcode, `${name} ${type}`).toBe('NXDOMAIN');
          expect(response.answers).toEqual([]);
          expect(response.authorities.map((record) => record.type)).toEqual(['SOA']);
          expect(edesOf(response)[0], `${name} ${type}`).toEqual({ code: 17, text: WHY });
        }
      }
      expect(upstream.queries.map((query) => query.name)).not.toContain(seeded);
    },
  );

  test.each(TRANSPORTS)(
    'a name on no list is answered by upstream over $transport to $address',
    async ({ address, ask }) => {
      const query = aQuery().name('www.example.org').edns().build();
      const response = decodeResponse(await ask(server.port, query, { address }));
      expect(response.answers[0]).toMatchObject({ type: 'A', data: '192.0.2.1' });
      expect(edesOf(response)).toEqual([]);
      expect(upstream.queries.map(({ name }) => name.toLowerCase())).toContain('www.example.org');
    },
  );

  test('the API lists the plan that did it and explains the block by a line of a list', async () => {
    const plans = await apiGet<Page<{ id: string; block: string[] }>>(server, '/plans');
    expect(plans.items.map(({ id }) => id)).toEqual(['family']);
    expect(plans.items[0]?.block).toContain('adult');
    const subscribers = await apiGet<Page<{ plan: string; addresses: string[] }>>(
      server,
      '/subscribers',
    );
    expect(subscribers.items.map(({ plan }) => plan)).toEqual(['family']);
    expect(subscribers.items[0]?.addresses).toEqual(
      expect.arrayContaining(['127.0.0.0/8', '::1/128']),
    );
    for (const client of ['127.0.0.1', '::1']) {
      const why = await explain(server, `www.${seeded}`, client);
      expect(why).toMatchObject({ decision: 'block', row: 9, category: 'adult', plan: 'family' });
      expect(why.evidence[0]).toMatchObject({ list: 'builtin-adult' });
    }
  });

  test('the API is closed without the token, which is in a file of its owner alone', async () => {
    const response = await fetch(`http://${server.admin}/api/v1/plans`);
    expect(response.status).toBe(401);
    expect(statSync(join(server.dataDir, 'admin.token')).mode & 0o777).toBe(0o600);
  });

  test.for(TRANSPORTS)(
    'kdig shows the block with its reason over $transport to $address (skipped without kdig)',
    async ({ transport, address }, { skip }) => {
      if (!hasKdig) skip('kdig is not installed');
      const { stdout } = await promisify(execFile)('kdig', [
        `@${address}`,
        ...['-p', String(server.port), '+edns', transport === 'TCP' ? '+tcp' : '+notcp'],
        seeded,
      ]);
      expect(stdout).toContain('status: NXDOMAIN');
      expect(stdout).toMatch(/EDE: 17 \(Filtered\): '?Filtered: Adult content \(plan family\)/);
      expect(stdout).toContain(`(${transport})`);
    },
  );
});

/** The first name of a seed list. */
function firstSeed(category: string): string {
  const lines = readFileSync(join(SEEDS, `${category}.txt`), 'utf8').split('\n');
  const name = lines.find((line) => line !== '' && !line.startsWith('#'));
  if (name === undefined) throw new Error(`blocklists/${category}.txt has no name`);
  return name;
}
