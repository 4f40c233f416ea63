/** A fetch into a folder of its own, with short times, of hosts that only the test knows. */

import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import {
  type Fetched,
  fetchList,
  type FetchOptions,
  type FetchProgress,
  type FetchRequest,
} from '../../../src/lists/fetch/fetch-list.ts';
import type { FetchLimits } from '../../../src/lists/fetch/fetch-limits.ts';
import { ListContents } from '../../../src/store/list-contents.ts';

export const SHORT: FetchLimits = {
  bytesMax: 1_000_000,
  headerMs: 1_000,
  totalMs: 3_000,
  paceMs: 300,
  bytesPerSecondMin: 1_000,
};

export interface FetchUnderTest {
  readonly contents: ListContents;
  readonly progress: FetchProgress[];
  /** Hosts that were looked up, in order. */
  readonly lookedUp: string[];
  readonly fetch: (
    url: string,
    request?: Partial<FetchRequest>,
    options?: Partial<FetchOptions>,
  ) => Promise<Fetched>;
  /** The text that the fetch brought. */
  readonly fetchText: (url: string, options?: Partial<FetchOptions>) => Promise<string>;
  /** What a failed fetch says. */
  readonly faultOf: (
    url: string,
    options?: Partial<FetchOptions>,
    request?: Partial<FetchRequest>,
  ) => Promise<string>;
  /** Files in the folder of contents. */
  readonly files: () => readonly string[];
}

/** Every host is at 127.0.0.1, and every address may be fetched from, unless the test says otherwise. */
export async function aFetch(): Promise<FetchUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), 'stairgate-fetch-'));
  onTestFinished(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  await mkdir(join(folder, 'lists'));
  const contents = new ListContents(folder);
  const progress: FetchProgress[] = [];
  const lookedUp: string[] = [];
  const fetch: FetchUnderTest['fetch'] = (url, request = {}, options = {}) =>
    fetchList(
      { url, isHttpAllowed: true, validators: null, ...request },
      {
        isPrivateAllowed: true,
        findFault: () => null,
        lookUp: (host) => {
          lookedUp.push(host);
          return Promise.resolve(['127.0.0.1']);
        },
        limits: SHORT,
        receive: (body) => contents.take(body),
        onProgress: (one) => progress.push(one),
        signal: new AbortController().signal,
        ...options,
      },
    );
  return {
    contents,
    progress,
    lookedUp,
    fetch,
    fetchText: async (url, options) => {
      const fetched = await fetch(url, {}, options);
      if (fetched.kind !== 'content') throw new Error('Nothing new came');
      return readFileSync(contents.pathOf(fetched.content.sha256), 'utf8');
    },
    faultOf: async (url, options, request) => {
      const fault = await fetch(url, request, options).then(
        (fetched) => new Error(`It was taken: ${JSON.stringify(fetched)}`),
        (error: unknown) => error as Error,
      );
      return 'code' in fault ? `${String(fault.code)} ${fault.message}` : fault.message;
    },
    files: () => readdirSync(join(folder, 'lists')),
  };
}
