/**
 * The names that are asked for most at this resolver, whoever asked: what an update of a list must not
 * block unseen, and what shows which list is of use. Of the queries a worker leaves one in some behind
 * (`resolver/leave-events`), the name alone: no client, no profile, no time. Nothing is written to the
 * disk, and a name that came seldom is shown to nobody.
 */

import { nameToText } from '../dns/name.ts';
import type { Clock } from '../lib/clock.ts';
import { type EventRing, readEvents } from '../lib/event-ring.ts';
import { TopList } from './top-list.ts';

/** Counted at a time: enough for ten thousand that are right, a few megabytes at most. */
const NAMES_COUNTED = 16_384;
const NAMES_SHOWN = 10_000;
/** A name that was met less often is not shown: who asked it might be known by it. */
const SAMPLES_MIN = 4;
/** Of all samples, for a name to be a popular one: else a single client could make names popular that it likes. */
const POPULAR_SHARE = 1 / 2_000;
const ROUND_MS = 1_000;
/** Taken from one ring in a round; what comes faster is dropped by the workers. */
const NAMES_A_ROUND = 2_000;
/** What is asked today counts twice as much as what was asked yesterday. */
const DAY_MS = 86_400_000;

export interface AskedNamesOptions {
  readonly clock: Clock;
  /** Those of the workers that run. */
  readonly rings: () => readonly EventRing[];
  /** A worker leaves one query name of so many. */
  readonly queriesASample: number;
}

export interface AskedCount {
  readonly name: string;
  /** Queries, about. */
  readonly count: number;
}

export class AskedNames {
  readonly #options: AskedNamesOptions;
  readonly #names = new TopList(NAMES_COUNTED);
  /** Of all names; halved with their counts. */
  #samples = 0;
  #halvedAtMs: number;
  #timer: NodeJS.Timeout | null = null;

  constructor(options: AskedNamesOptions) {
    this.#options = options;
    this.#halvedAtMs = options.clock.monotonicMs();
  }

  /** Begins to read the rings. */
  start(): void {
    this.#timer = setInterval(() => {
      this.drain();
    }, ROUND_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  /** One round; the timer does the same. */
  drain(): void {
    for (const ring of this.#options.rings()) {
      for (const { name } of readEvents(ring, NAMES_A_ROUND)) {
        this.#names.add(nameToText(name));
        this.#samples++;
      }
    }
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#halvedAtMs < DAY_MS) return;
    this.#halvedAtMs = nowMs;
    this.#names.halve();
    this.#samples /= 2;
  }

  /** The most asked first. */
  top(): AskedCount[] {
    return this.#top(SAMPLES_MIN);
  }

  /** Those of them that an update of a list must not block unseen. */
  popular(): AskedCount[] {
    return this.#top(Math.max(SAMPLES_MIN, this.#samples * POPULAR_SHARE));
  }

  #top(samplesMin: number): AskedCount[] {
    return this.#names
      .top(NAMES_SHOWN, samplesMin)
      .map(({ key, count }) => ({ name: key, count: count * this.#options.queriesASample }));
  }
}
