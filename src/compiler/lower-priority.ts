/**
 * Threads give way in the order of who waits for them: a query before all, then whoever asks the API,
 * and what is computed in the background last. Only Linux has priorities for threads; elsewhere the call
 * would be about the whole process.
 */

import { constants, getPriority, setPriority } from 'node:os';

/** Nice values: beside a worker that is busy all the time, main is left a quarter of the core, */
export const MAIN_NICENESS = 5;
/** and the background a tenth. The lowest priority would be next to nothing, and no list would come into force in a flood. */
export const BACKGROUND_NICENESS = constants.priority.PRIORITY_BELOW_NORMAL;

/** For the calling thread and those it starts; without privileges nobody takes it back. */
export function lowerThreadPriority(niceness: number): void {
  if (process.platform !== 'linux') return;
  try {
    // 0 is who calls, and to these system calls of Linux that is a thread. One that an operator put lower stays there.
    setPriority(0, Math.max(threadNiceness(), niceness));
  } catch {
    // Some sandboxes forbid it. Computing at normal priority is better than not at all.
  }
}

/** Of the calling thread; 0 where a sandbox forbids the question. */
export function threadNiceness(): number {
  try {
    return getPriority(0);
  } catch {
    return 0;
  }
}
