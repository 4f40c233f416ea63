/**
 * Keeps the policy image ahead of the clock. An image holds every change of about a day as chains of
 * records (`policy/image`), so no moment in it needs anybody; this has it compiled anew long before
 * its end. Where the clock was set, the image may begin in the future or have ended: renewed at once.
 *
 *     from ───────────── renewed here ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ ─ until
 *           half of it, six hours at most     what it still holds if renewing fails
 */

import type { Clock } from '../lib/clock.ts';
import { GLOBAL_FROM_SECOND, GLOBAL_UNTIL_SECOND, type PolicyImage } from '../policy/image.ts';

const CHECK_INTERVAL_MS = 5_000;
const PAUSE_MIN_MS = 5_000;
const PAUSE_MAX_MS = 300_000;
const RENEW_SECONDS_MAX = 6 * 3600;

export interface RenewalOptions {
  /** The image in force; null while there is none. */
  readonly policies: () => PolicyImage | null;
  /** Compiles and installs; failures are logged by whoever does it. */
  readonly publish: () => Promise<unknown>;
  readonly clock: Clock;
}

export class PolicyRenewal {
  readonly #options: RenewalOptions;
  #timer: NodeJS.Timeout | null = null;
  #isPublishing = false;
  /** After failures, which may last: until when nothing is tried, and for how long. */
  #notBeforeMs = 0;
  #pauseMs = 0;

  constructor(options: RenewalOptions) {
    this.#options = options;
  }

  start(): void {
    this.check();
    this.#timer = setInterval(() => {
      this.check();
    }, CHECK_INTERVAL_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** Has the image renewed where that is due. */
  check(): void {
    const { policies, publish, clock } = this.#options;
    const image = policies();
    if (image === null || this.#isPublishing) return;
    if (clock.monotonicMs() < this.#notBeforeMs) return;
    if (!isRenewalDue(image, Math.floor(clock.wallMs() / 1000))) return;
    this.#isPublishing = true;
    publish().then(
      () => {
        this.#isPublishing = false;
        this.#pauseMs = 0;
      },
      () => {
        this.#isPublishing = false;
        this.#pauseMs = Math.min(Math.max(this.#pauseMs * 2, PAUSE_MIN_MS), PAUSE_MAX_MS);
        this.#notBeforeMs = clock.monotonicMs() + this.#pauseMs;
      },
    );
  }
}

function isRenewalDue({ globals }: PolicyImage, nowSeconds: number): boolean {
  const from = globals[GLOBAL_FROM_SECOND] ?? 0;
  const until = globals[GLOBAL_UNTIL_SECOND] ?? 0;
  const renewAt = from + Math.min((until - from) / 2, RENEW_SECONDS_MAX);
  return nowSeconds < from || nowSeconds >= renewAt;
}
