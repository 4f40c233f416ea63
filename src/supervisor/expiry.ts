/**
 * Ends in the store what time has ended: sessions and entries of own lists after seconds, rows that
 * nothing looks at any more after minutes. What fails is logged, and tried again the next time.
 */

import { messageOf } from '../lib/errors.ts';
import type { Store } from '../store/store.ts';
import type { Log } from './log.ts';
import type { DirectoryChange } from './subscriber-directory.ts';

const EXPIRY_INTERVAL_MS = 5000;
const SWEEP_INTERVAL_MS = 600_000;

export interface ExpiryOptions {
  readonly store: Store;
  /** Told where the prefixes of ended sessions lead now. */
  readonly onSessionsEnded: (changes: readonly DirectoryChange[]) => void;
  readonly publish: () => Promise<unknown>;
  /** How long appeals are kept. */
  readonly appealDays: () => number;
  readonly log: Log;
}

export class Expiry {
  readonly #options: ExpiryOptions;
  #expiryTimer: NodeJS.Timeout | null = null;
  #sweepTimer: NodeJS.Timeout | null = null;
  #isExpiringEntries = false;
  #isStopping = false;

  constructor(options: ExpiryOptions) {
    this.#options = options;
  }

  start(): void {
    this.#expiryTimer = setInterval(() => {
      void this.#expireSessions();
      void this.expireEntries();
    }, EXPIRY_INTERVAL_MS);
    this.#sweepTimer = setInterval(() => void this.#sweepEnded(), SWEEP_INTERVAL_MS);
  }

  stop(): void {
    this.#isStopping = true;
    for (const timer of [this.#expiryTimer, this.#sweepTimer]) {
      if (timer !== null) clearInterval(timer);
    }
  }

  /** Of own lists; one run at a time, since the compile thread looks at what is left. */
  async expireEntries(): Promise<void> {
    if (this.#isExpiringEntries || this.#isStopping) return;
    this.#isExpiringEntries = true;
    const { store, publish, log } = this.#options;
    const logFault = (error: unknown): void => {
      log.error({}, `ending entries of lists: ${messageOf(error)}`);
    };
    try {
      const revision = await store.ownLists.expireEntries(logFault);
      // A failure is logged, kept for `status` and repeated.
      if (revision !== null) publish().catch(() => undefined);
    } catch (error) {
      logFault(error);
    } finally {
      this.#isExpiringEntries = false;
    }
  }

  async #expireSessions(): Promise<void> {
    const { store, onSessionsEnded, log } = this.#options;
    try {
      for await (const changes of store.sessions.expire()) {
        onSessionsEnded(changes);
        if (this.#isStopping) return;
      }
    } catch (error) {
      log.error({}, `ending sessions: ${messageOf(error)}`);
    }
  }

  /** Each by itself: appeals hold what people wrote, and go on their day whatever else fails. */
  async #sweepEnded(): Promise<void> {
    const { store, appealDays, log } = this.#options;
    for (const sweep of [() => store.appeals.sweep(appealDays()), () => store.sweepEnded()]) {
      try {
        await sweep();
      } catch (error) {
        log.error({}, `taking away what has ended: ${messageOf(error)}`);
      }
    }
  }
}
