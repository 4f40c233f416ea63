/**
 * One question under way: which upstream is asked, what follows each outcome, and when to stop.
 *
 *     first attempt   the best upstream, UDP, 0x20, OPT      (now and then a copy to another: a probe)
 *
 *     outcome                                  next attempt
 *     ───────────────────────────────────      ─────────────────────────────────────────────────────
 *     NOERROR NXDOMAIN YXDOMAIN                none: delivered
 *     TC over UDP                              the same upstream over TCP, and TCP from then on
 *     FORMERR NOTIMP, asked with OPT           the same upstream without OPT
 *     SERVFAIL                                 an upstream not asked yet; else the SERVFAIL is delivered
 *     REFUSED and any other RCODE              an upstream not asked yet; else failure
 *     lost (ICMP, refused, closed)             an upstream not asked yet; else the same once more, later
 *     20 packets that are not the answer       the same upstream over TCP: somebody is guessing
 *     timeout, only the case was wrong         the same upstream over TCP
 *     timeout, an error without a question     the same upstream without OPT
 *     timeout                                  an upstream not asked yet, else the best one again
 *
 * At most 4 queries for all causes together, a probe among them, within 4.5 s, so that a client that waits 5 s is
 * answered in time. Attempts that timed out are listened to until the end.
 */

import { copyBytes, readUint16 } from '../lib/bytes.ts';
import {
  FLAG_AD,
  FLAG_TC,
  HEADER_BYTES,
  RCODE_FORMERR,
  RCODE_NOERROR,
  RCODE_NOTIMP,
  RCODE_NXDOMAIN,
  RCODE_SERVFAIL,
  RCODE_YXDOMAIN,
} from '../dns/constants.ts';
import type { ResponseOutline } from '../dns/match-response.ts';
import {
  FORWARD_BAD_RESPONSES,
  FORWARD_NETWORK_ERROR,
  FORWARD_TIMEOUT,
  type ForwardCause,
  type ForwardQuestion,
  type ForwardResult,
} from '../resolver/forwarder.ts';
import {
  Attempt,
  ATTEMPT_ENDED,
  ATTEMPT_LATE,
  ATTEMPT_WAITING,
  type AttemptListener,
  type AttemptManner,
} from './attempt.ts';
import type { CarrierContext } from './exchanges.ts';
import type { ForwardCounters } from './forward-counters.ts';
import { Probe } from './probe.ts';
import { chooseProbe, chooseUpstream } from './selection.ts';
import { type TimerOwner, WheelTimer } from './timer-wheel.ts';
import type { UpstreamResolver } from './upstream-resolver.ts';

const STRAYS_MAX = 20;
/** Losses on one upstream after which it is not tried again for this question. */
const LOSSES_MAX = 2;
/** Attempts that a question must have left to give one away to a probe. */
const ATTEMPTS_FOR_PROBE = 3;
/** A SERVFAIL worth keeping is short; what is longer counts as a bad response. */
const SERVFAIL_BYTES_MAX = 4096;

export interface QuestionContext extends CarrierContext {
  readonly result: ForwardResult;
  readonly counters: ForwardCounters;
  readonly timeoutMs: number;
  readonly slowMs: number;
  readonly attemptsMax: number;
  /** The question is over; called before the result is. */
  readonly onDone: (question: ForwardedQuestion) => void;
}

interface PlannedAttempt {
  readonly upstream: UpstreamResolver;
  readonly manner: AttemptManner;
  readonly atMs: number;
}

export class ForwardedQuestion implements AttemptListener, TimerOwner {
  /** The resolver's number for this question. */
  readonly pending: number;
  readonly #context: QuestionContext;
  readonly #question: ForwardQuestion;
  readonly #upstreams: readonly UpstreamResolver[];
  readonly #timer = new WheelTimer(this);
  readonly #attempts: Attempt[] = [];
  readonly #asked = new Set<UpstreamResolver>();
  readonly #servfailed: UpstreamResolver[] = [];
  #startMs = 0;
  #attemptsLeft: number;
  #isSlowTold = false;
  #isDone = false;
  #needsTcp = false;
  #planned: PlannedAttempt | null = null;
  #servfail: Uint8Array | null = null;
  #hasBadResponse = false;
  /** Said FORMERR or NOTIMP without an OPT record of its own: perhaps it knows no EDNS. */
  #optRefusedBy: UpstreamResolver | null = null;

  constructor(
    pending: number,
    question: ForwardQuestion,
    upstreams: readonly UpstreamResolver[],
    context: QuestionContext,
  ) {
    this.#context = context;
    this.pending = pending;
    this.#question = question;
    this.#upstreams = upstreams;
    this.#attemptsLeft = context.attemptsMax;
  }

  /** Sends the first attempt. The result hears nothing before this returns. */
  start(): void {
    const { clock, random } = this.#context;
    const nowMs = clock.monotonicMs();
    this.#startMs = nowMs;
    const first = chooseUpstream(this.#upstreams, this.#asked, random);
    if (first !== null) {
      const probed = chooseProbe(this.#upstreams, first, nowMs, random);
      if (probed !== null && this.#attemptsLeft >= ATTEMPTS_FOR_PROBE) this.#probe(probed);
      this.#ask(first, this.#mannerFor(first, nowMs), nowMs);
    }
    this.#schedule();
  }

  /** Forgets everything; the result hears nothing more. */
  abandon(): void {
    this.#isDone = true;
    this.#context.wheel.clear(this.#timer);
    for (const attempt of this.#attempts) attempt.end();
  }

  onTimer(nowMs: number): void {
    const { slowMs, timeoutMs, result } = this.#context;
    if (nowMs >= this.#startMs + timeoutMs) {
      this.#conclude();
      return;
    }
    if (!this.#isSlowTold && nowMs >= this.#startMs + slowMs) {
      this.#isSlowTold = true;
      result.onSlow(this.pending);
    }
    for (const attempt of [...this.#attempts]) {
      if (attempt.state === ATTEMPT_WAITING && nowMs >= attempt.timeoutAtMs) {
        this.#onAttemptTimeout(attempt, nowMs);
      }
    }
    const planned = this.#planned;
    if (planned !== null && nowMs >= planned.atMs) {
      this.#planned = null;
      this.#ask(planned.upstream, planned.manner, nowMs);
    }
    this.#settle();
  }

  onAttemptResponse(attempt: Attempt, bytes: Uint8Array, outline: ResponseOutline): void {
    const { clock, counters } = this.#context;
    const nowMs = clock.monotonicMs();
    const { health } = attempt.upstream;
    counters.responses++;
    if (!attempt.manner.isTcp) health.noteRoundTrip(nowMs - attempt.sentMs);
    if (attempt.isCaseMixed) health.noteCaseKept();
    const { rcode, hasOpt } = outline;
    if ((readUint16(bytes, 2) & FLAG_TC) !== 0) this.#onTruncated(attempt, nowMs);
    else if (rcode === RCODE_NOERROR || rcode === RCODE_NXDOMAIN || rcode === RCODE_YXDOMAIN) {
      this.#deliver(attempt, bytes, nowMs);
    } else if (rcode === RCODE_SERVFAIL) this.#onServfail(attempt, bytes, nowMs);
    else if ((rcode === RCODE_FORMERR || rcode === RCODE_NOTIMP) && attempt.manner.hasOpt) {
      this.#onOptRefused(attempt, hasOpt, nowMs);
    } else this.#onUselessResponse(attempt, nowMs);
    this.#settle();
  }

  onAttemptStray(attempt: Attempt): void {
    this.#context.counters.strays++;
    if (attempt.strayCount < STRAYS_MAX) return;
    const nowMs = this.#context.clock.monotonicMs();
    const wasWaiting = attempt.state === ATTEMPT_WAITING;
    attempt.end();
    if (!wasWaiting) return;
    if (!attempt.manner.isTcp) this.#askAgain(attempt, { isTcp: true }, nowMs);
    else this.#askAnother(nowMs);
    this.#settle();
  }

  onAttemptLost(attempt: Attempt, wasWaiting: boolean): void {
    const nowMs = this.#context.clock.monotonicMs();
    // A late one has been followed by another attempt already.
    if (wasWaiting) this.#onLost(attempt, nowMs);
    this.#settle();
  }

  /** Sends an attempt, where one is left. */
  #ask(upstream: UpstreamResolver, manner: AttemptManner, nowMs: number): void {
    const { counters, random } = this.#context;
    if (this.#isDone || this.#attemptsLeft === 0) return;
    this.#attemptsLeft--;
    const repeats = this.#attempts.filter((earlier) => earlier.upstream === upstream).length;
    const attempt = new Attempt({
      listener: this,
      upstream,
      question: this.#question,
      manner,
      random,
      nowMs,
      timeoutMs: upstream.health.timeoutMs * 2 ** repeats,
    });
    this.#attempts.push(attempt);
    this.#asked.add(upstream);
    counters.attempts++;
    if (manner.isTcp) counters.tcpAttempts++;
    if (!attempt.carrier.send(attempt)) {
      attempt.state = ATTEMPT_ENDED;
      this.#onLost(attempt, nowMs);
    }
  }

  #probe(upstream: UpstreamResolver): void {
    this.#attemptsLeft--;
    this.#context.counters.probes++;
    new Probe(upstream, this.#question, this.#context).start();
  }

  #mannerFor(upstream: UpstreamResolver, nowMs: number): AttemptManner {
    return { isTcp: this.#needsTcp, hasOpt: upstream.health.usesOpt(nowMs) };
  }

  /** The same upstream in another manner. */
  #askAgain(attempt: Attempt, change: Partial<AttemptManner>, nowMs: number): void {
    this.#ask(attempt.upstream, { ...attempt.manner, ...change }, nowMs);
  }

  /** @returns false where every upstream has been asked */
  #askAnother(nowMs: number): boolean {
    const upstream = chooseUpstream(this.#upstreams, this.#asked, this.#context.random);
    if (upstream === null) return false;
    this.#ask(upstream, this.#mannerFor(upstream, nowMs), nowMs);
    return true;
  }

  #onAttemptTimeout(attempt: Attempt, nowMs: number): void {
    const { manner, upstream } = attempt;
    attempt.state = ATTEMPT_LATE;
    this.#context.counters.timeouts++;
    if (attempt.hasCaseMismatch) {
      this.#context.counters.caseMismatches++;
      upstream.health.noteCaseMismatch(nowMs);
      this.#askAgain(attempt, { isTcp: true }, nowMs);
      return;
    }
    // Packets that did not match may be an attacker's: they must not make the upstream look dead.
    if (attempt.strayCount === 0 && !manner.isTcp) upstream.health.noteFailure(nowMs);
    if (attempt.hasBareError && manner.hasOpt) {
      this.#askAgain(attempt, { hasOpt: false }, nowMs);
    } else if (!this.#askAnother(nowMs) && this.#servfail === null) {
      const best = chooseUpstream(this.#upstreams, new Set(), this.#context.random);
      if (best !== null) this.#ask(best, this.#mannerFor(best, nowMs), nowMs);
    }
  }

  #onTruncated(attempt: Attempt, nowMs: number): void {
    this.#context.counters.truncated++;
    this.#needsTcp = true;
    attempt.upstream.health.noteAnswer();
    if (!attempt.manner.isTcp) this.#askAgain(attempt, { isTcp: true }, nowMs);
    else this.#onUselessResponse(attempt, nowMs);
  }

  #onServfail(attempt: Attempt, bytes: Uint8Array, nowMs: number): void {
    this.#servfailed.push(attempt.upstream);
    if (bytes.length <= SERVFAIL_BYTES_MAX) this.#servfail = bytes.slice();
    else this.#hasBadResponse = true;
    this.#askAnother(nowMs);
  }

  #onOptRefused(attempt: Attempt, isOptKnown: boolean, nowMs: number): void {
    this.#hasBadResponse = true;
    if (!isOptKnown) this.#optRefusedBy = attempt.upstream;
    this.#askAgain(attempt, { hasOpt: false }, nowMs);
  }

  #onUselessResponse(attempt: Attempt, nowMs: number): void {
    this.#hasBadResponse = true;
    attempt.upstream.health.noteFailure(nowMs);
    this.#askAnother(nowMs);
  }

  #onLost(attempt: Attempt, nowMs: number): void {
    const { upstream, manner } = attempt;
    attempt.isLost = true;
    this.#context.counters.losses++;
    if (!manner.isTcp) upstream.health.noteFailure(nowMs);
    if (this.#askAnother(nowMs) || this.#servfail !== null) return;
    const losses = this.#attempts.filter(
      (other) => other.upstream === upstream && other.isLost,
    ).length;
    // At once would only be refused again; a restarting upstream is back in a moment.
    if (losses >= LOSSES_MAX) return;
    const again = { ...this.#mannerFor(upstream, nowMs), hasOpt: manner.hasOpt };
    this.#planned = { upstream, manner: again, atMs: attempt.timeoutAtMs };
  }

  /** After every event: ends the question where nothing more can come, else sets the timer. */
  #settle(): void {
    if (this.#isDone) return;
    const isWaiting = this.#attempts.some(({ state }) => state === ATTEMPT_WAITING);
    const isLate = this.#attempts.some(({ state }) => state === ATTEMPT_LATE);
    const canStillCome = isWaiting || this.#planned !== null;
    if (canStillCome || (isLate && this.#servfail === null)) this.#schedule();
    else this.#conclude();
  }

  #schedule(): void {
    const { slowMs, timeoutMs, wheel } = this.#context;
    let dueMs = this.#startMs + timeoutMs;
    if (!this.#isSlowTold) dueMs = Math.min(dueMs, this.#startMs + slowMs);
    if (this.#planned !== null) dueMs = Math.min(dueMs, this.#planned.atMs);
    let isOpen = this.#planned !== null;
    for (const attempt of this.#attempts) {
      if (attempt.state === ATTEMPT_WAITING) dueMs = Math.min(dueMs, attempt.timeoutAtMs);
      if (attempt.state !== ATTEMPT_ENDED) isOpen = true;
    }
    // Nothing could be sent: concluded at the next tick, never from within `start`.
    wheel.set(this.#timer, isOpen ? dueMs : this.#startMs);
  }

  /** No answer: the last SERVFAIL, else a failure. */
  #conclude(): void {
    if (this.#servfail !== null) {
      this.#finish();
      this.#restoreName(this.#servfail);
      this.#context.result.onResponse(this.pending, this.#servfail, this.#servfail.length, false);
      return;
    }
    const cause = this.#causeOfFailure();
    this.#finish();
    this.#context.counters.failures++;
    this.#context.result.onFailure(this.pending, cause);
  }

  #causeOfFailure(): ForwardCause {
    if (this.#hasBadResponse) return FORWARD_BAD_RESPONSES;
    if (this.#attempts.some(({ strayCount }) => strayCount > 0)) return FORWARD_BAD_RESPONSES;
    const isLost = this.#attempts.every(({ state }) => state === ATTEMPT_ENDED);
    return isLost ? FORWARD_NETWORK_ERROR : FORWARD_TIMEOUT;
  }

  #deliver(attempt: Attempt, bytes: Uint8Array, nowMs: number): void {
    const { manner, upstream: answering } = attempt;
    answering.health.noteAnswer();
    if (answering === this.#optRefusedBy && !manner.hasOpt) answering.health.noteWithoutOpt(nowMs);
    // An upstream that fails where another answers has a fault of its own.
    for (const upstream of this.#servfailed) upstream.health.noteFailure(nowMs);
    this.#finish();
    this.#restoreName(bytes);
    const isAuthentic = answering.isTrusted && (readUint16(bytes, 2) & FLAG_AD) !== 0;
    this.#context.result.onResponse(this.pending, bytes, bytes.length, isAuthentic);
  }

  /** The 0x20 case is between us and the upstream; records that point to the question follow suit. */
  #restoreName(bytes: Uint8Array): void {
    copyBytes(this.#question.name, 0, bytes, HEADER_BYTES, this.#question.nameLength);
  }

  #finish(): void {
    this.abandon();
    this.#context.onDone(this);
  }
}
