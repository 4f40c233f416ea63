import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { NEVER_ANSWERED, UDP_SLOT_BYTES } from '../../src/lib/packet-batch.ts';
import { PacketRing, RING_SLOTS } from '../../src/transport/packet-ring.ts';
import { EAGAIN, EMSGSIZE, ENOBUFS, FakeKernel, sockaddrOf } from '../support/fake-kernel.ts';

const DESCRIPTOR = 5;

function aRing(isIpv6 = false) {
  const kernel = new FakeKernel();
  const counters = { dropped: 0, sent: 0, sendErrors: 0, sendOverflows: 0 };
  return { kernel, counters, ring: new PacketRing(kernel.libc, 0, isIpv6, counters) };
}

function wordsOf(host: number, isIpv6: boolean): Uint32Array {
  return isIpv6
    ? Uint32Array.of(0x20010db8, host, 0xfedcba98, ~host)
    : Uint32Array.of(0, 0, 0xffff, host);
}

function aPacket(host: number, length = 20, port = 1000 + (host & 0xfff), isIpv6 = false) {
  const octets = new Uint8Array(length).fill(host & 0xff);
  return { octets, from: sockaddrOf(wordsOf(host, isIpv6), port, host & 7, isIpv6) };
}

/** Leaves each query as its own response, longer by one octet. */
function echo(ring: PacketRing, count: number): void {
  const { batch } = ring;
  for (let slot = 0; slot < count; slot++) {
    const at = slot * batch.slotBytes;
    batch.bytes[at + batch.lengths[slot]!] = 0xee;
    batch.lengths[slot]!++;
  }
}

describe.each([false, true])('a packet ring, IPv6 %s', (isIpv6) => {
  test('holds any packets as they came, and sends each response to where its query came from', () => {
    const packet = fc.record({
      host: fc.integer({ min: 0, max: 0xffffffff }),
      port: fc.integer({ min: 0, max: 0xffff }),
      scope: fc.integer({ min: 0, max: 0xffffffff }),
      octets: fc.oneof(
        fc.uint8Array({ maxLength: 600 }),
        fc.integer({ min: 4090, max: 4100 }).map((length) => new Uint8Array(length).fill(9)),
      ),
      response: fc.oneof(
        fc.integer({ min: 1, max: UDP_SLOT_BYTES }),
        fc.constantFrom(0, NEVER_ANSWERED),
      ),
    });
    const call = fc.array(packet, { maxLength: RING_SLOTS + 6 });
    const script = fc.array(
      fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(-EMSGSIZE, -EAGAIN, -ENOBUFS)),
      { maxLength: 6 },
    );
    const { kernel, ring, counters } = aRing(isIpv6);
    fc.assert(
      fc.property(
        fc.array(fc.tuple(call, script, fc.integer({ min: 0, max: 1 })), { maxLength: 4 }),
        (calls) => {
          for (const [packets, sends, first] of calls) {
            kernel.waiting.splice(0);
            kernel.sent.splice(0);
            kernel.sendScript.splice(0);
            const before = { ...counters };
            for (const { host, port, scope, octets } of packets) {
              kernel.waiting.push({
                octets,
                from: sockaddrOf(wordsOf(host, isIpv6), port, scope, isIpv6),
              });
            }
            const taken = packets.slice(0, RING_SLOTS - first);
            const good = taken.filter(
              ({ port, octets }) => port !== 0 && octets.length <= UDP_SLOT_BYTES,
            );
            if (first === 1)
              ring.put(Uint8Array.of(1, 2, 3), isIpv6 ? '2001:db8::1' : '192.0.2.1', 77);
            const count = ring.receive(DESCRIPTOR, first);
            expect(count).toBe(first + good.length);
            expect(counters.dropped - before.dropped).toBe(taken.length - good.length);
            const { batch } = ring;
            for (const [index, { host, port, scope, octets }] of good.entries()) {
              const slot = first + index;
              const at = slot * batch.slotBytes;
              expect(batch.bytes.subarray(at, at + batch.lengths[slot]!)).toEqual(octets);
              expect(batch.addresses.subarray(slot * 4, slot * 4 + 4)).toEqual(
                wordsOf(host, isIpv6),
              );
              expect(batch.ports[slot]).toBe(port);
              expect(batch.routes[slot]).toBe(isIpv6 ? scope : 0);
            }
            if (first === 1) batch.lengths[0] = NEVER_ANSWERED;
            for (const [index, { response, host }] of good.entries()) {
              const slot = first + index;
              batch.bytes.fill(host & 0xff, slot * batch.slotBytes, (slot + 1) * batch.slotBytes);
              batch.lengths[slot] = response;
            }
            kernel.sendScript.push(...sends);
            ring.send(DESCRIPTOR, count);
            const answered = good.filter(({ response }) => response > 0);
            const sent = counters.sent - before.sent;
            const lost =
              counters.sendErrors -
              before.sendErrors +
              counters.sendOverflows -
              before.sendOverflows;
            expect(sent + lost).toBe(answered.length);
            expect(kernel.sent).toHaveLength(sent);
            // In order, each whole and to its own client; what is missing was counted as lost.
            let next = 0;
            for (const { octets, to } of kernel.sent) {
              const found = answered.findIndex(
                ({ response, host, port, scope }, index) =>
                  index >= next &&
                  response === octets.length &&
                  octets.every((octet) => octet === (host & 0xff)) &&
                  Buffer.from(to).equals(sockaddrOf(wordsOf(host, isIpv6), port, scope, isIpv6)),
              );
              expect(found).toBeGreaterThanOrEqual(next);
              next = found + 1;
            }
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test('takes a message from Node into slot 0 and answers its sender', () => {
    const { kernel, ring } = aRing(isIpv6);
    const address = isIpv6 ? 'fe80::7%eth0' : '192.0.2.7';
    expect(ring.put(Uint8Array.of(1, 2, 3), address, 4242)).toBe(true);
    echo(ring, 1);
    ring.send(DESCRIPTOR, 1);
    const words = isIpv6 ? [0xfe800000, 0, 0, 7] : [0, 0, 0xffff, 0xc0000207];
    // The fake interface number is the length of its name.
    const to = sockaddrOf(words, 4242, 4, isIpv6);
    expect(kernel.sent).toEqual([{ octets: Uint8Array.of(1, 2, 3, 0xee), to }]);
  });

  test('sends a late response without touching the slots', () => {
    const { kernel, ring } = aRing(isIpv6);
    kernel.waiting.push(aPacket(1, 20, 1001, isIpv6), aPacket(2, 20, 1002, isIpv6));
    expect(ring.receive(DESCRIPTOR, 0)).toBe(2);
    const before = ring.batch.bytes.slice(0, 2 * UDP_SLOT_BYTES);
    const octets = Uint8Array.of(9, 9, 1, 2, 3, 9);
    ring.sendLate(DESCRIPTOR, 3, Uint32Array.of(8, ...wordsOf(77, isIpv6)), 1, 53, octets, 2, 3);
    expect(kernel.sent).toEqual([
      { octets: Uint8Array.of(1, 2, 3), to: sockaddrOf(wordsOf(77, isIpv6), 53, 3, isIpv6) },
    ]);
    expect(ring.batch.bytes.slice(0, 2 * UDP_SLOT_BYTES)).toEqual(before);
    ring.send(DESCRIPTOR, 2);
    expect(kernel.sent.map(({ octets: sent }) => sent[0])).toEqual([1, 1, 2]);
  });
});

describe('sending a batch', () => {
  function aFullRing(count: number) {
    const made = aRing();
    for (let host = 0; host < count; host++) made.kernel.waiting.push(aPacket(host));
    expect(made.ring.receive(DESCRIPTOR, 0)).toBe(count);
    return made;
  }
  const firstOctets = (kernel: FakeKernel) => kernel.sent.map(({ octets }) => octets[0]);

  test('goes on where the kernel took only a part', () => {
    const { kernel, ring, counters } = aFullRing(5);
    kernel.sendScript.push(2, 1);
    ring.send(DESCRIPTOR, 5);
    expect(firstOctets(kernel)).toEqual([0, 1, 2, 3, 4]);
    expect(counters).toEqual({ dropped: 0, sent: 5, sendErrors: 0, sendOverflows: 0 });
  });

  test('skips the one message that the kernel refuses', () => {
    const { kernel, ring, counters } = aFullRing(4);
    kernel.sendScript.push(1, -EMSGSIZE);
    ring.send(DESCRIPTOR, 4);
    expect(firstOctets(kernel)).toEqual([0, 2, 3]);
    expect(counters).toMatchObject({ sent: 3, sendErrors: 1 });
  });

  test.each([EAGAIN, ENOBUFS])('waits for a full buffer (errno %i) and sends the rest', (errno) => {
    const { kernel, ring, counters } = aFullRing(4);
    kernel.sendScript.push(1, -errno);
    ring.send(DESCRIPTOR, 4);
    expect(firstOctets(kernel)).toEqual([0, 1, 2, 3]);
    expect(kernel.polls).toBe(1);
    expect(counters).toMatchObject({ sent: 4, sendOverflows: 0 });
  });

  test('drops and counts the rest where the buffer stays full, and waits no more in this turn', () => {
    const { kernel, ring, counters } = aFullRing(4);
    kernel.sendScript.push(1, -EAGAIN, -EAGAIN, -EAGAIN, -EAGAIN, -EAGAIN);
    ring.send(DESCRIPTOR, 4);
    expect(firstOctets(kernel)).toEqual([0]);
    expect(kernel.polls).toBe(4);
    expect(counters).toMatchObject({ sent: 1, sendOverflows: 3 });
    kernel.sendScript.push(-EAGAIN);
    ring.send(DESCRIPTOR, 4);
    expect(kernel.polls).toBe(4);
    expect(counters).toMatchObject({ sent: 1, sendOverflows: 7 });
    ring.beginTurn();
    kernel.sendScript.push(-EAGAIN);
    ring.send(DESCRIPTOR, 4);
    expect(kernel.polls).toBe(5);
    expect(counters).toMatchObject({ sent: 5, sendOverflows: 7 });
  });

  test('refuses a late response longer than a slot', () => {
    const { kernel, ring, counters } = aRing();
    const octets = new Uint8Array(UDP_SLOT_BYTES + 1);
    ring.sendLate(DESCRIPTOR, 0, wordsOf(1, false), 0, 53, octets, 0, octets.length);
    expect(kernel.sent).toEqual([]);
    expect(counters.sendErrors).toBe(1);
  });
});
