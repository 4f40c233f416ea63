/**
 * What every `PacketSocket` must do, whichever way it reads its packets. An implementation hands
 * in how to make one and how a client talks to it; the suite knows no transport.
 *
 * The handler of these tests echoes: it sets QR in the query and returns it. The first octet of
 * the payload after the header picks another behaviour (`ECHO`, `LATER`, `SILENT`, `THROW`).
 */

import { afterEach, describe, expect, test } from 'vitest';
import type { Clock } from '../../src/lib/clock.ts';
import { parseIpAddress } from '../../src/lib/ip-address.ts';
import { NEVER_ANSWERED, type PacketBatch } from '../../src/lib/packet-batch.ts';
import { type BatchHandler, type PacketSocket } from '../../src/transport/packet-socket.ts';

export const ECHO = 0;
export const LATER = 1;
export const SILENT = 2;
export const THROW = 3;
/** A response of 3,000 octets, whatever was asked. */
export const LONG = 4;

export interface TestClient {
  readonly port: number;
  send(message: Uint8Array): void;
  /** The next message; rejects after two seconds. */
  receive(): Promise<Buffer>;
  /** Messages that came and were not taken by `receive`. */
  readonly waiting: number;
  close(): Promise<void>;
}

export interface PacketSocketSubject {
  /** Address that the sockets are bound to. */
  readonly address: string;
  readonly isStream: boolean;
  create(port: number, handler: BatchHandler, onFault: (error: unknown) => void): PacketSocket;
  connect(port: number): Promise<TestClient>;
}

/** What the handler saw and parked. */
export interface EchoHandler {
  readonly handle: BatchHandler;
  readonly seen: SeenQuery[];
}

export interface SeenQuery {
  readonly message: Buffer;
  readonly addresses: Uint32Array;
  readonly port: number;
  readonly route: number;
  readonly transport: number;
  readonly isStream: boolean;
  readonly nowMs: number;
  readonly nowSeconds: number;
}

export const TRANSPORT_NUMBER = 7;

/** A clock whose hands stand still, so that a test sees them in the batch. */
export const stoppedClock: Clock = { monotonicMs: () => 1234.5, wallMs: () => 1_700_000_000_999 };

/** A 12-octet header with this ID, then the behaviour, then padding up to `length`. */
export function aMessage(id: number, behaviour = ECHO, length = 13): Buffer {
  const message = Buffer.alloc(length, id & 0xff);
  message.fill(0, 0, 12);
  message.writeUInt16BE(id, 0);
  message[12] = behaviour;
  return message;
}

export function anEchoHandler(): EchoHandler {
  const seen: SeenQuery[] = [];
  return {
    seen,
    handle: (batch, count) => {
      serve(batch, count, seen);
    },
  };
}

function serve(batch: PacketBatch, count: number, seen: SeenQuery[]): void {
  for (let slot = 0; slot < count; slot++) {
    const at = slot * batch.slotBytes;
    const message = Buffer.from(batch.bytes.subarray(at, at + batch.lengths[slot]!));
    seen.push({
      message,
      addresses: batch.addresses.slice(slot * 4, slot * 4 + 4),
      port: batch.ports[slot]!,
      route: batch.routes[slot]!,
      transport: batch.transport,
      isStream: batch.isStream,
      nowMs: batch.nowMs[0]!,
      nowSeconds: batch.nowSeconds,
    });
    batch.bytes[at + 2] = 0x80;
    const behaviour = message[12];
    if (behaviour === THROW) throw new Error('planted fault');
    if (behaviour === LATER) batch.lengths[slot] = 0;
    if (behaviour === SILENT) batch.lengths[slot] = NEVER_ANSWERED;
    if (behaviour === LONG) batch.lengths[slot] = 3000;
  }
}

/** Answers a parked query as the resolver would, through `send`. */
export function answerLater(socket: PacketSocket, query: SeenQuery): void {
  const bytes = Buffer.concat([Buffer.alloc(5, 0xee), query.message]);
  bytes[5 + 2] = 0x80;
  socket.send(query.route, query.addresses, 0, query.port, bytes, 5, query.message.length);
  // The caller's memory is its own again at once.
  bytes.fill(0xff);
}

/** Waits until a condition holds; fails after two seconds. */
export async function until(condition: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 2000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`Waited two seconds in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

export function testPacketSocket(name: string, subject: PacketSocketSubject): void {
  describe(`${name} as a PacketSocket`, () => {
    const opened: { close(): Promise<void> }[] = [];
    const faults: unknown[] = [];

    async function open(port = 0, handler = anEchoHandler()) {
      const socket = subject.create(port, handler.handle, (error) => faults.push(error));
      await socket.open();
      opened.push(socket);
      return { socket, seen: handler.seen };
    }

    async function connect(port: number): Promise<TestClient> {
      const client = await subject.connect(port);
      opened.push(client);
      return client;
    }

    afterEach(async () => {
      for (const one of opened.splice(0).reverse()) await one.close();
      faults.length = 0;
    });

    test('answers a query with what the handler left in the slot', async () => {
      const { socket } = await open();
      const client = await connect(socket.localPort);
      client.send(aMessage(0x1234, ECHO, 40));
      const expected = aMessage(0x1234, ECHO, 40);
      expected[2] = 0x80;
      expect(await client.receive()).toEqual(expected);
      expect(socket.counters).toMatchObject({ received: 1, dropped: 0 });
    });

    test('hands over address, port, transport and time with the query', async () => {
      const { socket, seen } = await open();
      const client = await connect(socket.localPort);
      client.send(aMessage(1));
      await client.receive();
      expect([...seen[0]!.addresses]).toEqual(parseIpAddress(subject.address));
      expect(seen[0]).toMatchObject({
        port: client.port,
        transport: TRANSPORT_NUMBER,
        isStream: subject.isStream,
        nowMs: 1234.5,
        nowSeconds: 1_700_000_000,
      });
    });

    test('tells the address and the port that it bound', async () => {
      const { socket } = await open();
      expect(socket.localAddress).toBe(subject.address);
      expect(socket.localPort).toBeGreaterThan(0);
    });

    test('sends a response that comes after the handler returned', async () => {
      const { socket, seen } = await open();
      const client = await connect(socket.localPort);
      client.send(aMessage(7, LATER));
      await until(() => seen.length === 1, 'the query arrived');
      answerLater(socket, seen[0]!);
      expect((await client.receive()).readUInt16BE(0)).toBe(7);
    });

    test('keeps two clients and their late responses apart', async () => {
      const { socket, seen } = await open();
      const [first, second] = [await connect(socket.localPort), await connect(socket.localPort)];
      first.send(aMessage(1, LATER));
      await until(() => seen.length === 1, 'the first query arrived');
      second.send(aMessage(2, LATER));
      await until(() => seen.length === 2, 'both queries arrived');
      answerLater(socket, seen[1]!);
      answerLater(socket, seen[0]!);
      expect((await first.receive()).readUInt16BE(0)).toBe(1);
      expect((await second.receive()).readUInt16BE(0)).toBe(2);
    });

    test('sends nothing where the handler left no length', async () => {
      const { socket, seen } = await open();
      const client = await connect(socket.localPort);
      client.send(aMessage(1, LATER));
      client.send(aMessage(2, SILENT));
      client.send(aMessage(3));
      expect((await client.receive()).readUInt16BE(0)).toBe(3);
      expect(client.waiting).toBe(0);
      expect(seen).toHaveLength(3);
    });

    test('sends a response longer than the query', async () => {
      const { socket } = await open();
      const client = await connect(socket.localPort);
      client.send(aMessage(5, LONG));
      expect(await client.receive()).toHaveLength(3000);
    });

    test('keeps responses intact when hundreds leave in one turn', async () => {
      const { socket, seen } = await open();
      const perClient = 50;
      const clients: TestClient[] = [];
      while (clients.length < 8) {
        const client = await connect(socket.localPort);
        clients.push(client);
        for (let id = 0; id < perClient; id++) client.send(aMessage(id, LATER, 200 + id));
        await until(() => seen.length === clients.length * perClient, 'all queries arrived');
      }
      for (const query of seen) answerLater(socket, query);
      for (const client of clients) {
        const answered = new Set<number>();
        while (answered.size < perClient) {
          const response = await client.receive();
          const id = response.readUInt16BE(0);
          const expected = aMessage(id, LATER, 200 + id);
          expected[2] = 0x80;
          expect(response).toEqual(expected);
          answered.add(id);
        }
      }
    });

    test('counts what the handler throws and serves the next query', async () => {
      const { socket } = await open();
      const client = await connect(socket.localPort);
      client.send(aMessage(1, THROW));
      await until(() => socket.counters.handlerFaults === 1, 'the fault was counted');
      client.send(aMessage(2));
      expect((await client.receive()).readUInt16BE(0)).toBe(2);
      expect(faults).toEqual([new Error('planted fault')]);
    });

    test('takes no new query after stopReceiving, yet lets late responses out', async () => {
      const { socket, seen } = await open();
      const client = await connect(socket.localPort);
      client.send(aMessage(1, LATER));
      await until(() => seen.length === 1, 'the query arrived');
      socket.stopReceiving();
      client.send(aMessage(2));
      await new Promise((resolve) => setImmediate(resolve));
      answerLater(socket, seen[0]!);
      expect((await client.receive()).readUInt16BE(0)).toBe(1);
      await socket.close();
      expect(seen).toHaveLength(1);
      expect(client.waiting).toBe(0);
    });

    test('hands over what was given to send before it closes', async () => {
      const { socket, seen } = await open();
      const client = await connect(socket.localPort);
      client.send(aMessage(9, LATER));
      await until(() => seen.length === 1, 'the query arrived');
      answerLater(socket, seen[0]!);
      await socket.close();
      expect((await client.receive()).readUInt16BE(0)).toBe(9);
    });

    test('never throws from send, before it opens and after it closed', async () => {
      const unopened = subject.create(0, anEchoHandler().handle, () => undefined);
      const { socket, seen } = await open();
      const client = await connect(socket.localPort);
      client.send(aMessage(1, LATER));
      await until(() => seen.length === 1, 'the query arrived');
      await socket.close();
      answerLater(socket, seen[0]!);
      answerLater(unopened, seen[0]!);
      expect([socket.counters.lateDropped, unopened.counters.lateDropped]).toEqual([1, 1]);
    });

    test('frees its port when it closes, and may be closed twice', async () => {
      const { socket } = await open();
      const client = await connect(socket.localPort);
      client.send(aMessage(1));
      await client.receive();
      await Promise.all([socket.close(), socket.close()]);
      const { socket: second } = await open(socket.localPort);
      expect(second.localPort).toBe(socket.localPort);
    });

    test('closes when it was never opened', async () => {
      await subject.create(0, anEchoHandler().handle, () => undefined).close();
    });
  });
}
