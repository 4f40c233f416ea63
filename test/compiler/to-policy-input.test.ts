import { describe, expect, test } from 'vitest';
import { toPolicyInput } from '../../src/compiler/to-policy-input.ts';
import { NO_PLAN, type PolicyInput, type Settings } from '../../src/policy/policy-input.ts';
import type { Store } from '../../src/store/store.ts';
import { aHome, anna, aStoreWithHome, theGround } from '../store/a-household.ts';
import { ACTOR, aStore } from '../store/support.ts';

/** 2027-01-15 08:00 UTC, a Friday; 11:00 in Minsk. */
const NOW = 1_800_000_000;
const MIDNIGHT_IN_MINSK = NOW + 13 * 3600;

const NAME = Uint8Array.of(1, 0x78, 0);
const engine = (id: string) => ({ id, names: [NAME], target: { name: NAME } });

const DATA = {
  safeSearch: {
    engines: [engine('google'), engine('bing')],
    youtube: { names: [NAME], moderate: NAME, strict: NAME },
    unsafe: [NAME],
  },
  helplines: [{ zones: [], languages: [], text: '116 111' }],
  agePresets: new Map([
    [
      '6-9',
      {
        block: ['adult', 'service:tiktok', 'gone'],
        safeSearch: { all: true, youtube: 'strict', blockUnsafe: true },
        log: 'blocked',
        logMax: 'blocked',
      },
    ],
    [
      '16-18',
      {
        block: ['service:tiktok'],
        safeSearch: { youtube: 'moderate' },
        log: 'nothing',
        logMax: 'counts',
      },
    ],
  ] as const),
};

async function aHomeStore(): Promise<Store> {
  const clock = { monotonicMs: () => 0, wallMs: () => NOW * 1000 };
  return aStoreWithHome(await aStore(undefined, clock));
}

async function inputOf(store: Store, nowSeconds = NOW): Promise<PolicyInput> {
  return toPolicyInput(await store.readCompileInput(), DATA, nowSeconds);
}

/** The settings of anna, who has these, in a household that has those. */
async function annaWith(profile: object, household: object = {}): Promise<Settings> {
  const store = await aHomeStore();
  const profiles = [{ id: 'anna', ...profile }];
  await store.applyDocument({ subscribers: [{ ...aHome(), ...household, profiles }] }, ACTOR);
  return profileOf(await inputOf(store), 2);
}

function profileOf(input: PolicyInput, number: number): Settings {
  const settings = input.profiles.ownOf.get(number)?.profile;
  if (settings === null || settings === undefined) throw new Error('no settings');
  return settings;
}

function textOf(names: readonly Uint8Array[]): string[] {
  return names.map((name) => Buffer.from(name).toString('latin1'));
}

/** Bits, in the order of `theGround`. */
const [GAMES, ADULT, TIKTOK, YOUTUBE] = [0, 1, 3, 4];

describe('the household of the manual', () => {
  test('is numbers, bits and seconds to the compiler', async () => {
    const store = await aHomeStore();
    const input = await inputOf(store);
    const { profiles } = input;
    const kids = input.plans.findIndex(({ id }) => id === 'kids');
    expect([input.atSecond, input.horizonSecond]).toEqual([NOW, NOW + 26 * 3600]);
    expect(Array.from(profiles.planOf)).toEqual([NO_PLAN, kids, kids]);
    for (const number of [1, 2]) {
      expect(profiles.zones[profiles.zoneOf[number] ?? 99]).toBe('Europe/Minsk');
      expect(profiles.languages[profiles.languageOf[number] ?? 99]).toBe('ru');
    }
    expect(input.categories.map(({ id, bit }) => [id, bit])).toEqual([
      ['games', GAMES],
      ['adult', ADULT],
      ['court', 2],
      ['service:tiktok', TIKTOK],
      ['service:youtube', YOUTUBE],
    ]);
    expect(
      input.devices.map(({ subscriber, kind, profile }) => [subscriber, kind, profile]),
    ).toEqual([
      [1, 'address', 2],
      [1, 'clientId', 2],
      [1, 'mac', 2],
    ]);
    expect(Buffer.from(input.devices[2]?.key ?? []).toString('hex')).toBe('02005e100001');
    expect(Buffer.from(input.devices[0]?.key ?? []).toString('hex')).toBe(
      '00000000000000000000ffffc0000207',
    );
    const settings = profileOf(input, 2);
    expect(settings).toMatchObject({
      block: [GAMES, ADULT, TIKTOK],
      open: [],
      isAllowListOnly: false,
      safeSearch: { engines: 0b11, youtube: 2, isBlockingUnsafe: true },
      log: 'blocked',
      budgets: [{ target: { kind: 'category', bit: YOUTUBE }, usedUpUntilSecond: null }],
      schedules: [
        {
          target: { kind: 'internet' },
          days: 0b0011111,
          dates: null,
          fromMinute: 1260,
          toMinute: 420,
        },
        {
          target: { kind: 'category', bit: TIKTOK },
          days: 0b1100000,
          fromMinute: 0,
          toMinute: 600,
        },
      ],
    });
    expect(textOf(settings.always)).toEqual(['\x06school\x07example\0']);
    expect([settings.allow, textOf(settings.deny)]).toEqual([[], ['\x04chat\x07example\0']]);
    expect(input.profiles.ownOf.has(1)).toBe(false);
    expect(input.helplines).toBe(DATA.helplines);
  });

  test('its services are lists of their own names', async () => {
    const store = await aHomeStore();
    const { lists } = await store.readCompileInput();
    expect(lists.map(({ id, categoryBit, format }) => [id, categoryBit, format])).toEqual([
      ['service:tiktok', TIKTOK, 'domains'],
      ['service:youtube', YOUTUBE, 'domains'],
    ]);
    expect(Buffer.from(lists[0]?.octets ?? []).toString()).toBe('tiktok.example\n');
    const services = [{ ...theGround().services[0], names: ['other.example'] }];
    await store.applyDocument({ services }, ACTOR);
    const changed = (await store.readCompileInput()).lists;
    expect(changed[0]?.contentSha256).not.toBe(lists[0]?.contentSha256);
    expect(changed[1]).toEqual(lists[1]);
  });

  test('a default profile stands for the household', async () => {
    const store = await aHomeStore();
    expect((await inputOf(store)).profiles.defaultOf.size).toBe(0);
    await store.applyDocument({ subscribers: [{ ...aHome(), defaultProfile: 'anna' }] }, ACTOR);
    expect([...(await inputOf(store)).profiles.defaultOf]).toEqual([[1, 2]]);
  });

  test('CPE ids lead to it', async () => {
    const store = await aHomeStore();
    await store.applyDocument({ subscribers: [{ ...aHome(), cpeIds: ['cpe-7'] }] }, ACTOR);
    const [cpeId] = (await inputOf(store)).cpeIds;
    expect([Buffer.from(cpeId?.key ?? []).toString(), cpeId?.subscriber]).toEqual(['cpe-7', 1]);
  });
});

describe('an age', () => {
  test('stands for what its preset blocks, makes safe and lets be logged', async () => {
    expect(await annaWith({ age: '6-9' })).toMatchObject({
      block: [ADULT, TIKTOK],
      safeSearch: { engines: 0b11, youtube: 2, isBlockingUnsafe: true },
      log: 'blocked',
    });
  });

  test('is beaten by what the profile itself says, but for the ceiling of the log', async () => {
    const settings = await annaWith({
      age: '16-18',
      open: ['service:tiktok'],
      block: ['games'],
      safeSearch: { youtube: 'off', engines: { bing: true } },
      log: 'all',
    });
    expect(settings).toMatchObject({
      block: [GAMES],
      open: [TIKTOK],
      safeSearch: { engines: 0b10, youtube: 0, isBlockingUnsafe: false },
      log: 'counts',
    });
  });

  test('does not lower what the household has set', async () => {
    const household = { safeSearch: { youtube: 'strict', all: true } };
    const settings = await annaWith({ age: '16-18' }, household);
    expect(settings.safeSearch).toMatchObject({ engines: 0b11, youtube: 2 });
  });

  test('logs no more than the household wants, and no less than the child’s age allows', async () => {
    const ofAge = async (log?: string) =>
      (await annaWith({ age: '16-18' }, log === undefined ? {} : { log })).log;
    expect(await ofAge('nothing')).toBe('nothing');
    expect(await ofAge('all')).toBe('counts');
  });

  test('equal profiles are the same object, so that they are compiled once', async () => {
    const store = await aHomeStore();
    const profiles = [{ id: 'anna', age: '16-18' }];
    const home = { ...aHome(), addresses: [], profiles };
    const subscribers = [
      { ...home, id: 'one' },
      { ...home, id: 'two' },
    ];
    await store.applyDocument({ subscribers }, ACTOR);
    const { ownOf } = (await inputOf(store)).profiles;
    const owns = [...ownOf.values()].filter(({ profile }) => profile !== null);
    expect(new Set(owns.slice(-2)).size).toBe(1);
  });

  test('without a preset says nothing', async () => {
    expect(await annaWith({ age: '10-13' })).toMatchObject({ block: [], log: null });
  });
});

describe('safe search of a household', () => {
  test('is the profile’s too, which may say less', async () => {
    const household = { safeSearch: { all: true, youtube: 'strict' } };
    expect((await annaWith({}, household)).safeSearch).toMatchObject({ engines: 0b11, youtube: 2 });
    const less = await annaWith(
      { safeSearch: { engines: { google: false }, youtube: 'off' } },
      household,
    );
    expect(less.safeSearch).toMatchObject({ engines: 0b10, youtube: 0 });
    const store = await aHomeStore();
    await store.applyDocument({ subscribers: [{ ...aHome(), ...household }] }, ACTOR);
    const { ownOf } = (await inputOf(store)).profiles;
    // The compiler takes the most of both levels: beside a profile the household says nothing.
    expect(ownOf.get(2)?.subscriber?.safeSearch.youtube).toBe(0);
    expect(ownOf.get(1)?.subscriber?.safeSearch.youtube).toBe(2);
  });
});

describe('what ends by itself', () => {
  test('is there until its second', async () => {
    const store = await aHomeStore();
    const owner = { subscriber: 'home-1', profile: 'anna' };
    await store.households.grant({ ...owner, target: 'service:youtube', minutes: 1 }, ACTOR);
    await store.households.grant(
      { ...owner, target: 'names', names: ['a.example'], minutes: 2 },
      ACTOR,
    );
    await store.households.pause({ subscriber: 'home-1', minutes: 1 }, ACTOR);
    const now = await inputOf(store);
    expect(profileOf(now, 2).grants).toEqual([
      { target: { kind: 'category', bit: YOUTUBE }, untilSecond: NOW + 60 },
      {
        target: { kind: 'names', names: [Uint8Array.from(Buffer.from('\x01a\x07example\0'))] },
        untilSecond: NOW + 120,
      },
    ]);
    const pause = { fromSecond: NOW, untilSecond: NOW + 60 };
    expect(now.profiles.ownOf.get(1)?.subscriber?.pauses).toEqual([pause]);
    expect(now.profiles.ownOf.get(2)?.subscriber?.pauses).toEqual([pause]);
    const later = await inputOf(store, NOW + 90);
    expect(profileOf(later, 2).grants).toHaveLength(1);
    expect(later.profiles.ownOf.has(1)).toBe(false);
  });

  test('a budget is used up until the midnight of the household', async () => {
    const store = await aHomeStore();
    const day = Math.floor(NOW / 86_400);
    const target = 'service:youtube';
    const minutes = new Uint8Array(180);
    const untilOf = async (nowSeconds = NOW): Promise<number | null | undefined> =>
      profileOf(await inputOf(store, nowSeconds), 2).budgets[0]?.usedUpUntilSecond;
    minutes.fill(0xff, 0, 7);
    await store.budgetDays.save([{ profile: 2, target, day, minutes }]);
    expect(await untilOf()).toBeNull();
    minutes.fill(0x0f, 7, 8);
    await store.budgetDays.save([{ profile: 2, target, day, minutes }]);
    expect(await untilOf()).toBe(MIDNIGHT_IN_MINSK);
    expect(await untilOf(MIDNIGHT_IN_MINSK)).toBeNull();
    await store.budgetDays.remove([2]);
    expect(await untilOf()).toBeNull();
    await store.households.noteUsedUp({ profile: 2, target, day }, ACTOR);
    expect(await untilOf()).toBe(MIDNIGHT_IN_MINSK);
    const more = { ...anna(), budgets: [{ target, minutesPerDay: 90 }] };
    await store.applyDocument({ subscribers: [{ ...aHome(), profiles: [more] }] }, ACTOR);
    expect(await untilOf()).toBeNull();
  });
});

describe('a plan', () => {
  test('comes with its limits', async () => {
    const store = await aStore();
    const schedules = [
      { target: 'internet', from: '22:00', to: '06:00', dates: ['2027-01-01/2027-01-02'] },
    ];
    const plan = {
      id: 'kids',
      block: ['games'],
      locked: ['adult'],
      lockedOpen: ['service:youtube'],
      safeSearch: { all: true, engines: { bing: false } },
      schedules,
      failMode: 'open',
      logMax: 'nothing',
      allow: [{ name: 'zoo.example', always: true }],
    };
    await store.applyDocument({ ...theGround(), plans: [plan, { id: 'open' }] }, ACTOR);
    const { plans } = await inputOf(store);
    expect(plans[0]).toMatchObject({
      block: [GAMES],
      locked: [ADULT],
      lockedOpen: [YOUTUBE],
      safeSearch: { engines: 0b01, youtube: 0 },
      schedules: [{ days: 127, dates: [{ firstDay: 20_819, lastDay: 20_820 }] }],
      failMode: 'open',
      log: 'nothing',
      logMax: 'nothing',
    });
    expect(textOf(plans[0]?.always ?? [])).toEqual(['\x03zoo\x07example\0']);
    expect(plans[1]).toMatchObject({
      failMode: 'closed',
      log: 'nothing',
      logMax: 'all',
      schedules: [],
    });
  });

  test('that keeps a category open keeps its services open, but for those that it names itself', async () => {
    const store = await aStore();
    const plan = { id: 'kids', block: ['service:tiktok'], lockedOpen: ['video'] };
    const categories = [...theGround().categories, { id: 'video' }];
    await store.applyDocument({ ...theGround(), categories, plans: [plan] }, ACTOR);
    const input = await inputOf(store);
    const isOpen = ({ bit }: { bit: number }): boolean =>
      input.plans[0]?.lockedOpen.includes(bit) === true;
    const open = input.categories.filter(isOpen).map(({ id }) => id);
    expect(open).toEqual(['video', 'service:youtube']);
  });

  test('of a pool is the safest of those made for children', async () => {
    const store = await aStore();
    const plans = [
      { id: 'a', minor: true, block: ['games'] },
      { id: 'z', minor: true, locked: ['games', 'adult'] },
      { id: 'm', minor: true, block: ['games', 'court'] },
      { id: 'all', block: ['games', 'adult', 'court'] },
    ];
    const subscribers = [
      { id: 'pool', minor: true },
      { id: 'own', minor: true, plan: 'a' },
    ];
    await store.applyDocument({ ...theGround(), plans, subscribers }, ACTOR);
    const { profiles, plans: compiled } = await inputOf(store);
    expect([1, 2].map((number) => compiled[profiles.planOf[number] ?? 99]?.id)).toEqual(['m', 'a']);
  });
});

test('households that have set the same share one object', async () => {
  const store = await aStore();
  const alike = { plan: 'kids', log: 'nothing', schedules: anna().schedules };
  const subscribers = [
    { id: 'a', ...alike },
    { id: 'b', ...alike, timezone: 'Europe/Warsaw' },
    { id: 'c', ...alike, deny: ['x.example'] },
  ];
  await store.applyDocument({ ...theGround(), subscribers }, ACTOR);
  const { ownOf } = (await inputOf(store)).profiles;
  expect(ownOf.get(1)).toBe(ownOf.get(2));
  expect(ownOf.get(3)?.subscriber?.schedules).toBe(ownOf.get(1)?.subscriber?.schedules);
  expect(ownOf.get(3)).not.toBe(ownOf.get(1));
});
