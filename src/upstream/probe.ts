/**
 * A copy of a question that nobody waits for, sent to learn how an upstream resolver fares that was
 * not chosen: one that is down, to see whether it is back, or now and then a healthy one, so that its
 * figures stay true. It outlives its question, whose answer usually comes first from elsewhere.
 */

import { FLAG_TC, RCODE_NOERROR, RCODE_NXDOMAIN, RCODE_SERVFAIL } from '../dns/constants.ts';
import type { ResponseOutline } from '../dns/match-response.ts';
import { readUint16 } from '../lib/bytes.ts';
import type { ForwardQuestion } from '../resolver/forwarder.ts';
import { Attempt, type AttemptListener } from './attempt.ts';
import type { CarrierContext } from './exchanges.ts';
import { type TimerOwner, WheelTimer } from './timer-wheel.ts';
import type { UpstreamResolver } from './upstream-resolver.ts';

export class Probe implements AttemptListener, TimerOwner {
  readonly #context: CarrierContext;
  readonly #timer = new WheelTimer(this);
  readonly #attempt: Attempt;

  constructor(upstream: UpstreamResolver, question: ForwardQuestion, context: CarrierContext) {
    const { clock, random } = context;
    const nowMs = clock.monotonicMs();
    const manner = { isTcp: false, hasOpt: upstream.health.usesOpt(nowMs) };
    const { timeoutMs } = upstream.health;
    this.#context = context;
    this.#attempt = new Attempt({
      listener: this,
      upstream,
      question,
      manner,
      random,
      nowMs,
      timeoutMs,
    });
  }

  start(): void {
    const { carrier, upstream, sentMs, timeoutAtMs } = this.#attempt;
    if (upstream.health.isDown) upstream.health.noteProbe(sentMs);
    if (carrier.send(this.#attempt)) this.#context.wheel.set(this.#timer, timeoutAtMs);
  }

  onAttemptResponse(attempt: Attempt, bytes: Uint8Array, outline: ResponseOutline): void {
    const nowMs = this.#context.clock.monotonicMs();
    const { health } = attempt.upstream;
    const { rcode } = outline;
    this.#context.wheel.clear(this.#timer);
    health.noteRoundTrip(nowMs - attempt.sentMs);
    const isTruncated = (readUint16(bytes, 2) & FLAG_TC) !== 0;
    if (isTruncated || rcode === RCODE_NOERROR || rcode === RCODE_NXDOMAIN) health.noteAnswer();
    // A SERVFAIL may be the name's fault and says nothing either way.
    else if (rcode !== RCODE_SERVFAIL) health.noteFailure(nowMs);
  }

  onAttemptStray(): void {
    // The wait goes on; the timer bounds it.
  }

  onAttemptLost(attempt: Attempt): void {
    this.#context.wheel.clear(this.#timer);
    attempt.upstream.health.noteFailure(this.#context.clock.monotonicMs());
  }

  onTimer(nowMs: number): void {
    const { strayCount, upstream } = this.#attempt;
    this.#attempt.end();
    if (strayCount === 0) upstream.health.noteFailure(nowMs);
  }
}
