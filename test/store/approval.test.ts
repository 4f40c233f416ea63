import { describe, expect, test } from 'vitest';
import type { Store } from '../../src/store/store.ts';
import { aHome, anna, aStoreWithHome, faultOf } from './a-household.ts';
import { ACTOR, aStore } from './support.ts';

const ANNA = { subscriber: 'home-1', profile: 'anna' };
const HOUSE = { subscriber: 'home-1' };

/** Anna has these settings, in a household that has those. */
async function aHouseWith(profile: object, household: object = {}): Promise<Store> {
  const store = await aStoreWithHome(await aStore());
  const profiles = [{ id: 'anna', ...profile }, { id: 'ben' }];
  await store.applyDocument({ subscribers: [{ ...aHome(), ...household, profiles }] }, ACTOR);
  return store;
}

async function always(
  store: Store,
  asked: { target: string; names?: string[] },
  whose: typeof HOUSE,
) {
  const { request } = await store.households.request({ ...whose, ...asked }, ACTOR);
  return store.households.answerRequest(request.id, { answer: 'always' }, ACTOR);
}

async function refusal(
  store: Store,
  asked: { target: string; names?: string[] },
  whose: typeof HOUSE = ANNA,
): Promise<readonly string[]> {
  const { revision } = store;
  const { faults } = await faultOf(always(store, asked, whose));
  expect(store.revision, 'nothing is changed').toBe(revision);
  expect(
    await store.households.requests({ state: 'open' }),
    'and it can be answered still',
  ).toHaveLength(1);
  return faults;
}

async function homeOf(store: Store) {
  const home = (await store.subscriber('home-1'))?.record;
  const [child, other] = home?.profiles ?? [];
  return { home, anna: child, ben: other };
}

const TIKTOK = { target: 'service:tiktok' };
const WEEKEND = { target: 'service:tiktok', days: ['sat', 'sun'], from: '00:00', to: '10:00' };

describe('"always" is refused with the reason where it would open nothing:', () => {
  test('a schedule of the profile blocks the very same', async () => {
    const store = await aHouseWith({ schedules: [WEEKEND] });
    expect(await refusal(store, TIKTOK)).toEqual([
      'answer: "always" would not open service:tiktok: a schedule of profile "anna" blocks it sat, sun 00:00 to 10:00; valid: approve for a time, or change that setting',
    ]);
    await always(store, { target: 'games' }, ANNA);
    expect((await homeOf(store)).anna?.open, 'another category').toEqual(['games']);
  });

  test('the schedule is the household’s, or the plan’s, and the profile has none of its own', async () => {
    const daily = { target: 'games', from: '08:00', to: '16:00' };
    const household = await aHouseWith({}, { schedules: [daily] });
    expect((await refusal(household, { target: 'games' }))[0]).toContain(
      'a schedule of profile "anna" blocks it daily 08:00 to 16:00',
    );
    const plan = await aHouseWith({});
    await plan.applyDocument({ plans: [{ id: 'kids', minor: true, schedules: [daily] }] }, ACTOR);
    expect(await refusal(plan, { target: 'games' })).toHaveLength(1);
    const own = await aHouseWith({ schedules: [] }, { schedules: [daily] });
    await always(own, { target: 'games' }, ANNA);
    expect((await homeOf(own)).anna?.open).toEqual(['games']);
  });

  test('a schedule denies the name, and a longer one than that is open all the same', async () => {
    const names = ['chat.example', 'zoo.example'];
    const store = await aHouseWith({ schedules: [{ ...WEEKEND, target: 'names', names }] });
    const [fault] = await refusal(store, { target: 'names', names: ['zoo.example'] });
    expect(fault).toContain('would not open zoo.example: a schedule of profile "anna"');
    await always(store, { target: 'names', names: ['lions.zoo.example'] }, ANNA);
    expect((await homeOf(store)).anna?.allow).toEqual(['lions.zoo.example']);
  });

  test('a budget counts its minutes', async () => {
    const budgets = [{ target: 'service:youtube', minutesPerDay: 60 }];
    const store = await aHouseWith({ budgets });
    expect((await refusal(store, { target: 'service:youtube' }))[0]).toContain(
      'profile "anna" has a budget of 60 minutes a day for it',
    );
  });

  test('the profile opens allowed names only, itself or by its household', async () => {
    for (const store of [
      await aHouseWith({ allowListOnly: true }),
      await aHouseWith({}, { allowListOnly: true }),
    ]) {
      const [fault] = await refusal(store, { target: 'games' });
      expect(fault).toContain('profile "anna" opens nothing but allowed names');
      await always(store, { target: 'names', names: ['zoo.example'] }, ANNA);
    }
  });

  test('it is for the household, and a schedule of one profile is in its way', async () => {
    const store = await aHouseWith({ schedules: [WEEKEND] });
    expect(await refusal(store, TIKTOK, HOUSE)).toHaveLength(1);
  });
});

test('bedtime does not stand in the way: a parent expects it to stay', async () => {
  const store = await aHouseWith({ schedules: [anna().schedules[0]] });
  await always(store, { target: 'names', names: ['chat.example'] }, ANNA);
  expect((await homeOf(store)).anna).toMatchObject({
    allow: ['chat.example'],
    schedules: [{ target: 'internet' }],
  });
});

describe('"always" for the household', () => {
  test('opens it in profiles that an age or their own setting would keep from it', async () => {
    const store = await aHouseWith({ age: '6-9' }, { block: ['games'] });
    await always(store, { target: 'games' }, HOUSE);
    const { home, anna: child, ben } = await homeOf(store);
    expect(home?.open).toEqual(['games']);
    expect(home).not.toHaveProperty('block');
    expect(child).toMatchObject({ age: '6-9', open: ['games'] });
    expect(ben, 'who says nothing has what the household has').toEqual({ id: 'ben' });
  });

  test('takes the name from the deny lists that hold it', async () => {
    const store = await aHouseWith({ deny: ['chat.example', 'other.example'] });
    await always(store, { target: 'names', names: ['chat.example'] }, HOUSE);
    const { home, anna: child, ben } = await homeOf(store);
    expect(home?.allow).toEqual(['chat.example']);
    expect(child).toMatchObject({ allow: ['chat.example'], deny: ['other.example'] });
    expect(ben).toEqual({ id: 'ben' });
  });
});
