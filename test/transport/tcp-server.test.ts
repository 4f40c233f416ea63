import { Writable } from 'node:stream';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createBoundSockets, type BoundSockets } from '../../src/transport/bound-socket.ts';
import { loadLibc } from '../../src/transport/libc.ts';
import type { BatchHandler } from '../../src/transport/packet-socket.ts';
import type { TcpLimits } from '../../src/transport/tcp-limits.ts';
import { TcpServer } from '../../src/transport/tcp-server.ts';
import { connectTcp, frame } from '../contract/packet-socket-clients.ts';
import {
  aMessage,
  anEchoHandler,
  answerLater,
  ECHO,
  LATER,
  LONG,
  SILENT,
  stoppedClock,
  THROW,
  testPacketSocket,
  TRANSPORT_NUMBER,
  until,
} from '../contract/packet-socket.ts';

const { libc } = await loadLibc();
const boundSockets = libc === null ? null : createBoundSockets(libc);

function subjectAt(address: string, bound: BoundSockets | null) {
  return {
    address,
    isStream: true,
    create: (port: number, handler: BatchHandler, onFault: (error: unknown) => void) =>
      new TcpServer({
        address,
        port,
        transport: TRANSPORT_NUMBER,
        handler,
        clock: stoppedClock,
        boundSockets: bound,
        onFault,
      }),
    connect: (port: number) => connectTcp(address, port),
  };
}

testPacketSocket('TCP over IPv4, plain', subjectAt('127.0.0.1', null));
testPacketSocket('TCP over IPv6, plain', subjectAt('::1', null));
if (boundSockets !== null) {
  testPacketSocket('TCP over IPv4, shared port', subjectAt('127.0.0.1', boundSockets));
  testPacketSocket('TCP over IPv6, shared port', subjectAt('::1', boundSockets));
}

const opened: { close(): Promise<void> }[] = [];

async function open(
  limits: Partial<TcpLimits> = {},
  options: { bound?: BoundSockets | null; port?: number } = {},
) {
  const echo = anEchoHandler();
  const server = new TcpServer({
    address: '127.0.0.1',
    port: options.port ?? 0,
    transport: TRANSPORT_NUMBER,
    handler: echo.handle,
    clock: systemClock,
    boundSockets: options.bound ?? null,
    limits: { sweepMs: 5, ...limits },
  });
  await server.open();
  opened.push(server);
  return { server, seen: echo.seen };
}

async function connect(server: TcpServer, keepsOpen = false) {
  const client = await connectTcp('127.0.0.1', server.localPort, keepsOpen);
  opened.push(client);
  return client;
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

afterEach(async () => {
  for (const one of opened.splice(0).reverse()) await one.close();
});

describe('frames over TCP', () => {
  test('are pipelined: a thousand queries in one write are all answered in order', async () => {
    const { server } = await open();
    const client = await connect(server);
    client.write(Buffer.concat(range(1000).map((id) => frame(aMessage(id)))));
    for (const id of range(1000)) expect((await client.receive()).readUInt16BE(0)).toBe(id);
  });

  test('may come octet by octet', async () => {
    const { server } = await open();
    const client = await connect(server);
    for (const octet of Buffer.concat([frame(aMessage(1)), frame(aMessage(2))])) {
      client.write(Buffer.of(octet));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.receive()).readUInt16BE(0)).toBe(1);
    expect((await client.receive()).readUInt16BE(0)).toBe(2);
  });

  test('of length 0, 1 and 11 get silence, and the next query its answer', async () => {
    const { server, seen } = await open();
    const client = await connect(server);
    for (const length of [0, 1, 11]) client.write(frame(Buffer.alloc(length)));
    client.send(aMessage(7));
    expect((await client.receive()).readUInt16BE(0)).toBe(7);
    expect(seen).toHaveLength(1);
    expect(server.counters.dropped).toBe(3);
  });

  test('of 65,535 octets go in and out whole', async () => {
    const { server } = await open();
    const client = await connect(server);
    const message = aMessage(0x7777, ECHO, 65_535);
    client.send(message);
    client.send(aMessage(8));
    message[2] = 0x80;
    expect((await client.receive()).equals(message)).toBe(true);
    expect((await client.receive()).readUInt16BE(0)).toBe(8);
  });

  test('leave with their length in the same segment', async () => {
    const { server } = await open();
    const client = await connect(server);
    const chunks: Buffer[] = [];
    client.socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    client.send(aMessage(1));
    await client.receive();
    expect(chunks.map((chunk) => chunk.length)).toEqual([15]);
  });

  test('are answered out of order where later ones are ready first', async () => {
    const { server, seen } = await open();
    const client = await connect(server);
    client.write(Buffer.concat([frame(aMessage(1, LATER)), frame(aMessage(2))]));
    expect((await client.receive()).readUInt16BE(0)).toBe(2);
    answerLater(server, seen[0]!);
    expect((await client.receive()).readUInt16BE(0)).toBe(1);
  });
});

describe('a TCP client that ends', () => {
  test('in the midst of a message is closed without an answer', async () => {
    const { server, seen } = await open();
    const client = await connect(server);
    client.socket.end(frame(aMessage(1)).subarray(0, 9));
    await client.closed();
    await until(() => server.counters.connectionsOpen === 0, 'the connection was forgotten');
    expect(seen).toHaveLength(0);
  });

  test('its half still gets the responses in flight, then our end', async () => {
    const { server, seen } = await open();
    const client = await connect(server);
    client.socket.end(Buffer.concat([frame(aMessage(1, LATER)), frame(aMessage(2))]));
    expect((await client.receive()).readUInt16BE(0)).toBe(2);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(client.isClosed).toBe(false);
    answerLater(server, seen[0]!);
    expect((await client.receive()).readUInt16BE(0)).toBe(1);
    await client.closed();
    await until(() => server.counters.connectionsOpen === 0, 'the connection was forgotten');
  });

  test('its half is served to the last query even where it was held back', async () => {
    const { server, seen } = await open({ inFlightMax: 2 });
    const client = await connect(server);
    client.socket.end(Buffer.concat(range(5).map((id) => frame(aMessage(id, LATER)))));
    for (const id of range(5)) {
      await until(() => seen.length > id, `query ${id} arrived`);
      answerLater(server, seen[id]!);
      expect((await client.receive()).readUInt16BE(0)).toBe(id);
    }
    await client.closed();
  });

  test('its half at once is closed at once', async () => {
    const { server } = await open();
    const client = await connect(server);
    client.socket.end();
    await client.closed();
  });

  test('its half after a query that gets silence is closed at once', async () => {
    const { server } = await open();
    const client = await connect(server);
    client.socket.end(frame(aMessage(1, SILENT)));
    await client.closed();
    expect(client.waiting).toBe(0);
  });

  test('by reset takes its late responses with it', async () => {
    const { server, seen } = await open();
    const client = await connect(server);
    client.send(aMessage(1, LATER));
    await until(() => seen.length === 1, 'the query arrived');
    client.socket.resetAndDestroy();
    await until(() => server.counters.connectionsOpen === 0, 'the connection was forgotten');
    const next = await connect(server);
    next.send(aMessage(2));
    await next.receive();
    answerLater(server, seen[0]!);
    expect(server.counters.lateDropped).toBe(1);
  });
});

describe('a connection number', () => {
  test('never leads a late response to the client that has the number next', async () => {
    const { server, seen } = await open({ connectionsMax: 1 });
    const first = await connect(server);
    first.send(aMessage(1, LATER));
    await until(() => seen.length === 1, 'the query arrived');
    first.socket.resetAndDestroy();
    await until(() => server.counters.connectionsOpen === 0, 'the connection was forgotten');
    const second = await connect(server);
    second.send(aMessage(2, LATER));
    await until(() => seen.length === 2, 'the second query arrived');
    expect(seen[0]!.route & 0xffff).toBe(seen[1]!.route & 0xffff);
    answerLater(server, seen[0]!);
    answerLater(server, seen[1]!);
    expect((await second.receive()).readUInt16BE(0)).toBe(2);
    expect(second.waiting).toBe(0);
  });
});

describe('TCP limits', () => {
  test('an idle connection is closed', async () => {
    const { server } = await open({ idleTimeoutMs: 30 });
    const client = await connect(server);
    client.send(aMessage(1));
    await client.receive();
    await client.closed();
    expect(server.counters.closedIdle).toBe(1);
  });

  test('a connection that keeps asking is not idle', async () => {
    const { server } = await open({ idleTimeoutMs: 1000 });
    const client = await connect(server);
    for (const id of range(30)) {
      client.send(aMessage(id));
      await client.receive();
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    expect(client.isClosed).toBe(false);
  });

  test('empty frames keep no connection open', async () => {
    const { server } = await open({ idleTimeoutMs: 50 });
    const client = await connect(server);
    const feeder = setInterval(() => {
      client.write(Buffer.of(0, 0));
    }, 5);
    await client.closed().finally(() => {
      clearInterval(feeder);
    });
    expect(server.counters.closedIdle).toBe(1);
  });

  test('a message that comes an octet at a time is cut off at its deadline, not at the idle one', async () => {
    const { server } = await open({ messageTimeoutMs: 300 });
    const client = await connect(server);
    const octets = [...frame(aMessage(1, ECHO, 1000))];
    const feeder = setInterval(() => {
      client.write(Buffer.of(octets.shift()!));
    }, 5);
    await client.closed().finally(() => {
      clearInterval(feeder);
    });
    expect(server.counters.closedSlow).toBe(1);
    // Octets that come in between do not put the deadline off.
    expect(octets.length).toBeGreaterThan(600);
  });

  test('a single octet of a length is a message that has begun', async () => {
    const { server } = await open({ messageTimeoutMs: 30 });
    const client = await connect(server);
    client.write(Buffer.of(0));
    await client.closed();
    expect(server.counters.closedSlow).toBe(1);
  });

  test('each message has a deadline of its own', async () => {
    const { server } = await open({ messageTimeoutMs: 1000 });
    const client = await connect(server);
    // Every write ends one message and begins the next, so a message is always unfinished.
    const stream = Buffer.concat(range(20).map((id) => frame(aMessage(id))));
    for (const id of range(20)) {
      client.write(stream.subarray(id === 0 ? 0 : id * 15 + 5, (id + 1) * 15 + 5));
      expect((await client.receive()).readUInt16BE(0)).toBe(id);
      await new Promise((resolve) => setTimeout(resolve, 60));
    }
    expect(server.counters.closedSlow).toBe(0);
  });

  test('a connection with too many queries in flight is read on only as they are answered', async () => {
    const { server, seen } = await open({ inFlightMax: 3 });
    const client = await connect(server);
    client.write(Buffer.concat(range(10).map((id) => frame(aMessage(id, LATER)))));
    await until(() => seen.length === 3, 'three queries arrived');
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(seen).toHaveLength(3);
    for (const id of range(10)) {
      await until(() => seen.length > id, `query ${id} arrived`);
      answerLater(server, seen[id]!);
      expect((await client.receive()).readUInt16BE(0)).toBe(id);
      expect(seen.length - (id + 1)).toBeLessThanOrEqual(3);
    }
  });

  test('a late response never re-enters the handler, even where it lets waiting queries on', async () => {
    const { server, seen } = await open({ inFlightMax: 1 });
    const client = await connect(server);
    client.write(Buffer.concat([frame(aMessage(1, LATER)), frame(aMessage(2))]));
    await until(() => seen.length === 1, 'the first query arrived');
    answerLater(server, seen[0]!);
    expect(seen).toHaveLength(1);
    await until(() => seen.length === 2, 'the second query arrived');
  });

  test('queries that get silence never hold the connection back', async () => {
    const { server } = await open({ inFlightMax: 2 });
    const client = await connect(server);
    for (const id of range(20)) client.send(aMessage(id, SILENT));
    client.send(aMessage(99));
    expect((await client.receive()).readUInt16BE(0)).toBe(99);
  });

  test('queries on which the handler throws never hold the connection back', async () => {
    const { server } = await open({ inFlightMax: 1 });
    const client = await connect(server);
    client.send(aMessage(1, THROW));
    client.send(aMessage(2));
    expect((await client.receive()).readUInt16BE(0)).toBe(2);
  });

  test('queries that nobody answers stop to count as in flight', async () => {
    const { server } = await open({ inFlightMax: 2, inFlightExpiryMs: 30 });
    const client = await connect(server);
    client.write(Buffer.concat([1, 2].map((id) => frame(aMessage(id, LATER)))));
    client.send(aMessage(3));
    expect((await client.receive()).readUInt16BE(0)).toBe(3);
  });

  test('a length of 0 given to send ends the wait for that query', async () => {
    const { server, seen } = await open({ inFlightMax: 1 });
    const client = await connect(server);
    client.write(Buffer.concat([frame(aMessage(1, LATER)), frame(aMessage(2))]));
    await until(() => seen.length === 1, 'the first query arrived');
    server.send(seen[0]!.route, seen[0]!.addresses, 0, seen[0]!.port, new Uint8Array(0), 0, 0);
    expect((await client.receive()).readUInt16BE(0)).toBe(2);
  });

  test('a client that never reads is held back, then reset, and others are served', async () => {
    const { server, seen } = await open({ unreadTimeoutMs: 100 });
    const hog = await connect(server);
    hog.socket.pause();
    const queries = Buffer.concat(range(1000).map((id) => frame(aMessage(id, LONG))));
    const hose = new Writable({
      write: (chunk: Buffer, _encoding, done) => hog.socket.write(chunk, done),
    });
    for (let round = 0; round < 30; round++) hose.write(queries);
    const other = await connect(server);
    other.send(aMessage(1));
    expect((await other.receive()).readUInt16BE(0)).toBe(1);
    await until(() => server.counters.closedUnread === 1, 'the client was reset');
    expect(seen.length).toBeLessThan(30_000);
    expect(server.counters.connectionsOpen).toBe(1);
  });

  test('a client that reads late is held back meanwhile and then gets every response', async () => {
    const { server, seen } = await open();
    const client = await connect(server);
    client.socket.pause();
    client.write(Buffer.concat(range(5000).map((id) => frame(aMessage(id, LONG)))));
    await until(() => seen.length > 100, 'queries arrived');
    let before = -1;
    await until(() => {
      const isStill = seen.length === before;
      before = seen.length;
      return isStill;
    }, 'the connection was held back');
    client.socket.resume();
    for (const id of range(5000)) expect((await client.receive()).readUInt16BE(0)).toBe(id);
    expect(server.counters.closedUnread).toBe(0);
  });

  test('late responses that lie unread beyond the limit reset the connection', async () => {
    const { server, seen } = await open({ unreadBytesMax: 100_000, inFlightMax: 1000 });
    const hog = await connect(server);
    hog.socket.pause();
    hog.write(Buffer.concat(range(500).map((id) => frame(aMessage(id, LATER)))));
    await until(() => seen.length === 500, 'the queries arrived');
    const bytes = Buffer.alloc(60_000);
    for (const query of seen)
      server.send(query.route, query.addresses, 0, query.port, bytes, 0, bytes.length);
    expect(server.counters.closedUnread).toBe(1);
    expect(server.counters.connectionsOpen).toBe(0);
  });

  test('responses that lie unread on more connections than allowed reset the next one', async () => {
    const { server, seen } = await open({ unreadConnectionsMax: 1, unreadBytesMax: 1e9 });
    const bytes = Buffer.alloc(65_535);
    for (const id of range(2)) {
      const hog = await connect(server);
      hog.socket.pause();
      hog.send(aMessage(id, LATER));
      await until(() => seen.length === id + 1, 'the query arrived');
      const query = seen[id]!;
      // More than the kernel's buffers of both ends take.
      for (let count = 0; count < 300; count++) {
        server.send(query.route, query.addresses, 0, query.port, bytes, 0, bytes.length);
      }
      expect(server.counters.closedUnread).toBe(id);
    }
    expect(server.counters.connectionsOpen).toBe(1);
  });

  test('a length that is claimed costs no memory, one that is sent does and is bounded', async () => {
    const { server } = await open({ inputBytesMax: 50_000 });
    const claimers = await Promise.all(range(60).map(() => connect(server)));
    for (const claimer of claimers) claimer.write(Buffer.of(0xff, 0xff, 1));
    const sender = await connect(server);
    sender.send(aMessage(1));
    await sender.receive();
    expect(server.counters.closedInput).toBe(0);
    sender.write(Buffer.concat([Buffer.of(0xff, 0xff), Buffer.alloc(60_000)]));
    await sender.closed();
    expect(server.counters.closedInput).toBe(1);
  });

  test('three hundred idle clients are all served, and so is the next', async () => {
    const { server } = await open();
    const clients = await Promise.all(range(300).map(() => connect(server)));
    const next = await connect(server);
    for (const client of [...clients, next]) client.send(aMessage(5));
    for (const client of [...clients, next]) {
      expect((await client.receive()).readUInt16BE(0)).toBe(5);
    }
    expect(server.counters.connectionsOpen).toBe(301);
  });

  test('over the limit of connections the one idle longest gives way', async () => {
    const { server, seen } = await open({ connectionsMax: 3 });
    const [busy, idle, fresh] = [
      await connect(server),
      await connect(server),
      await connect(server),
    ];
    busy.send(aMessage(1, LATER));
    await until(() => seen.length === 1, 'the query arrived');
    for (const client of [idle, fresh]) {
      client.send(aMessage(2));
      await client.receive();
    }
    const next = await connect(server);
    next.send(aMessage(3));
    expect((await next.receive()).readUInt16BE(0)).toBe(3);
    await idle.closed();
    expect([busy.isClosed, fresh.isClosed]).toEqual([false, false]);
    expect(server.counters).toMatchObject({ evicted: 1, refused: 0, connectionsOpen: 3 });
  });

  test('over the limit of one client only its own connections give way', async () => {
    const { server } = await open({ connectionsPerClientMax: 2 });
    const clients = [await connect(server), await connect(server), await connect(server)];
    await clients[0]!.closed();
    clients[2]!.send(aMessage(1));
    await clients[2]!.receive();
    expect(server.counters).toMatchObject({ evicted: 1, connectionsOpen: 2 });
  });

  test('a connection that ended no longer counts for its client', async () => {
    const { server } = await open({ connectionsPerClientMax: 2 });
    const [first] = [await connect(server), await connect(server)];
    first.socket.end();
    await until(() => server.counters.connectionsOpen === 1, 'the first was forgotten');
    const third = await connect(server);
    third.send(aMessage(1));
    await third.receive();
    expect(server.counters).toMatchObject({ evicted: 0, connectionsOpen: 2 });
  });

  test('where all connections await a response the new one is refused', async () => {
    const { server, seen } = await open({ connectionsMax: 1 });
    const busy = await connect(server);
    busy.send(aMessage(1, LATER));
    await until(() => seen.length === 1, 'the query arrived');
    const refused = await connect(server);
    await refused.closed();
    expect(server.counters).toMatchObject({ refused: 1, evicted: 0 });
    answerLater(server, seen[0]!);
    expect((await busy.receive()).readUInt16BE(0)).toBe(1);
  });
});

describe('a TCP server that stops', () => {
  test('ends idle connections at once and accepts no more', async () => {
    const { server } = await open();
    const client = await connect(server);
    client.send(aMessage(1));
    await client.receive();
    server.stopReceiving();
    await client.closed();
    await expect(connectTcp('127.0.0.1', server.localPort)).rejects.toThrow('ECONNREFUSED');
  });

  test('ends a connection when its last response in flight has left', async () => {
    const { server, seen } = await open();
    const client = await connect(server);
    client.write(Buffer.concat([1, 2].map((id) => frame(aMessage(id, LATER)))));
    await until(() => seen.length === 2, 'the queries arrived');
    server.stopReceiving();
    answerLater(server, seen[0]!);
    await client.receive();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(client.isClosed).toBe(false);
    answerLater(server, seen[1]!);
    await client.receive();
    await client.closed();
  });

  test('ends a connection without a reset although octets of it were never served', async () => {
    const { server, seen } = await open({ inFlightMax: 1 });
    const client = await connect(server, true);
    // Enough responses that the client's socket stops to read, and the last stays in the kernel.
    const errors: Error[] = [];
    client.socket.on('error', (error) => errors.push(error));
    client.socket.pause();
    for (const id of range(30)) client.send(aMessage(id, LONG));
    client.send(aMessage(30, LATER));
    client.write(Buffer.alloc(400_000));
    await until(() => seen.length === 31, 'the queries arrived');
    await until(() => client.socket.writableLength === 0, 'all was sent');
    server.stopReceiving();
    answerLater(server, seen[30]!);
    await server.close();
    client.socket.resume();
    for (const id of range(31)) expect((await client.receive()).readUInt16BE(0)).toBe(id);
    await client.closed();
    expect(errors).toEqual([]);
  });

  test('closes within its grace though a client never ends its half', async () => {
    const { server } = await open({ lingerMs: 60_000 });
    const client = await connect(server, true);
    client.send(aMessage(1));
    await client.receive();
    const started = performance.now();
    await server.close();
    expect(performance.now() - started).toBeGreaterThan(400);
    expect(performance.now() - started).toBeLessThan(2000);
    expect(server.counters.connectionsOpen).toBe(0);
  });

  test('tears down after its linger time what a client never ends', async () => {
    const { server } = await open({ idleTimeoutMs: 20, lingerMs: 20 });
    const client = await connect(server, true);
    await client.closed();
    await until(() => server.counters.connectionsOpen === 0, 'the connection was forgotten');
  });

  test.skipIf(boundSockets === null)('leaves a shared port to the others', async () => {
    const first = await open({}, { bound: boundSockets });
    const second = await open({}, { bound: boundSockets, port: first.server.localPort });
    await first.server.close();
    for (const id of range(10)) {
      const client = await connect(second.server);
      client.send(aMessage(id));
      expect((await client.receive()).readUInt16BE(0)).toBe(id);
    }
    expect(second.seen).toHaveLength(10);
  });
});
