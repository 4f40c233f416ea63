/**
 * A steady, low load of queries beside whatever a test does to the server: each from a socket of its
 * own, so that all workers get their share, and sent again once where no answer came. What had no
 * answer then is lost.
 */

import { aQuery, hearUdp } from '../../support/dns-query.ts';
import { pause } from './server-process.ts';

export interface LoadOptions {
  readonly port: number;
  readonly from: string;
  readonly pauseMs: number;
  /** How long an answer is waited for before the query is sent again. */
  readonly patienceMs: number;
  /** Of queries that have no answer. */
  readonly attempts: number;
  readonly nameAt: (index: number) => string;
  readonly check: (response: Buffer, index: number) => void;
}

export interface LoadReport {
  readonly asked: number;
  /** Answered, but not at once. */
  readonly again: number;
  readonly lost: number;
}

export class SteadyLoad {
  readonly #options: LoadOptions;
  readonly #underWay = new Set<Promise<void>>();
  readonly #running: Promise<void>;
  #isStopping = false;
  #asked = 0;
  #again = 0;
  #lost = 0;
  #fault: unknown = null;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  get asked(): number {
    return this.#asked;
  }

  /** Waits for what is under way; throws the first fault that `check` found. */
  async stop(): Promise<LoadReport> {
    this.#isStopping = true;
    await this.#running;
    await Promise.all(this.#underWay);
    if (this.#fault !== null) throw this.#fault as Error;
    return { asked: this.#asked, again: this.#again, lost: this.#lost };
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      const one = this.#ask(this.#asked++).catch((error: unknown) => {
        this.#fault ??= error;
      });
      this.#underWay.add(one);
      void one.then(() => this.#underWay.delete(one));
      await pause(this.#options.pauseMs);
    }
  }

  async #ask(index: number): Promise<void> {
    const { port, from, patienceMs, attempts, nameAt, check } = this.#options;
    const query = aQuery()
      .id(index & 0xffff)
      .name(nameAt(index))
      .edns()
      .build();
    for (let attempt = 0; attempt < attempts; attempt++) {
      const response = await hearUdp(port, query, { from, timeoutMs: patienceMs });
      if (response === null) continue;
      if (attempt > 0) this.#again++;
      check(response, index);
      return;
    }
    this.#lost++;
  }
}
