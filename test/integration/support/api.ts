/** The API of a test server, with the token of its data folder. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestServer } from '../../support/server.ts';

/** GET of a path below `/api/v1`; throws with the body where the answer is no success. */
export async function apiGet<Answer>(server: TestServer, path: string): Promise<Answer> {
  const token = (await readFile(join(server.dataDir, 'admin.token'), 'utf8')).trim();
  const response = await fetch(`http://${server.admin}/api/v1${path}`, {
    headers: { authorization: `Bearer ${token}` },
  });
  if (!response.ok) throw new Error(`GET ${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as Answer;
}

/** The part of an explanation that tests look at. */
export interface Explained {
  readonly decision: 'pass' | 'block' | 'local' | 'refuse';
  readonly row: number;
  readonly category: string | null;
  readonly plan: string | null;
  readonly edeCode: number | null;
  readonly reason: string;
  readonly categories: readonly string[];
  readonly evidence: readonly { readonly list: string; readonly line: number }[];
}

export function explain(server: TestServer, name: string, client: string): Promise<Explained> {
  return apiGet(server, `/explain?${new URLSearchParams({ name, client }).toString()}`);
}
