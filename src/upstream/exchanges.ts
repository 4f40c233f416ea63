/**
 * Queries on their way over UDP: the sockets towards one upstream resolver, and which waiting query a
 * packet belongs to.
 *
 *     slot    0      1      2   …   255       drawn by 8 random bits for each query; a slot's socket
 *             │      ∅      │                 is opened when it is first drawn
 *             ▼             ▼
 *          UdpPort       UdpPort              own port (the kernel's random choice), connected, so
 *          id → query    id → query           that the kernel drops what comes from elsewhere
 *
 * A socket is given up after 200 queries, after 30 idle seconds, or when the kernel reports an error
 * on it; it is closed once nothing waits on it. An off-path attacker has to guess port, ID and the
 * case of letters, and has that chance once per question, because identical ones are joined before.
 *
 * A packet that matches nothing never ends a wait. It is counted against everything that waits on
 * its socket, and who waits decides when that is enough.
 */

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { FLAG_TC } from '../dns/constants.ts';
import {
  createResponseOutline,
  MATCH_BARE_ERROR,
  MATCH_EXACT,
  MATCH_EXCEPT_CASE,
  matchResponse,
  outlineResponse,
  type ResponseOutline,
} from '../dns/match-response.ts';
import { readUint16, writeUint16 } from '../lib/bytes.ts';
import type { Clock } from '../lib/clock.ts';
import type { Endpoint } from '../lib/endpoint.ts';
import type { RandomPool } from './random-pool.ts';
import { type TimerOwner, type TimerWheel, WheelTimer } from './timer-wheel.ts';

const PORTS_MAX = 256;
const USES_MAX = 200;
const IDLE_MS = 30_000;
const SWEEP_MS = 10_000;
/** With at most a few queries on a socket a second draw is rare; eight in vain mean a flood. */
const ID_DRAWS_MAX = 8;

/** One query on its way, and what it is told. None of these is called from within `send`. */
export interface Exchange {
  /** The octets to send. The carrier writes the ID into the first two. */
  readonly query: Uint8Array;
  readonly questionEnd: number;
  /** True: only the exact case is an answer. */
  readonly isCaseMixed: boolean;
  /** A verified response; the exchange is over for the carrier. The outline is shared: read it at once. */
  onResponse(bytes: Uint8Array, outline: ResponseOutline): void;
  /** All agreed but the case. The wait goes on. */
  onCaseMismatch(): void;
  /** An error without a question, which may be a forgery. The wait goes on. */
  onBareError(): void;
  /** A packet that is not the answer. The wait goes on. */
  onStray(): void;
  /** The network says that no answer will come; the exchange is over for the carrier. */
  onLost(): void;
}

/** Takes queries to one upstream resolver. */
export interface Carrier {
  /** @returns false where it could not be sent; the exchange then hears nothing */
  send(exchange: Exchange): boolean;
  /** Nothing more is told to this exchange. */
  forget(exchange: Exchange): void;
  close(): void;
}

export interface CarrierContext {
  readonly clock: Clock;
  readonly random: RandomPool;
  readonly wheel: TimerWheel;
  /** An exception in handling a packet, which has been dropped: a bug of ours. */
  readonly onFault: (error: unknown) => void;
}

export class UdpCarrier implements Carrier, TimerOwner {
  readonly #endpoint: Endpoint;
  readonly #context: CarrierContext;
  readonly #slots = new Array<UdpPort | null>(PORTS_MAX).fill(null);
  readonly #places = new Map<Exchange, UdpPort>();
  /** Also those that were given up and still wait. */
  readonly #ports = new Set<UdpPort>();
  readonly #sweepTimer = new WheelTimer(this);
  #isClosed = false;

  constructor(endpoint: Endpoint, context: CarrierContext) {
    this.#endpoint = endpoint;
    this.#context = context;
  }

  /** Open sockets. */
  get portCount(): number {
    return this.#ports.size;
  }

  send(exchange: Exchange): boolean {
    if (this.#isClosed) return false;
    const port = this.#drawPort();
    if (port === null) return false;
    const id = drawId(this.#context.random, port.exchanges);
    if (id < 0) return false;
    writeUint16(exchange.query, 0, id);
    port.exchanges.set(id, exchange);
    this.#places.set(exchange, port);
    port.lastUsedMs = this.#context.clock.monotonicMs();
    if (++port.uses >= USES_MAX) this.#giveUp(port);
    if (port.isConnected) port.socket.send(exchange.query);
    return true;
  }

  forget(exchange: Exchange): void {
    const port = this.#places.get(exchange);
    if (port === undefined) return;
    this.#places.delete(exchange);
    port.exchanges.delete(readUint16(exchange.query, 0));
    this.#closeIfDone(port);
  }

  close(): void {
    this.#isClosed = true;
    this.#context.wheel.clear(this.#sweepTimer);
    for (const port of this.#ports) port.socket.close();
    this.#ports.clear();
    this.#places.clear();
    this.#slots.fill(null);
  }

  /** Gives up the sockets that have been idle. */
  onTimer(nowMs: number): void {
    for (const port of this.#ports) {
      if (port.exchanges.size === 0 && nowMs - port.lastUsedMs >= IDLE_MS) {
        this.#giveUp(port);
        this.#closeIfDone(port);
      }
    }
    if (this.#ports.size > 0) this.#context.wheel.set(this.#sweepTimer, nowMs + SWEEP_MS);
  }

  #drawPort(): UdpPort | null {
    const slot = this.#context.random.nextUint8();
    return this.#slots[slot] ?? this.#openPort(slot);
  }

  #openPort(slot: number): UdpPort | null {
    const { address, port: remotePort } = this.#endpoint;
    const type = address.includes(':') ? 'udp6' : 'udp4';
    // The address is a literal: answering at once spares the resolver of the operating system.
    const socket = createSocket({
      type,
      lookup: (host, _options, callback) => {
        callback(null, host, type === 'udp6' ? 6 : 4);
      },
    });
    const port = new UdpPort(slot, socket);
    socket.on('message', (bytes, peer) => {
      this.#onMessage(port, bytes, peer);
    });
    socket.on('error', () => {
      this.#onError(port);
    });
    socket.on('connect', () => {
      port.connectedTo(socket.remoteAddress());
    });
    this.#slots[slot] = port;
    this.#ports.add(port);
    socket.connect(remotePort, address);
    // An error may have been told from within `connect`.
    if (port.isGivenUp) return null;
    if (this.#sweepTimer.slot < 0) {
      const { clock, wheel } = this.#context;
      wheel.set(this.#sweepTimer, clock.monotonicMs() + SWEEP_MS);
    }
    return port;
  }

  #onMessage(port: UdpPort, bytes: Buffer, peer: RemoteInfo): void {
    try {
      // A packet may have arrived from anywhere in the moment between bind and connect.
      const isFromUpstream = peer.port === port.peerPort && peer.address === port.peerAddress;
      const exchange =
        isFromUpstream && bytes.length >= 2 ? port.exchanges.get(readUint16(bytes, 0)) : undefined;
      if (exchange === undefined) {
        for (const waiting of [...port.exchanges.values()]) waiting.onStray();
        return;
      }
      offerPacket(this, exchange, bytes);
    } catch (error) {
      this.#context.onFault(error);
    }
  }

  /** ICMP said unreachable, or the socket could not be opened. What it was about is not told: all are lost. */
  #onError(port: UdpPort): void {
    this.#giveUp(port);
    const lost = [...port.exchanges.values()];
    for (const exchange of lost) this.forget(exchange);
    this.#closeIfDone(port);
    for (const exchange of lost) exchange.onLost();
  }

  /** No new query goes out on this port. */
  #giveUp(port: UdpPort): void {
    port.isGivenUp = true;
    if (this.#slots[port.slot] === port) this.#slots[port.slot] = null;
  }

  #closeIfDone(port: UdpPort): void {
    if (!port.isGivenUp || port.exchanges.size > 0) return;
    if (this.#ports.delete(port)) port.socket.close();
  }
}

class UdpPort {
  readonly slot: number;
  readonly socket: Socket;
  readonly exchanges = new Map<number, Exchange>();
  isConnected = false;
  isGivenUp = false;
  uses = 0;
  lastUsedMs = 0;
  /** As the kernel writes them; packets are compared with these. */
  peerAddress = '';
  peerPort = 0;

  constructor(slot: number, socket: Socket) {
    this.slot = slot;
    this.socket = socket;
  }

  /** Sends what was asked while the socket was being opened. */
  connectedTo(peer: { address: string; port: number }): void {
    this.isConnected = true;
    this.peerAddress = peer.address;
    this.peerPort = peer.port;
    for (const exchange of this.exchanges.values()) this.socket.send(exchange.query);
  }
}

/** An ID that nothing waits for on this socket; −1 where the draws were in vain. */
export function drawId(random: RandomPool, taken: ReadonlyMap<number, Exchange>): number {
  for (let draw = 0; draw < ID_DRAWS_MAX; draw++) {
    const id = random.nextUint16();
    if (!taken.has(id)) return id;
  }
  return -1;
}

const outline = createResponseOutline();

/** Judges a packet whose ID is that of a waiting exchange, and tells the exchange. */
export function offerPacket(carrier: Carrier, exchange: Exchange, bytes: Uint8Array): void {
  const { query, questionEnd, isCaseMixed } = exchange;
  const match = matchResponse(bytes, bytes.length, query, questionEnd);
  if (match === MATCH_BARE_ERROR) exchange.onBareError();
  else if (match === MATCH_EXCEPT_CASE && isCaseMixed) exchange.onCaseMismatch();
  else if (match !== MATCH_EXACT && match !== MATCH_EXCEPT_CASE) exchange.onStray();
  else if (!isUsable(bytes, questionEnd)) exchange.onStray();
  else {
    carrier.forget(exchange);
    exchange.onResponse(bytes, outline);
  }
}

/** Some servers cut a truncated response in the middle of a record; with TC set that is good enough. */
function isUsable(bytes: Uint8Array, questionEnd: number): boolean {
  const isTruncated = (readUint16(bytes, 2) & FLAG_TC) !== 0;
  return outlineResponse(outline, bytes, bytes.length, questionEnd) || isTruncated;
}
