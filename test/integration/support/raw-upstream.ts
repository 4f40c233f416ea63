/**
 * An upstream resolver that is fast because it does almost nothing: it copies header and question of
 * the query and appends the records that a function names for it. It remembers which names it was
 * asked.
 */

import { createSocket, type Socket } from 'node:dgram';
import { readLabels, wireOf, type RawRecord } from './raw-records.ts';

export class RawUpstream implements AsyncDisposable {
  readonly #socket: Socket;
  readonly #recordsFor: (name: string, type: number) => readonly RawRecord[];
  /** `name type`, names lower-cased. */
  readonly asked = new Set<string>();
  queryCount = 0;

  private constructor(
    socket: Socket,
    recordsFor: (name: string, type: number) => readonly RawRecord[],
  ) {
    this.#socket = socket;
    this.#recordsFor = recordsFor;
    socket.on('message', (query, from) => {
      const response = this.#respond(query);
      // A lost answer is asked for again.
      this.#socket.send(response, from.port, from.address, () => undefined);
    });
  }

  static async start(
    recordsFor: (name: string, type: number) => readonly RawRecord[],
  ): Promise<RawUpstream> {
    const socket = createSocket({ type: 'udp4', recvBufferSize: 4 * 1024 * 1024 });
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, '127.0.0.1', resolve);
    });
    return new RawUpstream(socket, recordsFor);
  }

  get endpoint(): string {
    return `127.0.0.1:${this.#socket.address().port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#socket.close(resolve);
    });
  }

  #respond(query: Buffer): Buffer {
    const labels = readLabels(query, 12);
    const name = labels.join('.').toLowerCase();
    const questionEnd = 12 + labels.reduce((sum, label) => sum + 1 + label.length, 1) + 4;
    const type = query.readUInt16BE(questionEnd - 4);
    this.asked.add(`${name} ${type}`);
    this.queryCount++;
    const records = this.#recordsFor(name, type);
    const head = Buffer.from(query.subarray(0, questionEnd));
    // QR, RD, RA; one question, the records, nothing else.
    head.writeUInt16BE(0x8180, 2);
    head.writeUInt16BE(records.length, 6);
    head.writeUInt32BE(0, 8);
    return Buffer.concat([head, ...records.map((record) => recordOctets(record, name))]);
  }
}

function recordOctets(record: RawRecord, asked: string): Buffer {
  const owner =
    record.owner === asked ? Buffer.from([0xc0, 0x0c]) : wireOf(record.owner.split('.'));
  const fixed = Buffer.alloc(10);
  fixed.writeUInt16BE(record.type, 0);
  fixed.writeUInt16BE(1, 2);
  fixed.writeUInt32BE(record.ttl, 4);
  fixed.writeUInt16BE(record.rdata.length, 8);
  return Buffer.concat([owner, fixed, record.rdata]);
}
