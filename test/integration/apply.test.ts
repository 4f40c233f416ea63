/**
 * `apply`, `export`, `explain` and the signals against the built server: what a document says is what
 * the next query meets, on every worker, and no change costs a query.
 */

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { aQuery, askUdp, decodeResponse, edesOf, type AskOptions } from '../support/dns-query.ts';
import {
  addressAnswer,
  startFakeUpstream,
  type FakeUpstream,
  type UpstreamQuery,
} from '../support/fake-upstream.ts';
import { freePort, makeFolder, runCommand, TestServer } from '../support/server.ts';
import { apiGet, explain } from './support/api.ts';
import { askEach } from './support/query-stream.ts';
import { readVerdict } from './support/raw-records.ts';

const KIDS = '127.0.0.7';
const TEEN = '127.0.0.9';
const OPEN = '127.0.0.8';
/** Answered by the subscriber of the first start. */
const HOME = '127.0.0.1';

const ADULT = 'bad.example.org\nprobe-zero.example.net\n';
const GAMBLING = '||casino.example.net^\n||both.example.org^\n@@||help.casino.example.net^\n';
const COURT = 'ordered.example.com\n';

const DOCUMENT = `
categories:
  - { id: court, class: law }
lists:
  - { id: adult-a, category: adult, path: ./adult.txt }
  - { id: gambling-a, category: gambling, path: lists/gambling.txt, format: adblock }
  - { id: court-a, category: court, path: ./court.txt }
plans:
  - id: kids
    block: [adult, gambling, bypass]
    allow: [museum.bad.example.org]
    deny: [denied.example.org]
    blockingMode: nxdomain
  - { id: teen, block: [gambling], locked: [adult], blockingMode: zero }
  - { id: open }
subscribers:
  - { id: home-1, plan: kids, timezone: Europe/Minsk, addresses: [${KIDS}/32, "2001:db8:7::/56"] }
  - { id: home-2, plan: teen, addresses: [${TEEN}], allow: [bad.example.org, casino.example.net] }
  - { id: home-3, plan: open, addresses: [${OPEN}] }
`;

let folder: string;
let upstream: FakeUpstream;

beforeAll(async () => {
  folder = await makeFolder();
  await mkdir(join(folder, 'lists'));
  await writeFile(join(folder, 'adult.txt'), ADULT);
  await writeFile(join(folder, 'lists/gambling.txt'), GAMBLING);
  await writeFile(join(folder, 'court.txt'), COURT);
  upstream = await startFakeUpstream((query) => addressAnswer(query, '192.0.2.1'));
});

beforeEach(() => {
  upstream.use((query) => addressAnswer(query, '192.0.2.1'));
});

afterAll(async () => {
  await upstream.close();
  await rm(folder, { recursive: true, force: true });
});

function startServer(options: { dataDir?: string; workers?: number; config?: string } = {}) {
  return TestServer.start({ upstream: endpoint(), workers: 1, ...options });
}

function endpoint(): string {
  return `${upstream.address}:${upstream.port}`;
}

async function applyText(server: TestServer, text: string, ...flags: string[]) {
  const path = join(folder, 'document.yaml');
  await writeFile(path, text);
  return server.run('apply', path, ...flags);
}

async function verdictOf(port: number, name: string, options: AskOptions = {}) {
  const query = aQuery().name(name).edns().build();
  const response = decodeResponse(await askUdp(port, query, options));
  return { response, rcode: response.rcode, ede: edesOf(response)[0] ?? null };
}

/** Blocked with this text, or null. */
async function blockOf(port: number, name: string, from: string): Promise<string | null> {
  const { rcode, ede } = await verdictOf(port, name, { from });
  return rcode === 'NXDOMAIN' ? (ede?.text ?? null) : null;
}

/** What a refused change must leave alone. */
async function stateOf(server: TestServer): Promise<{ exported: unknown; revision: number }> {
  const exported = await apiGet<unknown>(server, '/export');
  const status = await apiGet<{ revision: number; revisionInForce: number }>(server, '/status');
  expect(status.revisionInForce).toBe(status.revision);
  return { exported, revision: status.revision };
}

/** Workers that die are replaced, so their death must be looked for. */
async function expectSound(server: TestServer): Promise<void> {
  const status = await apiGet<{ workers: { state: string; restarts: number }[] }>(
    server,
    '/status',
  );
  expect(status.workers.filter(({ state }) => state !== 'serving')).toEqual([]);
  expect(status.workers.filter(({ restarts }) => restarts > 0)).toEqual([]);
  expect(server.log).not.toMatch(/"level":(?:50|60)/);
}

describe('apply before the first start', { timeout: 60_000 }, () => {
  test('needs no server and no token, and the first packet is decided by it', async () => {
    const dataDir = join(await makeFolder(), 'data');
    try {
      const path = join(folder, 'first.yaml');
      await writeFile(path, DOCUMENT);
      const admin = `127.0.0.1:${await freePort()}`;
      const result = await runCommand(['apply', path, '--data-dir', dataDir, '--admin', admin]);
      expect(result.stderr).toBe('');
      expect(result.code).toBe(0);
      expect(result.stdout).toContain('from the next start on');

      await using server = await startServer({ dataDir });
      expect(await blockOf(server.port, 'bad.example.org', KIDS)).toBe(
        'Filtered: Adult content (plan kids)',
      );
      expect((await verdictOf(server.port, 'bad.example.org', { from: OPEN })).rcode).toBe(
        'NOERROR',
      );
    } finally {
      await rm(join(dataDir, '..'), { recursive: true, force: true });
    }
  });

  test('a bad document leaves a folder in which the first start is as ever', async () => {
    const dataDir = join(await makeFolder(), 'data');
    try {
      const path = join(folder, 'bad-first.yaml');
      await writeFile(path, 'plans:\n  - { id: kids, block: [nonsense] }\n');
      const admin = `127.0.0.1:${await freePort()}`;
      const result = await runCommand(['apply', path, '--data-dir', dataDir, '--admin', admin]);
      expect(result.code).toBe(1);
      expect(result.stderr).toContain('"nonsense"');
      await using server = await startServer({ dataDir });
      const plans = await apiGet<{ items: { id: string }[] }>(server, '/plans');
      expect(plans.items.map(({ id }) => id)).toEqual(['family']);
    } finally {
      await rm(join(dataDir, '..'), { recursive: true, force: true });
    }
  });
});

describe('apply against a running server', { timeout: 60_000 }, () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer({ workers: 2 });
  });

  afterAll(async () => {
    await expectSound(server);
    await server[Symbol.asyncDispose]();
  });

  test('--dry-run shows the change and changes nothing', async () => {
    const before = await stateOf(server);
    const result = await applyText(server, DOCUMENT, '--dry-run');
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain('+ plan kids');
    expect(result.stdout).toContain('would change: ');
    expect(await stateOf(server)).toEqual(before);
    expect((await verdictOf(server.port, 'bad.example.org', { from: KIDS })).rcode).toBe('NOERROR');
  });

  test('the document is in force when apply returns, and again it changes nothing', async () => {
    const result = await applyText(server, DOCUMENT);
    expect(result).toMatchObject({ code: 0, stderr: '' });
    expect(result.stdout).toContain('in force on all workers');
    expect(await blockOf(server.port, 'bad.example.org', KIDS)).toBe(
      'Filtered: Adult content (plan kids)',
    );
    const before = await stateOf(server);
    const again = await applyText(server, DOCUMENT);
    expect(again.stdout).toContain('changed: nothing');
    expect(await stateOf(server)).toEqual(before);
  });

  test('export writes a document that changes nothing, here and, pruning, elsewhere', async () => {
    const before = await stateOf(server);
    const path = join(folder, 'exported.yaml');
    await server.run('export', '--output', path);
    expect(parse(await readFile(path, 'utf8'))).toEqual(before.exported);
    for (const flags of [[], ['--prune']]) {
      const result = await server.run('apply', path, ...flags);
      expect(result, flags.join('')).toMatchObject({ code: 0, stderr: '' });
      expect(result.stdout).toContain('changed: nothing');
    }
    expect(await stateOf(server)).toEqual(before);
  });

  test('explain agrees with what the server answers', async () => {
    const names = [
      ...[
        'bad.example.org',
        'www.bad.example.org',
        'museum.bad.example.org',
        'a.museum.bad.example.org',
      ],
      ...['casino.example.net', 'help.casino.example.net', 'x.help.casino.example.net'],
      ...[
        'both.example.org',
        'denied.example.org',
        'sub.denied.example.org',
        'ordered.example.com',
      ],
      ...['www.ordered.example.com', 'www.example.org', 'example.net', 'xn--bcher-kva.example.org'],
      ...[
        'localhost',
        'a.test',
        '1.0.0.127.in-addr.arpa',
        'use-application-dns.net',
        'pornhub.com',
      ],
      ...['childline.org.uk', 'gamblersanonymous.org', '_resolver.resolver.arpa'],
    ];
    const seen = new Set<string>();
    for (const from of [KIDS, TEEN, OPEN, HOME]) {
      for (const name of names) {
        const why = await explain(server, name, from);
        const { response, rcode, ede } = await verdictOf(server.port, name, { from });
        const answer = {
          decision: decisionOf(response.answers, rcode, ede),
          code: ede?.code ?? null,
          text: ede?.text ?? null,
        };
        const isBlock = why.decision === 'block';
        expect(answer, `${name} from ${from}: ${JSON.stringify(why)}`).toEqual({
          decision: why.decision,
          code: isBlock ? why.edeCode : null,
          text: isBlock ? why.reason.replace(/\.$/, '') : null,
        });
        seen.add(`${why.decision} ${why.row}`);
      }
    }
    // The sample meets every row that there is.
    expect([...seen].sort()).toEqual(
      ['block 1', 'block 3', 'block 4', 'block 8', 'block 9']
        .concat(['local 3', 'pass 12', 'pass 2', 'pass 8'])
        .sort(),
    );
  });

  test('a bad document is refused with every fault, and nothing changes', async () => {
    const before = await stateOf(server);
    const result = await applyText(
      server,
      `
colour: blue
categories:
  - { id: court, class: police }
lists:
  - { id: far, category: adult, url: "http://lists.example.org/a.txt" }
  - { id: far, category: adult }
plans:
  - { id: kids, block: [nonsense], blockingMode: vanish }
  - { id: teen, block: [nowhere], allow: ["not a name"] }
  - { id: third, blockingMode: address }
subscribers:
  - { id: home-4, plan: missing, timezone: Mars/Olympus, addresses: [192.0.2.300] }
  - { id: home-5, plan: open, addresses: [${KIDS}] }
  - { id: home-6, plan: open, addresses: [192.0.2.1/8] }
`,
    );
    expect(result.code).toBe(1);
    expect(result.stdout).toBe('');
    for (const fault of [
      'unknown colour',
      'categories[0].class: "police"',
      'lists[0].url: "http://lists.example.org/a.txt"',
      'lists[1]',
      'plans[0].blockingMode: "vanish"',
      '"nowhere"',
      'plans[1].allow[0]: "not a name"',
      'plans[2].blockingMode',
      'there is no plan "missing"',
      '"Mars/Olympus"',
      '"192.0.2.300"',
      KIDS,
      '"192.0.2.1/8"',
    ]) {
      expect(result.stderr).toContain(fault);
    }
    expect(await stateOf(server)).toEqual(before);
    expect(await blockOf(server.port, 'bad.example.org', KIDS)).toBe(
      'Filtered: Adult content (plan kids)',
    );
  });

  test('one bad resource among good ones holds all of them back', async () => {
    const before = await stateOf(server);
    const good = '  - { id: fresh, block: [adult] }\n';
    const bad = '  - { id: stale, block: [adult, nowhere] }\n';
    const result = await applyText(server, `plans:\n${good}${bad}`);
    expect(result.code).toBe(1);
    expect(result.stderr).toContain('plans[1].block: there is no category "nowhere"');
    expect(await stateOf(server)).toEqual(before);
  });

  test.each([
    [
      'a file that is not there',
      '{ id: x, category: adult, path: ./none.txt }',
      /lists\[0\]\.path.*none\.txt/,
    ],
    ['a folder', '{ id: x, category: adult, path: ./lists }', /lists\[0\]\.path.*EISDIR/],
    ['a web page', '{ id: x, category: adult, path: ./page.txt }', /web page/],
    ['an empty file', '{ id: x, category: adult, path: ./empty.txt }', /empty/],
    ['only public suffixes', '{ id: x, category: adult, path: ./suffixes.txt }', /public-suffix/],
    [
      'an address without https',
      '{ id: x, category: adult, url: "http://192.0.2.1/" }',
      /lists\[0\]\.url.*allowHttp/,
    ],
    [
      'a format that does not exist',
      '{ id: x, category: adult, path: ./adult.txt, format: csv }',
      /csv.*domains, hosts/,
    ],
  ])('a list of %s is refused with the reason, and nothing changes', async (_, list, reason) => {
    await writeFile(join(folder, 'page.txt'), '<!doctype html><p>bad.example.org</p>\n');
    await writeFile(join(folder, 'empty.txt'), '');
    await writeFile(join(folder, 'suffixes.txt'), 'com\nco.uk\norg\n');
    const before = await stateOf(server);
    const result = await applyText(server, `lists:\n  - ${list}\n`);
    expect(result.code).toBe(1);
    expect(result.stderr).toMatch(reason);
    expect(await stateOf(server)).toEqual(before);
  });

  test('the server itself opens no file that a document names', async () => {
    const before = await stateOf(server);
    const token = (await readFile(join(server.dataDir, 'admin.token'), 'utf8')).trim();
    for (const path of ['/etc/hostname', '../admin.token', join(folder, 'adult.txt')]) {
      const document = { lists: [{ id: 'x', category: 'adult', path }] };
      const response = await fetch(`http://${server.admin}/api/v1/apply`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        body: JSON.stringify({ document }),
      });
      expect(response.status).toBe(422);
      expect(await response.text()).toContain('lists[0].path');
    }
    expect(await stateOf(server)).toEqual(before);
  });

  test('what is no YAML, or no document, is refused', async () => {
    const before = await stateOf(server);
    for (const text of ['plans: [', '- a\n- b\n', 'plans: 7\n', 'a: 1\na: 2\n']) {
      const result = await applyText(server, text);
      expect(result.code, text).toBe(1);
      expect(result.stderr, text).toMatch(/^stairgate: /);
    }
    expect(await stateOf(server)).toEqual(before);
  });

  test('--prune removes what its sections do not name, counts first, and spares the other sections', async () => {
    const document = `
plans:
  - { id: kids, block: [adult] }
subscribers:
  - { id: home-1, plan: kids, addresses: [${KIDS}] }
`;
    const dry = await applyText(server, document, '--prune', '--dry-run');
    expect(dry.stdout).toContain('- plan teen');
    expect(await blockOf(server.port, 'casino.example.net', KIDS)).not.toBeNull();
    const result = await applyText(server, document, '--prune');
    expect(result).toMatchObject({ code: 0, stderr: '' });
    const [planned, done] = [
      result.stdout.indexOf('would change: '),
      result.stdout.indexOf('changed: '),
    ];
    expect(planned).toBeGreaterThanOrEqual(0);
    expect(done).toBeGreaterThan(planned);
    expect(result.stdout).toMatch(/1 plan updated, 3 plans removed/);
    const plans = await apiGet<{ items: { id: string }[] }>(server, '/plans');
    expect(plans.items.map(({ id }) => id)).toEqual(['kids']);
    const lists = await apiGet<{ items: { id: string }[] }>(server, '/lists');
    expect(lists.items.map(({ id }) => id)).toEqual(
      expect.arrayContaining(['adult-a', 'builtin-adult', 'gambling-a']),
    );
    expect(await blockOf(server.port, 'bad.example.org', KIDS)).toBe(
      'Filtered: Adult content (plan kids)',
    );
    expect(await blockOf(server.port, 'casino.example.net', KIDS)).toBeNull();
    // Known by the access prefixes, but nobody's subscriber now.
    const stranger = await verdictOf(server.port, 'www.example.org', { from: OPEN });
    expect(stranger).toMatchObject({ rcode: 'REFUSED', ede: { code: 18 } });
    expect(await explain(server, 'www.example.org', OPEN)).toMatchObject({ decision: 'refuse' });
  });
});

describe('a change under load', { timeout: 120_000 }, () => {
  test('when apply returns, 200 queries from as many ports all meet the new state', async () => {
    await using server = await startServer({ workers: 2 });
    for (let round = 0; round < 6; round++) {
      const isBlocked = round % 2 === 0;
      const block = isBlocked ? '[adult]' : '[]';
      const result = await applyText(
        server,
        `${listOf(round)}plans: [{ id: kids, block: ${block} }]\n${subscriberOf('kids')}`,
      );
      expect(result).toMatchObject({ code: 0, stderr: '' });
      const name = `bad.example.org`;
      const answers = await Promise.all(
        Array.from({ length: 200 }, () =>
          verdictOf(server.port, name, { from: KIDS, timeoutMs: 15_000 }),
        ),
      );
      const expected = isBlocked ? 'NXDOMAIN' : 'NOERROR';
      expect(answers.filter(({ rcode }) => rcode !== expected)).toEqual([]);
    }
    await expectSound(server);
  });

  /** A list whose content is new each time, so that both images change. */
  function listOf(round: number): string {
    const path = `./adult-${round % 3}.txt`;
    return `lists: [{ id: adult-a, category: adult, path: ${path}, gate: { shrinkPercentMax: 100 } }]\n`;
  }

  /** The state under which the load's names are right. */
  async function startKids(server: TestServer): Promise<void> {
    const plans = 'plans: [{ id: kids, block: [adult] }]\n';
    const result = await applyText(server, `${listOf(0)}${plans}${subscriberOf('kids')}`);
    expect(result).toMatchObject({ code: 0, stderr: '' });
  }

  beforeAll(async () => {
    for (let round = 0; round < 3; round++) {
      await writeFile(join(folder, `adult-${round}.txt`), `${ADULT}round-${round}.example.org\n`);
    }
  });

  test('SIGHUP takes the new configuration and costs no query', async () => {
    const configOf = (address: string): string =>
      `records: [{ name: printer.example.org, type: A, value: ${address} }]\n`;
    await using server = await startServer({ workers: 2, config: configOf('192.0.2.10') });
    await startKids(server);
    const load = startLoad(server.port);
    try {
      for (let round = 1; round <= 4; round++) {
        const address = `192.0.2.${10 + round}`;
        await writeFile(join(server.dataDir, 'test-config.yaml'), configOf(address));
        server.process.kill('SIGHUP');
        await until(() => countOf(server.log, '"msg":"reloaded"') === round);
        const { response } = await verdictOf(server.port, 'printer.example.org', { from: KIDS });
        expect(response.answers[0]).toMatchObject({ data: address });
      }
    } finally {
      load.stop();
    }
    await expectNothingLost(load.ended, server);
  });

  test('a configuration that is not valid leaves the old one in force', async () => {
    const valid = 'records: [{ name: printer.example.org, type: A, value: 192.0.2.10 }]\n';
    await using server = await startServer({ config: valid });
    await writeFile(join(server.dataDir, 'test-config.yaml'), 'records: 7\ncolour: blue\n');
    server.process.kill('SIGHUP');
    await until(() => server.log.includes('reloading failed'));
    expect(server.log).toContain('colour');
    const { response } = await verdictOf(server.port, 'printer.example.org');
    expect(response.answers[0]).toMatchObject({ data: '192.0.2.10' });
  });

  test('apply under load costs no query, and no answer is of neither state', async () => {
    await using server = await startServer({ workers: 2 });
    await startKids(server);
    const load = startLoad(server.port);
    try {
      for (let round = 1; round < 4; round++) {
        const result = await applyText(server, listOf(round));
        expect(result).toMatchObject({ code: 0, stderr: '' });
      }
    } finally {
      load.stop();
    }
    await expectNothingLost(load.ended, server);
  });

  test('SIGTERM answers what is in flight and exits 0', async () => {
    await using server = await startServer({ workers: 2 });
    const late = (query: UpstreamQuery) => [{ bytes: addressAnswer(query), delayMs: 1000 }];
    upstream.use(late);
    const before = upstream.queries.length;
    const inFlight = Array.from({ length: 30 }, (_, index) =>
      verdictOf(server.port, `in-flight-${index}.example.org`, { timeoutMs: 15_000 }),
    );
    await until(() => upstream.queries.length - before >= inFlight.length);
    const stopped = server.stop();
    const answers = await Promise.all(inFlight);
    expect(answers.filter(({ rcode }) => rcode !== 'NOERROR')).toEqual([]);
    expect(await stopped).toBe(0);
    expect(server.log).toContain('"msg":"stopped"');
  });
});

function subscriberOf(plan: string): string {
  return `subscribers: [{ id: home-1, plan: ${plan}, addresses: [${KIDS}] }]\n`;
}

/** What the answer itself shows of the decision: only upstream says 192.0.2.1. */
function decisionOf(
  answers: readonly object[],
  rcode: string,
  ede: { code: number } | null,
): string {
  if (answers.some((answer) => 'data' in answer && answer.data === '192.0.2.1')) return 'pass';
  if (rcode === 'REFUSED') return 'refuse';
  return ede === null ? 'local' : 'block';
}

interface LoadReport {
  asked: number;
  answered: number;
  /** Not answered within ten seconds. */
  lost: number;
  wrong: string[];
}

const LOAD_NAMES = ['bad.example.org', 'cached.example.org'];

/** Blocked, cached and fresh names in turn, a few in flight, until it is stopped. */
function startLoad(port: number): { stop(): void; ended: Promise<LoadReport> } {
  const state = { isStopped: false };
  const report: LoadReport = { asked: 0, answered: 0, lost: 0, wrong: [] };
  const nameAt = (index: number): string =>
    LOAD_NAMES[index % 3] ?? `fresh-${report.asked + index}.example.org`;
  const run = async (): Promise<LoadReport> => {
    while (!state.isStopped) {
      const count = 90;
      const batch = await askEach({
        port,
        from: KIDS,
        sockets: 6,
        window: 3,
        count,
        nameAt,
        retryAfterMs: 10_000,
        onResponse: (index, response) => {
          const { rcode, ede } = readVerdict(response);
          const isBlocked = nameAt(index) === LOAD_NAMES[0];
          const expected = isBlocked ? '3 17 Filtered: Adult content (plan kids)' : '0 ';
          if (`${rcode} ${ede ?? ''}` !== expected) report.wrong.push(`${nameAt(index)}: ${rcode}`);
        },
      });
      report.asked += count;
      report.answered += batch.answered;
      report.lost += batch.retries;
    }
    return report;
  };
  const ended = run();
  // Awaited at the end of the test, which may have failed before.
  ended.catch(() => undefined);
  return {
    stop: () => {
      state.isStopped = true;
    },
    ended,
  };
}

async function expectNothingLost(ended: Promise<LoadReport>, server: TestServer): Promise<void> {
  const { asked, answered, lost, wrong } = await ended;
  await expectSound(server);
  expect(asked).toBeGreaterThan(200);
  expect({ answered, lost, wrong: wrong.slice(0, 10) }).toEqual({
    answered: asked,
    lost: 0,
    wrong: [],
  });
}

function countOf(text: string, part: string): number {
  return text.split(part).length - 1;
}

async function until(isTrue: () => boolean, waitMs = 15_000): Promise<void> {
  const deadline = Date.now() + waitMs;
  while (!isTrue()) {
    if (Date.now() > deadline) throw new Error('What was waited for did not happen');
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
