/**
 * Whether a port is ours to take. Workers share a port with `SO_REUSEPORT`, which would also share
 * it with another resolver of the same user, each getting half of the queries; so before any worker
 * binds, the port is bound once without sharing.
 */

import { createSocket, type Socket } from 'node:dgram';
import { createServer, type Server } from 'node:net';
import { AppError } from '../lib/errors.ts';
import { listenError } from './listen-error.ts';

/** How many ports of the kernel's choice are tried until one is free for UDP and TCP. */
const CHOICES_MAX = 20;

/**
 * Binds UDP and TCP alone and lets go again.
 * @param port 0 = one that is free for both
 * @returns the port
 * @throws AppError `LISTEN_IN_USE` or `LISTEN_FAILED`
 */
export async function probePort(address: string, port: number): Promise<number> {
  if (port !== 0) return await probeBoth(address, port);
  for (let choice = 1; ; choice++) {
    try {
      return await probeBoth(address, 0);
    } catch (error) {
      const isTaken = error instanceof AppError && error.code === 'LISTEN_IN_USE';
      if (!isTaken || choice === CHOICES_MAX) throw error;
    }
  }
}

async function probeBoth(address: string, port: number): Promise<number> {
  const server = await bindTcp(address, port);
  try {
    const bound = server.address();
    const chosen = bound !== null && typeof bound === 'object' ? bound.port : port;
    const socket = await bindUdp(address, chosen);
    await new Promise<void>((resolve) => {
      socket.close(resolve);
    });
    return chosen;
  } finally {
    await new Promise((resolve) => {
      server.close(resolve);
    });
  }
}

function bindTcp(address: string, port: number): Promise<Server> {
  const server = createServer((socket) => {
    socket.destroy();
  });
  const ipv6Only = address.includes(':');
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(listenError('tcp', address, port, error));
    });
    server.listen({ host: address, port, ipv6Only, exclusive: true }, () => {
      resolve(server);
    });
  });
}

function bindUdp(address: string, port: number): Promise<Socket> {
  const isIpv6 = address.includes(':');
  const socket = createSocket({ type: isIpv6 ? 'udp6' : 'udp4', ipv6Only: isIpv6 });
  return new Promise((resolve, reject) => {
    socket.once('error', (error) => {
      reject(listenError('udp', address, port, error));
    });
    socket.bind({ address, port, exclusive: true }, () => {
      resolve(socket);
    });
  });
}
