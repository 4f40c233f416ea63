/**
 * A kernel for `PacketRing`: it reads and writes the ring's memory by the pointers in it, as the real
 * one does, and refuses every pointer that leaves the block, every overlap and every length that does
 * not fit. What it receives and how it fails is scripted.
 */

import { expect } from 'vitest';
import type { Libc } from '../../src/transport/libc.ts';

const BASE = 0x7f12_3456_0000n;
export const EAGAIN = 11;
export const EMSGSIZE = 90;
export const ENOBUFS = 105;
const MSG_TRUNC = 0x20;

export interface FakePacket {
  readonly octets: Uint8Array;
  /** A whole sockaddr. */
  readonly from: Uint8Array;
}

export interface SentPacket {
  readonly octets: Uint8Array;
  readonly to: Uint8Array;
}

export class FakeKernel {
  readonly waiting: FakePacket[] = [];
  readonly sent: SentPacket[] = [];
  /** What the next sends do: how many they take, or a negative errno. Empty: they take all. */
  readonly sendScript: number[] = [];
  polls = 0;
  #errno = 0;
  #block: Uint8Array = new Uint8Array();

  readonly libc: Libc;

  constructor() {
    const notScripted = (): never => {
      throw new Error('the ring calls nothing else');
    };
    this.libc = {
      socket: notScripted,
      setsockopt: notScripted,
      getsockopt: notScripted,
      bind: notScripted,
      close: notScripted,
      if_nametoindex: (name) => name.length,
      recvmmsg: (_descriptor, headers, count) => this.#receive(headers, count),
      sendmmsg: (_descriptor, headers, count) => this.#send(headers, count),
      poll: () => {
        this.polls++;
        return 1;
      },
      errno: () => this.#errno,
      addressOf: (buffer) => {
        this.#block = new Uint8Array(buffer.buffer);
        return BASE + BigInt(buffer.byteOffset);
      },
    };
  }

  #receive(headers: Uint8Array, count: number): number {
    expect(headers.length).toBeGreaterThanOrEqual(count * 64);
    if (this.waiting.length === 0) return this.#fail(EAGAIN);
    const received = Math.min(count, this.waiting.length);
    for (const [index, packet] of this.waiting.splice(0, received).entries()) {
      const { header, name, octets } = this.#follow(headers, index);
      expect(name.length).toBe(packet.from.length);
      const kept = Math.min(octets.length, packet.octets.length);
      name.set(packet.from);
      octets.set(packet.octets.subarray(0, kept));
      header.setUint32(48, kept < packet.octets.length ? MSG_TRUNC : 0, true);
      header.setUint32(56, kept, true);
    }
    return received;
  }

  #send(headers: Uint8Array, count: number): number {
    const taken = Math.min(count, this.sendScript.shift() ?? count);
    if (taken < 0) return this.#fail(-taken);
    for (let index = 0; index < taken; index++) {
      const { name, octets } = this.#follow(headers, index);
      this.sent.push({ octets: octets.slice(), to: name.slice() });
    }
    return taken;
  }

  #follow(headers: Uint8Array, index: number) {
    const header = new DataView(headers.buffer, headers.byteOffset + index * 64, 64);
    const name = this.#memory(header.getBigUint64(0, true), header.getUint32(8, true));
    expect(header.getBigUint64(24, true)).toBe(1n);
    expect(header.getBigUint64(32, true)).toBe(0n);
    const vector = this.#memory(header.getBigUint64(16, true), 16);
    const fields = new DataView(vector.buffer, vector.byteOffset, 16);
    const octets = this.#memory(fields.getBigUint64(0, true), Number(fields.getBigUint64(8, true)));
    const overlaps =
      name.byteOffset < octets.byteOffset + octets.length &&
      octets.byteOffset < name.byteOffset + name.length;
    expect(overlaps).toBe(false);
    return { header, name, octets };
  }

  #memory(pointer: bigint, length: number): Uint8Array {
    const at = Number(pointer - BASE);
    expect(at).toBeGreaterThanOrEqual(0);
    expect(at + length).toBeLessThanOrEqual(this.#block.length);
    return this.#block.subarray(at, at + length);
  }

  #fail(errno: number): number {
    this.#errno = errno;
    return -1;
  }
}

/** sockaddr_in or sockaddr_in6 as bytes, written with plain network-order setters. */
export function sockaddrOf(words: ArrayLike<number>, port: number, scope: number, isIpv6: boolean) {
  const view = new DataView(new ArrayBuffer(isIpv6 ? 28 : 16));
  view.setUint16(0, isIpv6 ? 10 : 2, true);
  view.setUint16(2, port);
  if (isIpv6) {
    for (let word = 0; word < 4; word++) view.setUint32(8 + word * 4, words[word]!);
    view.setUint32(24, scope, true);
  } else {
    view.setUint32(4, words[3]!);
  }
  return new Uint8Array(view.buffer);
}
