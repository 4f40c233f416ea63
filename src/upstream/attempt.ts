/**
 * One query sent to one upstream resolver for one question.
 *
 *     WAITING ──timeout──▶ LATE          the question goes on to another attempt, but an answer
 *        │                  │            that comes after all is still good
 *        └──────▶ ENDED ◀───┘            answered, lost, given up: the carrier has forgotten it
 */

import { HEADER_BYTES } from '../dns/constants.ts';
import type { ResponseOutline } from '../dns/match-response.ts';
import { mixCase, QUERY_BYTES_MAX, questionEndOf, writeQuery } from '../dns/message.ts';
import type { ForwardQuestion } from '../resolver/forwarder.ts';
import type { Carrier, Exchange } from './exchanges.ts';
import type { RandomPool } from './random-pool.ts';
import type { UpstreamResolver } from './upstream-resolver.ts';

export const ATTEMPT_WAITING = 0;
export const ATTEMPT_LATE = 1;
export const ATTEMPT_ENDED = 2;
export type AttemptState = typeof ATTEMPT_WAITING | typeof ATTEMPT_LATE | typeof ATTEMPT_ENDED;

/** How an attempt is made. */
export interface AttemptManner {
  readonly isTcp: boolean;
  readonly hasOpt: boolean;
}

/** Whom an attempt tells: its question, or a probe. */
export interface AttemptListener {
  onAttemptResponse(attempt: Attempt, bytes: Uint8Array, outline: ResponseOutline): void;
  onAttemptStray(attempt: Attempt): void;
  /** @param wasWaiting false where the attempt had timed out before */
  onAttemptLost(attempt: Attempt, wasWaiting: boolean): void;
}

export class Attempt implements Exchange {
  readonly query: Uint8Array;
  readonly questionEnd: number;
  readonly isCaseMixed: boolean;
  readonly upstream: UpstreamResolver;
  readonly manner: AttemptManner;
  readonly sentMs: number;
  readonly timeoutAtMs: number;
  state: AttemptState = ATTEMPT_WAITING;
  strayCount = 0;
  hasCaseMismatch = false;
  hasBareError = false;
  /** The network or a full table ended it. */
  isLost = false;
  readonly #listener: AttemptListener;

  /** Composes the query; the carrier writes its ID. */
  constructor(options: {
    readonly listener: AttemptListener;
    readonly upstream: UpstreamResolver;
    readonly question: ForwardQuestion;
    readonly manner: AttemptManner;
    readonly random: RandomPool;
    readonly nowMs: number;
    readonly timeoutMs: number;
  }) {
    const { upstream, question, manner, nowMs } = options;
    this.#listener = options.listener;
    this.upstream = upstream;
    this.manner = manner;
    this.sentMs = nowMs;
    this.timeoutAtMs = nowMs + options.timeoutMs;
    // Over TCP an off-path attacker cannot write, and the upstream may be one that loses case.
    this.isCaseMixed = !manner.isTcp && upstream.health.usesMixedCase(nowMs);
    this.questionEnd = questionEndOf(question.nameLength);
    this.query = composeQuery(question, manner, upstream.isTrusted);
    if (!this.isCaseMixed) return;
    const { random } = options;
    const randomAt = random.take((question.nameLength + 7) >>> 3);
    mixCase(this.query, HEADER_BYTES, question.nameLength, random.octets, randomAt);
  }

  get carrier(): Carrier {
    return this.manner.isTcp ? this.upstream.tcp : this.upstream.udp;
  }

  onResponse(bytes: Uint8Array, outline: ResponseOutline): void {
    this.state = ATTEMPT_ENDED;
    this.#listener.onAttemptResponse(this, bytes, outline);
  }

  onCaseMismatch(): void {
    this.hasCaseMismatch = true;
    this.onStray();
  }

  onBareError(): void {
    this.hasBareError = true;
    this.onStray();
  }

  onStray(): void {
    // Told in a row with others, one of which may have ended the question.
    if (this.state === ATTEMPT_ENDED) return;
    this.strayCount++;
    this.#listener.onAttemptStray(this);
  }

  onLost(): void {
    if (this.state === ATTEMPT_ENDED) return;
    const wasWaiting = this.state === ATTEMPT_WAITING;
    this.state = ATTEMPT_ENDED;
    this.#listener.onAttemptLost(this, wasWaiting);
  }

  /** Listens no longer. */
  end(): void {
    if (this.state === ATTEMPT_ENDED) return;
    this.state = ATTEMPT_ENDED;
    this.carrier.forget(this);
  }
}

const scratch = new Uint8Array(QUERY_BYTES_MAX);

function composeQuery(
  question: ForwardQuestion,
  manner: AttemptManner,
  wantsAuthenticData: boolean,
): Uint8Array {
  const { name, nameLength, type, isDnssecOk, isCheckingDisabled } = question;
  const { hasOpt } = manner;
  const shape = { name, nameLength, type, isDnssecOk, isCheckingDisabled, wantsAuthenticData };
  return scratch.slice(0, writeQuery(scratch, 0, { ...shape, hasOpt }));
}
