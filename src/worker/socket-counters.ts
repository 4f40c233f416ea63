/**
 * What the sockets counted, on its way to the metrics page. The counters in shared memory outlive this
 * worker and must never step back, so only what came since the last time is added.
 */

import {
  COUNT_SOCKET_DROPPED,
  COUNT_SOCKET_FAULTS,
  COUNT_SOCKET_KERNEL_DROPS,
  COUNT_SOCKET_LATE_DROPPED,
  COUNT_SOCKET_SEND_ERRORS,
  COUNT_SOCKET_SEND_OVERFLOWS,
} from '../resolver/query-record.ts';
import type { PacketSocketCounters } from '../transport/packet-socket.ts';

export class SocketCounters {
  readonly #counters: Float64Array;
  readonly #added = new Map<number, number>();

  /** @param counters as `resolver/query-record` lays them out */
  constructor(counters: Float64Array) {
    this.#counters = counters;
  }

  /** @param totals of every socket since the start of this worker, those closed meanwhile included */
  add(totals: readonly Readonly<PacketSocketCounters>[]): void {
    const sum = (of: (one: Readonly<PacketSocketCounters>) => number): number =>
      totals.reduce((before, one) => before + of(one), 0);
    this.#addUpTo(
      COUNT_SOCKET_DROPPED,
      sum((one) => one.dropped),
    );
    this.#addUpTo(
      COUNT_SOCKET_KERNEL_DROPS,
      sum((one) => one.kernelDrops),
    );
    this.#addUpTo(
      COUNT_SOCKET_LATE_DROPPED,
      sum((one) => one.lateDropped),
    );
    this.#addUpTo(
      COUNT_SOCKET_SEND_ERRORS,
      sum((one) => one.sendErrors),
    );
    this.#addUpTo(
      COUNT_SOCKET_SEND_OVERFLOWS,
      sum((one) => one.sendOverflows),
    );
    this.#addUpTo(
      COUNT_SOCKET_FAULTS,
      sum((one) => one.handlerFaults + one.socketErrors),
    );
  }

  #addUpTo(index: number, total: number): void {
    const more = total - (this.#added.get(index) ?? 0);
    this.#counters[index] = (this.#counters[index] ?? 0) + more;
    this.#added.set(index, total);
  }
}
