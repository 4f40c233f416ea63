/**
 * Workers and signals: a worker that dies or stands still is replaced while the others serve, a stop
 * answers everybody within its deadline, and a reload follows what it can.
 */

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { CONFIG_DEFAULTS } from '../../src/config/defaults.ts';
import { WorkerPool } from '../../src/supervisor/worker-pool.ts';
import { createEventRing } from '../../src/lib/event-ring.ts';
import { COUNTERS_BYTES } from '../../src/resolver/query-record.ts';
import type { MainMessage, WorkerConfig, WorkerMessage } from '../../src/worker/messages.ts';
import { aQuery, askTcpMany, askUdp, decodeResponse, hearUdp } from '../support/dns-query.ts';
import { addressAnswer } from '../support/fake-upstream.ts';
import { freePort } from '../support/server.ts';
import { ServerProcess, pause, type ProcessOptions } from './support/server-process.ts';
import { prepareSite } from './support/server-site.ts';
import { SteadyLoad } from './support/steady-load.ts';
import { orderThread } from './support/thread-orders.ts';

const KIDS = '127.0.0.7';
const WATCHDOG_MS = 200;
const PRELOAD = new URL('./support/thread-control.mjs', import.meta.url);
const WORKER = new URL('../../dist/worker/worker.js', import.meta.url);

const site = prepareSite();

async function optionsOf(more: Partial<ProcessOptions> = {}): Promise<ProcessOptions> {
  return site.optionsOf(await site.aFolder(), more);
}

/** The only policy: names of these numbers are blocked for the one subscriber. */
function denying(...numbers: readonly number[]): unknown {
  return {
    plans: [{ id: 'kids', deny: numbers.map((number) => `denied-${number}.example.net`) }],
    subscribers: [{ id: 'kids', plan: 'kids', addresses: [KIDS] }],
  };
}

describe('a worker of a running server', () => {
  let server: ServerProcess;
  let socket: string;
  let load: SteadyLoad;

  beforeAll(async () => {
    socket = join(await site.aFolder(), 'control');
    const preload = `${PRELOAD.href}?socket=${socket}&watchdogMs=${WATCHDOG_MS}`;
    server = await ServerProcess.start(
      await optionsOf({ workers: 2, nodeArguments: ['--import', preload] }),
    );
    expect((await server.apply(denying(0))).status).toBe(200);
  }, 60_000);

  afterAll(() => server.end());

  beforeEach(() => {
    load = new SteadyLoad({
      port: server.port,
      from: KIDS,
      pauseMs: 10,
      // Half of all new sockets meet the worker that is gone or stands still.
      patienceMs: 600,
      attempts: 12,
      nameAt: (index) => (index % 2 === 0 ? 'denied-0.example.net' : 'www.example.org'),
      check: (response, index) => {
        expect(decodeResponse(response).rcode).toBe(index % 2 === 0 ? 'NXDOMAIN' : 'NOERROR');
      },
    });
  });

  afterEach(async () => {
    await load.stop();
  });

  async function workers(): Promise<readonly { state: string; restarts: number }[]> {
    const { body } = await server.api('GET', '/status');
    return body['workers'] as { state: string; restarts: number }[];
  }

  /** Waits until a worker was replaced once more, and all serve. */
  async function replaced(index: number, restarts: number): Promise<void> {
    const seen = async (): Promise<unknown> => {
      const all = await workers();
      return [all[index]?.restarts, ...all.map(({ state }) => state)];
    };
    await expect.poll(seen, { timeout: 20_000 }).toEqual([restarts, 'serving', 'serving']);
  }

  /** Of queries from so many sockets, the kernel gives each worker some. */
  async function rcodesOf(name: string): Promise<readonly string[]> {
    const query = aQuery().name(name).build();
    const responses = await Promise.all(
      Array.from({ length: 40 }, () =>
        askUdp(server.port, query, { from: KIDS, timeoutMs: 10_000 }),
      ),
    );
    return [...new Set(responses.map((response) => decodeResponse(response).rcode))];
  }

  it('that ends is replaced while the other serves', async () => {
    await orderThread(socket, 'die worker-0');
    await server.logged('a worker died and is restarted');
    await replaced(0, 1);
    expect(await load.stop()).toMatchObject({ lost: 0 });
    expect(await rcodesOf('denied-0.example.net')).toEqual(['NXDOMAIN']);
  }, 40_000);

  it('that ends of an exception nobody caught is replaced, with the reason in the log', async () => {
    await orderThread(socket, 'throw worker-1');
    await server.logged('thrown by a test');
    await replaced(1, 1);
    expect(await load.stop()).toMatchObject({ lost: 0 });
  }, 40_000);

  it('that ends during an apply has a successor with the new policy', async () => {
    const applied = server.apply(denying(0, 1));
    await orderThread(socket, 'die worker-0');
    expect((await applied).status).toBe(200);
    await replaced(0, 2);
    expect(await load.stop()).toMatchObject({ lost: 0 });
    expect(await rcodesOf('denied-1.example.net')).toEqual(['NXDOMAIN']);
  }, 40_000);

  it('that stands still is ended by the watchdog and replaced; applies wait for it, no longer', async () => {
    await orderThread(socket, 'hang worker-1');
    const applied = server.apply({ plans: [{ id: 'more' }] });
    await server.logged('a worker stands still and is ended');
    await replaced(1, 2);
    expect((await applied).status).toBe(200);
    expect(await load.stop()).toMatchObject({ lost: 0 });
    expect(await rcodesOf('denied-0.example.net')).toEqual(['NXDOMAIN']);
  }, 40_000);

  it('serves on while the main thread stands still, and is not blamed for it', async () => {
    const before = { workers: await workers(), asked: load.asked, log: server.log.length };
    await orderThread(socket, `block ${WATCHDOG_MS * 15}`);
    expect(await workers()).toEqual(before.workers);
    const report = await load.stop();
    expect(report.asked - before.asked).toBeGreaterThan(50);
    expect(report).toMatchObject({ again: 0, lost: 0 });
    expect(server.log.slice(before.log)).not.toContain('stands still');
  }, 40_000);
});

describe('the watchdog', () => {
  afterEach(() => {
    vi.useRealTimers();
    vi.restoreAllMocks();
  });

  it('counts pings, so a machine that slept for an hour ends no worker', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    const logs: string[] = [];
    const log = (_details: unknown, message: string): void => void logs.push(message);
    const pool = new WorkerPool({
      entry: new URL('../fixtures/scripted-worker.mjs', import.meta.url),
      configOf: workerConfig,
      images: () => null,
      isSampling: false,
      log: { info: log, warn: log, error: log },
    });
    await pool.start(1);
    const now = performance.now.bind(performance);
    vi.spyOn(performance, 'now').mockImplementation(() => now() + 3_600_000);
    vi.advanceTimersByTime(1000);
    expect(logs).not.toContain('a worker stands still and is ended');
    // No answer comes in while this thread goes on without a turn, so it does stand still after some more.
    vi.advanceTimersByTime(10_000);
    expect(logs).toContain('a worker stands still and is ended');
    await pool.stop(0);
  });
});

describe('a worker thread', () => {
  async function messagesOf(post: readonly MainMessage[]): Promise<readonly string[]> {
    const thread = new Worker(WORKER);
    const seen: string[] = [];
    thread.on('message', (message: WorkerMessage) => seen.push(message.kind));
    for (const message of post) thread.postMessage(message);
    const code = await new Promise((resolve) => thread.on('exit', resolve));
    return [...seen, `exit ${String(code)}`];
  }

  it('that was never started and is stopped says so', async () => {
    expect(await messagesOf([{ kind: 'stop', deadlineMs: 100 }])).toEqual(['stopped', 'exit 0']);
  });

  it('that is stopped while it starts ends in order', async () => {
    const config = {
      ...workerConfig(0),
      listen: [{ address: '127.0.0.1', port: await freePort() }],
    };
    const counters = new SharedArrayBuffer(COUNTERS_BYTES);
    const messages = await messagesOf([
      {
        ...{ kind: 'start', config, images: null, counters },
        ...{ events: createEventRing(4096).buffer, askedNames: null, niceness: 0 },
      },
      { kind: 'stop', deadlineMs: 100 },
    ]);
    expect(messages).toEqual(['listening', 'stopped', 'exit 0']);
  });
});

describe('SIGTERM', () => {
  it('during the start ends it at once, and the next start finds all in order', async () => {
    const options = await optionsOf();
    for (const afterMs of [100, 300, 500, 700, 1000, 1300]) {
      const server = await ServerProcess.spawn(options);
      await pause(afterMs);
      const sentAt = performance.now();
      const exit = await server.end('SIGTERM');
      // Before Node runs any of our code, the signal itself ends the process.
      expect([exit.code, exit.signal], `${afterMs} ms`).toContain(
        exit.signal === null ? 0 : 'SIGTERM',
      );
      expect(performance.now() - sentAt, `${afterMs} ms`).toBeLessThan(8000);
    }
    await using server = await ServerProcess.start(options);
    expect((await server.api('GET', '/audit/verify')).body).toMatchObject({ isIntact: true });
  }, 60_000);

  /** A server with queries that wait for its upstream, over UDP and TCP. */
  async function parked(stopDeadlineMs: number): Promise<{
    readonly server: ServerProcess;
    readonly answers: Promise<readonly (string | null)[]>;
  }> {
    const options = await optionsOf({ workers: 2 });
    const config = join(options.dataDir, 'config.yaml');
    await writeFile(config, `stopDeadlineMs: ${stopDeadlineMs}\n`);
    const server = await ServerProcess.start({ ...options, arguments: ['--config', config] });
    const before = site.upstream.queries.length;
    const queries = Array.from({ length: 20 }, (_, index) =>
      aQuery().id(index).name(`parked-${index}.example.org`).build(),
    );
    const answers = Promise.all([
      ...queries.slice(0, 10).map((query) => hearUdp(server.port, query, { timeoutMs: 15_000 })),
      askTcpMany(server.port, queries.slice(10), { timeoutMs: 15_000 }),
    ]);
    await expect
      .poll(
        () =>
          new Set(site.upstream.queries.slice(before).map(({ name }) => name.toLowerCase())).size,
      )
      .toBe(20);
    const rcodeOf = (bytes: Buffer | null): string | null =>
      bytes === null ? null : decodeResponse(bytes).rcode;
    return { server, answers: answers.then((all) => all.flat().map(rcodeOf)) };
  }

  it('waits for queries that are answered within its deadline', async () => {
    site.upstream.use((query) => [{ bytes: addressAnswer(query), delayMs: 700 }]);
    const { server, answers } = await parked(4000);
    const exit = await server.end('SIGTERM');
    expect(await answers).toEqual(Array.from({ length: 20 }, () => 'NOERROR'));
    expect(exit).toMatchObject({ code: 0 });
  }, 40_000);

  it('gives SERVFAIL to queries that are not, and ends within its deadline', async () => {
    site.upstream.use(() => null);
    const { server, answers } = await parked(500);
    const sentAt = performance.now();
    const exit = await server.end('SIGTERM');
    expect(performance.now() - sentAt).toBeLessThan(4000);
    expect(await answers).toEqual(Array.from({ length: 20 }, () => 'SERVFAIL'));
    expect(exit).toMatchObject({ code: 0 });
    site.upstream.use((query) => addressAnswer(query));
  }, 40_000);

  it('during publishing gives it up and exits 0', async () => {
    await using server = await ServerProcess.start(await optionsOf());
    const names = Array.from({ length: 200_000 }, (_, index) => `n${index}.example.com\n`);
    const contentSha256 = await server.upload(Buffer.from(names.join('')));
    const list = { id: 'large', category: 'adult', format: 'domains', contentSha256 };
    const applies = [server.apply({ lists: [list] }), server.apply({ plans: [{ id: 'more' }] })];
    for (const apply of applies) apply.catch(() => undefined);
    await expect
      .poll(async () => (await server.api('GET', '/status')).body['revision'], { interval: 5 })
      .not.toBe(1);
    expect(await server.end('SIGTERM'), server.log).toMatchObject({ code: 0 });
    expect(server.log).not.toContain('took too long');
    await Promise.allSettled(applies);
  }, 40_000);
});

describe('SIGHUP', () => {
  it('follows the log level and the stop deadline, and names what waits for a restart', async () => {
    const options = await optionsOf();
    const path = join(options.dataDir, 'config.yaml');
    const write = (level: string, value: string, more = ''): Promise<void> =>
      writeFile(
        path,
        `log: { level: ${level} }\nstopDeadlineMs: 300\n${more}` +
          `records: [{ name: printer.lan, type: A, value: ${value} }]\n`,
      );
    await writeFile(path, 'stopDeadlineMs: 60000\n');
    await using server = await ServerProcess.start({ ...options, arguments: ['--config', path] });
    const reload = async (value: string): Promise<void> => {
      server.child.kill('SIGHUP');
      const query = aQuery().name('printer.lan').build();
      await expect
        .poll(async () => decodeResponse(await askUdp(server.port, query)).answers[0]?.data)
        .toBe(value);
    };

    await write('error', '192.0.2.1');
    await reload('192.0.2.1');
    await pause(300);
    expect(server.log).not.toContain('"msg":"reloaded"');
    await write('info', '192.0.2.2', 'pendingMax: 100\n');
    await reload('192.0.2.2');
    await server.logged('"msg":"reloaded"');
    expect(server.log).toContain('"keys":["pendingMax"]');

    site.upstream.use(() => null);
    const before = site.upstream.queries.length;
    const parked = askUdp(server.port, aQuery().name('parked.example.org').build(), {
      timeoutMs: 15_000,
    });
    await expect.poll(() => site.upstream.queries.length).toBeGreaterThan(before);
    const sentAt = performance.now();
    expect(await server.end('SIGTERM')).toMatchObject({ code: 0 });
    expect(performance.now() - sentAt).toBeLessThan(4000);
    expect(decodeResponse(await parked).rcode).toBe('SERVFAIL');
    site.upstream.use((query) => addressAnswer(query));
  }, 40_000);
});

function workerConfig(index: number): WorkerConfig {
  return {
    workerIndex: index,
    workerCount: 1,
    seed: [1, 2],
    listKeys: [],
    listen: [],
    upstreamGroups: [{ name: '.', upstreams: [{ address: '127.0.0.1', port: 9 }] }],
    records: [],
    access: CONFIG_DEFAULTS.access,
    tcp: CONFIG_DEFAULTS.tcp,
    cache: CONFIG_DEFAULTS.cache,
    udp: 'batch',
    pendingMax: 16,
  };
}
