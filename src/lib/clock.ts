/**
 * Time as a value that is handed in, so that tests own it. The query path reads the clock once a
 * batch; TTL arithmetic uses the monotonic reading, schedules the wall clock.
 */

export interface Clock {
  /** Milliseconds that never step back; only differences mean anything. */
  monotonicMs(): number;
  /** Milliseconds since the Unix epoch. */
  wallMs(): number;
}

export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  wallMs: () => Date.now(),
};
