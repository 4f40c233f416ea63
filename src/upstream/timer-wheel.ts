/**
 * One timer for all deadlines. A timer per query costs more than the query at twenty thousand a
 * second; here setting and clearing are a few assignments.
 *
 *     slots   0   1   2  …  255        each 20 ms wide; slot = (due time / 20 ms) mod 256
 *             │       │
 *             ▼       ▼
 *             t ⇄ t   t                doubly linked; a timer further than 5 s away is met again
 *                                      on each turn of the wheel until it is due
 *
 * The process sleeps until the next slot that holds anything, so an idle resolver does not wake.
 * Timers fire up to one tick late, never early.
 */

import type { Clock } from '../lib/clock.ts';

const TICK_MS = 20;
const SLOT_COUNT = 256;

export interface TimerOwner {
  onTimer(nowMs: number): void;
}

/** A deadline that its owner sets and clears as often as it likes; at most one at a time. */
export class WheelTimer {
  readonly owner: TimerOwner;
  /** Monotonic milliseconds; meaningful while the timer is set. */
  dueMs = 0;
  /** Links within the wheel's slot, the wheel's to write; −1 while the timer is not set. */
  slot = -1;
  next: WheelTimer | null = null;
  previous: WheelTimer | null = null;

  constructor(owner: TimerOwner) {
    this.owner = owner;
  }
}

export class TimerWheel {
  readonly #clock: Clock;
  readonly #slots: (WheelTimer | null)[] = new Array<WheelTimer | null>(SLOT_COUNT).fill(null);
  #count = 0;
  /** The tick up to which everything due has fired. */
  #doneTick: number;
  #wakeTick = Infinity;
  #wake: NodeJS.Timeout | null = null;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#doneTick = Math.floor(clock.monotonicMs() / TICK_MS);
  }

  /** Timers that are set. */
  get count(): number {
    return this.#count;
  }

  /** Sets the timer to `dueMs` (monotonic), in place of what it was set to before. */
  set(timer: WheelTimer, dueMs: number): void {
    this.clear(timer);
    // What is due in the past fires at the next tick, whose slot has not been visited yet.
    const tick = Math.max(Math.ceil(dueMs / TICK_MS), this.#doneTick + 1);
    timer.dueMs = dueMs;
    timer.slot = tick % SLOT_COUNT;
    timer.next = this.#slots[timer.slot] ?? null;
    if (timer.next !== null) timer.next.previous = timer;
    this.#slots[timer.slot] = timer;
    this.#count++;
    this.#wakeAt(tick);
  }

  /** Does nothing where the timer is not set. */
  clear(timer: WheelTimer): void {
    if (timer.slot < 0) return;
    if (timer.previous === null) this.#slots[timer.slot] = timer.next;
    else timer.previous.next = timer.next;
    if (timer.next !== null) timer.next.previous = timer.previous;
    timer.slot = -1;
    timer.next = null;
    timer.previous = null;
    this.#count--;
  }

  /** Fires what is due. Called by the wheel's own alarm; tests call it with a clock of their own. */
  advance(): void {
    const nowMs = this.#clock.monotonicMs();
    const nowTick = Math.floor(nowMs / TICK_MS);
    // After a long sleep one full turn visits every slot.
    let tick = Math.max(this.#doneTick + 1, nowTick - SLOT_COUNT + 1);
    for (; tick <= nowTick; tick++) {
      this.#doneTick = tick;
      this.#fireSlot(tick % SLOT_COUNT, nowMs);
    }
    this.#sleep(nowTick);
  }

  /** Clears the alarm; timers that are set never fire. */
  close(): void {
    if (this.#wake !== null) clearTimeout(this.#wake);
    this.#wake = null;
    this.#wakeTick = -1;
  }

  #fireSlot(slot: number, nowMs: number): void {
    // Firing may set and clear any timer, so the due ones are taken out first.
    const due: WheelTimer[] = [];
    for (let timer = this.#slots[slot] ?? null; timer !== null; timer = timer.next) {
      if (timer.dueMs <= nowMs) due.push(timer);
    }
    for (const timer of due) {
      if (timer.slot !== slot || timer.dueMs > nowMs) continue;
      this.clear(timer);
      timer.owner.onTimer(nowMs);
    }
  }

  #sleep(nowTick: number): void {
    if (this.#wakeTick < 0) return;
    this.#wakeTick = Infinity;
    if (this.#count === 0) return;
    for (let ahead = 1; ahead <= SLOT_COUNT; ahead++) {
      if (this.#slots[(nowTick + ahead) % SLOT_COUNT] !== null) {
        this.#wakeAt(nowTick + ahead);
        return;
      }
    }
  }

  #wakeAt(tick: number): void {
    if (tick >= this.#wakeTick) return;
    this.#wakeTick = tick;
    if (this.#wake !== null) clearTimeout(this.#wake);
    const delayMs = Math.max(0, tick * TICK_MS - this.#clock.monotonicMs());
    this.#wake = setTimeout(() => {
      this.#wake = null;
      this.#wakeTick = Infinity;
      this.advance();
    }, Math.ceil(delayMs));
  }
}
