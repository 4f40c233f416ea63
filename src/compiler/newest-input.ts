/**
 * What the newest revision says, kept while this thread lives: renewals, searches and explanations of
 * the same revision read no row again.
 */

import { readCompileInputFrom, readRevisionFrom } from '../store/compile-input.ts';
import type { CompileInput } from '../store/compile-input.ts';

let latest: { readonly dataDir: string; readonly input: CompileInput } | null = null;

export async function readNewestInput(dataDir: string): Promise<CompileInput> {
  const revision = await readRevisionFrom(dataDir);
  if (latest?.dataDir === dataDir && latest.input.revision === revision) return latest.input;
  // Two at a time would be the peak of memory.
  latest = null;
  const input = await readCompileInputFrom(dataDir);
  latest = { dataDir, input };
  return input;
}
