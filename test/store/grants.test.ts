import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { AnswerLinks } from '../../src/store/answer-link.ts';
import { budgetKey } from '../../src/store/compile-households.ts';
import type { Store } from '../../src/store/store.ts';
import { aHome, anna, aStoreWithHome, faultOf, theGround } from './a-household.ts';
import { ACTOR, aDataFolder, aStore } from './support.ts';

const NOW = 1_800_000_000;
const OWNER = { subscriber: 'home-1', profile: 'anna' };

interface TimedStore {
  readonly store: Store;
  readonly wait: (seconds: number) => void;
}

async function aTimedStore(dataDir = aDataFolder()): Promise<TimedStore> {
  let nowMs = NOW * 1000;
  const store = await aStore(dataDir, { monotonicMs: () => nowMs, wallMs: () => nowMs });
  await aStoreWithHome(store);
  const wait = (seconds: number): void => {
    nowMs += seconds * 1000;
  };
  return { store, wait };
}

async function newestAudit(store: Store) {
  const [row] = await store.auditPage({ before: null, limit: 1 });
  return { ...row, after: JSON.parse(row?.after ?? 'null') as unknown };
}

describe('a grant', () => {
  test('has a target, an end, a reason and an author, and makes a revision that is audited', async () => {
    const { store } = await aTimedStore();
    const before = store.revision;
    const document = { ...OWNER, target: 'service:youtube', minutes: 60, why: 'homework done' };
    const { grant, revision } = await store.households.grant(document, ACTOR);
    expect(revision).toBe(before + 1);
    expect(store.revision).toBe(revision);
    expect(grant).toMatchObject({
      ...OWNER,
      kind: 'grant',
      target: 'service:youtube',
      from: NOW,
      until: NOW + 3600,
      why: 'homework done',
      who: 'tester',
    });
    expect(await newestAudit(store)).toMatchObject({ kind: 'grant', revision, after: grant });
    expect(await store.households.grants({ subscriber: 'home-1' })).toEqual([grant]);
  });

  test('survives a restart, ends on time, and is swept without a trace in the policy', async () => {
    const { store, wait } = await aTimedStore();
    const names = ['Zoo.Example'];
    const { grant } = await store.households.grant(
      { subscriber: 'home-1', target: 'names', names, until: NOW + 60 },
      ACTOR,
    );
    expect(grant).toMatchObject({ profile: null, names: ['zoo.example'] });
    await store.close();
    const reopened = await aStore(store.dataDir, {
      monotonicMs: () => 0,
      wallMs: () => (NOW + 59) * 1000,
    });
    expect(await reopened.households.grants()).toEqual([grant]);
    await reopened.close();
    wait(60);
    const later = await aStore(store.dataDir, {
      monotonicMs: () => 0,
      wallMs: () => (NOW + 60) * 1000,
    });
    expect(await later.households.grants()).toEqual([]);
    const { revision } = later;
    expect(await later.sweepEnded()).toBe(0);
    await later.close();
    const nextDay = await aStore(store.dataDir, {
      monotonicMs: () => 0,
      wallMs: () => (NOW + 60 + 86_400) * 1000,
    });
    expect(await nextDay.sweepEnded()).toBe(1);
    expect(await nextDay.sweepEnded()).toBe(0);
    expect(nextDay.revision).toBe(revision);
  });

  test('is swept even where contents of lists cannot be', async () => {
    const { store, wait } = await aTimedStore();
    await store.households.grant({ ...OWNER, target: 'games', minutes: 60 }, ACTOR);
    wait(3600 + 86_400);
    vi.spyOn(store.contents, 'removeUnused').mockRejectedValueOnce(new Error('EACCES'));
    await expect(store.sweepEnded()).rejects.toThrow('EACCES');
    expect(await store.sweepEnded(), 'of what had ended').toBe(0);
  });

  test('is there again when a clock that leapt ahead is set back', async () => {
    const { store, wait } = await aTimedStore();
    const { grant } = await store.households.grant(
      { ...OWNER, target: 'games', minutes: 60 },
      ACTOR,
    );
    const { grant: pause } = await store.households.pause({ ...OWNER, minutes: 90 }, ACTOR);
    wait(86_000);
    await store.sweepEnded();
    expect(await store.households.grants()).toEqual([]);
    wait(-86_000);
    expect(await store.households.grants()).toEqual([grant, pause]);
    const { households } = await store.readCompileInput();
    expect(households.grants).toHaveLength(2);
  });

  test('is ended early, once', async () => {
    const { store } = await aTimedStore();
    const { grant } = await store.households.grant(
      { ...OWNER, target: 'games', minutes: 5 },
      ACTOR,
    );
    const ended = await store.households.endGrant(grant.id, ACTOR);
    expect(ended.grant).toEqual(grant);
    expect(await store.households.grants()).toEqual([]);
    expect((await faultOf(store.households.endGrant(grant.id, ACTOR))).code).toBe(
      'RESOURCE_UNKNOWN',
    );
  });

  test('of what the plan locks, what the law blocks or what is not there is refused with the reason', async () => {
    const { store } = await aTimedStore();
    const plans = [{ id: 'kids', minor: true, locked: ['adult'] }];
    await store.applyDocument({ plans }, ACTOR);
    const { revision } = store;
    const said = async (document: object): Promise<string> =>
      (
        await faultOf(
          store.households.grant({ ...OWNER, target: 'internet', minutes: 5, ...document }, ACTOR),
        )
      ).faults.join('\n');
    expect(await said({ target: 'adult' })).toBe(
      'target: plan "kids" keeps "adult" blocked for good; valid: what it does not lock',
    );
    expect(await said({ target: 'court' })).toContain('"court" is blocked by law');
    expect(await said({ target: 'service:nope' })).toContain('there is no service "nope"; valid:');
    expect(await said({ target: 'safe-search' })).toContain('is no target; valid: internet');
    expect(await said({ target: 'names' })).toContain('names: target names needs the names');
    expect(await said({ names: ['a.example'] })).toContain('names: it goes with target names only');
    expect(await said({ minutes: undefined })).toContain('until: valid: one of until');
    expect(await said({ until: NOW + 9 })).toContain('until: valid: one of until');
    expect(await said({ minutes: undefined, until: NOW })).toContain(
      'until: 1800000000 gives an end',
    );
    expect(await said({ minutes: 32 * 24 * 60 })).toContain('within 31 days');
    const stranger = store.households.grant(
      { ...OWNER, profile: 'bob', target: 'games', minutes: 5 },
      ACTOR,
    );
    expect((await faultOf(stranger)).message).toContain(
      'no profile "bob" of subscriber "home-1"; valid: anna',
    );
    expect(store.revision).toBe(revision);
  });

  test('is refused where the plan does not leave grants to the household', async () => {
    const { store } = await aTimedStore();
    await store.applyDocument(
      { plans: [{ id: 'kids', minor: true, mayChange: ['names'] }] },
      ACTOR,
    );
    const fault = 'plan "kids" does not leave grants to the household; valid: names';
    const asked = { ...OWNER, target: 'games' };
    for (const work of [
      store.households.grant({ ...asked, minutes: 5 }, ACTOR),
      store.households.pause({ ...OWNER, minutes: 5 }, ACTOR),
      store.households.request(asked, ACTOR),
    ]) {
      expect((await faultOf(work)).faults).toEqual([fault]);
    }
  });

  test('asked for twice with one Idempotency-Key is one grant', async () => {
    const { store } = await aTimedStore();
    const context = { ...ACTOR, idempotency: { key: 'k', digest: 'd' } };
    const document = { ...OWNER, target: 'games', minutes: 5 };
    const first = await store.households.grant(document, context);
    expect(await store.households.grant(document, context)).toEqual(first);
    expect(await store.households.grants()).toHaveLength(1);
  });

  test('goes with its profile, and a document does not touch it', async () => {
    const { store } = await aTimedStore();
    await store.households.grant({ ...OWNER, target: 'games', minutes: 5 }, ACTOR);
    await store.applyDocument(await store.exportDocument(), ACTOR, { isPruning: true });
    const changed = { ...aHome(), profiles: [{ id: 'anna' }] };
    await store.applyDocument({ subscribers: [changed] }, ACTOR);
    expect(await store.households.grants()).toHaveLength(1);
    await store.applyDocument({ subscribers: [{ ...aHome(), profiles: [] }] }, ACTOR);
    expect(await store.households.grants()).toEqual([]);
  });

  test('is one of a hundred that a household can have at a time', async () => {
    const { store } = await aTimedStore();
    for (let count = 0; count < 100; count++) {
      await store.households.grant({ ...OWNER, target: 'games', minutes: 5 }, ACTOR);
    }
    const error = await faultOf(
      store.households.grant({ ...OWNER, target: 'games', minutes: 5 }, ACTOR),
    );
    expect(error.faults[0]).toContain('100 grants are running');
  });
});

describe('a pause', () => {
  test('begins now and is about the internet', async () => {
    const { store } = await aTimedStore();
    const now = await store.households.pause({ ...OWNER, minutes: 10 }, ACTOR);
    expect(now.grant).toMatchObject({
      kind: 'pause',
      target: 'internet',
      from: NOW,
      until: NOW + 600,
    });
    expect(now).toMatchObject({ ended: [], goingOn: 0 });
  });

  test('is the newest word: it ends grants of the internet of its profiles, each audited', async () => {
    const { store } = await aTimedStore();
    const profiles = [anna(), { id: 'ben' }];
    await store.applyDocument({ subscribers: [{ ...aHome(), profiles }] }, ACTOR);
    const grant = async (profile: string | null, target: string) => {
      const owner = { subscriber: 'home-1', ...(profile === null ? {} : { profile }) };
      return (await store.households.grant({ ...owner, target, minutes: 60 }, ACTOR)).grant;
    };
    const annas = await grant('anna', 'internet');
    const everybodys = await grant(null, 'internet');
    const bens = await grant('ben', 'internet');
    const homework = await grant('anna', 'service:youtube');
    const pause = await store.households.pause({ ...OWNER, minutes: 30 }, ACTOR);
    expect(pause.ended.map(({ id }) => id).sort()).toEqual([annas.id, everybodys.id].sort());
    expect(pause.goingOn).toBe(1);
    const running = (await store.households.grants()).map(({ id }) => id);
    expect(running.sort()).toEqual([pause.grant.id, bens.id, homework.id].sort());
    const audited = await store.auditPage({ before: null, limit: 3 });
    expect(audited.map(({ action, kind, revision }) => [action, kind, revision])).toEqual([
      ['create', 'pause', pause.revision],
      ['delete', 'grant', pause.revision],
      ['delete', 'grant', pause.revision],
    ]);
    const later = await grant('anna', 'internet');
    expect((await store.households.grants()).map(({ id }) => id)).toContain(later.id);
    const ofAll = await store.households.pause({ subscriber: 'home-1', minutes: 30 }, ACTOR);
    expect([ofAll.ended.length, ofAll.goingOn]).toEqual([2, 1]);
  });

  test('has room however many grants are running', async () => {
    const { store } = await aTimedStore();
    for (let count = 0; count < 100; count++) {
      await store.households.grant({ ...OWNER, target: 'internet', minutes: 5 }, ACTOR);
    }
    expect((await store.households.pause({ ...OWNER, minutes: 5 }, ACTOR)).ended).toHaveLength(100);
    for (let count = 1; count < 100; count++)
      await store.households.pause({ ...OWNER, minutes: 5 }, ACTOR);
    const error = await faultOf(store.households.pause({ ...OWNER, minutes: 5 }, ACTOR));
    expect(error.faults[0]).toContain('100 pauses are running');
  });
});

describe('a request', () => {
  const asked = { ...OWNER, target: 'service:youtube', message: 'all the others may' };

  test('is open until it is answered for a time, which makes a grant', async () => {
    const { store } = await aTimedStore();
    const { request } = await store.households.request(asked, { actor: 'child' });
    expect(request).toMatchObject({ ...asked, state: 'open', createdAt: NOW });
    expect(await store.households.requests({ state: 'open' })).toEqual([request]);
    const answered = await store.households.answerRequest(
      request.id,
      { answer: 'approve', minutes: 30 },
      ACTOR,
    );
    expect(answered.grant).toMatchObject({
      ...OWNER,
      target: 'service:youtube',
      until: NOW + 1800,
    });
    expect(answered.request).toMatchObject({
      state: 'approved',
      answeredBy: 'tester',
      answeredAt: NOW,
      grant: answered.grant?.id,
    });
    expect(answered.revision).toBe(store.revision);
    expect(await store.households.requests({ state: 'open' })).toEqual([]);
    const again = store.households.answerRequest(request.id, { answer: 'deny' }, ACTOR);
    const error = await faultOf(again);
    expect([error.code, error.message]).toEqual([
      'REQUEST_ANSWERED',
      expect.stringContaining('tester has approved it already'),
    ]);
    expect((await store.verifyAudit()).isIntact).toBe(true);
  });

  test('that is denied changes nothing', async () => {
    const { store } = await aTimedStore();
    const { request } = await store.households.request(asked, ACTOR);
    const answered = await store.households.answerRequest(request.id, { answer: 'deny' }, ACTOR);
    expect(answered).toMatchObject({ grant: null, request: { state: 'denied' } });
    expect(await store.households.grants()).toEqual([]);
  });

  test('that is approved for always becomes a setting of the profile', async () => {
    const { store } = await aTimedStore();
    const names = ['chat.example', 'zoo.example'];
    const byName = await store.households.request({ ...OWNER, target: 'names', names }, ACTOR);
    await store.households.answerRequest(byName.request.id, { answer: 'always' }, ACTOR);
    const byCategory = await store.households.request({ ...OWNER, target: 'games' }, ACTOR);
    const { revision } = await store.households.answerRequest(
      byCategory.request.id,
      { answer: 'always' },
      ACTOR,
    );
    const home = await store.subscriber('home-1');
    const anna = home?.record.profiles?.[0];
    expect(anna?.allow).toEqual([
      'chat.example',
      { name: 'school.example', always: true },
      'zoo.example',
    ]);
    expect(anna).not.toHaveProperty('deny');
    expect(anna).not.toHaveProperty('block');
    expect(anna?.open).toEqual(['games']);
    expect(home?.revision).toBe(revision);
    const internet = await store.households.request({ ...OWNER, target: 'internet' }, ACTOR);
    const never = store.households.answerRequest(internet.request.id, { answer: 'always' }, ACTOR);
    expect((await faultOf(never)).faults[0]).toContain('"always" does not go with internet');
  });

  test('that is asked again while it is open is the same one', async () => {
    const { store } = await aTimedStore();
    const first = await store.households.request(asked, ACTOR);
    expect(await store.households.request(asked, ACTOR)).toEqual(first);
  });

  test('is one of twenty of a profile, and of fifty of a household', async () => {
    const { store } = await aTimedStore();
    const profiles = [anna(), { id: 'ben' }, { id: 'max' }];
    await store.applyDocument({ subscribers: [{ ...aHome(), profiles }] }, ACTOR);
    const request = (owner: object, count: number) =>
      store.households.request(
        { subscriber: 'home-1', target: 'names', names: [`n${count}.example`], ...owner },
        ACTOR,
      );
    for (let count = 0; count < 20; count++) await request({ profile: 'anna' }, count);
    const annas = await faultOf(request({ profile: 'anna' }, 20));
    expect(annas.faults[0]).toContain('20 requests of profile "anna" are open');
    for (let count = 0; count < 20; count++) await request({}, count);
    expect((await faultOf(request({}, 20))).faults[0]).toContain('20 requests of no profile');
    for (let count = 0; count < 10; count++) await request({ profile: 'ben' }, count);
    const maxs = await faultOf(request({ profile: 'max' }, 0));
    expect(maxs.faults[0]).toContain('50 requests of the household are open');
  });

  test('is answered by one of two parents only', async () => {
    const { store } = await aTimedStore();
    const { request } = await store.households.request(asked, ACTOR);
    const answers = await Promise.allSettled([
      store.households.answerRequest(
        request.id,
        { answer: 'approve', minutes: 5 },
        { actor: 'one' },
      ),
      store.households.answerRequest(request.id, { answer: 'deny' }, { actor: 'two' }),
    ]);
    expect(answers.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    expect(await store.households.grants()).toHaveLength(1);
  });

  test('of a household without a plan made narrower meanwhile is approved in vain', async () => {
    const { store } = await aTimedStore();
    const { request } = await store.households.request({ ...OWNER, target: 'games' }, ACTOR);
    const plans = [{ id: 'kids', minor: true, locked: ['games'] }];
    const subscribers = [{ ...aHome(), profiles: [{ id: 'anna' }] }];
    await store.applyDocument({ plans, subscribers }, ACTOR);
    const late = store.households.answerRequest(
      request.id,
      { answer: 'approve', minutes: 5 },
      ACTOR,
    );
    expect((await faultOf(late)).faults[0]).toContain('keeps "games" blocked for good');
    expect(await store.households.requests({ state: 'open' })).toHaveLength(1);
  });

  test('is in the audit log without the words of the child', async () => {
    const { store } = await aTimedStore();
    const { request } = await store.households.request(asked, ACTOR);
    await store.households.answerRequest(request.id, { answer: 'deny' }, ACTOR);
    const audit = await store.auditPage({ before: null, limit: 10 });
    expect(audit.filter(({ kind }) => kind === 'request')).toHaveLength(2);
    expect(JSON.stringify(audit)).not.toContain('all the others may');
  });

  test('is forgotten after a month', async () => {
    const { store, wait } = await aTimedStore();
    await store.households.request(asked, ACTOR);
    wait(31 * 86_400);
    expect(await store.sweepEnded()).toBe(1);
    expect(await store.households.requests()).toEqual([]);
  });
});

describe('minutes of budgets', () => {
  async function annaOf(store: Store): Promise<number> {
    const row = await store.db.selectFrom('profiles').select('number').executeTakeFirstOrThrow();
    return row.number;
  }

  function minutesFrom(from: number, count: number): Uint8Array {
    const minutes = new Uint8Array(180);
    for (let minute = from; minute < from + count; minute++) {
      minutes[minute >> 3] = (minutes[minute >> 3] ?? 0) | (1 << (minute & 7));
    }
    return minutes;
  }

  test('are kept by profile, target and day, and make no revision', async () => {
    const { store } = await aTimedStore();
    const profile = await annaOf(store);
    const { revision } = store;
    const day = { profile, target: 'service:youtube', day: 20_833, minutes: minutesFrom(0, 5) };
    await store.budgetDays.save([day, { ...day, profile: 999 }]);
    expect(await store.budgetDays.load(profile, 'service:youtube', 20_833)).toEqual({
      minutes: Buffer.from(day.minutes),
      usedUpLimit: null,
    });
    expect(await store.budgetDays.load(profile, 'service:youtube', 20_834)).toBeNull();
    await store.budgetDays.save([{ ...day, minutes: minutesFrom(0, 9) }]);
    expect(await store.budgetDays.count([profile, 999])).toBe(1);
    await store.budgetDays.remove([profile]);
    expect(await store.budgetDays.count([profile])).toBe(0);
    expect(store.revision).toBe(revision);
  });

  test('that are used up are noted once, with a revision, whatever is saved later', async () => {
    const { store } = await aTimedStore();
    const profile = await annaOf(store);
    const budget = { profile, target: 'service:youtube', day: 20_833 };
    const { revision } = await store.households.noteUsedUp(budget, { actor: 'budget' });
    expect(await newestAudit(store)).toMatchObject({
      revision,
      action: 'used-up',
      resource: 'home-1/anna',
      after: { target: 'service:youtube', minutesPerDay: 60 },
    });
    await store.budgetDays.save([{ ...budget, minutes: minutesFrom(0, 60) }]);
    expect((await store.households.noteUsedUp(budget, { actor: 'budget' })).revision).toBe(
      revision,
    );
    expect(store.revision).toBe(revision);
    for (const other of [
      { ...budget, target: 'internet' },
      { ...budget, profile: 999 },
    ]) {
      await store.households.noteUsedUp(other, { actor: 'budget' });
    }
    expect(store.revision).toBe(revision);
  });

  test('that are forgotten leave a budget of today used up until the day is over', async () => {
    const { store, wait } = await aTimedStore();
    const profile = await annaOf(store);
    const target = 'service:youtube';
    const today = Math.floor(NOW / 86_400);
    for (const day of [today, today - 2]) {
      await store.budgetDays.save([{ profile, target, day, minutes: minutesFrom(0, 60) }]);
      await store.households.noteUsedUp({ profile, target, day }, ACTOR);
    }
    await store.budgetDays.save([
      { profile, target: 'internet', day: today, minutes: minutesFrom(0, 9) },
    ]);
    expect(await store.budgetDays.count([profile])).toBe(3);
    await store.budgetDays.remove([profile]);
    expect(await store.budgetDays.count([profile])).toBe(0);
    const { usedMinutes } = (await store.readCompileInput()).households;
    expect([...usedMinutes]).toEqual([[budgetKey(profile, target, today), 60]]);
    expect(await store.budgetDays.load(profile, target, today)).toEqual({
      minutes: Buffer.alloc(180),
      usedUpLimit: 60,
    });
    wait(2 * 86_400);
    expect(await store.sweepEnded(), 'and no longer').toBe(1);
  });

  test('are swept when nobody can ask for them any more', async () => {
    const { store, wait } = await aTimedStore();
    const profile = await annaOf(store);
    const day = Math.floor(NOW / 86_400);
    const target = 'service:youtube';
    await store.budgetDays.save([{ profile, target, day, minutes: minutesFrom(0, 5) }]);
    expect(await store.sweepEnded()).toBe(0);
    wait(5 * 86_400);
    expect(await store.sweepEnded()).toBe(1);
  });
});

describe('a link that answers', () => {
  test('carries its answer, for a day', () => {
    const links = new AnswerLinks(Buffer.alloc(32, 7));
    const token = links.sign('abc', 'approve', 60, NOW);
    const answer = { answer: 'approve', minutes: 60 };
    expect(links.verify(token, NOW + 86_399)).toEqual({ request: 'abc', answer });
    expect(() => links.verify(token, NOW + 86_400)).toThrow(/it has ended/);
    const deny = links.sign('abc', 'deny', 0, NOW, 60);
    expect(links.verify(deny, NOW)).toEqual({ request: 'abc', answer: { answer: 'deny' } });
    expect(() => links.verify(deny, NOW + 60)).toThrow(/it has ended/);
  });

  test('that somebody changed or another key signed is nobody’s', () => {
    const links = new AnswerLinks(Buffer.alloc(32, 7));
    const token = links.sign('abc', 'deny', 0, NOW);
    const forged = [
      token.replace('deny', 'always'),
      token.replace('abc', 'abd'),
      token.replace(String(NOW + 86_400), String(NOW + 186_400)),
      `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}A`,
      token.slice(0, token.lastIndexOf('.')),
      new AnswerLinks(Buffer.alloc(32, 8)).sign('abc', 'deny', 0, NOW),
      '',
      '.',
      'abc.deny.0',
    ];
    for (const text of forged)
      expect(() => links.verify(text, NOW)).toThrow(/nobody here has signed/);
  });

  test('has a key that only this user can read and that lasts', () => {
    const dataDir = aDataFolder();
    const token = AnswerLinks.load(dataDir).sign('abc', 'always', 0, NOW);
    const path = join(dataDir, 'answer-link.key');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readFileSync(path, 'utf8')).toMatch(/^[0-9a-f]{64}\n$/);
    expect(AnswerLinks.load(dataDir).verify(token, NOW).request).toBe('abc');
    writeFileSync(path, 'short');
    expect(() => AnswerLinks.load(dataDir)).toThrow(/must hold 64 hexadecimal digits/);
  });
});

test('a household of a pool is measured by the safest plan', async () => {
  const store = await aStore();
  await store.applyDocument(
    {
      ...theGround(),
      plans: [
        { id: 'a', minor: true, block: ['games'] },
        { id: 'b', minor: true, locked: ['games', 'adult'] },
        { id: 'c', block: ['games', 'adult', 'service:tiktok'] },
      ],
      subscribers: [{ id: 'pool', minor: true }],
    },
    ACTOR,
  );
  const grant = store.households.grant({ subscriber: 'pool', target: 'games', minutes: 5 }, ACTOR);
  expect((await faultOf(grant)).faults[0]).toContain('plan "b" keeps "games" blocked');
});
