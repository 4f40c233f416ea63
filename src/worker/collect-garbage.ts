/**
 * Gives the memory of replaced images back. V8 does not count shared buffers, and a worker that
 * allocates nothing never collects: without this, every replaced image stays in memory for good.
 */

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { InstallMessage } from './messages.ts';

/**
 * A full collection holds a worker up for some 5 ms and main for 30, whatever it brings. So it waits
 * until it brings this much: two images of a million names, or thousands of policy images.
 */
const REPLACED_OCTETS_MAX = 24 * 1024 * 1024;

let replacedOctets = 0;
let collect: (() => void) | null = null;

/**
 * To be called by each thread that held the replaced buffers, once nothing there refers to them,
 * outside of a batch.
 * @param installed the new buffers; those that they replace are about as large
 */
export function collectReplaced(
  installed: Pick<InstallMessage, 'blocklist' | 'policy' | 'subscribers'>,
): void {
  for (const buffer of [installed.blocklist, installed.policy, installed.subscribers]) {
    replacedOctets += buffer?.byteLength ?? 0;
  }
  if (replacedOctets < REPLACED_OCTETS_MAX) return;
  replacedOctets = 0;
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
