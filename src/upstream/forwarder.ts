/**
 * Forwarding: questions in, verified responses out. It owns the upstream resolvers of all groups and
 * the questions that are under way, and holds them within bounds. It knows neither policy nor cache.
 */

import type { Clock } from '../lib/clock.ts';
import type { Endpoint } from '../lib/endpoint.ts';
import {
  FORWARD_BAD_RESPONSES,
  FORWARD_NETWORK_ERROR,
  FORWARD_OVERLOADED,
  type ForwardCause,
  type Forwarder,
  type ForwardQuestion,
  type ForwardResult,
} from '../resolver/forwarder.ts';
import { createForwardCounters, type ForwardCounters } from './forward-counters.ts';
import { ForwardedQuestion, type QuestionContext } from './forwarded-question.ts';
import type { RandomPool } from './random-pool.ts';
import { TimerWheel } from './timer-wheel.ts';
import { UpstreamResolver } from './upstream-resolver.ts';

const TIMEOUT_MS = 4500;
const SLOW_MS = 1800;
const ATTEMPTS_MAX = 4;
const PENDING_MAX = 10_000;

export interface UpstreamGroup {
  /** For people: `default`, or the name of a forward zone. */
  readonly name: string;
  readonly upstreams: readonly Endpoint[];
}

export interface ForwarderOptions {
  /** A question's `group` is an index into these. */
  readonly groups: readonly UpstreamGroup[];
  readonly clock: Clock;
  readonly random: RandomPool;
  readonly result: ForwardResult;
  /** From a question to its failure; default 4.5 s, under the 5 s that clients wait. */
  readonly timeoutMs?: number;
  /** From a question to `onSlow`; default 1.8 s (RFC 8767, section 5). */
  readonly slowMs?: number;
  /** Queries for one question, all causes together; default 4. */
  readonly attemptsMax?: number;
  /** Questions under way, past which the oldest is given up; default 10,000. */
  readonly pendingMax?: number;
  /** Told of exceptions in handling a packet; they are counted in any case. */
  readonly onFault?: (error: unknown) => void;
}

export interface UpstreamStats {
  readonly group: string;
  readonly address: string;
  readonly port: number;
  readonly isDown: boolean;
  /** Smoothed round trip; null before the first answer. */
  readonly srttMs: number | null;
  readonly isAskedInMixedCase: boolean;
  readonly isAskedWithOpt: boolean;
  readonly udpSockets: number;
  readonly tcpConnections: number;
}

export interface ForwarderStats {
  readonly pending: number;
  readonly counters: Readonly<ForwardCounters>;
  readonly upstreams: readonly UpstreamStats[];
}

export function createForwarder(options: ForwarderOptions): UpstreamForwarder {
  return new UpstreamForwarder(options);
}

export class UpstreamForwarder implements Forwarder {
  readonly #options: ForwarderOptions;
  readonly #context: QuestionContext;
  readonly #wheel: TimerWheel;
  readonly #counters = createForwardCounters();
  readonly #groups: readonly (readonly UpstreamResolver[])[];
  readonly #underWay = new Set<ForwardedQuestion>();
  readonly #pendingMax: number;
  #isClosed = false;

  constructor(options: ForwarderOptions) {
    const { clock, random } = options;
    this.#options = options;
    this.#pendingMax = options.pendingMax ?? PENDING_MAX;
    this.#wheel = new TimerWheel(clock);
    this.#context = {
      clock,
      random,
      result: guarded(options.result, (error) => {
        this.#onFault(error);
      }),
      wheel: this.#wheel,
      counters: this.#counters,
      timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
      slowMs: options.slowMs ?? SLOW_MS,
      attemptsMax: options.attemptsMax ?? ATTEMPTS_MAX,
      onDone: (question) => this.#underWay.delete(question),
      onFault: (error) => {
        this.#onFault(error);
      },
    };
    this.#groups = options.groups.map(({ upstreams }) =>
      upstreams.map((endpoint) => new UpstreamResolver(endpoint, this.#context)),
    );
  }

  forward(pending: number, question: ForwardQuestion): void {
    const upstreams = this.#groups[question.group];
    this.#counters.questions++;
    if (this.#isClosed || upstreams === undefined) this.#failLater(pending, FORWARD_NETWORK_ERROR);
    else {
      if (this.#underWay.size >= this.#pendingMax) this.#giveUpOldest();
      const underWay = new ForwardedQuestion(pending, question, upstreams, this.#context);
      this.#underWay.add(underWay);
      underWay.start();
    }
  }

  stats(): ForwarderStats {
    const nowMs = this.#options.clock.monotonicMs();
    const upstreams = this.#groups.flatMap((group, index) =>
      group.map((upstream) => describe(this.#options.groups[index]?.name ?? '', upstream, nowMs)),
    );
    return { pending: this.#underWay.size, counters: { ...this.#counters }, upstreams };
  }

  /** Closes every socket. Questions under way are forgotten: the result hears of them no more. */
  close(): void {
    this.#isClosed = true;
    for (const question of this.#underWay) question.abandon();
    this.#underWay.clear();
    for (const upstream of this.#groups.flat()) upstream.close();
    this.#wheel.close();
  }

  /** The longest wait ends, as the resolver does it when it is full itself: the newest has hope. */
  #giveUpOldest(): void {
    const [oldest] = this.#underWay;
    if (oldest === undefined) return;
    this.#counters.overloads++;
    this.#underWay.delete(oldest);
    oldest.abandon();
    this.#failLater(oldest.pending, FORWARD_OVERLOADED);
  }

  #onFault(error: unknown): void {
    this.#counters.faults++;
    this.#options.onFault?.(error);
  }

  #failLater(pending: number, cause: ForwardCause): void {
    setImmediate(() => {
      this.#context.result.onFailure(pending, cause);
    });
  }
}

/** One response that trips the resolver must cost that question only, not the process. */
function guarded(result: ForwardResult, onFault: (error: unknown) => void): ForwardResult {
  const run = (call: () => void): void => {
    try {
      call();
    } catch (error) {
      onFault(error);
    }
  };
  return {
    onResponse: (pending, bytes, length, isUpstreamAuthentic) => {
      try {
        result.onResponse(pending, bytes, length, isUpstreamAuthentic);
      } catch (error) {
        onFault(error);
        // What waits for this question must not wait for good.
        run(() => {
          result.onFailure(pending, FORWARD_BAD_RESPONSES);
        });
      }
    },
    onFailure: (pending, cause) => {
      run(() => {
        result.onFailure(pending, cause);
      });
    },
    onSlow: (pending) => {
      run(() => {
        result.onSlow(pending);
      });
    },
  };
}

function describe(group: string, upstream: UpstreamResolver, nowMs: number): UpstreamStats {
  const { endpoint, health, tcp, udp } = upstream;
  return {
    group,
    address: endpoint.address,
    port: endpoint.port,
    isDown: health.isDown,
    srttMs: health.srttMs < 0 ? null : health.srttMs,
    isAskedInMixedCase: health.usesMixedCase(nowMs),
    isAskedWithOpt: health.usesOpt(nowMs),
    udpSockets: udp.portCount,
    tcpConnections: tcp.connectionCount,
  };
}
