/**
 * A sealed list in a running server: its names are blocked for everyone, whatever they allow, and are
 * nowhere to be found in what the server writes, says or has in memory, until somebody asks for one.
 * They are sealed in a process of their own, so that the server never met them.
 */

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { DecodedPacket } from 'dns-packet';
import { aQuery, askTcp, askUdp, decodeResponse, edesOf } from '../support/dns-query.ts';
import { answerTo, FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';
import { makeFolder, runCommand } from '../support/server.ts';
import { findIn, findInFolder, findInMemory } from './support/find-octets.ts';
import { ServerProcess } from './support/server-process.ts';

const PRELOAD = new URL('./support/heap-snapshots.mjs', import.meta.url);
/** One label of each name: it stands in a text and in a packet with the same octets. */
const HIDDEN = ['umbrellafish7', 'quietharbour9', 'lanternmoth3'];
const [FIRST, SECOND, THIRD] = HIDDEN.map((label) => `${label}.example.com`) as [
  string,
  string,
  string,
];
/** Asked for and logged, so that a search that finds nothing would be noticed. */
const CONTROL = 'seenpelican5';
const HOME = '127.0.0.7';
const STRANGER = '127.0.0.9';
const LIST = { id: 'court', category: 'court', sealed: true };
const DOCUMENT = {
  categories: [{ id: 'court', class: 'law' }],
  plans: [{ id: 'kids', log: 'all' }, { id: 'open' }],
  subscribers: [
    { id: 'kids', plan: 'kids', addresses: [HOME] },
    { id: 'other', plan: 'open', addresses: [STRANGER] },
  ],
};

let folder = '';
let upstream: FakeUpstream;
let server: ServerProcess;
let sha256 = '';
const at = (name: string): string => join(folder, name);

/** Seals the list anew. @returns octets of the file */
async function seal(
  serial: number,
  names: readonly string[] = [FIRST, SECOND, THIRD],
  list = 'court',
  key = 'court',
) {
  writeFileSync(at('names.txt'), `${names.join('\n')}\n`);
  const result = await runCommand([
    ...['list', 'seal', at('names.txt'), at('court.sealed'), '--list', list],
    ...['--key-id', `${key}-key`, '--key-file', at(`${key}.key`)],
    ...['--publisher', 'ministry', '--sign-key-file', at('ministry.key')],
    ...['--serial', String(serial)],
  ]);
  expect(result).toMatchObject({ code: 0, stderr: '' });
  expect(result.stdout).toContain(`${names.length} names, serial ${serial}`);
  expect(findIn(Buffer.from(result.stdout), HIDDEN)).toEqual([]);
  await rm(at('names.txt'));
  return readFileSync(at('court.sealed'));
}

async function start(): Promise<ServerProcess> {
  const preload = `${PRELOAD.href}?folder=${at('heaps')}`;
  return ServerProcess.start({
    dataDir: at('data'),
    upstream: `127.0.0.1:${upstream.port}`,
    workers: 2,
    nodeArguments: ['--import', preload],
    arguments: ['--config', at('config.yaml')],
  });
}

function writeConfig(sealing: string): void {
  writeFileSync(at('config.yaml'), `sealing:\n${sealing}`);
}

const KEYS = (): string => `  keys: [{ id: court-key, file: ${at('court.key')} }]\n`;
const PUBLISHERS = (): string =>
  `  publishers: [{ id: ministry, publicKeyFile: ${at('ministry.pem')} }]\n`;

async function ask(name: string, from: string, isTcp = false): Promise<DecodedPacket> {
  const query = aQuery().name(name).edns().build();
  const asked = isTcp ? askTcp(server.port, query, { from }) : askUdp(server.port, query, { from });
  return decodeResponse(await asked);
}

async function metrics(): Promise<string> {
  return (await fetch(`http://127.0.0.1:${server.adminPort}/metrics`)).text();
}

/** Every answer of the API that could speak of a list. */
async function apiTexts(): Promise<string> {
  const paths = [
    ...['/status', '/export', '/lists', '/lists/court', '/categories', '/audit?limit=100'],
    ...['/plans', '/lists/court/attestation', `/list-contents/${sha256}`, '/subscribers'],
    '/explain?name=www.example.net&client=127.0.0.7',
  ];
  const answers: string[] = [];
  for (const path of paths) answers.push(JSON.stringify(await server.api('GET', path)));
  return answers.join('\n') + (await metrics());
}

beforeAll(async () => {
  folder = await makeFolder();
  await mkdir(at('data'), { mode: 0o700 });
  await mkdir(at('heaps'));
  for (const args of [
    ['list', 'new-key', at('court.key')],
    ['list', 'new-signing-key', at('ministry.key'), at('ministry.pem')],
  ]) {
    expect(await runCommand(args)).toMatchObject({ code: 0 });
  }
  upstream = await startFakeUpstream((query) => {
    const target = query.name.toLowerCase().startsWith('alias.') ? `www.${SECOND}` : null;
    const address = { type: 'A' as const, ttl: 300, data: '192.0.2.80' };
    if (target === null) return answerTo(query, { answers: [{ ...address, name: query.name }] });
    return answerTo(query, {
      answers: [
        { type: 'CNAME', name: query.name, ttl: 300, data: target },
        { ...address, name: target },
      ],
    });
  });
  writeConfig(KEYS() + PUBLISHERS());
  const octets = await seal(1);
  server = await start();
  sha256 = await server.upload(octets);
  const lists = [{ ...LIST, contentSha256: sha256 }];
  expect(await server.apply({ ...DOCUMENT, lists })).toMatchObject({ status: 200 });
}, 120_000);

afterAll(async () => {
  await server.end('SIGTERM');
  await upstream.close();
  await rm(folder, { recursive: true, force: true });
});

describe('before anybody has asked for a name of it', () => {
  it('none is in the data folder, the log, the answers of the API, metrics and export', async () => {
    await ask(`${CONTROL}.example.com`, HOME);
    // What was asked is written down, so names can be found there.
    await expect
      .poll(() => findInFolder(at('data'), [CONTROL]).length, { timeout: 15_000 })
      .toBeGreaterThan(0);
    const texts = await apiTexts();
    expect(texts).toContain('"list":"court"');
    expect(texts).toContain('"code":"CONTENT_SEALED"');
    expect(findIn(Buffer.from(texts), HIDDEN)).toEqual([]);
    expect(findInFolder(at('data'), HIDDEN)).toEqual([]);
    expect(findIn(Buffer.from(server.log), HIDDEN)).toEqual([]);
  });

  it('none is in a heap snapshot of any thread, nor in any memory of the process', async () => {
    server.child.kill('SIGUSR2');
    await expect.poll(() => existsSync(at('heaps/done')), { timeout: 60_000 }).toBe(true);
    // The id of the list is on the heap, so the snapshots can be read.
    expect(findInFolder(at('heaps'), ['court-key']).length).toBeGreaterThan(0);
    expect(findInFolder(at('heaps'), HIDDEN)).toEqual([]);
    const pid = server.child.pid ?? 0;
    expect(findInMemory(pid, [CONTROL])).toEqual([CONTROL]);
    expect(findInMemory(pid, HIDDEN)).toEqual([]);
  }, 120_000);
});

describe('a name of it', () => {
  const expectLaw = (response: DecodedPacket): void => {
    expect(response.rcode).toBe('NXDOMAIN');
    expect(edesOf(response)).toMatchObject([{ code: 16 }]);
  };

  beforeAll(async () => {
    const allow = [FIRST, { name: SECOND, always: true }];
    const applied = await server.apply({
      plans: [{ id: 'kids', log: 'all', allow }],
      subscribers: [
        { id: 'kids', plan: 'kids', addresses: [HOME], allow: [{ name: THIRD, always: true }] },
      ],
    });
    expect(applied).toMatchObject({ status: 200 });
    const grant = { target: 'names', names: [FIRST], minutes: 60 };
    const granted = await server.api('POST', '/subscribers/kids/grants?wait=true', grant);
    expect(granted.status).toBeLessThan(300);
  });

  it('is blocked for everyone over UDP and TCP, whatever plan, household and grant allow', async () => {
    for (const name of [FIRST, SECOND, THIRD, `www.${FIRST}`]) {
      for (const from of [HOME, STRANGER, '127.0.0.1']) {
        for (const isTcp of [false, true]) expectLaw(await ask(name, from, isTcp));
      }
    }
    expect((await ask(`x${FIRST}`, HOME)).rcode).toBe('NOERROR');
  });

  it('is blocked as the target of a CNAME, fresh and cached', async () => {
    for (let round = 0; round < 3; round++) {
      expectLaw(await ask('alias.example.net', HOME));
      expectLaw(await ask('alias.example.net', STRANGER, true));
    }
    // Each worker has a cache of its own.
    const asked = upstream.queries.filter(({ name }) => /^alias\./i.test(name));
    expect(asked.length).toBeLessThanOrEqual(2);
  });

  it('is explained by class, list and version, and nothing else', async () => {
    const query = new URLSearchParams({ name: `www.${FIRST}`, client: HOME }).toString();
    const { body } = await server.api('GET', `/explain?${query}`);
    expect(body).toMatchObject({
      decision: 'block',
      row: 1,
      verdictClass: 'law',
      category: 'court',
      evidence: [{ list: 'court', version: 1, content: sha256.slice(0, 12), line: 0, text: '' }],
    });
  });

  it('leaves its name nowhere, though the household logs everything', async () => {
    await ask('afterwards8.example.com', HOME);
    await expect
      .poll(() => findInFolder(at('data'), ['afterwards8']).length, { timeout: 15_000 })
      .toBeGreaterThan(0);
    const asked = `www.${HIDDEN[2] ?? ''}`;
    await ask(`${asked}.example.com`, HOME);
    expect(findInFolder(at('data'), [asked])).toEqual([]);
    expect(findIn(Buffer.from(server.log + (await metrics())), HIDDEN)).toEqual([]);
  });
});

describe('a version', () => {
  it('is attested, and the statement can be checked', async () => {
    writeFileSync(
      at('attestation.json'),
      JSON.stringify((await server.api('GET', '/lists/court/attestation')).body),
    );
    const admin = ['--admin', `127.0.0.1:${server.adminPort}`, '--data-dir', at('data')];
    const attested = await runCommand([
      ...['list', 'attest', 'court', '--public-key-file', at('server.pem'), ...admin],
    ]);
    expect(attested).toMatchObject({ code: 0 });
    const verify = ['list', 'verify-attestation', at('attestation.json'), '--public-key-file'];
    const verified = await runCommand([...verify, at('server.pem')]);
    expect(verified).toMatchObject({ code: 0 });
    expect(verified.stdout).toContain(`serial: 1\n`);
    expect(verified.stdout).toContain(`sha256: ${sha256}\nnames: 3\nin force on all workers since`);
    expect(verified.stdout).toContain('workers: 2\n');
    expect((await runCommand([...verify, at('ministry.pem')])).stderr).toContain('not that of');
    expect(await server.api('GET', '/lists/none/attestation')).toMatchObject({ status: 404 });
  });

  it('is not taken where it is old, changed or of another key, and the last one stays', async () => {
    const second = await server.upload(await seal(2, [FIRST, THIRD, 'another.example.com']));
    // One name of two or three is more than a fifth.
    const gate = { shrinkPercentMax: 100 };
    const applied = await server.apply({ lists: [{ ...LIST, gate, contentSha256: second }] });
    expect(applied).toMatchObject({ status: 200, body: { held: [] } });
    expect((await ask(SECOND, STRANGER)).rcode).toBe('NOERROR');
    const refused = async (content: string): Promise<string> => {
      const answer = await server.apply({ lists: [{ ...LIST, contentSha256: content }] });
      expect(answer.status).toBe(422);
      return JSON.stringify(answer.body);
    };
    expect(await refused(sha256)).toContain('given out again');
    const damaged = Buffer.from(await seal(3));
    damaged[360]! ^= 1;
    expect(await refused(await server.upload(damaged))).toContain('not those that were signed');
    const plain = await server.upload(Buffer.from('plain.example.org\n'));
    expect(await refused(plain)).toContain('the content is not sealed');
    expect((await ask(FIRST, STRANGER)).rcode).toBe('NXDOMAIN');
    expect(await metrics()).toMatch(/sealed_list_serial\{list="court"\} 2\n/);
  });
});

describe('without its key', () => {
  it('a reload is refused and the list stays in force', async () => {
    writeConfig(PUBLISHERS());
    const answer = await server.api('POST', '/reload', {});
    expect(answer).toMatchObject({ status: 422, body: { code: 'SEALING_KEY_MISSING' } });
    expect((await ask(FIRST, STRANGER)).rcode).toBe('NXDOMAIN');
  });

  it('a restart answers nobody rather than let its names pass, until the key is back', async () => {
    await server.end('SIGTERM');
    server = await start();
    expect(server.log).toContain('the images from the disk are not used');
    expect((await ask(FIRST, STRANGER)).rcode).toBe('SERVFAIL');
    expect((await server.api('GET', '/status')).body).toMatchObject({
      isReady: false,
      lastFailure: { code: 'SEALING_KEY_MISSING' },
      missingSealedLists: ['court'],
    });
    expect(await metrics()).toContain('stairgate_sealed_list_overdue{list="court"} 1\n');
    writeConfig(KEYS() + PUBLISHERS());
    expect(await server.api('POST', '/reload', {})).toMatchObject({ status: 200 });
    expect((await ask(FIRST, STRANGER)).rcode).toBe('NXDOMAIN');
    expect((await ask('www.example.net', STRANGER)).rcode).toBe('NOERROR');
  });

  it('a restart with it blocks from the first answer on', async () => {
    await server.end('SIGTERM');
    server = await start();
    expect((await ask(FIRST, STRANGER)).rcode).toBe('NXDOMAIN');
  });
});

describe('a list for which two people are needed', () => {
  const ORDERS = { id: 'orders', category: 'court', sealed: true, approvals: 2 };
  const [ORDERED, NEXT] = ['velvetharbour4.example.com', 'copperlark6.example.com'];
  let anna = '';

  async function propose(
    serial: number,
    names: readonly string[],
    key = 'court',
    fields: object = {},
  ) {
    const contentSha256 = await server.upload(await seal(serial, names, 'orders', key));
    const answer = await server.apply({ lists: [{ ...ORDERS, ...fields, contentSha256 }] });
    expect(answer).toMatchObject({ status: 200, body: { held: [{ list: 'orders' }] } });
    return (answer.body['held'] as readonly [{ readonly version: number }])[0].version;
  }

  async function approve(version: number, secret: string | null) {
    const path = `/lists/orders/versions/${version}/approve?wait=true`;
    return secret === null ? server.api('POST', path, {}) : server.api('POST', path, {}, secret);
  }

  beforeAll(async () => {
    expect(await runCommand(['list', 'new-key', at('next.key')])).toMatchObject({ code: 0 });
    const { body } = await server.api('POST', '/tokens', { id: 'anna', role: 'operator' });
    anna = body['secret'] as string;
  });

  it('takes none of its versions before another one than its author has approved it', async () => {
    const first = await propose(1, [ORDERED]);
    expect((await ask(ORDERED, STRANGER)).rcode).toBe('NOERROR');
    expect(await approve(first, null)).toMatchObject({
      status: 409,
      body: { code: 'APPROVAL_NEEDS_ANOTHER' },
    });
    expect(await approve(first, anna)).toMatchObject({ status: 200, body: { state: 'in-force' } });
    expect((await ask(ORDERED, STRANGER)).rcode).toBe('NXDOMAIN');
    const second = await propose(2, [ORDERED, NEXT]);
    expect((await ask(NEXT, STRANGER)).rcode).toBe('NOERROR');
    expect(await approve(second, anna)).toMatchObject({ status: 200 });
    expect((await ask(NEXT, STRANGER)).rcode).toBe('NXDOMAIN');
    const back = await server.api('POST', '/lists/orders/rollback', {}, anna);
    expect(back).toMatchObject({ status: 409, body: { code: 'VERSION_STATE' } });
    const texts = (await apiTexts()) + JSON.stringify(await server.api('GET', '/list-versions'));
    expect(findIn(Buffer.from(texts), [ORDERED, NEXT])).toEqual([]);
  });

  it('takes none whose key is gone when it is approved, and other changes go on', async () => {
    const keys = `  keys: [{ id: court-key, file: ${at('court.key')} }, { id: next-key, file: ${at('next.key')} }]\n`;
    writeConfig(keys + PUBLISHERS());
    expect(await server.api('POST', '/reload', {})).toMatchObject({ status: 200 });
    const third = await propose(3, [ORDERED], 'next');
    writeConfig(KEYS() + PUBLISHERS());
    expect(await server.api('POST', '/reload', {})).toMatchObject({ status: 200 });
    const refused = await approve(third, anna);
    expect(refused).toMatchObject({ status: 422, body: { code: 'LIST_REFUSED' } });
    expect(JSON.stringify(refused.body)).toContain('next-key');
    const applied = await server.apply({ plans: [{ id: 'open', deny: ['denied.example.net'] }] });
    expect(applied).toMatchObject({ status: 200, body: { isInForce: true } });
    expect((await ask(NEXT, STRANGER)).rcode).toBe('NXDOMAIN');
    writeConfig(keys + PUBLISHERS());
    expect(await server.api('POST', '/reload', {})).toMatchObject({ status: 200 });
    expect(await approve(third, anna)).toMatchObject({ status: 200 });
    expect((await ask(NEXT, STRANGER)).rcode).toBe('NOERROR');
  });

  it('needs them where the configuration says so, though the list does not', async () => {
    const keys = `  keys: [{ id: court-key, file: ${at('court.key')} }, { id: next-key, file: ${at('next.key')} }]\n`;
    writeConfig(`${keys}${PUBLISHERS()}  approvals: 2\n`);
    expect(await server.api('POST', '/reload', {})).toMatchObject({ status: 200 });
    const fourth = await propose(4, [ORDERED, NEXT], 'court', { approvals: 1 });
    expect(await approve(fourth, null)).toMatchObject({ status: 409 });
    expect(await approve(fourth, anna)).toMatchObject({ status: 200 });
    expect((await ask(NEXT, STRANGER)).rcode).toBe('NXDOMAIN');
  });
});
