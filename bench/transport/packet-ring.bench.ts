/**
 * What the ring costs a packet besides the kernel: addresses and lengths read from the headers, send
 * headers filled. The kernel is two functions that do nothing, once the headers are as a batch of
 * queries leaves them.
 */

import type { Libc } from '../../src/transport/libc.ts';
import { PacketRing, RING_SLOTS } from '../../src/transport/packet-ring.ts';
import { measureInPlace } from '../measure.ts';

const HEADER_OCTETS = 64;
const RECEIVED_AT = 56;
const QUERY_OCTETS = 50;
const ANSWER_OCTETS = 150;

run('received and answered, IPv4', false);
run('received and answered, IPv6', true);

function run(title: string, isIpv6: boolean): void {
  let isFilled = false;
  const libc = {
    // Pointers are offsets then.
    addressOf: () => 0n,
    recvmmsg: (_descriptor: number, headers: Uint8Array, count: number) => {
      if (!isFilled) fillHeaders(headers, count);
      isFilled = true;
      return count;
    },
    sendmmsg: (_descriptor: number, _headers: Uint8Array, count: number) => count,
  } as unknown as Libc;
  const counters = { dropped: 0, sent: 0, sendErrors: 0, sendOverflows: 0 };
  const ring = new PacketRing(libc, 0, isIpv6, counters);
  measureInPlace(title, RING_SLOTS, () => {
    const count = ring.receive(0, 0);
    ring.batch.lengths.fill(ANSWER_OCTETS, 0, count);
    ring.send(0, count);
  });
}

/** Queries of one length, each from a port of its own. */
function fillHeaders(headers: Uint8Array, count: number): void {
  const memory = new DataView(headers.buffer);
  for (let slot = 0; slot < count; slot++) {
    const header = headers.byteOffset + slot * HEADER_OCTETS;
    const address = Number(memory.getBigUint64(header, true));
    memory.setUint16(address + 2, 1024 + slot);
    memory.setUint32(header + RECEIVED_AT, QUERY_OCTETS, true);
  }
}
