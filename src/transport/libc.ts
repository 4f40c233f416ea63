/**
 * The system calls that Node has no function for, through koffi: descriptors that share a port, and
 * many packets a call. Layouts and numbers are those of 64-bit Linux; elsewhere, or where koffi is
 * not installed, `loadLibc` says why and the caller goes without.
 *
 * A buffer handed to a call is read or written by the kernel before the call returns, never later;
 * what a structure in it points at is the caller's to keep alive.
 */

import { endianness } from 'node:os';
import { messageOf } from '../lib/errors.ts';

/** The C functions: -1 is failure, and `errno` then says which. */
export interface Libc {
  socket(family: number, type: number, protocol: number): number;
  setsockopt(fd: number, level: number, option: number, value: Int32Array, length: number): number;
  /** @param length one number, the octets of `value`; the kernel writes how many it filled */
  getsockopt(
    fd: number,
    level: number,
    option: number,
    value: Uint32Array,
    length: Uint32Array,
  ): number;
  bind(fd: number, address: Uint8Array, length: number): number;
  close(fd: number): number;
  if_nametoindex(name: string): number;
  /** @param headers `count` times `struct mmsghdr`; the last argument is the timeout, none */
  recvmmsg(fd: number, headers: Uint8Array, count: number, flags: number, timeout: null): number;
  sendmmsg(fd: number, headers: Uint8Array, count: number, flags: number): number;
  /** @param descriptors `count` times `struct pollfd` */
  poll(descriptors: Uint8Array, count: number, timeoutMs: number): number;
  errno(): number;
  /** Where a buffer stands in memory. It stays there as long as it is referred to. */
  addressOf(buffer: Uint8Array): bigint;
}

/** `libc` is null where it cannot be had; `reason` then says why, for the one log line. */
export interface LibcLoad {
  readonly libc: Libc | null;
  readonly reason: string;
}

/** Loads koffi, if it is there and the machine is of the kind whose layouts are known. */
export async function loadLibc(): Promise<LibcLoad> {
  const machine = `${process.platform} ${process.arch}`;
  if (machine !== 'linux x64' && machine !== 'linux arm64') {
    return { libc: null, reason: `system calls through koffi are not supported on ${machine}` };
  }
  if (endianness() !== 'LE') return { libc: null, reason: 'the machine is big-endian' };
  try {
    return { libc: await openLibc(), reason: 'koffi is loaded' };
  } catch (error) {
    return { libc: null, reason: `koffi cannot be loaded: ${messageOf(error)}` };
  }
}

async function openLibc(): Promise<Libc> {
  const { default: koffi } = await import('koffi');
  const library = koffi.load(null);
  const call = (prototype: string): unknown => library.func(prototype);
  return {
    socket: call('int socket(int, int, int)') as Libc['socket'],
    setsockopt: call('int setsockopt(int, int, int, const void *, uint32_t)') as Libc['setsockopt'],
    getsockopt: call('int getsockopt(int, int, int, void *, void *)') as Libc['getsockopt'],
    bind: call('int bind(int, const void *, uint32_t)') as Libc['bind'],
    close: call('int close(int)') as Libc['close'],
    if_nametoindex: call('uint32_t if_nametoindex(const char *)') as Libc['if_nametoindex'],
    recvmmsg: call('int recvmmsg(int, void *, uint32_t, int, void *)') as Libc['recvmmsg'],
    sendmmsg: call('int sendmmsg(int, void *, uint32_t, int)') as Libc['sendmmsg'],
    poll: call('int poll(void *, uint64_t, int)') as Libc['poll'],
    errno: () => koffi.errno(),
    addressOf: (buffer) => koffi.address(buffer),
  };
}
