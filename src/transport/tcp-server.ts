/**
 * DNS over TCP (RFC 7766) over `node:net`: accepts, bounds and numbers the connections, and gives
 * their queries to the handler, each as a batch of one in a slot that all connections share, since
 * the handler is synchronous. `tcp-connection` is the single connection, `tcp-limits` the bounds.
 *
 *     route   │ generation 16 │ number 16 │
 *
 * A number is given out again last of all; its generation tells a late response for the connection
 * before from one for the connection that has it now.
 */

import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../lib/clock.ts';
import { isIpv4Words } from '../lib/ip-address.ts';
import {
  createPacketBatch,
  NEVER_ANSWERED,
  TCP_SLOT_BYTES,
  type PacketBatch,
} from '../lib/packet-batch.ts';
import { writeAddressWords } from './address-text.ts';
import type { BoundSockets } from './bound-socket.ts';
import { listenError } from './listen-error.ts';
import {
  createPacketSocketCounters,
  type BatchHandler,
  type PacketSocket,
  type PacketSocketCounters,
} from './packet-socket.ts';
import { TcpConnection, type TcpConnectionCounters, type TcpHost } from './tcp-connection.ts';
import { TCP_LIMITS, type TcpLimits } from './tcp-limits.ts';

/** Connections that the kernel completes before we accept them. */
export const TCP_BACKLOG = 511;
/** How long `close` waits for clients to read what was written and to end. */
export const TCP_CLOSE_GRACE_MS = 500;

export interface TcpServerOptions {
  /** One local address, no wildcard where answers must leave from the address asked. */
  readonly address: string;
  readonly port: number;
  /** Index in the worker's table of transports, written to the batch. */
  readonly transport: number;
  readonly handler: BatchHandler;
  readonly clock: Clock;
  /** Null: a plain socket that shares its port with nobody. */
  readonly boundSockets: BoundSockets | null;
  /** What differs from `TCP_LIMITS`. */
  readonly limits?: Partial<TcpLimits>;
  /** Told what the handler threw or the socket reported; both are also counted. */
  readonly onFault?: (error: unknown) => void;
}

export interface TcpCounters extends PacketSocketCounters, TcpConnectionCounters {
  /** Connections now, not a total. */
  connectionsOpen: number;
  accepted: number;
  /** New connections closed at once, because all others were at work. */
  refused: number;
  /** Idle connections closed for a new one. */
  evicted: number;
}

export class TcpServer implements PacketSocket {
  readonly counters: TcpCounters = {
    ...createPacketSocketCounters(),
    closedIdle: 0,
    closedSlow: 0,
    closedUnread: 0,
    closedInput: 0,
    connectionsOpen: 0,
    accepted: 0,
    refused: 0,
    evicted: 0,
  };
  readonly #options: TcpServerOptions;
  readonly #limits: TcpLimits;
  readonly #batch: PacketBatch;
  readonly #host: TcpHost;
  /** By number; null = free. */
  readonly #connections: (TcpConnection | null)[];
  readonly #generations: Uint16Array;
  /** Free numbers, the one free longest first. */
  readonly #freeNumbers: number[];
  readonly #perClient = new Map<string, number>();
  #server: Server | null = null;
  #sweeper: NodeJS.Timeout | null = null;
  #expiredAtMs = 0;
  #inputBytes = 0;
  #unreadConnections = 0;
  #localPort: number;
  #hasStopped = false;
  #closing: Promise<void> | null = null;
  #serverClosed: Promise<void> = Promise.resolve();

  constructor(options: TcpServerOptions) {
    this.#options = options;
    this.#localPort = options.port;
    this.#limits = { ...TCP_LIMITS, ...options.limits };
    const count = Math.min(this.#limits.connectionsMax, 65_536);
    this.#connections = Array.from({ length: count }, () => null);
    this.#generations = new Uint16Array(count);
    this.#freeNumbers = Array.from({ length: count }, (_, number) => number);
    this.#batch = createPacketBatch({
      slotCount: 1,
      slotBytes: TCP_SLOT_BYTES,
      transport: options.transport,
      isStream: true,
    });
    this.#host = this.#createHost();
  }

  get localAddress(): string {
    return this.#options.address;
  }

  get localPort(): number {
    return this.#localPort;
  }

  async open(): Promise<void> {
    const { address, port, clock, onFault } = this.#options;
    try {
      const server = await this.#listen();
      server.on('error', (error) => {
        this.counters.socketErrors++;
        onFault?.(error);
      });
      this.#server = server;
      const bound = server.address();
      if (bound !== null && typeof bound === 'object') this.#localPort = bound.port;
    } catch (error) {
      throw listenError('tcp', address, port, error);
    }
    this.#expiredAtMs = clock.monotonicMs();
    this.#sweeper = setInterval(() => {
      this.#sweep();
    }, this.#limits.sweepMs);
    this.#sweeper.unref();
  }

  send(
    route: number,
    _addresses: Uint32Array,
    _addressAt: number,
    _port: number,
    bytes: Uint8Array,
    at: number,
    length: number,
  ): void {
    const connection = this.#connections[route & 0xffff] ?? null;
    if (connection?.route !== route) {
      this.counters.lateDropped++;
    } else if (length > TCP_SLOT_BYTES) {
      this.counters.sendOverflows++;
      connection.respond(bytes, at, 0);
    } else {
      connection.respond(bytes, at, length);
    }
  }

  stopReceiving(): void {
    const server = this.#server;
    if (server === null || this.#hasStopped) return;
    this.#hasStopped = true;
    this.#serverClosed = new Promise((resolve) => {
      server.close(() => {
        resolve();
      });
    });
    for (const connection of this.#connections) connection?.drain();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  #listen(): Promise<Server> {
    const { address, port, boundSockets } = this.#options;
    const fd = boundSockets?.bind('tcp', address, port);
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      this.#accept(socket);
    });
    return new Promise((resolve, reject) => {
      server.once('error', reject);
      const onListening = (): void => {
        server.off('error', reject);
        resolve(server);
      };
      if (fd !== undefined) server.listen({ fd, backlog: TCP_BACKLOG }, onListening);
      else {
        const ipv6Only = address.includes(':');
        const options = { host: address, port, ipv6Only, exclusive: true, backlog: TCP_BACKLOG };
        server.listen(options, onListening);
      }
    });
  }

  #accept(socket: Socket): void {
    const addresses = new Uint32Array(4);
    // No address: the client is gone already.
    if (this.#hasStopped || !writeAddressWords(socket.remoteAddress ?? '', addresses, 0)) {
      socket.destroy();
      return;
    }
    const clientKey = clientKeyOf(addresses);
    if (!this.#makeRoom(clientKey)) {
      this.counters.refused++;
      socket.destroy();
      return;
    }
    const number = this.#freeNumbers.shift() ?? 0;
    const route = (((this.#generations[number] ?? 0) << 16) | number) >>> 0;
    const client = { addresses, port: socket.remotePort ?? 0, clientKey, route };
    this.#connections[number] = new TcpConnection(this.#host, socket, client);
    this.#perClient.set(clientKey, (this.#perClient.get(clientKey) ?? 0) + 1);
    this.counters.accepted++;
    this.counters.connectionsOpen++;
  }

  /** Room for one more, by closing the connection idle longest where need be. */
  #makeRoom(clientKey: string): boolean {
    const ofClient = this.#perClient.get(clientKey) ?? 0;
    if (ofClient >= this.#limits.connectionsPerClientMax) return this.#evict(clientKey);
    return this.#freeNumbers.length > 0 || this.#evict(null);
  }

  /** @param clientKey whose connections are looked at; null = all */
  #evict(clientKey: string | null): boolean {
    let oldest: TcpConnection | null = null;
    for (const connection of this.#connections) {
      if (connection === null || !connection.isIdle) continue;
      if (clientKey !== null && connection.clientKey !== clientKey) continue;
      if (oldest === null || connection.lastActiveMs < oldest.lastActiveMs) oldest = connection;
    }
    if (oldest === null) return false;
    this.counters.evicted++;
    oldest.destroy();
    return true;
  }

  #createHost(): TcpHost {
    return {
      limits: this.#limits,
      counters: this.counters,
      responseBytes: this.#batch.bytes,
      nowMs: () => this.#options.clock.monotonicMs(),
      serve: (connection, bytes, at, length) => this.#serve(connection, bytes, at, length),
      reserveInput: (octets) => {
        this.#inputBytes += octets;
        return this.#inputBytes <= this.#limits.inputBytesMax;
      },
      countUnread: (change) => {
        this.#unreadConnections += change;
        return this.#unreadConnections <= this.#limits.unreadConnectionsMax;
      },
      forget: (connection) => {
        this.#forget(connection);
      },
    };
  }

  #serve(connection: TcpConnection, bytes: Uint8Array, at: number, length: number): number {
    const batch = this.#batch;
    batch.bytes.set(bytes.subarray(at, at + length));
    batch.lengths[0] = length;
    batch.addresses.set(connection.addresses);
    batch.ports[0] = connection.port;
    batch.routes[0] = connection.route;
    batch.nowMs[0] = connection.lastActiveMs;
    batch.nowSeconds = Math.floor(this.#options.clock.wallMs() / 1000);
    this.counters.received++;
    try {
      this.#options.handler(batch, 1);
      return batch.lengths[0];
    } catch (error) {
      this.counters.handlerFaults++;
      this.#options.onFault?.(error);
      return NEVER_ANSWERED;
    }
  }

  #forget(connection: TcpConnection): void {
    const number = connection.route & 0xffff;
    this.#connections[number] = null;
    this.#generations[number] = (this.#generations[number] ?? 0) + 1;
    this.#freeNumbers.push(number);
    const left = (this.#perClient.get(connection.clientKey) ?? 1) - 1;
    if (left === 0) this.#perClient.delete(connection.clientKey);
    else this.#perClient.set(connection.clientKey, left);
    this.counters.connectionsOpen--;
  }

  #sweep(): void {
    const nowMs = this.#options.clock.monotonicMs();
    const isExpiry = nowMs - this.#expiredAtMs >= this.#limits.inFlightExpiryMs;
    if (isExpiry) this.#expiredAtMs = nowMs;
    for (const connection of this.#connections) {
      if (connection === null) continue;
      if (isExpiry) connection.expireInFlight();
      connection.sweep(nowMs);
    }
  }

  async #close(): Promise<void> {
    if (this.#server === null) return;
    this.stopReceiving();
    for (const connection of this.#connections) connection?.finish();
    const grace = setTimeout(() => {
      for (const connection of this.#connections) connection?.destroy();
    }, TCP_CLOSE_GRACE_MS);
    await this.#serverClosed;
    clearTimeout(grace);
    // Node tells that the last socket is closed before that socket says so itself.
    for (const connection of this.#connections) connection?.destroy();
    if (this.#sweeper !== null) clearInterval(this.#sweeper);
    this.#server = null;
  }
}

/** Whose connections count together: an IPv4 address, or the /56 that one IPv6 customer has. */
function clientKeyOf(words: Uint32Array): string {
  const [high = 0, second = 0, , last = 0] = words;
  return isIpv4Words(words) ? `4:${last}` : `6:${high}:${second >>> 8}`;
}
