/**
 * Zones of real primaries: taken whole and by their differences, signed with TSIG, in one message and
 * in many, and the errors that they report. Then the same through the built server: NOTIFY, a primary
 * that goes away and comes back, and a restart while it is away.
 */

import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { askSoa, wireZone } from '../../src/lists/transfer/primary.ts';
import { runTransfer, type TransferDone } from '../../src/lists/transfer/run-transfer.ts';
import type { BaseCopy } from '../../src/lists/transfer/run-transfer.ts';
import type { TsigKey } from '../../src/lists/transfer/tsig.ts';
import { aQuery, askUdp, decodeResponse } from '../support/dns-query.ts';
import { addressAnswer, type FakeUpstream, startFakeUpstream } from '../support/fake-upstream.ts';
import { freePort, TestServer } from '../support/server.ts';
import { apiGet } from './support/api.ts';
import { isInstalled, KEY_NAME, PRIMARY_KINDS, RealPrimary } from './support/primaries.ts';

const INSTALLED = PRIMARY_KINDS.filter(isInstalled);
const ZONE = 'rpz.example';
/** Enough for some dozen messages. */
const MANY = 20_000;
const LIMITS = {
  connectMs: 5_000,
  silenceMs: 10_000,
  totalMs: 30_000,
  bytesMax: 100_000_000,
  recordsMax: 1_000_000,
};
const FIRST = [
  'a.example CNAME .',
  '*.a.example CNAME .',
  'b.example CNAME *.',
  'good.b.example CNAME rpz-passthru.',
  'odd\\;name.example CNAME .',
  'data.example A 192.0.2.1',
  'text.example TXT "one; \\"two\\""',
];
const SECOND = [
  ...FIRST.filter((line) => !line.startsWith('a.') && !line.startsWith('data.')),
  'new.example CNAME .',
  'data.example A 192.0.2.2',
];
const FIRST_LINES = [
  '*.a.example CNAME .',
  '@ TYPE2 \\# 12 026e73076578616d706c6500',
  'a.example CNAME .',
  'b.example CNAME *.',
  'data.example A 192.0.2.1',
  'good.b.example CNAME rpz-passthru.',
  'odd\\;name.example CNAME .',
  'text.example TYPE16 \\# 11 0a6f6e653b202274776f22',
];
const SECOND_LINES = FIRST_LINES.filter((line) => !line.startsWith('a.'))
  .map((line) => line.replace('A 192.0.2.1', 'A 192.0.2.2'))
  .toSpliced(5, 0, 'new.example CNAME .');

/** The serial that a primary serves; −1 while it serves none. */
async function serialOf(primary: RealPrimary): Promise<number> {
  return await askAt(primary, 0).catch(() => -1);
}

/** The same with a clock of ours that is so far ahead. @throws AppError */
async function askAt({ endpoint, secret }: RealPrimary, aheadSeconds: number): Promise<number> {
  const key: TsigKey = { name: KEY_NAME, algorithm: 'hmac-sha256', secret };
  const wallMs = (): number => systemClock.wallMs() + aheadSeconds * 1000;
  const clock = { ...systemClock, wallMs };
  const { serial } = await askSoa({ endpoint, zone: wireZone(ZONE), key, clock });
  return serial;
}

describe.each(INSTALLED)('$name', (kind) => {
  let dataDir = '';
  let primary: RealPrimary;
  let key: TsigKey;
  let many: string[] = [];

  beforeAll(async () => {
    dataDir = mkdtempSync(join(tmpdir(), 'stairgate-zones-'));
    mkdirSync(join(dataDir, 'lists'));
    primary = await RealPrimary.start(kind, ZONE, 1, FIRST);
    key = { name: KEY_NAME, algorithm: 'hmac-sha256', secret: primary.secret };
  });

  afterAll(async () => {
    await primary[Symbol.asyncDispose]();
    rmSync(dataDir, { recursive: true });
  });

  function take(base: BaseCopy | null, withKey: TsigKey | null = key): Promise<TransferDone> {
    const { endpoint } = primary;
    return runTransfer({ dataDir, zone: ZONE, endpoint, key: withKey, base, limits: LIMITS });
  }

  function linesOf({ contentSha256 }: TransferDone): string[] {
    const text = readFileSync(join(dataDir, 'lists', contentSha256), 'latin1');
    return text.split('\n').slice(2, -1).sort();
  }

  /** Changes the zone and waits until the primary has it. */
  async function change(serial: number, records: readonly string[]): Promise<void> {
    primary.change(serial, records);
    await expect.poll(() => serialOf(primary), { timeout: 10_000 }).toBe(serial);
  }

  test('gives its whole zone, signed, and then what changed', async () => {
    const first = await take(null);
    expect(first).toMatchObject({ outcome: 'whole', soa: { serial: 1, refreshSeconds: 60 } });
    expect(linesOf(first)).toEqual([...FIRST_LINES].sort());
    const base = { contentSha256: first.contentSha256, serial: 1 };
    expect(await take(base)).toMatchObject({ outcome: 'unchanged', soa: { serial: 1 } });

    await change(2, SECOND);
    const second = await take(base);
    expect(second).toMatchObject({
      outcome: 'differences',
      wholeBecause: null,
      soa: { serial: 2 },
    });
    expect(linesOf(second)).toEqual([...SECOND_LINES].sort());
    expect((await take(null)).contentSha256).toBe(second.contentSha256);
  });

  test('gives a large zone in many messages, and the differences of several versions', async () => {
    many = Array.from({ length: MANY }, (_, index) => `n${index}.example CNAME .`);
    await change(3, many);
    const whole = await take(null);
    expect(whole).toMatchObject({ outcome: 'whole', recordCount: MANY + 1 });
    await change(4, [...many.slice(5_000), 'x.example CNAME .']);
    await change(5, [...many.slice(6_000), 'y.example CNAME .']);
    const later = await take({ contentSha256: whole.contentSha256, serial: 3 });
    expect(later).toMatchObject({ outcome: 'differences', recordCount: MANY - 6_000 + 2 });
    expect((await take(null)).contentSha256).toBe(later.contentSha256);
  });

  test('gives the whole zone where it has no differences from there', async () => {
    const wrong = await take({
      contentSha256: (await take(null)).contentSha256,
      serial: 0xfffffff0,
    });
    expect(wrong).toMatchObject({ outcome: 'whole', soa: { serial: 5 } });
  });

  test('refuses a wrong secret, another key and none, and we say why', async () => {
    const secret = Buffer.alloc(32, 1);
    await expect(take(null, { ...key, secret })).rejects.toThrow(/BADSIG|signature/);
    await expect(take(null, { ...key, name: 'other' })).rejects.toThrow(/BADKEY/);
    await expect(take(null, null)).rejects.toThrow(/REFUSED|NOTAUTH/);
  });

  test('refuses us where the clocks differ by an hour, and we say what each of them shows', async () => {
    for (const aheadSeconds of [-3600, 3600]) {
      await expect(askAt(primary, aheadSeconds)).rejects.toThrow(/BADTIME\): its clock says /);
    }
  });
});

describe.each(INSTALLED)('a server whose list is a zone of $name', { timeout: 60_000 }, (kind) => {
  const TIMEOUT = { timeout: 30_000 };
  let folder = '';
  let dataDir = '';
  let upstream: FakeUpstream;
  let primary: RealPrimary;
  let server: TestServer;
  let config = '';

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'stairgate-zones-'));
    dataDir = join(folder, 'data');
    mkdirSync(dataDir, { mode: 0o700 });
    const notify = { address: '127.0.0.1', port: await freePort() };
    upstream = await startFakeUpstream((query) => addressAnswer(query, '192.0.2.1'));
    primary = await RealPrimary.start(kind, ZONE, 1, FIRST, notify);
    const secretFile = join(folder, 'xfer.key');
    writeFileSync(secretFile, `${primary.secret.toString('base64')}\n`, { mode: 0o600 });
    config = `lists:
  notify: ['127.0.0.1:${notify.port}']
  tsigKeys: [{ name: ${KEY_NAME}, algorithm: hmac-sha256, secretFile: ${secretFile} }]
`;
    server = await start();
    await server.apply(`
categories: [{ id: feed, class: operator }]
lists:
  - id: rpz
    category: feed
    gate: { badPercentMax: 100, shrinkPercentMax: 100, growthPercentMax: 1000 }
    transfer: { zone: ${ZONE}, primaries: ['127.0.0.1:${primary.endpoint.port}'], tsigKey: ${KEY_NAME} }
plans: [{ id: guarded, block: [feed] }]
subscribers: [{ id: home, plan: guarded, addresses: [127.0.0.1/32] }]
`);
  });

  afterAll(async () => {
    await server.stop();
    await primary[Symbol.asyncDispose]();
    await upstream.close();
    rmSync(folder, { recursive: true });
  });

  function start(): Promise<TestServer> {
    const { port } = upstream;
    return TestServer.start({ upstream: `127.0.0.1:${port}`, dataDir, config });
  }

  async function rcodeOf(name: string): Promise<string> {
    const response = await askUdp(server.port, aQuery().name(name).build());
    return decodeResponse(response).rcode;
  }

  function state(): Promise<{ readonly failures: number; readonly lastError: string | null }> {
    return apiGet(server, '/lists/rpz/state');
  }

  test('blocks what the zone blocks, and passes what it passes', async () => {
    await expect.poll(() => rcodeOf('a.example'), TIMEOUT).toBe('NXDOMAIN');
    expect(await rcodeOf('www.a.example')).toBe('NXDOMAIN');
    expect(await rcodeOf('b.example')).toBe('NXDOMAIN');
    expect(await rcodeOf('good.b.example')).toBe('NOERROR');
    expect(await rcodeOf('new.example')).toBe('NOERROR');
    expect(server.log).toContain('"zone rpz.example: whole taken');
  });

  test('follows a NOTIFY: names come and go', async () => {
    primary.change(2, SECOND);
    await expect.poll(() => rcodeOf('new.example'), TIMEOUT).toBe('NXDOMAIN');
    expect(await rcodeOf('a.example')).toBe('NOERROR');
    expect(await rcodeOf('www.a.example')).toBe('NXDOMAIN');
    expect(server.log).toContain('"zone rpz.example: differences taken');
    expect(server.log).not.toContain(primary.secret.toString('base64'));
  });

  test('goes on with its copy while the primary is away, also after a restart', async () => {
    await primary.stop();
    await server.stop();
    server = await start();
    expect(await rcodeOf('new.example')).toBe('NXDOMAIN');
    expect(await rcodeOf('a.example')).toBe('NOERROR');
    await expect.poll(async () => (await state()).failures, TIMEOUT).toBeGreaterThan(0);
    expect((await state()).lastError).toContain('ECONNREFUSED');
    expect(await rcodeOf('new.example')).toBe('NXDOMAIN');
  });

  test('takes what is new when the primary has come back', async () => {
    await primary.start();
    // BIND, given a new file before it has read the old one, finds its journal of no use and stops there.
    await expect.poll(() => serialOf(primary), TIMEOUT).toBe(2);
    primary.change(3, [...SECOND, 'later.example CNAME .']);
    await expect.poll(() => rcodeOf('later.example'), TIMEOUT).toBe('NXDOMAIN');
    expect(await state()).toMatchObject({ failures: 0, lastError: null });
  });
});
