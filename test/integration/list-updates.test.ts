/**
 * Lists that a running server fetches: what the command line says of it, what a hostile source can do,
 * and what queries notice of it.
 */

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { aQuery, askUdp, decodeResponse } from '../support/dns-query.ts';
import { addressAnswer, answerTo, startFakeUpstream } from '../support/fake-upstream.ts';
import { flood, headOf, serve, startListServer } from '../support/list-server.ts';
import { TestServer } from '../support/server.ts';
import { SteadyLoad } from './support/steady-load.ts';

const LIST = 'bad.example.org\nworse.example.org\n';
const PRIVATE = 'lists: { allowPrivate: true, bytesMax: 33554432 }\n';
const KIDS = '127.0.0.7';

function documentOf(lists: readonly object[]): string {
  return JSON.stringify({
    categories: [{ id: 'listed' }],
    lists,
    plans: [{ id: 'kids', block: ['listed'] }],
    subscribers: [{ id: 'kids', plan: 'kids', addresses: [KIDS] }],
  });
}

async function rcodeOf(server: TestServer, name: string): Promise<string> {
  const query = aQuery().name(name).edns().build();
  return decodeResponse(await askUdp(server.port, query, { from: KIDS })).rcode;
}

/** Waits until the list has been fetched for the first time. */
async function untilBlocked(server: TestServer, name: string): Promise<void> {
  await expect.poll(() => rcodeOf(server, name), { timeout: 60_000 }).toBe('NXDOMAIN');
}

describe('a list with an address', { timeout: 90_000 }, () => {
  it('is fetched, kept through whatever its source does then, and comes back with it', async () => {
    await using upstream = await anUpstream();
    await using source = await startListServer(serve(LIST, { etag: '"v1"' }));
    await using server = await TestServer.start({ upstream: at(upstream), config: PRIVATE });
    const url = source.url('/list.txt?key=secret');
    await server.apply(documentOf([{ id: 'l', category: 'listed', url, allowHttp: true }]));
    await untilBlocked(server, 'bad.example.org');

    const again = await server.run('list', 'update', 'l');
    expect([again.stdout, again.code]).toEqual(['l: unchanged\n', 0]);

    source.use(serve('<!doctype html><title>Maintenance</title>'));
    const page = await server.run('list', 'update', 'l');
    expect(page.stdout).toContain('l: failed; the list keeps what it has');
    expect(page.stdout).toContain('it is a web page');
    expect(page.stderr).toContain('1 failed; they keep what they have');
    expect(page.code).toBe(1);
    expect(await rcodeOf(server, 'bad.example.org')).toBe('NXDOMAIN');

    source.use(serve(gzipSync(LIST).subarray(0, 40), { 'content-encoding': 'gzip' }));
    const cut = await server.run('list', 'update');
    expect(cut.stdout).toContain('the packed body is damaged or cut (unexpected end of file)');
    expect(cut.code).toBe(1);

    source.use(serve(`${LIST}new.example.org\n`, { etag: '"v2"' }));
    const fresh = await server.run('list', 'update', 'l');
    expect(fresh.stdout).toContain('l: version 2 is in force, 3 names');
    expect(fresh.code).toBe(0);
    expect(await rcodeOf(server, 'new.example.org')).toBe('NXDOMAIN');
    expect(server.log + page.stdout + page.stderr + cut.stdout).not.toContain('secret');
  });

  it('has its host looked up at the upstream resolver, even where it blocks that host', async () => {
    await using upstream = await anUpstream('127.0.0.1');
    await using source = await startListServer(serve('lists.example.org\n', { etag: '"v1"' }));
    await using server = await TestServer.start({ upstream: at(upstream), config: PRIVATE });
    const url = source.url('/', 'lists.example.org');
    await server.apply(documentOf([{ id: 'l', category: 'listed', url, allowHttp: true }]));
    await untilBlocked(server, 'lists.example.org');
    const again = await server.run('list', 'update', 'l');
    expect(again.stdout).toBe('l: unchanged\n');
  });

  it('that leads to a private address is not fetched, and said so', async () => {
    await using upstream = await anUpstream('127.0.0.1');
    await using source = await startListServer(serve(LIST));
    await using server = await TestServer.start({ upstream: at(upstream) });
    const url = source.url('/', 'lists.example.org');
    await server.apply(documentOf([{ id: 'l', category: 'listed', url, allowHttp: true }]));
    const { stdout, code } = await server.run('list', 'update', 'l');
    expect(stdout).toContain('its address is a loopback address; a list is fetched from public');
    expect([code, source.connectionCount]).toEqual([1, 0]);
  });

  it('is not fetched again by a server that starts anew', async () => {
    await using upstream = await anUpstream();
    await using source = await startListServer(serve(LIST, { etag: '"v1"' }));
    const first = await TestServer.start({ upstream: at(upstream), config: PRIVATE });
    await fetchOnce(first, source.url('/'));
    const asked = source.requests.length;
    await first.stop();
    await using server = await TestServer.start({
      upstream: at(upstream),
      config: PRIVATE,
      dataDir: first.dataDir,
    });
    expect(await rcodeOf(server, 'bad.example.org')).toBe('NXDOMAIN');
    const { stdout } = await server.run('list', 'update', 'l');
    expect(stdout).toBe('l: unchanged\n');
    // One request, and that because it was asked for.
    expect(source.requests).toHaveLength(asked + 1);
    expect(source.requests.at(-1)!.headers['if-none-match']).toBe('"v1"');
    await first[Symbol.asyncDispose]();
  });
});

describe('a source without end', { timeout: 90_000 }, () => {
  it.each([
    ['a body that never ends', {}],
    ['a bomb', { 'content-encoding': 'gzip' }],
  ])('%s costs neither memory nor room on the disk', async (_what, headers) => {
    await using upstream = await anUpstream();
    await using source = await startListServer((_request, socket) => {
      socket.write(headOf('200 OK', headers));
      if ('content-encoding' in headers) socket.end(gzipSync(Buffer.alloc(200_000_000)));
      else flood(socket, Buffer.alloc(65_536, 'a-name-like-many-others.example.org\n'));
    });
    // Many times what memory may grow by.
    const config = 'lists: { allowPrivate: true, bytesMax: 335544320 }\n';
    await using server = await TestServer.start({ upstream: at(upstream), config });
    const before = residentMegabytes(server);
    const url = source.url('/');
    await server.apply(documentOf([{ id: 'l', category: 'listed', url, allowHttp: true }]));
    let most = 0;
    const watching = setInterval(() => {
      most = Math.max(most, residentMegabytes(server));
    }, 20);
    const { stdout, code } = await server.run('list', 'update', 'l');
    clearInterval(watching);
    expect(code).toBe(1);
    expect(stdout).toMatch(/more than 335544320 octets|over 100 times as many/);
    console.log(`RSS before ${before} MB, at most ${most} MB`);
    expect(most - before).toBeLessThan(150);
    const left = readdirSync(join(server.dataDir, 'lists'));
    expect(left.filter((file) => file.endsWith('.tmp'))).toEqual([]);
  });
});

describe('one list of forty', () => {
  const LISTS = 40;
  const NAMES = 5_000;
  const UPDATES = 12;
  /** Until here the heaps grow to their working size. */
  const WARM = 5;
  const GROWTH_MAX = 1.15;

  it('is updated under load: no query is lost, and the memory comes back', async () => {
    const textOf = (list: string, version: number): string =>
      Array.from({ length: NAMES }, (_, index) => `n${index}.${list}.example.org\n`).join('') +
      `v${version}.${list}.example.org\n`;
    let version = 1;
    await using source = await startListServer((request, socket) => {
      const list = request.path.slice(1);
      const etag = `"${list === 'l17' ? version : 1}"`;
      serve(textOf(list, list === 'l17' ? version : 1), { etag })(request, socket);
    });
    await using upstream = await anUpstream();
    const options = { upstream: at(upstream), config: PRIVATE, workers: 2 };
    await using server = await TestServer.start(options);
    const lists = Array.from({ length: LISTS }, (_, index) => {
      const id = `l${index}`;
      return { id, category: 'listed', url: source.url(`/${id}`), allowHttp: true };
    });
    await server.apply(documentOf(lists));
    for (const { id } of lists) await untilBlocked(server, `n0.${id}.example.org`);

    const load = new SteadyLoad({
      port: server.port,
      from: KIDS,
      pauseMs: 5,
      patienceMs: 5_000,
      attempts: 1,
      nameAt: (index) => `n${index % NAMES}.l${index % LISTS}.example.org`,
      check: (response) => {
        expect(decodeResponse(response).rcode).toBe('NXDOMAIN');
      },
    });
    const sizes: number[] = [];
    for (let update = 1; update <= UPDATES; update++) {
      version++;
      const { stdout } = await server.run('list', 'update', 'l17');
      expect(stdout).toContain(`version ${version} is in force, 5,001 names`);
      expect(await rcodeOf(server, `v${version}.l17.example.org`)).toBe('NXDOMAIN');
      sizes.push(residentMegabytes(server));
    }
    const report = await load.stop();
    const warm = sizes[WARM - 1]!;
    const least = Math.min(...sizes.slice(-3));
    console.log(`RSS after ${WARM}: ${warm} MB, at the end ${least} MB; ${JSON.stringify(report)}`);
    expect(report).toMatchObject({ lost: 0 });
    expect(least, sizes.join(' ')).toBeLessThanOrEqual(warm * GROWTH_MAX);
    // Nobody has asked the other sources again.
    const others = source.requests.filter(({ path }) => path === '/l3');
    expect(others.filter(({ method }) => method === 'GET')).toHaveLength(1);
  }, 170_000);
});

async function fetchOnce(server: TestServer, url: string): Promise<void> {
  await server.apply(documentOf([{ id: 'l', category: 'listed', url, allowHttp: true }]));
  await untilBlocked(server, 'bad.example.org');
}

/** @param address of every host; left out: none has one */
async function anUpstream(address?: string) {
  const upstream = await startFakeUpstream((query) =>
    query.type === 'A' && address !== undefined ? addressAnswer(query, address) : answerTo(query),
  );
  return Object.assign(upstream, { [Symbol.asyncDispose]: () => upstream.close() });
}

function at({ address, port }: { readonly address: string; readonly port: number }): string {
  return `${address}:${port}`;
}

function residentMegabytes(server: TestServer): number {
  const status = readFileSync(`/proc/${server.process.pid ?? 0}/status`, 'utf8');
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) / 1024);
}
