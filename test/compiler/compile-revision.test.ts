import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createMask, hasBit } from '../../src/blocklist/category.ts';
import { openBlocklistImage } from '../../src/blocklist/image.ts';
import { lookUpCategories } from '../../src/blocklist/lookup.ts';
import { compileRevision, IMAGES_FOLDER } from '../../src/compiler/compile-revision.ts';
import { compileNewest } from '../../src/compiler/compile-newest.ts';
import { findEvidence } from '../../src/compiler/find-evidence.ts';
import { readImages } from '../../src/compiler/image-folder.ts';
import type { CompileDone } from '../../src/compiler/messages.ts';
import { loadSeed } from '../../src/compiler/seed-file.ts';
import { NAME_BYTES_MAX, writeName } from '../../src/dns/name.ts';
import { createSuffixHashes, hashSuffixes } from '../../src/dns/suffix-hashes.ts';
import { AppError } from '../../src/lib/errors.ts';
import type { HashSeed } from '../../src/lib/half-siphash.ts';
import { openPolicyImage } from '../../src/policy/check-image.ts';
import { GLOBAL_FROM_SECOND, policyRecordOf } from '../../src/policy/image.ts';
import { Store } from '../../src/store/store.ts';
import { createInspector } from '../../src/lists/inspector.ts';
import { NO_SEALING_KEYS } from '../../src/sealing/sealing-keys.ts';

const NOW = 1_800_000_000;
const SEED: HashSeed = [11, 22];
const NO_NAME = Uint8Array.of(0);
const DATA = {
  safeSearch: {
    engines: [],
    youtube: { names: [], moderate: NO_NAME, strict: NO_NAME },
    unsafe: [],
  },
  helplines: [],
  agePresets: new Map(),
};

let dataDir = '';
let store: Store;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'stairgate-compile-'));
  store = await Store.open(dataDir, createInspector(dataDir));
  await apply(['bad.example.org', 'worse.example.net']);
});

afterEach(async () => {
  await store.close();
  rmSync(dataDir, { recursive: true });
});

const OPEN = { shrinkPercentMax: 100, growthPercentMax: 100 };

async function apply(names: readonly string[], plan: object = { block: ['adult'] }): Promise<void> {
  const { sha256 } = store.contents.save(Buffer.from(`${names.join('\n')}\n`));
  const document = {
    categories: [{ id: 'adult', class: 'policy' }],
    // Of two names one may be another: it is not the gate that is tested here.
    lists: [{ id: 'a', category: 'adult', format: 'domains', contentSha256: sha256, gate: OPEN }],
    plans: [{ id: 'kids', ...plan }],
    subscribers: [{ id: 'home-1', plan: 'kids', addresses: ['192.0.2.7/32'] }],
  };
  await store.applyDocument(document, { actor: 'test' });
}

function compile(
  blocklistKey: string | null = null,
  seed = SEED,
  nowSeconds = NOW,
): Promise<CompileDone> {
  return compileRevision(
    { kind: 'compile', job: 1, dataDir, seed, blocklistKey, nowSeconds, sealing: NO_SEALING_KEYS },
    DATA,
  );
}

function wire(text: string): Uint8Array {
  const out = new Uint8Array(NAME_BYTES_MAX);
  return out.slice(0, writeName(text, out));
}

async function isListed(done: CompileDone, name: string): Promise<boolean> {
  const hashes = createSuffixHashes();
  hashSuffixes(hashes, SEED, wire(name), 0);
  const mask = createMask();
  lookUpCategories(openBlocklistImage(done.blocklist!), hashes, mask);
  return hasBit(mask, (await store.categories()).get('adult')!.bit);
}

describe('compiling a revision', () => {
  it('gives images that know its names and its subscribers', async () => {
    const done = await compile();
    expect(done.revision).toBe(store.revision);
    expect(await isListed(done, 'bad.example.org')).toBe(true);
    expect(await isListed(done, 'www.worse.example.net')).toBe(true);
    expect(await isListed(done, 'good.example.org')).toBe(false);
    expect(policyRecordOf(openPolicyImage(done.policy), 1, NOW)).toBeGreaterThanOrEqual(0);
    expect(done.lists).toEqual([{ id: 'a', entries: 2 }]);
  });

  it('puts the names of services into the blocklist, and finds their line', async () => {
    const services = [
      { id: 'tok', title: 'Tok', group: 'video', names: ['tok.example', 'a.example'] },
    ];
    await store.applyDocument({ services }, { actor: 'test' });
    const done = await compile();
    expect(done.lists).toContainEqual({ id: 'service:tok', entries: 2 });
    const request = { kind: 'evidence', job: 2, dataDir, categories: ['service:tok'] } as const;
    const found = await findEvidence({ ...request, name: wire('www.tok.example') });
    expect(found.places).toMatchObject([{ list: 'service:tok', line: 2, text: 'tok.example' }]);
    const before = done.blocklistKey;
    await store.applyDocument(
      { services: [{ ...services[0], names: ['a.example'] }] },
      { actor: 'test' },
    );
    expect((await compile(before)).blocklistKey).not.toBe(before);
  });

  it('leaves protected names out of every list but their own', async () => {
    const { sha256 } = store.contents.save(Buffer.from('worse.example.net\n'));
    const protecting = {
      id: 'help',
      category: 'protected',
      format: 'domains',
      contentSha256: sha256,
    };
    const document = { categories: [{ id: 'protected' }], lists: [protecting] };
    await store.applyDocument(document, { actor: 'test' });
    const done = await compile();
    expect(await isListed(done, 'bad.example.org')).toBe(true);
    expect(await isListed(done, 'worse.example.net')).toBe(false);
    expect(done.lists).toEqual([
      { id: 'a', entries: 1 },
      { id: 'help', entries: 1 },
    ]);
  });

  it('renews the policies of a revision from what it has read', async () => {
    const first = openPolicyImage((await compile()).policy);
    expect(first.globals[GLOBAL_FROM_SECOND]).toBe(NOW);
    // Behind the back of the store, so under the same revision.
    await store.db
      .insertInto('subscribers')
      .values({ number: 2, id: 'x', plan: 1, timezone: 'UTC', is_builtin: 0, revision: 1 })
      .execute();
    const renewed = openPolicyImage((await compile(null, SEED, NOW + 3600)).policy);
    expect(renewed.globals[GLOBAL_FROM_SECOND]).toBe(NOW + 3600);
    expect(renewed.profileCount).toBe(first.profileCount);
    await apply(['bad.example.org', 'worse.example.org']);
    expect(openPolicyImage((await compile()).policy).profileCount).toBe(first.profileCount + 1);
  });

  it('puts the same images on the disk', async () => {
    const done = await compile();
    const stored = readImages(join(dataDir, IMAGES_FOLDER), SEED);
    expect(stored?.revision).toBe(done.revision);
    expect(Buffer.from(stored!.blocklist)).toEqual(Buffer.from(done.blocklist!));
  });

  it('compiles no blocklist again that did not change', async () => {
    const first = await compile();
    await apply(['bad.example.org', 'worse.example.net'], { block: [] });
    const second = await compile(first.blocklistKey);
    expect(second.revision).toBe(first.revision + 1);
    expect(second.blocklist).toBeNull();
    expect(readImages(join(dataDir, IMAGES_FOLDER), SEED)?.revision).toBe(second.revision);
  });

  it('compiles it again where a list changed, the seed is new, or the disk has lost it', async () => {
    const first = await compile();
    rmSync(join(dataDir, IMAGES_FOLDER), { recursive: true });
    expect((await compile(first.blocklistKey)).blocklist).not.toBeNull();
    expect((await compile(first.blocklistKey, [5, 6])).blocklist).not.toBeNull();
    await apply(['bad.example.org']);
    expect((await compile(first.blocklistKey)).blocklist).not.toBeNull();
  });

  it('says when the addresses of subscribers changed, and only then', async () => {
    const first = await compile();
    await apply(['other.example.org']);
    expect((await compile()).addressFingerprint).toBe(first.addressFingerprint);
    const subscribers = [{ id: 'home-1', plan: 'kids', addresses: ['192.0.2.8/32'] }];
    await store.applyDocument({ subscribers }, { actor: 'test' });
    const moved = await compile();
    expect(moved.addressFingerprint).not.toBe(first.addressFingerprint);
    await store.remove('subscriber', 'home-1', { actor: 'test' });
    expect((await compile()).addressFingerprint).not.toBe(moved.addressFingerprint);
  });

  it('refuses a damaged content, names the list, and leaves the set on the disk alone', async () => {
    const first = await compile();
    for (const file of readdirSync(join(dataDir, 'lists'))) {
      writeFileSync(join(dataDir, 'lists', file), 'good.example.org\n');
    }
    await expect(compile()).rejects.toThrow(/list "a".*damaged/);
    expect(readImages(join(dataDir, IMAGES_FOLDER), SEED)?.revision).toBe(first.revision);
  });

  it('finds the line that put a name on a list', async () => {
    const request = { kind: 'evidence', job: 2, dataDir, categories: ['adult'] } as const;
    const found = await findEvidence({ ...request, name: wire('www.worse.example.net') });
    expect(found.places).toMatchObject([{ list: 'a', line: 2, text: 'worse.example.net' }]);
    expect((await findEvidence({ ...request, name: wire('example.com') })).places).toEqual([]);
  });
});

describe('a collision of two names', () => {
  const collision = new AppError('COMPILE_COLLISION', 'two names share a hash');

  it('draws a new seed and compiles everything with it', async () => {
    const before = loadSeed(dataDir);
    const seeds: HashSeed[] = [];
    const keys: (string | null)[] = [];
    const compiler = {
      compile: (seed: HashSeed, key: string | null): Promise<CompileDone> => {
        seeds.push(seed);
        keys.push(key);
        return seeds.length === 1 ? Promise.reject(collision) : compile(key, seed);
      },
    };
    const { seed, done } = await compileNewest(compiler, dataDir, before, 'key in force');
    expect(seeds[0]).toEqual(before);
    expect(seed).not.toEqual(before);
    expect(loadSeed(dataDir)).toEqual(seed);
    expect(keys).toEqual(['key in force', null]);
    expect(readImages(join(dataDir, IMAGES_FOLDER), seed)?.revision).toBe(done.revision);
  });

  it('that comes back every time is given up', async () => {
    let attempts = 0;
    const compiler = {
      compile: (): Promise<CompileDone> => {
        attempts++;
        return Promise.reject(collision);
      },
    };
    await expect(compileNewest(compiler, dataDir, SEED, null)).rejects.toThrow(collision);
    expect(attempts).toBe(3);
  });
});
