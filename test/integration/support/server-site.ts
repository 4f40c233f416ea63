/**
 * Where tests start server processes of their own: one upstream resolver, which answers every query,
 * and data folders that go when the tests of the file have ended.
 */

import { rm } from 'node:fs/promises';
import { afterAll, beforeAll } from 'vitest';
import {
  addressAnswer,
  type FakeUpstream,
  startFakeUpstream,
} from '../../support/fake-upstream.ts';
import { makeFolder } from '../../support/server.ts';
import { type ProcessOptions, ServerProcess } from './server-process.ts';

export interface ServerSite {
  /** There as soon as tests run. */
  readonly upstream: FakeUpstream;
  readonly aFolder: () => Promise<string>;
  readonly optionsOf: (dataDir: string, more?: Partial<ProcessOptions>) => ProcessOptions;
  /** Resolves when it serves. */
  readonly start: (dataDir: string, more?: Partial<ProcessOptions>) => Promise<ServerProcess>;
}

/** Called at the head of a test file. */
export function prepareSite(): ServerSite {
  let upstream: FakeUpstream;
  const folders: string[] = [];

  beforeAll(async () => {
    upstream = await startFakeUpstream((query) => addressAnswer(query));
  });

  afterAll(async () => {
    await upstream.close();
    await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
  });

  const optionsOf: ServerSite['optionsOf'] = (dataDir, more = {}) => ({
    dataDir,
    upstream: `127.0.0.1:${upstream.port}`,
    ...more,
  });
  return {
    get upstream() {
      return upstream;
    },
    aFolder: async () => {
      const folder = await makeFolder();
      folders.push(folder);
      return folder;
    },
    optionsOf,
    start: (dataDir, more) => ServerProcess.start(optionsOf(dataDir, more)),
  };
}
