/**
 * Gives the memory of replaced images back. V8 does not count shared buffers, and a worker that
 * allocates nothing never collects: without this, every replaced image stays in memory for good.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

let collect: (() => void) | null = null;

/**
 * Runs a full collection of this thread's heap, which takes some milliseconds. To be called after
 * an install, once nothing refers to the replaced buffers, outside of a batch.
 */
export function collectGarbage(): void {
  collect ??= exposeCollector();
  collect();
}

/**
 * `gc` is visible only in contexts that are made after the flag was set. The flag is the process's,
 * not the thread's, so it stays: a thread that took it back would take it from another one that is
 * between these two lines.
 */
function exposeCollector(): () => void {
  setFlagsFromString('--expose-gc');
  const exposed: unknown = runInNewContext('typeof gc === "function" ? gc : null');
  if (typeof exposed !== 'function') return () => undefined;
  return () => {
    Reflect.apply(exposed, undefined, []);
  };
}
