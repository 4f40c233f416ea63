/**
 * The memory that `recvmmsg` and `sendmmsg` work on, and the one file with pointers in it. The slots
 * of a `PacketBatch` are the buffers of the kernel's calls: a query is received into its slot,
 * answered in place and sent from there, with no copy and no object made.
 *
 * One block, and the kernel follows the pointers (▶) in it; n = 64 slots, and one more for what is
 * sent later:
 *
 *     receive headers  n × mmsghdr   name ▶ address i   vector ▶ receive vector i   fixed
 *     send headers     n × mmsghdr   name ▶ address s   vector ▶ send vector k      filled densely:
 *     receive vectors  n × iovec     base ▶ octets of slot i, their length           the k-th is the
 *     send vectors     n × iovec     base ▶ octets of slot s, the response's         k-th slot s that
 *     addresses    (n+1) × 32        sockaddr_in or sockaddr_in6, as it came         has a response
 *     pointers     (n+1) × 16        ▶ address i, ▶ octets of slot i: what send headers are filled with
 *     octets       (n+1) × slot      `batch.bytes`, without the last
 *
 *     mmsghdr  name ▶ 8 │ name length 4 │ – 4 │ vector ▶ 8 │ vectors 8 │ control ▶ 8 │ its length 8 │
 *              flags 4 │ – 4 │ octets received or sent 4 │ – 4                           = 64 octets
 *     iovec    base ▶ 8 │ length 8                                                       = 16 octets
 *
 * The addresses stay as the kernel wrote them: a response goes back to where its query came from
 * without a conversion. Layouts are those of 64-bit little-endian Linux, which `loadLibc` checks.
 * No octet of a packet becomes a pointer, an offset or a length.
 */

import { copyBytes } from '../lib/bytes.ts';
import { createPacketBatch, UDP_SLOT_BYTES, type PacketBatch } from '../lib/packet-batch.ts';
import { writeAddressWords, zoneOf } from './address-text.ts';
import type { Libc } from './libc.ts';
import type { PacketSocketCounters } from './packet-socket.ts';

export const RING_SLOTS = 64;

const HEADER_BYTES = 64;
const HEADER_WORDS = HEADER_BYTES / 4;
const VECTOR_BYTES = 16;
const VECTOR_WORDS = VECTOR_BYTES / 4;
const ADDRESS_BYTES = 32;
const ADDRESS_WORDS = ADDRESS_BYTES / 4;
const SLOT_POINTERS_BYTES = 16;
const SLOT_POINTERS_WORDS = SLOT_POINTERS_BYTES / 4;
const POLLFD_BYTES = 8;
/** The slot behind those of the batch. */
const LATE_SLOT = RING_SLOTS;

/** Words of an mmsghdr; a pointer is two of them, the lower first. */
const HEADER_NAME = 0;
const HEADER_NAME_LENGTH = 2;
const HEADER_VECTOR = 4;
const HEADER_VECTORS = 6;
const HEADER_FLAGS = 12;
const HEADER_LENGTH = 14;
/** Words of an iovec. */
const VECTOR_BASE = 0;
const VECTOR_LENGTH = 2;

const AF_INET = 2;
const AF_INET6 = 10;
const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;
const IPV4_MAPPED_WORD = 0xffff;
const MSG_TRUNC = 0x20;
const MSG_DONTWAIT = 0x40;
const POLLOUT = 4;
const EAGAIN = 11;
const ENOBUFS = 105;

/** How long and how often a turn of the event loop waits for a full send buffer: the worker stands still. */
const WRITABLE_WAIT_MS = 2;
const WRITABLE_WAITS_MAX = 4;

/** What the ring counts. */
export type RingCounters = Pick<
  PacketSocketCounters,
  'dropped' | 'sent' | 'sendErrors' | 'sendOverflows'
>;

export class PacketRing {
  readonly batch: PacketBatch;
  readonly #libc: Libc;
  readonly #counters: RingCounters;
  readonly #isIpv6: boolean;
  readonly #bytes: Uint8Array;
  readonly #words: Uint32Array;
  readonly #layout: Layout;
  /** The headers from each slot on, for the calls. */
  readonly #receiveHeaders: readonly Uint8Array[];
  readonly #sendHeaders: readonly Uint8Array[];
  readonly #pollfd = new Uint8Array(POLLFD_BYTES);
  #waitsLeft = WRITABLE_WAITS_MAX;

  /**
   * @param transport index in the worker's table, written to the batch
   * @param counters where dropped, sent and refused messages are counted
   */
  constructor(libc: Libc, transport: number, isIpv6: boolean, counters: RingCounters) {
    this.#libc = libc;
    this.#counters = counters;
    this.#isIpv6 = isIpv6;
    const { block, layout } = createBlock();
    this.#layout = layout;
    this.#bytes = new Uint8Array(block);
    this.#words = new Uint32Array(block);
    this.#receiveHeaders = headersFrom(block, layout.receiveHeaders);
    this.#sendHeaders = headersFrom(block, layout.sendHeaders);
    this.batch = createPacketBatch({
      slotCount: RING_SLOTS,
      slotBytes: UDP_SLOT_BYTES,
      bytes: this.#bytes.subarray(layout.octets, layout.octets + RING_SLOTS * UDP_SLOT_BYTES),
      transport,
      isStream: false,
    });
    this.#writePointers();
  }

  /**
   * Fills the slots from `first` on with what waits in the socket; never waits itself. Cut messages
   * and those from port 0 are dropped.
   * @returns the slots filled altogether, those before `first` included
   */
  receive(descriptor: number, first: number): number {
    const headers = this.#receiveHeaders[first];
    if (headers === undefined) return first;
    const wanted = RING_SLOTS - first;
    const received = this.#libc.recvmmsg(descriptor, headers, wanted, MSG_DONTWAIT, null);
    let count = first;
    for (let slot = first; slot < first + received; slot++) {
      if (this.#readSlot(slot, count)) count++;
      else this.#counters.dropped++;
    }
    return count;
  }

  /**
   * Takes a message that was received another way into slot 0.
   * @param address as Node writes it, a link-local one with its zone
   * @returns false where it was dropped
   */
  put(message: Uint8Array, address: string, port: number): boolean {
    const { batch } = this;
    const isTaken =
      port !== 0 &&
      message.length <= UDP_SLOT_BYTES &&
      writeAddressWords(address, batch.addresses, 0);
    if (!isTaken) {
      this.#counters.dropped++;
      return false;
    }
    const zone = zoneOf(address);
    const scope = zone === '' ? 0 : this.#libc.if_nametoindex(zone);
    copyBytes(message, 0, batch.bytes, 0, message.length);
    batch.lengths[0] = message.length;
    batch.ports[0] = port;
    batch.routes[0] = scope;
    this.#writeAddress(0, batch.addresses, 0, port, scope);
    return true;
  }

  /** A new turn of the event loop: a full send buffer may be waited for again. */
  beginTurn(): void {
    this.#waitsLeft = WRITABLE_WAITS_MAX;
  }

  /** Sends the responses of the first `count` slots: those whose length is above 0. */
  send(descriptor: number, count: number): void {
    const { lengths } = this.batch;
    let messages = 0;
    for (let slot = 0; slot < count; slot++) {
      const length = lengths[slot] ?? 0;
      if (length > 0) this.#writeSendHeader(messages++, slot, length);
    }
    this.#transmit(descriptor, messages);
  }

  /** Sends one response to an address, at once; the octets are copied. */
  sendLate(
    descriptor: number,
    scope: number,
    addresses: Uint32Array,
    addressAt: number,
    port: number,
    bytes: Uint8Array,
    at: number,
    length: number,
  ): void {
    if (length > UDP_SLOT_BYTES) {
      this.#counters.sendErrors++;
      return;
    }
    copyBytes(bytes, at, this.#bytes, this.#layout.octets + LATE_SLOT * UDP_SLOT_BYTES, length);
    this.#writeAddress(LATE_SLOT, addresses, addressAt, port, scope);
    this.#writeSendHeader(0, LATE_SLOT, length);
    this.#transmit(descriptor, 1);
  }

  /**
   * A full send buffer is waited for, for a moment; then the rest is dropped, as the network would.
   * A message that the kernel refuses for itself is skipped.
   */
  #transmit(descriptor: number, messages: number): void {
    const libc = this.#libc;
    const counters = this.#counters;
    for (let next = 0; next < messages;) {
      const headers = this.#sendHeaders[next];
      if (headers === undefined) return;
      const sent = libc.sendmmsg(descriptor, headers, messages - next, MSG_DONTWAIT);
      if (sent > 0) {
        counters.sent += sent;
        next += sent;
        continue;
      }
      const errno = libc.errno();
      if (errno !== EAGAIN && errno !== ENOBUFS) {
        counters.sendErrors++;
        next++;
      } else if (this.#waitsLeft > 0) {
        this.#waitsLeft--;
        this.#waitUntilWritable(descriptor);
      } else {
        counters.sendOverflows += messages - next;
        return;
      }
    }
  }

  #waitUntilWritable(descriptor: number): void {
    const pollfd = new Int32Array(this.#pollfd.buffer);
    pollfd[0] = descriptor;
    pollfd[1] = POLLOUT;
    this.#libc.poll(this.#pollfd, 1, WRITABLE_WAIT_MS);
  }

  /** What the kernel left in `slot`, as slot `to` of the batch; false where it is dropped. */
  #readSlot(slot: number, to: number): boolean {
    const words = this.#words;
    const { batch } = this;
    const header = this.#layout.receiveHeaders / 4 + slot * HEADER_WORDS;
    const length = words[header + HEADER_LENGTH]!;
    const from = this.#layout.addresses / 4 + slot * ADDRESS_WORDS;
    const family = words[from]!;
    const port = ((family >>> 8) & 0xff00) | (family >>> 24);
    if ((words[header + HEADER_FLAGS]! & MSG_TRUNC) !== 0 || port === 0) return false;
    if (slot !== to) this.#moveSlot(slot, to, length);
    batch.lengths[to] = length;
    batch.ports[to] = port;
    this.#readAddress(from, to);
    return true;
  }

  #readAddress(from: number, slot: number): void {
    const words = this.#words;
    const { addresses, routes } = this.batch;
    const at = slot * 4;
    if (this.#isIpv6) {
      for (let word = 0; word < 4; word++) addresses[at + word] = swap(words[from + 2 + word]!);
      routes[slot] = words[from + 6]!;
      return;
    }
    addresses[at] = 0;
    addresses[at + 1] = 0;
    addresses[at + 2] = IPV4_MAPPED_WORD;
    addresses[at + 3] = swap(words[from + 1]!);
    routes[slot] = 0;
  }

  /** Closes the gap that a dropped message leaves. */
  #moveSlot(slot: number, to: number, length: number): void {
    const { bytes } = this.batch;
    copyBytes(bytes, slot * UDP_SLOT_BYTES, bytes, to * UDP_SLOT_BYTES, length);
    const addresses = this.#layout.addresses / 4;
    const target = addresses + to * ADDRESS_WORDS;
    const from = addresses + slot * ADDRESS_WORDS;
    this.#words.copyWithin(target, from, from + ADDRESS_WORDS);
  }

  #writeAddress(
    slot: number,
    addresses: Uint32Array,
    addressAt: number,
    port: number,
    scope: number,
  ): void {
    const words = this.#words;
    const at = this.#layout.addresses / 4 + slot * ADDRESS_WORDS;
    const family = this.#isIpv6 ? AF_INET6 : AF_INET;
    words[at] = family | ((port >>> 8) << 16) | ((port & 0xff) << 24);
    if (!this.#isIpv6) {
      words[at + 1] = swap(addresses[addressAt + 3]!);
      return;
    }
    words[at + 1] = 0;
    for (let word = 0; word < 4; word++) words[at + 2 + word] = swap(addresses[addressAt + word]!);
    words[at + 6] = scope;
  }

  /** Points the `message`-th send header at the address and the octets of a slot. */
  #writeSendHeader(message: number, slot: number, length: number): void {
    const words = this.#words;
    const { sendHeaders, sendVectors, pointers } = this.#layout;
    const header = sendHeaders / 4 + message * HEADER_WORDS;
    const vector = sendVectors / 4 + message * VECTOR_WORDS;
    const pointer = pointers / 4 + slot * SLOT_POINTERS_WORDS;
    words[header + HEADER_NAME] = words[pointer]!;
    words[header + HEADER_NAME + 1] = words[pointer + 1]!;
    words[vector + VECTOR_BASE] = words[pointer + 2]!;
    words[vector + VECTOR_BASE + 1] = words[pointer + 3]!;
    words[vector + VECTOR_LENGTH] = length;
  }

  /** All that never changes: most of the headers, and where each slot stands in memory. */
  #writePointers(): void {
    const {
      receiveHeaders,
      sendHeaders,
      receiveVectors,
      sendVectors,
      addresses,
      octets,
      pointers,
    } = this.#layout;
    const base = this.#libc.addressOf(this.#bytes);
    const view = new DataView(this.#bytes.buffer);
    const point = (at: number, to: number): void => {
      view.setBigUint64(at, base + BigInt(to), true);
    };
    for (let slot = 0; slot <= LATE_SLOT; slot++) {
      point(pointers + slot * SLOT_POINTERS_BYTES, addresses + slot * ADDRESS_BYTES);
      point(pointers + slot * SLOT_POINTERS_BYTES + 8, octets + slot * UDP_SLOT_BYTES);
    }
    const nameLength = this.#isIpv6 ? SOCKADDR_IN6_BYTES : SOCKADDR_IN_BYTES;
    for (let index = 0; index < RING_SLOTS; index++) {
      for (const [headers, vectors] of [
        [receiveHeaders, receiveVectors],
        [sendHeaders, sendVectors],
      ] as const) {
        const header = headers + index * HEADER_BYTES;
        const vector = vectors + index * VECTOR_BYTES;
        point(header + HEADER_NAME * 4, addresses + index * ADDRESS_BYTES);
        view.setUint32(header + HEADER_NAME_LENGTH * 4, nameLength, true);
        point(header + HEADER_VECTOR * 4, vector);
        view.setUint32(header + HEADER_VECTORS * 4, 1, true);
        point(vector + VECTOR_BASE * 4, octets + index * UDP_SLOT_BYTES);
        view.setUint32(vector + VECTOR_LENGTH * 4, UDP_SLOT_BYTES, true);
      }
    }
  }
}

/** Offsets in octets. */
interface Layout {
  readonly receiveHeaders: number;
  readonly sendHeaders: number;
  readonly receiveVectors: number;
  readonly sendVectors: number;
  readonly addresses: number;
  readonly pointers: number;
  readonly octets: number;
}

function createBlock(): { readonly block: ArrayBuffer; readonly layout: Layout } {
  let length = 0;
  const section = (octets: number): number => (length += octets) - octets;
  const layout = {
    receiveHeaders: section(RING_SLOTS * HEADER_BYTES),
    sendHeaders: section(RING_SLOTS * HEADER_BYTES),
    receiveVectors: section(RING_SLOTS * VECTOR_BYTES),
    sendVectors: section(RING_SLOTS * VECTOR_BYTES),
    addresses: section((RING_SLOTS + 1) * ADDRESS_BYTES),
    pointers: section((RING_SLOTS + 1) * SLOT_POINTERS_BYTES),
    octets: section((RING_SLOTS + 1) * UDP_SLOT_BYTES),
  };
  return { block: new ArrayBuffer(length), layout };
}

function headersFrom(block: ArrayBuffer, at: number): Uint8Array[] {
  return Array.from(
    { length: RING_SLOTS },
    (_, index) =>
      new Uint8Array(block, at + index * HEADER_BYTES, (RING_SLOTS - index) * HEADER_BYTES),
  );
}

/** Network order to this machine's, and back. */
function swap(word: number): number {
  return (word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24);
}
