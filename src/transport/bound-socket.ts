/**
 * Sockets that several workers can share a port with. Node 20 cannot set `SO_REUSEPORT`, so the
 * descriptor is made here; `dgram.bind({ fd })` and `server.listen({ fd })` take it over. The kernel
 * then spreads the clients over the workers. Without the system calls (`libc`) there is one worker,
 * on plain sockets.
 */

import { getSystemErrorName } from 'node:util';
import { isIpv4Words, parseIpAddress } from '../lib/ip-address.ts';
import type { Libc } from './libc.ts';
import { listenError, type Protocol } from './listen-error.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM = 1;
const SOCK_DGRAM = 2;
const SOCK_NONBLOCK = 0o4000;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const SO_REUSEPORT = 15;
const SO_MEMINFO = 55;
/** What SO_MEMINFO fills, `SK_MEMINFO_VARS` words, and the one that counts drops. */
const MEMINFO_WORDS = 9;
const MEMINFO_DROPS = 8;
const IPPROTO_IP = 0;
const IP_MTU_DISCOVER = 10;
const IPPROTO_IPV6 = 41;
const IPV6_MTU_DISCOVER = 23;
const IPV6_V6ONLY = 26;
/** Neither learn a path MTU from ICMP, which is easily forged, nor set DF (RFC 9715, section 3.1). */
const PMTUDISC_OMIT = 5;

const SOCKADDR_IN_BYTES = 16;
const SOCKADDR_IN6_BYTES = 28;

export interface BoundSockets {
  /**
   * A bound descriptor with `SO_REUSEPORT` (and `IPV6_V6ONLY`), not yet listening. The caller owns
   * it until a Node socket takes it over.
   * @param address IPv4 or IPv6 text; a link-local one with its zone
   * @throws AppError `LISTEN_IN_USE` or `LISTEN_FAILED`
   */
  bind(protocol: Protocol, address: string, port: number): number;
  /** Closes a descriptor that no Node socket took over. */
  close(descriptor: number): void;
  /**
   * Packets that the kernel dropped since the socket was made, nearly all because its receive buffer
   * was full; 0 where the kernel does not say (before Linux 4.12).
   */
  kernelDropsOf(descriptor: number): number;
}

export function createBoundSockets(libc: Libc): BoundSockets {
  return {
    bind(protocol, address, port) {
      try {
        return bindDescriptor(libc, protocol, address, port);
      } catch (error) {
        throw listenError(protocol, address, port, error);
      }
    },
    close(descriptor) {
      libc.close(descriptor);
    },
    kernelDropsOf(descriptor) {
      const memory = new Uint32Array(MEMINFO_WORDS);
      const length = Uint32Array.of(memory.byteLength);
      const result = libc.getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, memory, length);
      return result === 0 ? (memory[MEMINFO_DROPS] ?? 0) : 0;
    },
  };
}

function bindDescriptor(libc: Libc, protocol: Protocol, address: string, port: number): number {
  const sockaddr = writeSockaddr(libc, address, port);
  const isIpv6 = sockaddr.length === SOCKADDR_IN6_BYTES;
  const type = protocol === 'udp' ? SOCK_DGRAM : SOCK_STREAM;
  const fd = libc.socket(isIpv6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) throw systemError(libc, 'socket');
  try {
    setOption(libc, fd, SOL_SOCKET, SO_REUSEPORT, 1);
    // Connections of the process before this one may still be in TIME_WAIT.
    if (protocol === 'tcp') setOption(libc, fd, SOL_SOCKET, SO_REUSEADDR, 1);
    else if (isIpv6) setOption(libc, fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_OMIT);
    else setOption(libc, fd, IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_OMIT);
    if (isIpv6) setOption(libc, fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    if (libc.bind(fd, sockaddr, sockaddr.length) !== 0) throw systemError(libc, 'bind');
    return fd;
  } catch (error) {
    libc.close(fd);
    throw error;
  }
}

function setOption(libc: Libc, fd: number, level: number, option: number, value: number): void {
  const result = libc.setsockopt(fd, level, option, Int32Array.of(value), 4);
  if (result !== 0) throw systemError(libc, `setsockopt(${level}, ${option})`);
}

/**
 *     sockaddr_in    family u16 │ port, network order │ address (4)  │ zeros (8)
 *     sockaddr_in6   family u16 │ port, network order │ flow u32 │ address (16) │ scope u32
 *
 * Family and scope in the machine's order, which is little-endian here.
 */
function writeSockaddr(libc: Libc, text: string, port: number): Uint8Array {
  const [address = '', zone] = text.split('%', 2);
  const words = parseIpAddress(address);
  if (words === null) throw new Error(`"${text}" is no IP address`);
  const isIpv4 = isIpv4Words(words);
  const bytes = new Uint8Array(isIpv4 ? SOCKADDR_IN_BYTES : SOCKADDR_IN6_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, isIpv4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  if (isIpv4) {
    view.setUint32(4, words[3]);
    return bytes;
  }
  for (const [index, word] of words.entries()) view.setUint32(8 + index * 4, word);
  if (zone !== undefined) view.setUint32(24, scopeOf(libc, zone), true);
  return bytes;
}

function scopeOf(libc: Libc, zone: string): number {
  const scope = libc.if_nametoindex(zone);
  if (scope === 0) throw new Error(`there is no network interface "${zone}"`);
  return scope;
}

/** An error like Node's own, with the name of the errno as its code. */
function systemError(libc: Libc, call: string): Error {
  const code = getSystemErrorName(-libc.errno());
  return Object.assign(new Error(`${call}: ${code}`), { code });
}
