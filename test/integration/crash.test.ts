/**
 * What survives when the process is ended by SIGKILL at any moment: the next start serves the last
 * good state at once, an acknowledged change is in it, and no change is in it by half.
 */

import { watch, type FSWatcher } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freePort, runCommand } from '../support/server.ts';
import { numberedState, observeState } from './support/numbered-policy.ts';
import { pause, runKilled, type ApiAnswer, type ServerProcess } from './support/server-process.ts';
import { prepareSite } from './support/server-site.ts';

/** Of the large change that is interrupted. */
const NAMES = 300_000;

const { aFolder, start } = prepareSite();

/** Something that happens while a change is made, and at which the server is killed. */
interface Moment {
  readonly name: string;
  /** Resolves when the moment has come; `applied` when the change was acknowledged. */
  readonly reached: (dataDir: string, applied: Promise<unknown>) => Promise<void>;
}

/** When a file whose name holds the text is made or renamed in a folder below the data folder. */
function fileMoment(folder: string, text: string): Moment {
  return {
    name: `${folder}/*${text}* appears`,
    reached: (dataDir, applied) =>
      new Promise((resolve) => {
        const watchers: FSWatcher[] = [];
        const done = (): void => {
          for (const watcher of watchers) watcher.close();
          resolve();
        };
        watchers.push(
          watch(join(dataDir, folder), (_event, file) => {
            if (file?.includes(text)) done();
          }),
        );
        applied.then(done, done);
      }),
  };
}

function timedMoment(ms: number): Moment {
  return { name: `after ${Math.round(ms)} ms`, reached: () => pause(ms) };
}

describe('a server that is killed while a large change is made', () => {
  it(
    'serves a whole state at the next start, the new one where that was acknowledged',
    { timeout: 150_000 },
    async () => {
      const dataDir = await aFolder();
      const seen = { kills: 0, acknowledged: 0, old: 0, fresh: 0, startMs: [] as number[] };
      let server = await start(dataDir);
      let state = 0;
      const first = performance.now();
      expect((await change(server, state)).status).toBe(200);
      const usualMs = performance.now() - first;

      for (const moment of moments(usualMs)) {
        const before = state;
        const next = state + 1;
        const outcome = { isAcknowledged: false };
        const applied = change(server, next).then(({ status }) => {
          outcome.isAcknowledged = status === 200;
        });
        applied.catch(() => undefined);
        await moment.reached(dataDir, applied);
        await server.end('SIGKILL');
        await applied.catch(() => undefined);
        seen.kills++;

        const startedAt = performance.now();
        server = await start(dataDir);
        seen.startMs.push(performance.now() - startedAt);
        const what = `${moment.name}, state ${next}, ${outcome.isAcknowledged ? '' : 'not '}acknowledged`;
        state = await observeWhole(server, before, next, what);
        if (outcome.isAcknowledged) {
          expect(state, what).toBe(next);
          seen.acknowledged++;
        }
        const verdict = await server.api('GET', '/audit/verify');
        expect(verdict.body, what).toMatchObject({ isIntact: true });
        // What the database holds is in force soon after, and stays whole on the way.
        state = await settle(server, before, next, what);
        if (state === next) seen.fresh++;
        else seen.old++;
      }

      expect((await change(server, ++state)).status).toBe(200);
      expect(await observeState(server.port, [state - 1, state])).toEqual([state, state]);
      const verified = await runCommand([
        ...['audit', '--verify', '--data-dir', dataDir],
        ...['--admin', `127.0.0.1:${server.adminPort}`],
      ]);
      expect(verified, verified.stderr).toMatchObject({ code: 0 });
      await server.end();
      // A set of moments that all fall on one side would show nothing.
      expect(seen.kills).toBeGreaterThanOrEqual(22);
      expect(seen.old, JSON.stringify(seen)).toBeGreaterThan(0);
      expect(seen.fresh - seen.acknowledged, JSON.stringify(seen)).toBeGreaterThanOrEqual(0);
      console.log(`killed while changing: ${JSON.stringify(seen)}, usual ${usualMs.toFixed(0)} ms`);
    },
  );

  async function change(server: ServerProcess, state: number): Promise<ApiAnswer> {
    const { content, documentOf } = numberedState(state, NAMES);
    return server.apply(documentOf(await server.upload(content)));
  }

  /** Moments spread over the whole change and a little past it, each at a random place of its share. */
  function moments(usualMs: number): Moment[] {
    const count = 14;
    const timed = Array.from({ length: count }, (_, index) =>
      timedMoment(((index + Math.random()) / count) * usualMs * 1.1),
    );
    const acknowledged: Moment = {
      name: 'when it was acknowledged',
      reached: async (_dataDir, applied) => {
        await applied;
      },
    };
    return [
      ...timed,
      fileMoment('lists', '.tmp'),
      fileMoment('.', 'stairgate.db-wal'),
      fileMoment('images', 'blocklist-'),
      fileMoment('images', 'blocklist-'),
      fileMoment('images', 'policy-'),
      fileMoment('images', 'current.json'),
      acknowledged,
      acknowledged,
    ];
  }

  /** The one state that all answers come from; asked again only where it changed under way. */
  async function observeWhole(
    server: ServerProcess,
    before: number,
    next: number,
    what: string,
  ): Promise<number> {
    let seen = await observeState(server.port, [before, next]);
    for (const one of seen) expect(one, what).toBeTypeOf('number');
    if (seen[0] !== seen[1]) seen = await observeState(server.port, [before, next]);
    expect(seen[0], what).toBe(seen[1]);
    return seen[0] as number;
  }

  async function settle(
    server: ServerProcess,
    before: number,
    next: number,
    what: string,
  ): Promise<number> {
    for (;;) {
      const state = await observeWhole(server, before, next, what);
      const { body } = await server.api('GET', '/status');
      if (body['revision'] === body['revisionInForce']) return state;
      await pause(10);
    }
  }
});

describe('an apply without a server that is killed', () => {
  it('leaves the old state or the new one, and the folder opens again', async () => {
    const dataDir = await aFolder();
    const adminPort = await freePort();
    const source = await aFolder();
    const run = (state: number, waitMs: number): Promise<number | null> =>
      killedApply(source, dataDir, adminPort, state, waitMs);
    const startedAt = performance.now();
    expect(await run(0, 60_000)).toBe(0);
    const usualMs = performance.now() - startedAt;
    for (const share of [0.5, 0.85]) {
      await run(1, usualMs * share);
      const server = await start(dataDir);
      const [seven, eight] = await observeState(server.port, [0, 1]);
      expect(seven).toBeTypeOf('number');
      expect(eight).toBe(seven);
      expect((await server.api('GET', '/audit/verify')).body).toMatchObject({ isIntact: true });
      await server.end();
    }
  }, 60_000);

  async function killedApply(
    source: string,
    dataDir: string,
    adminPort: number,
    state: number,
    waitMs: number,
  ): Promise<number | null> {
    const { content, documentOf } = numberedState(state, 100_000);
    await writeFile(join(source, 'list.txt'), content);
    const document = documentOf('') as { lists: Record<string, unknown>[] };
    delete document.lists[0]!['contentSha256'];
    document.lists[0]!['path'] = './list.txt';
    await writeFile(join(source, 'document.yaml'), JSON.stringify(document));
    const where = ['--data-dir', dataDir, '--admin', `127.0.0.1:${adminPort}`];
    return runKilled(['apply', join(source, 'document.yaml'), ...where], waitMs);
  }
});
