/**
 * The load, where dnsperf is not installed; a process of its own. It keeps a window of queries in
 * flight: each response lets the next query out, what is not answered in time counts as lost. Every
 * response is checked by its ID and counted by its rcode.
 *
 *     node generator.js PORT QUERIES once|SECONDS
 */

import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createQuery } from './query.ts';
import type { PeakReport } from './run-load.ts';

const WINDOW = 64;
const LOST_AFTER_MS = 1000;
const SWEEP_MS = 100;

const [, , port = '', path = '', length = ''] = process.argv;
const packets = readFileSync(path, 'utf8')
  .trimEnd()
  .split('\n')
  .map((line) => createQuery(line.split(' ')[0] ?? ''));
const queriesMax = length === 'once' ? packets.length : Number.POSITIVE_INFINITY;
const durationMs = length === 'once' ? Number.POSITIVE_INFINITY : Number(length) * 1000;

const socket = createSocket({ type: 'udp4', recvBufferSize: 1 << 22, sendBufferSize: 1 << 22 });
/** When the query of a place in the window was sent; −1 = the place is free. */
const sentMs = new Float64Array(WINDOW).fill(-1);
/** The ID of a query is its place plus a multiple of the window, another one each time. */
const ids = Uint16Array.from({ length: WINDOW }, (_, place) => place);
const rcodes: Record<number, number> = {};
let sent = 0;
let lost = 0;
let answered = 0;
let octets = 0;
let startMs = 0;
let endMs = 0;

socket.on('message', (response) => {
  const id = response.readUInt16BE(0);
  const place = id % WINDOW;
  if (sentMs[place] === -1 || ids[place] !== id) return;
  const rcode = response.readUInt8(3) & 0xf;
  rcodes[rcode] = (rcodes[rcode] ?? 0) + 1;
  answered++;
  octets += response.length;
  next(place);
});
socket.connect(Number(port), '127.0.0.1', () => {
  startMs = performance.now();
  for (let place = 0; place < WINDOW; place++) next(place);
  setInterval(sweep, SWEEP_MS);
});

function next(place: number): void {
  const nowMs = performance.now();
  endMs = nowMs;
  sentMs[place] = -1;
  const packet = packets[sent % packets.length];
  if (packet === undefined || sent >= queriesMax || nowMs - startMs >= durationMs) return;
  const id = ((ids[place] ?? 0) + WINDOW) & 0xffff;
  // A copy: the kernel may take it later than the same line comes round again.
  const query = Buffer.from(packet);
  query.writeUInt16BE(id, 0);
  ids[place] = id;
  sentMs[place] = nowMs;
  sent++;
  socket.send(query);
}

function sweep(): void {
  const nowMs = performance.now();
  for (let place = 0; place < WINDOW; place++) {
    const since = sentMs[place] ?? -1;
    if (since === -1 || nowMs - since < LOST_AFTER_MS) continue;
    lost++;
    next(place);
  }
  if (sentMs.every((since) => since === -1)) end();
}

function end(): void {
  const seconds = (endMs - startMs) / 1000;
  const report: PeakReport = {
    sent,
    answered,
    lost,
    rcodes,
    seconds,
    responseOctets: octets / answered,
  };
  process.send?.(report, () => {
    process.exit();
  });
}
