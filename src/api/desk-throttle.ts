/**
 * How often the over-blocking desk is asked, in windows of a minute: of one address, and of all. Who
 * comes from ever new addresses is stopped by the second, so the memory of the first may be bounded.
 */

const WINDOW_MS = 60_000;
const CLIENTS_MAX = 10_000;

export interface DeskLimits {
  readonly perAddress: number;
  readonly inAll: number;
}

interface Window {
  readonly sinceMs: number;
  spent: number;
}

export class DeskThrottle {
  readonly #limits: DeskLimits;
  readonly #monotonicMs: () => number;
  /** In the order in which windows began. */
  readonly #clients = new Map<string, Window>();
  #all: Window = { sinceMs: Number.NEGATIVE_INFINITY, spent: 0 };

  constructor(limits: DeskLimits, monotonicMs: () => number) {
    this.#limits = limits;
    this.#monotonicMs = monotonicMs;
  }

  /**
   * @param cost of what is asked for
   * @returns whole seconds to wait; 0 = it may be done now, and is counted
   */
  take(client: string, cost: number): number {
    const nowMs = this.#monotonicMs();
    const own = this.#windowOf(client, nowMs);
    if (nowMs - this.#all.sinceMs >= WINDOW_MS) this.#all = { sinceMs: nowMs, spent: 0 };
    const { perAddress, inAll } = this.#limits;
    if (own.spent + cost > perAddress) return secondsLeft(own, nowMs);
    if (this.#all.spent + cost > inAll) return secondsLeft(this.#all, nowMs);
    own.spent += cost;
    this.#all.spent += cost;
    return 0;
  }

  #windowOf(client: string, nowMs: number): Window {
    const known = this.#clients.get(client);
    if (known !== undefined && nowMs - known.sinceMs < WINDOW_MS) return known;
    this.#clients.delete(client);
    const window = { sinceMs: nowMs, spent: 0 };
    this.#clients.set(client, window);
    for (const oldest of this.#clients.keys()) {
      if (this.#clients.size <= CLIENTS_MAX) break;
      this.#clients.delete(oldest);
    }
    return window;
  }
}

function secondsLeft({ sinceMs }: Window, nowMs: number): number {
  return Math.max(1, Math.ceil((sinceMs + WINDOW_MS - nowMs) / 1000));
}
