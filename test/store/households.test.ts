import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createInspector } from '../../src/lists/inspector.ts';
import { Store } from '../../src/store/store.ts';
import { aHome, anna, aService, aStoreWithHome, faultOf, MAC, theGround } from './a-household.ts';
import { ACTOR, aDataFolder, aStore } from './support.ts';

/** What applying these profiles says, in one text. */
async function saidOf(store: Store, profiles: object[], household: object = {}): Promise<string> {
  const subscribers = [{ ...aHome(), ...household, profiles }];
  return (await faultOf(store.applyDocument({ subscribers }, ACTOR))).faults.join('\n');
}

async function aHomeStore(): Promise<Store> {
  return aStoreWithHome(await aStore());
}

async function numberOf(store: Store, id: string): Promise<number | undefined> {
  const row = await store.db
    .selectFrom('profiles')
    .select('number')
    .where('id', '=', id)
    .executeTakeFirst();
  return row?.number;
}

describe('a household with profiles', () => {
  test('comes back as it was written, and applying it again changes nothing', async () => {
    const store = await aHomeStore();
    const exported = await store.exportDocument();
    const { devices, ...rest } = anna();
    expect(exported.subscribers[0]).toEqual({
      ...aHome(),
      profiles: [{ ...rest, devices: expect.arrayContaining(devices) as unknown }],
    });
    expect(exported.services.map(({ id }) => id)).toEqual(['tiktok', 'youtube']);
    expect(exported.categories.map(({ id }) => id)).toEqual(['adult', 'court', 'games']);
    const again = await store.applyDocument(exported, ACTOR, { isPruning: true });
    expect(again.changes).toEqual([]);
    const document = { ...theGround(), subscribers: [aHome()] };
    expect((await store.applyDocument(document, ACTOR)).changes).toEqual([]);
  });

  test('spellings of the same thing are the same thing', async () => {
    const store = await aHomeStore();
    const spelled = {
      ...anna(),
      devices: [
        { clientId: 'Anna-Tablet' },
        { mac: '0200.5E10.0001' },
        { address: '::ffff:192.0.2.7' },
      ],
      allow: ['School.Example.', { name: 'school.example', always: true }],
      schedules: [
        {
          target: 'internet',
          days: ['fri', 'thu', 'wed', 'tue', 'mon'],
          from: '21:00',
          to: '07:00',
        },
        { target: 'service:tiktok', days: ['sun', 'sat'], from: '00:00', to: '10:00' },
      ],
    };
    const subscribers = [{ ...aHome(), profiles: [spelled] }];
    expect((await store.applyDocument({ subscribers }, ACTOR)).changes).toEqual([]);
  });

  test('a bare category id is a target, and midnight at an end is the end of the day', async () => {
    const store = await aHomeStore();
    const schedules = [
      {
        target: 'games',
        from: '20:00',
        to: '00:00',
        dates: ['2027-01-02', '2027-01-01/2027-01-01'],
      },
    ];
    const subscribers = [{ ...aHome(), profiles: [{ id: 'anna', schedules }] }];
    await store.applyDocument({ subscribers }, ACTOR);
    const home = await store.subscriber('home-1');
    expect(home?.record.profiles?.[0]?.schedules).toEqual([
      { target: 'category:games', from: '20:00', to: '24:00', dates: ['2027-01-01', '2027-01-02'] },
    ]);
  });

  test('profiles keep their order and their numbers; who comes later has a new one', async () => {
    const store = await aHomeStore();
    const home = await store.subscriber('home-1');
    const number = await numberOf(store, 'anna');
    expect(number).not.toBe(home?.number);
    const put = (ids: string[]) =>
      store.applyDocument(
        { subscribers: [{ ...aHome(), profiles: ids.map((id) => ({ id })) }] },
        ACTOR,
      );
    await put(['zoe', 'anna', 'ben']);
    expect((await store.subscriber('home-1'))?.record.profiles?.map(({ id }) => id)).toEqual([
      'zoe',
      'anna',
      'ben',
    ]);
    expect(await numberOf(store, 'anna')).toBe(number);
    const gone = (await numberOf(store, 'ben')) ?? 0;
    await put(['anna']);
    await put(['anna', 'ben']);
    expect(await numberOf(store, 'anna')).toBe(number);
    expect(await numberOf(store, 'ben')).toBeGreaterThan(gone);
    await store.applyDocument({ subscribers: [{ id: 'home-2', plan: 'open' }] }, ACTOR);
    const later = (await store.subscriber('home-2'))?.number;
    expect(later).toBeGreaterThan((await numberOf(store, 'ben')) ?? 0);
  });

  test('a device moves from one profile to another in one document', async () => {
    const store = await aHomeStore();
    const profiles = [{ id: 'anna' }, { id: 'ben', devices: [{ mac: MAC }] }];
    await store.applyDocument({ subscribers: [{ ...aHome(), profiles }] }, ACTOR);
    const home = await store.subscriber('home-1');
    expect(home?.record.profiles?.[1]?.devices).toEqual([{ mac: MAC }]);
  });

  test('two households may have the same device each', async () => {
    const store = await aHomeStore();
    const subscribers = [{ ...aHome(), id: 'home-2', addresses: [] }];
    await store.applyDocument({ subscribers }, ACTOR);
    expect((await store.subscriber('home-2'))?.record.profiles?.[0]?.devices).toHaveLength(3);
  });

  test('leaves nothing behind when it goes', async () => {
    const store = await aHomeStore();
    await store.remove('subscriber', 'home-1', ACTOR);
    for (const table of ['profiles', 'devices', 'rules', 'cpe_ids', 'addresses'] as const) {
      expect(await store.db.selectFrom(table).selectAll().execute()).toEqual([]);
    }
  });

  test('a rule of a profile is added, made lasting, and taken away', async () => {
    const store = await aHomeStore();
    const rule = { owner: 'profile', ownerId: 'home-1/anna', action: 'allow' } as const;
    await store.changeRule({ ...rule, name: 'zoo.example', isAdding: true }, ACTOR);
    const page = {
      owner: 'profile',
      ownerId: 'home-1/anna',
      name: null,
      offset: 0,
      limit: 9,
    } as const;
    expect(await store.rulePage(page)).toEqual([
      { ...rule, name: 'school.example', isAlways: true },
      { ...rule, name: 'zoo.example' },
      { ...rule, action: 'deny', name: 'chat.example' },
    ]);
    await store.changeRule({ ...rule, name: 'zoo.example', isAlways: true, isAdding: true }, ACTOR);
    await store.changeRule({ ...rule, name: 'school.example', isAdding: false }, ACTOR);
    expect((await store.subscriber('home-1'))?.record.profiles?.[0]?.allow).toEqual([
      { name: 'zoo.example', always: true },
    ]);
    const unknown = { ...rule, ownerId: 'home-1/bob', name: 'zoo.example', isAdding: true };
    expect((await faultOf(store.changeRule(unknown, ACTOR))).code).toBe('RESOURCE_UNKNOWN');
  });

  test('the audit log never shows a MAC address whole', async () => {
    const store = await aHomeStore();
    await store.remove('subscriber', 'home-1', ACTOR);
    const rows = await store.db.selectFrom('audit').selectAll().execute();
    const text = JSON.stringify(rows);
    expect(text).not.toContain(MAC);
    expect(text.split('02:00:5e:…:01')).toHaveLength(3);
    expect((await store.verifyAudit()).isIntact).toBe(true);
  });

  test('a profile number leads to its household and profile', async () => {
    const store = await aHomeStore();
    const home = (await store.subscriber('home-1'))?.number ?? 0;
    const profile = (await numberOf(store, 'anna')) ?? 0;
    const owners = await store.profileOwners([home, profile, 999]);
    const owner = { id: 'home-1', plan: 'kids', timezone: 'Europe/Minsk' };
    expect(owners.get(home)).toMatchObject({ ...owner, profile: null, number: home });
    expect(owners.get(profile)).toMatchObject({ ...owner, profile: 'anna', number: profile });
    expect(owners.size).toBe(2);
    const numbers = await store.profileNumbers('home-1');
    expect([numbers.get(null), numbers.get('anna')]).toEqual([home, profile]);
  });
});

describe('what cannot be', () => {
  test('is refused all at once, each fault with its field and what would be valid', async () => {
    const store = await aHomeStore();
    const revision = store.revision;
    const before = await store.exportDocument();
    const said = await saidOf(
      store,
      [
        {
          id: 'anna',
          devices: [{ mac: '02:00:5e' }, { address: '192.0.2.0/24' }, { clientId: 'tablet' }],
          block: ['gmaes', 'service:tiktokk'],
          allow: [{ name: 'a..b', always: true }],
          schedules: [
            { target: 'internet', from: '24:00', to: '07:60' },
            { target: 'internet', from: '21:00', to: '21:00' },
            { target: 'games!', from: '21:00', to: '22:00', dates: ['2027-02-30'] },
            { target: 'games', from: '21:00', to: '22:00', dates: ['2027-03-02/2027-03-01'] },
            { target: 'names', from: '21:00', to: '22:00' },
            { target: 'safe-search', from: '21:00', to: '22:00', names: ['a.example'] },
          ],
          budgets: [
            { target: 'names', minutesPerDay: 5 },
            { target: 'games', minutesPerDay: 5 },
            { target: 'category:games', minutesPerDay: 6 },
          ],
        },
        { id: 'ben', devices: [{ clientId: 'Tablet' }], block: ['games'], open: ['games'] },
        { id: 'ben' },
      ],
      { defaultProfile: 'bob', cpeIds: [' a'], timezone: 'Europe/Mins' },
    );
    const at = 'subscribers[0].profiles[0]';
    for (const part of [
      'subscribers[0].timezone: "Europe/Mins" is no IANA time zone; valid: such as Europe/Minsk',
      'subscribers[0].cpeIds[0]: " a" is no CPE id',
      'subscribers[0].defaultProfile: there is no profile "bob"; valid: anna, ben',
      `${at}.devices[0].mac: "02:00:5e" is no MAC address; valid: six octets`,
      `${at}.devices[1].address: "192.0.2.0/24" is no address of a device; valid: such as`,
      `${at}.allow[0].name: "a..b" is no domain name`,
      `${at}.schedules[0].from: "24:00" is no time of day; valid: 00:00 to 23:59`,
      `${at}.schedules[0].to: "07:60" is no time of day; valid: 00:01 to 24:00`,
      `${at}.schedules[1].to: "21:00" is from as well`,
      `${at}.schedules[2].target: "games!" is no target; valid: internet, category:ID, service:ID, names, safe-search`,
      `${at}.schedules[2].dates[0]: there is no date "2027-02-30"; valid: such as 2027-02-28`,
      `${at}.schedules[3].dates[0]: "2027-03-02/2027-03-01" ends before it begins; valid: 2027-03-01/2027-03-02`,
      `${at}.schedules[4].names: target names needs the names`,
      `${at}.schedules[5].safeSearch: target safe-search needs the level`,
      `${at}.schedules[5].names: it goes with target names only`,
      `${at}.budgets[0].target: "names" is no target; valid: internet, category:ID, service:ID`,
      `${at}.budgets[2].target: "category:games" has a budget already in ${at}.budgets[1]`,
      `${at}.block: there is no category "gmaes"; valid: adult, court, games`,
      `${at}.block: there is no service "tiktokk"; valid: service:tiktok, service:youtube`,
      `subscribers[0].profiles[1].devices[0]: {"clientId":"tablet"} is ${at}.devices[2] already`,
      'subscribers[0].profiles[1].open: "games" stands in block too; valid: one of the two',
      'subscribers[0].profiles[2].id: "ben" is already the id of subscribers[0].profiles[1]',
    ]) {
      expect(said).toContain(part);
    }
    expect(said.split('\n')).toHaveLength(22);
    expect(store.revision).toBe(revision);
    expect(await store.exportDocument()).toEqual(before);
  });

  test('schedules with more names than a state of the day should hold are one fault', async () => {
    const store = await aStoreWithHome(await aStore());
    const names = Array.from({ length: 501 }, (_, index) => `n${index}.example`);
    const schedule = { target: 'names', names, from: '21:00', to: '22:00' };
    const subscribers = [{ ...aHome(), schedules: [schedule, schedule] }];
    const { faults } = await faultOf(store.applyDocument({ subscribers }, ACTOR));
    expect(faults).toEqual([
      'subscribers[0].schedules: they have 1002 names; valid: 1000 at most in all, or a category with a list of them',
    ]);
  });

  test('a prefix given twice is a fault, in whatever form it is written', async () => {
    const store = await aHomeStore();
    const addresses = ['192.0.2.9', '2001:db8::/56', '::ffff:192.0.2.9/128'];
    expect((await saidOf(store, [], { addresses })).split('\n')).toEqual([
      'subscribers[0].addresses[2]: "::ffff:192.0.2.9/128" stands already in subscribers[0].addresses[0]; valid: each prefix once',
    ]);
  });

  test('a value of the wrong shape names the field and the valid values', async () => {
    const store = await aHomeStore();
    const schedule = { target: 'internet', from: '9:00', to: '10:00', days: ['monday'] };
    const said = await saidOf(store, [
      {
        id: 'anna',
        age: '5',
        log: 'some',
        schedules: [schedule],
        devices: [{ mac: MAC, address: 'x' }],
      },
    ]);
    const at = 'subscribers[0].profiles[0]';
    for (const part of [
      `${at}.age: "5" is not valid; valid: 6-9, 10-13, 14-16, 16-18`,
      `${at}.log: "some" is not valid; valid: nothing, counts, blocked, all`,
      `${at}.schedules[0].from: "9:00" is not valid; valid: HH:MM`,
      `${at}.schedules[0].days[0]: "monday" is not valid; valid: mon, tue`,
      `${at}.devices[0]: `,
    ]) {
      expect(said).toContain(part);
    }
  });

  test('an engine of safe search that is not known is named with those that are', async () => {
    const options = { engines: () => ['google', 'bing'] };
    const dataDir = aDataFolder();
    const store = await Store.open(dataDir, createInspector(dataDir), options);
    onTestFinished(() => store.close());
    await store.applyDocument(theGround(), ACTOR);
    const safeSearch = { engines: { googel: true, bing: true } };
    const schedule = { target: 'safe-search', from: '10:00', to: '11:00', safeSearch };
    const said = await saidOf(store, [{ id: 'anna', safeSearch, schedules: [schedule] }]);
    const fault = 'there is no engine "googel" that can be made safe; valid: google, bing';
    const at = 'subscribers[0].profiles[0]';
    expect(said.split('\n')).toEqual([
      `${at}.safeSearch.engines: ${fault}`,
      `${at}.schedules[0].safeSearch.engines: ${fault}`,
    ]);
    const plans = [{ id: 'kids', safeSearch }];
    const error = await faultOf(store.applyDocument({ plans }, ACTOR));
    expect(error.faults).toEqual([`plans[0].safeSearch.engines: ${fault}`]);
  });

  test('an offset is no time zone, since it has no rules', async () => {
    const store = await aHomeStore();
    const said = await saidOf(store, [], { timezone: '+03:00' });
    expect(said).toContain('subscribers[0].timezone: "+03:00" is no IANA time zone');
  });

  test('a CPE id leads to one household', async () => {
    const store = await aHomeStore();
    const first = { id: 'a', plan: 'open', cpeIds: ['cpe-1'] };
    const both = [first, { id: 'b', plan: 'open', cpeIds: ['cpe-1'] }];
    const error = await faultOf(store.applyDocument({ subscribers: both }, ACTOR));
    expect(error.faults).toEqual(['subscribers[1].cpeIds: "cpe-1" belongs to subscriber "a" too']);
    await store.applyDocument({ subscribers: [first] }, ACTOR);
    const second = await faultOf(store.applyDocument({ subscribers: both.slice(1) }, ACTOR));
    expect(second.faults[0]).toContain('the CPE id "cpe-1" belongs to subscriber "a"');
    const moved = [{ id: 'a', plan: 'open' }, both[1]];
    await store.applyDocument({ subscribers: moved }, ACTOR);
    expect((await store.subscriber('b'))?.record.cpeIds).toEqual(['cpe-1']);
  });
});

describe('the plan of a household', () => {
  async function aStoreWithPlan(plan: object): Promise<Store> {
    const store = await aStore();
    const plans = [{ id: 'kids', ...plan }];
    const categories = [...theGround().categories, { id: 'video' }];
    await store.applyDocument({ ...theGround(), categories, plans }, ACTOR);
    return store;
  }

  test('says what the household may change', async () => {
    const store = await aStoreWithPlan({ mayChange: ['profiles', 'names'] });
    const said = await saidOf(store, [anna()], { log: 'all' });
    const at = 'subscribers[0].profiles[0]';
    for (const kind of ['schedules', 'safeSearch', 'budgets', 'log']) {
      expect(said).toContain(
        `${at}.${kind}: plan "kids" does not leave ${kind} to the household; valid: profiles, names`,
      );
    }
    expect(said).toContain(`${at}.block: plan "kids" does not leave categories to the household`);
    expect(said).toContain('subscribers[0].log: plan "kids" does not leave log');
    const { id, devices, allow, deny, age } = anna();
    const profiles = [{ id, age, devices, allow, deny }];
    await store.applyDocument({ subscribers: [{ ...aHome(), profiles }] }, ACTOR);
  });

  test('locks categories blocked and open', async () => {
    const store = await aStoreWithPlan({ locked: ['adult'], lockedOpen: ['service:youtube'] });
    const said = await saidOf(store, [
      { id: 'anna', open: ['adult', 'court'], block: ['service:youtube'] },
      { id: 'ben', schedules: [{ target: 'service:youtube', from: '10:00', to: '11:00' }] },
    ]);
    expect(said.split('\n')).toEqual([
      'subscribers[0].profiles[0].block: plan "kids" keeps "service:youtube" open for good; valid: what it does not keep open',
      'subscribers[0].profiles[0].open: plan "kids" keeps "adult" blocked for good; valid: what it does not lock',
      'subscribers[0].profiles[0].open: "court" is blocked by law; valid: categories of other classes',
      'subscribers[0].profiles[1].schedules[0].target: plan "kids" keeps "service:youtube" open for good; valid: what it does not keep open',
    ]);
  });

  test('keeps the services of a category open with it, unless the plan itself names the service', async () => {
    const store = await aStoreWithPlan({
      block: ['service:tiktok'],
      lockedOpen: ['video'],
    });
    const target = 'service:youtube';
    const anna = {
      id: 'anna',
      block: [target, 'service:tiktok'],
      schedules: [{ target, from: '10:00', to: '11:00' }],
      budgets: [{ target, minutesPerDay: 5 }],
      deny: ['youtube.example'],
    };
    const said = await saidOf(store, [anna], { block: [target] });
    const kept = `plan "kids" keeps "${target}" open for good with the category "video"; valid: what it does not keep open`;
    expect(said.split('\n')).toEqual([
      `subscribers[0].block: ${kept}`,
      `subscribers[0].profiles[0].block: ${kept}`,
      `subscribers[0].profiles[0].schedules[0].target: ${kept}`,
      `subscribers[0].profiles[0].budgets[0].target: ${kept}`,
    ]);
  });

  test('has a least safe search and a most of what is logged', async () => {
    const safeSearch = {
      all: true,
      engines: { bing: false },
      youtube: 'moderate',
      blockUnsafe: true,
    };
    const store = await aStoreWithPlan({ safeSearch, logMax: 'counts' });
    const said = await saidOf(store, [
      {
        id: 'anna',
        safeSearch: {
          all: false,
          engines: { google: false, bing: false },
          youtube: 'off',
          blockUnsafe: false,
        },
        log: 'blocked',
      },
    ]);
    const at = 'subscribers[0].profiles[0]';
    const below = 'is below what plan "kids" asks for; valid:';
    expect(said.split('\n')).toEqual([
      `${at}.safeSearch.all: false ${below} true`,
      `${at}.safeSearch.blockUnsafe: false ${below} true`,
      `${at}.safeSearch.engines.google: false ${below} true`,
      `${at}.safeSearch.youtube: "off" ${below} moderate, strict`,
      `${at}.log: "blocked" is above what plan "kids" lets be kept; valid: nothing, counts`,
    ]);
  });

  test('has quotas for the household in all', async () => {
    const store = await aStoreWithPlan({ quotas: { profiles: 1, rules: 3, schedules: 2 } });
    const said = await saidOf(store, [anna(), { id: 'ben' }], {
      deny: ['a.example', 'b.example'],
      schedules: [{ target: 'games', from: '10:00', to: '11:00' }],
    });
    expect(said.split('\n')).toEqual([
      'subscribers[0].profiles: the household has 2 profiles, plan "kids" has room for 1; valid: 1 profiles at most in all',
      'subscribers[0]: the household has 4 rules, plan "kids" has room for 3; valid: 3 rules at most in all',
      'subscribers[0]: the household has 3 schedules, plan "kids" has room for 2; valid: 2 schedules at most in all',
    ]);
  });

  test('may become narrower than a household, which may still change other things', async () => {
    const store = await aHomeStore();
    await store.applyDocument({ plans: [{ id: 'kids', minor: true, mayChange: [] }] }, ACTOR);
    expect((await store.applyDocument(await store.exportDocument(), ACTOR)).changes).toEqual([]);
    const moved = { ...aHome(), addresses: ['192.0.2.8'] };
    await store.applyDocument({ subscribers: [moved] }, ACTOR);
    const more = { ...aHome(), deny: ['b.example'] };
    const error = await faultOf(store.applyDocument({ subscribers: [more] }, ACTOR));
    expect(error.faults).toEqual([
      'subscribers[0].deny: plan "kids" does not leave names to the household; valid: nothing',
    ]);
  });

  test('is measured anew where the household gets another', async () => {
    const store = await aHomeStore();
    await store.applyDocument({ plans: [{ id: 'strict', quotas: { profiles: 0 } }] }, ACTOR);
    const subscribers = [{ ...aHome(), plan: 'strict' }];
    const error = await faultOf(store.applyDocument({ subscribers }, ACTOR));
    expect(error.faults[0]).toContain('plan "strict" has room for 0');
  });

  test('contradicts itself in words', async () => {
    const store = await aStore();
    const plans = [
      { id: 'p', block: ['games'], lockedOpen: ['games', 'adult'], locked: ['adult'] },
      { id: 'q', log: 'all', logMax: 'counts', lockedOpen: ['nothing-such'] },
    ];
    const error = await faultOf(store.applyDocument({ ...theGround(), plans }, ACTOR));
    expect(error.faults).toEqual([
      'plans[0].lockedOpen: "games" stands in block too; valid: one of the two',
      'plans[0].lockedOpen: "adult" stands in locked too; valid: one of the two',
      'plans[1].log: "all" is above logMax; valid: nothing, counts',
      'plans[1].lockedOpen: there is no category "nothing-such"; valid: adult, court, games',
    ]);
  });
});

describe('a pool of unknown clients', () => {
  test('needs no plan of its own, but one made for children', async () => {
    const store = await aStore();
    const pool = { id: 'pool', minor: true, addresses: ['203.0.113.0/24'] };
    const none = await faultOf(store.applyDocument({ subscribers: [pool] }, ACTOR));
    expect(none.faults[0]).toContain('subscribers[0].minor: there is no plan made for children');
    const noMinor = await faultOf(store.applyDocument({ subscribers: [{ id: 'pool' }] }, ACTOR));
    expect(noMinor.faults[0]).toContain('subscribers[0]: plan is missing; valid:');
    await store.applyDocument({ ...theGround(), subscribers: [pool] }, ACTOR);
    const exported = await store.exportDocument();
    expect(exported.subscribers[0]).not.toHaveProperty('plan');
    expect((await store.applyDocument(exported, ACTOR)).changes).toEqual([]);
    const gone = await faultOf(store.remove('plan', 'kids', ACTOR));
    expect(gone.message).toContain('subscriber "pool" is a pool');
    const pruned = await faultOf(
      store.applyDocument(
        { plans: [{ id: 'open' }], subscribers: [{ ...pool, log: 'nothing' }] },
        ACTOR,
        {
          isPruning: true,
        },
      ),
    );
    expect(pruned.faults.join()).toContain('subscriber "pool" is a pool');
    const grown = await faultOf(store.applyDocument({ plans: [{ id: 'kids' }] }, ACTOR));
    expect(grown.faults[0]).toContain('subscriber "pool" is a pool');
  });
});

describe('services', () => {
  test('take a bit each, and are removed only when nobody names them', async () => {
    const store = await aHomeStore();
    const services = await store.services();
    expect([...services.values()].map(({ bit }) => bit)).toEqual([3, 4]);
    const inUse = await faultOf(store.remove('service', 'tiktok', ACTOR));
    expect(inUse.message).toContain('services "tiktok": it is used by subscriber "home-1"');
    expect((await faultOf(store.remove('category', 'games', ACTOR))).message).toContain(
      'it is used by subscriber "home-1"',
    );
    const pruned = await store.applyDocument({ services: [] }, ACTOR, { isPruning: true });
    expect(pruned.changes).toEqual([]);
    await store.applyDocument({ services: [aService('own')] }, ACTOR);
    await store.applyDocument({ services: [] }, ACTOR, { isPruning: true });
    expect([...(await store.services()).keys()]).toEqual(['tiktok', 'youtube']);
    const subscribers = [{ ...aHome(), profiles: [] }];
    await store.applyDocument({ services: [], subscribers }, ACTOR, { isPruning: true });
    expect((await store.services()).size).toBe(0);
  });

  test('with bad names or dates are refused', async () => {
    const store = await aStore();
    const services = [{ ...aService('x'), names: ['||x^'], verifiedAt: '2026-02-29' }];
    const error = await faultOf(store.applyDocument({ services }, ACTOR));
    expect(error.faults).toHaveLength(2);
    expect(error.faults[0]).toContain('services[0].verifiedAt: there is no date "2026-02-29"');
  });
});

/** Documents within what a plan without limits allows. */
const name = fc.constantFrom('a.example', 'B.example', '*.c.example', 'd.example.');
const minute = fc.tuple(fc.integer({ min: 0, max: 23 }), fc.integer({ min: 0, max: 59 }));
const clock = minute.map((parts) => parts.map((part) => String(part).padStart(2, '0')).join(':'));
const window = fc
  .tuple(clock, clock)
  .filter(([from, to]) => from !== to)
  .map(([from, to]) => ({ from, to }));
const safeSearch = fc.record(
  {
    all: fc.boolean(),
    engines: fc.dictionary(fc.constantFrom('google', 'bing'), fc.boolean()),
    youtube: fc.constantFrom('off', 'moderate', 'strict'),
    blockUnsafe: fc.boolean(),
  },
  { requiredKeys: [] },
);
const schedule = fc
  .tuple(
    window,
    fc.oneof(
      fc
        .constantFrom('internet', 'games', 'category:adult', 'service:tiktok')
        .map((target) => ({ target })),
      fc.array(name, { minLength: 1 }).map((names) => ({ target: 'names', names })),
      fc.constant({ target: 'safe-search', safeSearch: { youtube: 'strict' } }),
    ),
    fc.record(
      {
        days: fc.uniqueArray(fc.constantFrom('mon', 'wed', 'sun', 'sat'), { minLength: 1 }),
        dates: fc.array(fc.constantFrom('2028-02-29', '2027-01-01/2027-01-09'), { minLength: 1 }),
      },
      { requiredKeys: [] },
    ),
  )
  .map((parts) => Object.assign({}, ...(parts as object[])) as object);
const settings = {
  block: fc.constantFrom([], ['games'], ['games', 'adult', 'games']),
  open: fc.constantFrom([], ['service:tiktok']),
  allow: fc.array(
    fc.oneof(
      name,
      name.map((text) => ({ name: text, always: true })),
    ),
  ),
  deny: fc.array(name),
  allowListOnly: fc.boolean(),
  safeSearch,
  schedules: fc.array(schedule, { maxLength: 3 }),
  log: fc.constantFrom('nothing', 'counts', 'blocked', 'all'),
};
const profile = fc.record(
  {
    id: fc.stringMatching(/^[a-z][a-z0-9._-]{0,8}$/),
    name: fc.string({ minLength: 1, maxLength: 20 }),
    age: fc.constantFrom('6-9', '10-13', '14-16', '16-18'),
    ...settings,
    budgets: fc.uniqueArray(
      fc.record({
        target: fc.constantFrom('internet', 'category:games', 'service:tiktok'),
        minutesPerDay: fc.integer({ min: 1, max: 1439 }),
      }),
      { selector: ({ target }) => target },
    ),
  },
  { requiredKeys: ['id'] },
);
const household = fc
  .tuple(
    fc.uniqueArray(profile, { selector: ({ id }) => id, maxLength: 4 }),
    fc.record(settings, { requiredKeys: [] }),
    fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 6 }),
    fc.constantFrom('en', 'ru', 'be', 'pl', 'de', undefined),
  )
  .map(([profiles, own, devices, language]) => ({
    id: 'home-1',
    plan: 'kids',
    ...(language === undefined ? {} : { language }),
    ...own,
    profiles: profiles.map((one, index) => ({
      ...one,
      devices: [...new Set(devices)].map((device) => ({
        mac: `02-00-5E-0${index}-${(device >> 8).toString(16).padStart(2, '0')}-${(device & 255).toString(16).padStart(2, '0')}`,
      })),
    })),
    ...(profiles[0] === undefined ? {} : { defaultProfile: profiles[0].id }),
  }));

test('apply(export()) changes nothing, whatever the households are', async () => {
  const store = await aStore();
  await store.applyDocument(theGround(), ACTOR);
  await fc.assert(
    fc.asyncProperty(household, household, async (one, two) => {
      const subscribers = [one, { ...two, id: 'home-2' }];
      await store.applyDocument({ subscribers }, ACTOR, { isPruning: true });
      const exported = await store.exportDocument();
      expect((await store.applyDocument(exported, ACTOR, { isPruning: true })).changes).toEqual([]);
      expect((await store.applyDocument({ subscribers }, ACTOR)).changes).toEqual([]);
      expect(exported.subscribers).toHaveLength(2);
    }),
    { numRuns: 60 },
  );
  expect((await store.verifyAudit()).isIntact).toBe(true);
});
