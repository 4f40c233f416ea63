/**
 * The one writer of the live subscriber table (layout and rules of concurrency: `subscribers`). Lives
 * on the main thread.
 *
 * When 70 % of the slots are used, deleted ones included, it moves the entries to a new buffer and
 * says so (`onBuffer`); the owner hands the buffer to the workers. Until every worker has reported it,
 * writes go to both buffers, so that no worker works on an old state; then the owner calls `retire`.
 */

import type { HashSeed } from '../lib/half-siphash.ts';
import type { IpPrefix } from '../lib/ip-address.ts';
import type { SubscriberTable } from './subscribers.ts';
import {
  SLOT_SAME,
  SLOT_TAKEN,
  createSubscriberTable,
  erasePrefix,
  forEachPrefix,
  lookUpPrefix,
  writePrefix,
} from './subscribers.ts';

const SLOTS_MIN = 1024;
/** Of a new buffer: 20 octets a slot at this load are 31.25 octets an entry. */
const LOAD_NEW = 0.64;
/** Where a new buffer is due. */
const LOAD_MAX = 0.7;
/** A buffer on its way out takes new prefixes up to here: probes stay short, and always end. */
const LOAD_OLD_MAX = 0.9;

export interface SubscriberWriterOptions {
  /** Entries that are expected; spares rebuilding while they are loaded. */
  readonly expectedEntries?: number;
  /** Called with each buffer that replaces another, complete when handed over. */
  readonly onBuffer?: (buffer: SharedArrayBuffer, generation: number) => void;
}

interface LiveTable {
  readonly table: SubscriberTable;
  readonly generation: number;
  readonly slotCount: number;
  /** Slots that are not "never used". */
  usedCount: number;
}

export class SubscriberWriter {
  readonly #seed: HashSeed;
  readonly #onBuffer: (buffer: SharedArrayBuffer, generation: number) => void;
  /** The newest last; the others are still read by some worker. */
  #tables: LiveTable[];
  #entryCount = 0;

  constructor(seed: HashSeed, options: SubscriberWriterOptions = {}) {
    this.#seed = seed;
    this.#onBuffer = options.onBuffer ?? (() => undefined);
    this.#tables = [this.#createTable(options.expectedEntries ?? 0, 1)];
  }

  /** The buffer that workers should have. */
  get buffer(): SharedArrayBuffer {
    return this.#newest().table.buffer;
  }

  /** Grows by one with each new buffer; what workers report. */
  get generation(): number {
    return this.#newest().generation;
  }

  get entryCount(): number {
    return this.#entryCount;
  }

  /** Publishes a prefix, or gives it another profile; in force when this returns. */
  insert(prefix: IpPrefix, profile: number): void {
    for (const live of this.#tables) {
      const isNewest = live === this.#newest();
      if (!isNewest && live.usedCount >= live.slotCount * LOAD_OLD_MAX) continue;
      const effect = writePrefix(live.table, prefix, profile);
      if (effect === SLOT_TAKEN) live.usedCount++;
      if (isNewest && effect !== SLOT_SAME) this.#entryCount++;
    }
    const { usedCount, slotCount } = this.#newest();
    if (usedCount >= slotCount * LOAD_MAX) this.#rebuild(this.#entryCount);
  }

  /** Takes a prefix away. @returns false where it was not there */
  delete(prefix: IpPrefix): boolean {
    const isThere = lookUpPrefix(this.#newest().table, prefix.words, 0, prefix.length) >= 0;
    for (const live of this.#tables) erasePrefix(live.table, prefix);
    if (isThere) this.#entryCount--;
    return isThere;
  }

  /** Every worker has reported this generation: buffers before it are not written any more. */
  retire(generation: number): void {
    const oldest = Math.min(generation, this.generation);
    this.#tables = this.#tables.filter((live) => live.generation >= oldest);
  }

  /** Makes room for so many new prefixes at once, with one new buffer at most. */
  reserve(entries: number): void {
    const { usedCount, slotCount } = this.#newest();
    if (usedCount + entries >= slotCount * LOAD_MAX) this.#rebuild(this.#entryCount + entries);
  }

  #rebuild(entries: number): void {
    const old = this.#newest();
    const live = this.#createTable(entries, old.generation + 1);
    forEachPrefix(old.table, (prefix, profile) => {
      writePrefix(live.table, prefix, profile);
      live.usedCount++;
    });
    this.#tables.push(live);
    this.#onBuffer(live.table.buffer, live.generation);
  }

  #createTable(entries: number, generation: number): LiveTable {
    const slotCount = Math.max(SLOTS_MIN, Math.ceil(entries / LOAD_NEW));
    const table = createSubscriberTable(slotCount, this.#seed);
    return { table, generation, slotCount, usedCount: 0 };
  }

  #newest(): LiveTable {
    const newest = this.#tables.at(-1);
    if (newest === undefined) throw new Error('Invariant broken: a writer has a table');
    return newest;
  }
}
