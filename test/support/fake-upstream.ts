/**
 * An upstream resolver on loopback, UDP and TCP on one port, that does what a script says: nothing,
 * late, twice, from another socket, cut or forged. It records every query as octets.
 *
 *     const upstream = await startFakeUpstream((query) => addressAnswer(query, '192.0.2.1'));
 *     … new forwarder towards { address: upstream.address, port: upstream.port } …
 *     await upstream.close();
 */

import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { createServer, type Server, type Socket as TcpSocket } from 'node:net';
import { decode, encode, type Answer, type DecodedPacket, type Packet } from 'dns-packet';
import { FrameReader, frameOf } from './dns-query.ts';

export interface UpstreamQuery {
  /** The octets as they came. */
  readonly raw: Buffer;
  readonly packet: DecodedPacket;
  /** The asked name as it was written, 0x20 case included. */
  readonly name: string;
  readonly type: string;
  readonly hasOpt: boolean;
  readonly transport: 'udp' | 'tcp';
  readonly sourcePort: number;
  /** 0 for the first query this upstream ever saw, over either transport. */
  readonly index: number;
}

export interface ScriptedPacket {
  readonly bytes: Uint8Array;
  readonly delayMs?: number;
  /** UDP only: who sends it. `port`: another port of the same address; `address`: the same port of 127.0.0.2. */
  readonly from?: 'upstream' | 'port' | 'address';
}

/** What comes back for a query: nothing, one response, or several packets in order. */
export type UpstreamScript = (
  query: UpstreamQuery,
) => Uint8Array | readonly ScriptedPacket[] | null | undefined;

export interface FakeUpstreamOptions {
  /** Default 127.0.0.1; `::1` for IPv6. */
  readonly address?: string;
  /** False: nothing listens on the TCP port. */
  readonly hasTcp?: boolean;
  /** Default: one that the kernel gives. */
  readonly port?: number;
}

export class FakeUpstream {
  readonly address: string;
  readonly port: number;
  /** Every query so far, oldest first. */
  readonly queries: UpstreamQuery[] = [];
  /** TCP connections accepted so far. */
  connectionCount = 0;
  readonly #udp: Socket;
  readonly #tcp: Server | null;
  readonly #others: { port: Socket; address: Socket | null };
  readonly #connections = new Set<TcpSocket>();
  readonly #timers = new Set<NodeJS.Timeout>();
  #script: UpstreamScript;

  constructor(
    udp: Socket,
    tcp: Server | null,
    others: { port: Socket; address: Socket | null },
    script: UpstreamScript,
  ) {
    this.#udp = udp;
    this.#tcp = tcp;
    this.#others = others;
    this.#script = script;
    this.address = udp.address().address;
    this.port = udp.address().port;
    udp.on('message', (bytes, peer) => {
      this.#onDatagram(bytes, peer);
    });
    tcp?.on('connection', (socket) => {
      this.#onConnection(socket);
    });
  }

  /** Replaces the script from the next query on. */
  use(script: UpstreamScript): void {
    this.#script = script;
  }

  count(transport: 'udp' | 'tcp'): number {
    return this.queries.filter((query) => query.transport === transport).length;
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const connection of this.#connections) connection.destroy();
    const tcp = this.#tcp;
    if (tcp !== null) await new Promise((resolve) => tcp.close(resolve));
    for (const socket of [this.#udp, this.#others.port, this.#others.address]) socket?.close();
  }

  #onDatagram(bytes: Buffer, peer: RemoteInfo): void {
    const query = this.#record(bytes, 'udp', peer.port);
    if (query === null) return;
    for (const packet of packetsOf(this.#script(query))) {
      const sender = this.#senderOf(packet);
      this.#after(packet.delayMs, () => {
        sender.send(packet.bytes, peer.port, peer.address);
      });
    }
  }

  #onConnection(socket: TcpSocket): void {
    this.connectionCount++;
    this.#connections.add(socket);
    const frames = new FrameReader();
    socket.on('error', () => socket.destroy());
    socket.on('close', () => this.#connections.delete(socket));
    socket.on('data', (chunk) => {
      frames.push(chunk);
      for (const message of frames.messages.splice(0)) this.#onTcpMessage(socket, message);
    });
  }

  #onTcpMessage(socket: TcpSocket, message: Buffer): void {
    const query = this.#record(message, 'tcp', socket.remotePort ?? 0);
    if (query === null) return;
    for (const packet of packetsOf(this.#script(query))) {
      this.#after(packet.delayMs, () => {
        if (!socket.destroyed) socket.write(frameOf(packet.bytes));
      });
    }
  }

  #record(raw: Buffer, transport: 'udp' | 'tcp', sourcePort: number): UpstreamQuery | null {
    const packet = decode(raw);
    const question = packet.questions[0];
    if (question === undefined) return null;
    const hasOpt = packet.additionals.some((record) => record.type === 'OPT');
    const { name, type } = question;
    const index = this.queries.length;
    const query = { raw, packet, name, type, hasOpt, transport, sourcePort, index };
    this.queries.push(query);
    return query;
  }

  #senderOf(packet: ScriptedPacket): Socket {
    if (packet.from === 'port') return this.#others.port;
    if (packet.from !== 'address') return this.#udp;
    if (this.#others.address === null) throw new Error('No second address for this upstream');
    return this.#others.address;
  }

  #after(delayMs: number | undefined, send: () => void): void {
    if (delayMs === undefined) {
      send();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      send();
    }, delayMs);
    this.#timers.add(timer);
  }
}

/** Starts an upstream on a free port, UDP and TCP alike. */
export async function startFakeUpstream(
  script: UpstreamScript,
  options: FakeUpstreamOptions = {},
): Promise<FakeUpstream> {
  const { address = '127.0.0.1', hasTcp = true, port = 0 } = options;
  for (let attempt = 0; ; attempt++) {
    const opened: { close(): unknown }[] = [];
    const open = async <T extends { close(): unknown }>(opening: Promise<T>): Promise<T> => {
      const socket = await opening;
      opened.push(socket);
      return socket;
    };
    try {
      const udp = await open(bindUdp(address, port));
      const tcp = hasTcp ? await open(listenTcp(address, udp.address().port)) : null;
      const isIpv4 = !address.includes(':');
      const others = {
        port: await open(bindUdp(address, 0)),
        address: isIpv4 ? await open(bindUdp('127.0.0.2', udp.address().port)) : null,
      };
      return new FakeUpstream(udp, tcp, others, script);
    } catch (error) {
      // A free UDP port may be taken on TCP or on the second address: draw again.
      for (const socket of opened) socket.close();
      if (port !== 0 || attempt === 20) throw error;
    }
  }
}

/** A port on which nothing listens, over UDP or TCP: what is sent there is refused. */
export async function closedPort(address = '127.0.0.1'): Promise<number> {
  const socket = await bindUdp(address, 0);
  const { port } = socket.address();
  await new Promise<void>((resolve) => {
    socket.close(resolve);
  });
  return port;
}

/** The response that answers a query: same ID, question (case kept) and RD, with what `shape` adds. */
export function answerTo(query: UpstreamQuery, shape: ResponseShape = {}): Buffer {
  const { rcode = 0, flags = 0, answers = [], authorities = [], hasOpt = query.hasOpt } = shape;
  const packet: Packet = {
    id: query.raw.readUInt16BE(0),
    type: 'response',
    flags: 0x0180 | flags | rcode,
    questions: query.packet.questions,
    answers: [...answers],
    authorities: [...authorities],
    additionals: hasOpt ? [{ name: '.', type: 'OPT', udpPayloadSize: 1232 }] : [],
  };
  return encode(packet);
}

export interface ResponseShape {
  readonly rcode?: number;
  /** Added to QR, RD and RA: `0x0200` TC, `0x0020` AD, `0x0400` AA. */
  readonly flags?: number;
  readonly answers?: readonly Answer[];
  readonly authorities?: readonly Answer[];
  readonly hasOpt?: boolean;
}

/** One A or AAAA record (by the query's type) for the asked name. */
export function addressAnswer(query: UpstreamQuery, address = '192.0.2.1', ttl = 300): Buffer {
  return answerTo(query, { answers: [{ name: query.name, type: query.type, ttl, data: address }] });
}

/** NXDOMAIN with the SOA of `zone`. */
export function nxdomainAnswer(query: UpstreamQuery, zone = 'example.org', ttl = 300): Buffer {
  const data = {
    mname: `ns.${zone}`,
    rname: `hostmaster.${zone}`,
    serial: 1,
    refresh: 7200,
    retry: 900,
    expire: 86_400,
    minimum: ttl,
  };
  return answerTo(query, { rcode: 3, authorities: [{ name: zone, type: 'SOA', ttl, data }] });
}

/** A copy with some octets changed: `patched(bytes, 0, [0x12, 0x34])` forges the ID. */
export function patched(bytes: Uint8Array, at: number, octets: readonly number[]): Buffer {
  const copy = Buffer.from(bytes);
  copy.set(octets, at);
  return copy;
}

function packetsOf(result: ReturnType<UpstreamScript>): readonly ScriptedPacket[] {
  if (result === null || result === undefined) return [];
  return result instanceof Uint8Array ? [{ bytes: result }] : result;
}

async function bindUdp(address: string, port: number): Promise<Socket> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, resolve);
  });
  socket.removeAllListeners('error');
  // Refused late sends (the client has gone) are no fault of the script.
  socket.on('error', () => undefined);
  return socket;
}

async function listenTcp(address: string, port: number): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, address, resolve);
  });
  return server;
}
