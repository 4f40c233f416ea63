import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { AppError } from '../../src/lib/errors.ts';
import { aContent, aDocument } from '../store/support.ts';
import { anApi, bearerOf } from './support.ts';

const PLANS = '/api/v1/plans';

/** Every route but those of the description, as the description itself lists them. */
async function allRoutes(): Promise<[string, string][]> {
  const { ask } = await anApi();
  const { paths } = (await ask('GET', '/api/docs/json')).json<{
    paths: Record<string, Record<string, unknown>>;
  }>();
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method): [string, string] => [method.toUpperCase(), path]),
  );
}

describe('who may come in', () => {
  test('every route but health and the links of parents asks for a token, unknown ones too', async () => {
    const { api } = await anApi();
    const routes = await allRoutes();
    expect(routes.length).toBeGreaterThan(25);
    const strangers = { host: '192.0.2.1:8053' };
    for (const [method, path] of [...routes, ['GET', '/api/v1/none'], ['GET', '/']]) {
      const url = (path ?? '').replaceAll(/\{[^}]+\}/g, 'x');
      const answer = await api.inject({
        method: method as 'GET',
        url,
        headers: strangers,
        remoteAddress: '192.0.2.9',
      });
      const isHealth = url === '/healthz' || url === '/readyz';
      // A link without a signature is a link that nobody knows.
      const expected = isHealth ? 200 : url === '/answer/x' ? 404 : 401;
      expect([method, url, answer.statusCode]).toEqual([method, url, expected]);
    }
  });

  test('metrics and the description are open to this machine only', async () => {
    const { api } = await anApi();
    for (const url of ['/metrics', '/api/docs/json', '/api/docs/']) {
      const headers = { host: 'localhost' };
      const near = await api.inject({ url, headers, remoteAddress: '::ffff:127.0.0.1' });
      expect(near.statusCode).toBe(200);
      const far = await api.inject({ url, headers, remoteAddress: '192.0.2.9' });
      expect(far.statusCode).toBe(401);
      for (const proxy of ['forwarded', 'via', 'x-forwarded-for', 'x-real-ip']) {
        const proxied = await api.inject({ url, headers: { ...headers, [proxy]: '192.0.2.9' } });
        expect([proxy, proxied.statusCode]).toEqual([proxy, 401]);
      }
    }
  });

  test('a role may do what is below it and nothing above', async () => {
    const { ask, store } = await anApi();
    const made = await ask('POST', '/api/v1/tokens', { id: 'lists', role: 'editor' });
    const { secret } = made.json<{ secret: string }>();
    const headers = { authorization: `Bearer ${secret}` };
    const status = async (method: string, url: string, body?: unknown): Promise<number> =>
      (await ask(method, url, body, { headers })).statusCode;
    expect(await status('GET', PLANS)).toBe(200);
    const list = (category: string): object => ({ category, contentSha256: aContent(store) });
    expect(await status('PUT', '/api/v1/lists/news', list('news'))).toBe(200);
    expect(await status('PUT', '/api/v1/categories/news', { class: 'law' })).toBe(403);
    expect(await status('DELETE', '/api/v1/categories/news')).toBe(403);
    expect(await status('PUT', `${PLANS}/open`, {})).toBe(403);
    expect(await status('GET', '/api/v1/tokens')).toBe(403);
    const refused = await ask('GET', '/api/v1/tokens', undefined, { headers });
    expect(refused.json()).toMatchObject({
      detail: 'The token "lists" has the role editor; this needs admin',
    });
  });

  test('an editor touches neither the protected names nor the lists of the law', async () => {
    const { ask, store } = await anApi();
    const made = await ask('POST', '/api/v1/tokens', { id: 'lists', role: 'editor' });
    const { secret } = made.json<{ secret: string }>();
    const headers = { authorization: `Bearer ${secret}` };
    const contentSha256 = aContent(store);
    const classes = { protected: 'policy', court: 'law', news: 'policy' };
    for (const [category, verdictClass] of Object.entries(classes)) {
      const body = { class: verdictClass };
      expect((await ask('PUT', `/api/v1/categories/${category}`, body)).statusCode).toBe(200);
      const list = { category, contentSha256 };
      expect((await ask('PUT', `/api/v1/lists/${category}`, list)).statusCode).toBe(200);
    }
    for (const category of ['protected', 'court']) {
      for (const [id, newCategory] of [
        [category, category],
        [category, 'news'],
        ['news', category],
        ['another', category],
      ]) {
        const body = { category: newCategory, contentSha256, subdomains: false };
        const put = await ask('PUT', `/api/v1/lists/${id}`, body, { headers });
        expect([id, newCategory, put.statusCode]).toEqual([id, newCategory, 403]);
      }
      const url = `/api/v1/lists/${category}`;
      expect((await ask('DELETE', url, undefined, { headers })).statusCode).toBe(403);
    }
    expect((await ask('DELETE', '/api/v1/lists/news', undefined, { headers })).statusCode).toBe(
      200,
    );
    expect((await ask('DELETE', '/api/v1/lists/none', undefined, { headers })).statusCode).toBe(
      404,
    );
  });

  test('after ten wrong tokens in a minute an address has to wait, but not with the right one', async () => {
    let nowMs = 0;
    const { api, admin } = await anApi({ monotonicMs: () => nowMs, wallMs: () => nowMs });
    const knock = async (token: string, remoteAddress: string): Promise<number> => {
      const headers = { host: 'localhost', authorization: `Bearer ${token}` };
      return (await api.inject({ url: PLANS, headers, remoteAddress })).statusCode;
    };
    for (let attempt = 0; attempt < 10; attempt++) {
      expect(await knock(`wrong-${attempt}`, '192.0.2.1')).toBe(401);
    }
    expect(await knock('wrong', '192.0.2.1')).toBe(429);
    expect(await knock('wrong', '192.0.2.2')).toBe(401);
    expect(await knock(admin, '192.0.2.1')).toBe(200);
    expect(await knock('wrong', '192.0.2.1')).toBe(429);
    nowMs += 60_000;
    expect(await knock('wrong', '192.0.2.1')).toBe(401);
  });

  test('only Host names of ours are answered; addresses are', async () => {
    const { ask } = await anApi();
    const status = async (host: string): Promise<number> =>
      (await ask('GET', PLANS, undefined, { headers: { host } })).statusCode;
    expect(await status('gate.example.org:8053')).toBe(200);
    expect(await status('[::1]:8053')).toBe(200);
    expect(await status('192.0.2.1')).toBe(200);
    expect(await status('rebound.example.net')).toBe(421);
    expect(await status('127.0.0.1.example.net')).toBe(421);
  });
});

describe('answers', () => {
  test('a write gives its revision, the resource its ETag', async () => {
    const { ask } = await anApi();
    const put = await ask('PUT', `${PLANS}/kids`, { maxTtlSeconds: 60 });
    expect(put.json()).toMatchObject({ revision: 1, isInForce: false });
    const one = await ask('GET', `${PLANS}/kids`);
    expect(one.headers.etag).toBe('"1"');
    expect(one.json()).toMatchObject({ id: 'kids', maxTtlSeconds: 60, blockingMode: 'nxdomain' });
  });

  test('with wait=true a write answers when it is in force, and says so when it is not', async () => {
    const { ask, controlPlane } = await anApi();
    const put = await ask('PUT', `${PLANS}/kids?wait=true`, {});
    expect(put.json()).toMatchObject({ revision: 1, isInForce: true });
    controlPlane.publishFault = new AppError('COMPILE_LIMIT', 'too many sets');
    const failed = await ask('PUT', `${PLANS}/teens?wait=true`, {});
    expect(failed.statusCode).toBe(503);
    expect(failed.json()).toMatchObject({ code: 'PUBLISH_FAILED' });
    expect(failed.json<{ detail: string }>().detail).toContain('Revision 2 is saved');
  });

  test('a body that is nested without end is refused before anybody looks into it', async () => {
    const { ask } = await anApi();
    const deep = (levels: number): string => `${'['.repeat(levels)}${']'.repeat(levels)}`;
    const headers = { 'content-type': 'application/json', 'idempotency-key': 'k' };
    const refused = expect.stringContaining('valid: up to 32 levels') as unknown;
    for (const [method, url] of [
      ['PUT', `${PLANS}/kids`],
      ['DELETE', `${PLANS}/kids`],
      ['PUT', '/api/v1/subscribers'],
    ] as const) {
      const payload = `{"block":${deep(50_000)}}`;
      const answer = await ask(method, url, undefined, { payload, headers });
      expect([method, answer.statusCode]).toEqual([method, 400]);
      expect(answer.json()).toMatchObject({ code: 'REQUEST_INVALID', detail: refused });
    }
    const apply = (levels: number) =>
      ask('POST', '/api/v1/apply', undefined, { payload: `{"document":${deep(levels)}}`, headers });
    expect((await apply(50_000)).statusCode).toBe(400);
    expect((await apply(32)).statusCode).toBe(400);
    expect((await apply(31)).json()).toMatchObject({ code: 'DOCUMENT_INVALID' });
  });

  test('faults come as problem+json with a code and all of them', async () => {
    const { ask } = await anApi();
    const put = await ask('PUT', `${PLANS}/kids`, { blockingMode: 'no', maxTtlSeconds: 0, x: 1 });
    expect(put.statusCode).toBe(400);
    expect(put.headers['content-type']).toContain('application/problem+json');
    const problem = put.json<{ code: string; faults: string[] }>();
    expect(problem.code).toBe('REQUEST_INVALID');
    expect(problem.faults).toHaveLength(3);
    const semantic = await ask('PUT', `${PLANS}/kids`, { block: ['none'] });
    expect([semantic.statusCode, semantic.json<{ code: string }>().code]).toEqual([
      422,
      'DOCUMENT_INVALID',
    ]);
    expect((await ask('GET', `${PLANS}/none`)).json()).toMatchObject({ code: 'RESOURCE_UNKNOWN' });
    expect((await ask('GET', `${PLANS}/%E0%A4%A`)).json()).toMatchObject({ code: 'BAD_URL' });
    const other = await ask('PUT', `${PLANS}/kids`, { id: 'teens' });
    expect([other.statusCode, other.json<{ code: string }>().code]).toEqual([
      400,
      'REQUEST_INVALID',
    ]);
    expect((await ask('GET', '/api/v1/none')).json()).toMatchObject({ code: 'ROUTE_UNKNOWN' });
  });

  test('bodies that are not JSON, or larger than a megabyte, are refused', async () => {
    const { ask } = await anApi();
    const text = { headers: { 'content-type': 'text/plain' } };
    expect((await ask('PUT', `${PLANS}/kids`, '{}', text)).statusCode).toBe(415);
    const large = { title: 'x'.repeat(1024 * 1024) };
    expect((await ask('PUT', `${PLANS}/kids`, large)).statusCode).toBe(413);
    const json = { headers: { 'content-type': 'application/json' } };
    const poison = '{"__proto__": {"block": []}}';
    expect((await ask('PUT', `${PLANS}/kids`, poison, json)).statusCode).toBe(400);
  });

  test('If-Match keeps an update from being lost, If-None-Match only creates', async () => {
    const { ask } = await anApi();
    const put = async (headers: Record<string, string>): Promise<number> =>
      (await ask('PUT', `${PLANS}/kids`, { title: JSON.stringify(headers) }, { headers }))
        .statusCode;
    expect(await put({ 'if-none-match': '*' })).toBe(200);
    expect(await put({ 'if-none-match': '*' })).toBe(412);
    expect(await put({ 'if-match': '"1"' })).toBe(200);
    expect(await put({ 'if-match': '"1"' })).toBe(412);
    expect(await put({ 'if-match': '*' })).toBe(200);
  });

  test('a precondition that nobody would look at is refused, and so is a key that is none', async () => {
    const { ask, store } = await anApi();
    const writes = [
      ['PUT', '/api/v1/subscribers', { subscribers: [] }],
      ['PUT', '/api/v1/sessions', { upsert: [] }],
      ['POST', '/api/v1/apply', { document: {} }],
      ['PUT', '/api/v1/rules/plan/kids/allow/example.org', undefined],
      ['POST', '/api/v1/tokens', { id: 'x', role: 'reader' }],
      ['DELETE', '/api/v1/tokens/x', undefined],
    ] as const;
    for (const [method, url, body] of writes) {
      for (const [header, value, detail] of [
        ['If-Match', '"1"', 'If-Match is not for this route'],
        ['If-None-Match', '*', 'If-None-Match is not for this route'],
        ['Idempotency-Key', 'a b', expect.stringContaining('without spaces') as unknown],
      ] as const) {
        const answer = await ask(method, url, body, { headers: { [header]: value } });
        expect([url, answer.statusCode, answer.json()]).toMatchObject([
          url,
          400,
          { code: 'REQUEST_INVALID', detail },
        ]);
      }
    }
    expect(store.revision).toBe(0);
  });

  test('a repeated write is the same whether its answer waits or not', async () => {
    const { ask } = await anApi();
    const headers = { 'idempotency-key': 'once' };
    const first = await ask('PUT', `${PLANS}/kids`, {}, { headers });
    expect(first.json()).toMatchObject({ revision: 1, isInForce: false });
    const again = await ask('PUT', `${PLANS}/kids?wait=true`, {}, { headers });
    expect(again.json()).toMatchObject({ revision: 1, isInForce: true });
  });

  test('an Idempotency-Key makes a repeated write one write', async () => {
    const { ask } = await anApi();
    const headers = { 'idempotency-key': 'once' };
    const first = await ask('PUT', `${PLANS}/kids`, {}, { headers });
    await ask('DELETE', `${PLANS}/kids`);
    const second = await ask('PUT', `${PLANS}/kids`, {}, { headers });
    expect(second.json()).toMatchObject({ revision: first.json<{ revision: number }>().revision });
    expect((await ask('GET', `${PLANS}/kids`)).statusCode).toBe(404);
    const other = await ask('PUT', `${PLANS}/teens`, {}, { headers });
    expect(other.json()).toMatchObject({ code: 'IDEMPOTENCY_KEY_REUSED' });
    expect(other.payload).not.toContain('first-admin');
  });

  test('pages follow one another to the end', async () => {
    const { ask } = await anApi();
    const subscribers = Array.from({ length: 25 }, (_, index) => ({
      id: `s-${String(index).padStart(2, '0')}`,
      plan: 'open',
    }));
    await ask('PUT', `${PLANS}/open`, {});
    const bulk = await ask('PUT', '/api/v1/subscribers', { subscribers });
    expect(bulk.json()).toMatchObject({ counts: { subscriber: { create: 25 } } });
    const ids: string[] = [];
    let after: string | null = '';
    for (let pages = 0; after !== null && pages < 10; pages++) {
      const cursor: string = after === '' ? '' : `&after=${after}`;
      const page = (await ask('GET', `/api/v1/subscribers?limit=10${cursor}`)).json<{
        items: { id: string }[];
        next: string | null;
      }>();
      ids.push(...page.items.map((item) => item.id));
      after = page.next;
    }
    expect(ids).toEqual(subscribers.map((subscriber) => subscriber.id));
  });

  test('a cursor that is none is a fault, not the first page', async () => {
    const { ask } = await anApi();
    for (const url of ['/api/v1/audit', '/api/v1/rules', '/api/v1/sessions']) {
      const page = await ask('GET', `${url}?after=later`);
      expect([url, page.statusCode]).toEqual([url, 400]);
      expect(page.json()).toMatchObject({ code: 'REQUEST_INVALID' });
    }
  });

  test('no answer pins browsers to HTTPS, which nobody speaks here', async () => {
    const { ask } = await anApi();
    const { headers } = await ask('GET', PLANS);
    expect(headers).not.toHaveProperty('strict-transport-security');
    expect(headers).toHaveProperty('x-content-type-options', 'nosniff');
  });
});

describe('the routes', () => {
  test('sessions reach the live table, without revision and audit', async () => {
    const { ask, store, controlPlane } = await anApi();
    await store.applyDocument(aDocument(store), { actor: 'tester' });
    const upsert = [{ address: '198.51.100.7', subscriber: 'home-1', ttlSeconds: 3600 }];
    const put = await ask('PUT', '/api/v1/sessions', { upsert, delete: ['198.51.100.8'] });
    expect(put.json()).toEqual({ upserted: 1, deleted: 1 });
    expect(controlPlane.sessionChanges.map(({ profile }) => profile)).toEqual(
      expect.arrayContaining([(await store.subscriber('home-1'))?.number, -1]),
    );
    expect((await ask('GET', '/api/v1/sessions')).json()).toMatchObject({
      items: [{ address: '198.51.100.7/32', subscriber: 'home-1' }],
      next: null,
    });
    expect(store.revision).toBe(1);
  });

  test('a list is uploaded by its SHA-256 and then named by a document', async () => {
    const { ask } = await anApi();
    const content = Buffer.from('bad.example.org\ncom\nco.uk\n');
    const sha256 = createHash('sha256').update(content).digest('hex');
    const url = `/api/v1/list-contents/${sha256}`;
    const headers = { 'content-type': 'application/octet-stream' };
    expect((await ask('GET', url)).statusCode).toBe(404);
    const cut = await ask('PUT', url, content.subarray(0, 5), { headers });
    expect(cut.json()).toMatchObject({ code: 'CONTENT_MISMATCH' });
    expect((await ask('PUT', url)).json()).toMatchObject({ code: 'CONTENT_MISMATCH' });
    expect((await ask('PUT', url, content, { headers })).json()).toEqual({ sha256, octets: 26 });
    // No list has it yet.
    expect((await ask('GET', url)).json()).toMatchObject({ code: 'CONTENT_UNKNOWN' });
    const document = { lists: [{ id: 'a', category: 'news', contentSha256: sha256 }] };
    const applied = await ask('POST', '/api/v1/apply?wait=true', { document });
    expect((await ask('GET', url)).rawPayload).toEqual(content);
    expect(applied.json()).toMatchObject({ revision: 1, isInForce: true, isDryRun: false });
    expect((await ask('GET', '/api/v1/lists/a')).json()).toMatchObject({
      detectedFormat: 'domains',
      report: { entries: 1, refused: { 'single-label': 1, 'public-suffix': 1 } },
    });
    const exported: unknown = (await ask('GET', '/api/v1/export')).json();
    const again = await ask('POST', '/api/v1/apply', { document: exported, prune: true });
    expect(again.json()).toMatchObject({ revision: 1, changes: [] });
  });

  test('a dry run answers with the diff and changes nothing', async () => {
    const { ask } = await anApi();
    const document = { plans: [{ id: 'open' }] };
    const answer = await ask('POST', '/api/v1/apply', { document, dryRun: true });
    expect(answer.json()).toMatchObject({
      isDryRun: true,
      revision: 0,
      changes: [{ kind: 'plan', id: 'open', action: 'create', before: null }],
    });
    expect((await ask('GET', PLANS)).json()).toEqual({ items: [], next: null });
  });

  test('rules are put, listed and removed', async () => {
    const { ask } = await anApi();
    await ask('PUT', `${PLANS}/open`, {});
    const url = '/api/v1/rules/plan/open/deny/bad.example.org';
    expect((await ask('PUT', url)).json()).toMatchObject({ revision: 2 });
    expect((await ask('GET', '/api/v1/rules?owner=plan&ownerId=open')).json()).toEqual({
      items: [{ owner: 'plan', ownerId: 'open', action: 'deny', name: 'bad.example.org' }],
      next: null,
    });
    expect((await ask('DELETE', url)).json()).toMatchObject({ revision: 3 });
    expect((await ask('GET', '/api/v1/rules')).json()).toEqual({ items: [], next: null });
  });

  test('tokens are made, used and removed, and the secret is never shown again', async () => {
    const { ask } = await anApi();
    const made = await ask('POST', '/api/v1/tokens', { id: 'console', role: 'reader' });
    const { secret } = made.json<{ secret: string }>();
    const headers = { authorization: `Bearer ${secret}` };
    expect((await ask('GET', PLANS, undefined, { headers })).statusCode).toBe(200);
    expect((await ask('GET', '/api/v1/tokens')).payload).not.toContain(secret);
    const again = await ask('POST', '/api/v1/tokens', { id: 'console', role: 'reader' });
    expect(again.statusCode).toBe(409);
    for (const id of ['offline', 'first-start', 'shipped-files', 'budget']) {
      const posing = await ask('POST', '/api/v1/tokens', { id, role: 'reader' });
      expect(posing.json()).toMatchObject({ code: 'TOKEN_NAME_RESERVED' });
    }
    expect((await ask('DELETE', '/api/v1/tokens/console')).statusCode).toBe(204);
    expect((await ask('GET', PLANS, undefined, { headers })).statusCode).toBe(401);
  });

  test('audit, explain, status, reload and readiness answer', async () => {
    const { ask, controlPlane } = await anApi();
    await ask('PUT', `${PLANS}/open`, {});
    expect((await ask('GET', '/api/v1/audit')).json()).toMatchObject({
      items: [{ actor: 'first-admin', action: 'create', kind: 'plan', before: null }],
    });
    expect((await ask('GET', '/api/v1/audit/verify')).json()).toMatchObject({ isIntact: true });
    const explain = '/api/v1/explain?name=www.example.org&client=192.0.2.1';
    expect((await ask('GET', explain)).json()).toMatchObject({ type: 'A', decision: 'pass' });
    expect((await ask('GET', '/api/v1/status')).json()).toMatchObject({
      revision: 1,
      counts: { plans: 1 },
    });
    expect((await ask('POST', '/api/v1/reload')).json()).toEqual({ revision: 1 });
    controlPlane.notReadyReason = 'No images were ever compiled.';
    const ready = await ask('GET', '/readyz');
    expect([ready.statusCode, ready.json<{ code: string }>().code]).toEqual([503, 'NOT_READY']);
  });

  test('what each list is good for can be read', async () => {
    const { ask, controlPlane } = await anApi();
    const overlaps = [{ list: 'b', names: 3 }];
    const usage = {
      ...{ list: 'a', category: 'adult', sealed: false, names: 9 },
      ...{ unique: 6, hits: 40, overlaps },
    };
    controlPlane.usage = { lists: [usage], askedNames: 7 };
    const answer = await ask('GET', '/api/v1/lists/usage');
    expect([answer.statusCode, answer.json()]).toEqual([200, { items: [usage], askedNames: 7 }]);
    const reader = await ask('GET', '/api/v1/lists/usage', undefined, {
      headers: await bearerOf(ask, 'reader'),
    });
    expect(reader.statusCode).toBe(200);
  });

  test('metrics carry the samples with their labels', async () => {
    const { ask } = await anApi();
    await ask('GET', PLANS);
    const { payload } = await ask('GET', '/metrics');
    expect(payload).toContain('# TYPE stairgate_queries_total counter');
    expect(payload).toContain('stairgate_queries_total{worker="1"} 4');
    expect(payload).toContain('stairgate_api_requests_total{method="GET",status="2xx"} 1');
  });

  test('the description is OpenAPI 3.1 and has a schema for every body', async () => {
    const { ask } = await anApi();
    const description = (await ask('GET', '/api/docs/json')).json<{
      openapi: string;
      paths: Record<string, { put?: { requestBody?: unknown }; delete?: { responses: object } }>;
    }>();
    expect(description.openapi).toBe('3.1.0');
    expect(description.paths['/api/v1/plans/{id}']?.put?.requestBody).toBeDefined();
    const removed = description.paths['/api/v1/tokens/{id}']?.delete?.responses ?? {};
    expect(Object.keys(removed)).toEqual(['204']);
  });
});
