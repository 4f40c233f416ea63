import { setTimeout } from 'node:timers/promises';
import { afterEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { CONFIG_DEFAULTS } from '../../src/config/defaults.ts';
import { WorkerPool } from '../../src/supervisor/worker-pool.ts';
import type { ImageSet, InstallMessage, WorkerConfig } from '../../src/worker/messages.ts';

const ENTRY = new URL('../fixtures/scripted-worker.mjs', import.meta.url);
const LISTEN = [{ address: '127.0.0.1', port: 5300 }];

const pools: WorkerPool[] = [];

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.stop(0)));
});

function imagesOf(revision: number): ImageSet {
  const buffer = new SharedArrayBuffer(8);
  return { revision, blocklist: buffer, policy: buffer, subscribers: buffer };
}

/** A pool whose workers behave as `behaviourOf` says when they start. */
function aPool(behaviourOf: (index: number) => string = () => '', entry = ENTRY) {
  const state = { images: imagesOf(1), behaviourOf, logs: [] as string[], pauses: [] as unknown[] };
  const log = (details: Readonly<Record<string, unknown>>, message: string): void => {
    state.logs.push(message);
    if ('pauseMs' in details) state.pauses.push(details['pauseMs']);
  };
  const configOf = (index: number): WorkerConfig => ({
    workerIndex: index,
    workerCount: 2,
    seed: [1, 2],
    listKeys: [],
    listen: LISTEN,
    upstreamGroups: [],
    records: [{ name: 'x', type: 'TXT', ttlSeconds: 0, value: state.behaviourOf(index) }],
    access: CONFIG_DEFAULTS.access,
    tcp: CONFIG_DEFAULTS.tcp,
    cache: CONFIG_DEFAULTS.cache,
    udp: 'batch',
    pendingMax: 16,
  });
  const pool = new WorkerPool({
    entry,
    configOf,
    images: () => state.images,
    isSampling: false,
    log: { info: log, warn: log, error: log },
  });
  pools.push(pool);
  return { pool, state };
}

function install(revision: number): Omit<InstallMessage, 'kind' | 'installation'> {
  const buffer = new SharedArrayBuffer(8);
  return { revision, blocklist: buffer, policy: buffer, subscribers: null, seed: null };
}

const statesOf = (pool: WorkerPool): string[] => pool.status().map(({ state }) => state);

describe('a pool of workers', () => {
  it('starts when all listen, and says each address once', async () => {
    const { pool } = aPool();
    expect(await pool.start(2)).toEqual(LISTEN);
    expect(statesOf(pool)).toEqual(['serving', 'serving']);
    expect(pool.status().map(({ revision }) => revision)).toEqual([1, 1]);
  });

  it('does not start where one worker cannot, and passes its reason on', async () => {
    const { pool } = aPool((index) => (index === 1 ? 'fails at start' : ''));
    await expect(pool.start(2)).rejects.toMatchObject({ code: 'LISTEN_IN_USE' });
  });

  it('does not start where the entry is missing, and says so', async () => {
    const { pool } = aPool(() => '', new URL('absent.mjs', ENTRY));
    await expect(pool.start(1)).rejects.toMatchObject({
      code: 'WORKER_START_FAILED',
      message: expect.stringContaining('absent.mjs') as string,
    });
  });

  it('has installed when every worker said so', async () => {
    const { pool } = aPool();
    await pool.start(2);
    await pool.install(install(9));
    expect(pool.status().map(({ revision }) => revision)).toEqual([9, 9]);
    expect(pool.contentIds()).toEqual({ blocklist: 'b', policy: 'p' });
  });

  it('before its start, installs reach nobody and are done at once', async () => {
    const { pool } = aPool();
    await pool.install(install(1));
  });

  it('replaces a worker that dies, while the other serves, and nobody waits for the dead', async () => {
    const { pool, state } = aPool((index) => (index === 0 ? 'dies on install' : ''));
    await pool.start(2);
    state.behaviourOf = () => '';
    state.images = imagesOf(9);
    await pool.install(install(9));
    expect(statesOf(pool)).toEqual(['restarting', 'serving']);
    await vi.waitFor(() => {
      expect(statesOf(pool)).toEqual(['serving', 'serving']);
    });
    expect(pool.status()[0]).toMatchObject({ restarts: 1, revision: 9 });
    await vi.waitFor(() => {
      expect(state.logs).toContain('started with 9');
    });
  });

  it('waits longer before each further restart of the same worker', async () => {
    const { pool, state } = aPool((index) => (index === 0 ? 'dies on install' : ''));
    await pool.start(1);
    for (const restarts of [1, 2, 3]) {
      await pool.install(install(2));
      await vi.waitFor(
        () => {
          expect(pool.status()[0]).toMatchObject({ state: 'serving', restarts });
        },
        { timeout: 5000 },
      );
    }
    expect(state.pauses).toEqual([100, 200, 400]);
  });

  describe('a worker that stands still', () => {
    /** Rounds of pings with time for the answers between them. */
    async function passRounds(count: number): Promise<void> {
      for (let round = 0; round < count; round++) {
        vi.advanceTimersByTime(1000);
        await setTimeout(20);
      }
    }

    async function aPoolOfTwo() {
      vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
      onTestFinished(() => void vi.useRealTimers());
      const { pool, state } = aPool();
      await pool.start(2);
      state.behaviourOf = (index) => (index === 0 ? 'stands still' : '');
      await pool.configure();
      return { pool, state };
    }

    it('is silent after two pings, and serves again when it answers', async () => {
      const { pool, state } = await aPoolOfTwo();
      await passRounds(2);
      expect(statesOf(pool)).toEqual(['serving', 'serving']);
      await passRounds(1);
      expect(statesOf(pool)).toEqual(['silent', 'serving']);
      state.behaviourOf = () => '';
      await pool.configure();
      expect(statesOf(pool)).toEqual(['serving', 'serving']);
      await passRounds(20);
      expect(statesOf(pool)).toEqual(['serving', 'serving']);
      expect(state.logs.filter((line) => line.startsWith('a worker'))).toEqual([
        'a worker does not answer',
        'a worker answers again',
      ]);
    });

    it('is ended after ten and replaced', async () => {
      const { pool, state } = await aPoolOfTwo();
      await passRounds(10);
      expect(pool.status()[0]).toMatchObject({ state: 'silent', restarts: 0 });
      state.behaviourOf = () => '';
      await passRounds(1);
      await vi.waitFor(() => {
        expect(pool.status()).toMatchObject([
          { state: 'serving', restarts: 1 },
          { state: 'serving', restarts: 0 },
        ]);
      });
    });
  });

  it('follows the addresses that are served, and says so once', async () => {
    const { pool, state } = aPool();
    await pool.start(1);
    state.behaviourOf = () => 'listens elsewhere';
    await pool.configure();
    expect(pool.addresses()).toEqual([...LISTEN, { address: '192.0.2.7', port: 5300 }]);
    expect(statesOf(pool)).toEqual(['serving']);
    const said = 'a worker listens on other addresses';
    expect(state.logs.filter((line) => line === said)).toHaveLength(1);
  });

  it('hands on a new configuration', async () => {
    const { pool, state } = aPool();
    await pool.start(2);
    state.behaviourOf = () => 'dies on install';
    await pool.configure();
    await pool.install(install(2));
    expect(statesOf(pool)).toEqual(['restarting', 'restarting']);
  });

  it('of two changes at once, the answer to the first is not taken for one to the second', async () => {
    const { pool, state } = aPool();
    await pool.start(1);
    const first = pool.configure();
    state.behaviourOf = () => 'ignores configure';
    let isSecondDone = false;
    const second = pool.configure().then(
      () => (isSecondDone = true),
      () => undefined,
    );
    await first;
    await pool.install(install(2));
    expect(isSecondDone).toBe(false);
    await pool.stop(0);
    await second;
  });

  it('stops within its deadline also where a worker does not listen any more', async () => {
    const { pool } = aPool(() => 'ignores stop');
    await pool.start(2);
    const before = performance.now();
    await pool.stop(100);
    expect(performance.now() - before).toBeLessThan(3000);
  });

  it('keeps the counters of a worker over its restart', async () => {
    const { pool, state } = aPool(() => 'dies on install');
    await pool.start(1);
    const [before] = pool.counters();
    state.behaviourOf = () => '';
    await pool.install(install(2));
    await vi.waitFor(() => {
      expect(statesOf(pool)).toEqual(['serving']);
    });
    expect(pool.counters()[0]).toBe(before);
  });
});
