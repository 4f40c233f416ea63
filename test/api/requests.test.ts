/** "The child asks, a parent answers" over HTTP: with a token of the API, and by a link of one tap. */

import type { InjectOptions } from 'fastify';
import { describe, expect, test } from 'vitest';
import { ANSWER_MESSAGES } from '../../src/lib/answer-messages.ts';
import { LANGUAGES } from '../../src/lib/messages.ts';
import { aHouse, type Answer, type ApiUnderTest, bearerOf, TestClock } from './support.ts';

const HOUSE = '/api/v1/subscribers/home-1';
const REQUESTS = `${HOUSE}/requests`;
const DAY_MS = 86_400_000;

interface Asked {
  readonly id: string;
  readonly links: { readonly approve: string; readonly deny: string };
}

interface House extends ApiUnderTest {
  readonly clock: TestClock;
  readonly ask: ApiUnderTest['ask'];
  readonly request: (body?: object) => Promise<Asked>;
  /** As a browser does: no token. */
  readonly tap: (method: 'GET' | 'POST', path: string, options?: InjectOptions) => Promise<Answer>;
}

/** A household with the profile `anna`, called Anna. */
async function aHousehold(): Promise<House> {
  const clock = new TestClock();
  const house = await aHouse(clock);
  await house.ask('PUT', `${HOUSE}/profiles/anna`, { name: 'Anna', block: ['adult'] });
  const request = async (body: object = {}): Promise<Asked> => {
    const asked = { profile: 'anna', target: 'category:adult', message: 'please', ...body };
    const answer = await house.ask('POST', REQUESTS, asked);
    expect(answer.statusCode).toBe(201);
    return answer.json<Asked>();
  };
  const tap: House['tap'] = (method, path, options = {}) =>
    house.api.inject({
      method,
      url: path,
      ...options,
      headers: { host: 'parents.example.net', ...options.headers },
    });
  return { ...house, clock, request, tap };
}

function itemsOf(answer: Answer): Record<string, unknown>[] {
  return answer.json<{ items: Record<string, unknown>[] }>().items;
}

describe('requests', () => {
  test('a child asks, a parent approves for a time: that is a grant', async () => {
    const { ask, request } = await aHousehold();
    const { id } = await request();
    expect(itemsOf(await ask('GET', REQUESTS))).toEqual([
      {
        id,
        profile: 'anna',
        target: 'category:adult',
        message: 'please',
        createdAt: '2026-11-22T12:00:00.000Z',
        state: 'open',
        answeredBy: null,
        answeredAt: null,
        grant: null,
      },
    ]);
    const approved = await ask('POST', `${REQUESTS}/${id}/approve?wait=true`, { minutes: 30 });
    expect(approved.json()).toMatchObject({
      state: 'approved',
      answeredBy: 'first-admin',
      isInForce: true,
    });
    const [grant] = itemsOf(await ask('GET', `${HOUSE}/grants`));
    expect(grant).toMatchObject({ profile: 'anna', until: '2026-11-22T12:30:00.000Z' });
    expect(approved.json<{ grant: string }>().grant).toBe(grant?.['id']);
  });

  test('approved always it becomes a setting of the profile', async () => {
    const { ask, request } = await aHousehold();
    const { id } = await request();
    expect((await ask('POST', `${REQUESTS}/${id}/approve`, { always: true })).statusCode).toBe(200);
    expect((await ask('GET', `${HOUSE}/profiles/anna`)).json()).toMatchObject({ open: ['adult'] });
    expect(itemsOf(await ask('GET', `${HOUSE}/grants`))).toEqual([]);
    const { id: second } = await request({ target: 'names', names: ['chat.example'] });
    await ask('POST', `${REQUESTS}/${second}/approve`, { always: true });
    expect((await ask('GET', `${HOUSE}/profiles/anna`)).json()).toMatchObject({
      allow: ['chat.example'],
    });
  });

  test('denied nothing is opened, and a second answer of whoever is refused', async () => {
    const { ask, request } = await aHousehold();
    const { id } = await request();
    expect((await ask('POST', `${REQUESTS}/${id}/deny`)).json()).toMatchObject({ state: 'denied' });
    expect((await ask('POST', `${REQUESTS}/${id}/deny`)).statusCode).toBe(409);
    const again = await ask('POST', `${REQUESTS}/${id}/approve`, { minutes: 5 });
    expect(again.json()).toMatchObject({ status: 409, code: 'REQUEST_ANSWERED' });
    expect(itemsOf(await ask('GET', `${HOUSE}/grants`))).toEqual([]);
  });

  test('of many parents who answer at once one is heard', async () => {
    const { ask, request, store } = await aHousehold();
    const { id } = await request();
    const answers = await Promise.all([
      ...[5, 10, 15].map((minutes) => ask('POST', `${REQUESTS}/${id}/approve`, { minutes })),
      ask('POST', `${REQUESTS}/${id}/deny`),
    ]);
    const codes = answers.map(({ statusCode }) => statusCode).sort((a, b) => a - b);
    expect(codes).toEqual([200, 409, 409, 409]);
    expect(itemsOf(await ask('GET', `${HOUSE}/grants`)).length).toBeLessThan(2);
    expect((await store.verifyAudit()).isIntact).toBe(true);
  });

  test('the list shows open ones first, in pages; asking again is the same request', async () => {
    const { ask, request, clock } = await aHousehold();
    const ids: string[] = [];
    for (const name of ['one.example', 'two.example', 'three.example']) {
      ids.push((await request({ target: undefined, name })).id);
      clock.nowMs += 1_000;
    }
    const [first, second, third] = ids;
    expect((await request({ target: 'names', names: ['Two.example'] })).id).toBe(second);
    await ask('POST', `${REQUESTS}/${third}/deny`);
    const page = await ask('GET', `${REQUESTS}?limit=2`);
    expect(itemsOf(page).map(({ id }) => id)).toEqual([second, first]);
    const rest = await ask('GET', `${REQUESTS}?limit=2&after=${first}`);
    expect(itemsOf(rest).map(({ id }) => id)).toEqual([third]);
  });

  test('bad input is refused with the reason, and another household reaches nothing', async () => {
    const { ask, request, store } = await aHousehold();
    await ask('PUT', '/api/v1/plans/kids', { block: [], locked: ['adult'] });
    const { revision } = store;
    const cases: [object, number, string][] = [
      [{ target: 'category:adult' }, 422, 'blocked for good'],
      [{ target: 'internet', name: 'chat.example' }, 400, 'one of name and target'],
      [{}, 400, 'one of name and target'],
      [{ name: '' }, 400, 'name'],
      [{ name: 'a..b' }, 422, 'no domain name'],
      [{ target: 'internet', message: 'x'.repeat(501) }, 400, 'message'],
      [{ target: 'internet', message: 'a\u202eb' }, 400, 'without control characters'],
      [{ target: 'internet', message: 'a\u001bb' }, 400, 'without control characters'],
      [{ target: 'internet', minutes: 100_000 }, 400, 'minutes'],
      [{ target: 'internet', profile: 'none' }, 404, 'no profile'],
      [{ target: 'internet', id: 'mine' }, 400, 'unknown id'],
    ];
    for (const [body, status, expected] of cases) {
      const answer = await ask('POST', REQUESTS, body);
      expect([body, answer.statusCode]).toEqual([body, status]);
      expect(answer.body).toContain(expected);
    }
    expect(store.revision).toBe(revision);
    const { id } = await request({ target: 'internet' });
    for (const [body, status] of [
      [{}, 422],
      [{ minutes: 5, always: true }, 400],
      [{ always: false }, 400],
      [{ always: true }, 422],
    ] as const) {
      const answer = await ask('POST', `${REQUESTS}/${id}/approve`, body);
      expect([body, answer.statusCode]).toEqual([body, status]);
    }
    const elsewhere = `/api/v1/subscribers/home-2/requests/${id}`;
    expect((await ask('POST', `${elsewhere}/deny`)).statusCode).toBe(404);
    expect(itemsOf(await ask('GET', REQUESTS))).toMatchObject([{ state: 'open' }]);
  });

  test('a repeated request asks once; a reader neither reads nor answers', async () => {
    const { ask } = await aHousehold();
    const options = { headers: { 'idempotency-key': 'one' } };
    const body = { target: 'internet' };
    const [first, again] = [
      await ask('POST', REQUESTS, body, options),
      await ask('POST', REQUESTS, body, options),
    ];
    expect(again.json<Asked>().id).toBe(first.json<Asked>().id);
    const headers = await bearerOf(ask, 'reader');
    expect((await ask('GET', REQUESTS, undefined, { headers })).statusCode).toBe(403);
    expect((await ask('POST', REQUESTS, body, { headers })).statusCode).toBe(403);
    const url = `${REQUESTS}/${first.json<Asked>().id}/deny`;
    expect((await ask('POST', url, undefined, { headers })).statusCode).toBe(403);
  });
});

describe('the link of one tap', () => {
  test('looking changes nothing, however often; the button does, once', async () => {
    const { ask, request, tap } = await aHousehold();
    const { links } = await request({ minutes: 45 });
    for (let look = 0; look < 5; look++) {
      const page = await tap('GET', links.approve);
      expect(page.statusCode).toBe(200);
      expect(page.body).toContain('Anna asks for: Adult');
      expect(page.body).toContain(
        '<form method="post"><button>Allow (minutes: 45)</button></form>',
      );
      expect((await tap('GET', links.deny)).body).toContain('<button>Not now</button>');
    }
    expect((await tap('HEAD' as 'GET', links.approve)).statusCode).toBe(200);
    expect(itemsOf(await ask('GET', REQUESTS))).toMatchObject([{ state: 'open' }]);
    const done = await tap('POST', links.approve);
    expect(done.statusCode).toBe(200);
    // 12:45 UTC in Minsk.
    expect(done.body).toContain('allowed until 3:45');
    expect(itemsOf(await ask('GET', `${HOUSE}/grants`))).toMatchObject([
      { profile: 'anna', until: '2026-11-22T12:45:00.000Z', who: 'one-tap link' },
    ]);
    for (const [method, path] of [
      ['POST', links.approve],
      ['POST', links.deny],
      ['GET', links.approve],
    ] as const) {
      const late = await tap(method, path);
      expect([method, late.statusCode]).toEqual([method, 410]);
      expect(late.body).toContain(ANSWER_MESSAGES.en.answeredBefore);
    }
    expect(itemsOf(await ask('GET', `${HOUSE}/grants`))).toHaveLength(1);
  });

  test('a browser sends the button as a form; other bodies do no harm', async () => {
    const { request, tap } = await aHousehold();
    const { links } = await request();
    const large = { payload: 'x'.repeat(5_000) };
    const refused = await tap('POST', links.deny, large);
    expect(refused.statusCode).toBe(413);
    expect(refused.headers['content-type']).toBe('text/html; charset=utf-8');
    expect(refused.body).toContain(ANSWER_MESSAGES.en.failed);
    const form = { headers: { 'content-type': 'application/x-www-form-urlencoded' }, payload: '' };
    const done = await tap('POST', links.deny, form);
    expect(done.statusCode).toBe(200);
    expect(done.body).toContain(ANSWER_MESSAGES.en.denied);
  });

  test('the page holds no script, loads nothing, is not kept, and shows text as text', async () => {
    const { ask, request, tap } = await aHousehold();
    const message = '<script>alert(1)</script>"\'&\ngnp.exe';
    await ask('PUT', `${HOUSE}/profiles/anna`, { name: '<img src=x onerror=alert(1)>' });
    const { links } = await request({ message });
    const page = await tap('GET', links.approve);
    expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
    const policy = String(page.headers['content-security-policy']);
    expect(policy).toMatch(/^default-src 'none'; style-src 'sha256-[^']+'; form-action 'self'; /);
    expect(policy).toContain("frame-ancestors 'none'; base-uri 'none'");
    expect(page.headers).toMatchObject({
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-content-type-options': 'nosniff',
    });
    expect(page.headers).not.toHaveProperty('set-cookie');
    expect(page.body).toContain('&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;\ngnp.exe<');
    expect(page.body).not.toMatch(/<script|<img|https?:|\u202E|\u0000/);
  });

  test('it speaks the language of the household', async () => {
    const { ask, request, tap } = await aHousehold();
    const record = (await ask('GET', HOUSE)).json<object>();
    for (const [index, language] of LANGUAGES.entries()) {
      await ask('PUT', HOUSE, { ...record, language });
      const { links } = await request({ target: undefined, name: `${index}.example` });
      const page = await tap('GET', links.approve);
      expect(page.body).toContain(`<html lang="${language}">`);
      const [before = ''] = ANSWER_MESSAGES[language].asks.replace('{who}', 'Anna').split('{what}');
      expect(page.body).toContain(`${before}${index}.example`);
    }
  });

  test('a link that is forged, cut, changed or of a request that is gone tells nobody anything', async () => {
    const { ask, request, tap, store, clock } = await aHousehold();
    const { links, id } = await request();
    const { links: other } = await request({ target: 'internet' });
    const token = links.deny.slice('/answer/'.length);
    const parts = token.split('.');
    const signature = other.approve.split('.').at(-1) ?? '';
    await store.db.deleteFrom('requests').where('id', '!=', id).execute();
    const wrong = [
      other.approve.slice('/answer/'.length),
      token.slice(0, -1),
      `${token}A`,
      token.replace('deny', 'approve'),
      [parts[0], 'approve', '99999', ...parts.slice(3)].join('.'),
      [...parts.slice(0, 3), '9999999999', parts[4]].join('.'),
      [...parts.slice(0, 4), signature].join('.'),
      [...parts.slice(0, 4), ''].join('.'),
      '....',
      'x',
      '%00',
      '..%2f..%2fapi%2fv1%2fplans',
      "';drop table requests;--",
      '__proto__',
      'x'.repeat(600),
    ];
    const bodies = new Set<string>();
    for (const [index, one] of wrong.entries()) {
      for (const method of ['GET', 'POST'] as const) {
        const remoteAddress = `192.0.2.${index}`;
        const answer = await tap(method, `/answer/${one}`, { remoteAddress });
        expect([one, method, answer.statusCode]).toEqual([one, method, 404]);
        bodies.add(answer.body);
      }
    }
    expect(bodies.size).toBe(1);
    expect([...bodies][0]).toContain(ANSWER_MESSAGES.en.unknown);
    expect(itemsOf(await ask('GET', REQUESTS))).toMatchObject([{ id, state: 'open' }]);
    clock.nowMs += DAY_MS;
    const late = await tap('POST', links.deny);
    expect([late.statusCode, late.body.includes(ANSWER_MESSAGES.en.expired)]).toEqual([410, true]);
    expect(itemsOf(await ask('GET', REQUESTS))).toMatchObject([{ id, state: 'open' }]);
  });

  test('after ten wrong links in a minute an address has to wait, but not with a right one', async () => {
    const { request, tap, clock } = await aHousehold();
    const { links } = await request();
    const from = (remoteAddress: string) => ({ remoteAddress });
    for (let attempt = 0; attempt < 10; attempt++) {
      const answer = await tap('POST', `/answer/wrong-${attempt}`, from('192.0.2.1'));
      expect(answer.statusCode).toBe(404);
    }
    const refused = await tap('GET', '/answer/wrong', from('192.0.2.1'));
    expect([refused.statusCode, refused.headers['retry-after']]).toEqual([429, '60']);
    expect(refused.body).toContain(ANSWER_MESSAGES.en.tooMany);
    expect((await tap('GET', '/answer/wrong', from('192.0.2.2'))).statusCode).toBe(404);
    expect((await tap('GET', links.deny, from('192.0.2.1'))).statusCode).toBe(200);
    clock.nowMs += 60_000;
    expect((await tap('GET', '/answer/wrong', from('192.0.2.1'))).statusCode).toBe(404);
  });

  test('what the plan has locked meanwhile is not opened', async () => {
    const { ask, request, tap } = await aHousehold();
    const { links } = await request();
    await ask('PUT', '/api/v1/plans/kids', { block: [], locked: ['adult'] });
    const answer = await tap('POST', links.approve);
    expect(answer.statusCode).toBe(409);
    expect(answer.body).toContain(ANSWER_MESSAGES.en.refused);
    expect(itemsOf(await ask('GET', REQUESTS))).toMatchObject([{ state: 'open' }]);
    expect((await tap('POST', links.deny)).statusCode).toBe(200);
  });

  test('a wrong link is answered in the language of the browser, where it is one of ours', async () => {
    const { tap } = await aHousehold();
    for (const [wanted, language] of [
      ['pl-PL,pl;q=0.9,en;q=0.8', 'pl'],
      ['fr-FR,de;q=0.5', 'en'],
      ['', 'en'],
      ['ru;'.repeat(5_000), 'ru'],
    ] as const) {
      const options = { headers: { 'accept-language': wanted } };
      expect((await tap('GET', '/answer/x', options)).body).toContain(`lang="${language}"`);
    }
  });

  test('one tap of many at once counts', async () => {
    const { ask, request, tap, store } = await aHousehold();
    const { links } = await request();
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        tap('POST', index % 2 === 0 ? links.approve : links.deny),
      ),
    );
    const codes = answers.map(({ statusCode }) => statusCode).sort((a, b) => a - b);
    expect(codes).toEqual([200, ...Array<number>(7).fill(410)]);
    expect(itemsOf(await ask('GET', REQUESTS))).toHaveLength(1);
    expect((await store.verifyAudit()).isIntact).toBe(true);
  });
});

test('every sentence of the page is there in every language', () => {
  const placeholders = (text: string) => (text.match(/\{\w+\}/g) ?? []).sort();
  for (const language of LANGUAGES) {
    for (const [key, text] of Object.entries(ANSWER_MESSAGES[language])) {
      const english = ANSWER_MESSAGES.en[key as keyof typeof ANSWER_MESSAGES.en];
      expect([language, key, placeholders(text as string)]).toEqual([
        language,
        key,
        placeholders(english),
      ]);
      if (language !== 'en') expect(text).not.toBe(english);
    }
  }
});
