/**
 * A bulk write takes seconds on the main thread, which also answers health checks and hears the
 * workers: between two batches it lets the event loop turn.
 */

import { setImmediate } from 'node:timers/promises';

/** Elements between two turns where work goes on one by one: a few milliseconds. */
const ELEMENTS = 2_000;

export async function breathe(): Promise<void> {
  await setImmediate();
}

/** True for an element before which the loop should turn. */
export function isTurn(index: number): boolean {
  return index % ELEMENTS === ELEMENTS - 1;
}
