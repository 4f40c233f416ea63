/**
 * The sockets of a worker: UDP and TCP on every address, one socket for each local address of a
 * wildcard, so that an answer leaves from the address that was asked. Addresses come and go while
 * the worker runs; an index in the table is never used again, so that no late answer meets a stranger.
 */

import { assert } from '../lib/assert.ts';
import { systemClock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { SendLate } from '../resolver/resolver.ts';
import { createBoundSockets, type BoundSockets } from '../transport/bound-socket.ts';
import type { Libc } from '../transport/libc.ts';
import { expandAddresses, isWildcard, LocalAddressWatcher } from '../transport/local-addresses.ts';
import type {
  BatchHandler,
  PacketSocket,
  PacketSocketCounters,
} from '../transport/packet-socket.ts';
import { TcpServer } from '../transport/tcp-server.ts';
import { UdpBatchSocket } from '../transport/udp-batch.ts';
import { UdpSocket } from '../transport/udp-dgram.ts';
import type { Endpoint } from '../lib/endpoint.ts';
import type { UdpMode, WorkerTcp } from './messages.ts';

/** Parked queries hold the index in sixteen bits. */
const TRANSPORTS_MAX = 65_536;

export interface ListenersOptions {
  readonly listen: readonly Endpoint[];
  readonly tcp: WorkerTcp;
  readonly udp: UdpMode;
  /** Null: plain sockets, which share their port with nobody. */
  readonly libc: Libc | null;
  readonly handler: BatchHandler;
  readonly onFault: (error: unknown) => void;
  readonly warn: (message: string) => void;
  /** `addresses` may be others than at the end of `open`. */
  readonly onChange: () => void;
}

export class Listeners {
  readonly #options: ListenersOptions;
  readonly #transports: (PacketSocket | null)[] = [];
  readonly #watchers: LocalAddressWatcher[] = [];
  readonly #boundSockets: BoundSockets | null;
  /** Of sockets whose address went away. */
  readonly #closedCounters: Readonly<PacketSocketCounters>[] = [];

  constructor(options: ListenersOptions) {
    this.#options = options;
    this.#boundSockets = options.libc === null ? null : createBoundSockets(options.libc);
  }

  /** @throws AppError `LISTEN_IN_USE` or `LISTEN_FAILED`, with everything closed again */
  async open(): Promise<void> {
    try {
      for (const endpoint of this.#options.listen) await this.#openEndpoint(endpoint);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  /** What is bound now. */
  get addresses(): readonly Endpoint[] {
    const all = this.#transports
      .filter((transport) => transport !== null)
      .map(({ localAddress, localPort }) => `${localPort} ${localAddress}`);
    return [...new Set(all)].map((text) => {
      const [port, address] = text.split(' ');
      return { address: address ?? '', port: Number(port) };
    });
  }

  /** Of every socket since the start. */
  get counters(): readonly Readonly<PacketSocketCounters>[] {
    const open = this.#transports.filter((transport) => transport !== null);
    return [...this.#closedCounters, ...open.map(({ counters }) => counters)];
  }

  readonly sendLate: SendLate = (transport, route, addresses, addressAt, port, bytes, length) => {
    this.#transports[transport]?.send(route, addresses, addressAt, port, bytes, 0, length);
  };

  stopReceiving(): void {
    for (const watcher of this.#watchers) watcher.stop();
    for (const transport of this.#transports) transport?.stopReceiving();
  }

  async close(): Promise<void> {
    for (const watcher of this.#watchers) watcher.stop();
    const open = this.#transports.filter((transport) => transport !== null);
    await Promise.all(open.map((transport) => transport.close()));
  }

  async #openEndpoint({ address, port }: Endpoint): Promise<void> {
    if (!isWildcard(address)) {
      await this.#openAddress(address, port);
      return;
    }
    for (const local of expandAddresses([address])) await this.#openAddress(local, port);
    const watcher = new LocalAddressWatcher({
      addresses: [address],
      onChange: ({ added, removed }) => {
        for (const local of removed) this.#closeAddress(local, port);
        for (const local of added) void this.#openLater(watcher, local, port);
        this.#options.onChange();
      },
    });
    watcher.start();
    this.#watchers.push(watcher);
  }

  async #openAddress(address: string, port: number): Promise<void> {
    const { tcp, udp: udpMode, libc, handler, onFault } = this.#options;
    const boundSockets = this.#boundSockets;
    const common = { address, port, handler, onFault, clock: systemClock };
    const transport = this.#transports.length;
    const udp =
      udpMode === 'batch' && libc !== null && boundSockets !== null
        ? new UdpBatchSocket({ ...common, transport, libc, boundSockets })
        : new UdpSocket({ ...common, transport, boundSockets });
    await this.#openTransport(udp);
    const tcpServer = new TcpServer({
      ...common,
      boundSockets,
      port: udp.localPort,
      transport: this.#transports.length,
      limits: {
        connectionsMax: tcp.connectionsMax,
        connectionsPerClientMax: tcp.connectionsPerAddressMax,
        idleTimeoutMs: tcp.idleTimeoutMs,
      },
    });
    await this.#openTransport(tcpServer);
  }

  async #openTransport(transport: PacketSocket): Promise<void> {
    const index = this.#transports.push(transport) - 1;
    assert(index < TRANSPORTS_MAX, 'a worker has fewer sockets than numbers for them');
    try {
      await transport.open();
    } catch (error) {
      // No query has seen the number yet, so it may be used again.
      if (index === this.#transports.length - 1) this.#transports.pop();
      else this.#transports[index] = null;
      throw error;
    }
  }

  /** A new address that cannot be bound yet is tried again at the next look. */
  async #openLater(watcher: LocalAddressWatcher, address: string, port: number): Promise<void> {
    try {
      await this.#openAddress(address, port);
    } catch (error) {
      this.#closeAddress(address, port);
      watcher.retry(address);
      this.#options.warn(`Listening on the new address ${address}: ${messageOf(error)}`);
    }
    this.#options.onChange();
  }

  #closeAddress(address: string, port: number): void {
    for (const [index, transport] of this.#transports.entries()) {
      if (transport?.localAddress !== address || transport.localPort !== port) continue;
      this.#transports[index] = null;
      this.#closedCounters.push(transport.counters);
      transport.close().catch(this.#options.onFault);
    }
  }
}
