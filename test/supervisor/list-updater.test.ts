import { createHash } from 'node:crypto';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { describe, expect, it, onTestFinished } from 'vitest';
import { AppError } from '../../src/lib/errors.ts';
import { ListContents } from '../../src/store/list-contents.ts';
import type { ListState } from '../../src/store/list-states.ts';
import type { Proposal } from '../../src/store/list-propose.ts';
import type { ListVersion } from '../../src/store/list-version-rows.ts';
import type { ContentProposal, ListSourceRow } from '../../src/store/list-versions.ts';
import { ListUpdater, type ListUpdaterOptions } from '../../src/supervisor/list-updater.ts';
import { TestClock } from '../api/support.ts';
import { headOf, type ListScript, serve, startListServer } from '../support/list-server.ts';

const LIST = 'one.example.org\ntwo.example.org\n';
const DAY = 86_400;
const TIMES = { headerMs: 2_000, totalMs: 5_000, paceMs: 2_000, bytesPerSecondMin: 1 };

type Record = ListSourceRow['stored']['record'];
type Verdict = Partial<Proposal> & Pick<Proposal, 'outcome'>;

/** Lists as the store keeps them, with a gate that says what the test wants. */
class FakeLists {
  readonly rows = new Map<string, ListSourceRow>();
  readonly proposals: { actor: string; list: string; source: string; text: string }[] = [];
  stateWrites = 0;
  held: Partial<ListVersion>[] = [];
  verdict: (text: string) => Verdict = () => ({ outcome: 'in-force', version: 1 });
  readonly #contents: ListContents;

  constructor(contents: ListContents) {
    this.#contents = contents;
  }

  add(record: Partial<Record> & { id: string }, state: Partial<ListState> = {}): void {
    const kind = record.file === undefined ? 'url' : 'file';
    const before = this.rows.get(record.id);
    this.rows.set(record.id, {
      kind,
      stored: {
        ...before?.stored,
        record: { category: 'adult', allowHttp: true, ...record },
        contentSha256: before?.stored.contentSha256 ?? '',
      } as ListSourceRow['stored'],
      state: { failures: 0, lastError: null, ...before?.state, ...state },
    });
  }

  stateOf(id: string): ListState {
    return this.rows.get(id)!.state;
  }

  sources(): Promise<readonly ListSourceRow[]> {
    return Promise.resolve([...this.rows.values()]);
  }

  versions({ list }: { readonly list?: string }): Promise<ListVersion[]> {
    const found = this.held.filter((one) => list === undefined || one.list === list);
    return Promise.resolve(found as ListVersion[]);
  }

  writeState(id: string, state: ListState): Promise<void> {
    this.stateWrites++;
    const row = this.rows.get(id);
    if (row !== undefined) this.rows.set(id, { ...row, state });
    return Promise.resolve();
  }

  propose(
    { actor }: { readonly actor: string },
    { list, contentSha256, source, isStillSource }: ContentProposal,
  ): Promise<Proposal> {
    const row = this.rows.get(list);
    if (row === undefined || isStillSource?.(row.stored.record) === false)
      return Promise.reject(new AppError('RESOURCE_UNKNOWN', 'gone'));
    const text = readFileSync(this.#contents.pathOf(contentSha256), 'utf8');
    this.proposals.push({ actor, list, source, text });
    const verdict = this.verdict(text);
    if (verdict.outcome === 'in-force') {
      this.rows.set(list, { ...row, stored: { ...row.stored, contentSha256 } });
    }
    const rest = { version: null, revision: 1, report: null, findings: null };
    return Promise.resolve({ ...rest, popular: [], reasons: [], ...verdict });
  }
}

interface Under {
  readonly updater: ListUpdater;
  readonly lists: FakeLists;
  readonly clock: TestClock;
  readonly logged: string[];
  readonly published: () => number;
  readonly folder: string;
  readonly files: () => readonly string[];
  /** Looks once, and waits for what that starts. */
  readonly look: () => Promise<void>;
  /** Another one over the same store, as after a restart. */
  readonly restarted: () => ListUpdater;
}

function anUpdater(options: Partial<ListUpdaterOptions> = {}): Under {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-updater-'));
  mkdirSync(join(folder, 'lists'));
  const contents = new ListContents(folder);
  const lists = new FakeLists(contents);
  const clock = new TestClock();
  const logged: string[] = [];
  const line = (level: string) => (details: object, message: string) => {
    logged.push(`${level} ${message} ${JSON.stringify(details)}`);
  };
  let published = 0;
  const make = (): ListUpdater => {
    const updater = new ListUpdater({
      lists,
      contents,
      config: () => ({
        lists: {
          ...{ folders: [folder], allowPrivate: true, bytesMax: 1_000_000 },
          ...{ notify: [], tsigKeys: [] },
        },
        upstreams: [],
        zones: [],
      }),
      publish: () => {
        published++;
        return Promise.resolve();
      },
      lookProgress: () => null,
      times: TIMES,
      clock,
      log: { info: line('info'), warn: line('warn'), error: line('error') },
      random: () => 0.5,
      ...options,
    });
    onTestFinished(() => updater.stop());
    return updater;
  };
  const updater = make();
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    updater,
    lists,
    clock,
    logged,
    published: () => published,
    folder,
    files: () => readdirSync(join(folder, 'lists')),
    look: async () => {
      await updater.look();
      await updater.settled();
    },
    restarted: make,
  };
}

describe('a list with an address', () => {
  it('that is new is fetched at once, proposed, and put in force', async () => {
    await using server = await startListServer(serve(LIST, { etag: '"v1"' }));
    const { look, lists, published, logged, clock, updater } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/ads.txt?key=secret') });
    await look();
    expect(lists.proposals).toEqual([
      { actor: 'list updates', list: 'ads', source: server.url('/ads.txt'), text: LIST },
    ]);
    expect(published()).toBe(1);
    const now = clock.nowMs / 1000;
    expect(lists.stateOf('ads')).toEqual({
      url: server.url('/ads.txt?key=secret'),
      etag: '"v1"',
      checkedAt: now,
      nextAt: now + DAY,
      failures: 0,
      lastError: null,
    });
    expect(logged).toEqual(['info a list was updated {"list":"ads","version":1,"entries":null}']);
    expect(await updater.state('ads')).toMatchObject({
      source: server.url('/ads.txt'),
      phase: 'idle',
      run: 1,
      progress: null,
      checkedAt: '2026-11-22T12:00:00.000Z',
      nextAt: '2026-11-23T12:00:00.000Z',
      last: { outcome: 'in-force', version: 1 },
    });
  });

  it('is left alone until its time, by a restarted server too, and then asked for changes', async () => {
    await using server = await startListServer(serve(LIST, { etag: '"v1"' }));
    const { look, lists, clock, restarted, published } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/'), updateSeconds: 3_600 });
    await look();
    const asked = server.requests.length;
    clock.nowMs += 3_599_000;
    await look();
    const second = restarted();
    await second.look();
    await second.settled();
    expect(server.requests).toHaveLength(asked);
    clock.nowMs += 1_000;
    await second.look();
    await second.settled();
    expect(server.requests.at(-1)!.headers['if-none-match']).toBe('"v1"');
    expect(lists.proposals).toHaveLength(1);
    expect(published()).toBe(1);
    expect(lists.stateOf('ads')).toMatchObject({
      etag: '"v1"',
      checkedAt: clock.nowMs / 1000,
      nextAt: clock.nowMs / 1000 + 3_600,
    });
  });

  it('that got another address is fetched at once, whatever the old one said', async () => {
    await using server = await startListServer(serve(LIST, { etag: '"v1"' }));
    const { look, lists } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/old') });
    await look();
    lists.add({ id: 'ads', url: server.url('/new') });
    await look();
    const [last] = server.requests.filter(({ method }) => method === 'GET').slice(-1);
    expect(last).toMatchObject({ path: '/new' });
    expect(last!.headers['if-none-match']).toBeUndefined();
  });

  it('that was a zone until now is fetched at once, and keeps nothing of what the zone gave', async () => {
    await using server = await startListServer(serve(LIST, { etag: '"v1"' }));
    const { look, lists, clock } = anUpdater();
    const nowSeconds = clock.nowMs / 1000;
    // As a zone that no primary has given yet leaves it.
    const state = { nextAt: nowSeconds + DAY, failures: 3, lastError: 'ECONNREFUSED' };
    lists.add({ id: 'ads', url: server.url('/ads') }, state);
    await look();
    expect(lists.proposals.map(({ text }) => text)).toEqual([LIST]);
    expect(lists.stateOf('ads')).toMatchObject({ failures: 0, lastError: null, etag: '"v1"' });
  });

  it('whose new address fails is tried again later, each time twice as late', async () => {
    await using server = await startListServer(serve(LIST, { etag: '"v1"' }));
    const { look, lists, clock, restarted } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/old') });
    await look();
    server.use((_request, socket) => {
      socket.end(headOf('404 Not Found', { 'content-length': 0 }));
    });
    lists.add({ id: 'ads', url: server.url('/new') });
    const waits: number[] = [];
    for (let failures = 1; failures <= 3; failures++) {
      await look();
      await look();
      const { nextAt, failures: counted } = lists.stateOf('ads');
      expect(counted).toBe(failures);
      waits.push(nextAt! - clock.nowMs / 1000);
      const again = restarted();
      await again.look();
      await again.settled();
      clock.nowMs = nextAt! * 1000;
    }
    expect(waits).toEqual([45, 90, 180]);
    expect(server.requests.filter(({ path }) => path === '/new')).toHaveLength(3);
    lists.add({ id: 'ads', url: server.url('/newest') });
    await look();
    expect(lists.stateOf('ads').failures, 'of another address').toBe(1);
    // What it has came from elsewhere, whatever the server says without being asked.
    server.use((_request, socket) => {
      socket.end(headOf('304 Not Modified', { etag: '"v1"' }));
    });
    clock.nowMs = lists.stateOf('ads').nextAt! * 1000;
    await look();
    expect(lists.stateOf('ads')).toMatchObject({ failures: 2 });
    expect(lists.stateOf('ads').lastError).toContain('304');
    server.use(serve(LIST, { etag: '"v1"' }));
    lists.add({ id: 'ads', url: server.url('/old') });
    await look();
    expect(lists.stateOf('ads')).toMatchObject({ failures: 0, etag: '"v1"' });
  });

  it('whose new address fails does not keep others from their turn', async () => {
    await using server = await startListServer((request, socket) => {
      if (request.path === '/good') return serve(LIST)(request, socket);
      return socket.end(headOf('404 Not Found', { 'content-length': 0 }));
    });
    const { look, lists } = anUpdater();
    for (const id of ['a', 'b', 'c']) lists.add({ id, url: server.url(`/${id}`) }, { url: 'old' });
    lists.add({ id: 'ours', url: server.url('/good') }, { nextAt: 1 });
    await look();
    expect(lists.proposals).toMatchObject([{ list: 'ours' }]);
    expect(server.requests).toHaveLength(4);
  });

  it('whose content is not there any more is fetched whole', async () => {
    await using server = await startListServer(serve(LIST, { etag: '"v1"' }));
    const { look, lists, clock, folder, files } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/') });
    await look();
    for (const file of files()) rmSync(join(folder, 'lists', file));
    clock.nowMs += DAY * 1_000;
    await look();
    expect(files()).toHaveLength(1);
  });

  it('whose content a sealed list has deleted before it was proposed is fetched once more', async () => {
    await using server = await startListServer(serve(LIST));
    const { look, lists } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/') });
    let refusals = 0;
    lists.verdict = () => {
      if (refusals++ === 0) throw new AppError('CONTENT_UNKNOWN', 'There is no content "1"');
      return { outcome: 'in-force', version: 1 };
    };
    await look();
    expect(lists.proposals).toHaveLength(2);
    expect(lists.stateOf('ads')).toMatchObject({ failures: 0, lastError: null });
  });

  it('that is held is told, and not fetched again before its time', async () => {
    await using server = await startListServer(serve(LIST, { etag: '"v2"' }));
    const { look, lists, logged, published, updater } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/') });
    lists.verdict = () => ({
      outcome: 'held',
      version: 2,
      reasons: ['40 % fewer names', 'google.com is well known'],
    });
    await look();
    await look();
    expect(lists.proposals).toHaveLength(1);
    expect(published()).toBe(0);
    expect(lists.stateOf('ads')).toMatchObject({ etag: '"v2"', failures: 0, lastError: null });
    expect(logged).toEqual([
      'warn an update of a list is held: 40 % fewer names; google.com is well known {"list":"ads","version":2}',
    ]);
    expect((await updater.state('ads')).last).toMatchObject({
      outcome: 'held',
      reasons: ['40 % fewer names', 'google.com is well known'],
    });
  });

  it('that has nothing new still says what waits', async () => {
    await using server = await startListServer(serve(LIST, { etag: '"v1"' }));
    const { look, lists, clock, updater } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/') });
    await look();
    const report = { entries: 9, duplicates: 2 } as ListVersion['report'];
    lists.held = [{ list: 'ads', version: 2, reasons: ['40 % fewer names'], report }];
    clock.nowMs += 2 * DAY * 1_000;
    await look();
    expect(server.requests.at(-1)!.headers['if-none-match']).toBe('"v1"');
    expect((await updater.state('ads')).last).toMatchObject({
      outcome: 'held',
      version: 2,
      entries: 7,
      reasons: ['40 % fewer names'],
    });
    expect(updater.samples().at(-1)).toMatchObject({
      name: 'stairgate_list_versions_held',
      value: 1,
    });
  });

  it('that was removed meanwhile leaves nothing behind', async () => {
    const { look, lists, logged, updater } = anUpdater();
    await using server = await startListServer((request, socket) => {
      lists.rows.clear();
      serve(LIST)(request, socket);
    });
    lists.add({ id: 'ads', url: server.url('/') });
    await look();
    expect([lists.stateWrites, logged]).toEqual([0, []]);
    await look();
    await expect(updater.state('ads')).rejects.toThrow(
      expect.objectContaining({ code: 'LIST_WITHOUT_SOURCE' }) as Error,
    );
  });
});

describe('a list whose source changes while it is fetched', () => {
  it('does not get the content of the old one, and is fetched from the new one', async () => {
    const { look, lists, logged, updater } = anUpdater();
    await using server = await startListServer((request, socket) => {
      if (request.path === '/old') lists.add({ id: 'ads', url: server.url('/new') });
      serve(`${request.path.slice(1)}.example.org\n`)(request, socket);
    });
    lists.add({ id: 'ads', url: server.url('/old') });
    await look();
    expect([lists.proposals, lists.stateWrites, logged]).toEqual([[], 0, []]);
    expect(await updater.state('ads')).toMatchObject({ phase: 'idle', run: 1, failures: 0 });
    await look();
    expect(server.requests.map(({ path }) => path)).toEqual(['/old', '/new']);
    expect(lists.proposals).toMatchObject([{ text: 'new.example.org\n' }]);
    expect((await updater.state('ads')).run).toBe(2);
  });

  it.each([
    ['a new address, failed', '/new', '404 Not Found'],
    ['a new list, failed', '/old', '404 Not Found'],
    ['a new list, is as it was', '/old', '304 Not Modified'],
  ])('is not told that %s', async (_what, path, status) => {
    await using server = await startListServer(serve(LIST, { etag: '"v1"' }));
    const { look, lists, logged, updater } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/old') });
    await look();
    server.use((_request, socket) => {
      lists.rows.clear();
      lists.add({ id: 'ads', url: server.url(path) });
      server.use(serve(LIST));
      socket.end(headOf(status, { 'content-length': 0 }));
    });
    await updater.update('ads', 'editor');
    await updater.settled();
    expect(lists.stateOf('ads')).toEqual({ failures: 0, lastError: null });
    expect(logged).toHaveLength(1);
    await look();
    expect(lists.stateOf('ads')).toMatchObject({ url: server.url(path), failures: 0 });
    expect(lists.rows.get('ads')!.stored.contentSha256).not.toBe('');
  });

  it('is fetched no more often than an address is, once it was a file', async () => {
    await using server = await startListServer(serve(LIST, { etag: '"v1"' }));
    const { look, lists, folder, clock } = anUpdater();
    lists.add({ id: 'police', file: join(folder, 'police.txt') });
    await look();
    lists.rows.clear();
    lists.add({ id: 'police', url: server.url('/') });
    for (let minutes = 0; minutes < 3; minutes++) {
      clock.nowMs += 60_000;
      await look();
    }
    expect(server.requests.filter(({ method }) => method === 'GET')).toHaveLength(1);
  });

  it('is not proposed as the file that it was', async () => {
    const { look, lists, folder, clock } = anUpdater();
    const path = join(folder, 'police.txt');
    writeFileSync(path, LIST);
    utimesSync(path, new Date(clock.nowMs - 60_000), new Date(clock.nowMs - 60_000));
    lists.add({ id: 'police', file: path });
    const propose = lists.propose.bind(lists);
    lists.propose = (context, proposal) => {
      lists.add({ id: 'police', file: join(folder, 'other.txt') });
      return propose(context, proposal);
    };
    await look();
    expect(lists.proposals).toEqual([]);
  });

  it('keeps the mirror that gave it as long as it is one', async () => {
    await using server = await startListServer(serve(LIST));
    const { look, lists } = anUpdater();
    const propose = lists.propose.bind(lists);
    lists.propose = (context, proposal) => {
      lists.add({ id: 'ads', url: 'http://127.0.0.1:1/', mirrors: [server.url('/')] });
      return propose(context, proposal);
    };
    lists.add({ id: 'ads', url: server.url('/') });
    await look();
    expect(lists.proposals).toHaveLength(1);
  });
});

describe('a list with mirrors', () => {
  it('is taken from the first that gives a list', async () => {
    const scripts: Readonly<{ [path: string]: ListScript }> = {
      '/gone': (_request, socket) => socket.end(headOf('404 Not Found', {})),
      '/page': serve('<html>Maintenance</html>'),
      '/good': serve(LIST),
    };
    await using server = await startListServer((request, socket) =>
      scripts[request.path]!(request, socket),
    );
    const { look, lists, updater } = anUpdater();
    lists.verdict = (text) =>
      text.startsWith('<')
        ? { outcome: 'refused', reasons: ['it is a web page'] }
        : { outcome: 'in-force', version: 1 };
    const mirrors = [server.url('/page'), server.url('/good'), server.url('/never')];
    lists.add({ id: 'ads', url: server.url('/gone'), mirrors });
    await look();
    expect(server.requests.map(({ path }) => path)).toEqual(['/gone', '/page', '/good']);
    expect(lists.stateOf('ads')).toMatchObject({ url: server.url('/good'), failures: 0 });
    expect((await updater.state('ads')).last).toMatchObject({ outcome: 'in-force' });
  });

  it('that all fail keeps what it has, says why, and waits longer each time', async () => {
    await using server = await startListServer(serve('<html>', { etag: '"page"' }));
    const { look, lists, logged, clock, files, published } = anUpdater();
    lists.verdict = () => ({ outcome: 'refused', reasons: ['it is a web page'] });
    lists.add({ id: 'ads', url: server.url('/a?key=secret'), mirrors: ['http://127.0.0.1:1/b'] });
    const waits: number[] = [];
    for (let failures = 1; failures <= 4; failures++) {
      await look();
      expect(lists.stateOf('ads').failures).toBe(failures);
      waits.push(lists.stateOf('ads').nextAt! - clock.nowMs / 1000);
      clock.nowMs = lists.stateOf('ads').nextAt! * 1000;
    }
    expect(waits).toEqual([45, 90, 180, 360]);
    const state = lists.stateOf('ads');
    expect(state.lastError).toMatch(
      /^http:\/\/127\.0\.0\.1:\d+\/a: it is a web page; Connecting to 127\.0\.0\.1:1: .*ECONNREFUSED/,
    );
    // What a refused page is called is not asked for again.
    expect(state.etag).toBeUndefined();
    expect(logged).toHaveLength(4);
    expect(logged[3]).toContain('"failures":4');
    expect([...logged, state.lastError].join()).not.toContain('secret');
    expect(published()).toBe(0);
    expect(files().filter((file) => file.endsWith('.tmp'))).toEqual([]);
  });

  it.each([
    ['429 Too Many Requests', '7200', 7_200],
    ['503 Service Unavailable', '30', 45],
    ['503 Service Unavailable', '99999999', DAY],
    ['503 Service Unavailable', 'soon', 45],
    ['500 Internal Server Error', '7200', 45],
  ])(
    'of a server that answers %s and asks to wait for %s waits so',
    async (status, asked, wait) => {
      await using server = await startListServer((_request, socket) => {
        socket.end(headOf(status, { 'retry-after': asked, 'content-length': '0' }));
      });
      const { look, lists, clock } = anUpdater();
      lists.add({ id: 'ads', url: server.url('/a') });
      await look();
      const { nextAt, lastError } = lists.stateOf('ads');
      expect(nextAt! - clock.nowMs / 1000).toBe(wait);
      expect(lastError).toContain(`answered ${status}`);
    },
  );

  it.each([
    ['one address fails otherwise', {}, [503, 500], 45],
    ['all are busy, for the shorter time', {}, [503, 429], 7_200],
    [
      'the list is urgent, no longer than for an update',
      { updateSeconds: 600, gate: { urgent: true as const } },
      [503],
      600,
    ],
  ])('waits, where %s', async (_what, more, statuses, wait) => {
    await using server = await startListServer(({ path }, socket) => {
      const status = `${path.slice(1)} So`;
      const seconds = path === '/429' ? 7_200 : 9_000;
      socket.end(headOf(status, { 'retry-after': seconds, 'content-length': '0' }));
    });
    const { look, lists, clock } = anUpdater();
    const [url = '', ...mirrors] = statuses.map((status) => server.url(`/${status}`));
    lists.add({ id: 'ads', url, mirrors, ...more });
    await look();
    expect(lists.stateOf('ads').nextAt! - clock.nowMs / 1000).toBe(wait);
  });

  it('of a server that names a date waits until then', async () => {
    const date = new Date(Date.now() + 3_600_000).toUTCString();
    await using server = await startListServer((_request, socket) => {
      socket.end(headOf('503 Service Unavailable', { 'retry-after': date, 'content-length': '0' }));
    });
    const { look, lists, clock } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/a') });
    await look();
    const wait = lists.stateOf('ads').nextAt! - clock.nowMs / 1000;
    expect(wait).toBeGreaterThan(3_500);
    expect(wait).toBeLessThanOrEqual(3_600);
  });

  it('is not asked of the next one where this machine is at fault', async () => {
    await using server = await startListServer(serve(LIST));
    const { look, lists } = anUpdater({
      contents: {
        has: () => false,
        take: () => Promise.reject(new AppError('STORE_UNWRITABLE', 'the disk is full')),
      },
    });
    lists.add({ id: 'ads', url: server.url('/a'), mirrors: [server.url('/b')] });
    await look();
    expect(server.requests).toHaveLength(1);
    expect(lists.stateOf('ads').lastError).toBe('the disk is full');
  });
});

describe('updates', () => {
  it('are two at a time', async () => {
    const waiting: (() => void)[] = [];
    await using server = await startListServer((request, socket) => {
      waiting.push(() => {
        serve(`${request.path.slice(1)}.example.org\n`)(request, socket);
      });
    });
    const { updater, lists } = anUpdater();
    for (const id of ['a', 'b', 'c', 'd', 'e']) lists.add({ id, url: server.url(`/${id}`) });
    await updater.look();
    for (let answered = 0; answered < 5; answered++) {
      await expect.poll(() => waiting.length).toBe(Math.min(2, 5 - answered));
      waiting.shift()!();
      await expect.poll(() => lists.proposals.length).toBe(answered + 1);
    }
    await updater.settled();
    expect(lists.proposals.map(({ list }) => list).sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  it('of an urgent or a sealed list do not wait for two slow ones', async () => {
    await using server = await startListServer((request, socket) => {
      const text = request.path === '/police' ? 'SGSEALED' : LIST;
      if (!request.path.startsWith('/slow')) serve(text)(request, socket);
    });
    const { updater, lists } = anUpdater();
    for (const id of ['slow-1', 'slow-2', 'a']) lists.add({ id, url: server.url(`/${id}`) });
    await updater.look();
    await expect.poll(() => server.requests.length).toBe(2);
    lists.add({ id: 'b', url: server.url('/b') });
    lists.add({ id: 'court', url: server.url('/court'), gate: { urgent: true } });
    lists.add({ id: 'police', url: server.url('/police'), sealed: true });
    await updater.look();
    await expect.poll(() => lists.proposals.length).toBe(2);
    expect(lists.proposals.map(({ list }) => list)).toEqual(['court', 'police']);
    await updater.stop();
  });

  it('of an urgent list come first', async () => {
    await using server = await startListServer(serve(LIST));
    const { look, lists } = anUpdater();
    for (const id of ['a', 'b', 'c', 'd']) lists.add({ id, url: server.url(`/${id}`) });
    lists.add({ id: 'court', url: server.url('/court'), gate: { urgent: true } });
    await look();
    expect(server.requests.slice(0, 2).map(({ path }) => path)).toContain('/court');
  });

  it('have one deadline for all addresses', async () => {
    await using server = await startListServer(() => undefined);
    const times = { ...TIMES, headerMs: 400, totalMs: 600 };
    const { look, lists } = anUpdater({ times });
    const mirrors = [server.url('/b'), server.url('/c'), server.url('/d')];
    lists.add({ id: 'ads', url: server.url('/a'), mirrors });
    await look();
    expect(server.requests.map(({ path }) => path)).toEqual(['/a', '/b']);
    const { failures, lastError } = lists.stateOf('ads');
    expect(failures).toBe(1);
    expect(lastError).toMatch(/\/a: no response within 0.4 s; the update took longer than 0.6 s$/);
  });

  it('that are asked for begin at once, in the name of who asked', async () => {
    await using server = await startListServer(serve(LIST, { etag: '"v1"' }));
    const { updater, lists, look } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/') });
    await look();
    server.use(serve('three.example.org\n', { etag: '"v2"' }));
    const { run } = await updater.update('ads', 'anna');
    await updater.settled();
    const state = await updater.state('ads');
    expect(state.run).toBe(run);
    expect(lists.proposals.at(-1)).toMatchObject({ actor: 'anna', text: 'three.example.org\n' });
  });

  it('of one list are never two at a time', async () => {
    let answer: () => void = () => undefined;
    await using server = await startListServer((request, socket) => {
      answer = () => {
        serve(LIST)(request, socket);
      };
    });
    const { updater, lists } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/') });
    const first = await updater.update('ads', 'anna');
    await expect.poll(() => server.requests.length).toBe(1);
    const second = await updater.update('ads', 'otto');
    expect([first.run, second.run]).toEqual([1, 1]);
    answer();
    await updater.settled();
    expect(server.requests).toHaveLength(1);
  });

  it('of a list that the server does not fetch are refused', async () => {
    const { updater } = anUpdater();
    await expect(updater.update('mine', 'anna')).rejects.toThrow(
      'Updating the list "mine": the server does not fetch it; valid: a list with url or file',
    );
  });

  it('say how far they are', async () => {
    await using server = await startListServer((_request, socket) => {
      socket.write(headOf('200 OK', { 'content-length': 4 * LIST.length }));
      socket.write(LIST);
    });
    const { updater, lists, clock } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/') });
    await updater.look();
    clock.nowMs += 10_000;
    await expect
      .poll(async () => (await updater.state('ads')).progress)
      .toEqual({
        startedAt: '2026-11-22T12:00:00.000Z',
        octets: LIST.length,
        octetsTotal: 4 * LIST.length,
        unpackedOctets: LIST.length,
        lines: 2,
        names: null,
        secondsLeft: 30,
      });
  });

  it('say how far the look at a content is', async () => {
    await using server = await startListServer(serve(LIST));
    const { updater, lists, clock, look } = anUpdater({
      lookProgress: () => ({ octets: LIST.length / 4, names: 1 }),
    });
    let end: () => void = () => undefined;
    const propose = lists.propose.bind(lists);
    lists.propose = async (...proposal) => {
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      return propose(...proposal);
    };
    lists.add({ id: 'ads', url: server.url('/') });
    await updater.look();
    await expect.poll(async () => (await updater.state('ads')).phase).toBe('looking');
    clock.nowMs += 5_000;
    expect((await updater.state('ads')).progress).toMatchObject({ names: 1, secondsLeft: 15 });
    end();
    await look();
    expect((await updater.state('ads')).phase).toBe('idle');
  });

  it('end with the server, and what they had fetched is gone', async () => {
    await using server = await startListServer((_request, socket) => {
      // Begun and never ended: an endless one would be refused for its size before anybody looks.
      socket.write(headOf('200 OK', {}) + 'x\n'.repeat(50_000));
    });
    const { updater, lists, files, logged } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/') });
    await updater.look();
    await expect.poll(files).toHaveLength(1);
    await updater.stop();
    expect(files()).toEqual([]);
    expect([lists.stateWrites, logged]).toEqual([0, []]);
    await expect(updater.update('ads', 'anna')).rejects.toThrow('the server is stopping');
  });

  it('that cannot be put in force are not lost', async () => {
    await using server = await startListServer(serve(LIST));
    const { look, lists, updater } = anUpdater({
      publish: () => Promise.reject(new Error('no memory')),
    });
    lists.add({ id: 'ads', url: server.url('/') });
    await look();
    expect((await updater.state('ads')).last).toMatchObject({ outcome: 'in-force' });
    expect(lists.stateOf('ads').failures).toBe(0);
  });

  it('that are in force are published though their state cannot be kept', async () => {
    await using server = await startListServer(serve(LIST));
    const { look, lists, published, updater, logged } = anUpdater();
    lists.writeState = () => Promise.reject(new Error('the disk is full'));
    lists.add({ id: 'ads', url: server.url('/') });
    await look();
    expect(published()).toBe(1);
    expect((await updater.state('ads')).last).toMatchObject({ outcome: 'in-force' });
    expect(logged).toContain('warn keeping the state of a list: the disk is full {"list":"ads"}');
    // Nor is it fetched again before its time.
    await look();
    expect(server.requests).toHaveLength(1);
  });

  it('are not forgotten where the lists were read just before', async () => {
    await using server = await startListServer(serve(LIST, { etag: '"v1"' }));
    const { updater, lists } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/') });
    await updater.look();
    // What is read while the update runs arrives when it has ended.
    const before = await lists.sources();
    const sources = lists.sources.bind(lists);
    lists.sources = async () => {
      await updater.settled();
      return before;
    };
    await updater.look();
    lists.sources = sources;
    await updater.settled();
    expect(server.requests.filter(({ method }) => method === 'GET')).toHaveLength(1);
    expect((await updater.state('ads')).checkedAt).not.toBeNull();
  });

  it('begin by themselves once they are started, and again when the lists change', async () => {
    await using server = await startListServer(serve(LIST));
    const { updater, lists } = anUpdater();
    updater.start();
    updater.wake();
    lists.add({ id: 'ads', url: server.url('/') });
    await expect.poll(() => lists.proposals.length).toBe(1);
    lists.add({ id: 'more', url: server.url('/more') });
    updater.wake();
    await expect.poll(() => lists.proposals.length).toBe(2);
  });

  it('are counted by what came of them', async () => {
    await using server = await startListServer(serve(LIST));
    const { look, lists, clock, updater } = anUpdater();
    lists.add({ id: 'ads', url: server.url('/') });
    lists.add({ id: 'lost', url: 'http://127.0.0.1:1/' });
    await look();
    clock.nowMs += 30_000;
    const samples = updater
      .samples()
      .map(({ name, labels, value }) => `${name}${JSON.stringify(labels)} ${value}`);
    expect(samples).toEqual([
      'stairgate_list_age_seconds{"list":"ads"} 30',
      'stairgate_list_failures{"list":"ads"} 0',
      'stairgate_list_failures{"list":"lost"} 1',
      'stairgate_list_updates_total{"outcome":"unchanged"} 0',
      'stairgate_list_updates_total{"outcome":"in-force"} 1',
      'stairgate_list_updates_total{"outcome":"held"} 0',
      'stairgate_list_updates_total{"outcome":"failed"} 1',
      'stairgate_list_versions_held{} 0',
    ]);
  });
});

describe('a sealed list that is given a text', () => {
  const REFUSED = 'the content is not sealed; valid: a sealed file';

  it('by an address does not write it to the disk', async () => {
    await using server = await startListServer(serve(LIST));
    const { look, lists, files } = anUpdater();
    lists.add({ id: 'court', url: server.url('/'), sealed: true });
    await look();
    expect([lists.proposals, files()]).toEqual([[], []]);
    expect(lists.stateOf('court').lastError).toBe(`Fetching ${server.url('/')}: ${REFUSED}`);
  });

  it.each([
    ['as it is', LIST],
    ['packed', gzipSync(LIST)],
  ])('by a file %s does not write it to the disk', async (_how, content) => {
    const { look, lists, clock, folder, files } = anUpdater();
    const path = join(folder, 'court.txt');
    writeFileSync(path, content);
    utimesSync(path, 0, 0);
    lists.add({ id: 'court', file: path, sealed: true });
    await look();
    clock.nowMs += 60_000;
    await look();
    expect([lists.proposals, files()]).toEqual([[], []]);
    expect(lists.stateOf('court').lastError).toBe(`Reading the list ${path}: ${REFUSED}`);
  });

  it('takes the sealed file when it comes', async () => {
    await using server = await startListServer(serve('SGSEALED and more'));
    const { look, lists } = anUpdater();
    lists.add({ id: 'court', url: server.url('/'), sealed: true });
    await look();
    expect(lists.proposals).toEqual([expect.objectContaining({ text: 'SGSEALED and more' })]);
  });
});

describe('a list that is a file', () => {
  function write(path: string, text: string, clock: TestClock): void {
    writeFileSync(path, text);
    const rest = new Date(clock.nowMs - 60_000);
    utimesSync(path, rest, rest);
  }

  it('is read at first and then when it has changed, without a word in between', async () => {
    const { look, lists, clock, folder, logged, updater } = anUpdater();
    const path = join(folder, 'police.txt');
    write(path, LIST, clock);
    lists.add({ id: 'police', file: path });
    await look();
    expect(lists.proposals).toEqual([
      { actor: 'list updates', list: 'police', source: path, text: LIST },
    ]);
    const writes = lists.stateWrites;
    for (let minutes = 0; minutes < 5; minutes++) {
      clock.nowMs += 60_000;
      await look();
    }
    expect([lists.stateWrites, lists.proposals.length, logged.length]).toEqual([writes, 1, 1]);
    // It was looked at all the same.
    expect(updater.samples()[0]).toMatchObject({ name: 'stairgate_list_age_seconds', value: 0 });
    write(path, 'three.example.org\n', clock);
    clock.nowMs += 60_000;
    await look();
    expect(lists.proposals.at(-1)).toMatchObject({ text: 'three.example.org\n' });
  });

  it('that has got another path is read at once', async () => {
    const { look, lists, clock, folder } = anUpdater();
    const [path, other] = [join(folder, 'police.txt'), join(folder, 'customs.txt')];
    write(path, LIST, clock);
    write(other, 'three.example.org\n', clock);
    lists.add({ id: 'police', file: path });
    await look();
    lists.add({ id: 'police', file: other });
    await look();
    expect(lists.proposals.at(-1)).toMatchObject({ source: other, text: 'three.example.org\n' });
  });

  it('is looked at soon after something has happened to it', async () => {
    const { lists, clock, folder, updater, look } = anUpdater();
    const path = join(folder, 'police.txt');
    write(path, LIST, clock);
    lists.add({ id: 'police', file: path });
    updater.start();
    await look();
    write(path, 'three.example.org\n', clock);
    await expect.poll(() => lists.proposals.length, { timeout: 5_000 }).toBe(2);
  });

  it('that is not there is told once, and read when it comes', async () => {
    const { look, lists, clock, folder, logged, updater } = anUpdater();
    const path = join(folder, 'police.txt');
    lists.add({ id: 'police', file: path });
    for (let minutes = 0; minutes < 3; minutes++) {
      await look();
      clock.nowMs += 60_000;
    }
    expect(logged).toHaveLength(1);
    expect(logged[0]).toContain(`Reading the list ${path}: there is no such file`);
    expect((await updater.state('police')).failures).toBe(3);
    expect(updater.samples()).toContainEqual(
      expect.objectContaining({ name: 'stairgate_list_failures', value: 3 }),
    );
    write(path, LIST, clock);
    await look();
    expect(lists.stateOf('police')).toMatchObject({ failures: 0, lastError: null });
    const sha256 = createHash('sha256').update(LIST).digest('hex');
    expect(lists.rows.get('police')!.stored.contentSha256).toBe(sha256);
  });
});
