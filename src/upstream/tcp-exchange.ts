/**
 * Queries on their way over TCP to one upstream resolver (RFC 7766): connections are opened when
 * there is something to ask, shared by several queries, matched by ID out of order, and closed after
 * 10 idle seconds. At most 16 connections with 32 queries each; past that `send` says no.
 *
 * A connection on which a query went unanswered takes no new ones: it may be dead without a word.
 */

import { connect, type Socket } from 'node:net';
import { readUint16, writeUint16 } from '../lib/bytes.ts';
import type { Endpoint } from '../lib/endpoint.ts';
import {
  type Carrier,
  type CarrierContext,
  drawId,
  type Exchange,
  offerPacket,
} from './exchanges.ts';
import { type TimerOwner, WheelTimer } from './timer-wheel.ts';

const CONNECTIONS_MAX = 16;
const QUERIES_MAX = 32;
/** Up to here a query joins an open connection rather than opening another. */
const QUERIES_SHARED = 8;
const IDLE_MS = 10_000;
const LENGTH_BYTES = 2;

export class TcpCarrier implements Carrier {
  readonly #endpoint: Endpoint;
  readonly #context: CarrierContext;
  readonly #connections = new Set<TcpConnection>();
  readonly #places = new Map<Exchange, TcpConnection>();
  #isClosed = false;

  constructor(endpoint: Endpoint, context: CarrierContext) {
    this.#endpoint = endpoint;
    this.#context = context;
  }

  get connectionCount(): number {
    return this.#connections.size;
  }

  send(exchange: Exchange): boolean {
    const connection = this.#isClosed ? null : this.#chooseConnection();
    if (connection === null) return false;
    const id = drawId(this.#context.random, connection.exchanges);
    if (id < 0) return false;
    writeUint16(exchange.query, 0, id);
    connection.exchanges.set(id, exchange);
    this.#places.set(exchange, connection);
    this.#context.wheel.clear(connection.idleTimer);
    connection.write(exchange.query);
    return true;
  }

  forget(exchange: Exchange): void {
    const connection = this.#leave(exchange);
    if (connection === undefined) return;
    // An answer would have come through `#onMessage`, which does not pass here.
    connection.isGivenUp = true;
    this.#closeOrIdle(connection);
  }

  close(): void {
    this.#isClosed = true;
    for (const connection of this.#connections) this.#drop(connection);
    this.#places.clear();
  }

  /** The least busy connection, a new one where all are busy; null at the limit. */
  #chooseConnection(): TcpConnection | null {
    let best: TcpConnection | null = null;
    for (const connection of this.#connections) {
      if (connection.isGivenUp || connection.exchanges.size >= QUERIES_MAX) continue;
      if (best === null || connection.exchanges.size < best.exchanges.size) best = connection;
    }
    if (best !== null && best.exchanges.size < QUERIES_SHARED) return best;
    return this.#connections.size < CONNECTIONS_MAX ? this.#open() : best;
  }

  #open(): TcpConnection {
    const { address, port } = this.#endpoint;
    const socket = connect({ host: address, port, noDelay: true });
    const connection: TcpConnection = new TcpConnection(socket, {
      onMessage: (message) => {
        this.#onMessage(connection, message);
      },
      onIdle: () => {
        this.#drop(connection);
      },
    });
    // 'close' follows every 'error' and every 'end'.
    socket.on('error', () => undefined);
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      this.#onClose(connection);
    });
    this.#connections.add(connection);
    return connection;
  }

  #onMessage(connection: TcpConnection, message: Uint8Array): void {
    try {
      const id = message.length >= 2 ? readUint16(message, 0) : -1;
      const exchange = connection.exchanges.get(id);
      if (exchange === undefined) return;
      connection.hasAnswered = true;
      offerPacket(this.#answering, exchange, message);
    } catch (error) {
      this.#context.onFault(error);
    }
  }

  /** How an answered exchange leaves: the connection stays in use. */
  readonly #answering: Carrier = {
    send: (exchange) => this.send(exchange),
    forget: (exchange) => {
      const connection = this.#leave(exchange);
      if (connection !== undefined) this.#closeOrIdle(connection);
    },
    close: () => {
      this.close();
    },
  };

  #leave(exchange: Exchange): TcpConnection | undefined {
    const connection = this.#places.get(exchange);
    this.#places.delete(exchange);
    connection?.exchanges.delete(readUint16(exchange.query, 0));
    return connection;
  }

  #closeOrIdle(connection: TcpConnection): void {
    if (connection.exchanges.size > 0) return;
    const { clock, wheel } = this.#context;
    if (connection.isGivenUp) this.#drop(connection);
    else wheel.set(connection.idleTimer, clock.monotonicMs() + IDLE_MS);
  }

  #drop(connection: TcpConnection): void {
    this.#context.wheel.clear(connection.idleTimer);
    this.#connections.delete(connection);
    connection.isGivenUp = true;
    connection.socket.destroy();
  }

  #onClose(connection: TcpConnection): void {
    this.#drop(connection);
    const lost = [...connection.exchanges.values()];
    for (const exchange of lost) this.#leave(exchange);
    if (this.#isClosed) return;
    for (const exchange of lost) {
      // The upstream may close a connection that it served before just as we write: not its fault.
      if (!connection.hasAnswered || !this.send(exchange)) exchange.onLost();
    }
  }
}

interface TcpConnectionEvents {
  readonly onMessage: (message: Uint8Array) => void;
  readonly onIdle: () => void;
}

/** A socket and the frame that is being read from it. */
class TcpConnection implements TimerOwner {
  readonly socket: Socket;
  readonly exchanges = new Map<number, Exchange>();
  readonly idleTimer = new WheelTimer(this);
  isGivenUp = false;
  hasAnswered = false;
  readonly #events: TcpConnectionEvents;
  /** The length prefix as far as it has come; then the message, sized by it. */
  #prefix = 0;
  #prefixBytes = 0;
  #message: Uint8Array | null = null;
  #messageBytes = 0;

  constructor(socket: Socket, events: TcpConnectionEvents) {
    this.socket = socket;
    this.#events = events;
    socket.on('data', (chunk) => {
      this.#read(chunk);
    });
  }

  onTimer(): void {
    this.#events.onIdle();
  }

  /** Length and message in one write (RFC 7766, section 8). */
  write(query: Uint8Array): void {
    const frame = Buffer.allocUnsafe(LENGTH_BYTES + query.length);
    frame.writeUInt16BE(query.length, 0);
    frame.set(query, LENGTH_BYTES);
    this.socket.write(frame);
  }

  /** Any cutting of the stream gives the same messages; memory is that of one message. */
  #read(chunk: Buffer): void {
    let at = 0;
    while (at < chunk.length) {
      if (this.#message === null) {
        this.#prefix = (this.#prefix << 8) | (chunk[at++] ?? 0);
        if (++this.#prefixBytes < LENGTH_BYTES) continue;
        this.#message = new Uint8Array(this.#prefix);
        this.#messageBytes = 0;
      }
      const part = chunk.subarray(at, at + this.#message.length - this.#messageBytes);
      this.#message.set(part, this.#messageBytes);
      this.#messageBytes += part.length;
      at += part.length;
      if (this.#messageBytes === this.#message.length) this.#finishMessage(this.#message);
    }
  }

  #finishMessage(message: Uint8Array): void {
    this.#message = null;
    this.#prefix = 0;
    this.#prefixBytes = 0;
    this.#events.onMessage(message);
  }
}
