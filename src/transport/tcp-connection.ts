/**
 * One client's TCP connection (RFC 7766): queries in, pipelined; responses out, in whatever order
 * they are ready.
 *
 *     OPEN ──────── the client ends, or the server stops ────▶ DRAINING (in flight > 0)
 *      │                                                          │ in flight = 0
 *      ├── idle ─────────────────────────────────────────────▶ CLOSING: our end is sent, what
 *      │                                                       comes is thrown away
 *      └── too slow, too much unread, an error ──▶ CLOSED ◀── the client's end, or `lingerMs`
 *
 * While as many queries are in flight as allowed, or responses lie unread, the socket is paused:
 * TCP itself then holds the client back.
 */

import type { Socket } from 'node:net';
import { writeUint16 } from '../lib/bytes.ts';
import { HEADER_BYTES } from '../dns/constants.ts';
import { FrameBuffer } from './frame-buffer.ts';
import type { TcpLimits } from './tcp-limits.ts';

/** What a connection needs of its server. */
export interface TcpHost {
  readonly limits: TcpLimits;
  readonly counters: TcpConnectionCounters;
  nowMs(): number;
  /**
   * Resolves one query of `connection`.
   * @returns octets of the response in `responseBytes`, 0 = later, below 0 = never
   */
  serve(connection: TcpConnection, bytes: Uint8Array, at: number, length: number): number;
  /** Overwritten by the next `serve`. */
  readonly responseBytes: Uint8Array;
  /** Accounts for memory that holds input; false where all connections hold too much already. */
  reserveInput(octets: number): boolean;
  /** Accounts for a connection whose responses lie unread (+1, -1); false where there are too many. */
  countUnread(change: number): boolean;
  /** The connection's number is free again. Called once. */
  forget(connection: TcpConnection): void;
}

/** Why connections ended, and what they sent that was no query. */
export interface TcpConnectionCounters {
  /** Messages shorter than a header: they get silence. */
  dropped: number;
  sent: number;
  lateDropped: number;
  closedIdle: number;
  /** A message took longer than `messageTimeoutMs`. */
  closedSlow: number;
  /** Responses lay unread: too many octets, too long, or on too many connections. */
  closedUnread: number;
  /** All connections together held too much input. */
  closedInput: number;
}

const STATE_OPEN = 0;
const STATE_DRAINING = 1;
const STATE_CLOSING = 2;
const STATE_CLOSED = 3;

export class TcpConnection {
  /** Four words, and the port, of the client. */
  readonly addresses: Uint32Array;
  readonly port: number;
  /** The network whose connections are counted together. */
  readonly clientKey: string;
  /** Number and generation, as the batch's `routes` carries them. */
  readonly route: number;
  /** When a query or a response last passed; monotonic. */
  lastActiveMs: number;
  readonly #host: TcpHost;
  readonly #socket: Socket;
  readonly #frames = new FrameBuffer();
  #state: number = STATE_OPEN;
  /** Queries in flight, parked since the last `expireInFlight` and before it. */
  #parked = 0;
  #parkedLong = 0;
  /** When the first octet of an unfinished message came; -1 = there is none. */
  #messageSinceMs = -1;
  /** When responses began to lie unread; -1 = they do not. */
  #unreadSinceMs = -1;
  #closingSinceMs = 0;
  /** The client sent its end; what it asked before still counts. */
  #hasEnded = false;
  #heldBytes = 0;
  #isResumeQueued = false;

  constructor(
    host: TcpHost,
    socket: Socket,
    client: { addresses: Uint32Array; port: number; clientKey: string; route: number },
  ) {
    this.#host = host;
    this.#socket = socket;
    this.addresses = client.addresses;
    this.port = client.port;
    this.clientKey = client.clientKey;
    this.route = client.route;
    this.lastActiveMs = host.nowMs();
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on('drain', () => {
      this.#markRead();
      this.#resumeSoon();
    });
    socket.on('end', () => {
      this.#hasEnded = true;
      this.#drainWhenServed();
    });
    // `close` follows; resets by clients are everyday and no news.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#forget();
    });
  }

  /** True where closing it loses no response: what `connectionsMax` may sacrifice. */
  get isIdle(): boolean {
    return this.#inFlight === 0 && this.#unreadSinceMs < 0;
  }

  /** A late response; length 0 says that none comes. Never calls the handler. */
  respond(bytes: Uint8Array, at: number, length: number): void {
    if (this.#parkedLong > 0) this.#parkedLong--;
    else if (this.#parked > 0) this.#parked--;
    if (length > 0) {
      if (this.#state >= STATE_CLOSING) this.#host.counters.lateDropped++;
      else this.#write(bytes, at, length);
    }
    if (this.#state === STATE_DRAINING) this.#closeWhenDone();
    else this.#resumeSoon();
  }

  /** No more input; closes when the responses in flight have gone out. */
  drain(): void {
    if (this.#state !== STATE_OPEN) return;
    this.#state = STATE_DRAINING;
    this.#messageSinceMs = -1;
    this.#frames.clear();
    this.#accountInput();
    this.#closeWhenDone();
  }

  /** Sends our end after what is already written; the client's end or `lingerMs` finishes it. */
  finish(): void {
    if (this.#state >= STATE_CLOSING) return;
    this.#state = STATE_CLOSING;
    this.#closingSinceMs = this.#host.nowMs();
    this.#messageSinceMs = -1;
    this.#frames.clear();
    this.#accountInput();
    this.#socket.end();
    // Closing with unread input would make the kernel reset, and the client lose responses.
    this.#socket.resume();
  }

  /** Tears the connection down at once. */
  destroy(): void {
    this.#forget();
    this.#socket.destroy();
  }

  /** Meets the deadlines that have passed. */
  sweep(nowMs: number): void {
    const { limits, counters } = this.#host;
    if (this.#state === STATE_CLOSING) {
      this.#sweepClosing(nowMs - this.#closingSinceMs);
    } else if (this.#unreadSinceMs >= 0 && nowMs - this.#unreadSinceMs >= limits.unreadTimeoutMs) {
      counters.closedUnread++;
      this.#reset();
    } else if (
      this.#messageSinceMs >= 0 &&
      nowMs - this.#messageSinceMs >= limits.messageTimeoutMs
    ) {
      counters.closedSlow++;
      this.destroy();
    } else if (nowMs - this.lastActiveMs >= limits.idleTimeoutMs) {
      counters.closedIdle++;
      this.finish();
    }
  }

  /**
   * Forgets what was already in flight at the call before: the resolver answers everything within
   * seconds, so nothing comes for those, and they must not hold the input back for ever.
   */
  expireInFlight(): void {
    const hadExpired = this.#parkedLong > 0;
    this.#parkedLong = this.#parked;
    this.#parked = 0;
    if (!hadExpired) return;
    if (this.#state === STATE_DRAINING) this.#closeWhenDone();
    else this.#resumeSoon();
  }

  /** What the kernel has taken it goes on delivering after `destroy`; what it has not would be lost. */
  #sweepClosing(sinceMs: number): void {
    const { limits } = this.#host;
    if (this.#socket.writableLength === 0) {
      if (sinceMs >= limits.lingerMs) this.destroy();
    } else if (sinceMs >= limits.unreadTimeoutMs) {
      this.#resetUnread();
    }
  }

  get #inFlight(): number {
    return this.#parked + this.#parkedLong;
  }

  get #isHeldBack(): boolean {
    return this.#inFlight >= this.#host.limits.inFlightMax || this.#unreadSinceMs >= 0;
  }

  #receive(chunk: Buffer): void {
    if (this.#state !== STATE_OPEN) return;
    this.#frames.push(chunk);
    this.#serveFrames();
  }

  /** A loop, so that no number of pipelined queries deepens the stack (CVE-2025-30193). */
  #serveFrames(): void {
    const frames = this.#frames;
    let hasServed = false;
    // The responses of one chunk leave in one system call.
    this.#socket.cork();
    while (this.#state === STATE_OPEN && !this.#isHeldBack && frames.next()) {
      hasServed = true;
      this.#serveFrame();
    }
    this.#socket.uncork();
    if (this.#state !== STATE_OPEN) return;
    this.#watchMessage(hasServed);
    frames.settle();
    if (!this.#accountInput()) {
      this.#host.counters.closedInput++;
      this.destroy();
    } else if (this.#isHeldBack) {
      this.#socket.pause();
    } else if (this.#hasEnded) {
      this.drain();
    }
  }

  #serveFrame(): void {
    const { messageAt, messageLength } = this.#frames;
    if (messageLength < HEADER_BYTES) {
      this.#host.counters.dropped++;
      return;
    }
    this.lastActiveMs = this.#host.nowMs();
    const length = this.#host.serve(this, this.#frames.bytes, messageAt, messageLength);
    if (length > 0) this.#write(this.#host.responseBytes, 0, length);
    else if (length === 0) this.#parked++;
  }

  /** Starts, restarts or ends the clock of the unfinished message. Waiting for us is not its fault. */
  #watchMessage(hasServed: boolean): void {
    if (this.#frames.waitingBytes === 0 || this.#isHeldBack) this.#messageSinceMs = -1;
    else if (hasServed || this.#messageSinceMs < 0) this.#messageSinceMs = this.#host.nowMs();
  }

  /** Length and message in one write: split, they may cost a round trip (RFC 7766, section 8). */
  #write(bytes: Uint8Array, at: number, length: number): void {
    const message = Buffer.allocUnsafe(2 + length);
    writeUint16(message, 0, length);
    message.set(bytes.subarray(at, at + length), 2);
    const isTaken = this.#socket.write(message);
    this.#host.counters.sent++;
    this.lastActiveMs = this.#host.nowMs();
    if (isTaken) return;
    if (this.#unreadSinceMs < 0) {
      this.#unreadSinceMs = this.lastActiveMs;
      if (!this.#host.countUnread(1)) this.#resetUnread();
      else this.#socket.pause();
    }
    if (this.#socket.writableLength > this.#host.limits.unreadBytesMax) this.#resetUnread();
  }

  #resetUnread(): void {
    if (this.#state === STATE_CLOSED) return;
    this.#host.counters.closedUnread++;
    this.#reset();
  }

  /** By RST, so that the kernel too lets go of what the client does not read. */
  #reset(): void {
    this.#forget();
    this.#socket.resetAndDestroy();
  }

  #markRead(): void {
    if (this.#unreadSinceMs < 0) return;
    this.#unreadSinceMs = -1;
    this.#host.countUnread(-1);
  }

  /** In a later turn: whoever sends a response is in the midst of its work and must not be re-entered. */
  #resumeSoon(): void {
    if (this.#isResumeQueued || this.#state !== STATE_OPEN || !this.#socket.isPaused()) return;
    this.#isResumeQueued = true;
    setImmediate(() => {
      this.#isResumeQueued = false;
      if (this.#state !== STATE_OPEN) return;
      this.#serveFrames();
      // Serving may have ended it; the compiler cannot know.
      if ((this.#state as number) === STATE_OPEN && !this.#isHeldBack) this.#socket.resume();
    });
  }

  /** Held back, whole queries may still wait in `#frames`: `#serveFrames` then drains after them. */
  #drainWhenServed(): void {
    if (!this.#isHeldBack) this.drain();
    else this.#messageSinceMs = -1;
  }

  #closeWhenDone(): void {
    if (this.#inFlight === 0) this.finish();
  }

  #accountInput(): boolean {
    const change = this.#frames.heldBytes - this.#heldBytes;
    this.#heldBytes += change;
    return change === 0 || this.#host.reserveInput(change);
  }

  #forget(): void {
    if (this.#state === STATE_CLOSED) return;
    this.#state = STATE_CLOSED;
    this.#frames.clear();
    this.#accountInput();
    this.#markRead();
    this.#host.forget(this);
  }
}
