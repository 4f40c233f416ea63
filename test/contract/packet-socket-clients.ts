/** Clients for the `PacketSocket` suite: plain Node sockets, independent of the code under test. */

import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import type { TestClient } from './packet-socket.ts';

/** Messages in order of arrival, handed out one by one. */
class Inbox {
  readonly #messages: Buffer[] = [];
  readonly #takers: ((message: Buffer) => void)[] = [];

  get waiting(): number {
    return this.#messages.length;
  }

  put(message: Buffer): void {
    const taker = this.#takers.shift();
    if (taker === undefined) this.#messages.push(message);
    else taker(message);
  }

  take(): Promise<Buffer> {
    const message = this.#messages.shift();
    if (message !== undefined) return Promise.resolve(message);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error('No message came within two seconds'));
      }, 2000);
      this.#takers.push((taken) => {
        clearTimeout(timer);
        resolve(taken);
      });
    });
  }
}

export async function connectUdp(address: string, port: number): Promise<TestClient> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  const inbox = new Inbox();
  socket.on('message', (message) => {
    inbox.put(message);
  });
  socket.on('error', () => undefined);
  await new Promise<void>((resolve) => {
    socket.connect(port, address, resolve);
  });
  return {
    port: socket.address().port,
    send: (message) => {
      socket.send(message);
    },
    receive: () => inbox.take(),
    get waiting() {
      return inbox.waiting;
    },
    close: () =>
      new Promise((resolve) => {
        socket.close(resolve);
      }),
  };
}

export interface TcpTestClient extends TestClient {
  readonly socket: Socket;
  /** Octets as they are, without the length in front. */
  write(octets: Uint8Array): void;
  readonly isClosed: boolean;
  /** Resolves when the server has ended or reset the connection; rejects after three seconds. */
  closed(): Promise<void>;
}

/** @param keepsOpen true: a client that never ends its half, whatever the server does */
export async function connectTcp(
  address: string,
  port: number,
  keepsOpen = false,
): Promise<TcpTestClient> {
  const socket = connect({ host: address, port, noDelay: true, allowHalfOpen: keepsOpen });
  const inbox = new Inbox();
  let rest: Buffer = Buffer.alloc(0);
  let isClosed = false;
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE(0)) {
      const end = 2 + rest.readUInt16BE(0);
      inbox.put(rest.subarray(2, end));
      rest = rest.subarray(end);
    }
  });
  const ended = new Promise<void>((resolve) => {
    const end = (): void => {
      isClosed = true;
      resolve();
    };
    socket.on('end', end).on('close', end);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => undefined);
  return {
    port: socket.localPort!,
    socket,
    write: (octets) => {
      socket.write(octets);
    },
    send: (message) => {
      socket.write(frame(message));
    },
    receive: () => inbox.take(),
    get waiting() {
      return inbox.waiting;
    },
    get isClosed() {
      return isClosed;
    },
    closed: () => withDeadline(ended),
    close: () => {
      socket.destroy();
      return Promise.resolve();
    },
  };
}

/** A message with its length in front (RFC 7766, section 8). */
export function frame(message: Uint8Array): Buffer {
  const framed = Buffer.alloc(2 + message.length);
  framed.writeUInt16BE(message.length, 0);
  framed.set(message, 2);
  return framed;
}

async function withDeadline(promise: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error('The connection was still open after three seconds'));
    }, 3000);
  });
  await Promise.race([promise, deadline]).finally(() => {
    clearTimeout(timer);
  });
}
