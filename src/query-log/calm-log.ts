/** A log for what may fail four times a second: each warning is said once a minute at most. */

import type { Clock } from '../lib/clock.ts';

const SILENT_MS = 60_000;

type LogLine = (details: Readonly<Record<string, unknown>>, message: string) => void;

/** What is logged with; no line ever holds a name. */
export interface QueryLogLog {
  readonly warn: LogLine;
}

/** Messages are few and fixed; what differs goes into the details. */
export function createCalmLog(log: QueryLogLog, clock: Clock): QueryLogLog {
  const saidAtMs = new Map<string, number>();
  return {
    warn: (details, message) => {
      const nowMs = clock.monotonicMs();
      if (nowMs - (saidAtMs.get(message) ?? Number.NEGATIVE_INFINITY) < SILENT_MS) return;
      saidAtMs.set(message, nowMs);
      log.warn(details, message);
    },
  };
}
