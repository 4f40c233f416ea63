/**
 * The one writer of the live subscriber table (layout and rules of concurrency: `subscribers`). Lives
 * on the main thread.
 *
 * When 70 % of the slots are used, deleted ones included, it begins a new buffer. A million entries
 * would hold the thread up, so each write moves a few slots; until all are moved, the new buffer is
 * written beside the old one and nobody reads it. Then it says so (`onBuffer`); the owner hands the
 * buffer to the workers. Until every worker has reported it, writes go to both buffers, so that no
 * worker works on an old state; then the owner calls `retire`.
 *
 *     used    0.52 ──────────▶ 0.70 ──── moving ────▶ onBuffer ──── both written ────▶ retire
 *                                 all moved long before 0.90
 */

import { assert } from '../lib/assert.ts';
import type { HashSeed } from '../lib/half-siphash.ts';
import type { IpPrefix } from '../lib/ip-address.ts';
import type { SubscriberTable } from './subscribers.ts';
import {
  SLOT_SAME,
  SLOT_TAKEN,
  copySlots,
  createSubscriberTable,
  erasePrefix,
  lookUpPrefix,
  writePrefix,
} from './subscribers.ts';

const SLOTS_MIN = 1024;
/** Of a new buffer: 16.5 octets a slot at this load are 31.7 octets an entry. */
const LOAD_NEW = 0.52;
/** Where a new buffer is due. */
const LOAD_MAX = 0.7;
/** A buffer on its way out takes new prefixes up to here: probes stay short, and always end. What is in it still changes. */
const LOAD_OLD_MAX = 0.9;
/** Slots that one write moves: some microseconds, and all are moved before the old buffer is full. */
const SLOTS_MOVED = 32;
/**
 * Where hardly any entry is left, as after many sessions have ended, a new buffer must still take a
 * new prefix with each write that moves slots into it.
 */
const SLOTS_AN_ENTRY_EXPECTED = 16;

export interface SubscriberWriterOptions {
  /** Entries that are expected; spares rebuilding while they are loaded. */
  readonly expectedEntries?: number;
  /** Called with each buffer that replaces another, complete when handed over. */
  readonly onBuffer?: (buffer: SharedArrayBuffer, generation: number) => void;
}

interface LiveTable {
  readonly table: SubscriberTable;
  readonly generation: number;
  /** Slots that are not "never used". */
  usedCount: number;
}

export class SubscriberWriter {
  readonly #seed: HashSeed;
  readonly #onBuffer: (buffer: SharedArrayBuffer, generation: number) => void;
  /** The newest last; the others are still read by some worker. */
  #tables: LiveTable[];
  /** The next newest: takes every write, and the entries of the newest that come after `movedSlots`. */
  #growing: LiveTable | null = null;
  #movedSlots = 0;
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
    const newest = this.#newest();
    for (const live of this.#tables) {
      if (live !== newest && isFullFor(live, prefix)) continue;
      const effect = insertInto(live, prefix, profile);
      if (live === newest && effect !== SLOT_SAME) this.#entryCount++;
    }
    if (this.#growing !== null) insertInto(this.#growing, prefix, profile);
    else if (loadOf(newest) >= LOAD_MAX) this.#grow();
    this.#moveSome();
  }

  /** Takes a prefix away. @returns false where it was not there */
  delete(prefix: IpPrefix): boolean {
    let isThere = false;
    for (const live of this.#tables) isThere = erasePrefix(live.table, prefix);
    if (this.#growing !== null) erasePrefix(this.#growing.table, prefix);
    if (isThere) this.#entryCount--;
    this.#moveSome();
    return isThere;
  }

  /** Every worker has reported this generation: buffers before it are not written any more. */
  retire(generation: number): void {
    const oldest = Math.min(generation, this.generation);
    this.#tables = this.#tables.filter((live) => live.generation >= oldest);
  }

  #grow(): void {
    const { slotCount } = this.#newest().table;
    const entries = Math.max(this.#entryCount, slotCount / SLOTS_AN_ENTRY_EXPECTED);
    this.#growing = this.#createTable(entries, this.generation + 1);
    this.#movedSlots = 0;
  }

  /** An entry behind `movedSlots` was copied, one before it will be, and the new buffer has every write since. */
  #moveSome(): void {
    const growing = this.#growing;
    if (growing === null) return;
    const { table } = this.#newest();
    growing.usedCount += copySlots(table, growing.table, this.#movedSlots, SLOTS_MOVED);
    this.#movedSlots += SLOTS_MOVED;
    if (this.#movedSlots < table.slotCount) return;
    this.#growing = null;
    this.#tables.push(growing);
    this.#onBuffer(growing.table.buffer, growing.generation);
  }

  #createTable(entries: number, generation: number): LiveTable {
    const slotCount = Math.max(SLOTS_MIN, Math.ceil(entries / LOAD_NEW));
    return { table: createSubscriberTable(slotCount, this.#seed), generation, usedCount: 0 };
  }

  #newest(): LiveTable {
    const newest = this.#tables.at(-1);
    if (newest === undefined) throw new Error('Invariant broken: a writer has a table');
    return newest;
  }
}

function isFullFor(live: LiveTable, { words, length }: IpPrefix): boolean {
  return loadOf(live) >= LOAD_OLD_MAX && lookUpPrefix(live.table, words, 0, length) < 0;
}

/** @returns what `writePrefix` says */
function insertInto(live: LiveTable, prefix: IpPrefix, profile: number): number {
  assert(live.usedCount < live.table.slotCount - 1, 'a subscriber table has a slot to spare');
  const effect = writePrefix(live.table, prefix, profile);
  if (effect === SLOT_TAKEN) live.usedCount++;
  return effect;
}

function loadOf({ usedCount, table }: LiveTable): number {
  return usedCount / table.slotCount;
}
