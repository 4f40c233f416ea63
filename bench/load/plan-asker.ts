/** A client of this machine with an address of its own; the block address in an answer tells whose policy it was. */

import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createQuery } from './query.ts';

const ANSWER_WAIT_MS = 5000;
/** At the end of the query. */
const OPT_OCTETS = 11;
/** The one answer, with a compressed name. */
const RECORD_OCTETS = 16;

export class PlanAsker {
  readonly address: string;
  /** Of its newest acknowledged session. */
  plan: number | null = null;
  readonly #socket: Socket;
  readonly #port: number;
  readonly #query: Buffer;
  readonly #waiting = new Map<number, (response: Buffer) => void>();
  #id = 0;

  private constructor(socket: Socket, address: string, port: number, query: Buffer) {
    this.#socket = socket;
    this.address = address;
    this.#port = port;
    this.#query = query;
    socket.on('message', (response) => {
      this.#waiting.get(response.readUInt16BE(0))?.(response);
    });
  }

  static async bind(address: string, port: number, name: string): Promise<PlanAsker> {
    const socket = createSocket('udp4');
    socket.bind(0, address);
    await once(socket, 'listening');
    return new PlanAsker(socket, address, port, createQuery(name));
  }

  /** @returns the plan whose address was answered */
  async ask(): Promise<number> {
    const id = (this.#id = (this.#id + 1) & 0xffff);
    this.#query.writeUInt16BE(id, 0);
    const response = await new Promise<Buffer>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${this.address} has no answer after ${ANSWER_WAIT_MS} ms`));
      }, ANSWER_WAIT_MS);
      this.#waiting.set(id, (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.#socket.send(Buffer.from(this.#query), this.#port, '127.0.0.1');
    });
    this.#waiting.delete(id);
    return response.readUInt16BE(6) === 1
      ? response.readUInt8(this.#query.length - OPT_OCTETS + RECORD_OCTETS - 1)
      : -1;
  }

  async askTimed(): Promise<number> {
    const begun = performance.now();
    await this.ask();
    return performance.now() - begun;
  }

  close(): void {
    this.#socket.close();
  }
}
