/**
 * Gives way to the other threads of the process: what the compile thread does can wait, a query
 * cannot. Only Linux has priorities for threads; elsewhere the call would lower the whole process.
 */

import { constants, setPriority } from 'node:os';

/**
 * For the calling thread, and for good: without privileges nobody takes it back. Beside a thread that is
 * busy all the time it is left a tenth of the core; the lowest priority would leave next to nothing,
 * and a list would not come into force in a flood.
 */
export function lowerThreadPriority(): void {
  if (process.platform !== 'linux') return;
  try {
    // 0 is who calls, and to this system call of Linux that is a thread.
    setPriority(0, constants.priority.PRIORITY_BELOW_NORMAL);
  } catch {
    // Some sandboxes forbid it. Compiling at normal priority is better than not at all.
  }
}
