/**
 * The scripted upstream, a process of its own: every question gets one address record. It keeps the
 * question as it came (0x20), and drops the OPT, so that it needs no DNS library.
 */

import { createSocket } from 'node:dgram';

const HEADER_BYTES = 12;
/** Pointer to the question's name, A, IN, a TTL of one day, 192.0.2.80. */
const ANSWER = Buffer.from('c00c00010001000151800004c0000250', 'hex');

const socket = createSocket('udp4');
socket.on('message', (query, peer) => {
  let at = HEADER_BYTES;
  while ((query[at] ?? 0) !== 0) at += (query[at] ?? 0) + 1;
  const response = Buffer.concat([query.subarray(0, at + 5), ANSWER]);
  response.writeUInt16BE(0x8180, 2);
  response.writeUInt16BE(1, 6);
  response.writeUInt32BE(0, 8);
  socket.send(response, peer.port, peer.address);
});
socket.bind(0, '127.0.0.1', () => {
  process.send?.({ port: socket.address().port });
});
