import { Socket } from 'node:dgram';
import { networkInterfaces } from 'node:os';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { AppError } from '../../src/lib/errors.ts';
import { createBoundSockets, type BoundSockets } from '../../src/transport/bound-socket.ts';
import { loadLibc } from '../../src/transport/libc.ts';
import { UdpSocket } from '../../src/transport/udp-dgram.ts';
import { connectUdp } from '../contract/packet-socket-clients.ts';
import {
  aMessage,
  anEchoHandler,
  answerLater,
  LATER,
  stoppedClock,
  testPacketSocket,
  TRANSPORT_NUMBER,
  until,
} from '../contract/packet-socket.ts';

const { libc } = await loadLibc();
const boundSockets = libc === null ? null : createBoundSockets(libc);
/** Raw sockets are for root. */
const canSendRaw = boundSockets !== null && process.getuid?.() === 0;

function subjectAt(address: string, bound: BoundSockets | null) {
  return {
    address,
    isStream: false,
    create: (
      port: number,
      handler: ReturnType<typeof anEchoHandler>['handle'],
      onFault: (error: unknown) => void,
    ) =>
      new UdpSocket({
        address,
        port,
        transport: TRANSPORT_NUMBER,
        handler,
        clock: stoppedClock,
        boundSockets: bound,
        onFault,
      }),
    connect: (port: number) => connectUdp(address, port),
  };
}

testPacketSocket('UDP over IPv4, plain', subjectAt('127.0.0.1', null));
testPacketSocket('UDP over IPv6, plain', subjectAt('::1', null));
if (boundSockets !== null) {
  testPacketSocket('UDP over IPv4, shared port', subjectAt('127.0.0.1', boundSockets));
  testPacketSocket('UDP over IPv6, shared port', subjectAt('::1', boundSockets));
}

describe('UDP over dgram', () => {
  const opened: { close(): Promise<void> }[] = [];

  async function open(
    options: {
      address?: string;
      port?: number;
      bound?: BoundSockets | null;
      sendsMax?: number;
    } = {},
  ) {
    const echo = anEchoHandler();
    const socket = new UdpSocket({
      address: options.address ?? '127.0.0.1',
      port: options.port ?? 0,
      transport: TRANSPORT_NUMBER,
      handler: echo.handle,
      clock: stoppedClock,
      boundSockets: options.bound ?? null,
      ...(options.sendsMax === undefined ? {} : { sendsMax: options.sendsMax }),
    });
    opened.push(socket);
    await socket.open();
    return { socket, seen: echo.seen };
  }

  async function connect(address: string, port: number) {
    const client = await connectUdp(address, port);
    opened.push(client);
    return client;
  }

  afterEach(async () => {
    for (const one of opened.splice(0).reverse()) await one.close();
  });

  test('refuses a port that a plain socket holds, and says so', async () => {
    const { socket } = await open();
    const failure = await open({ port: socket.localPort }).catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(AppError);
    expect(failure).toMatchObject({ code: 'LISTEN_IN_USE' });
  });

  test('names an address that the machine does not have', async () => {
    const failure = open({ address: '192.0.2.77' });
    await expect(failure).rejects.toMatchObject({ code: 'LISTEN_FAILED' });
  });

  test('drops a query longer than a slot and serves the next', async () => {
    const { socket, seen } = await open();
    const client = await connect('127.0.0.1', socket.localPort);
    client.send(aMessage(1, 0, 4097));
    client.send(aMessage(2, 0, 4096));
    expect((await client.receive()).readUInt16BE(0)).toBe(2);
    expect(seen).toHaveLength(1);
    expect(socket.counters.dropped).toBe(1);
  });

  test('hands an empty datagram over as a message of length 0', async () => {
    const { socket, seen } = await open();
    const client = await connect('127.0.0.1', socket.localPort);
    client.send(Buffer.alloc(0));
    client.send(aMessage(2));
    await client.receive();
    expect(seen[0]!.message).toHaveLength(0);
  });

  test('drops responses beyond the bound instead of overwriting those on their way', async () => {
    const { socket, seen } = await open({ sendsMax: 4 });
    const client = await connect('127.0.0.1', socket.localPort);
    client.send(aMessage(1, LATER));
    await until(() => seen.length === 1, 'the query arrived');
    for (let count = 0; count < 10; count++) answerLater(socket, seen[0]!);
    expect(socket.counters.sendOverflows).toBe(6);
    await until(() => socket.counters.sent === 4, 'the four responses left');
    for (let count = 0; count < 4; count++) {
      expect((await client.receive()).readUInt16BE(0)).toBe(1);
    }
  });

  test('leaves a response in place until the kernel has taken it, and closes only then', async () => {
    const { socket, seen } = await open();
    const client = await connect('127.0.0.1', socket.localPort);
    for (const id of [1, 2]) client.send(aMessage(id, LATER));
    await until(() => seen.length === 2, 'the queries arrived');
    // A kernel whose send buffer is full: it takes nothing until `release`.
    const held: {
      ring: Buffer;
      at: number;
      done: (error: Error | null, octets: number) => void;
    }[] = [];
    const send = vi.spyOn(Socket.prototype, 'send').mockImplementation((...args: unknown[]) => {
      const [ring, at, , , , done] = args as [
        Buffer,
        number,
        number,
        number,
        string,
        (typeof held)[0]['done'],
      ];
      held.push({ ring, at, done });
    });
    for (const query of seen) answerLater(socket, query);
    send.mockRestore();
    expect(held.map(({ ring, at }) => ring.readUInt16BE(at))).toEqual([1, 2]);
    let isClosed = false;
    const closing = socket.close().then(() => {
      isClosed = true;
    });
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(isClosed).toBe(false);
    for (const { done } of held) done(null, 13);
    await closing;
    expect(socket.counters.sent).toBe(2);
  });

  test('counts a response that the kernel refuses', async () => {
    const { socket } = await open();
    socket.send(0, Uint32Array.of(0, 0, 0xffff, 0xffffffff), 0, 53, aMessage(1), 0, 13);
    await until(() => socket.counters.sendErrors === 1, 'the refused send was counted');
  });

  test.skipIf(boundSockets === null)(
    'shares one port among sockets, and all of them answer',
    async () => {
      const first = await open({ bound: boundSockets });
      const port = first.socket.localPort;
      const second = await open({ bound: boundSockets, port });
      // The kernel picks by a hash of the client's address and port: forty clients never hash alike.
      for (let id = 0; id < 40; id++) {
        const client = await connect('127.0.0.1', port);
        client.send(aMessage(id));
        expect((await client.receive()).readUInt16BE(0)).toBe(id);
      }
      expect(first.seen.length).toBeGreaterThan(0);
      expect(second.seen.length).toBeGreaterThan(0);
      expect(first.seen.length + second.seen.length).toBe(40);
    },
  );

  test.skipIf(boundSockets === null)('serves IPv4 and IPv6 on the same port number', async () => {
    const over4 = await open({ bound: boundSockets });
    const port = over4.socket.localPort;
    const over6 = await open({ bound: boundSockets, address: '::1', port });
    for (const [address, seen] of [
      ['127.0.0.1', over4.seen],
      ['::1', over6.seen],
    ] as const) {
      const client = await connect(address, port);
      client.send(aMessage(3));
      await client.receive();
      expect(seen).toHaveLength(1);
    }
  });

  test.skipIf(!canSendRaw)('drops a query from source port 0', async () => {
    const { socket, seen } = await open();
    await sendRaw(0, socket.localPort, aMessage(1));
    await until(() => socket.counters.dropped === 1, 'the query was dropped');
    await sendRaw(9, socket.localPort, aMessage(2));
    await until(() => seen.length === 1, 'the query from another port arrived');
  });

  test('reaches a link-local client later through the interface it came by', async (context) => {
    const address = linkLocalAddress();
    if (address === null) {
      context.skip('this machine has no link-local address');
      return;
    }
    const { socket, seen } = await open({ address: '::' });
    const client = await connect(address, socket.localPort);
    client.send(aMessage(1, LATER));
    await until(() => seen.length === 1, 'the query arrived');
    // To an address of its own the kernel would find the way without a zone.
    const send = vi.spyOn(Socket.prototype, 'send');
    answerLater(socket, seen[0]!);
    expect(send.mock.calls.map((args) => (args as unknown[])[4])).toEqual([address]);
    send.mockRestore();
    expect((await client.receive()).readUInt16BE(0)).toBe(1);
  });
});

function linkLocalAddress(): string | null {
  for (const [zone, entries] of Object.entries(networkInterfaces())) {
    const found = entries?.find(({ address }) => address.startsWith('fe80:'));
    if (found !== undefined) return `${found.address}%${zone}`;
  }
  return null;
}

/** No socket of Node's has port 0; a raw one has whatever the header says. */
async function sendRaw(sourcePort: number, port: number, payload: Uint8Array): Promise<void> {
  const { default: koffi } = await import('koffi');
  const library = koffi.load(null);
  const makeSocket = library.func('int socket(int, int, int)') as (...numbers: number[]) => number;
  const sendTo = library.func('long sendto(int, void *, size_t, int, void *, uint32_t)') as (
    ...values: (number | Uint8Array)[]
  ) => number;
  const datagram = Buffer.alloc(8 + payload.length);
  datagram.writeUInt16BE(sourcePort, 0);
  datagram.writeUInt16BE(port, 2);
  datagram.writeUInt16BE(datagram.length, 4);
  datagram.set(payload, 8);
  const fd = makeSocket(2, 3, 17);
  const loopback = Buffer.of(2, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0);
  expect(sendTo(fd, datagram, datagram.length, 0, loopback, loopback.length)).toBe(datagram.length);
  boundSockets!.close(fd);
}
