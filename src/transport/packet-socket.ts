/**
 * The contract of a transport: where queries come in and responses leave. The worker knows
 * transports by this alone, so UDP, TCP and later DoT and DoH all feed the same two functions
 * of the query path.
 *
 *     open ──▶ receiving ── stopReceiving ──▶ draining ── close ──▶ closed
 *                 │ handler(batch, count)        │ send(…)             send(…) does nothing
 *                 └ send(…) for late responses   └ no new queries
 *
 * A transport owns its batch and its handler runs synchronously: what it left in a slot is sent
 * before the next message is looked at.
 */

import type { PacketBatch } from '../lib/packet-batch.ts';

/**
 * Resolves the first `count` slots of a batch in place. For each it sets `batch.lengths[slot]`:
 *
 *     > 0            octets to send now, from the start of the slot
 *     0              nothing now; a response may come later through `send`
 *     NEVER_ANSWERED nothing at all: a stream need not count the query as in flight
 *
 * The slots are the handler's until it returns. What it throws is counted and that batch dropped.
 */
export type BatchHandler = (batch: PacketBatch, count: number) => void;

export interface PacketSocket {
  /** Binds and starts to receive. @throws AppError `LISTEN_IN_USE` or `LISTEN_FAILED` */
  open(): Promise<void>;
  /** The address bound, as text; an IPv6 link-local one with its zone (`fe80::1%eth0`). */
  readonly localAddress: string;
  /** The port bound; what the options said until `open` has resolved. */
  readonly localPort: number;
  /**
   * Sends a response that comes after the handler returned. Never throws, never calls the handler,
   * and copies what it needs before it returns. A connection that is gone or a socket that is
   * closed drops the response and counts it. A stream takes a length of 0 as "none will come".
   * @param route the slot's `batch.routes` value
   * @param addresses four words from `addressAt` on: the slot's address
   */
  send(
    route: number,
    addresses: Uint32Array,
    addressAt: number,
    port: number,
    bytes: Uint8Array,
    at: number,
    length: number,
  ): void;
  /** No new queries from here on; late responses still go out. */
  stopReceiving(): void;
  /** Closes, when the responses handed over have left or a short grace is over. */
  close(): Promise<void>;
  readonly counters: Readonly<PacketSocketCounters>;
}

/** Totals since `open`. */
export interface PacketSocketCounters {
  /** Messages given to the handler. */
  received: number;
  /** Responses given to the kernel. */
  sent: number;
  /** Messages dropped unread: source port 0, too long or too short, or not receiving any more. */
  dropped: number;
  /** Responses for a closed socket or a connection that is gone. */
  lateDropped: number;
  /** Responses that the kernel refused. */
  sendErrors: number;
  /** Responses dropped because too many were waiting for the kernel. */
  sendOverflows: number;
  /** Batches dropped because the handler threw: each is a bug of ours. */
  handlerFaults: number;
  /** Packets that the kernel dropped before we saw them: its receive buffer was full. */
  kernelDrops: number;
  /** Errors of the listening socket itself. */
  socketErrors: number;
}

export function createPacketSocketCounters(): PacketSocketCounters {
  return {
    received: 0,
    sent: 0,
    dropped: 0,
    lateDropped: 0,
    sendErrors: 0,
    sendOverflows: 0,
    handlerFaults: 0,
    kernelDrops: 0,
    socketErrors: 0,
  };
}
