/** A worker that succeeds a dead one is started by a main thread that has given way to queries. */

import { setPriority } from 'node:os';

/** Takes back what it inherited; without the privilege it shares evenly with main. */
export function restoreThreadPriority(niceness: number): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(0, niceness);
  } catch {
    // It answers all the same.
  }
}
