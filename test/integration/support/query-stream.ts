/**
 * Asks very many names over real UDP sockets: several sockets bound to the subscriber's address, each
 * with a window of queries in flight. A query that stays without an answer is sent again, since
 * loopback too drops datagrams when a buffer is full. An answer counts only if its ID is in flight and
 * its question is the one that was asked.
 */

import { createSocket, type Socket } from 'node:dgram';

const RETRY_AFTER_MS = 2000;
const ATTEMPTS_MAX = 15;
const SCAN_INTERVAL_MS = 250;
const TYPE_A = 1;

/** OPT: payload size 1232, version 0, no options. */
const OPT = Buffer.from([0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);

export interface StreamOptions {
  readonly port: number;
  /** The subscriber's address. */
  readonly from: string;
  readonly sockets?: number;
  /** Queries in flight on each socket. */
  readonly window?: number;
  readonly count: number;
  readonly nameAt: (index: number) => string;
  /** Default A. */
  readonly typeAt?: (index: number) => number;
  /** The OPT record, or nothing. Default: payload size 1232, no options. */
  readonly optAt?: (index: number) => Buffer;
  readonly onResponse: (index: number, response: Buffer) => void;
  /** What is not answered after this is sent again. Default 2 seconds. */
  readonly retryAfterMs?: number;
}

export interface StreamReport {
  readonly answered: number;
  readonly retries: number;
  readonly elapsedMs: number;
}

/** Resolves when every name has an answer; rejects with the name that stays without. */
export async function askEach(options: StreamOptions): Promise<StreamReport> {
  const { sockets = 8, window = 64 } = options;
  const startedAt = Date.now();
  const source = new Source(options.count);
  const lanes = Array.from({ length: sockets }, () => new Lane(options, source, window));
  try {
    await Promise.all(lanes.map((lane) => lane.run()));
  } finally {
    for (const lane of lanes) lane.close();
  }
  const retries = lanes.reduce((sum, lane) => sum + lane.retries, 0);
  const answered = lanes.reduce((sum, lane) => sum + lane.answered, 0);
  return { answered, retries, elapsedMs: Date.now() - startedAt };
}

/** Hands out 0, 1, 2, … to whichever socket has room. */
class Source {
  readonly #count: number;
  #next = 0;

  constructor(count: number) {
    this.#count = count;
  }

  take(): number {
    return this.#next < this.#count ? this.#next++ : -1;
  }
}

interface InFlight {
  readonly index: number;
  readonly query: Buffer;
  readonly questionEnd: number;
  sentAt: number;
  attempts: number;
}

class Lane {
  readonly #options: StreamOptions;
  readonly #source: Source;
  readonly #window: number;
  readonly #socket: Socket = createSocket('udp4');
  readonly #inFlight = new Map<number, InFlight>();
  #nextId = 0;
  #scan: NodeJS.Timeout | null = null;
  retries = 0;
  answered = 0;

  constructor(options: StreamOptions, source: Source, window: number) {
    this.#options = options;
    this.#source = source;
    this.#window = window;
  }

  run(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.on('error', reject);
      this.#socket.on('message', (response) => {
        try {
          this.#take(response);
        } catch (error) {
          reject(error instanceof Error ? error : new Error(String(error)));
        }
        if (!this.#fill()) resolve();
      });
      this.#socket.bind(0, this.#options.from, () => {
        this.#socket.connect(this.#options.port, '127.0.0.1', () => {
          this.#scan = setInterval(() => {
            this.#sendAgain(reject);
          }, SCAN_INTERVAL_MS);
          if (!this.#fill()) resolve();
        });
      });
    });
  }

  close(): void {
    if (this.#scan !== null) clearInterval(this.#scan);
    this.#socket.close();
  }

  #take(response: Buffer): void {
    if (response.length < 12) return;
    const id = response.readUInt16BE(0);
    const asked = this.#inFlight.get(id);
    if (asked === undefined) return;
    const { questionEnd } = asked;
    if (response.compare(asked.query, 12, questionEnd, 12, questionEnd) !== 0) {
      throw new Error(`The answer to ${this.#options.nameAt(asked.index)} has another question`);
    }
    this.#inFlight.delete(id);
    this.answered++;
    this.#options.onResponse(asked.index, response);
  }

  /** @returns false where nothing is left to ask or to wait for */
  #fill(): boolean {
    while (this.#inFlight.size < this.#window) {
      const index = this.#source.take();
      if (index < 0) break;
      const id = this.#nextId++ & 0xffff;
      const { nameAt, typeAt, optAt } = this.#options;
      const opt = optAt?.(index) ?? OPT;
      const query = buildQuery(id, nameAt(index), typeAt?.(index) ?? TYPE_A, opt);
      const questionEnd = query.length - opt.length;
      this.#inFlight.set(id, { index, query, questionEnd, sentAt: Date.now(), attempts: 1 });
      this.#send(query);
    }
    return this.#inFlight.size > 0;
  }

  #sendAgain(reject: (error: Error) => void): void {
    const now = Date.now();
    const { retryAfterMs = RETRY_AFTER_MS } = this.#options;
    for (const asked of this.#inFlight.values()) {
      if (now - asked.sentAt < retryAfterMs) continue;
      if (asked.attempts === ATTEMPTS_MAX) {
        reject(new Error(`No answer for ${this.#options.nameAt(asked.index)}`));
        return;
      }
      asked.sentAt = now;
      asked.attempts++;
      this.retries++;
      this.#send(asked.query);
    }
  }

  #send(query: Buffer): void {
    // A full socket buffer is a lost datagram: it is sent again later.
    this.#socket.send(query, () => undefined);
  }
}

/** RD set; by default with an OPT, so that the answer may carry an Extended DNS Error. */
export function buildQuery(id: number, name: string, type: number, opt: Uint8Array = OPT): Buffer {
  const query = Buffer.alloc(12 + name.length + 2 + 4 + opt.length);
  query.writeUInt16BE(id, 0);
  query.writeUInt16BE(0x0100, 2);
  query.writeUInt16BE(1, 4);
  query.writeUInt16BE(opt.length === 0 ? 0 : 1, 10);
  let at = 12;
  for (const label of name.split('.')) {
    query[at] = label.length;
    at += 1 + query.write(label, at + 1, 'latin1');
  }
  at = query.writeUInt16BE(type, at + 1);
  at = query.writeUInt16BE(1, at);
  query.set(opt, at);
  return query;
}
