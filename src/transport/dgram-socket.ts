/** The `node:dgram` socket under both ways of serving UDP: bound, with large buffers, no resolver. */

import { createSocket, type Socket } from 'node:dgram';
import type { BoundSockets } from './bound-socket.ts';
import { listenError } from './listen-error.ts';

/** Asked of the kernel, which caps them at net.core.rmem_max and net.core.wmem_max. */
export const UDP_BUFFER_BYTES = 4 * 1024 * 1024;

export interface DgramSocket {
  readonly socket: Socket;
  /** The descriptor, where it was made here and may be shared; -1 on a plain socket. */
  readonly descriptor: number;
}

/**
 * @param boundSockets null: a plain socket that shares its port with nobody
 * @throws AppError `LISTEN_IN_USE` or `LISTEN_FAILED`
 */
export async function openDgram(
  address: string,
  port: number,
  boundSockets: BoundSockets | null,
  receiveBufferBytes = UDP_BUFFER_BYTES,
): Promise<DgramSocket> {
  const type = address.includes(':') ? 'udp6' : 'udp4';
  const descriptor = boundSockets?.bind('udp', address, port) ?? -1;
  const socket = createSocket({
    type,
    ipv6Only: type === 'udp6',
    recvBufferSize: receiveBufferBytes,
    sendBufferSize: UDP_BUFFER_BYTES,
    // Peers are addresses already: no resolver, and the answer comes at once.
    lookup: (hostname, _options, callback) => {
      callback(null, hostname, type === 'udp6' ? 6 : 4);
    },
  });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('listening', () => {
        socket.off('error', reject);
        resolve();
      });
      if (descriptor < 0) socket.bind({ address, port, exclusive: true });
      else socket.bind({ fd: descriptor });
    });
    return { socket, descriptor };
  } catch (error) {
    // Addresses that cannot be bound are tried again for ever: nothing may stay open.
    socket.close();
    if (descriptor >= 0) boundSockets?.close(descriptor);
    throw listenError('udp', address, port, error);
  }
}
