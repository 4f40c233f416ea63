import { expect, test } from 'vitest';
import {
  COUNT_SOCKET_FAULTS,
  COUNT_SOCKET_KERNEL_DROPS,
  COUNTER_NAMES,
  createCounters,
} from '../../src/resolver/query-record.ts';
import { createPacketSocketCounters } from '../../src/transport/packet-socket.ts';
import { SocketCounters } from '../../src/worker/socket-counters.ts';

test('adds what came since the last time, on top of what a dead worker left', () => {
  const shared = createCounters();
  shared[COUNT_SOCKET_KERNEL_DROPS] = 100;
  const udp = { ...createPacketSocketCounters(), kernelDrops: 5, handlerFaults: 1 };
  const tcp = { ...createPacketSocketCounters(), socketErrors: 2 };
  const counters = new SocketCounters(shared);
  counters.add([udp, tcp]);
  counters.add([udp, tcp]);
  expect(shared[COUNT_SOCKET_KERNEL_DROPS]).toBe(105);
  expect(shared[COUNT_SOCKET_FAULTS]).toBe(3);
  udp.kernelDrops = 7;
  counters.add([udp, tcp]);
  expect(shared[COUNT_SOCKET_KERNEL_DROPS]).toBe(107);
});

test('each counter of a socket stands under its own name', () => {
  const names = ['dropped', 'kernelDrops', 'lateDropped', 'sendErrors', 'sendOverflows'] as const;
  for (const name of names) {
    const shared = createCounters();
    new SocketCounters(shared).add([{ ...createPacketSocketCounters(), [name]: 1 }]);
    const index = shared.findIndex((value) => value === 1);
    const words = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    expect(COUNTER_NAMES[index]).toBe(`socket_${words}`);
  }
});
