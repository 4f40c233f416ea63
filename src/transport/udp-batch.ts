/**
 * UDP in batches: many packets a system call. A `node:dgram` socket tells that something has come;
 * what else waits is then drained with `recvmmsg` into a ring, resolved in place, and answered with
 * one `sendmmsg`.
 *
 *     'message' ─▶ slot 0 ─▶ recvmmsg: slots 1… ─▶ handler ─▶ sendmmsg ─▶ full batch? ─▶ recvmmsg …
 *
 * At most 32 batches a turn of the event loop, so that timers, TCP, upstream answers and messages from
 * main have their turn in a flood; when they are spent, a message is served alone. A drain also ends at a batch that is not full: nothing more waits.
 *
 * The descriptor is the kernel's number for the socket. Once the socket is closed that number may be
 * another's, so it is forgotten before the socket is closed, and asked for before every call.
 */

import type { Socket } from 'node:dgram';
import type { Clock } from '../lib/clock.ts';
import type { BoundSockets } from './bound-socket.ts';
import { openDgram } from './dgram-socket.ts';
import type { Libc } from './libc.ts';
import { PacketRing, RING_SLOTS } from './packet-ring.ts';
import {
  createPacketSocketCounters,
  type BatchHandler,
  type PacketSocket,
  type PacketSocketCounters,
} from './packet-socket.ts';

export const BATCHES_PER_TURN = 32;

const CLOSED = -1;

export interface UdpBatchOptions {
  /** One local address, no wildcard where answers must leave from the address asked. */
  readonly address: string;
  readonly port: number;
  /** Index in the worker's table of transports, written to the batch. */
  readonly transport: number;
  readonly handler: BatchHandler;
  readonly clock: Clock;
  readonly libc: Libc;
  readonly boundSockets: BoundSockets;
  /** Told what the handler threw or the socket reported; both are also counted. */
  readonly onFault?: (error: unknown) => void;
}

export class UdpBatchSocket implements PacketSocket {
  readonly #counters: PacketSocketCounters = createPacketSocketCounters();
  readonly #options: UdpBatchOptions;
  readonly #handler: BatchHandler;
  readonly #clock: Clock;
  readonly #ring: PacketRing;
  #socket: Socket | null = null;
  #descriptor = CLOSED;
  #isReceiving = false;
  #localPort: number;
  #batchesLeft = BATCHES_PER_TURN;
  #closing: Promise<void> | null = null;

  constructor(options: UdpBatchOptions) {
    const { handler, clock, libc, transport, address, port } = options;
    this.#options = options;
    this.#handler = handler;
    this.#clock = clock;
    this.#localPort = port;
    this.#ring = new PacketRing(libc, transport, address.includes(':'), this.#counters);
  }

  get localAddress(): string {
    return this.#options.address;
  }

  get localPort(): number {
    return this.#localPort;
  }

  get counters(): Readonly<PacketSocketCounters> {
    this.#countKernelDrops();
    return this.#counters;
  }

  async open(): Promise<void> {
    const { address, port, boundSockets, onFault } = this.#options;
    const { socket, descriptor } = await openDgram(address, port, boundSockets);
    socket.on('error', (error) => {
      this.#counters.socketErrors++;
      onFault?.(error);
    });
    socket.on('message', (message, from) => {
      this.#drain(message, from.address, from.port);
    });
    this.#socket = socket;
    this.#descriptor = descriptor;
    this.#localPort = socket.address().port;
    this.#isReceiving = true;
  }

  send(
    route: number,
    addresses: Uint32Array,
    addressAt: number,
    port: number,
    bytes: Uint8Array,
    at: number,
    length: number,
  ): void {
    if (length <= 0) return;
    if (this.#descriptor === CLOSED) this.#counters.lateDropped++;
    else {
      const ring = this.#ring;
      ring.sendLate(this.#descriptor, route, addresses, addressAt, port, bytes, at, length);
    }
  }

  stopReceiving(): void {
    this.#isReceiving = false;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #drain(message: Buffer, address: string, port: number): void {
    if (!this.#isReceiving) {
      this.#counters.dropped++;
      return;
    }
    const ring = this.#ring;
    let count = ring.put(message, address, port) ? 1 : 0;
    let isMore = this.#takeBatch();
    if (isMore) count = ring.receive(this.#descriptor, count);
    while (count > 0) {
      this.#serve(count);
      isMore = isMore && count === RING_SLOTS && this.#takeBatch() && this.#descriptor !== CLOSED;
      count = isMore ? ring.receive(this.#descriptor, 0) : 0;
    }
  }

  /** One more batch of this turn; false where they are spent. */
  #takeBatch(): boolean {
    if (this.#batchesLeft === 0) return false;
    if (this.#batchesLeft === BATCHES_PER_TURN) setImmediate(this.#onTurn);
    this.#batchesLeft--;
    return true;
  }

  readonly #onTurn = (): void => {
    this.#batchesLeft = BATCHES_PER_TURN;
    this.#ring.beginTurn();
  };

  #serve(count: number): void {
    const { batch } = this.#ring;
    batch.nowMs[0] = this.#clock.monotonicMs();
    batch.nowSeconds = Math.floor(this.#clock.wallMs() / 1000);
    this.#counters.received += count;
    try {
      this.#handler(batch, count);
    } catch (error) {
      this.#counters.handlerFaults++;
      this.#options.onFault?.(error);
      return;
    }
    if (this.#descriptor !== CLOSED) this.#ring.send(this.#descriptor, count);
  }

  async #close(): Promise<void> {
    this.#isReceiving = false;
    const socket = this.#socket;
    if (socket === null) return;
    this.#socket = null;
    this.#countKernelDrops();
    this.#descriptor = CLOSED;
    await new Promise<void>((resolve) => {
      socket.close(resolve);
    });
  }

  #countKernelDrops(): void {
    if (this.#descriptor === CLOSED) return;
    this.#counters.kernelDrops = this.#options.boundSockets.kernelDropsOf(this.#descriptor);
  }
}
