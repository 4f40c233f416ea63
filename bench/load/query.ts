/** Single queries, to see that a server runs and answers as it should. */

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeName } from '../../src/dns/name.ts';

const HEADER = Buffer.from('000001000001000000000001', 'hex');
/** A, IN; then the OPT. */
const TAIL = Buffer.from('00010001' + '00002904d0000000000000', 'hex');
const FLAGS_LOW_AT = 3;
const ASK_WAIT_MS = 2;

/** A query for an A record with RD and an OPT of 1,232 octets, as stub resolvers send it; ID 0. */
export function createQuery(name: string): Buffer {
  const octets = new Uint8Array(255);
  const length = writeName(name, octets);
  if (length === 0) throw new Error(`"${name}" is no name`);
  return Buffer.concat([HEADER, octets.subarray(0, length), TAIL]);
}

/**
 * Asks every two milliseconds until an answer has the rcode that is right, and resolves then.
 * @param nameOf a name for each attempt: an early wrong answer may be cached under the one before
 * @param isOver says that waiting is no use any more
 * @throws where that comes first
 */
export async function awaitAnswer(
  port: number,
  nameOf: (attempt: number) => string,
  rcode: number,
  isOver: () => boolean,
): Promise<void> {
  const socket = createSocket('udp4');
  let seen = -1;
  socket.on('message', (response) => {
    seen = response.readUInt8(FLAGS_LOW_AT) & 0xf;
    socket.emit('look');
  });
  // As long as nobody listens on the port.
  socket.on('error', () => undefined);
  try {
    for (let attempt = 0; seen !== rcode; attempt++) {
      if (isOver()) throw new Error(`last rcode ${seen} where ${rcode} was due`);
      socket.send(createQuery(nameOf(attempt)), port, '127.0.0.1');
      const signal = AbortSignal.timeout(ASK_WAIT_MS);
      await once(socket, 'look', { signal }).catch(() => undefined);
    }
  } finally {
    socket.close();
  }
}
