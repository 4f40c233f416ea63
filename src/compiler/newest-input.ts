/**
 * What the newest revision says, kept while this thread lives: renewals, searches and explanations of
 * the same revision read no row again, and a grant or a pause reads grants and pauses only.
 */

import { readCompileInputFrom, readNewerInputFrom } from '../store/compile-input.ts';
import type { CompileInput } from '../store/compile-input.ts';

let latest: { readonly dataDir: string; readonly input: CompileInput } | null = null;

export async function readNewestInput(dataDir: string): Promise<CompileInput> {
  const input = (await fromLatest(dataDir)) ?? (await readCompileInputFrom(dataDir));
  latest = { dataDir, input };
  return input;
}

/** Lets go of what it has where that is of no use: two inputs at a time would be the peak of memory. */
async function fromLatest(dataDir: string): Promise<CompileInput | null> {
  const kept = latest?.dataDir === dataDir ? latest.input : null;
  latest = null;
  return kept === null ? null : readNewerInputFrom(dataDir, kept);
}
