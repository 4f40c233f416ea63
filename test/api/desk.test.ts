/** The over-blocking desk over HTTP: strangers on one side, editors on the other. */

import type { InjectOptions } from 'fastify';
import { describe, expect, test, vi } from 'vitest';
import { CONFIG_DEFAULTS } from '../../src/config/defaults.ts';
import { AppError } from '../../src/lib/errors.ts';
import { manyNames, namesContent } from '../store/fake-inspector.ts';
import { aHouse, type Answer, type ApiUnderTest, bearerOf, TestClock } from './support.ts';

const DESK = { ...CONFIG_DEFAULTS.desk, enabled: true, plan: 'kids' };
const CHECK = '/api/v1/desk/check';
const OWN = '/api/v1/desk/appeals';
const APPEALS = '/api/v1/appeals';
const HOSTILE = '<script>alert(1)</script>\n\u001b[2J\u202e"; drop table appeals; --\u0000';

interface Desk extends ApiUnderTest {
  readonly clock: TestClock;
  /** As a stranger: no token, any host name. */
  readonly visit: (method: string, url: string, body?: object, from?: string) => Promise<Answer>;
  readonly appeal: (over?: object) => Promise<string>;
}

async function aDesk(over: Partial<typeof DESK> = {}): Promise<Desk> {
  const clock = new TestClock();
  const house = await aHouse(clock, { ...DESK, ...over });
  const { blockedBy, listsOf } = house.controlPlane;
  blockedBy.set('shop.example', { category: 'adult', verdictClass: 'policy' });
  blockedBy.set('court.example', { category: 'court', verdictClass: 'law' });
  blockedBy.set('own.example', { category: null, verdictClass: 'policy' });
  blockedBy.set('clips.example', { category: 'service:clips', verdictClass: 'policy' });
  listsOf.set('adult', ['adult-a']);
  const visit: Desk['visit'] = (method, url, body, from = '192.0.2.1') =>
    house.api.inject({
      method: method as 'GET',
      url,
      remoteAddress: from,
      headers: { host: 'desk.example.net' },
      ...(body === undefined ? {} : { payload: body }),
    } satisfies InjectOptions);
  const appeal = async (body: object = {}): Promise<string> => {
    const made = await visit('POST', OWN, { name: 'shop.example', ...body });
    expect([made.statusCode, made.body]).toEqual([201, expect.anything()]);
    return made.json<{ id: string }>().id;
  };
  return { ...house, clock, visit, appeal };
}

function itemsOf(answer: Answer): Record<string, unknown>[] {
  return answer.json<{ items: Record<string, unknown>[] }>().items;
}

describe('asking', () => {
  test('there is no desk unless the configuration says so', async () => {
    const { api } = await aHouse();
    const options = { method: 'GET', url: `${CHECK}?name=shop.example` } as const;
    const answer = await api.inject({ ...options, headers: { host: 'localhost' } });
    expect(answer.statusCode).toBe(401);
    const off = await aDesk({ enabled: false });
    expect((await off.ask('GET', `${CHECK}?name=shop.example`)).statusCode).toBe(404);
  });

  test('anybody is told whether a name is blocked, and why', async () => {
    const { visit } = await aDesk();
    const open = await visit('GET', `${CHECK}?name=Open.Example.`);
    expect(open.json()).toEqual({
      name: 'open.example',
      isBlocked: false,
      verdictClass: 'none',
      category: null,
      reason: 'It is not blocked.',
      canAppeal: false,
    });
    const blocked = await visit('GET', `${CHECK}?name=shop.example`);
    expect(blocked.json()).toEqual({
      name: 'shop.example',
      isBlocked: true,
      verdictClass: 'policy',
      category: { id: 'adult', title: 'Adult' },
      reason: 'It is in a list of the category Adult.',
      canAppeal: true,
    });
    expect(blocked.headers['cache-control']).toBe('no-store');
    const own = await visit('GET', `${CHECK}?name=own.example`);
    expect(own.json()).toMatchObject({ isBlocked: true, category: null, canAppeal: false });
    const service = await visit('GET', `${CHECK}?name=clips.example`);
    expect(service.json()).toMatchObject({ isBlocked: true, canAppeal: false });
  });

  test('of what the law blocks only the class is told, and no appeal is taken', async () => {
    const { visit, store } = await aDesk();
    const answer = await visit('GET', `${CHECK}?name=court.example`);
    expect(answer.json()).toMatchObject({ verdictClass: 'law', category: null, canAppeal: false });
    expect(answer.body).not.toMatch(/court(?!\.example)/);
    const refused = await visit('POST', OWN, { name: 'court.example', message: 'let me' });
    expect(refused.json()).toMatchObject({ status: 409, code: 'APPEAL_IMPOSSIBLE' });
    expect(await store.appeals.all()).toEqual([]);
  });

  test('what is no name is refused, and comes back quoted and cut', async () => {
    const { visit } = await aDesk();
    for (const name of [HOSTILE, '||x.example^', 'a..b', '', 'x'.repeat(2_000), '1.2.3.4']) {
      const answer = await visit('GET', `${CHECK}?name=${encodeURIComponent(name)}`);
      expect([name, answer.statusCode]).toEqual([name, 400]);
      expect(answer.headers['content-type']).toContain('application/problem+json');
      expect(answer.body.length).toBeLessThan(1_000);
      expect(answer.body).not.toMatch(/[\u0000\u001b\n]/);
    }
  });

  test('an unknown plan is the operator’s fault, and its id stays here', async () => {
    const { visit } = await aDesk({ plan: 'none' });
    const answer = await visit('GET', `${CHECK}?name=shop.example`);
    expect(answer.json()).toMatchObject({ status: 503, code: 'DESK_UNAVAILABLE' });
    expect(answer.body).not.toContain('none');
  });

  test('too many questions of one address, and of all, wait; both are counted', async () => {
    const { visit, ask } = await aDesk({ perAddressPerMinute: 2, perMinute: 5 });
    const from = (address: string): Promise<Answer> =>
      visit('GET', `${CHECK}?name=shop.example`, undefined, address);
    expect((await from('192.0.2.1')).statusCode).toBe(200);
    expect((await from('192.0.2.1')).statusCode).toBe(200);
    const limited = await from('192.0.2.1');
    expect(limited.json()).toMatchObject({ status: 429, code: 'DESK_LIMITED' });
    expect(Number(limited.headers['retry-after'])).toBe(60);
    // A client can take any address of its /64.
    expect((await from('2001:db8::1')).statusCode).toBe(200);
    expect((await from('2001:db8::2')).statusCode).toBe(200);
    expect((await from('2001:db8::3')).statusCode).toBe(429);
    expect((await from('192.0.2.2')).statusCode).toBe(200);
    expect((await from('192.0.2.3')).statusCode).toBe(429);
    const metrics = (await ask('GET', '/metrics')).body;
    expect(metrics).toContain('stairgate_desk_questions_total{answer="blocked"} 5');
    expect(metrics).toContain('stairgate_desk_questions_total{answer="limited"} 3');
    expect(metrics).not.toContain('shop.example');
  });
});

describe('appealing', () => {
  test('an appeal is made, waits, and its own id shows what became of it', async () => {
    const { visit, appeal, ask } = await aDesk();
    const id = await appeal({ message: 'we sell books', contact: 'me@example.org' });
    const waiting = await visit('GET', `${OWN}/${id}`);
    expect(waiting.json()).toEqual({
      id,
      name: 'shop.example',
      state: 'open',
      createdAt: '2026-11-22T12:00:00.000Z',
      answer: null,
      answeredAt: null,
      hasContact: true,
    });
    const denied = await ask('POST', `${APPEALS}/${id}/deny`, { answer: 'Books for adults.' });
    expect(denied.json()).toEqual({ answered: 1 });
    expect((await visit('GET', `${OWN}/${id}`)).json()).toMatchObject({
      state: 'denied',
      answer: 'Books for adults.',
    });
    expect((await visit('GET', `${OWN}/${'0'.repeat(32)}`)).statusCode).toBe(404);
    expect((await visit('GET', `${OWN}/${id}x`)).statusCode).toBe(400);
  });

  test('it costs ten questions', async () => {
    const { visit, appeal } = await aDesk({ perAddressPerMinute: 19 });
    await appeal();
    expect((await visit('POST', OWN, { name: 'shop.example' })).statusCode).toBe(429);
    expect((await visit('GET', `${CHECK}?name=shop.example`)).statusCode).toBe(200);
  });

  test('what is refused for its form is counted, and a body that is too long is not read', async () => {
    const { api, visit } = await aDesk({ perAddressPerMinute: 20 });
    const long = await visit('POST', OWN, { name: 'shop.example', message: 'x'.repeat(8_200) });
    expect(long.statusCode).toBe(413);
    const post = (payload: string): Promise<Answer> =>
      api.inject({
        method: 'POST',
        url: OWN,
        remoteAddress: '192.0.2.1',
        headers: { host: 'desk.example.net', 'content-type': 'application/json' },
        payload,
      });
    expect((await post('{"name":')).statusCode).toBe(400);
    const limited = await post('{"name":');
    expect(limited.json()).toMatchObject({ status: 429, code: 'DESK_LIMITED' });
    expect(Number(limited.headers['retry-after'])).toBe(60);
    expect((await visit('GET', `${OWN}/no-id`)).statusCode).toBe(429);
    expect((await visit('GET', CHECK)).statusCode).toBe(429);
  });

  test('the contact is taken back by whoever has the id, and is in no answer to strangers', async () => {
    const { visit, appeal, store } = await aDesk();
    const id = await appeal({ contact: 'me@example.org', message: 'please' });
    const answer = await visit('DELETE', `${OWN}/${id}/contact`);
    expect(answer.json()).toMatchObject({ id, hasContact: false });
    expect(answer.body).not.toMatch(/me@example|please/);
    expect(await store.appeals.find(id)).toMatchObject({ contact: null, message: 'please' });
  });

  test('needs a name that a list blocks, and no more than it asks for', async () => {
    const { visit } = await aDesk({ perAddressPerMinute: 1_000, perMinute: 1_000 });
    const cases: [object, number][] = [
      [{ name: 'open.example' }, 409],
      [{ name: 'own.example' }, 409],
      [{ name: 'clips.example' }, 409],
      [{ name: 'shop.example', message: 'x'.repeat(501) }, 400],
      [{ name: 'shop.example', contact: 'x'.repeat(201) }, 400],
      [{ name: 'shop.example', state: 'accepted' }, 400],
      [{ name: ['shop.example'] }, 400],
      [{}, 400],
    ];
    for (const [body, status] of cases) {
      expect([body, (await visit('POST', OWN, body)).statusCode]).toEqual([body, status]);
    }
    const form = await visit('POST', OWN);
    expect([400, 415]).toContain(form.statusCode);
  });

  test('a hostile message is kept as text and comes out escaped', async () => {
    const { appeal, ask, visit, store } = await aDesk();
    for (const field of ['message', 'contact']) {
      const refused = await visit('POST', OWN, { name: 'shop.example', [field]: HOSTILE });
      expect(refused.json()).toMatchObject({ status: 400, code: 'REQUEST_INVALID' });
    }
    expect(await store.appeals.all()).toEqual([]);
    const script = '<script>alert(1)</script>"; drop table appeals; --';
    await appeal({ message: `${script}\n${script}`, contact: script });
    const answer = await ask('GET', APPEALS);
    const shown = { message: `${script}\n${script}`, contact: script };
    expect(itemsOf(answer)).toMatchObject([shown]);
    expect(answer.headers['content-type']).toContain('application/json');
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
    expect(answer.body).not.toMatch(/[\u0000\u001b\n]/);
  });
});

describe('answering', () => {
  test('is for editors: strangers and readers neither read nor answer', async () => {
    const { visit, appeal, ask } = await aDesk();
    const id = await appeal();
    const reader = { headers: await bearerOf(ask, 'reader') };
    const editor = { headers: await bearerOf(ask, 'editor') };
    for (const [method, url, body] of [
      ['GET', APPEALS, undefined],
      ['POST', `${APPEALS}/${id}/accept`, {}],
      ['POST', `${APPEALS}/${id}/deny`, { answer: 'no' }],
      ['DELETE', `${APPEALS}/${id}/contact`, undefined],
    ] as const) {
      const stranger = await visit(method, url, body);
      expect([401, 421]).toContain(stranger.statusCode);
      expect((await ask(method, url, body, reader)).statusCode).toBe(403);
    }
    expect((await ask('GET', APPEALS, undefined, editor)).statusCode).toBe(200);
    const forgotten = await ask('DELETE', `${APPEALS}/${id}/contact`, undefined, editor);
    expect(forgotten.statusCode).toBe(204);
  });

  test('accepted, the name is an exception of the lists that hold it, and all who asked are answered', async () => {
    const { appeal, ask, visit, store, controlPlane } = await aDesk();
    const [id, second] = [await appeal(), await appeal()];
    const { revision } = store;
    const editor = { headers: await bearerOf(ask, 'editor') };
    const body = { answer: 'You are right.' };
    const accepted = await ask('POST', `${APPEALS}/${id}/accept?wait=true`, body, editor);
    expect(accepted.json()).toEqual({
      answered: 2,
      name: 'shop.example',
      lists: ['adult-a'],
      entries: [{ list: 'adult-a', line: 7, text: 'shop.example' }],
      revision: revision + 1,
      isInForce: true,
    });
    expect(controlPlane.revisionInForce).toBe(revision + 1);
    const list = (await store.lists()).get('adult-a');
    expect(list?.record).toMatchObject({ except: ['shop.example'] });
    expect((await visit('GET', `${OWN}/${second}`)).json()).toMatchObject({ state: 'accepted' });
    const audit = (await ask('GET', '/api/v1/audit')).body;
    expect(audit).toContain('"kind":"appeal"');
    const again = await ask('POST', `${APPEALS}/${id}/accept`, {}, editor);
    expect(again.json()).toMatchObject({ status: 409, code: 'APPEAL_ANSWERED' });
  });

  test('accepting once more after a break-off changes no list twice', async () => {
    const { appeal, ask, store } = await aDesk();
    await ask('POST', `${APPEALS}/${await appeal()}/accept`, {});
    const { revision } = store;
    const done = await ask('POST', `${APPEALS}/${await appeal()}/accept`, {});
    expect(done.json()).toMatchObject({ answered: 1, revision });
    expect((await store.lists()).get('adult-a')?.record).toMatchObject({
      except: ['shop.example'],
    });
  });

  test('what a list has become meanwhile is not undone: it is accepted again', async () => {
    const { appeal, ask, store, visit } = await aDesk();
    const id = await appeal();
    const contentSha256 = namesContent(store, ['shop.example', 'new.example']);
    const gate = { shrinkPercentMax: 100, growthPercentMax: 100 };
    const newer = { lists: [{ id: 'adult-a', category: 'adult', contentSha256, gate }] };
    const apply = store.applyDocument.bind(store);
    vi.spyOn(store, 'applyDocument').mockImplementationOnce(async (document, context) => {
      await apply(newer, { actor: 'another' });
      return apply(document, context);
    });
    const late = await ask('POST', `${APPEALS}/${id}/accept`, {});
    expect(late.json()).toMatchObject({ status: 412, code: 'PRECONDITION_FAILED' });
    expect((await visit('GET', `${OWN}/${id}`)).json()).toMatchObject({ state: 'open' });
    const again = await ask('POST', `${APPEALS}/${id}/accept`, {});
    expect(again.json()).toMatchObject({ answered: 1, lists: ['adult-a'] });
    expect((await store.lists()).get('adult-a')?.record).toMatchObject({
      contentSha256,
      except: ['shop.example'],
    });
  });

  test('whatever is written goes into force, even where somebody else answers first', async () => {
    const { appeal, ask, store, controlPlane } = await aDesk();
    const { revision } = store;
    const fault = new AppError('APPEAL_ANSWERED', 'another was faster');
    vi.spyOn(store.appeals, 'answer').mockRejectedValueOnce(fault);
    const late = await ask('POST', `${APPEALS}/${await appeal()}/accept`, {});
    expect(late.json()).toMatchObject({ status: 409, code: 'APPEAL_ANSWERED' });
    expect(controlPlane.revisionInForce).toBe(revision + 1);
  });

  test('of several lists each is corrected, whatever key the request has', async () => {
    const { appeal, ask, store, controlPlane } = await aDesk();
    const contentSha256 = namesContent(store, [...manyNames(5), 'shop.example']);
    const lists = [{ id: 'adult-b', category: 'adult', contentSha256 }];
    expect((await ask('POST', '/api/v1/apply', { document: { lists } })).statusCode).toBe(200);
    controlPlane.listsOf.set('adult', ['adult-a', 'adult-b']);
    const path = `${APPEALS}/${await appeal()}/accept`;
    const refused = await ask('POST', path, {}, { headers: { 'idempotency-key': 'a b' } });
    expect(refused.statusCode).toBe(400);
    const done = await ask('POST', path, {}, { headers: { 'idempotency-key': 'one' } });
    expect(done.json()).toMatchObject({ answered: 1, lists: ['adult-a', 'adult-b'] });
    for (const id of ['adult-a', 'adult-b']) {
      const list = (await store.lists()).get(id);
      expect([id, list?.record]).toMatchObject([id, { except: ['shop.example'] }]);
    }
  });

  test('an editor sees which entry blocks the name, and may except a name above it', async () => {
    const { visit, ask, store, controlPlane } = await aDesk();
    const blocked = { category: 'adult', verdictClass: 'policy' } as const;
    controlPlane.blockedBy.set('www.shop.example', blocked);
    const made = await visit('POST', OWN, { name: 'www.shop.example' });
    const { id } = made.json<{ id: string }>();
    const editor = { headers: await bearerOf(ask, 'editor') };
    expect((await ask('GET', `${APPEALS}/${id}`, undefined, editor)).json()).toMatchObject({
      ...{ id, name: 'www.shop.example', state: 'open' },
      entries: [{ list: 'adult-a', line: 7, text: 'www.shop.example' }],
    });
    const path = `${APPEALS}/${id}/accept`;
    for (const name of ['other.example', 'hop.example', 'x.www.shop.example', 'no name']) {
      const refused = await ask('POST', path, { name }, editor);
      expect([name, refused.statusCode]).toEqual([name, 400]);
    }
    const accepted = await ask('POST', path, { name: 'Shop.Example.' }, editor);
    expect(accepted.json()).toMatchObject({ answered: 1, name: 'shop.example' });
    expect((await store.lists()).get('adult-a')?.record).toMatchObject({
      except: ['shop.example'],
    });
    const missing = await ask('GET', `${APPEALS}/${'0'.repeat(32)}`, undefined, editor);
    expect(missing.statusCode).toBe(404);
  });

  test('what the gate holds leaves the appeal open, until it is approved and accepted again', async () => {
    const { appeal, ask, store, controlPlane, visit } = await aDesk();
    const list = (await store.lists()).get('adult-a')!.record;
    await store.applyDocument({ lists: [{ ...list, approvals: 2 }] }, { actor: 'another' });
    const id = await appeal();
    const path = `${APPEALS}/${id}/accept`;
    const held = await ask('POST', path, {});
    expect(held.json()).toMatchObject({ status: 409, code: 'APPEAL_HELD' });
    expect(held.body).toContain(
      'approve version 2 of list \\"adult-a\\", then accept the appeal again; as long as it waits, other corrections of the list wait with it, and rejecting it lets them through on their own',
    );
    expect((await visit('GET', `${OWN}/${id}`)).json()).toMatchObject({ state: 'open' });
    await store.listVersions.approve({ actor: 'another' }, { list: 'adult-a', version: 2 });
    expect((await store.lists()).get('adult-a')?.record).toMatchObject({
      except: ['shop.example'],
    });
    // Nothing holds it any more.
    controlPlane.listsOf.set('adult', []);
    const done = await ask('POST', path, {});
    expect(done.json()).toMatchObject({ answered: 1, lists: [], revision: store.revision });
    expect((await visit('GET', `${OWN}/${id}`)).json()).toMatchObject({ state: 'accepted' });
  });

  test('no name is excepted below which anybody may register one', async () => {
    const { visit, ask, controlPlane } = await aDesk();
    const name = 'www.shop.co.uk';
    controlPlane.blockedBy.set(name, { category: 'adult', verdictClass: 'policy' });
    const { id } = (await visit('POST', OWN, { name })).json<{ id: string }>();
    for (const above of ['uk', 'co.uk']) {
      const refused = await ask('POST', `${APPEALS}/${id}/accept`, { name: above });
      expect([above, refused.statusCode]).toEqual([above, 400]);
    }
    const accepted = await ask('POST', `${APPEALS}/${id}/accept`, { name: 'shop.co.uk' });
    expect(accepted.statusCode).toBe(200);
  });

  test('a second correction that is held has the first with it', async () => {
    const { visit, appeal, ask, store, controlPlane } = await aDesk();
    const list = (await store.lists()).get('adult-a')!.record;
    await store.applyDocument({ lists: [{ ...list, approvals: 2 }] }, { actor: 'another' });
    const blocked = { category: 'adult', verdictClass: 'policy' } as const;
    controlPlane.blockedBy.set('two.example', blocked);
    const second = await visit('POST', OWN, { name: 'two.example' });
    const ids = [await appeal(), second.json<{ id: string }>().id];
    for (const id of ids) {
      const held = await ask('POST', `${APPEALS}/${id}/accept`, {});
      expect(held.json()).toMatchObject({ code: 'APPEAL_HELD' });
    }
    const [waiting] = await store.listVersions.versions({ list: 'adult-a', state: 'held' });
    expect(waiting?.scope.except).toEqual(['shop.example', 'two.example']);
  });

  test('where no list of the category holds it nothing is accepted', async () => {
    const { appeal, ask, controlPlane, visit } = await aDesk();
    const id = await appeal();
    const wrong = await ask('POST', `${APPEALS}/${id}/accept`, { categories: ['ads'] });
    expect(wrong.json()).toMatchObject({ status: 409, code: 'APPEAL_IMPOSSIBLE' });
    controlPlane.listsOf.set('adult', ['service:clips']);
    const service = await ask('POST', `${APPEALS}/${id}/accept`, {});
    expect(service.body).toContain('service:clips does');
    expect((await visit('GET', `${OWN}/${id}`)).json()).toMatchObject({ state: 'open' });
  });

  test('lists of protected names and of law need an operator', async () => {
    const { appeal, ask, store, controlPlane } = await aDesk();
    const contentSha256 = store.contents.save(Buffer.from('shop.example\n')).sha256;
    const lists = [{ id: 'orders', category: 'court', contentSha256 }];
    expect((await ask('POST', '/api/v1/apply', { document: { lists } })).statusCode).toBe(200);
    controlPlane.listsOf.set('adult', ['adult-a', 'orders']);
    const editor = { headers: await bearerOf(ask, 'editor') };
    const id = await appeal();
    const refused = await ask('POST', `${APPEALS}/${id}/accept`, {}, editor);
    expect(refused.statusCode).toBe(403);
    expect((await store.lists()).get('adult-a')?.record).not.toHaveProperty('except');
  });

  test('the list shows what waits, in pages, by state', async () => {
    const { appeal, ask, clock } = await aDesk({ perAddressPerMinute: 1_000 });
    const ids: string[] = [];
    for (let count = 0; count < 3; count++) {
      ids.push(await appeal());
      clock.nowMs += 1_000;
    }
    const page = await ask('GET', `${APPEALS}?limit=2`);
    expect(itemsOf(page).map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const rest = await ask('GET', `${APPEALS}?limit=2&after=${ids[1] ?? ''}`);
    expect(itemsOf(rest).map(({ id }) => id)).toEqual(ids.slice(2));
    await ask('POST', `${APPEALS}/${ids[0] ?? ''}/deny`, { answer: 'no' });
    expect(itemsOf(await ask('GET', `${APPEALS}?state=open`))).toEqual([]);
    expect(itemsOf(await ask('GET', `${APPEALS}?state=denied`))).toHaveLength(3);
    expect((await ask('GET', `${APPEALS}?state=maybe`)).statusCode).toBe(400);
  });
});

describe('the page', () => {
  const PAGE = '/api/v1/desk';

  /** As a browser sends a form. */
  async function aPage() {
    const desk = await aDesk();
    const form = (fields: Record<string, string>, language = 'en'): Promise<Answer> =>
      desk.api.inject({
        method: 'POST',
        url: PAGE,
        remoteAddress: '192.0.2.1',
        headers: {
          host: 'localhost',
          'content-type': 'application/x-www-form-urlencoded',
          'accept-language': language,
        },
        payload: new URLSearchParams(fields).toString(),
      });
    return { ...desk, form };
  }

  test('is two forms without a script, and says what was found', async () => {
    const { visit } = await aPage();
    const empty = await visit('GET', PAGE);
    expect(empty.statusCode).toBe(200);
    expect(empty.headers['content-type']).toContain('text/html');
    expect(empty.headers['content-security-policy']).toContain("default-src 'none'");
    expect(empty.body).not.toMatch(/<script|method="post"/);
    const blocked = await visit('GET', `${PAGE}?name=Shop.example`);
    expect(blocked.body).toContain('Blocked by a list (Adult): shop.example');
    expect(blocked.body).toContain('method="post"');
    for (const [name, words] of [
      ['open.example', 'Not blocked here'],
      ['court.example', 'because the law requires it'],
      ['own.example', 'by the settings of the tariff'],
      ['clips.example', 'together with its service'],
    ]) {
      const { body } = await visit('GET', `${PAGE}?name=${name}`);
      expect(body).toContain(words);
      expect(body).not.toContain('method="post"');
    }
  });

  test('takes an appeal and leads to the answer, in the language of the reader', async () => {
    const { visit, form, store, ask } = await aPage();
    const message = 'a <b>shop</b>\r\nand no more';
    const made = await form({ name: 'shop.example', message, contact: '' });
    expect(made.statusCode).toBe(303);
    const [appeal] = await store.appeals.all();
    expect(appeal).toMatchObject({ message: 'a <b>shop</b>\nand no more', contact: null });
    expect(made.headers['location']).toBe(`?appeal=${appeal!.id}`);
    const own = `${PAGE}?appeal=${appeal!.id}`;
    expect((await visit('GET', own)).body).toContain('not answered yet');
    await ask('POST', `${APPEALS}/${appeal!.id}/deny`, { answer: 'It is <no> shop.' });
    const { body } = await visit('GET', own);
    expect(body).toContain('It stays blocked: shop.example');
    expect(body).toContain('It is &lt;no&gt; shop.');
    expect(body).not.toContain('a &lt;b&gt;');
    expect((await visit('GET', `${PAGE}?appeal=${'0'.repeat(32)}`)).statusCode).toBe(404);
    const law = await form({ name: 'court.example' }, 'de-AT,de;q=0.9');
    expect(law.statusCode).toBe(409);
    expect(law.body).toContain('lang="de"');
    expect(law.body).toContain('weil das Gesetz es verlangt');
  });

  test('calls a category as the reader does', async () => {
    const { api, store } = await aPage();
    const categories = [{ id: 'adult', title: 'Adult content' }];
    await store.applyDocument({ categories }, { actor: 'another' });
    const headers = { host: 'localhost', 'accept-language': 'pl' };
    const answer = await api.inject({ url: `${PAGE}?name=shop.example`, headers });
    expect(answer.body).toContain('Treści dla dorosłych');
  });

  test('stays a page where something is wrong, and counts together with the other routes', async () => {
    const { visit, form } = await aPage();
    for (const name of [HOSTILE, 'a..b', '"><img src=x>', 'x'.repeat(2_000)]) {
      const answer = await visit('GET', `${PAGE}?name=${encodeURIComponent(name)}`);
      expect([name, answer.statusCode]).toEqual([name, 400]);
      expect(answer.headers['content-type']).toContain('text/html');
      expect(answer.body).not.toMatch(/<img|\u001b/);
    }
    expect((await form({ message: 'no name' })).statusCode).toBe(400);
    expect((await form({ name: 'shop.example', message: 'x'.repeat(501) })).statusCode).toBe(400);
    await visit('GET', `${CHECK}?name=shop.example`);
    for (let asked = 0; asked < 30; asked++) await visit('GET', PAGE);
    const limited = await visit('GET', PAGE);
    expect(limited.statusCode).toBe(429);
    expect(limited.headers['content-type']).toContain('text/html');
    expect(Number(limited.headers['retry-after'])).toBe(60);
    expect((await visit('GET', `${CHECK}?name=shop.example`)).statusCode).toBe(429);
  });
});
