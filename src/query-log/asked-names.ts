/**
 * The names that are asked for most at this resolver, whoever asked: what an update of a list must not
 * block unseen, and what shows which list is of use. Of the queries a worker leaves one in some behind
 * (`resolver/leave-events`), the name alone: no client, no profile, no time. Nothing is written to the
 * disk, and a name that came seldom is shown to nobody: it counts in sums over many names only.
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
/** Drawn of all samples: a list that a thousandth of the queries fall on has some sixteen of them. */
const SAMPLES_DRAWN = 16_384;
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
  /** From 0 to 1, 1 excluded. */
  readonly random: () => number;
}

export interface AskedCount {
  readonly name: string;
  /** Queries, about. */
  readonly count: number;
}

/** What all names come to, those that are asked seldom too. */
export interface AskedTotals {
  /** The most asked first. */
  readonly often: readonly AskedCount[];
  /** Samples of all other names, a name as often as it was drawn; for sums, and to be shown to nobody. */
  readonly seldom: readonly string[];
  /** Queries, about, for which one of the seldom stands. */
  readonly queriesASeldom: number;
}

export class AskedNames {
  readonly #options: AskedNamesOptions;
  readonly #names = new TopList(NAMES_COUNTED);
  /** Of all names; halved with their counts. */
  #samples = 0;
  /** Of these samples, each with the same chance (reservoir sampling; Vitter 1985, algorithm R). */
  readonly #drawn: string[] = [];
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
      for (const { name } of readEvents(ring, NAMES_A_ROUND)) this.#count(nameToText(name));
    }
    const nowMs = this.#options.clock.monotonicMs();
    if (nowMs - this.#halvedAtMs < DAY_MS) return;
    this.#halvedAtMs = nowMs;
    this.#names.halve();
    this.#samples /= 2;
    while (this.#drawn.length > this.#samples) this.#forgetAny();
  }

  /** The most asked first. */
  top(): AskedCount[] {
    return this.#top(SAMPLES_MIN);
  }

  /** Those of them that an update of a list must not block unseen. */
  popular(): AskedCount[] {
    return this.#top(Math.max(SAMPLES_MIN, this.#samples * POPULAR_SHARE));
  }

  totals(): AskedTotals {
    const often = this.top();
    const shown = new Set(often.map(({ name }) => name));
    const samplesADrawn = this.#samples / Math.max(1, this.#drawn.length);
    return {
      often,
      seldom: this.#drawn.filter((name) => !shown.has(name)),
      queriesASeldom: samplesADrawn * this.#options.queriesASample,
    };
  }

  #count(name: string): void {
    this.#names.add(name);
    this.#samples++;
    const drawn = this.#drawn;
    const isFull = drawn.length === SAMPLES_DRAWN;
    const place = isFull ? Math.floor(this.#options.random() * this.#samples) : drawn.length;
    if (place < SAMPLES_DRAWN) drawn[place] = name;
  }

  #forgetAny(): void {
    const drawn = this.#drawn;
    const place = Math.floor(this.#options.random() * drawn.length);
    const last = drawn.pop();
    if (last !== undefined && place < drawn.length) drawn[place] = last;
  }

  #top(samplesMin: number): AskedCount[] {
    return this.#names
      .top(NAMES_SHOWN, samplesMin)
      .map(({ key, count }) => ({ name: key, count: count * this.#options.queriesASample }));
  }
}
