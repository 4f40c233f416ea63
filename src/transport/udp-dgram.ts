/**
 * UDP over `node:dgram`: each `message` is a batch of one. Portable, and the fallback of any
 * faster way to receive.
 *
 * Bounds: 4,096 octets a query or response (`UDP_SLOT_BYTES`), a receive buffer of 4 MiB (the kernel
 * caps it at net.core.rmem_max), 16,384 responses that Node has not said to be sent.
 *
 * Responses are copied into a ring first. The kernel takes nearly all of them at once; where its
 * buffer is full, libuv keeps a pointer to ours until the socket can be written again, and the
 * batch is long in use for the next query by then. Sends complete in order, so a place of the
 * ring is free again once fewer sends are pending than the ring has places. Node says of none before
 * the turn ends, and a turn may answer all who wait for one question: those that find no place get
 * memory of their own.
 */

import type { RemoteInfo, Socket } from 'node:dgram';
import { copyBytes } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import { formatIpAddress } from '../lib/ip-address.ts';
import { createPacketBatch, UDP_SLOT_BYTES, type PacketBatch } from '../lib/packet-batch.ts';
import { writeAddressWords, zoneOf } from './address-text.ts';
import type { BoundSockets } from './bound-socket.ts';
import { openDgram } from './dgram-socket.ts';
import {
  createPacketSocketCounters,
  type BatchHandler,
  type PacketSocket,
  type PacketSocketCounters,
} from './packet-socket.ts';

const RING_PLACES = 256;
/** Above the clients that may wait for one answer, but where `pendingMax` is more than twice its default. */
const UDP_SENDS_MAX = 16_384;
/** How long `close` waits for responses that the kernel has not taken yet. */
export const UDP_CLOSE_GRACE_MS = 250;

/** Zones of link-local clients told apart; far more than a machine has interfaces. */
const ZONES_MAX = 256;

export interface UdpSocketOptions {
  /** One local address, no wildcard where answers must leave from the address asked. */
  readonly address: string;
  readonly port: number;
  /** Index in the worker's table of transports, written to the batch. */
  readonly transport: number;
  readonly handler: BatchHandler;
  readonly clock: Clock;
  /** Null: a plain socket that shares its port with nobody. */
  readonly boundSockets: BoundSockets | null;
  readonly receiveBufferBytes?: number;
  readonly sendsMax?: number;
  /** Told what the handler threw or the socket reported; both are also counted. */
  readonly onFault?: (error: unknown) => void;
}

export class UdpSocket implements PacketSocket {
  readonly #counters: PacketSocketCounters = createPacketSocketCounters();
  readonly #options: UdpSocketOptions;
  readonly #handler: BatchHandler;
  readonly #clock: Clock;
  readonly #batch: PacketBatch;
  readonly #ring = Buffer.alloc(RING_PLACES * UDP_SLOT_BYTES);
  readonly #sendsMax: number;
  /** Zone names by the number that `batch.routes` holds; 0 is none. */
  readonly #zones: string[] = [''];
  #socket: Socket | null = null;
  #descriptor = -1;
  #isReceiving = false;
  #localPort: number;
  #nextPlace = 0;
  #sendsPending = 0;
  #onIdle: (() => void) | null = null;
  #closing: Promise<void> | null = null;

  constructor(options: UdpSocketOptions) {
    this.#options = options;
    this.#handler = options.handler;
    this.#clock = options.clock;
    this.#localPort = options.port;
    this.#sendsMax = options.sendsMax ?? UDP_SENDS_MAX;
    this.#batch = createPacketBatch({
      slotCount: 1,
      slotBytes: UDP_SLOT_BYTES,
      transport: options.transport,
      isStream: false,
    });
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
    const { address, port, boundSockets, receiveBufferBytes, onFault } = this.#options;
    const opened = await openDgram(address, port, boundSockets, receiveBufferBytes);
    const { socket } = opened;
    socket.on('error', (error) => {
      this.#counters.socketErrors++;
      onFault?.(error);
    });
    socket.on('message', (message, from) => {
      this.#receive(message, from);
    });
    this.#socket = socket;
    this.#descriptor = opened.descriptor;
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
    const address = formatIpAddress(addresses, addressAt);
    const zone = this.#zones[route] ?? '';
    this.#transmit(zone === '' ? address : `${address}%${zone}`, port, bytes, at, length);
  }

  stopReceiving(): void {
    this.#isReceiving = false;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #receive(message: Buffer, from: RemoteInfo): void {
    const batch = this.#batch;
    const { address, port } = from;
    if (
      !this.#isReceiving ||
      port === 0 ||
      message.length > batch.slotBytes ||
      !writeAddressWords(address, batch.addresses, 0)
    ) {
      this.#counters.dropped++;
      return;
    }
    batch.bytes.set(message);
    batch.lengths[0] = message.length;
    batch.ports[0] = port;
    batch.routes[0] = this.#zoneNumber(address);
    batch.nowMs[0] = this.#clock.monotonicMs();
    batch.nowSeconds = Math.floor(this.#clock.wallMs() / 1000);
    this.#counters.received++;
    try {
      this.#handler(batch, 1);
    } catch (error) {
      this.#counters.handlerFaults++;
      this.#options.onFault?.(error);
      return;
    }
    const length = batch.lengths[0];
    if (length > 0) this.#transmit(address, port, batch.bytes, 0, length);
  }

  #transmit(address: string, port: number, bytes: Uint8Array, at: number, length: number): void {
    const socket = this.#socket;
    if (socket === null) {
      this.#counters.lateDropped++;
      return;
    }
    if (this.#sendsPending >= this.#sendsMax || length > UDP_SLOT_BYTES) {
      this.#counters.sendOverflows++;
      return;
    }
    const isInRing = this.#sendsPending < RING_PLACES;
    const memory = isInRing ? this.#ring : Buffer.allocUnsafe(length);
    const place = isInRing ? this.#nextPlace * UDP_SLOT_BYTES : 0;
    copyBytes(bytes, at, memory, place, length);
    try {
      socket.send(memory, place, length, port, address, this.#onSent);
    } catch {
      this.#counters.sendErrors++;
      return;
    }
    if (isInRing) this.#nextPlace = (this.#nextPlace + 1) % RING_PLACES;
    this.#sendsPending++;
  }

  /** One function for all sends; dgram calls it later, never inside `send`. */
  readonly #onSent = (error: Error | null): void => {
    if (error === null) this.#counters.sent++;
    else this.#counters.sendErrors++;
    this.#sendsPending--;
    if (this.#sendsPending === 0) this.#onIdle?.();
  };

  /** A link-local client is reached only through its interface; a late response must know which. */
  #zoneNumber(address: string): number {
    const zone = zoneOf(address);
    if (zone === '') return 0;
    const known = this.#zones.indexOf(zone);
    if (known >= 0) return known;
    return this.#zones.length < ZONES_MAX ? this.#zones.push(zone) - 1 : 0;
  }

  async #close(): Promise<void> {
    this.#isReceiving = false;
    const socket = this.#socket;
    if (socket === null) return;
    if (this.#sendsPending > 0) await this.#waitForSends();
    this.#countKernelDrops();
    this.#socket = null;
    await new Promise<void>((resolve) => {
      socket.close(resolve);
    });
  }

  #countKernelDrops(): void {
    const { boundSockets } = this.#options;
    if (this.#socket === null || boundSockets === null) return;
    this.#counters.kernelDrops = boundSockets.kernelDropsOf(this.#descriptor);
  }

  #waitForSends(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, UDP_CLOSE_GRACE_MS);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
