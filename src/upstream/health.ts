/**
 * What we know of one upstream resolver: how fast it answers, whether it answers at all, and which of
 * our habits it bears. Only fully verified responses, and the lack of any packet, change it: nothing
 * that an attacker can send marks an upstream as broken (CVE-2023-26437, CVE-2026-52690).
 */

/** Before the first answer. */
const FIRST_TIMEOUT_MS = 400;
const TIMEOUT_MIN_MS = 250;
const TIMEOUT_MAX_MS = 1500;
/** Failures in a row, no answer between, after which an upstream is asked only to see if it is back. */
const FAILURES_DOWN = 4;
const PROBE_FIRST_MS = 500;
const PROBE_MAX_MS = 10_000;
/** Attempts in a row that brought the right answer in the wrong case. */
const CASE_MISMATCHES_MAX = 3;
/** How long an upstream is asked without 0x20, or without an OPT record, before we try again. */
const HABIT_MS = 600_000;

export class UpstreamHealth {
  /** Smoothed round trip; −1 before the first answer. */
  #srttMs = -1;
  #rttVarianceMs = 0;
  #failures = 0;
  #nextProbeMs = 0;
  #probeDelayMs = PROBE_FIRST_MS;
  #caseMismatches = 0;
  #plainCaseUntilMs = -Infinity;
  #withoutOptUntilMs = -Infinity;

  get isDown(): boolean {
    return this.#failures >= FAILURES_DOWN;
  }

  get srttMs(): number {
    return this.#srttMs;
  }

  /** How long to wait before another attempt (RFC 6298, section 2, with bounds of our own). */
  get timeoutMs(): number {
    if (this.#srttMs < 0) return FIRST_TIMEOUT_MS;
    const timeoutMs = this.#srttMs + 4 * this.#rttVarianceMs;
    return Math.min(TIMEOUT_MAX_MS, Math.max(TIMEOUT_MIN_MS, timeoutMs));
  }

  /** What choosing this upstream is expected to cost; failures weigh double each. */
  get costMs(): number {
    const base = this.#srttMs < 0 ? 0 : this.#srttMs;
    return this.#failures === 0 ? base : (base + 50) * 2 ** Math.min(this.#failures, 8);
  }

  /** A useful response: it is there and willing. */
  noteAnswer(): void {
    this.#failures = 0;
    this.#probeDelayMs = PROBE_FIRST_MS;
  }

  /** The time that any verified response over UDP took. */
  noteRoundTrip(rttMs: number): void {
    if (this.#srttMs < 0) {
      this.#srttMs = rttMs;
      this.#rttVarianceMs = rttMs / 2;
      return;
    }
    this.#rttVarianceMs += (Math.abs(this.#srttMs - rttMs) - this.#rttVarianceMs) / 4;
    this.#srttMs += (rttMs - this.#srttMs) / 8;
  }

  /** Silence, an unreachable host, REFUSED, or SERVFAIL for what another upstream could answer. */
  noteFailure(nowMs: number): void {
    this.#failures++;
    if (this.#failures === FAILURES_DOWN) this.#nextProbeMs = nowMs + this.#probeDelayMs;
  }

  /** True where the upstream is down and it is time to send it a copy of a question. */
  isProbeDue(nowMs: number): boolean {
    return this.isDown && nowMs >= this.#nextProbeMs;
  }

  noteProbe(nowMs: number): void {
    this.#probeDelayMs = Math.min(this.#probeDelayMs * 2, PROBE_MAX_MS);
    this.#nextProbeMs = nowMs + this.#probeDelayMs;
  }

  usesMixedCase(nowMs: number): boolean {
    return nowMs >= this.#plainCaseUntilMs;
  }

  noteCaseKept(): void {
    this.#caseMismatches = 0;
  }

  noteCaseMismatch(nowMs: number): void {
    if (++this.#caseMismatches < CASE_MISMATCHES_MAX) return;
    this.#caseMismatches = 0;
    this.#plainCaseUntilMs = nowMs + HABIT_MS;
  }

  usesOpt(nowMs: number): boolean {
    return nowMs >= this.#withoutOptUntilMs;
  }

  /** It said FORMERR to an OPT record and answered the same question without one. */
  noteWithoutOpt(nowMs: number): void {
    this.#withoutOptUntilMs = nowMs + HABIT_MS;
  }
}
