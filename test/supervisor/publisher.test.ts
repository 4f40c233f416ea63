import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { compileBlocklist } from '../../src/blocklist/compile.ts';
import { emptyBlocklistImage } from '../../src/blocklist/image.ts';
import type { CompileDone } from '../../src/compiler/messages.ts';
import { AppError } from '../../src/lib/errors.ts';
import type { HashSeed } from '../../src/lib/half-siphash.ts';
import { emptyPolicies } from '../../src/policy/compile.ts';
import { NO_SEALING_KEYS } from '../../src/sealing/sealing-keys.ts';
import { openImages, Publisher } from '../../src/supervisor/publisher.ts';
import { SubscriberDirectory } from '../../src/supervisor/subscriber-directory.ts';
import type { InstallMessage } from '../../src/worker/messages.ts';
import { aSealedFile, aSealedPart, LIST_KEY } from '../support/sealed.ts';

const SEED: HashSeed = [1, 2];
type Installed = Omit<InstallMessage, 'kind' | 'installation'>;

function aDone(revision: number, changes: Partial<CompileDone> = {}): CompileDone {
  return {
    kind: 'compiled',
    job: 1,
    revision,
    blocklistKey: 'key',
    blocklist: emptyBlocklistImage(SEED).image.buffer,
    policy: emptyPolicies(SEED),
    addressFingerprint: 'same',
    lists: [],
    elapsedMs: 1,
    octetsMax: 1,
    ...changes,
  };
}

/** A publisher whose compilations are what the test hands out, one after the other. */
function aPublisher(compile: (run: number) => Promise<CompileDone>, revision = 0) {
  const seen = { runs: 0, keys: [] as (string | null)[], installs: [] as Installed[] };
  const compiler = {
    compile: (_seed: HashSeed, key: string | null): Promise<CompileDone> => {
      seen.keys.push(key);
      return compile(++seen.runs);
    },
  };
  const source = {
    count: () => Promise.resolve(0),
    pages: async function* () {
      // No addresses.
    },
  };
  const pool = {
    install: (parts: Installed): Promise<void> => {
      seen.installs.push(parts);
      return Promise.resolve();
    },
  };
  const directory = new SubscriberDirectory(source, SEED, () => undefined);
  const blocklist = emptyBlocklistImage(SEED).image.buffer;
  const stored = { revision, blocklist, policy: emptyPolicies(SEED) };
  const images = revision === 0 ? null : openImages(stored, []);
  const inForce = { seed: SEED, images, blocklistKey: null, compiled: null };
  const log = { info: () => undefined, warn: () => undefined, error: () => undefined };
  const options = {
    dataDir: '.',
    keyring: { current: NO_SEALING_KEYS },
    onInstalled: () => undefined,
    log,
  };
  const publisher = new Publisher(compiler, directory, pool, inForce, options);
  return { publisher, seen };
}

describe('opened images', () => {
  it('share the sealed lists of those before, while blocklist and keys are the same', () => {
    const sealed = [aSealedPart(0, aSealedFile('one.example.org\n'))];
    const compile = () => compileBlocklist([], SEED, { isRefused: () => null, sealed }).buffer;
    const images = { revision: 1, blocklist: compile(), policy: emptyPolicies(SEED) };
    const keys = [LIST_KEY];
    const before = openImages(images, keys);
    expect(before.opened.sealed).not.toBeNull();
    const next = openImages({ ...images, revision: 2 }, keys, before);
    expect(next.opened.sealed).toBe(before.opened.sealed);
    expect(openImages(images, [LIST_KEY], before).opened.sealed).not.toBe(before.opened.sealed);
    const other = openImages({ ...images, blocklist: compile() }, keys, before);
    expect(other.opened.sealed).not.toBe(before.opened.sealed);
    expect(() => openImages(images, [], before)).toThrow('is not configured');
  });
});

describe('publishing', () => {
  it('installs what was compiled and says which revision that is', async () => {
    const done = aDone(5);
    const { publisher, seen } = aPublisher(() => Promise.resolve(done));
    expect(await publisher.publish()).toEqual({ revision: 5 });
    expect(seen.installs).toHaveLength(1);
    expect(seen.installs[0]).toMatchObject({ revision: 5, policy: done.policy, seed: null });
    expect(publisher.inForce.images?.revision).toBe(5);
  });

  it('hands over all three tables at first, and later only what changed', async () => {
    const { publisher, seen } = aPublisher((run) =>
      Promise.resolve(aDone(run, run === 1 ? {} : { blocklist: null })),
    );
    await publisher.publish();
    await publisher.publish();
    expect(seen.keys).toEqual([null, 'key']);
    expect(seen.installs[0]?.subscribers).not.toBeNull();
    expect(seen.installs[1]).toMatchObject({ blocklist: null, subscribers: null });
  });

  it('gathers calls: those that come while a run is under way share the next', async () => {
    let finish: (done: CompileDone) => void = () => undefined;
    const { publisher, seen } = aPublisher((run) =>
      run === 1
        ? new Promise((resolve) => {
            finish = resolve;
          })
        : Promise.resolve(aDone(run)),
    );
    const first = publisher.publish();
    await expect.poll(() => seen.runs).toBe(1);
    const others = [1, 2, 3, 4, 5].map(() => publisher.publish());
    finish(aDone(1));
    expect(await first).toEqual({ revision: 1 });
    for (const one of others) expect(await one).toEqual({ revision: 2 });
    expect(seen.runs).toBe(2);
  });

  it('that fails leaves the old state in force and is remembered until one succeeds', async () => {
    const { publisher, seen } = aPublisher(
      (run) =>
        run === 1
          ? Promise.reject(new AppError('COMPILE_LIMIT', 'too many sets'))
          : Promise.resolve(aDone(8)),
      7,
    );
    await expect(publisher.publish()).rejects.toMatchObject({ code: 'COMPILE_LIMIT' });
    expect(publisher.inForce.images?.revision).toBe(7);
    expect(publisher.lastFailure).toMatchObject({ code: 'COMPILE_LIMIT' });
    expect(seen.installs).toHaveLength(0);
    expect(await publisher.publish()).toEqual({ revision: 8 });
    expect(publisher.lastFailure).toBeNull();
  });

  it('that failed is repeated, ever later, until it succeeds', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const full = new AppError('STORE_UNWRITABLE', 'no space left');
    const { publisher, seen } = aPublisher((run) =>
      run < 4 ? Promise.reject(full) : Promise.resolve(aDone(8)),
    );
    await expect(publisher.publish()).rejects.toBe(full);
    const runs: number[] = [];
    for (let second = 0; second < 20; second++) {
      await vi.advanceTimersByTimeAsync(1000);
      runs.push(seen.runs);
    }
    expect(runs.slice(0, 9)).toEqual([2, 2, 3, 3, 3, 3, 4, 4, 4]);
    expect(seen.runs).toBe(4);
    expect(publisher.inForce.images?.revision).toBe(8);
    expect(publisher.lastFailure).toBeNull();
  });

  it('that failed is not repeated where only another list helps, nor after the end', async () => {
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const limit = new AppError('COMPILE_LIMIT', 'too many sets');
    const lasting = aPublisher(() => Promise.reject(limit));
    await expect(lasting.publisher.publish()).rejects.toBe(limit);
    const closed = aPublisher(() => Promise.reject(new AppError('STORE_UNWRITABLE', 'full')));
    await expect(closed.publisher.publish()).rejects.toThrow('full');
    closed.publisher.close();
    const closing = aPublisher(() => Promise.reject(new AppError('STORE_UNWRITABLE', 'full')));
    const last = closing.publisher.publish();
    closing.publisher.close();
    await expect(last).rejects.toThrow('full');
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect([lasting.seen.runs, closed.seen.runs, closing.seen.runs]).toEqual([1, 1, 1]);
  });

  it('what is no image is refused before any worker sees it', async () => {
    const policy = emptyPolicies(SEED);
    new Uint8Array(policy)[0]! ^= 1;
    const { publisher, seen } = aPublisher(() => Promise.resolve(aDone(8, { policy })), 7);
    await expect(publisher.publish()).rejects.toMatchObject({ code: 'IMAGE_DAMAGED' });
    expect(seen.installs).toHaveLength(0);
    expect(publisher.inForce.images?.revision).toBe(7);
  });
});
