import { afterEach, describe, expect, test } from 'vitest';
import { createBoundSockets } from '../../src/transport/bound-socket.ts';
import { loadLibc, type Libc } from '../../src/transport/libc.ts';
import { PacketRing, RING_SLOTS } from '../../src/transport/packet-ring.ts';
import type { BatchHandler, PacketSocket } from '../../src/transport/packet-socket.ts';
import { BATCHES_PER_TURN, UdpBatchSocket } from '../../src/transport/udp-batch.ts';
import { connectUdp } from '../contract/packet-socket-clients.ts';
import {
  aMessage,
  anEchoHandler,
  stoppedClock,
  testPacketSocket,
  TRANSPORT_NUMBER,
  until,
} from '../contract/packet-socket.ts';

const { libc, reason } = await loadLibc();
/** libuv reads up to this many messages a wake-up by itself. */
const DGRAM_MESSAGES_MAX = 32;

if (libc === null) {
  test.skip(`UDP in batches: ${reason}`, () => undefined);
} else {
  testUdpBatch(libc);
}

function testUdpBatch(real: Libc): void {
  const create = (
    address: string,
    port: number,
    handler: BatchHandler,
    options: { libc?: Libc; onFault?: (error: unknown) => void } = {},
  ) =>
    new UdpBatchSocket({
      address,
      port,
      transport: TRANSPORT_NUMBER,
      handler,
      clock: stoppedClock,
      libc: options.libc ?? real,
      boundSockets: createBoundSockets(real),
      ...(options.onFault === undefined ? {} : { onFault: options.onFault }),
    });
  for (const address of ['127.0.0.1', '::1']) {
    testPacketSocket(`UDP in batches on ${address}`, {
      address,
      isStream: false,
      create: (port, handler, onFault) => create(address, port, handler, { onFault }),
      connect: (port) => connectUdp(address, port),
    });
  }

  describe('UDP in batches', () => {
    const opened: { close(): Promise<void> }[] = [];
    afterEach(async () => {
      for (const one of opened.splice(0).reverse()) await one.close();
    });

    async function open<Opened extends PacketSocket>(socket: Opened): Promise<Opened> {
      opened.push(socket);
      await socket.open();
      return socket;
    }

    /** Sends at once, while no event loop turns. */
    function aSyncClient() {
      const sockets = createBoundSockets(real);
      const descriptor = sockets.bind('udp', '127.0.0.1', 0);
      opened.push({
        close: () => {
          sockets.close(descriptor);
          return Promise.resolve();
        },
      });
      const ring = new PacketRing(real, 0, false, {
        dropped: 0,
        sent: 0,
        sendErrors: 0,
        sendOverflows: 0,
      });
      const loopback = Uint32Array.of(0, 0, 0xffff, 0x7f000001);
      return (port: number, count: number): void => {
        for (let id = 0; id < count; id++) {
          ring.sendLate(descriptor, 0, loopback, 0, port, aMessage(id), 0, 13);
        }
      };
    }

    test('takes what waits in batches, in order, with one time for each batch', async () => {
      const counts: number[] = [];
      const echo = anEchoHandler();
      const socket = await open(
        create('127.0.0.1', 0, (batch, count) => {
          counts.push(count);
          echo.handle(batch, count);
        }),
      );
      aSyncClient()(socket.localPort, 150);
      await until(() => echo.seen.length === 150, 'all have arrived');
      expect(counts).toEqual([64, 64, 22]);
      expect(echo.seen.map(({ message }) => message.readUInt16BE(0))).toEqual(
        Array.from({ length: 150 }, (_, id) => id),
      );
      expect(socket.counters).toMatchObject({ received: 150, sent: 150 });
    });

    test('lets the event loop turn in a flood that never ends', async () => {
      const send = aSyncClient();
      let handled = 0;
      let isOver = false;
      const socket: UdpBatchSocket = await open(
        create('127.0.0.1', 0, (batch, count) => {
          handled += count;
          batch.lengths.fill(0);
          // As much again: there is always more than a batch.
          if (!isOver) send(socket.localPort, count);
        }),
      );
      send(socket.localPort, 3 * RING_SLOTS);
      await until(() => handled > 0, 'the flood has begun');
      for (let turn = 0; turn < 20; turn++) {
        const before = handled;
        await new Promise((resolve) => setImmediate(resolve));
        expect(handled - before).toBeLessThanOrEqual(
          2 * (BATCHES_PER_TURN * RING_SLOTS + DGRAM_MESSAGES_MAX),
        );
      }
      expect(handled).toBeGreaterThan(10 * BATCHES_PER_TURN * RING_SLOTS);
      isOver = true;
    });

    test('counts what the kernel dropped because nobody read', async () => {
      const echo = anEchoHandler();
      const socket = await open(create('127.0.0.1', 0, echo.handle));
      const sent = 50_000;
      aSyncClient()(socket.localPort, sent);
      await until(() => {
        const { received, kernelDrops } = socket.counters;
        return received + kernelDrops === sent;
      }, 'every packet was received or counted as dropped');
      expect(socket.counters.kernelDrops).toBeGreaterThan(0);
    });

    test('makes no call on a descriptor that it has closed', async () => {
      const calls: string[] = [];
      let isClosed = false;
      const watched: Libc = {
        ...real,
        recvmmsg: (...args) => {
          if (isClosed) calls.push('recvmmsg');
          return real.recvmmsg(...args);
        },
        sendmmsg: (...args) => {
          if (isClosed) calls.push('sendmmsg');
          return real.sendmmsg(...args);
        },
      };
      const handler: BatchHandler = () => {
        isClosed = true;
        void socket.close();
      };
      const socket: UdpBatchSocket = await open(create('127.0.0.1', 0, handler, { libc: watched }));
      aSyncClient()(socket.localPort, 2 * RING_SLOTS);
      await until(() => isClosed, 'the handler closed the socket');
      await socket.close();
      socket.send(0, Uint32Array.of(0, 0, 0xffff, 0x7f000001), 0, 53, aMessage(1), 0, 13);
      expect(calls).toEqual([]);
      expect(socket.counters.lateDropped).toBe(1);
    });

    test('shares a port evenly: the kernel spreads clients by a hash of address and port', async () => {
      const first = await open(create('127.0.0.1', 0, anEchoHandler().handle));
      const port = first.localPort;
      const sharing = [first];
      for (let more = 0; more < 2; more++) {
        sharing.push(await open(create('127.0.0.1', port, anEchoHandler().handle)));
      }
      const clients = 300;
      for (let count = 0; count < clients; count++) aSyncClient()(port, 1);
      const received = (): number[] => sharing.map(({ counters }) => counters.received);
      await until(() => received().reduce((sum, one) => sum + one) === clients, 'all have arrived');
      // A third each, and six standard deviations to either side.
      for (const count of received()) expect(Math.abs(count - clients / 3)).toBeLessThan(50);
    });

    test('counts a response that the kernel refuses', async () => {
      const socket = await open(create('127.0.0.1', 0, anEchoHandler().handle));
      socket.send(0, Uint32Array.of(0, 0, 0xffff, 0xffffffff), 0, 53, aMessage(1), 0, 13);
      expect(socket.counters.sendErrors).toBe(1);
    });
  });
}
