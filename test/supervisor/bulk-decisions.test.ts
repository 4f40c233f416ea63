/** Decisions in bulk are those of `explain`, name by name; and a plan by itself needs nobody's household. */

import { beforeEach, describe, expect, test } from 'vitest';
import { compilePlan } from '../../src/compiler/compile-plan.ts';
import { compileProfile } from '../../src/compiler/compile-profile.ts';
import { compileRevision } from '../../src/compiler/compile-revision.ts';
import { type Config, loadConfig } from '../../src/config/config.ts';
import type { HashSeed } from '../../src/lib/half-siphash.ts';
import { readPolicyData } from '../../src/lists/read-policy-data.ts';
import type { Store } from '../../src/store/store.ts';
import { BulkDecisions } from '../../src/supervisor/bulk-decisions.ts';
import type { DecisionsQuestion } from '../../src/supervisor/control-plane-contract.ts';
import { Explainer } from '../../src/supervisor/explainer.ts';
import { NO_SEALING_KEYS } from '../../src/sealing/sealing-keys.ts';
import { type InForce, openImages } from '../../src/supervisor/publisher.ts';
import { TestClock } from '../api/support.ts';
import { ACTOR, aContent, aStore } from '../store/support.ts';

const SEED: HashSeed = [11, 22];
const CLOCK = new TestClock();
const NAMES = [
  'one.example.org',
  'www.Two.example.org',
  'zoo.example',
  'denied.example',
  'order.example',
  'plain.example',
  'localhost',
  'www.bing.com',
  'bücher.example',
];
const WHO = { plan: null, subscriber: null, profile: null, at: null };
const config: Config = loadConfig({ path: null, flags: { upstreams: ['192.0.2.53'] } });

let store: Store;
/** Compilations of plans, as their ids. */
let compiled: string[];

beforeEach(async () => {
  store = await aStore(undefined, CLOCK);
  compiled = [];
  const night = { target: 'internet', from: '22:00', to: '06:00' };
  const document = {
    categories: [{ id: 'adult' }, { id: 'court', class: 'law' }],
    lists: [
      { id: 'adult-a', category: 'adult', contentSha256: aContent(store) },
      { id: 'orders', category: 'court', contentSha256: aContent(store, 'order.example\n') },
    ],
    plans: [
      {
        id: 'kids',
        block: ['adult'],
        allow: ['zoo.example'],
        deny: ['denied.example'],
        safeSearch: { all: true },
        schedules: [night],
      },
      { id: 'open' },
    ],
    subscribers: [
      {
        id: 'home-1',
        plan: 'kids',
        addresses: ['192.0.2.7'],
        deny: ['plain.example'],
        profiles: [{ id: 'anna', open: ['adult'] }],
      },
      { id: 'home-2', plan: 'kids', addresses: ['192.0.2.8'] },
    ],
  };
  await store.applyDocument(document, ACTOR);
});

function secondsOf({ at }: { readonly at: string | null }): number {
  return Math.floor((at === null ? CLOCK.wallMs() : Date.parse(at)) / 1000);
}

/** The compile thread's work, in this one. */
const compiler = {
  compilePlan: async (seed: HashSeed, plan: string, atSecond: number) => {
    compiled.push(plan);
    const request = { kind: 'plan', job: 1, dataDir: store.dataDir, seed, plan, atSecond } as const;
    return (await compilePlan(request, readPolicyData())).policy;
  },
  compileProfile: async (seed: HashSeed, profile: number, atSecond: number) => {
    const { dataDir } = store;
    const request = { kind: 'profile', job: 1, dataDir, seed, profile, atSecond } as const;
    return (await compileProfile(request, readPolicyData())).policy;
  },
  findEvidence: () => Promise.resolve([]),
};

async function inForce(): Promise<InForce> {
  const request = { kind: 'compile', job: 1, dataDir: store.dataDir, seed: SEED } as const;
  const nowSeconds = secondsOf({ at: null });
  const rest = { blocklistKey: null, nowSeconds, sealing: NO_SEALING_KEYS };
  const done = await compileRevision({ ...request, ...rest }, readPolicyData());
  const { revision, blocklist, policy } = done;
  if (blocklist === null) throw new Error('a first compilation makes a blocklist');
  return {
    seed: SEED,
    images: openImages({ revision, blocklist, policy }, []),
    blocklistKey: '',
    compiled: null,
  };
}

function decider(): BulkDecisions {
  return new BulkDecisions(store, compiler, CLOCK);
}

function decisionsOf(question: Partial<DecisionsQuestion>, images: InForce, by = decider()) {
  return by.decide({ names: NAMES, ...WHO, ...question }, images, config);
}

describe('decisions in bulk', () => {
  test.each([
    ['a household, now', { subscriber: 'home-1' }],
    ['a profile, now', { subscriber: 'home-1', profile: 'anna' }],
    ['a household, at night', { subscriber: 'home-1', at: '2026-11-22T23:00:00Z' }],
    ['a profile, in a year', { subscriber: 'home-1', profile: 'anna', at: '2027-11-22T12:00:00Z' }],
  ])('are those of explain: %s', async (_what, who) => {
    const images = await inForce();
    const explainer = new Explainer(store, { lookUp: () => -1 }, compiler, CLOCK);
    const { items, revision } = await decisionsOf(who, images);
    expect(revision).toBe(store.revision);
    expect(items).toHaveLength(NAMES.length);
    for (const [index, item] of items.entries()) {
      const question = { type: 'A', client: null, mac: null, ...WHO, ...who };
      const { name, decision, row, verdictClass, category, categories } = await explainer.explain(
        { ...question, name: NAMES[index] ?? '', subscriber: who.subscriber },
        images,
        config,
      );
      expect(item).toEqual({ name, decision, row, verdictClass, category, categories });
    }
  });

  test('of a plan are those of a household that has set nothing', async () => {
    const images = await inForce();
    const ofPlan = await decisionsOf({ plan: 'kids' }, images);
    expect(ofPlan).toEqual(await decisionsOf({ subscriber: 'home-2' }, images));
    expect(ofPlan.items.map(({ decision, row }) => [decision, row]).slice(0, 6)).toEqual([
      ['block', 9],
      ['block', 9],
      ['pass', 8],
      ['block', 8],
      ['block', 1],
      ['pass', 12],
    ]);
    expect(ofPlan.items[4]).toMatchObject({ verdictClass: 'law', category: 'court' });
  });

  test('of a plan follow its schedules, in UTC', async () => {
    const images = await inForce();
    const by = decider();
    await decisionsOf({ plan: 'kids' }, images, by);
    const night = { plan: 'kids', at: '2027-11-22T22:00:00Z' };
    const { items } = await decisionsOf(night, images, by);
    expect(items.find(({ name }) => name === 'plain.example')).toMatchObject({ row: 7 });
  });

  test('a plan is compiled once while its revision holds, however many ask', async () => {
    const images = await inForce();
    const by = decider();
    const ask = (plan: string): Promise<unknown> => decisionsOf({ plan }, images, by);
    await Promise.all([ask('kids'), ask('kids'), ask('open'), ask('kids')]);
    await ask('kids');
    expect(compiled).toEqual(['kids', 'open']);
    await store.applyDocument({ plans: [{ id: 'kids' }] }, ACTOR);
    const { items } = await decisionsOf({ plan: 'kids' }, await inForce(), by);
    expect(items[0]).toMatchObject({ decision: 'pass', categories: ['adult'] });
    expect(compiled).toEqual(['kids', 'open', 'kids']);
  });

  test('an unknown plan stays unknown only until there is one', async () => {
    const images = await inForce();
    const by = decider();
    const refused = { code: 'RESOURCE_UNKNOWN' };
    await expect(decisionsOf({ plan: 'new' }, images, by)).rejects.toMatchObject(refused);
    await store.applyDocument({ plans: [{ id: 'new' }] }, ACTOR);
    expect((await decisionsOf({ plan: 'new' }, images, by)).items).toHaveLength(NAMES.length);
  });

  test('what is wrong is told at once; before the first images nothing is decided', async () => {
    const images = await inForce();
    const faulty = decisionsOf(
      { names: ['a..b', 'fine.example', ''], profile: 'anna', at: 'noon' },
      images,
    );
    await expect(faulty).rejects.toMatchObject({
      code: 'EXPLAIN_INVALID',
      faults: [
        expect.stringContaining('plan, subscriber'),
        expect.stringContaining('profile'),
        expect.stringContaining('at: "noon"'),
        expect.stringContaining('names[0]: "a..b"'),
        expect.stringContaining('names[2]'),
      ],
    });
    const unknown = { code: 'RESOURCE_UNKNOWN' };
    await expect(decisionsOf({ subscriber: 'none' }, images)).rejects.toMatchObject(unknown);
    const noSuch = decisionsOf({ subscriber: 'home-1', profile: 'ben' }, images);
    await expect(noSuch).rejects.toMatchObject(unknown);
    const early = decisionsOf({ plan: 'kids' }, { ...images, images: null });
    await expect(early).rejects.toMatchObject({ code: 'NOT_READY' });
  });
});
