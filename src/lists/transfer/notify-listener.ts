/**
 * The sockets on which primaries say that a zone has changed: UDP and TCP on the main thread, apart
 * from the workers, which answer clients. All of it is bounded, nothing that comes ends the server, and
 * a stranger is not heard:
 *
 *     UDP     a packet of a stranger is dropped unread; of a primary, some a second are answered
 *     TCP     a stranger's connection is closed at once; a primary's has a few seconds and octets
 */

import { createSocket, type RemoteInfo, type Socket as UdpSocket } from 'node:dgram';
import { createServer, type Server, type Socket } from 'node:net';
import type { Clock } from '../../lib/clock.ts';
import type { Endpoint } from '../../lib/endpoint.ts';
import { formatIpAddress, parseIpAddress } from '../../lib/ip-address.ts';
import { FrameBuffer } from '../../transport/frame-buffer.ts';
import { listenError } from '../../transport/listen-error.ts';
import { answerNotify, type NotifiedZone } from './answer-notify.ts';

/** Of one address. A primary says it once, and some times more until it is answered. */
const RATE_PER_SECOND = 5;
const BURST = 20;
const CONNECTIONS_MAX = 16;
const CONNECTION_MS = 5_000;
/** A NOTIFY with the longest names and a signature has less than a thousand. */
const CONNECTION_BYTES_MAX = 4_096;

export interface NotifyCounters {
  /** Led to a look at a SOA. */
  accepted: number;
  /** Of a primary, answered, and led to nothing. */
  refused: number;
  /** Of a stranger. */
  strange: number;
  /** Over the rate. */
  limited: number;
}

export interface NotifyListenerOptions {
  /** One local address each. */
  readonly endpoints: readonly Endpoint[];
  /** Asked first, of every packet that anybody sends. */
  readonly isPrimary: (address: string) => boolean;
  readonly zones: () => readonly NotifiedZone[];
  /** Told the lists whose zone has changed. */
  readonly onNotify: (lists: readonly string[]) => void;
  readonly clock: Clock;
}

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

export class NotifyListener {
  readonly counters: NotifyCounters = { accepted: 0, refused: 0, strange: 0, limited: 0 };
  readonly #options: NotifyListenerOptions;
  /** Only of primaries, so there are not many. */
  readonly #buckets = new Map<string, Bucket>();
  readonly #connections = new Set<Socket>();
  #sockets: UdpSocket[] = [];
  #servers: Server[] = [];

  constructor(options: NotifyListenerOptions) {
    this.#options = options;
  }

  /** Where it listens, in the order of the endpoints; port 0 is replaced by what was free. */
  get addresses(): readonly Endpoint[] {
    return this.#sockets.map((socket) => {
      const { address, port } = socket.address();
      return { address, port };
    });
  }

  /** @throws AppError `LISTEN_IN_USE` or `LISTEN_FAILED`; nothing is open then */
  async open(): Promise<void> {
    try {
      for (const endpoint of this.#options.endpoints) {
        const port = await this.#openUdp(endpoint);
        await this.#openTcp({ address: endpoint.address, port });
      }
    } catch (error) {
      this.close();
      throw error;
    }
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
    for (const server of this.#servers) server.close();
    for (const connection of this.#connections) connection.destroy();
    this.#sockets = [];
    this.#servers = [];
  }

  #openUdp({ address, port }: Endpoint): Promise<number> {
    const type = address.includes(':') ? 'udp6' : 'udp4';
    const socket = createSocket({ type, ipv6Only: type === 'udp6' });
    return new Promise((resolve, reject) => {
      socket.once('error', (error) => {
        reject(listenError('udp', address, port, error));
      });
      socket.bind({ address, port, exclusive: true }, () => {
        socket.removeAllListeners('error');
        // What a single packet causes ends with it.
        socket.on('error', () => undefined);
        socket.on('message', (message, from) => {
          this.#onPacket(socket, message, from);
        });
        this.#sockets.push(socket);
        resolve(socket.address().port);
      });
    });
  }

  #openTcp({ address, port }: Endpoint): Promise<void> {
    const server = createServer((connection) => {
      this.#onConnection(connection);
    });
    server.maxConnections = CONNECTIONS_MAX;
    return new Promise((resolve, reject) => {
      server.once('error', (error) => {
        reject(listenError('tcp', address, port, error));
      });
      server.listen({ host: address, port, exclusive: true, ipv6Only: true }, () => {
        server.removeAllListeners('error');
        server.on('error', () => undefined);
        this.#servers.push(server);
        resolve();
      });
    });
  }

  #onPacket(socket: UdpSocket, message: Uint8Array, from: RemoteInfo): void {
    // Nothing can be sent there, so nobody who wants an answer sends from it.
    if (from.port === 0) {
      this.counters.strange++;
      return;
    }
    try {
      const answer = this.#answer(message, from.address);
      // An unreachable peer is no fault of ours.
      if (answer !== null) socket.send(answer, from.port, from.address, () => undefined);
    } catch {
      this.counters.refused++;
    }
  }

  #onConnection(connection: Socket): void {
    const address = connection.remoteAddress ?? '';
    if (!this.#options.isPrimary(plainAddress(address))) {
      this.counters.strange++;
      connection.destroy();
      return;
    }
    this.#connections.add(connection);
    const deadline = setTimeout(() => connection.destroy(), CONNECTION_MS);
    const frames = new FrameBuffer();
    let received = 0;
    connection.on('error', () => undefined);
    connection.on('close', () => {
      clearTimeout(deadline);
      this.#connections.delete(connection);
    });
    connection.on('data', (chunk) => {
      received += chunk.length;
      if (received > CONNECTION_BYTES_MAX) {
        connection.destroy();
        return;
      }
      try {
        frames.push(chunk);
        while (frames.next()) {
          const { bytes, messageAt, messageLength } = frames;
          const message = bytes.subarray(messageAt, messageAt + messageLength);
          const answer = this.#answer(message, address);
          if (answer === null) continue;
          connection.write(Uint8Array.of(answer.length >>> 8, answer.length, ...answer));
        }
        frames.settle();
      } catch {
        this.counters.refused++;
        connection.destroy();
      }
    });
  }

  #answer(message: Uint8Array, from: string): Uint8Array | null {
    const { isPrimary, zones, onNotify, clock } = this.#options;
    const address = plainAddress(from);
    if (!isPrimary(address)) {
      this.counters.strange++;
      return null;
    }
    if (!this.#isWithinRate(address)) {
      this.counters.limited++;
      return null;
    }
    const nowSeconds = Math.floor(clock.wallMs() / 1000);
    const { answer, lists } = answerNotify(message, address, zones(), nowSeconds);
    if (lists.length === 0) {
      this.counters.refused++;
    } else {
      this.counters.accepted++;
      onNotify(lists);
    }
    return answer;
  }

  #isWithinRate(address: string): boolean {
    const nowMs = this.#options.clock.monotonicMs();
    const bucket = this.#buckets.get(address) ?? { tokens: BURST, filledAtMs: nowMs };
    const gained = ((nowMs - bucket.filledAtMs) / 1000) * RATE_PER_SECOND;
    const tokens = Math.min(BURST, bucket.tokens + gained);
    this.#buckets.set(address, { tokens: Math.max(0, tokens - 1), filledAtMs: nowMs });
    return tokens >= 1;
  }
}

/** `::ffff:192.0.2.1` and `fe80::1%eth0` as the configuration writes them. */
function plainAddress(text: string): string {
  const words = parseIpAddress(text.replace(/%.*$/, ''));
  return words === null ? '' : formatIpAddress(words);
}
