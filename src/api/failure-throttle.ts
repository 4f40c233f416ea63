/** Counts wrong tokens by address in windows of a minute, in bounded memory. */

const FAILURES_MAX = 10;
const WINDOW_MS = 60_000;
const CLIENTS_MAX = 10_000;

interface Failures {
  readonly sinceMs: number;
  count: number;
}

export class FailureThrottle {
  readonly #monotonicMs: () => number;
  /** In the order in which windows began. */
  readonly #failures = new Map<string, Failures>();

  constructor(monotonicMs: () => number) {
    this.#monotonicMs = monotonicMs;
  }

  /** Whole seconds until this client is listened to again; 0 = now. */
  secondsToWait(client: string): number {
    const failures = this.#failures.get(client);
    if (failures === undefined || failures.count < FAILURES_MAX) return 0;
    const leftMs = failures.sinceMs + WINDOW_MS - this.#monotonicMs();
    if (leftMs > 0) return Math.ceil(leftMs / 1000);
    this.#failures.delete(client);
    return 0;
  }

  countFailure(client: string): void {
    const nowMs = this.#monotonicMs();
    const failures = this.#failures.get(client);
    if (failures !== undefined && nowMs - failures.sinceMs < WINDOW_MS) {
      failures.count++;
      return;
    }
    this.#failures.delete(client);
    if (this.#failures.size >= CLIENTS_MAX) this.#forgetOldest();
    this.#failures.set(client, { sinceMs: nowMs, count: 1 });
  }

  #forgetOldest(): void {
    for (const client of this.#failures.keys()) {
      this.#failures.delete(client);
      return;
    }
  }
}
