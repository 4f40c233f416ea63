/** Tells `thread-control`, which a server was preloaded with, what shall happen in which thread. */

import { connect } from 'node:net';

/** @param order as described there; resolves when it was passed on */
export async function orderThread(socketPath: string, order: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const socket = connect(socketPath, () => socket.write(order));
    socket.on('error', reject);
    socket.on('data', () => undefined);
    socket.on('end', resolve);
  });
}
